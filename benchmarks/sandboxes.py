"""What a sandboxed piece of Python costs, beside what people use instead.

One run measures all of it, in turns, so that a busy machine is busy for everybody: trust the ratios. The floor is a
plain warmed process, with the modules that the warm interpreters have (see ``--preload``), which forks, compiles,
executes, reads a pipe and waits, without any isolation.

    python benchmarks/sandboxes.py --rounds 7 --snippets 100

Docker needs an image with Python (``revet sandbox image`` makes one), smolagents an environment of its own:

    python -m venv /tmp/smol && /tmp/smol/bin/pip install --no-deps smolagents
    /tmp/smol/bin/pip install huggingface-hub requests rich jinja2 pillow python-dotenv
    python benchmarks/sandboxes.py --smolagents /tmp/smol/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outside import FLOOR, SERVER, SMOLAGENTS, Outside
from rich.console import Console
from rich.table import Table

from revet.errors import HostError
from revet.sandboxes import Local
from revet.sandboxes.local import LocalSession
from revet.sandboxes.scratch import no_room

CODE = "print(1+1)"
EXPECTED = b"2\n"
FILES = 20_000


@dataclass
class Lane:
    """One way to run the code: `one` runs it a number of times in a row, in the lane of that number."""

    name: str
    isolation: str
    one: Callable[[int, int], Awaitable[list[float]]]
    share: float = 1.0
    """Of the pieces of code in a round; slow ways get fewer."""
    parallel: int = 2
    latencies: list[float] = field(default_factory=list)
    rates: dict[int, list[float]] = field(default_factory=lambda: {1: [], 2: []})

    async def round(self, snippets: int) -> None:
        count = max(3, int(snippets * self.share))
        for workers in (1, 2):
            begun = time.perf_counter()
            each = await asyncio.gather(
                *(self.one(lane, count) for lane in range(self.parallel if workers == 2 else 1))
            )
            ran = sum(len(times) for times in each)
            self.rates[workers].append(ran / (time.perf_counter() - begun))
            if workers == 1:
                self.latencies += each[0]

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.latencies) * 1000

    def rate(self, workers: int) -> float:
        return statistics.median(self.rates[workers])


async def timed(count: int, act: Callable[[], Awaitable[bytes]]) -> list[float]:
    each = []
    for _ in range(count):
        begun = time.perf_counter()
        out = await act()
        each.append(time.perf_counter() - begun)
        assert out == EXPECTED, out
    return each


def warm_lane(session: LocalSession) -> Lane:
    async def act() -> bytes:
        return (await session.run_python(CODE)).stdout

    # One more than there are interpreters, so that each always has a next piece of code.
    return Lane("Revet, warm", "full", lambda _, count: timed(count, act), parallel=3)


def cold_lane(session: LocalSession) -> Lane:
    async def act() -> bytes:
        return (await session.exec(["python", "-I", "-S", "-c", CODE])).stdout

    return Lane("Revet, cold", "full", lambda _, count: timed(count, act), share=0.15)


def docker_lane(stack: AsyncExitStack, image: str | None) -> Lane:
    """HostError if there is no engine, or no image."""
    from revet.sandboxes.docker import connect, default_tag

    client = connect()
    stack.callback(client.close)
    container = client.containers.run(
        image or default_tag(), ["sleep", "3600"], detach=True, init=True, network_mode="none", cap_drop=["ALL"]
    )
    stack.callback(container.remove, force=True)

    def exec_run() -> bytes:
        out: bytes = container.exec_run(["python3", "-I", "-S", "-c", CODE]).output
        return out

    async def act() -> bytes:
        return await asyncio.to_thread(exec_run)

    return Lane("docker exec (SDK)", "the container's", lambda _, count: timed(count, act), share=0.06)


async def lanes(stack: AsyncExitStack, options: argparse.Namespace, told: Callable[[str], None]) -> list[Lane]:
    floor = Outside(sys.executable, FLOOR.replace("MODULES", ", ".join([SERVER, *options.preload])))
    stack.callback(floor.close)
    session = await stack.enter_async_context(await Local(workers=2, preload=options.preload).open())
    found = [Lane("fork floor", "none", floor.one), warm_lane(session), cold_lane(session)]
    if not options.no_docker:
        try:
            found.append(docker_lane(stack, options.image))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is left out, and said
            told(f"docker is left out: {error}")
    try:
        smolagents = Outside(options.smolagents, SMOLAGENTS)
        stack.callback(smolagents.close)
        found.append(Lane("smolagents LocalPythonExecutor", "none", smolagents.one))
    except (LookupError, OSError) as error:
        told(f"smolagents is left out: {error}")
    return found


def descendants(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in words for found in (int(child), *descendants(int(child)))]


def proportional(pids: Sequence[int]) -> int | None:
    """The memory of the processes in bytes, what they share counted once; None where it cannot be read."""
    whole = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except ProcessLookupError:
            continue
        except OSError:
            return None
        whole += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return whole


async def memory(preload: Sequence[str]) -> dict[str, Any]:
    """What one idle interpreter uses: the launcher, bwrap, the server and its forks."""
    async with await Local(workers=1, preload=preload).open() as session:
        before = set(descendants(os.getpid()))
        for _ in range(3):
            await session.run_python(CODE)
        await asyncio.sleep(0.2)
        pids = [pid for pid in descendants(os.getpid()) if pid not in before]
        return {"worker_pss": proportional(pids), "processes": len(pids)}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def soak(snippets: int) -> dict[str, Any]:
    """Many pieces of code; what is held after a tenth of them, and at the end."""
    marks = []
    async with await Local(workers=2).open() as session:
        begun = time.perf_counter()
        for part in (snippets // 10, snippets - snippets // 10):

            async def client(count: int) -> None:
                await timed(count, lambda: output(session))

            await asyncio.gather(*(client(part // 3) for _ in range(3)))
            # Both may just have been replaced: have both running, and at rest.
            await asyncio.gather(*(session.run_python("import time; time.sleep(0.5)") for _ in range(2)))
            await asyncio.sleep(0.5)
            below = descendants(os.getpid())
            marks.append(
                {
                    "host_rss": resident(),
                    "workers_pss": proportional(below),
                    "descriptors": len(list(Path("/proc/self/fd").iterdir())),
                    "processes": len(below),
                }
            )
        return {
            "snippets": snippets,
            "seconds": time.perf_counter() - begun,
            "after_a_tenth": marks[0],
            "end": marks[1],
        }


async def output(session: LocalSession) -> bytes:
    return (await session.run_python(CODE)).stdout


async def staging(rounds: int) -> dict[str, float]:
    """Milliseconds of ``exec true`` in an empty workspace, and in one of many files."""
    with tempfile.TemporaryDirectory() as home:
        empty, full = Path(home, "empty"), Path(home, "full")
        empty.mkdir()
        try:
            for number in range(FILES):
                place = full / f"folder_{number // 100}" / f"file_{number}.txt"
                if number % 100 == 0:
                    place.parent.mkdir(parents=True)
                place.write_text(f"{number}\n")
        except OSError as error:
            raise no_room(error, Path(home)) from None
        async with await Local().open(empty) as first, await Local().open(full) as second:
            sessions = {"empty": first, "full": second}
            each: dict[str, list[float]] = {name: [] for name in sessions}
            for _ in range(3 * rounds):
                for name, session in sessions.items():
                    begun = time.perf_counter()
                    assert (await session.exec(["true"])).ok
                    each[name].append((time.perf_counter() - begun) * 1000)
        return {name: statistics.median(times) for name, times in each.items()}


def targets(
    found: dict[str, Lane], staged: dict[str, float], soaked: dict[str, Any]
) -> list[tuple[str, float, str, bool]]:
    """What was promised: words, the figure, the bound, and whether it is kept."""
    floor, warm, cold = found["fork floor"], found["Revet, warm"], found["Revet, cold"]
    rows = [
        ("warm / fork floor, median", warm.median / floor.median, "≤ 2.5", warm.median <= 2.5 * floor.median),
        ("cold / warm, median", cold.median / warm.median, "≥ 5", cold.median >= 5 * warm.median),
        ("warm / floor, pieces a second, 2 workers", warm.rate(2) / floor.rate(2), "≥ 0.57", False),
        (
            "staging 20,000 files, ms more",
            staged["full"] - staged["empty"],
            "< 50",
            staged["full"] - staged["empty"] < 50,
        ),
    ]
    rows[2] = (*rows[2][:3], rows[2][1] >= 0.57)
    docker = found.get("docker exec (SDK)")
    if docker is not None:
        rows.append(
            ("docker exec / warm, median", docker.median / warm.median, "≥ 25", docker.median >= 25 * warm.median)
        )
    if soaked:
        first, last = soaked["after_a_tenth"], soaked["end"]
        rows.append(("descriptors, end / after a tenth", last["descriptors"] / first["descriptors"], "≤ 1", False))
        rows[-1] = (*rows[-1][:3], last["descriptors"] <= first["descriptors"])
        grown = last["host_rss"] / first["host_rss"]
        rows.append(("host's memory, end / after a tenth", grown, "≤ 1.05", grown <= 1.05))
        if first["workers_pss"] and last["workers_pss"]:
            grown = last["workers_pss"] / first["workers_pss"]
            rows.append(("interpreters' memory, end / after a tenth", grown, "≤ 1.05", grown <= 1.05))
    return rows


async def measure(options: argparse.Namespace, told: Callable[[str], None]) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        found = await lanes(stack, options, told)
        for lane in found:  # once unmeasured: interpreters are started, files are read
            await lane.round(3)
            lane.latencies.clear()
            lane.rates = {1: [], 2: []}
        for number in range(options.rounds):
            told(f"round {number + 1} of {options.rounds}")
            for lane in found:
                await lane.round(options.snippets)
    told("memory, staging, soak")
    staged, kept = await staging(options.rounds), await memory(options.preload)
    soaked = await soak(options.soak) if options.soak else {}
    return {
        "lanes": [
            {"name": x.name, "isolation": x.isolation, "ms": x.median, "a_second": {n: x.rate(n) for n in (1, 2)}}
            for x in found
        ],
        "memory": kept,
        "staging_ms": staged,
        "soak": soaked,
        "targets": [
            {"what": what, "figure": figure, "bound": bound, "kept": good}
            for what, figure, bound, good in targets({lane.name: lane for lane in found}, staged, soaked)
        ],
    }


def show(console: Console, result: dict[str, Any]) -> None:
    table = Table(
        "", "isolation", "median\nms", "a second,\none client", "a second,\n2 workers", "× floor", title=f"{CODE}"
    )
    for column in table.columns[2:]:
        column.justify = "right"
    floor = result["lanes"][0]["ms"]
    for lane in result["lanes"]:
        rates = [f"{rate:.0f}" for rate in lane["a_second"].values()]
        table.add_row(lane["name"], lane["isolation"], f"{lane['ms']:.2f}", *rates, f"{lane['ms'] / floor:.2f}")
    console.print(table)
    kept, staged, soaked = result["memory"], result["staging_ms"], result["soak"]
    pss = kept["worker_pss"]
    console.print(f"one idle interpreter: {'not readable' if pss is None else f'{pss / 2**20:.1f} MiB'} (PSS),"
                  f" {kept['processes']} processes")  # fmt: skip
    console.print(
        f"exec true: {staged['empty']:.1f} ms in an empty workspace, {staged['full']:.1f} ms in {FILES:,} files"
    )
    if soaked:
        console.print(f"{soaked['snippets']:,} pieces in {soaked['seconds']:.0f} s: {soaked['after_a_tenth']} →"
                      f" {soaked['end']}")  # fmt: skip
    table = Table("promise", "figure", "bound", "", title="ratios in this run")
    for row in result["targets"]:
        table.add_row(row["what"], f"{row['figure']:.2f}", row["bound"], "kept" if row["kept"] else "missed")
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often each way has its turn")
    parser.add_argument("--snippets", type=int, default=100, help="pieces of code in a turn; slow ways get fewer")
    parser.add_argument("--soak", type=int, default=20_000, help="pieces of code for the test of growth; 0 for none")
    parser.add_argument(
        "--preload", nargs="*", default=[], metavar="MODULE", help="for warm interpreters and the floor"
    )
    parser.add_argument("--no-docker", action="store_true")
    parser.add_argument("--image", help="for docker exec; default: the one that `revet sandbox image` makes")
    parser.add_argument("--smolagents", default=sys.executable, help="a Python that has it")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    told = Console(stderr=True).print
    try:
        result = asyncio.run(measure(options, told))
    except HostError as error:
        told(f"error: {error}")
        return 1
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(Console(), result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
