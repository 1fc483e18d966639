"""`revet recipes`: the list, one recipe whole, a comparison as a user types it; and bad input about recipes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field
from typer.testing import Result

from revet.evals.compare import Compared, Comparison
from revet.evals.compare.compared import Ended
from revet.evals.compare.runner import Told
from revet.graphs.families import FAMILIES, OTHERS, by_family
from revet.graphs.recipes import RECIPES
from revet.graphs.team import Options, Published, Recipe
from tests.cli.fakes import World, task_file

Revet = Callable[..., Result]


class Choices(Options):
    task: Literal["qa", "text"] = Field(default="qa", description="what is asked")
    tools: bool = True
    turns: int | None = Field(default=None, ge=1)
    share: float = Field(default=0.5, gt=0, le=1)
    seats: tuple[str, ...] = Field(default=("a", "b"), min_length=2)


TOY = Recipe(
    "toy",
    "plays",
    lambda *_: pytest.fail("it is not cast"),
    source="a paper",
    options=Choices,
    cost="2 calls",
    least_rounds=lambda options: 3,
    published=Published(
        title="Play", url="https://example.org/play", flow="a --> b", test="tests/x.py", differs=("It plays.",)
    ),
)


# --- the list and one whole ---------------------------------------------------------------------------------


def test_the_list_has_a_line_for_each_recipe_in_its_family(revet: Revet) -> None:
    result = revet("recipes")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and lines[0] == "The plain loop"
    for name, recipe in RECIPES.items():
        (line,) = [each for each in lines if each.startswith(f"  {name} ")]
        assert line.split(maxsplit=1)[1] == recipe.summary
    assert all(len(line) <= 140 for line in lines)
    assert "revet recipes NAME" in lines[-1]


def test_every_recipe_is_in_one_family() -> None:
    members = [name for family in FAMILIES.values() for name in family]
    assert len(set(members)) == len(members)
    assert set(RECIPES) <= set(members)
    assert OTHERS not in by_family(RECIPES)
    assert by_family(["my-own", "vote", "core"]) == {
        "The plain loop": ["core"],
        "Sampling and voting": ["vote"],
        OTHERS: ["my-own"],
    }


def test_one_recipe_is_shown_whole(revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.graphs.recipes.RECIPES", {"toy": TOY})
    lines = revet("recipes", "toy").stdout.splitlines()
    common = [
        line for line in lines if line.strip().startswith(tuple(f"--option {name}=" for name in Options.model_fields))
    ]
    cut = lines.index(common[0])
    assert [*lines[:cut], *lines[lines.index("  Not as published:") :]] == [
        "toy: plays",
        "  source  a paper",
        "  needs   a language model",
        "  cost    2 calls",
        "  rounds  at least 3",
        "  paper   https://example.org/play",
        "  page    docs/methods/toy.md",
        "  --option task=… (qa or text; default qa): what is asked",
        "  --option tools=… (true or false; default true)",
        "  --option turns=… (a whole number, at least 1)",
        "  --option share=… (a number, more than 0 and at most 1; default 0.5)",
        "  --option seats=… (a list, of at least 2; default [a, b])",
        "  Not as published:",
        "  - It plays.",
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_shown(revet: Revet, name: str) -> None:
    result = revet("recipes", name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{name}: ")
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_recipes_as_json(revet: Revet) -> None:
    found = [json.loads(line) for line in revet("recipes", "--json").stdout.splitlines()]
    assert [each["name"] for each in found] == list(RECIPES)
    (core,) = [json.loads(line) for line in revet("recipes", "core", "--json").stdout.splitlines()]
    assert core["without_model"] is True and core["family"] == "The plain loop" and "properties" in core["options"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["self_refin"], "did you mean self-refine"),
        (["moon"], "there is no recipe 'moon'"),
        (["--limit", "3"], "--limit: only a comparison has a use for it"),
        (["core", "--recipe", "vote", "--data", "x"], "--recipe, --data: only a comparison"),
        (["vote", "--compare", "bugs"], "write --recipe vote"),
        (["--compare", "bags"], "did you mean bugs? the suites: bugs, quixbugs"),
        (["--compare", "codet"], "name their folder with --data"),
        (["--compare", "codet", "--data", "nowhere"], "there is no folder nowhere"),
        (["--compare", "codet", "--data", "."], "there is no file"),
        (["--compare", "nope.yaml"], "nope.yaml: the task file does not exist"),
        (["--compare", "bugs", "--recipe", "cor"], "did you mean core"),
        (["--compare", "bugs", "--recipe", "self-refine"], "--recipe self-refine: it needs a language model"),
        (["--compare", "bugs", "--limit", "0"], "limit"),
        (["--compare", "bugs", "--rounds", "-1"], "--rounds: must be 0 or more"),
        (["--compare", "bugs", "--seconds", "0"], "--seconds: must be more than 0"),
        (["--compare", "bugs", "--sandbox", "moon"], "--sandbox"),
        (["--compare", "bugs", "--model", "opnai:x"], "--model: there is no provider 'opnai'"),
        (["--compare", "bugs", "--model", "replay:none.jsonl"], "none.jsonl"),
        (
            ["--compare", "bugs", "--recipe", "thought-rollback", "--rounds", "0", "--model", "scripted:s.yaml"],
            "rounds",
        ),
        (["--compare", "bugs", "--recipe", "draft", "--model", "scripted:s.yaml"], "the input `tool` is missing"),
    ],
)
def test_bad_input_is_told_and_nothing_runs(
    world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setattr(Comparison, "run", lambda *_: pytest.fail("it ran"))
    Path("s.yaml").write_text("- {reply: x}\n")
    result = revet("recipes", *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stdout == "" and not Path(".revet").exists()


def test_a_recipe_that_runs_no_checks_takes_no_part_where_tasks_have_some(
    world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = RECIPES["core"]
    talk = replace(core, name="talk", cast=lambda *given: replace(core.cast(*given), tools=()))
    for place in ("revet.graphs.recipes.RECIPES", "revet.cli.compare.RECIPES"):
        monkeypatch.setattr(place, {"core": core, "talk": talk})
    monkeypatch.setattr(Comparison, "run", lambda *_: pytest.fail("it ran"))
    result = revet("recipes", "--compare", "bugs", "--recipe", "talk")
    assert result.exit_code == 2 and "it has no tool that runs a task's checks" in result.stderr


# --- recipes that do not fit what is asked of them, in `revet run` --------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "vot"], "--recipe: there is no recipe 'vot'"),
        (["--recipe", "self-refine"], "model: the recipe self-refine needs a language model"),
        (["--recipe", "vote", "--rounds", "0"], "--rounds: the recipe vote needs"),
        (["--recipe", "vote", "--option", "samples=0"], "--option samples: must be"),
        (["--recipe", "vote", "--option", "sampels=3"], "did you mean samples?"),
    ],
)
def test_a_recipe_that_does_not_fit_is_told_on_the_command_line(
    world: World, revet: Revet, tmp_path: Path, words: list[str], said: str
) -> None:
    Path("s.yaml").write_text("- {reply: x}\n")
    path = task_file(tmp_path, {"id": "a"})
    result = revet("run", path, *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert world.log == [] and not (tmp_path / ".revet").exists()


def test_further_models_that_a_recipe_names_are_looked_at_before_it_runs(revet: Revet, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("- {reply: x}\n")
    path = tmp_path / "tasks.yaml"
    path.write_text(
        "- {id: a, goal: Say why., model: 'scripted:s.yaml', recipe: panel, options: {models: ['nobody:x']}}\n"
    )
    result = revet("run", path, "--out", tmp_path / "out")
    assert result.exit_code == 2, result.output
    assert "nobody" in result.output


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipe": "vot"}, "recipe: there is no recipe 'vot'"),
        ({"recipe": "self-refine"}, "the recipe self-refine needs a language model"),
        ({"recipe": "vote", "rounds": 0}, "rounds: the recipe vote needs"),
        ({"recipe": "vote", "options": {"samples": 0}}, "options.samples: must be"),
        ({"recipe": "vote", "options": {"sampels": 3}}, "did you mean samples?"),
    ],
)
def test_a_recipe_that_does_not_fit_is_told_with_file_line_and_field(
    world: World, revet: Revet, tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "b", **fields})
    result = revet("run", path)
    assert result.exit_code == 2, result.output
    assert f"{path}:2: " in result.stderr and said in result.stderr
    assert world.log == []


def test_a_model_that_sees_nothing_is_told_to_a_recipe_that_shows_pictures(
    world: World, revet: Revet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from revet.errors import InputError
    from revet.graphs import Agent
    from revet.models import LanguageModel
    from revet.models.scripted import ScriptedModel

    core = RECIPES["core"]
    seeing = Recipe("seeing", "looks", core.cast, sees=True)
    monkeypatch.setattr("revet.graphs.casting.RECIPES", {"seeing": seeing})
    with pytest.raises(InputError, match="needs a model that takes images, and blind takes none"):
        Agent(LanguageModel(ScriptedModel([], name="blind")), recipe="seeing", store=tmp_path / "store")


# --- a comparison ---------------------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Comparison]:
    """Comparisons that end at once: the first recipe is right on every case, the second breaks off on the last."""
    seen: list[Comparison] = []

    async def run(self: Comparison, told: Told = lambda *_: None) -> None:
        seen.append(self)
        for case in self.suite.cases:
            for number, recipe in enumerate(self.recipes):
                told(recipe, case.id, 0, self.runs)
                late = number == 1 and case is self.suite.cases[-1]
                ended = Ended(case=case.id, first=number == 1, final=not late, drafts=2, seconds=1.0 + number)
                self.results[recipe].append(ended.model_copy(update={"error": "Fault: it broke" if late else None}))

    monkeypatch.setattr(Comparison, "run", run)
    return seen


WORDS = ("recipes", "--compare", "bugs", "--recipe", "core", "--recipe", "vote")


@pytest.mark.sandbox
def test_the_table_sets_the_recipes_side_by_side(world: World, revet: Revet, ran: list[Comparison]) -> None:
    result = revet(*WORDS, "--limit", "4")
    assert result.exit_code == 1
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()[1:3]}
    assert rows["core"] == ["4/4", "1.00–1.00", "4", "0", "2.0", "0.0", "0", "1.0", "1.00"]
    assert rows["vote"][0] == "3/4" and rows["vote"][2:4] == ["0", "1"] and rows["vote"][-1] == "2.00"
    assert max(map(len, result.stdout.splitlines()[:3])) <= 80
    assert "vote broke off on flatten: Fault: it broke" in result.stderr
    assert [case.id for case in ran[0].suite.cases] == ["median", "moving-average", "merge-intervals", "flatten"]


@pytest.mark.sandbox
def test_json_is_one_object_for_each_recipe_and_nothing_else(world: World, revet: Revet, ran: list[Comparison]) -> None:
    result = revet("recipes", "--compare", "bugs", "--limit", "2", "--json")
    found = [Compared.model_validate_json(line) for line in result.stdout.splitlines()]
    assert {each.recipe for each in found} == set(RECIPES)
    core = next(each for each in found if each.recipe == "core")
    assert (core.accuracy, core.n, core.wrong_to_right, core.times_core) == (1.0, 2, 2, 1.0)
    out = {each.recipe: each.left_out for each in found if each.left_out}
    assert "language model" in (out["self-refine"] or "") and "vote" not in out
    assert "left out: " in result.stderr and "self-refine" in result.stderr


@pytest.mark.sandbox
@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (asyncio.CancelledError, 143)])
def test_ctrl_c_and_sigterm_print_what_there_is(
    world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException], code: int
) -> None:
    async def run(self: Comparison, told: Told = lambda *_: None) -> None:
        self.results["core"].append(Ended(case="median", first=False, final=True, drafts=1, seconds=2.0))
        raise stop

    monkeypatch.setattr(Comparison, "run", run)
    result = revet(*WORDS)
    assert result.exit_code == code
    assert result.stdout.splitlines()[1].split()[:2] == ["core", "1/1"]
    assert result.stdout.splitlines()[2].split()[:2] == ["vote", "–"]
    assert "Stopped after 1 of 24 runs" in result.stderr


@pytest.mark.sandbox
def test_a_task_file_is_a_suite_and_its_workspace_stays_as_it_is(revet: Revet, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "double.py").write_text("def double(x):\n    return x + 2\n")
    (place / "test_double.py").write_text("from double import *\n\ndef test_it():\n    assert double(5) == 10\n")
    path = tmp_path / "tasks.yaml"
    path.write_text("- {id: double, workspace: place, edit: [double.py], checks: [pytest -q]}\n")
    result = revet("recipes", "--compare", path, "--recipe", "core", "--seconds", "30", "--json")
    assert result.exit_code == 0, result.output
    found = Compared.model_validate_json(result.stdout)
    assert (found.suite, found.n, found.accuracy) == ("tasks.yaml", 1, 1.0)
    assert (place / "double.py").read_text() == "def double(x):\n    return x + 2\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["place", "tasks.yaml"]


@pytest.mark.sandbox
def test_a_model_drafts_in_every_recipe(revet: Revet, tmp_path: Path) -> None:
    """The first draft fails the visible tests, the revision passes the hidden ones."""
    from revet.evals.compare.suites import embedded_bugs
    from tests.agents.chat_support import said_action, said_draft

    median = embedded_bugs()[0]

    def rule(role: str, code: str) -> dict[str, object]:
        action = said_action("write_file", path=f"{median.module}.py", content=code)
        return {"role": role, "value": said_draft(actions=[action]), "tokens": {"input": 7, "output": 3}}

    rules = [rule("proposer", median.buggy + "\n# tried\n"), rule("reviser", median.fixed)]
    (tmp_path / "s.yaml").write_text(json.dumps(rules))
    words = ("--model", f"scripted:{tmp_path / 's.yaml'}", "--limit", "1", "--json")
    result = revet("recipes", "--compare", "bugs", "--recipe", "core", *words)
    assert result.exit_code == 0, result.output
    found = Compared.model_validate_json(result.stdout)
    assert (found.n, found.accuracy, found.first, found.wrong_to_right, found.right_to_wrong) == (1, 1.0, 0.0, 1, 0)
    assert (found.drafts, found.calls, found.tokens, found.failed) == (2.0, 2.0, 20.0, 0)


@pytest.mark.sandbox
def test_tasks_that_act_on_a_database_are_refused(revet: Revet, tmp_path: Path) -> None:
    path = tmp_path / "tasks.yaml"
    path.write_text("- {id: rows, goal: Add a row., model: 'scripted:s.yaml', database: 'sqlite:///a.db'}\n")
    (tmp_path / "s.yaml").write_text("- {reply: x}\n")
    result = revet("recipes", "--compare", path)
    assert result.exit_code == 2 and "every recipe would work on the same one" in result.stderr
