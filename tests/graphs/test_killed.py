"""Kill the process anywhere: no model is asked twice for what it has answered, and what is committed is so once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.actions import lock
from revet.cli.commits import commits_of
from revet.graphs import AgentRun
from revet.policy import Policy
from revet.schema import RunOutcome
from revet.store import Store
from tests.graphs.speaking import LEASE, RIGHT, Teller, agent, store_at, story, task_in

ROOT = Path(__file__).resolve().parents[2]
ASKED = 7
"""How often the story asks: twice to propose, each critic, once to revise, each critic."""
POINTS = [
    *(f"reply {n}" for n in range(1, ASKED + 1)),
    *(f"kept {n}" for n in range(1, ASKED + 2)),  # a tool's answer is kept too
    *(f"node {name} 1" for name in ("prepare", "propose", "stage", "examine", "criticise", "gate", "revise")),
    *(f"node {name} 2" for name in ("stage", "examine", "criticise", "gate")),
    "node commit 1",
    "node finish 1",
    "commit",
    "save",
    "saved",
]


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything and forks a victim for each line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.graphs.speaking"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def asked(folder: Path) -> Counter[str]:
    """The requests that the model was asked, with who asked."""
    log = folder / "log"
    return Counter(log.read_text().splitlines() if log.exists() else ())


def go_on(folder: Path, url: str = "") -> AgentRun:
    teller = Teller(story, folder / "log")
    return agent(teller, store_at(folder, url), policy=Policy(rounds=3)).run(task_in(folder / "work"), run_id="r-1")


def told(run: AgentRun) -> dict[str, Any]:
    """The run without clocks and without what the library happened to say."""
    roles = {role: spent.model_dump() for role, spent in run.usage.roles.items()}
    attempts = [(a.draft.id, [c.verdict for c in a.critiques], a.decision and a.decision.kind) for a in run.attempts]
    return {"outcome": run.outcome, "attempts": attempts, "roles": roles, "calls": run.usage.tool_calls}


@pytest.mark.parametrize("where", POINTS)
def test_a_run_killed_anywhere_goes_on(where: str, killer: subprocess.Popen[str], tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    unbroken, run = killed_and_gone_on(where, killer, whole, folder)
    check(where, unbroken, run, whole, folder)
    assert Store(folder / "store").get("r-1").outcome is RunOutcome.committed
    assert leftovers(folder / "store") == (0, 0, 0, 0)


def killed_and_gone_on(
    where: str, killer: subprocess.Popen[str], whole: Path, folder: Path, url: str = ""
) -> tuple[AgentRun, AgentRun]:
    """A run in `whole` that nothing happened to, and one in `folder` that was killed at `where` and went on."""
    whole.mkdir()
    folder.mkdir()
    unbroken = go_on(whole)
    assert killer.stdin is not None and killer.stdout is not None
    killer.stdin.write(f"{folder}|{where}|{url}\n")
    killer.stdin.flush()
    assert int(killer.stdout.readline()) == -signal.SIGKILL
    if url:
        time.sleep(LEASE)
    return unbroken, go_on(folder, url)


def check(where: str, unbroken: AgentRun, run: AgentRun, whole: Path, folder: Path) -> None:
    """No model was asked twice for what it had answered, and what is committed is so once and can be undone."""
    assert run.outcome is RunOutcome.committed
    assert told(run) == told(unbroken)
    assert sum(asked(whole).values()) == ASKED
    again = asked(folder) - asked(whole)
    kind, _, number = where.partition(" ")
    if kind in ("node", "commit", "save", "saved") or where in ("kept 1", "kept 2", "kept 3"):
        assert not again
    elif kind == "reply" and number in ("1", "2", "5"):
        assert sum(again.values()) == 1
    else:  # both critics were being answered
        assert all(line.startswith(("ann", "bob")) for line in again) or where == "kept 6"
        assert set(again.values()) <= {1} and sum(again.values()) <= 2
    assert not asked(whole) - asked(folder)
    assert (folder / "work" / "answer.py").read_text() == RIGHT
    assert len(commits_of(folder / "work", "r-1")) == 1
    run.undo()
    assert not (folder / "work" / "answer.py").exists()
    with lock(folder / "work"):
        pass


def leftovers(store: Path) -> tuple[int, ...]:
    import sqlite3
    from contextlib import closing

    counts = []
    tables = [*(("checkpoints", table) for table in ("checkpoints", "writes", "parts")), ("replies", "replies")]
    for file, table in tables:
        with closing(sqlite3.connect(store / f"{file}.db")) as db:
            counts.append(int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))
    return tuple(counts)
