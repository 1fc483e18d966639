"""The gate on repair runs: what is committed alone and beside others, the baseline, what the loop may not see."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.estimate import Estimate
from revet.evals.replay.ldb import open_suite
from revet.evals.trial import Trial

from .spying import ALSO_RIGHT, FAILS, FOUR, MARK, RIGHT, SQUARE, kept_in, spy_on, task, write

SET = "ldb_trajectories"


def attempt(code: str, visible: bool, hidden: bool, **more: Any) -> dict[str, Any]:
    wrong = f"AssertionError: {MARK}"
    verdicts = {"visible": "pass" if visible else wrong, "hidden": "pass" if hidden else wrong}
    return {"code": code, **verdicts, "feedback_shown": MARK, **more}


def runs(*given: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    told = {"task_id": "t/1", "model": "m", "orig_is_solved": MARK}
    return [{"run": f"r{n}", **told, "attempts": attempts, **more} for n, attempts in enumerate(given)]


def fill(folder: Path, rows: list[Any]) -> Source:
    write(folder, "code_tasks/humaneval", [task()])
    write(folder, "code_tasks/mbpp500", [task(task_id="t/2")])
    write(folder, f"{SET}/humaneval", rows)
    write(folder, f"{SET}/mbpp", runs([attempt(FAILS, False, False)], task_id="t/2"))
    return Source(folder)


async def played(source: Source, **options: Any) -> tuple[dict[str, Trial], dict[str, Estimate]]:
    player = await open_suite(source, options)
    try:
        trials = await asyncio.gather(*map(player.play, player.cases))
    finally:
        await player.close()
    return {t.case: t for t in trials}, {f.name: f for f in player.figures(trials)}


FOUR_RUNS = [
    [attempt(FAILS, False, False), attempt(FOUR, True, False)],
    [attempt(SQUARE, True, False)],
    [attempt(RIGHT, True, True)],
    [attempt(ALSO_RIGHT, True, True)],
]


@pytest.mark.sandbox
async def test_what_is_committed_alone_and_beside_others(tmp_path: Path) -> None:
    excluded = runs([attempt(RIGHT, True, True)], exclude=True, run="r9")
    trials, figures = await played(fill(tmp_path, [*runs(*FOUR_RUNS), *excluded]))
    assert [*trials] == ["r0:t/1", "r1:t/1", "r2:t/1", "r3:t/1", "r0:t/2"]
    # A constant is found by itself, the square only beside the others.
    assert [t.correct for t in trials.values()] == [None, None, True, True, None]
    assert [t.data["alone"] for t in trials.values()] == [None, False, True, True, None]
    assert [t.data["baseline"] for t in trials.values()] == [False, False, True, True, None]
    first = trials["r0:t/1"]
    assert [(t.accepted, t.correct) for t in first.turns] == [(False, False), (False, False)]
    assert (first.chosen, first.task, first.group) == (None, "t/1", "r0")
    assert [f"{figures[name].value:.2f}" for name in ("false_commits_fewer", "correct_commits_kept")] == ["1.00"] * 2
    assert (figures["false_commits_fewer_alone"].value, figures["abstention"].value) == (0.5, 0.6)
    assert (figures["baseline_false_commits"].value, figures["baseline_correct_commits"].value) == (0.4, 0.4)
    assert (figures["critic_precision"].value, figures["critic_recall"].value) == (1.0, 1.0)
    assert figures["accuracy"].n == 5


@pytest.mark.sandbox
async def test_alone_the_other_runs_are_not_asked(tmp_path: Path) -> None:
    trials, figures = await played(fill(tmp_path, runs(*FOUR_RUNS)), condition="alone", inputs=20)
    assert [t.correct for t in trials.values()] == [None, False, True, True, None]
    assert figures["false_commits_fewer"].value == 0.5 and "false_commits_fewer_alone" not in figures


@pytest.mark.sandbox
async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    source = fill(tmp_path / "data", runs(*FOUR_RUNS))
    trials, _ = await played(source, runs=str(tmp_path / "runs"))
    assert [t.correct for t in trials.values()] == [None, None, True, True, None]
    shown = "\n".join(spy.seen)
    assert "double(2) == 4" in shown and "return x * x" in shown  # it did look
    for told in (shown, kept_in(tmp_path / "runs")):
        assert MARK not in told and "hidden" not in told


@pytest.mark.sandbox
async def test_a_test_that_never_ends_fails_and_the_others_are_tested(tmp_path: Path) -> None:
    endless = RIGHT.replace("return x + x", "while x: pass")
    rows = runs([attempt(endless, False, False), attempt(RIGHT, True, True)], [attempt("def double(", False, False)])
    trials, _ = await played(fill(tmp_path, rows))
    assert [t.accepted for t in trials["r0:t/1"].turns] == [False, True]
    assert [t.accepted for t in trials["r1:t/1"].turns] == [False]


def test_figures_of_nothing(tmp_path: Path) -> None:
    player = asyncio.run(open_suite(fill(tmp_path, runs(*FOUR_RUNS)), {}))
    asyncio.run(player.close())
    figures = player.figures([])
    assert figures[0].name == "false_commits_fewer" and all(f.value is None and f.note for f in figures)


async def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    rows = runs([attempt(RIGHT, True, True)])
    player = await open_suite(fill(tmp_path, rows * 3), {})
    await player.close()
    assert player.cases == ("r0:t/1", "r0:t/1#2", "r0:t/1#3", "r0:t/2")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"task_id": "t/1", "run": "r", "attempts": {}}, "attempts must be list"),
        ({"task_id": "t/1", "run": "r", "attempts": []}, "attempts must be a list of objects that is not empty"),
        ({"task_id": "t/1", "run": "r", "attempts": [1]}, "attempts must be a list of objects"),
        ({"task_id": "t/1", "run": "r", "attempts": [{"code": "x", "visible": True}]}, "visible must be str"),
        ({"task_id": "t/1", "run": "r", "attempts": [{"code": "x", "visible": "pass"}]}, "hidden is missing"),
        ({"task_id": "t/1", "attempts": [attempt("x", True, True)]}, "run is missing"),
        ({"task_id": "t/9", "attempts": []}, "there is no task 't/9'"),
        ({"attempts": []}, "task_id is missing"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"humaneval\.dev\.jsonl: row 1: ") as error:
        await open_suite(fill(tmp_path, [row]), {})
    assert said in str(error.value)


async def test_another_split_and_options_that_there_are_not(tmp_path: Path) -> None:
    source = fill(tmp_path, runs(*FOUR_RUNS))
    with pytest.raises(InputError, match=r"no file .*humaneval\.test\.jsonl"):
        await open_suite(Source(tmp_path, "test"), {})
    for options, said in (({"seed": 1}, "seed: there is no such option"), ({"condition": "both"}, "condition: ")):
        with pytest.raises(InputError, match=said):
            await open_suite(source, options)


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_runs(shared: Path) -> None:
    player = await open_suite(Source(shared), {})
    try:
        cases = [case for case in player.cases if case.endswith((":HumanEval/0", ":HumanEval/10"))]
        trials = await asyncio.gather(*map(player.play, cases))
    finally:
        await player.close()
    assert trials and all(t.error is None and t.turns for t in trials)
    assert all(turn.correct is not None for t in trials for turn in t.turns)
