"""Actions that act beyond files: carried out once, at the commit, and taken back by the undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.actions import register
from revet.actions.registry import _handlers
from revet.agents import Scripted
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import CallTool, Changes, Draft, RunOutcome, Task
from tests.actions.action_worlds import Plain


class Ledger(Plain):
    """Books a payment under a key, once."""

    def __init__(self) -> None:
        self.booked: dict[str, Any] = {}

    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self.booked[key] = action.arguments["cents"]

    def undo(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self.booked.pop(key, None)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr("revet.actions.registry._handlers", dict(_handlers))
    book = Ledger()
    register("call_tool", book)
    return book


@pytest.mark.sandbox
@pytest.mark.parametrize("with_files", [True, False])
def test_an_effect_happens_at_the_commit_and_is_undone(
    with_files: bool, ledger: Ledger, task: Task, workspace: Path, right: Draft, tmp_path: Path
) -> None:
    if not with_files:
        source = workspace / "shop.py"
        source.write_text(source.read_text().replace("- shipping", "+ shipping"))
    pay = CallTool(name="pay", arguments={"cents": 5})
    draft = Draft(author="scripted", actions=(*(right.actions if with_files else ()), pay))
    agent = Agent(Scripted([draft]), store=tmp_path / "store")
    run = agent.run(task, approve=lambda asked: True)  # nobody has declared what the call does
    assert run.outcome is RunOutcome.committed
    assert list(ledger.booked.values()) == [5]
    run.undo()
    assert ledger.booked == {}
    assert ("- shipping" in (workspace / "shop.py").read_text()) is with_files


@pytest.mark.sandbox
def test_an_effect_does_not_happen_without_a_commit(ledger: Ledger, task: Task, wrong: Draft, tmp_path: Path) -> None:
    pay = CallTool(name="pay", arguments={"cents": 5})
    drafts = [wrong.model_copy(update={"actions": (*wrong.actions, pay)})]
    run = Agent(Scripted(drafts), store=tmp_path / "store").run(task)
    assert run.outcome is RunOutcome.abstained
    asked = Agent(Scripted([Draft(author="s", actions=(pay,))]), store=tmp_path / "b", policy=Policy(approve="never"))
    assert asked.run(task).outcome is RunOutcome.abstained
    assert ledger.booked == {}
