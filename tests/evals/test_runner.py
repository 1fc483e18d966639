"""The runner: every case once, kept as it comes, gone on with after any end; faults and refusals told apart."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError, RevetError, StoreError
from revet.evals.evaluation import Evaluation, Evaluations
from revet.evals.playing import Here, Plays, Workers
from revet.evals.runner import Order, Played, Runner
from revet.evals.trial import Trial
from revet.store import ResultStore
from tests.evals.fake_suite import KNOWN

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers find the suite of the tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@dataclass
class Heard:
    """Keeps what it is told."""

    done: list[int] = field(default_factory=list)
    refusals: list[RevetError] = field(default_factory=list)
    ended_ones: list[Played] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    def opened(self, order: Order, evaluation: Evaluation, done: int, figures: Sequence[str]) -> None:
        assert figures == ["accuracy", "false_commits"]
        self.done.append(done)

    def played(self, evaluation: Evaluation, trial: Trial, done: int) -> None:
        self.trials.append(trial)

    def ended(self, played: Played) -> None:
        self.ended_ones.append(played)

    def refused(self, order: Order, error: RevetError) -> None:
        self.refusals.append(error)


def order(name: str = "fake", limit: int | None = None, **options: Any) -> Order:
    return Order(name, known=KNOWN.model_copy(update={"name": name}), options=options, limit=limit)


async def run(
    folder: Path, *orders: Order, plays: Plays | None = None, jobs: int = 2, resume: bool = False
) -> tuple[list[Played], Heard]:
    heard = Heard()
    runner = Runner(plays or Here(), Evaluations(ResultStore(folder)), heard, jobs=jobs, resume=resume)
    return await runner.run(orders), heard


async def test_every_case_is_played_once_and_kept_with_the_figures(tmp_path: Path) -> None:
    (played,), heard = await run(tmp_path, order(cases=5))
    assert [trial.case for trial in played.trials] == [f"case-{n}" for n in range(5)]
    assert heard.done == [0] and heard.ended_ones == [played] and not heard.refusals
    evaluations = Evaluations(ResultStore(tmp_path))
    kept = evaluations.get("fake")
    assert kept == played.evaluation and kept.ended_at is not None
    assert evaluations.trials(kept) == list(played.trials)
    figure = kept.figure("accuracy")
    assert figure is not None and figure.value == pytest.approx(0.6) and figure.n == 5
    assert not list(tmp_path.glob("playing-*"))


async def test_a_limit_is_spread_over_the_suite(tmp_path: Path) -> None:
    (played,), _ = await run(tmp_path, order(cases=10, limit=3))
    assert [trial.case for trial in played.trials] == ["case-0", "case-3", "case-6"]


async def test_what_a_case_raises_is_kept_with_it_and_the_others_go_on(tmp_path: Path) -> None:
    (played,), _ = await run(tmp_path, order(cases=4, raises=1))
    assert [trial.error for trial in played.trials] == [None, "ValueError: a fault", None, None]


@pytest.mark.parametrize("workers", [False, True])
async def test_what_the_user_has_to_mend_ends_the_suite_and_not_the_others(tmp_path: Path, workers: bool) -> None:
    plays = Workers(1) if workers else Here()
    done, heard = await run(tmp_path, order(refuses=2), order("other", bad=1), order("third", cases=2), plays=plays)
    assert [played.evaluation.suite for played in done] == ["third"]
    assert len(heard.refusals) == 2 and all(isinstance(error, InputError) for error in heard.refusals)
    assert any("row 3: there is no field x" in str(error) for error in heard.refusals)


async def test_a_suite_without_cases_is_refused(tmp_path: Path) -> None:
    done, heard = await run(tmp_path, order(cases=0))
    assert done == [] and "has no cases" in str(heard.refusals[0])


async def test_workers_share_the_cases_of_several_suites(tmp_path: Path) -> None:
    log = tmp_path / "log"
    orders = [order("one", cases=6, log=str(log), seconds=0.05), order("two", cases=6, log=str(log), seconds=0.05)]
    done, _ = await run(tmp_path, *orders, plays=Workers(2), jobs=4)
    assert [len(played.trials) for played in done] == [6, 6]
    assert all(trial.error is None for played in done for trial in played.trials)
    processes = Counter(line.split()[1] for line in log.read_text().splitlines())
    assert processes.total() == 12 and len(processes) == 2 and str(os.getpid()) not in processes


async def test_a_worker_that_dies_takes_its_case_along_and_another_one_goes_on(tmp_path: Path) -> None:
    (played,), _ = await run(tmp_path, order(cases=5, dies=2), plays=Workers(1), jobs=1)
    errors = [trial.error for trial in played.trials]
    assert [error is None for error in errors] == [True, True, False, True, True]
    assert "ended (9)" in str(errors[2])


async def test_what_ended_is_not_played_again_when_it_is_resumed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (first,), _ = await run(tmp_path, order(log=str(log)))
    (second,), heard = await run(tmp_path, order(log=str(log)), resume=True)
    assert second.again and second.evaluation == first.evaluation and list(second.trials) == list(first.trials)
    assert heard.trials == [] and len(log.read_text().splitlines()) == 6
    (third,), _ = await run(tmp_path, order(log=str(log)))
    assert third.evaluation.id != first.evaluation.id and not third.again


async def test_only_the_same_suite_with_the_same_options_is_gone_on_with(tmp_path: Path) -> None:
    (first,), _ = await run(tmp_path, order(right=1))
    (other,), _ = await run(tmp_path, order(right=2), resume=True)
    assert not other.again and other.evaluation.id != first.evaluation.id
    (fewer,), _ = await run(tmp_path, order(right=1, limit=2), resume=True)
    assert not fewer.again


async def test_what_was_played_on_other_files_of_the_user_is_not_gone_on_with(tmp_path: Path) -> None:
    """An option names a file: with another content, the trials that are kept are about something else."""
    answers = tmp_path / "answers.jsonl"
    given = Order("fake", known=KNOWN.model_copy(update={"files": ("answers",)}), options={"answers": str(answers)})
    ids = []
    for content in ("one", "one", "two"):
        answers.write_text(content, encoding="utf-8")
        (played,), _ = await run(tmp_path / "out", given, resume=True)
        ids.append((played.evaluation.id, played.again))
    assert ids[0][0] == ids[1][0] != ids[2][0] and [again for _, again in ids] == [False, True, False]


async def test_what_is_cancelled_keeps_its_trials_and_goes_on_with_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    going = order(cases=20, seconds=0.05, log=str(log))
    task = asyncio.create_task(run(tmp_path, going))
    while not log.exists() or len(log.read_text().splitlines()) < 5:  # noqa: ASYNC110 - cases have no event to set
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    evaluations = Evaluations(ResultStore(tmp_path))
    stopped = evaluations.get("fake")
    assert stopped.ended_at is None and stopped.seconds > 0
    kept = {trial.case for trial in evaluations.trials(stopped)}
    assert kept == {line.split()[0] for line in log.read_text().splitlines()}
    (played,), heard = await run(tmp_path, going, resume=True)
    assert played.evaluation.id == stopped.id and heard.done == [len(kept)] and len(played.trials) == 20
    assert set(Counter(line.split()[0] for line in log.read_text().splitlines()).values()) == {1}


async def test_cases_that_broke_off_are_played_again(tmp_path: Path) -> None:
    evaluations = Evaluations(ResultStore(tmp_path))
    (first,), _ = await run(tmp_path, order(cases=3))
    broken = Trial(case="case-1", task="case-1", error="the sandbox broke")
    evaluations.add(first.evaluation, [(1, broken)])
    evaluations.save(first.evaluation.model_copy(update={"ended_at": None}))
    (played,), heard = await run(tmp_path, order(cases=3), resume=True)
    assert heard.done == [2] and [trial.case for trial in heard.trials] == ["case-1"]
    assert list(played.trials) == list(first.trials)


async def test_one_process_at_a_time_plays_an_evaluation(tmp_path: Path) -> None:
    evaluations = Evaluations(ResultStore(tmp_path))
    (first,), _ = await run(tmp_path, order())
    open_again = first.evaluation.model_copy(update={"ended_at": None})
    evaluations.save(open_again)
    with evaluations.playing(open_again):
        done, heard = await run(tmp_path, order(), resume=True)
        assert done == [] and "played by another process" in str(heard.refusals[0])
        with pytest.raises(StoreError), evaluations.playing(open_again):
            pass


PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from revet.evals.evaluation import Evaluations
    from revet.evals.playing import Workers
    from revet.evals.runner import Runner
    from revet.store import ResultStore
    from tests.evals.test_runner import Heard, order

    folder = Path(sys.argv[1])
    name = sys.argv[2]

    async def main():
        runner = Runner(Workers(2), Evaluations(ResultStore(folder)), Heard(), jobs=4, resume=True)
        await runner.run([order(name, cases=40, seconds=0.05, log=str(folder / f"log-{name}"))])

    asyncio.run(main())
"""


def start(folder: Path, name: str = "fake") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), name])


def played_in(folder: Path, name: str = "fake") -> list[str]:
    log = folder / f"log-{name}"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def test_after_kill_9_no_kept_trial_is_played_twice_and_none_is_lost(tmp_path: Path) -> None:
    process = start(tmp_path)
    while len(played_in(tmp_path)) < 8:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    workers = {int(line.split()[1]) for line in (tmp_path / "log-fake").read_text().splitlines()}
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.05)
        assert time.monotonic() < deadline, "the workers outlive the process that started them"
    evaluations = Evaluations(ResultStore(tmp_path))
    kept = {trial.case for trial in evaluations.trials(evaluations.get("fake"))}
    before = played_in(tmp_path)
    # Those that were in play when the process was killed may have ended after it, unheard.
    assert kept <= set(before) and len(set(before) - kept) <= 4 + 4
    assert start(tmp_path).wait() == 0
    ended = evaluations.get("fake")
    assert ended.ended_at is not None
    assert [trial.case for trial in evaluations.trials(ended)] == [f"case-{n}" for n in range(40)]
    again = Counter(played_in(tmp_path)[len(before) :])
    assert not kept & set(again) and set(again.values()) == {1}
    assert len(evaluations.newest(9)) == 1


def test_two_processes_use_one_store_at_the_same_time(tmp_path: Path) -> None:
    processes = [start(tmp_path, name) for name in ("one", "two")]
    assert [process.wait() for process in processes] == [0, 0]
    evaluations = Evaluations(ResultStore(tmp_path))
    for name in ("one", "two"):
        ended = evaluations.get(name)
        assert ended.ended_at is not None and len(evaluations.trials(ended)) == 40
        assert sorted(played_in(tmp_path, name)) == sorted(f"case-{n}" for n in range(40))


async def test_a_fault_of_a_suite_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    done, heard = await run(tmp_path, order(faulty=1), order("other", cases=2))
    assert [played.evaluation.suite for played in done] == ["other"]
    assert "a fault of the suite itself: ZeroDivisionError" in str(heard.refusals[0])


async def test_what_is_refused_when_it_is_opened_leaves_nothing(tmp_path: Path) -> None:
    class Picky(Heard):
        def opened(self, order: Order, evaluation: Evaluation, done: int, figures: Sequence[str]) -> None:
            raise InputError("no such figure")

    heard = Picky()
    await Runner(Here(), Evaluations(ResultStore(tmp_path)), heard).run([order()])
    assert len(heard.refusals) == 1 and Evaluations(ResultStore(tmp_path)).newest(5) == []
