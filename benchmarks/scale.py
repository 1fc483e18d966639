"""What a batch costs, and how that grows with the number of its tasks.

`quick` runs `builtin:repair` on tiny projects, in real local sandboxes, and holds the tasks a second against what the
sandboxes alone give: the same sessions opened for the same workspaces and the same commands run in them, with the same
staged files, as one real pass had them, by as many at once, and nothing else. The two take turns (loop, alone, alone,
loop), and the ratio is that of the medians. It then reports the memory of this process along the way, and what was left
of descriptors and of processes.

`latency` runs tasks without a workspace on a model that takes a second to answer, and holds the time against the ideal:
as many waves as there must be, each as long as its calls. With one call a task ends with its first draft; with four
there are a proposal, a critique that objects, a revision and a critique that accepts.

`grow` runs 10, 100, 1,000 and 10,000 tasks without a workspace, on a model that answers at once, and shows what a task
costs, and what the store, the results file, and going on with a batch that has ended (`--resume`) do.

All of it goes through what `revet run` goes through: the task file, `Batch`, the store, the results file and the tally.

    python benchmarks/scale.py quick --tasks 2000 --turns 40
    python benchmarks/scale.py latency --tasks 500 --jobs 128
    python benchmarks/scale.py grow
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from loop import GOAL, Asking, Slow
from scale_parts import (
    Changed,
    Knowing,
    Spent,
    alone,
    children,
    descriptors,
    noted,
    projects,
    resident,
    run_batch,
    size_of,
)

from revet.batch import Runner, SharedAgents
from revet.graphs import Agent
from revet.models import LanguageModel
from revet.models.limits import ProviderLimits
from revet.policy import Policy
from revet.schema import Critique, Verdict
from revet.store import Store
from revet.taskfile import Settings, open_tasks
from revet.tools import View

GROWTH = (10, 100, 1_000, 10_000)

# --- quick: tiny projects, real sandboxes -------------------------------------------------------------------------


async def compared(folder: Path, options: argparse.Namespace) -> None:
    """The ratio, in turns."""
    file = projects(folder / "projects", options.block, options.tests)
    visits = await noted(file, folder, options.jobs)
    runs = statistics.mean(len(visit.calls) for visit in visits)
    print(f"{options.block} projects ({options.tests}), {options.jobs} at once, {runs:.1f} commands each in a sandbox")
    knowing = Knowing(visits)

    def known(agent: Agent) -> None:
        agent.team = replace(agent.team, proposer=knowing)

    async def turn(who: str, number: int) -> Spent:
        projects(folder / "projects", options.block, options.tests)
        with Spent.of() as spent:
            if who == "sandboxes alone":
                await alone(visits, options.jobs)
            else:
                change = known if who == "loop, drafts known" else lambda _: None
                await run_batch(file, Changed(change), folder / f"turn-{number}", jobs=options.jobs)
        return spent

    sides = ("loop", "loop, drafts known", "sandboxes alone")
    taken: dict[str, list[Spent]] = {who: [] for who in sides}
    for number in range(2 * options.turns):
        for place, who in enumerate(sides if number % 2 == 0 else sides[::-1]):
            taken[who].append(await turn(who, number * len(sides) + place))
    base = taken["sandboxes alone"]
    for who, turns in taken.items():
        wall, own, child = (statistics.median(getattr(t, name) for t in turns) for name in ("wall", "own", "children"))
        ratio = statistics.median(t.wall for t in base) / wall
        cpu = statistics.median(t.own + t.children for t in base) / (own + child)
        here, below = (each / options.block * 1e3 for each in (own, child))
        print(
            f"  {who:<20} {options.block / wall:5.2f} tasks/s; CPU for a task: {here:4.0f} ms here,"
            f" {below:4.0f} ms in children; throughput {ratio:.3f} of the sandboxes'"
            f" (by CPU time {cpu:.3f})"
        )


async def quick(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="revet-scale-") as place:
        folder = Path(place)
        await compared(folder, options)
        if options.tasks:
            await endured(folder, options)


async def endured(folder: Path, options: argparse.Namespace) -> None:
    """One batch of many tasks: what it takes of memory on its way, and what is left afterwards."""
    file = projects(folder / "many", options.tasks, options.tests)
    before = descriptors(), children()
    memory: dict[int, float] = {}
    first = min(200, options.tasks)
    marks = sorted({first, *(count for part in (1, 2, 3, 4) if (count := options.tasks * part // 4) > first)})

    def seen(count: int) -> None:
        if count in marks:
            memory[count] = resident()

    with Spent.of() as spent:
        await run_batch(file, SharedAgents(), folder / "store", jobs=options.jobs, seen=seen)
    after = descriptors(), children()
    print(f"{options.tasks} tasks in one batch: {options.tasks / spent.wall:.2f} tasks/s; memory of this process:")
    print("  " + ", ".join(f"{mib:.1f} MiB at task {count}" for count, mib in memory.items()))
    print(f"  at task {marks[-1]} {memory[marks[-1]] / memory[first]:.3f} of that at task {first}")
    print(f"  descriptors {before[0]} before, {after[0]} after; children {before[1]} before, {after[1]} after")


# --- latency, and what grows: tasks without a workspace ----------------------------------------------------------


class Accepting(Asking):
    """Takes the first draft as it is, without a word from the model."""

    async def criticise(self, view: View) -> Critique:
        return Critique(critic=self.name, verdict=Verdict.accept, score=1.0)


class Speaking:
    """Agents that ask a model of so much latency, once (`calls` 1) or four times, `model_jobs` at once."""

    def __init__(self, latency: float, calls: int, model_jobs: int | None = None) -> None:
        self.slow = Slow(latency)
        model = LanguageModel(self.slow, limits=ProviderLimits(model_jobs).of(self.slow.name))
        self._role = Accepting(model) if calls == 1 else Asking(model)

    async def ready(self, settings: Settings) -> None:
        return

    def __call__(self, settings: Settings, store: Store) -> Runner:
        return Agent(self._role, critics=[self._role], tools=[], sandbox=None, policy=Policy(), store=store)

    async def done(self, agent: Runner) -> None:
        return

    async def close(self) -> None:
        return


def questions(folder: Path, count: int) -> Path:
    """A task file with so many tasks that have no workspace. The model that it names is not asked."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text("- {reply: nothing}\n")
    file = folder / "tasks.jsonl"
    with file.open("w") as lines:
        for number in range(count):
            lines.write(json.dumps({"id": f"marbles-{number}", "goal": GOAL, "model": "scripted:model.yaml"}) + "\n")
    return file


async def latency(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="revet-scale-") as place:
        folder = Path(place)
        await run_batch(questions(folder / "warm", 8), Speaking(0.0, 4), folder / "warm", jobs=8)
        for calls in options.calls:
            ratios = []
            for number in range(options.repeats):
                agents = Speaking(options.latency, calls, options.model_jobs)
                file = questions(folder / f"{calls}-{number}", options.tasks)
                with Spent.of() as spent:
                    await run_batch(file, agents, file.parent, jobs=options.jobs)
                assert agents.slow.calls == calls * options.tasks
                flight = min(options.jobs, options.model_jobs or options.jobs)
                ideal = math.ceil(options.tasks / flight) * calls * options.latency
                ratios.append(spent.wall / ideal)
                evenly = options.tasks * calls * options.latency / flight
                print(
                    f"{options.tasks} tasks, {flight} in flight, {calls} calls each of {options.latency:g} s:"
                    f" {spent.wall:.2f} s, ideal {ideal:.2f} s (in waves; {evenly:.2f} s if they overlapped), ratio"
                    f" {spent.wall / ideal:.3f}; {spent.own / options.tasks * 1e3:.1f} ms of CPU a task",
                    flush=True,
                )
            print(f"  {calls} calls: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


async def one_size(count: int, jobs: int) -> dict[str, float]:
    """What a batch of so many tasks costs, in this process."""
    with tempfile.TemporaryDirectory(prefix="revet-scale-") as place:
        folder = Path(place)
        await run_batch(questions(folder / "warm", 8), Speaking(0.0, 1), folder / "warm", jobs=8)
        file = questions(folder, count)
        bare = resident()
        start = time.perf_counter()
        open_tasks(file)
        found: dict[str, float] = {"first pass": time.perf_counter() - start}
        with Spent.of() as spent:
            await run_batch(file, Speaking(0.0, 1), folder / "store", jobs=jobs)
        found |= {"tasks": count, "wall": spent.wall, "cpu": spent.own, "bare": bare, "resident": resident()}
        results = sum(each.stat().st_size for each in (folder / "store").rglob("*.jsonl"))
        found |= {"store": size_of(folder / "store"), "results": results / 1024**2}
        store = Store(folder / "store")
        start = time.perf_counter()
        assert store.rows(20) and store.count() == count
        found["show"] = time.perf_counter() - start
        with Spent.of() as again:
            await run_batch(file, Speaking(0.0, 1), folder / "store", jobs=jobs, resume=True)
        return found | {"resume": again.wall}


def grow(options: argparse.Namespace) -> None:
    """Each size in a process of its own."""
    print("tasks    a task      CPU   in memory (before)    store   results   first pass   list   --resume, a task")
    for size in options.sizes:
        command = [sys.executable, __file__, "size", str(size), "--jobs", str(options.jobs)]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
        f = json.loads(said.stdout)
        a = size / 1e3  # milliseconds for each
        print(
            f"{size:>6,} {f['wall'] / a:6.2f} ms {f['cpu'] / a:5.2f} ms {f['resident']:8.1f} MiB ({f['bare']:.1f})"
            f" {f['store']:6.1f} MiB {f['results']:5.2f} MiB {f['first pass'] * 1e3:8.1f} ms {f['show'] * 1e3:5.1f} ms"
            f" {f['resume'] / a:8.2f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    tiny = what.add_parser("quick")
    tiny.add_argument("--tasks", type=int, default=2000, help="of the one long batch, in which memory is looked at")
    tiny.add_argument("--block", type=int, default=50, help="tasks of one turn")
    tiny.add_argument("--turns", type=int, default=2, help="pairs of turns of each side")
    tiny.add_argument("--jobs", type=int, default=3)
    tiny.add_argument("--tests", choices=("unittest", "pytest"), default="unittest")
    flight = what.add_parser("latency")
    flight.add_argument("--tasks", type=int, default=500)
    flight.add_argument("--jobs", type=int, default=128)
    flight.add_argument("--latency", type=float, default=1.0, help="seconds that the model takes to answer")
    flight.add_argument("--calls", type=int, nargs="+", choices=(1, 4), default=(1, 4), help="of one task")
    flight.add_argument("--model-jobs", type=int, help="requests under way at once")
    flight.add_argument("--repeats", type=int, default=3)
    sizes = what.add_parser("grow")
    sizes.add_argument("--sizes", type=int, nargs="+", default=GROWTH)
    one = what.add_parser("size", help="one size of `grow`, as JSON")
    one.add_argument("tasks", type=int)
    for each in (sizes, one):
        each.add_argument("--jobs", type=int, default=16)
    options = parser.parse_args()
    if options.what == "size":
        print(json.dumps(asyncio.run(one_size(options.tasks, options.jobs))))
    elif options.what == "grow":
        grow(options)
    else:
        asyncio.run({"quick": quick, "latency": latency}[options.what](options))


if __name__ == "__main__":
    main()
