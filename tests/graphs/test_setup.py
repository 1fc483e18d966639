"""What is kept of how a run was set up: enough to make the agent again, and nothing that is secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet import Agent, Policy, Task
from revet.agents import Scripted
from revet.batch.agents import SharedAgents, kept_settings
from revet.graphs.setup import WITHHELD, withheld, without_secrets
from revet.schema import Draft, RunOutcome, Setup, WriteFile
from revet.store import Store
from revet.taskfile import Settings, settings_from

FIRST = Draft(author="me", actions=(WriteFile(path="a.txt", content="a\n"),))


def test_an_agent_says_how_it_is_made(tmp_path: Path) -> None:
    policy = Policy(rounds=2, approve="ask")
    agent = Agent(Scripted([FIRST]), tools=[], sandbox=None, policy=policy, seed=7, store=tmp_path / ".revet")
    assert agent.setup.settings is None and agent.setup.sandbox is None
    assert (agent.setup.recipe, agent.setup.seed, agent.setup.policy["rounds"]) == ("core", 7, 2)
    assert agent.setup.roles == {"proposer": "scripted", "reviser": "scripted", "critics": "evidence"}
    run = agent.run(Task(goal="?", workspace=str(tmp_path)))
    assert run.outcome is RunOutcome.asked and run.setup == agent.setup
    assert agent.store.get(run.id).setup == agent.setup == agent.store.setup(run.id)
    assert run.resume(True).setup == agent.setup


def test_a_run_that_breaks_off_says_it_too(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        async def propose(self, view: Any) -> Draft:
            raise OSError("the disk is full")

        revise = propose

    agent = Agent(Broken(), tools=[], sandbox=None, store=tmp_path / ".revet")
    with pytest.raises(OSError, match="full"):
        agent.run(Task(goal="?", workspace=str(tmp_path)))
    (row,) = agent.store.rows()
    assert row.outcome is RunOutcome.failed and row.recipe == "core"
    assert agent.store.get(row.id).setup == agent.setup


def test_settings_make_the_same_agent_again_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.yaml").write_text('[{"role": "proposer", "reply": "x"}]')
    (tmp_path / "free.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    given = settings_from(
        {"model": "scripted:model.yaml", "rules": "free.toml", "rounds": 1, "database": "sqlite:///s.db"}
    )
    first: Any = SharedAgents()(given, Store(tmp_path / ".revet"))
    kept = first.setup.settings
    assert set(kept) == {"model", "rules", "rounds", "database"}
    assert (kept["model"], kept["rules"]) == (f"scripted:{tmp_path}/model.yaml", f"{tmp_path}/free.toml")
    assert kept["database"].endswith(f"{tmp_path}/s.db") and not withheld(kept)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = settings_from(json.loads(json.dumps(kept)))
    assert again.model_fields_set == given.model_fields_set
    second: Any = SharedAgents()(again, Store(tmp_path / ".revet"))
    assert second.setup.settings == kept and second.setup.policy == first.setup.policy


def test_tools_survive_being_kept(tmp_path: Path) -> None:
    given = settings_from({"tools": ["calculate", {"mcp": {"command": ["python", "s.py"]}}]})
    kept = kept_settings(given, tmp_path)
    assert kept["tools"][1]["options"]["cwd"] == str(tmp_path)
    assert Settings.model_validate(kept).tools[0] == given.tools[0]


class Shown:
    """An object that shows as this text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"database": "postgresql://me:hunter2@host/db"}, {"database": f"postgresql://me:{WITHHELD}@host/db"}),
        ({"base_url": "https://sk-abcdefghijklmnop@host/v1"}, {"base_url": f"https://{WITHHELD}@host/v1"}),
        ({"base_url": "https://host/v1?token=abc&x=1"}, {"base_url": f"https://{WITHHELD}@host/v1?x=1"}),
        ({"database": "postgresql://me@host/db"}, {"database": "postgresql://me@host/db"}),
        ({"tokens": 500, "author": "me", "key": "a.b"}, {"tokens": 500, "author": "me", "key": "a.b"}),
        ({"api_key": "abc", "password": ""}, {"api_key": WITHHELD, "password": ""}),
        ({"headers": {"X-Anything": "abc"}}, {"headers": {"X-Anything": WITHHELD}}),
        ({"env": {"GITHUB_TOKEN": "abc", "MODE": "dev"}}, {"env": {"GITHUB_TOKEN": WITHHELD, "MODE": "dev"}}),
        ({"command": ["x", "--token", "abc", "b"]}, {"command": ["x", "--token", WITHHELD, "b"]}),
        ({"command": ["x", "--api-key=abc", "--fast"]}, {"command": ["x", f"--api-key={WITHHELD}", "--fast"]}),
        ({"command": "x -H 'Authorization: Bearer abc'"}, {"command": f"x -H 'Authorization: {WITHHELD}'"}),
        ({"command": "x --token abc -v"}, {"command": f"x --token {WITHHELD} -v"}),
        ({"command": "API_KEY=abc x"}, {"command": f"API_KEY={WITHHELD} x"}),
        ({"command": ["x", "-u", "me:abc"]}, {"command": ["x", "-u", f"me:{WITHHELD}"]}),
        ({"database": "host=h user=me password=abc"}, {"database": f"host=h user=me password={WITHHELD}"}),
        ({"database": "postgresql://h/db?sslmode=on"}, {"database": "postgresql://h/db?sslmode=on"}),
        ({"database": "x:///?odbc_connect=A%3Dx%3BPWD%3Dabc"}, {"database": f"x:///?odbc_connect={WITHHELD}"}),
        ({"base_url": "https://h/v1?api-key=abc&x=1"}, {"base_url": f"https://h/v1?api-key={WITHHELD}&x=1"}),
        ({"base_url": "https://h/v1?sig=abc&x=1"}, {"base_url": f"https://h/v1?sig={WITHHELD}&x=1"}),
        ({"password": 1234, "tokenizer": "gpt2"}, {"password": WITHHELD, "tokenizer": "gpt2"}),
        ({"auth": {"user": "me", "pin": 1}}, {"auth": {"user": WITHHELD, "pin": WITHHELD}}),
        ({"env": {"OPENAI_KEY": "abc", "DB_PASS": "abc"}}, {"env": {"OPENAI_KEY": WITHHELD, "DB_PASS": WITHHELD}}),
        ({"client": Shown("Client(api_key='abc', n=1)")}, {"client": f"Client(api_key={WITHHELD}, n=1)"}),
        ({"note": "use sk-proj-abcdefgh12345678 here"}, {"note": f"use {WITHHELD} here"}),
    ],
)
def test_secrets_are_not_kept(given: dict[str, Any], kept: dict[str, Any]) -> None:
    said = without_secrets(given)
    assert said == kept
    assert withheld(said) is (given != kept)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(options=st.dictionaries(st.text(max_size=12), plain, max_size=4))
def test_whatever_is_given_can_be_kept(options: dict[str, Any]) -> None:
    kept = without_secrets(options)
    assert isinstance(kept, dict) and without_secrets(kept) == kept
    Setup(options=kept, settings=kept).model_dump(mode="json")


@settings(deadline=None)
@given(
    password=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=6, max_size=20),
    deep=st.integers(0, 3),
)
def test_no_password_comes_through(password: str, deep: int) -> None:
    value: Any = {"url": f"postgresql://u:{password}@h/d", "password": password, "args": ["--secret", password]}
    for _ in range(deep):
        value = {"inner": [value]}
    kept = json.dumps(without_secrets(value))
    assert f":{password}@" not in kept and f'"{password}"' not in kept and withheld(json.loads(kept))
