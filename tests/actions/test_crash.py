"""kill -9 during commit, undo and recover: never a torn workspace, whatever the instant.

As a program (``python tests/actions/test_crash.py --kills 300``) it prints a summary line.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # for use as a program
from revet.actions import Protection, commit, find_receipt, journal, recover, undo
from revet.sandboxes.base import Layer
from revet.schema import Changes
from tests.actions.action_worlds import (
    BIG_DRAFT,
    Desk,
    Entry,
    build,
    ended,
    fork,
    in_memory,
    killed_at,
    look,
    scratch,
)

MODES = ("commit", "undo")


@dataclass
class Bench:
    """A workspace before and after a commit, to be copied for each trial."""

    home: Path
    before: Path
    after: Path
    layer: Layer
    changes: Changes

    @classmethod
    def at(cls, home: Path) -> Bench:
        before = build(home / "before")
        (home / "stage").mkdir()
        stage = Desk(before, home / "stage", Protection())
        changes = stage.put(BIG_DRAFT)
        after = home / "after"
        shutil.copytree(before, after, symlinks=True)
        commit(after, stage.layer, changes, transaction="t")
        assert look(after) != look(before)
        return cls(home, before, after, stage.layer, changes)

    def fresh(self, mode: str) -> Path:
        """A new workspace in which `mode` is about to happen."""
        path = Path(tempfile.mkdtemp(dir=self.home)) / "ws"
        shutil.copytree(self.before, path, symlinks=True)
        if mode == "undo":
            with in_memory():
                commit(path, self.layer, self.changes, transaction="t")
        return path

    def act(self, mode: str, workspace: Path) -> None:
        if mode == "commit":
            commit(workspace, self.layer, self.changes, transaction="t")
        else:
            undo(workspace, "t")

    def judge(self, mode: str, workspace: Path) -> str:
        """After a crash: recover, then 'before' or 'after'. Asserts all that follows from it."""
        with in_memory():
            recover(workspace)
            return self._judge(mode, workspace)

    def _judge(self, mode: str, workspace: Path) -> str:
        now = look(workspace)
        assert now in (look(self.before), look(self.after)), _difference(now, look(self.before), look(self.after))
        state = "before" if now == look(self.before) else "after"
        assert recover(workspace) == []
        receipt = find_receipt(workspace, "t")
        if state == "after":
            assert receipt is not None and receipt.undone_at is None
            assert undo(workspace, "t").undone_at is not None
            assert look(workspace) == look(self.before)
        elif mode == "commit":
            assert receipt is None
            assert not (workspace / ".revet").exists()
            commit(workspace, self.layer, self.changes, transaction="t")
            assert look(workspace) == look(self.after)
        else:
            assert receipt is not None and receipt.undone_at is not None
        return state


def _difference(now: dict[str, Entry], *wanted: dict[str, Entry]) -> str:
    return "torn: " + "; ".join(str(sorted(set(now.items()) ^ set(one.items()))) for one in wanted)


def killed_after(seconds: float, act: Callable[[], object]) -> bool:
    """Run `act` in a child that is killed so long after it has started. False if it ended before."""
    pid = fork(act)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return ended(pid)


class Trial(Protocol):
    """A world to be copied, in which something is killed, and which is judged then; of `Bench` the place is a path."""

    def fresh(self, mode: str) -> Any: ...

    def act(self, mode: str, place: Any) -> None: ...

    def judge(self, mode: str, place: Any) -> str: ...


def gone(place: Any) -> None:
    """Remove what `fresh` made."""
    shutil.rmtree(place.parent if isinstance(place, Path) else place.home)


def at_every_step(bench: Trial, mode: str) -> Counter[str]:
    """Kill after each step in turn, then recover. Once a state is reached, no later kill may lead back."""
    states: list[str] = []
    step = 1
    while True:
        workspace = bench.fresh(mode)
        if not killed_at(step, partial(bench.act, mode, workspace)):
            break
        states.append(bench.judge(mode, workspace))
        gone(workspace)
        step += 1
    assert step > 30, "the hook was not called"
    order = ("before", "after") if mode == "commit" else ("after", "before")
    assert states == sorted(states, key=lambda state: order.index(state.partition(",")[0]))
    return Counter(states)


def at_random_instants(bench: Trial, mode: str, kills: int, seed: int = 1) -> Counter[str]:
    """Kill at random instants of the time that it usually takes, until so many kills have struck."""
    rng = random.Random(seed)
    took = []
    for _ in range(5):
        workspace = bench.fresh(mode)
        begun = time.perf_counter()
        bench.act(mode, workspace)
        took.append(time.perf_counter() - begun)
        gone(workspace)
    span = statistics.median(took)
    counts: Counter[str] = Counter()
    while counts["killed"] < kills:
        workspace = bench.fresh(mode)
        struck = killed_after(rng.uniform(0, span), partial(bench.act, mode, workspace))
        counts[bench.judge(mode, workspace)] += 1
        counts["killed" if struck else "too late"] += 1
        assert counts["too late"] < 20 * kills + 100, "the kills come too late"
        gone(workspace)
    return counts


def twice(bench: Trial, mode: str, first: int) -> int:
    """Kill at step `first`, then kill each recovery at each of its steps, then recover. Returns how many."""
    step = 1
    while True:
        workspace = bench.fresh(mode)
        assert killed_at(first, partial(bench.act, mode, workspace))
        root = workspace if isinstance(workspace, Path) else workspace.workspace
        again = killed_at(step, partial(recover, root))
        bench.judge(mode, workspace)
        gone(workspace)
        if not again:
            return step - 1
        step += 1


def steps_of(bench: Trial, mode: str) -> list[str]:
    """The names of the steps of an undisturbed run."""
    names: list[str] = []
    workspace = bench.fresh(mode)
    journal._step = names.append
    try:
        bench.act(mode, workspace)
    finally:
        journal._step = journal._quiet
    gone(workspace)
    return names


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        yield Bench.at(Path(home))


@pytest.mark.parametrize("mode", MODES)
def test_killed_after_each_step(bench: Bench, mode: str) -> None:
    states = at_every_step(bench, mode)
    assert states["before"] and states["after"]


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_random_instants(bench: Bench, mode: str) -> None:
    assert at_random_instants(bench, mode, 150)["killed"] == 150


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "at", ["saved 0", "prepared.json written", "prepared.json durable", "placed 0", "committed.json named"]
)
def test_killed_again_during_recovery(bench: Bench, mode: str, at: str) -> None:
    names = steps_of(bench, mode)
    assert twice(bench, mode, names.index(at) + 1 if at in names else len(names) // 2) >= 1


@pytest.mark.parametrize("mode", MODES)
def test_killed_while_rolling_back_for_an_edit(bench: Bench, mode: str) -> None:
    """Killed half-way; someone edits a file that was replaced; then recovery is killed at each step."""
    names = steps_of(bench, mode)
    first = names.index("placed 0") + 1
    step = 1
    while True:
        workspace = bench.fresh(mode)
        start = look(workspace)
        assert killed_at(first, partial(bench.act, mode, workspace))
        edited = bench.changes.files[0].path
        (workspace / edited).write_bytes(b"someone's edit")
        again = killed_at(step, partial(recover, workspace))
        with in_memory():
            recover(workspace)
        now = look(workspace)
        assert now.pop(edited)[2] == b"someone's edit"
        kept = start.pop(edited)
        assert now == start
        rescued = workspace / ".revet" / "rescued" / "t" / edited
        assert rescued.read_bytes() == kept[2]
        shutil.rmtree(workspace.parent)
        if not again:
            assert step > 5
            return
        step += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="kills at random instants, for each of commit and undo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", help="where to make the workspaces (default: in memory, if possible)")
    parser.add_argument("--only", choices=("files", "mixed"), help="commits of files alone, or with rows and calls")
    parser.add_argument("--postgres", metavar="URL", help="mixed once more, on this server; or: start")
    options = parser.parse_args()
    begun = time.perf_counter()
    if options.only != "files":
        from tests.actions.mixed_worlds import main as mixed  # it imports this module's neighbours
        from tests.tools.postgres import server

        mixed(options.kills, options.seed, options.home or scratch())
        with server() if options.postgres == "start" else nullcontext(options.postgres) as url:
            if url is not None:
                mixed(options.kills, options.seed, options.home or scratch(), url)
    if options.only != "mixed":
        with tempfile.TemporaryDirectory(dir=options.home or scratch()) as home:
            files(Path(home), options.kills, options.seed)
    print(f"all recovered, all undone exactly, in {time.perf_counter() - begun:.1f} s")


def files(home: Path, kills: int, seed: int) -> None:
    """Kill commits and undos of files alone, and say what came of it."""
    bench = Bench.at(home)
    for mode in MODES:
        steps = at_every_step(bench, mode)
        instants = at_random_instants(bench, mode, kills, seed)
        double = sum(twice(bench, mode, first) for first in range(1, len(steps_of(bench, mode)) + 1, 5))
        print(
            f"{mode}: {steps.total()} at a step ({steps['before']} before, {steps['after']} after), "
            f"{instants['killed']} at random instants of {instants.total() // 2} tries "
            f"({instants['before']} before, {instants['after']} after), {double} double kills, 0 torn"
        )


if __name__ == "__main__":
    main()
