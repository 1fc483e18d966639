"""`revet run` and `revet fix` with language models: the options that name them, and what is said when they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from revet.agents.chat import ChatAgent
from revet.batch.agents import SharedAgents
from revet.errors import ModelFailed, ReplayMiss
from revet.graphs import Agent
from revet.store import Store
from revet.taskfile import Settings
from tests.cli.fakes import World, task_file

Revet = Callable[..., Result]


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    return "scripted:script.yaml"


def test_options_name_models_recipe_and_budgets(world: World, revet: Revet, tmp_path: Path, script: str) -> None:
    path = task_file(tmp_path, {"id": "a"})
    (tmp_path / "own").mkdir()
    names = ("--model", "--reviser", "--critic", "--judge")
    words = [word for name in names for word in (name, script)]
    result = revet("run", path, *words, "--prompts", "own", "--tokens", "900", "--cost", "0.5", "--record", "all.jsonl")
    assert result.exit_code == 0, result.output
    (settings,) = world.settings
    assert (settings.model, settings.reviser, settings.critic, settings.judge) == (script,) * 4
    assert (settings.prompts, settings.tokens, settings.cost, settings.recipe) == ("own", 900, 0.5, "core")
    assert world.record == Path("all.jsonl") and world.closed == 1
    assert settings.model_fields_set == {"model", "reviser", "critic", "judge", "prompts", "tokens", "cost"}


def test_fix_takes_the_same_options(world: World, revet: Revet, tmp_path: Path, script: str) -> None:
    (tmp_path / "shop").mkdir()
    assert revet("fix", "shop", "--model", script, "--base-url", "http://127.0.0.1:9/v1").exit_code == 0
    (settings,) = world.settings
    assert (settings.model, settings.base_url) == (script, "http://127.0.0.1:9/v1")


def test_an_endpoint_that_nobody_is_asked_at_is_warned_of(
    world: World, revet: Revet, tmp_path: Path, script: str
) -> None:
    (tmp_path / "shop").mkdir()
    endpoint = ("--base-url", "http://127.0.0.1:9/v1")
    assert "--base-url has no effect" in revet("fix", "shop", "--model", script, *endpoint).stderr
    assert revet("fix", "shop", "--model", "openai:x", *endpoint).stderr == ""


def test_a_recording_that_is_there_is_continued(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"})
    (tmp_path / "all.jsonl").write_text('{"revet_recording": 1}\n')
    (tmp_path / "empty.jsonl").write_text("")
    assert revet("run", path, "--record", "all.jsonl").exit_code == 0
    assert revet("run", path, "--record", "empty.jsonl").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "scripted:gone.yaml"], "--model: scripted:gone.yaml: there is no file gone.yaml"),
        (["--critic", "builtin:repair"], "--critic: builtin:repair is no language model"),
        (["--judge", "nonsense"], "--judge: 'nonsense' is not a model's name"),
        (["--base-url", "localhost:1"], "--base-url: 'localhost:1' is no address of a server"),
        (["--prompts", "gone"], "--prompts: there is no folder gone"),
        (["--option", "x"], "--option: 'x' is not NAME=VALUE"),
        (["--option", "moon=1"], "--option moon: the recipe core has no such option"),
        (["--record", "."], "--record: . is a folder"),
        (["--record", "script.yaml"], "--record: script.yaml:1: this is no recording"),
        (["--record", "gone/x.jsonl"], "--record: gone/x.jsonl cannot be made"),
    ],
)
@pytest.mark.parametrize("command", ["run", "fix"])
def test_bad_options_are_told_before_anything_runs(
    world: World, revet: Revet, tmp_path: Path, command: str, words: list[str], said: str
) -> None:
    path = task_file(tmp_path, {"id": "a"})
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    result = revet(command, path if command == "run" else "a", *words)
    assert result.exit_code == 2 and said in result.stderr and "\n  → " in result.stderr
    assert world.log == [] and not (tmp_path / ".revet").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ModelFailed("openai:x answered 401: no such key", status=401, hint="check OPENAI_API_KEY"),
            "openai:x answered 401: no such key → check OPENAI_API_KEY",
        ),
        (ReplayMiss("the recording holds no answer to this request (critic: 'Is it right?')"), "the recording holds"),
    ],
)
def test_a_model_that_fails_is_told_in_a_line(
    world: World, revet: Revet, tmp_path: Path, error: Exception, told: str
) -> None:
    world.script, world.errors = {"a": "x-raise"}, {"a": error}
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"})
    result = revet("run", path)
    assert result.exit_code == 1 and "Traceback" not in result.output and result.stderr == ""
    assert told in " ".join(result.stdout.split())
    assert "a broke off. Mend what it says, then go on with it where it was: revet " in result.stdout
    world.log = []
    lines = [json.loads(line) for line in revet("run", path, "--json").stdout.splitlines()]
    assert [line["outcome"] for line in lines] == ["failed", "committed"] and told in lines[0]["error"]


def test_after_a_failure_that_passes_going_on_is_enough(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"a": "x-raise"}, {"a": ModelFailed("HTTP 503: busy", status=503, retryable=True)}
    assert "a broke off. To go on with it where it was: revet " in revet("run", task_file(tmp_path, {"id": "a"})).stdout


def test_models_are_freed_when_a_batch_is_broken_off(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"a": "raise"}, {"a": KeyError("oops")}
    assert revet("run", task_file(tmp_path, {"id": "a"})).exit_code == 1
    assert world.closed == 1


async def test_the_agents_of_a_batch_share_their_models(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    script, store = f"scripted:{tmp_path}/script.yaml", Store(tmp_path / "store")
    agents = SharedAgents(tmp_path / "all.jsonl")
    made = [agents(Settings(model=script, critic=script, sandbox="local", base_url=url), store) for url in (None, None)]
    one, other = (agent for agent in made if isinstance(agent, Agent))
    assert isinstance(one.team.proposer, ChatAgent) and isinstance(other.team.proposer, ChatAgent)
    assert one.team.proposer.model is other.team.proposer.model
    elsewhere = agents(Settings(model=script, base_url="http://127.0.0.1:9/v1"), store)
    assert isinstance(elsewhere, Agent) and isinstance(elsewhere.team.proposer, ChatAgent)
    assert elsewhere.team.proposer.model is one.team.proposer.model, "an endpoint is for openai: alone"
    await agents.close()
    await agents.close()


def test_a_recipe_fills_in_what_the_settings_leave_open(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    settings = Settings(model=f"scripted:{tmp_path}/script.yaml", recipe="critic", options={"task": "qa"})
    store, agents = Store(tmp_path / "store"), SharedAgents()
    as_published, as_set = agents(settings, store), agents(settings.model_copy(update={"rounds": 1}), store)
    assert isinstance(as_published, Agent) and isinstance(as_set, Agent)
    assert (as_published.policy.rounds, as_published.policy.stable) == (3, 1)
    assert (as_set.policy.rounds, as_set.policy.stable) == (1, 1)


@pytest.mark.sandbox
def test_many_questions_at_once_in_the_order_of_their_ends(revet: Revet, tmp_path: Path) -> None:
    """Without a workspace, tasks do not wait for each other."""
    say = "- {role: proposer, reply: 'So the answer is: 4'}\n- {role: critic, reply: 'Verdict: correct'}\n"
    (tmp_path / "script.yaml").write_text(say)
    shared = {"model": "scripted:script.yaml", "recipe": "critic", "options": {"task": "qa", "tools": False}}
    lines = [{"defaults": shared}, *({"id": f"q{n}", "goal": f"What is {n} and {4 - n}?"} for n in range(40))]
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    result = revet("run", tmp_path / "many.jsonl", "--jobs", "16", "--json", "--out", tmp_path / "store")
    assert result.exit_code == 0, result.stderr
    ended = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["id"] for line in ended} == {f"q{n}" for n in range(40)}
    assert all((line["outcome"], line["answer"]) == ("answered", "4") for line in ended)
    assert "40 tasks in " in result.stderr and "80 model calls" in result.stderr
