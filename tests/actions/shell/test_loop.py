"""Commands in the loop: proposed, tried, refused or examined, committed once, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet import Agent, Critique, Draft, Task
from revet.schema.draft import RunCommand
from revet.tools import Tests, View
from tests.actions.action_worlds import look

pytestmark = pytest.mark.sandbox

TEST = "from price import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"


class Scripted:
    """Proposes one draft after the other, and keeps what it was told of the one before."""

    name = "scripted"

    def __init__(self, *commands: str) -> None:
        self.drafts = [Draft(author="scripted", actions=(RunCommand(command=command),)) for command in commands]
        self.told: list[str] = []

    async def propose(self, view: View) -> Draft:
        return self.drafts.pop(0)

    async def revise(self, view: View, critique: Critique) -> Draft:
        self.told += [finding.claim for finding in critique.findings] or [critique.possible_result]
        return self.drafts.pop(0)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    top = tmp_path / "shop"
    top.mkdir()
    (top / "price.py").write_text("def total(items):\n    return sum(items) + 1\n")
    (top / "test_price.py").write_text(TEST)
    return top


def test_a_command_is_refused_revised_examined_and_committed(workspace: Path, tmp_path: Path) -> None:
    before = look(workspace)
    stamp = "date +%s%N >stamp"
    proposer = Scripted("echo >test_price.py", "sed -i 's/ + 2//' price.py", f"sed -i 's/ + 1//' price.py; {stamp}")
    task = Task(
        id="t",
        goal="Change price.py so that its tests pass, and create the file stamp.",
        workspace=str(workspace),
        checks=("pytest -q",),
    )
    agent = Agent(proposer, tools=[Tests()], store=tmp_path / "store")
    run = agent.run(task)
    assert run.outcome == "committed", run.decision
    assert "test_price.py" in proposer.told[0], proposer.told
    assert (workspace / "price.py").read_text() == "def total(items):\n    return sum(items)\n"
    assert (workspace / "test_price.py").read_text() == TEST and (workspace / "stamp").read_text().strip().isdigit()
    assert run.best is not None and run.best.changes is not None
    assert run.best.changes.commands[0].exit_code == 0
    run.undo()
    assert look(workspace) == before
