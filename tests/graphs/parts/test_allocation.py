"""One budget over many tasks: who gets the next sample, that no more is handed out, and runs that share it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent, vote_many
from revet.graphs.parts.allocation import RANKS, Allocation, Asking, Rank, blend, gain, least_settled
from revet.schema import Critique, Draft, RunOutcome, Task
from revet.tools.base import View

VOTES = st.lists(st.lists(st.integers(0, 20), max_size=4), min_size=1, max_size=6)


def asking(*votes: list[int]) -> list[Asking]:
    return [Asking(each, sum(each)) for each in votes]


@settings(deadline=None)
@given(VOTES, st.floats(0, 1), st.sampled_from([*RANKS]))
def test_the_least_settled_is_next(votes: list[list[int]], used: float, rank: Rank) -> None:
    place, measure = least_settled(asking(*votes), used, rank), RANKS[rank]
    values = [measure(each, sum(each), used) for each in votes]
    assert all(0 <= value <= 1 for value in values)
    assert sum(votes[place]) == 0 or values[place] == max(values)


@pytest.mark.parametrize("rank", [*RANKS])
def test_a_task_without_a_sample_comes_first_and_a_close_vote_before_a_clear_one(rank: Rank) -> None:
    assert least_settled(asking([1], [], [3, 3]), 0.5, rank) == 1
    assert least_settled(asking([9], [5, 4], [8, 1]), 0.0, rank) == 1
    assert least_settled(asking([4], [4]), 0.3, rank) == 0


def test_a_task_of_which_every_sample_was_refused_does_not_take_all() -> None:
    assert least_settled([Asking([], 20), Asking([2, 1], 3)], 0.5) == 1


def test_the_weight_of_the_blend_moves_from_the_one_measure_to_the_other() -> None:
    assert blend([3], 3, 0.0) == pytest.approx(1 / 16)
    assert blend([3], 3, 1.0) == pytest.approx(4 / 8)


def test_a_vote_that_is_tied_for_good_is_not_fed_without_end() -> None:
    assert gain([20, 20], 40) < gain([2, 1], 3) and blend([20, 20], 40, 0.5) > blend([2, 1], 3, 0.5)


async def drawn(budget: int, answers: Mapping[str, Sequence[str]], jobs: int = 1) -> tuple[Allocation, list[str]]:
    """Tasks that draw their answers for as long as they may; and in which order they got their turns."""
    allocation, order = Allocation([*answers], budget, jobs=jobs), list[str]()

    async def one(task: str) -> None:
        votes: dict[str, int] = {}
        for made, answer in enumerate(answers[task]):
            if not await allocation.turn(task, [*votes.values()], made):
                break
            order.append(task)
            await asyncio.sleep(0)
            votes[answer] = votes.get(answer, 0) + 1
        allocation.leave(task)

    await asyncio.gather(*map(one, answers))
    return allocation, order


async def test_the_contested_task_gets_the_samples() -> None:
    allocation, order = await drawn(20, {"clear": "a" * 99, "close": "ab" * 50})
    assert allocation.spent == 20 == len(order)
    assert order[:2] == ["clear", "close"] and allocation.given["close"] > 3 * allocation.given["clear"]


async def test_what_a_task_does_not_use_is_for_the_others() -> None:
    allocation, _ = await drawn(30, {"short": "ab", "long": "a" * 99})
    assert allocation.given == {"short": 2, "long": 28}


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 4), st.lists(st.text("ab", max_size=15), min_size=1, max_size=5))
def test_no_more_than_the_budget_is_handed_out(budget: int, jobs: int, said: list[str]) -> None:
    answers = {str(number): each for number, each in enumerate(said)}
    allocation, order = asyncio.run(drawn(budget, answers, jobs))
    assert len(order) == allocation.spent == min(budget, sum(map(len, said)))
    if jobs == 1:
        assert asyncio.run(drawn(budget, answers, jobs))[1] == order


class Tape:
    """Gives the drafts of the task at hand, one a round."""

    name = "tape"

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said, self.asked = said, list[str]()

    async def propose(self, view: View) -> Draft:
        self.asked.append(str(view.task.id))
        return await Scripted([Draft(author="tape", answer=each) for each in self.said[str(view.task.id)]]).propose(
            view
        )

    async def revise(self, view: View, critique: Critique) -> Draft:
        raise AssertionError("nobody revises")


def voting(said: Mapping[str, str], folder: Path, **options: Any) -> tuple[Agent, Tape]:
    tape = Tape(said)
    return Agent(tape, recipe="vote", tools=[], options=options, sandbox=None, store=folder / "store"), tape


def tasks(said: Mapping[str, str]) -> list[Task]:
    return [Task(id=each, goal=f"question {each}") for each in said]


SAID = {"clear": "a" * 60, "close": "abba" * 15, "other": "c" * 60}


async def test_many_tasks_share_one_budget(tmp_path: Path) -> None:
    agent, tape = voting(SAID, tmp_path)
    runs = await vote_many(agent, tasks(SAID), budget=30)
    assert [run.outcome for run in runs] == [RunOutcome.answered] * 3
    assert [run.answer for run in runs[::2]] == ["a", "c"] and runs[1].answer in ("a", "b")
    assert len(tape.asked) == 30 and tape.asked[:3] == ["clear", "close", "other"]
    assert tape.asked.count("close") > 18
    assert all(agent.store.get(run.id).outcome is RunOutcome.answered for run in runs)


async def test_early_leaves_what_is_settled(tmp_path: Path) -> None:
    agent, tape = voting({"one": "a" * 60, "two": "b" * 60}, tmp_path)
    await vote_many(agent, tasks({"one": "", "two": ""}), budget=60, early=True)
    assert tape.asked.count("one") == tape.asked.count("two") == 4  # as the recipe stops by itself


async def test_only_samples_count_towards_the_budget(tmp_path: Path) -> None:
    said = {"one": "a" * 60, "two": "b" * 60, "open": "ab" * 30}
    agent, tape = voting(said, tmp_path, samples=10)
    await vote_many(agent, tasks(said), budget=18, early=True)
    assert {each: tape.asked.count(each) for each in said} == {"one": 4, "two": 4, "open": 10}


async def test_no_task_gets_more_than_its_samples(tmp_path: Path) -> None:
    agent, tape = voting(SAID, tmp_path, samples=5)
    await vote_many(agent, tasks(SAID), budget=60)
    assert all(tape.asked.count(each) == 5 for each in SAID)


async def test_runs_that_ended_count_when_the_batch_is_run_again(tmp_path: Path) -> None:
    agent, tape = voting(SAID, tmp_path)
    names = ["r-1", "r-2", "r-3"]
    first = await vote_many(agent, tasks(SAID), budget=12, run_ids=names)
    again = await vote_many(agent, tasks(SAID), budget=12, run_ids=names)
    assert len(tape.asked) == 12
    assert [run.answer for run in again] == [run.answer for run in first]


async def test_what_is_no_vote_is_refused(tmp_path: Path) -> None:
    agent, _ = voting(SAID, tmp_path)
    with pytest.raises(InputError, match="too small for 3 tasks"):
        await vote_many(agent, tasks(SAID), budget=2)
    with pytest.raises(InputError, match="no run twice"):
        await vote_many(agent, tasks(SAID), budget=9, run_ids=["r", "r", "s"])
    with pytest.raises(InputError, match="for an agent that samples"):
        await vote_many(Agent(Scripted([]), store=tmp_path / "store"), [], budget=9)
