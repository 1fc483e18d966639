"""Kill the process anywhere; the run goes on where it stopped, asks nobody twice and commits once (I5)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revet.agents import Scripted
from revet.graphs import Agent
from revet.schema import Critique, Draft, RunOutcome, Task
from revet.store import Store
from revet.tools.base import View

pytestmark = pytest.mark.sandbox

# Runs the task in a process of its own and kills it at the n-th event of a kind, as a power cut would.
VICTIM = """
import asyncio, os, signal, sys
from pathlib import Path
from revet.schema import Task, Draft
from tests.graphs.test_resume import Counting
from revet.graphs import Agent

async def main():
    task = Task.model_validate_json(Path(sys.argv[1]).read_text())
    drafts = [Draft.model_validate_json(line) for line in Path(sys.argv[2]).read_text().splitlines()]
    kind, number = sys.argv[5], int(sys.argv[6])
    seen = 0
    async for event in Agent(Counting(drafts, Path(sys.argv[4])), store=Path(sys.argv[3])).astream(task, run_id="r-1"):
        if event.type == kind:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


class Counting(Scripted):
    """A script that writes down every time it is asked."""

    def __init__(self, drafts: list[Draft], log: Path) -> None:
        super().__init__(drafts)
        self.log = log

    async def propose(self, view: View) -> Draft:
        self._note("propose")
        return await super().propose(view)

    async def revise(self, view: View, critique: Critique) -> Draft:
        self._note(f"revise {view.round + 1}")
        return await super().revise(view, critique)

    def _note(self, line: str) -> None:
        with self.log.open("a") as file:
            file.write(line + "\n")


POINTS = [
    ("proposed", 1),
    ("staged", 1),
    ("examined", 3),
    ("decided", 1),
    ("proposed", 2),
    ("decided", 2),
    ("committed", 1),
]


@pytest.mark.parametrize(("kind", "number"), POINTS, ids=lambda v: str(v))
def test_a_killed_run_goes_on_and_commits_once(
    kind: str, number: int, task: Task, workspace: Path, wrong: Draft, right: Draft, tmp_path: Path
) -> None:
    drafts = [wrong, right]
    (tmp_path / "task.json").write_text(task.model_dump_json())
    (tmp_path / "drafts.jsonl").write_text("".join(d.model_dump_json() + "\n" for d in drafts))
    store, log = tmp_path / "store", tmp_path / "log"
    names = ["task.json", "drafts.jsonl", "store", "log"]
    arguments = [*(str(tmp_path / name) for name in names), kind, str(number)]
    root = Path(__file__).resolve().parents[2]
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    if kind != "committed":
        assert "result - shipping" in (workspace / "shop.py").read_text()

    agent = Agent(Counting(drafts, log), store=store)
    run = agent.run(task, run_id="r-1")
    assert run.outcome is RunOutcome.committed
    assert (workspace / "shop.py").read_text().count("result + shipping") == 1
    asked = log.read_text().splitlines()
    # The step that was under way when the power went may be asked again; what a checkpoint holds may not.
    repeated = {line for line in asked if asked.count(line) > 1}
    assert len(asked) <= 3 and len(repeated) <= 1
    if kind in ("staged", "examined", "decided", "committed"):
        assert not repeated
    run.undo()
    assert "result - shipping" in (workspace / "shop.py").read_text()
    assert Store(store).get("r-1").outcome is RunOutcome.committed
