"""`revet` with agents that need no sandbox: each task's run commits one file to its workspace, after a moment.

As a program it is the command line: ``python -m tests.batch.writers run tasks.jsonl …``. ``SLOW`` (seconds, in the
environment) is how long a draft takes at most; ``SLOW_COMMIT`` how long a commit takes at least. Each run that begins
leaves a line in the file that ``TRACE`` names. With ``DIE_AT`` the process dies at that checkpoint.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import revet.actions
import revet.batch
from revet import Agent, Policy
from revet.actions import receipts
from revet.cli import main
from revet.graphs.checkpoints import Checkpoints
from revet.schema import Draft, WriteFile
from revet.store import Store
from revet.taskfile import Settings

__all__ = ["check_batch", "environment_of", "revet_process", "write_tasks"]

ROOT = Path(__file__).resolve().parents[2]


class Writer:
    name = "writer"

    async def propose(self, view: Any) -> Draft:
        with Path(os.environ["TRACE"]).open("a") as trace:
            trace.write(f"{os.getpid()} {view.task.id}\n")
        await asyncio.sleep(random.uniform(0, float(os.environ.get("SLOW", "0.02"))))
        name = view.task.id
        return Draft(author="writer", actions=(WriteFile(path=f"{name}.txt", content=f"{name}\n"),))

    async def revise(self, view: Any, critique: Any) -> Draft:
        raise AssertionError("there is nothing to revise")


class Agents:
    """In the place of `SharedAgents`."""

    async def ready(self, settings: Settings) -> None: ...

    def __call__(self, settings: Settings, store: Store) -> Any:
        policy = Policy(unproven="commit", seconds=settings.seconds)
        return Agent(Writer(), critics=[], tools=[], sandbox=None, store=store, policy=policy)

    async def done(self, agent: Any) -> None: ...

    async def close(self) -> None: ...


def write_tasks(folder: Path, count: int, *, shared: int = 4) -> Path:
    """A file of tasks; every `shared`-th works in one folder with others, some in a folder inside it."""
    lines = []
    for number in range(count):
        place = f"w{number}" if number % shared else "both" if number % (2 * shared) else "both/inner"
        (folder / place).mkdir(parents=True, exist_ok=True)
        lines.append(json.dumps({"id": f"t{number}", "workspace": place, "model": "scripted:rules.yaml"}))
    (folder / "rules.yaml").write_text("- reply: nothing\n")
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def environment_of(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "TRACE": str(folder / "trace")}


def revet_process(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    env = {**environment_of(folder), **environment}
    command = [sys.executable, "-m", "tests.batch.writers", *words]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def check_batch(folder: Path, count: int, results: Path) -> None:
    """Every task has one line, which says committed, and one commit in the journal of its workspace."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert Counter(line["id"] for line in lines) == Counter(f"t{number}" for number in range(count))
    assert {line["outcome"] for line in lines} == {"committed"}
    tasks = [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()]
    for place in {task["workspace"] for task in tasks}:
        mine = {f"{task['id']}.txt" for task in tasks if task["workspace"] == place}
        journal = [file.path for receipt in receipts(folder / place) for file in receipt.files]
        assert Counter(journal) == Counter(mine), "each was committed once"
        assert {each.name for each in (folder / place).glob("*.txt")} == mine
        assert all((folder / place / name).read_text() == f"{name.removesuffix('.txt')}\n" for name in mine)


def _slow_commits(seconds: float) -> None:
    commit = revet.actions.commit

    def slow(*given: Any, **named: Any) -> Any:
        print("commits now", flush=True)
        time.sleep(seconds)
        return commit(*given, **named)

    revet.actions.commit = slow


def _dies_at(checkpoint: int) -> None:
    """The process ends as if it was killed, once so many checkpoints were written."""
    put, written = Checkpoints.aput, 0

    async def puts(*given: Any, **named: Any) -> Any:
        nonlocal written
        done = await put(*given, **named)
        written += 1
        if written == checkpoint:
            os._exit(9)
        return done

    Checkpoints.aput = puts  # type: ignore[method-assign]


if __name__ == "__main__":
    revet.batch.SharedAgents = lambda *_, **__: Agents()  # type: ignore[assignment,misc]
    if "SLOW_COMMIT" in os.environ:
        _slow_commits(float(os.environ["SLOW_COMMIT"]))
    if "DIE_AT" in os.environ:
        _dies_at(int(os.environ["DIE_AT"]))
    main()
