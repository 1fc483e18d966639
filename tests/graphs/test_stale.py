"""What was seen of a world that has moved since proves nothing, whatever is proposed again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from revet.agents import Scripted
from revet.errors import StoreError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import (
    CallTool,
    Critique,
    DecisionKind,
    Draft,
    Evidence,
    Finding,
    Location,
    Outcome,
    RunOutcome,
    Task,
    Verdict,
)
from revet.store import Store
from revet.tools import ToolCall, View
from tests.graphs.speaking import RIGHT, draft, task_in
from tests.graphs.test_effects import Ledger
from tests.graphs.test_effects import ledger as ledger
from tests.graphs.test_moving_world import Meddler


class Doorkeeper:
    """Answers the task's check by whether the door is open."""

    name = "doorkeeper"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request=c.command, check=c.id, required=True) for c in view.task.checks]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        assert view.workspace is not None
        is_open = (view.workspace / "door").read_text() == "open"
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed if is_open else Outcome.failed,
            check=call.check,
            required=call.required,
            changes=view.changes.fingerprint if view.changes else None,
        )


@pytest.fixture
def door(tmp_path: Path) -> Path:
    task_in(tmp_path / "work")
    path = tmp_path / "work" / "door"
    path.write_text("open")
    return path


def agent(drafts: Sequence[Draft], tmp_path: Path, **more: Any) -> Agent:
    given: dict[str, Any] = {"critics": [], "tools": [Doorkeeper()], "sandbox": None, "store": tmp_path / "store"}
    return Agent(Scripted(drafts), **{**given, **more})


def test_a_draft_proposed_again_is_not_proved_by_what_was_seen_before_the_world_moved(
    door: Path, tmp_path: Path
) -> None:
    shuts = Meddler(lambda: door.write_text("shut"))
    run = agent([draft(RIGHT)] * 4, tmp_path, critics=[shuts]).run(task_in(door.parent))
    assert run.outcome is RunOutcome.abstained
    kinds = [a.decision.kind for a in run.attempts if a.decision]
    assert kinds[0] is DecisionKind.commit and set(kinds[1:-1]) == {DecisionKind.revise}
    assert not (door.parent / "answer.py").exists()


@pytest.mark.parametrize("when", ["while the draft is written", "after it is examined"])
def test_what_changes_no_file_is_held_against_the_world_as_it_is(
    when: str, door: Path, tmp_path: Path, ledger: Ledger
) -> None:
    class Shutting(Scripted):
        async def propose(self, view: View) -> Draft:
            if when.startswith("while"):
                door.write_text("shut")
            return await super().propose(view)

    pay = Draft(author="s", actions=(CallTool(name="pay", arguments={"cents": 5}),))
    critics = [] if when.startswith("while") else [Meddler(lambda: door.write_text("shut"))]
    paying = Agent(Shutting([pay]), critics=critics, tools=[Doorkeeper()], sandbox=None, store=tmp_path / "store")
    run = paying.run(task_in(door.parent), approve=lambda asked: True)
    assert run.outcome is RunOutcome.abstained
    assert ledger.booked == {}
    assert [e.outcome for e in run.baseline] == [Outcome.failed]


async def test_an_answer_to_a_run_whose_checkpoints_are_gone_is_refused(door: Path, tmp_path: Path) -> None:
    asking = agent([draft(RIGHT)], tmp_path, policy=Policy(approve="ask"))
    run = await asking.arun(task_in(door.parent))
    assert run.outcome is RunOutcome.asked
    (tmp_path / "store" / "checkpoints.db").unlink()
    with pytest.raises(StoreError, match="does not say where it stopped"):
        _ = [event async for event in asking.aresume(run.id, True)]
    assert Store(tmp_path / "store").get(run.id).outcome is RunOutcome.asked


def test_half_a_surrogate_pair_does_not_cost_the_record(tmp_path: Path) -> None:
    class Objects:
        name = "objects"

        async def criticise(self, view: View) -> Critique:
            return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="no \udcff"),))

    drafts = [Draft(author="a", answer="\ud800 41"), Draft(author="a", answer="42")]
    run = agent(drafts, tmp_path, tools=[], critics=[Objects()], policy=Policy(rounds=1)).run(Task(goal="?"))
    assert run.outcome is RunOutcome.abstained
    kept = Store(tmp_path / "store").get(run.id)
    assert [a.answer for a in kept.attempts] == ["? 41", "42"]


def test_a_place_that_no_checkpoint_can_hold_is_refused_where_it_is_said() -> None:
    with pytest.raises(ValueError, match="less than or equal"):
        Location(line=2**63)
