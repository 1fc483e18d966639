"""The counts of a batch: they add up, the rate is that of the last tasks, the expected end follows from both."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.report import Ended, Tally
from revet.report.tally import MARKS, PROBLEMS, REASONS, SMALL, WORDS, counted
from revet.schema import Run, RunOutcome, Usage
from revet.schema.record import Spent
from tests.report.samples import abstained, answered, asked, committed, task

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that is put forward by hand."""

    at: float = 1000.0
    made: list[Tally] = field(default_factory=list)

    def tally(self, total: int | None = None) -> Tally:
        return Tally(total, clock=lambda: self.at, now=lambda: NOON + timedelta(seconds=self.at - 1000.0))


def run_for(seconds: float, run: Run | None = None) -> Run:
    run = run or committed()
    return run.model_copy(update={"usage": run.usage.model_copy(update={"seconds": seconds})})


def one(name: str = "t", *, seconds: float = 1.0, again: bool = False) -> Ended:
    return Ended(task(name), run_for(seconds), again=again)


def test_what_became_of_tasks_is_counted_by_word() -> None:
    tally = Clock().tally(9)
    ends = [
        Ended(task("a"), committed()),
        Ended(task("b"), answered()),
        Ended(task("c"), abstained()),
        Ended(task("d"), asked()),
        Ended(task("e"), error=ValueError("boom")),
        Ended(task("f"), committed(), again=True),
        Ended(task("g"), skipped="the budget is spent"),
    ]
    for ended in ends:
        tally.started()
        if ended.skipped is not None:
            tally.in_flight -= 1
        tally.ended(ended)
    assert counted(tally.counts) == "2 committed, 1 answered, 1 abstained, 1 asked, 1 failed, 1 not run"
    assert (tally.done, tally.ok, tally.left, tally.again, tally.in_flight) == (7, 3, 2, 1, 0)
    assert [(problem.id, problem.outcome) for problem in tally.problems] == [
        ("c", "abstained"),
        ("d", "asked"),
        ("e", "failed"),
    ]
    assert tally.problems[0].run == abstained().id
    assert tally.reasons == {"the budget is spent": 1}
    assert [ended.task.id for ended in tally.first] == list("abcdefg")


def test_what_models_took_is_summed_but_not_that_of_earlier_batches() -> None:
    tally = Clock().tally()
    spent = Usage(
        rounds=2, seconds=1.0, roles={"proposer": Spent(calls=3, input_tokens=100, output_tokens=20, cost=0.5)}
    )
    run = committed().model_copy(update={"usage": spent})
    for again in (False, False, True):
        tally.ended(Ended(task(), run, again=again))
    assert (tally.rounds, tally.calls, tally.tokens, tally.cost) == (4, 6, 240, 1.0)


def test_a_task_that_was_never_begun_takes_none_out_of_flight() -> None:
    tally = Clock().tally(3)
    tally.started()
    tally.ended(Ended(task("bad-line"), error=ValueError("no JSON")), begun=False)
    tally.ended(Ended(task("rest"), skipped="the budget is spent"))
    assert tally.in_flight == 1


def test_the_ends_of_a_small_batch_are_kept_in_the_order_of_the_file() -> None:
    tally = Clock().tally(3)
    for place in (2, 0, 1):
        tally.ended(one(f"t{place}"), place)
    assert tally.small and [ended.task.id for ended in tally.first] == ["t0", "t1", "t2"]


def test_of_a_large_batch_no_ends_are_kept() -> None:
    for total in (None, SMALL + 1):
        tally = Clock().tally(total)
        for number in range(SMALL + 1):
            tally.ended(one(f"t{number}"), number)
        assert not tally.small and tally.first == []


def test_memory_does_not_grow_with_the_number_of_tasks() -> None:
    clock = Clock()
    tally = clock.tally(20_000)

    def some(begin: int) -> None:
        for number in range(begin, begin + 5_000):
            clock.at += 0.3
            tally.started()
            tally.ended(Ended(task(f"t{number}"), abstained() if number % 2 else None, skipped=f"why {number}"))
            tally.ended(Ended(task(f"u{number}"), error=ValueError(str(number))), begin)

    tracemalloc.start()
    some(0)
    before, _ = tracemalloc.get_traced_memory()
    some(5_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000, f"{grown} bytes more after 5,000 more tasks"
    assert (len(tally.problems), len(tally.reasons)) == (PROBLEMS, REASONS + 1)
    assert len(tally._marks) == MARKS


# --- rate and expected end ------------------------------------------------------------------------------


def test_nothing_is_said_before_anything_is_known() -> None:
    clock = Clock()
    tally = clock.tally(10)
    assert tally.rate is None and tally.expected_end is None
    clock.at += 3600
    assert tally.rate is None and tally.mean_rate is None and tally.expected_end is None


def test_the_rate_of_steady_tasks_is_known_from_the_start() -> None:
    clock = Clock()
    tally = clock.tally(1000)
    for number in range(500):
        tally.started()
        clock.at += 2.0
        tally.ended(one())
        assert tally.rate == pytest.approx(30)
        if number:
            assert tally.expected_end == NOON + timedelta(seconds=2000)


def test_with_many_at_once_no_end_is_told_before_the_first_wave_has_ended() -> None:
    clock = Clock()
    tally = clock.tally(640)
    for _ in range(64):
        tally.started()
    for wave in range(5):
        clock.at += 60.0
        for number in range(64):
            clock.at += 0.01
            tally.ended(one(seconds=60.0))
            tally.started()
            assert wave or number == 63 or tally.expected_end is None
    assert tally.rate == pytest.approx(64, rel=0.05)
    assert tally.expected_end is not None
    assert (tally.expected_end - NOON).total_seconds() == pytest.approx(600, rel=0.05)


def test_the_rate_follows_what_was_lately() -> None:
    clock = Clock()
    tally = clock.tally(100_000)
    for _ in range(2000):
        clock.at += 0.1
        tally.ended(one(seconds=0.1))
    assert tally.rate == pytest.approx(600, rel=0.05)
    for _ in range(400):
        clock.at += 0.4
        tally.ended(one(seconds=0.4))
    assert tally.rate == pytest.approx(150, rel=0.05)


def test_a_pause_is_soon_forgotten() -> None:
    clock = Clock()
    tally = clock.tally(10_000)
    for _ in range(200):
        clock.at += 1.0
        tally.ended(one())
    clock.at += 8 * 3600  # a person was asked, and had gone home
    assert tally.rate is not None and tally.rate > 30
    for _ in range(10):
        clock.at += 1.0
        tally.ended(one())
    assert tally.rate is not None and tally.rate > 30
    for _ in range(MARKS):
        clock.at += 1.0
        tally.ended(one())
    assert tally.rate == pytest.approx(60, rel=0.05)


def test_a_task_that_takes_long_is_no_pause() -> None:
    clock = Clock()
    tally = clock.tally(100)
    for _ in range(10):
        clock.at += 900.0
        tally.ended(one(seconds=900.0))
    assert tally.rate == pytest.approx(60 / 900)


def test_what_had_ended_before_does_not_count_for_the_rate() -> None:
    clock = Clock()
    tally = clock.tally(1000)
    for _ in range(500):
        clock.at += 0.05
        tally.ended(one(again=True))
    assert tally.rate is None
    for _ in range(10):
        tally.started()
        clock.at += 6.0
        tally.ended(one(seconds=6.0))
        tally.ended(one(again=True))
    assert tally.rate == pytest.approx(10)
    assert tally.mean_rate is not None and tally.mean_rate < 10


def test_time_stands_still_when_the_batch_has_ended() -> None:
    clock = Clock()
    tally = clock.tally(2)
    clock.at += 5.0
    tally.ended(one())
    tally.close()
    before = (tally.seconds, tally.rate, tally.ended_at, tally.summary())
    clock.at += 100.0
    tally.close()
    assert before == (tally.seconds, tally.rate, tally.ended_at, tally.summary())
    assert tally.seconds == 5.0 and tally.ended_at == NOON + timedelta(seconds=5)


def test_the_summary_is_json_with_every_outcome() -> None:
    tally = Clock().tally(3)
    tally.ended(Ended(task("a"), error=ValueError("boom \x1b[31m")))
    told = json.loads(json.dumps(tally.summary()))
    assert list(told["outcomes"]) == list(WORDS) and told["outcomes"]["failed"] == 1
    assert told["begun_at"] == "2026-03-04T12:00:00+00:00" and told["ended_at"] is None
    assert told["problems"] == [
        {"id": "a", "outcome": "failed", "why": "internal error: ValueError: boom", "run": None}
    ]


# --- the counts always add up ---------------------------------------------------------------------------

MADE = {
    RunOutcome.committed: committed,
    RunOutcome.answered: answered,
    RunOutcome.abstained: abstained,
    RunOutcome.asked: asked,
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "failed", "again", "not_run", "bad line", *MADE]),
        st.floats(min_value=0, max_value=1e6, allow_nan=False),
    ),
    max_size=200,
)


@given(total=st.none() | st.integers(min_value=0, max_value=300), steps=STEPS)
@settings(deadline=None)
def test_the_counts_add_up(total: int | None, steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    tally = clock.tally(total)
    begun = done = 0
    for step, seconds in steps:
        clock.at += seconds
        if step == "start":
            tally.started()
            begun += 1
        elif step == "not_run":
            tally.ended(Ended(task(), skipped="the budget is spent"))
            done += 1
        elif step == "bad line":
            tally.ended(Ended(task(), error=ValueError("x")), begun=False)
            done += 1
        elif begun:
            begun, done = begun - 1, done + 1
            if step == "failed":
                tally.ended(Ended(task(), error=ValueError("x")))
            else:
                tally.ended(Ended(task(), MADE.get(step, committed)(), again=step == "again"))
        assert tally.done == done == sum(tally.summary()["outcomes"].values())
        assert tally.in_flight == begun
        assert tally.ok + tally.counts["not_run"] + len(tally.problems) == done or len(tally.problems) == PROBLEMS
        assert sum(tally.reasons.values()) == tally.counts["not_run"]
        assert tally.rate is None or tally.rate > 0
        assert tally.left is None or tally.left >= 0
        assert tally.small == (max(total or 0, done) <= SMALL)
        assert len(tally.first) == (done if tally.small else 0)
        end = tally.expected_end
        assert end is None or (total is not None and end > NOON and tally.left)
