"""Batches as streams: order, limits, one end for each task, whatever they do; what ends all of them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.batch import Results, Totals
from revet.errors import RunBusy, StoreError, TaskFileError, WorkspaceBusy
from revet.report import Ended, Tally
from revet.schema import RunOutcome
from revet.taskfile import BadEntry, Entry
from revet.taskfile._problems import TaskFileErrors
from tests.batch.world import Agents, MemoryStore, Quiet, batch_of, entry, run_of, touch

OUTCOMES = {
    "commit": "committed",
    "abstain": "abstained",
    "raise": "failed",
    "fault": "failed",
    "cancel": "failed",
    "hang": "committed",
}
TASKS = st.lists(
    st.tuples(
        st.sampled_from([None, "/a", "/a/b", "/a/b/c", "/d", "/e", "/f"]), st.sampled_from([*OUTCOMES, "commit"])
    ),
    max_size=24,
)


def bad(name: str, line: int) -> BadEntry:
    return BadEntry(name, line, TaskFileErrors([TaskFileError("is no task", file="t.jsonl", line=line)]))


# --- whatever the tasks do ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(tasks=TASKS, jobs=st.integers(1, 5))
def test_every_task_ends_once_in_order_and_apart(tasks: list[tuple[str | None, str]], jobs: int) -> None:
    entries = [entry(f"t{number}", workspace) for number, (workspace, _) in enumerate(tasks)]
    script = {f"t{number}": todo for number, (_, todo) in enumerate(tasks)}

    async def play() -> tuple[Agents, Quiet, Tally]:
        store = MemoryStore()
        agents, shown = Agents(store, script), Quiet()
        batch = batch_of(entries, store, agents, shown, jobs=jobs)
        asyncio.get_running_loop().call_later(0.02, agents.go.set)
        await batch.run()
        assert batch.broken is None and not batch._entries and not batch._courses and not len(batch._held)
        return agents, shown, batch.tally

    agents, shown, tally = asyncio.run(play())
    assert sorted(ended.task.id for ended in shown.told) == sorted(script)
    assert {ended.task.id: ended.word for ended in shown.told} == {n: OUTCOMES[todo] for n, todo in script.items()}
    assert not agents.clashes and agents.most <= jobs and not agents.running
    assert sorted(agents.log) == sorted(script), "each was run once"
    begun = {name: place for place, name in enumerate(agents.log)}
    for one, (workspace, _) in enumerate(tasks):
        for other in range(one):
            if touch(tasks[other][0], workspace):
                assert begun[f"t{other}"] < begun[f"t{one}"], "in the file's order on one workspace"
    assert tally.done == len(tasks) and tally.in_flight == 0 and tally.waiting == 0


@settings(deadline=None, max_examples=40)
@given(tasks=TASKS, jobs=st.integers(1, 5), after=st.integers(0, 24), kill=st.booleans())
def test_stopped_and_gone_on_with(tasks: list[tuple[str | None, str]], jobs: int, after: int, kill: bool) -> None:
    """Cancelled after some tasks, or killed (the results file is left as it is): then --resume."""
    entries = [entry(f"t{number}", workspace) for number, (workspace, _) in enumerate(tasks)]
    script = {f"t{number}": todo for number, (_, todo) in enumerate(tasks)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        store, commits = MemoryStore(), dict[str, int]()

        class Stops(Quiet):
            def ended(self, ended: Ended) -> None:
                super().ended(ended)
                if self.count >= after and running:
                    running[0].cancel()

        running: list[asyncio.Task[Any]] = []

        async def play(resume: bool) -> Quiet:
            agents = Agents(store, script, commits=commits)
            shown = Quiet() if resume else Stops()
            results = Results(path, resume=resume)
            batch = batch_of(entries, store, agents, shown, jobs=jobs, resume=resume, results=results)
            asyncio.get_running_loop().call_later(0.01, agents.go.set)
            if not resume:
                running.append(asyncio.ensure_future(batch.run()))
                await asyncio.wait(running)
                running.clear()
            else:
                await batch.run()
                assert batch.broken is None
            return shown

        first = asyncio.run(play(resume=False))
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        assert [json.loads(line)["id"] for line in lines] == [ended.task.id for ended in first.told]
        if kill and lines:
            path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-3])
        second = asyncio.run(play(resume=True))
        found = [json.loads(line) for line in path.read_text().splitlines()] if tasks else []
        assert sorted(line["id"] for line in found) == sorted(script)
        assert {line["id"]: line["outcome"] for line in found} == {n: OUTCOMES[todo] for n, todo in script.items()}
        assert sorted(ended.task.id for ended in second.told) == sorted(script)
        assert set(commits.values()) <= {1}, "nothing was committed twice"


async def test_no_more_is_read_than_needed() -> None:
    store, read = MemoryStore(), 0

    def tasks() -> Iterator[Entry]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield entry(f"t{number}", "/same" if number % 2 else f"/w{number}")

    agents = Agents(store, {f"t{number}": "hang" for number in range(10_000)})
    batch = batch_of(tasks(), store, agents, Quiet(keep=False), jobs=3)
    running = asyncio.create_task(batch.run())
    await asyncio.sleep(0.2)
    assert len(agents.running) == 3 and read <= 64 + 3
    running.cancel()
    await asyncio.wait({running})
    assert read <= 64 + 3 and len(batch.begun) == 3


async def test_a_slow_stream_keeps_nobody_waiting() -> None:
    store = MemoryStore()

    def tasks() -> Iterator[Entry]:
        yield entry("first")
        time.sleep(0.3)
        yield entry("second")

    longest, last = 0.0, time.monotonic()

    async def beat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    beating = asyncio.create_task(beat())
    batch = batch_of(tasks(), store, Agents(store))
    await batch.run()
    beating.cancel()
    assert batch.tally.ok == 2 and longest < 0.25


# --- what is bad ends alone; what is everybody's ends all -------------------------------------------------------


async def test_bad_lines_fail_in_their_place(tmp_path: Path) -> None:
    store, shown = MemoryStore(), Quiet()
    results = Results(tmp_path / "r.jsonl")
    batch = batch_of([entry("a"), bad("line-2", 2), entry("c")], store, Agents(store), shown, results=results)
    await batch.run()
    found = {line["id"]: line for line in map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())}
    assert {name: line["outcome"] for name, line in found.items()} == {
        "a": "committed",
        "line-2": "failed",
        "c": "committed",
    }
    assert "t.jsonl:2: is no task" in found["line-2"]["error"]
    assert batch.refused == 1 and batch.tally.in_flight == 0


async def test_a_stream_that_breaks_ends_the_batch() -> None:
    store, shown = MemoryStore(), Quiet()

    def tasks() -> Iterator[Entry]:
        yield entry("a")
        raise StoreError("the file was changed")

    batch = batch_of(tasks(), store, Agents(store), shown)
    await batch.run()
    assert isinstance(batch.broken, StoreError) and "was changed" in str(batch.broken)


class Breaks(Agents):
    """The second task finds the store broken."""

    def __call__(self, settings: Any, store: Any) -> Any:
        if self.log:
            try:
                raise sqlite3.OperationalError("database or disk is full")
            except sqlite3.OperationalError as error:
                raise StoreError("the store x/runs.db cannot be used: database or disk is full") from error
        return super().__call__(settings, store)


async def test_a_broken_store_ends_the_batch_and_what_ended_stays(tmp_path: Path) -> None:
    store, shown = MemoryStore(), Quiet()
    agents = Breaks(store, {"a": "commit", "c": "hang"})
    tasks = [entry(name) for name in "abcdefgh"]
    batch = batch_of(tasks, store, agents, shown, results=Results(tmp_path / "r.jsonl"))
    await batch.run()
    assert [ended.task.id for ended in shown.told] == ["a"]
    assert batch.broken is not None and "disk is full" in str(batch.broken)
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 1
    again = batch_of(
        tasks, store, Agents(store), shown, results=Results(tmp_path / "r.jsonl", resume=True), resume=True
    )
    await again.run()
    assert again.tally.again == 1 and again.tally.ok == 8
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 8


async def test_what_the_store_says_of_one_run_ends_that_task_alone() -> None:
    store = MemoryStore()

    class Odd(Agents):
        def __call__(self, settings: Any, store: Any) -> Any:
            if not self.settings:
                self.settings["x"] = settings
                raise StoreError("run a-1 lacks a part")
            return super().__call__(settings, store)

    batch = batch_of([entry("a"), entry("b")], store, Odd(store))
    await batch.run()
    assert batch.broken is None and +batch.tally.counts == {"failed": 1, "committed": 1}


# --- what the whole batch may take ---------------------------------------------------------------------------


class Coins:
    """Spent after some tasks."""

    def __init__(self, agents: Agents, tasks: int) -> None:
        self.agents, self.tasks = agents, tasks

    @property
    def spent(self) -> str | None:
        return "the tokens are spent" if len(self.agents.log) >= self.tasks else None


async def test_the_rest_of_a_large_batch_is_not_run_and_quickly_said(tmp_path: Path) -> None:
    store = MemoryStore()
    agents, shown = Agents(store), Quiet(keep=False)
    tasks = (entry(f"t{number}") if number % 100 else bad(f"line-{number}", number) for number in range(20_000))
    batch = batch_of(tasks, store, agents, shown, purse=Coins(agents, 5), results=Results(tmp_path / "r.jsonl"))
    start = time.monotonic()
    await batch.run()
    assert time.monotonic() - start < 20
    assert (batch.tally.ok, batch.tally.counts["not_run"], batch.refused) == (5, 19_795, 200)
    assert shown.count == 20_000
    with (tmp_path / "r.jsonl").open() as lines:
        kinds = [json.loads(line) for line in lines]
    assert len(kinds) == 20_000 and {line.get("error") for line in kinds if line["outcome"] == "not_run"} == {
        "the tokens are spent"
    }


async def test_the_time_of_the_batch_bounds_each_task() -> None:
    store = MemoryStore()
    agents = Agents(store, {"b": "hang"}, seconds=0.05)
    tasks = [entry("a", seconds=0.5), entry("b", seconds=600), entry("c")]
    batch = batch_of(tasks, store, agents, totals=Totals(seconds=0.4))
    asyncio.get_running_loop().call_later(0.6, agents.go.set)
    await batch.run()
    assert +batch.tally.counts == {"committed": 2, "not_run": 1}
    assert agents.settings["a"].seconds == pytest.approx(0.4, abs=0.1)
    assert agents.settings["b"].seconds == pytest.approx(0.35, abs=0.1)
    assert "seconds" in agents.settings["b"].model_fields_set
    assert list(batch.tally.reasons) == ["the batch's time is over (0.4 s; --total-seconds)"]


async def test_what_ended_well_before_is_told_though_all_is_spent(tmp_path: Path) -> None:
    store, tasks = MemoryStore(), [entry(name) for name in "abc"]
    await batch_of(tasks[1:2], store, Agents(store), results=Results(tmp_path / "r.jsonl")).run()
    agents, shown = Agents(store), Quiet()
    results = Results(tmp_path / "r.jsonl", resume=True)
    await batch_of(tasks, store, agents, shown, purse=Coins(agents, 0), resume=True, results=results).run()
    told = sorted((ended.task.id, ended.word) for ended in shown.told)
    assert told == [("a", "not_run"), ("b", "committed"), ("c", "not_run")]
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 3


# --- what somebody else has ----------------------------------------------------------------------------------


async def test_a_task_that_another_process_has_is_put_aside_and_the_others_go_on() -> None:
    store, shown = MemoryStore(), Quiet()
    agents = Agents(store)
    store.others = {"a", "c"}
    tasks = [entry("a", "/a"), entry("b", "/b"), entry("c", "/c"), entry("a2", "/a")]
    batch = batch_of(tasks, store, agents, shown, resume=True)
    running = asyncio.create_task(batch.run())
    await asyncio.sleep(0.3)
    assert agents.log == ["b"] and batch.tally.waiting == 3 and batch.tally.in_flight == 0
    assert [event.type for event in shown.heards].count("progressed") == 2, "it is said once of each"
    store.save(run_of("c-other", tasks[2].task, RunOutcome.committed))
    store.others.clear()
    await running
    assert agents.log == ["b", "a", "a2"], "c was done by the other process"
    assert batch.tally.again == 1 and batch.tally.ok == 4


async def test_what_another_process_took_over_counts_as_it_ends_there() -> None:
    """This one was cut off from the database for longer than its lease; the other one went on with the run."""
    store, shown = MemoryStore(), Quiet()

    class Cut(Agents):
        def __call__(self, settings: Any, store: Any) -> Any:
            self.store.lost_keys.add("a")
            self.store.save(run_of("a-other", entry("a").task, RunOutcome.committed))
            raise StoreError("task a: another one took over")

    agents = Cut(store)
    asyncio.get_running_loop().call_later(0.2, store.lost_keys.clear)
    batch = batch_of([entry("a")], store, agents, shown)
    await batch.run()
    assert [(ended.again, ended.run and ended.run.id) for ended in shown.told] == [(True, "a-other")]
    assert batch.tally.in_flight == 0 and batch.broken is None


@pytest.mark.parametrize(
    "error",
    [
        WorkspaceBusy("workspace /a is in use by another run", hint="wait until it has ended"),
        RunBusy("another process is at work on run a-1", hint="wait until it has ended"),
    ],
    ids=["workspace", "run"],
)
async def test_a_workspace_that_is_busy_is_waited_for(error: Exception) -> None:
    store, shown = MemoryStore(), Quiet()

    class Busy(Agents):
        tries = 0

        def __call__(self, settings: Any, store: Any) -> Any:
            self.tries += 1
            if self.tries == 1:
                raise error
            return super().__call__(settings, store)

    agents = Busy(store)
    batch = batch_of([entry("a", "/a"), entry("b", "/a"), entry("c", "/c")], store, agents, shown)
    await batch.run()
    assert agents.log == ["c", "a", "b"] and batch.tally.ok == 3 and batch.tally.in_flight == 0
    (said,) = [event for event in shown.heards if event.type == "progressed"]
    assert said.data == {"why": str(error).partition("\n")[0]}
