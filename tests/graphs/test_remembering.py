"""Memory for any recipe: off unless asked for, shown to who drafts, learnt at the end, and no way round the gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from revet.agents import Scripted
from revet.agents.memory import TextMemory
from revet.agents.table import Curator
from revet.cli import app
from revet.errors import InputError
from revet.graphs import Agent, events
from revet.graphs.recipes import RECIPES
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.policy import Policy
from revet.report import make_console, print_run
from revet.report.watch import Watch
from revet.schema import Critique, Draft, Note, Run, RunOutcome, Task, WriteFile
from revet.store import Corrections
from revet.tools.base import View
from tests.agents.chat_support import said_action, said_draft
from tests.graphs.recipes.loop_support import workspace_task
from tests.graphs.speaking import CHECK, RIGHT, Checker

WRONG = "answer = 41\n"


def writes(code: str) -> Draft:
    return Draft(author="s", actions=(WriteFile(path="answer.py", content=code),))


def task_in(folder: Path) -> Task:
    folder.mkdir(exist_ok=True)
    return Task(id="answer", goal="Write the answer.", workspace=str(folder), edit=("*.py",), checks=(CHECK,))


def agent(folder: Path, *drafts: Draft, rounds: int = 3, **more: Any) -> Agent:
    more.setdefault("options", {"memory": True})
    return Agent(
        Scripted(drafts), tools=[Checker()], sandbox=None, store=folder / "store", policy=Policy(rounds=rounds), **more
    )


async def test_without_asking_for_it_nothing_is_remembered(tmp_path: Path) -> None:
    await agent(tmp_path, writes(RIGHT), options={}).arun(task_in(tmp_path / "work"))
    assert not (tmp_path / "store" / "memory.db").exists()


async def test_a_proved_run_of_the_plain_loop_is_shown_to_the_next_one(tmp_path: Path) -> None:
    run = await agent(tmp_path, writes(WRONG), writes(RIGHT)).arun(task_in(tmp_path / "one"))
    assert run.outcome is RunOutcome.committed
    taught = Corrections(tmp_path / "store").all()
    assert {note.kind for note in taught} == {"trajectory", "correction"} and {note.run for note in taught} == {run.id}

    asked: list[Request] = []

    def answer(request: Request) -> dict[str, Any]:
        asked.append(request)
        return said_draft(actions=[said_action("write_file", path="answer.py", content=RIGHT)])

    second = Agent(
        LanguageModel(ScriptedModel(answer)), tools=[Checker()], sandbox=None, store=tmp_path / "store",
        options={"memory": True},
    )  # fmt: skip
    await second.arun(task_in(tmp_path / "two"))
    assert "What earlier runs taught" in asked[0].messages[-1].text and "answer = 42" in asked[0].messages[-1].text


async def test_what_fails_now_is_part_of_what_is_searched_for(tmp_path: Path) -> None:
    note = Note(id="n", kind="correction", text="checker says the file is to hold the answer 42")
    Corrections(tmp_path / "store").add([note], run="r-0")
    seen: list[int] = []

    class Looks(Scripted):
        async def propose(self, view: View) -> Draft:
            seen.append(len(view.notes))
            assert view.baseline, "and the memory had been shown it"
            return await super().propose(view)

    class Shown(TextMemory):
        async def recall(self, view: View) -> Sequence[Note]:
            seen.append(len(view.baseline))
            return await super().recall(view)

    memory = Shown(Corrections(tmp_path / "store"))
    looking = Agent(Looks([writes(RIGHT)]), tools=[Checker()], sandbox=None, store=tmp_path / "store", memory=memory)
    await looking.arun(task_in(tmp_path / "work"))
    assert seen == [1, 1]


async def test_a_draft_that_failed_before_costs_a_round_and_no_examination(tmp_path: Path) -> None:
    task = task_in(tmp_path / "work")
    failed = await agent(tmp_path, writes(WRONG), rounds=0).arun(task)
    run = await agent(tmp_path, writes(WRONG), writes(RIGHT)).arun(task)
    assert run.outcome is RunOutcome.committed and run.usage.rounds == 1
    assert run.attempts[0].draft.problem is not None and failed.id in run.attempts[0].draft.problem
    assert [e.tool for e in run.attempts[0].evidence] == ["stage"]


async def test_what_failed_in_a_workspace_that_moved_meanwhile_may_be_tried_again(tmp_path: Path) -> None:
    task = task_in(tmp_path / "work")

    class Moving(Scripted):
        async def revise(self, view: View, critique: Critique) -> Draft:
            (tmp_path / "work" / "data.txt").write_text("what a person writes while the run lasts")
            return await super().revise(view, critique)

    moved = Agent(
        Moving([writes(WRONG), writes("answer = 40\n")]), tools=[Checker()], sandbox=None, store=tmp_path / "store",
        policy=Policy(rounds=1), options={"memory": True},
    )  # fmt: skip
    assert (await moved.arun(task)).outcome is RunOutcome.abstained
    assert Corrections(tmp_path / "store").all() == []


async def test_a_killed_run_that_goes_on_recalls_what_it_had_recalled(tmp_path: Path) -> None:
    """What is recalled is part of the run: what other runs teach in the meantime does not change it."""
    task = task_in(tmp_path / "work")

    class Stops(Scripted):
        stopped = False

        async def propose(self, view: View) -> Draft:
            if not Stops.stopped:
                Stops.stopped = True
                raise RuntimeError("the process ends here")
            assert not view.notes
            return await super().propose(view)

    def stopping() -> Agent:
        return Agent(
            Stops([writes(RIGHT)]), tools=[Checker()], sandbox=None, store=tmp_path / "store", options={"memory": True}
        )

    with pytest.raises(RuntimeError):
        await stopping().arun(task, run_id="r-1")
    note = Note(id="n", kind="correction", text="new in the meantime", goal=task.goal)
    Corrections(tmp_path / "store").add([note], run="r-0")
    assert (await stopping().arun(task, run_id="r-1")).outcome is RunOutcome.committed


@pytest.mark.sandbox
async def test_repair_goes_on_where_an_earlier_run_had_failed(tmp_path: Path) -> None:
    task = workspace_task(tmp_path, "def twice(n):\n    return n + n - 1\n")

    def repairing(rounds: int, seed: int = 0) -> Agent:
        return Agent(store=tmp_path / "store", options={"memory": True}, policy=Policy(rounds=rounds), seed=seed)

    wrong = [Draft(author="s", actions=(WriteFile(path="twice.py", content="def twice(n):\n    return n\n"),))]
    first = Agent(Scripted(wrong), store=tmp_path / "store", options={"memory": True}, policy=Policy(rounds=0))
    assert (await first.arun(task)).outcome is RunOutcome.abstained
    assert (await repairing(3).arun(task)).outcome is RunOutcome.committed


class Fixed:
    """Recalls one note, and keeps what it is told of."""

    name = "fixed"

    def __init__(self) -> None:
        self.told: list[str] = []

    async def recall(self, view: View) -> Sequence[Note]:
        return [Note(id="n", kind="correction", text="as it was taught")]

    async def learn(self, view: View, run: Run) -> None:
        self.told.append(run.id)


async def test_a_memory_that_is_given_takes_the_place_of_the_methods(tmp_path: Path) -> None:
    fixed = Fixed()
    run = await agent(tmp_path, writes(RIGHT), memory=fixed).arun(task_in(tmp_path / "work"))
    assert fixed.told == [run.id] and not (tmp_path / "store" / "memory.db").exists()
    with pytest.raises(InputError, match="has no `name`"):
        agent(tmp_path, writes(RIGHT), memory=type("Nameless", (), {})())


def test_every_recipe_can_remember_and_those_with_a_memory_keep_theirs(tmp_path: Path) -> None:
    model = LanguageModel(ScriptedModel(lambda request: "unused"))
    for name in RECIPES:
        assert RECIPES[name].options.model_fields["memory"].default is False, name
    core = Agent(model, options={"memory": True}, store=tmp_path / "store")
    assert isinstance(core.team.memory, TextMemory)
    table = Agent(model, recipe="table-critic", options={"memory": True}, store=tmp_path / "store")
    assert isinstance(table.team.memory, Curator)


@pytest.mark.sandbox
def test_memory_from_a_task_file_and_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = workspace_task(tmp_path, "def twice(n):\n    return n + n - 1\n")
    checks = [check.model_dump(mode="json") for check in task.checks]
    body = {"id": task.id, "goal": task.goal, "workspace": "work", "checks": checks, "edit": ["twice.py"]}
    Path("tasks.yaml").write_text(yaml.safe_dump({"tasks": [{**body, "recipe": "core", "options": {"memory": True}}]}))
    run: Callable[..., Any] = CliRunner().invoke
    done = run(app, ["run", "tasks.yaml", "--json", "--out", "one"])
    assert json.loads(done.stdout)["outcome"] == "committed", done.stderr
    assert Corrections("one").all(("trajectory",))
    Path("work/twice.py").write_text("def twice(n):\n    return n + n - 1\n")
    Path("tasks.yaml").write_text(yaml.safe_dump({"tasks": [body]}))
    assert run(app, ["run", "tasks.yaml", "--out", "two"]).exit_code == 0 and not Path("two/memory.db").exists()
    Path("work/twice.py").write_text("def twice(n):\n    return n + n - 1\n")
    assert run(app, ["run", "tasks.yaml", "--out", "three", "--option", "memory=true"]).exit_code == 0
    assert Corrections("three").all(("trajectory",))


async def test_what_is_recalled_is_said_and_kept_with_the_run(tmp_path: Path) -> None:
    first = await agent(tmp_path, writes(WRONG), writes(RIGHT)).arun(task_in(tmp_path / "one"))
    assert not first.notes
    said = [e async for e in agent(tmp_path, writes(RIGHT)).astream(task_in(tmp_path / "two"))]
    (recalled,) = (event for event in said if isinstance(event, events.Recalled))
    run = next(event.run for event in said if isinstance(event, events.Finished))
    assert run.notes == recalled.notes and {note.run for note in run.notes} == {first.id}
    watched = Watch(run.task).hear(recalled)
    assert len(watched) == 1 and watched[0].startswith("recalls 2 notes of earlier runs: ")
    with (console := make_console()).capture() as shown:
        print_run(console, run)
    assert "From earlier runs" in shown.get() and first.id in shown.get()
