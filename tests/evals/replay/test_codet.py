"""One of several samples, chosen by the loop: by behaviour, by votes, or the first; what the loop may not see."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.estimate import Estimate
from revet.evals.replay.codet import open_suite
from revet.evals.trial import Trial

from .spying import MARK, kept_in, spy_on, task, write

SET, NAME = "codet_humaneval", "codegen16b_20samples"
SQUARE, FOUR, FAILS = "    return x * x\n", "    return 4\n", "    return x\n"
RIGHT, ALSO_RIGHT = "    return x + x\n", "    return 2 * x\n"


def row(*bodies: str, **more: Any) -> dict[str, Any]:
    samples = [{"body": b, "hidden": b in (RIGHT, ALSO_RIGHT), "visible": MARK} for b in bodies]
    tests = [{"test": "assert double(3) == 6", "valid": MARK}, {"test": "assert double(3) == 9", "valid": MARK}]
    return {"task_id": "t/1", "model": MARK, "samples": samples, "generated_tests": tests, **more}


ROW = row(SQUARE, FAILS, RIGHT, FOUR, ALSO_RIGHT, FAILS)
HOPELESS = row(FAILS, FAILS, task_id="t/2")


def fill(folder: Path, rows: list[Any]) -> Source:
    write(folder, "code_tasks/humaneval", [task(), task(task_id="t/2")])
    write(folder, f"{SET}/{NAME}", rows)
    return Source(folder)


async def played(source: Source, **options: Any) -> tuple[list[Trial], dict[str, Estimate]]:
    player = await open_suite(source, {"inputs": 24, **options})
    try:
        trials = [*await asyncio.gather(*map(player.play, player.cases))]
    finally:
        await player.close()
    return trials, {f.name: f for f in player.figures(trials)}


@pytest.mark.sandbox
async def test_the_samples_that_agree_are_chosen(tmp_path: Path) -> None:
    trials, figures = await played(fill(tmp_path, [ROW, HOPELESS, {**ROW, "exclude": True}]))
    first, second = trials
    assert [t.accepted for t in first.turns] == [True, False, True, True, True, False]
    assert first.chosen in (2, 4) and first.correct
    assert "2 of 4 samples behave as it does" in first.why
    assert (second.chosen, second.correct, len(second.turns)) == (None, None, 2)
    values = {name: figure.value for name, figure in figures.items()}
    assert (values["chosen_right"], values["visible_tests_only"]) == (0.5, 0.25)
    assert (values["random_sample"], values["right_one_there"], values["abstention"]) == (
        pytest.approx(1 / 6),
        0.5,
        0.5,
    )


@pytest.mark.sandbox
async def test_samples_vote(tmp_path: Path) -> None:
    trials, figures = await played(fill(tmp_path, [ROW]), choose="vote")
    assert trials[0].correct and "the majority: 2 of 4 votes" in trials[0].why
    assert figures["chosen_right"].value == 1.0


@pytest.mark.sandbox
async def test_the_first_that_stands(tmp_path: Path) -> None:
    trials, figures = await played(fill(tmp_path, [row(FOUR, SQUARE, RIGHT)]), choose="first")
    assert [t.accepted for t in trials[0].turns] == [False, True]  # a constant is found out, the square is not
    assert (trials[0].chosen, trials[0].correct) == (1, False)
    assert figures["visible_tests_only"].value is None  # not all samples were looked at


@pytest.mark.sandbox
@pytest.mark.parametrize("choose", ["behaviour", "vote", "first"])
async def test_nothing_that_judges_reaches_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choose: str
) -> None:
    spy = spy_on(monkeypatch)
    source = fill(tmp_path / "data", [ROW])
    await played(source, runs=str(tmp_path / "runs"), choose=choose)
    shown = "\n".join(spy.seen)
    assert "return x * x" in shown
    for told in (shown, kept_in(tmp_path / "runs")):
        assert MARK not in told and "hidden" not in told


async def test_rows_of_one_task_are_told_apart(tmp_path: Path) -> None:
    player = await open_suite(fill(tmp_path, [ROW, HOPELESS, ROW]), {})
    await player.close()
    assert player.cases == ("t/1", "t/2", "t/1#2")
    figures = player.figures([])
    assert figures[0].name == "chosen_right" and all(f.value is None and f.note for f in figures)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"samples": []}, "samples and generated_tests must be lists of objects"),
        ({"samples": [1]}, "samples and generated_tests must be lists of objects"),
        ({"samples": [{"body": "x"}]}, "hidden is missing"),
        ({"generated_tests": None}, "generated_tests must be list"),
        ({"generated_tests": [{}]}, "test is missing"),
        ({"task_id": "t/9"}, "there is no task 't/9'"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"{NAME}\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [HOPELESS, {**ROW, **bad}]), {})
    assert said in str(error.value)


async def test_options_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose: Input should be 'behaviour', 'vote' or 'first'"):
        await open_suite(fill(tmp_path, [ROW]), {"choose": "last"})


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_samples(shared: Path) -> None:
    player = await open_suite(Source(shared), {})
    try:
        trial = await player.play(player.cases[0])
    finally:
        await player.close()
    assert trial.error is None and len(trial.turns) == 20
