"""Trajectories of MINT on problems in words: which are drafts, what is accepted, what the loop may not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.replay.mint_text import open_suite

from .logs import of_nothing, played, said
from .spying import MARK, kept_in, spy_on, write

SET = "mint_trajectories"
PROMPT = "Ann has 3 boxes of 14 pens. How many pens has she?"


def run(code: str, printed: str) -> dict[str, Any]:
    return {"thought": "I count them.", "execute": code, "observation": printed, "gpt4_feedback": MARK, "i": 0}


def solution(text: str, wrong: bool = False) -> dict[str, Any]:
    oracle = {"observation": MARK, "oracle_said_wrong": True} if wrong else {}
    return {"solution": f" {text} ", "gpt4_verdict": MARK, **oracle}


def row(model: str, *turns: dict[str, Any], success: bool = True, **more: Any) -> dict[str, Any]:
    told = {"task_id": "m-1", "family": "gsm8k", "model": model, "feedback_model": "None", "success": success}
    return {**told, "turns": list(turns), **more}


MATH = [
    row("mends", run("print(3 * 14)", "42"), solution("43", wrong=True), solution("42")),
    row("fails", run("print(3 + 14)", "17"), solution("17", wrong=True), solution("18"), success=False),
    row("guesses", solution("42"), feedback_model="gpt-4"),
    row("silent", run("print(1)", "1"), success=False),
]
QA = [row("letter", solution("B"), family="mmlu"), row("letter", solution(""), family="mmlu", success=False)]


def fill(folder: Path, math: list[Any], qa: list[Any]) -> Source:
    tasks = [{"task_id": "m-1", "family": "gsm8k", "prompt": PROMPT, "reference": MARK}]
    for name, rows in (("tasks", tasks), ("math", math), ("qa", qa)):
        write(folder, f"{SET}/{name}", rows)
    return Source(folder)


async def test_what_is_accepted(tmp_path: Path) -> None:
    trials, figures = await played(open_suite, fill(tmp_path, MATH, QA))
    mends, fails, guesses, silent, letter, empty = trials.values()
    assert said(mends) == [(False, False), (True, True)] and mends.correct is True
    assert said(fails) == [(True, False)] and fails.correct is False
    assert said(guesses) == [(None, True)] and guesses.correct is True
    assert (silent.turns, silent.chosen) == ((), None)
    assert (letter.case, empty.case) == ("m-1-letter-alone", "m-1-letter-alone-2")
    assert said(letter) == [(None, True)] and said(empty) == [(False, False)]
    value = {name: figure.value for name, figure in figures.items()}
    assert value["accuracy"] == value["log_success"] == 0.5 and value["log_first_solution"] == 1 / 3
    assert [round(value[f"log_recall_by_turn/{k}"] or 0, 3) for k in range(1, 6)] == [0.333, 0.333, 0.5, 0.5, 0.5]
    assert value["critic_precision"] == 1.0 and value["critic_recall"] == 2 / 3
    assert figures["log_feedback_gain"].n == 0  # no task was tried by one model with feedback and without


async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(open_suite, fill(tmp_path / "data", MATH, QA), runs=str(tmp_path / "runs"))
    shown, kept = "\n".join(spy.seen), kept_in(tmp_path / "runs")
    assert PROMPT in shown and "I count them." in kept
    assert all(MARK not in told and "oracle" not in told and "success" not in told for told in (shown, kept))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"task_id": "m-9"}, "there is no task 'm-9'"),
        ({"turns": None}, "turns must be list"),
        ({"turns": [[]]}, "turns: number 1 must be an object"),
        ({"turns": [{"solution": 42}]}, "turn 1: solution must be str"),
        ({"success": "yes"}, "success must be bool"),
        ({"family": None}, "family must be str"),
        ({"feedback_model": None}, "feedback_model must be str"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"math\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [MATH[0], {**MATH[1], **bad}], QA), {})
    assert told in str(error.value)


async def test_options_and_figures_of_nothing(tmp_path: Path) -> None:
    source = fill(tmp_path, MATH, QA)
    trials, _ = await played(open_suite, source, part="qa")
    assert len(trials) == 2
    with pytest.raises(InputError, match="options of the suite mint-text: part: "):
        await open_suite(source, {"part": "code"})
    assert all(each.value is None and each.note for each in await of_nothing(open_suite, source))


@pytest.mark.shared
@pytest.mark.parametrize("part", ["math", "qa"])
async def test_on_real_trajectories(shared: Path, part: str) -> None:
    trials, figures = await played(open_suite, Source(shared), most=40, part=part)
    assert len(trials) == 40 and all(trial.error is None for trial in trials.values())
    assert figures["log_success"].value is not None
