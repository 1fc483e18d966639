"""Code that models ran turn by turn: what the loop is given, the critic beside GPT-4, what the loop may not see."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.estimate import Estimate
from revet.evals.replay.mint import open_suite
from revet.evals.trial import Trial

from .spying import MARK, kept_in, spy_on, write

SET = "mint_trajectories"
PROMPT = "Write a function to double a number.\nassert double(2) == 4"
RIGHT = "def double(x):\n    return 2 * x\n\nassert double(2) == 4\n"
SQUARE = "def double(x):\n    return x * x\n"
FOUR = "def double(x):\n    return 4\nprint(double(1))\n"
FAILS = "def double(x):\n    return x\n"


def turn(code: str, right: bool | None, said: str | None = None, **more: Any) -> dict[str, Any]:
    hidden = {} if right is None else {"hidden_result": "pass" if right else f"AssertionError: {MARK}"}
    other = {} if said is None else {"gpt4_verdict": said, "gpt4_feedback": MARK}
    return {"thought": MARK, "execute": code, "observation": MARK, **hidden, **other, **more}


PROPOSED = {"solution": FOUR, "observation": MARK, "hidden_result": "wrong", "oracle_said_wrong": True}


def row(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"task_id": "m/1", "model": "llm", "feedback_model": "None", "success": True}
    return {**told, "turns": list(turns), **more}


def fill(folder: Path, rows: list[Any]) -> Source:
    write(folder, f"{SET}/tasks", [{"task_id": "m/1", "prompt": PROMPT, "reference": MARK}])
    write(folder, f"{SET}/code", rows)
    return Source(folder)


async def played(source: Source, **options: Any) -> tuple[dict[str, Trial], dict[str, Estimate]]:
    player = await open_suite(source, options)
    try:
        trials = await asyncio.gather(*map(player.play, player.cases))
    finally:
        await player.close()
    return {t.case: t for t in trials}, {f.name: f for f in player.figures(trials)}


ROWS = [
    row(turn(FAILS, False, "GOOD"), turn(FOUR, False, "BAD"), turn(RIGHT, True, "GOOD"), turn(FAILS, False, "GOOD")),
    row(turn("print(1)", None), PROPOSED, turn(RIGHT, True), feedback_model="gpt-4", success=False),
    row(turn(SQUARE, False, "none"), PROPOSED, turn(RIGHT, True, "BAD"), model="other", success=False),
]


@pytest.mark.sandbox
async def test_the_loop_is_given_what_was_run_before_the_oracle_spoke(tmp_path: Path) -> None:
    trials, figures = await played(fill(tmp_path, ROWS))
    assert [*trials] == ["llm:m/1", "other:m/1"]  # of the second row, nothing was run before
    first, third = trials.values()
    assert [(t.accepted, t.correct) for t in first.turns] == [(False, False), (False, False), (True, True)]
    assert (first.chosen, first.correct, first.data["baseline"], first.group) == (2, True, False, "llm")
    assert (len(third.turns), third.correct, third.data["baseline"]) == (1, False, False)
    said = [(j["right"], j["ours"], j["other"], j["tests"]) for j in judged(first)]
    assert said == [
        (False, False, True, False),
        (False, False, False, True),
        (True, True, True, True),
        (False, False, True, False),
    ]
    assert [(j["ours"], j["other"]) for j in judged(third)] == [(True, None), (True, False)]
    # Ours: 3 of 4 wrong ones found, no alarm. GPT-4 says GOOD or BAD of five: 1 found, 2 missed, 1 false alarm.
    values = {name: round(f.value or 0, 3) for name, f in figures.items()}
    assert (values["code_critic_f1"], values["critic_f1_where_gpt4_judged"]) == (0.857, 1.0)
    assert (values["gpt4_f1"], figures["gpt4_f1"].n, values["visible_tests_f1"]) == (0.4, 5, 0.667)
    assert (values["false_commits_fewer"], values["logged_success_with_oracle"]) == (0.5, 0.5)
    assert figures["correct_commits_kept"].value is None  # the baseline commits nothing right here


def judged(trial: Trial) -> list[dict[str, Any]]:
    told = trial.data["judged"]
    assert isinstance(told, list)
    return [each for each in told if isinstance(each, dict)]


@pytest.mark.sandbox
async def test_a_task_without_a_test(tmp_path: Path) -> None:
    source = fill(tmp_path, [row(turn("print(1)", False), turn(FAILS, False), turn(RIGHT, True))])
    write(tmp_path, f"{SET}/tasks", [{"task_id": "m/1", "prompt": 'def double(x):\n    """Twice x."""\n'}])
    trials, figures = await played(source)
    (trial,) = trials.values()
    assert [t.accepted for t in trial.turns] == [False, None]  # there is no function; then nobody can tell
    assert (trial.chosen, trial.correct, trial.data["baseline"]) == (1, False, False)
    assert figures["code_critic_f1"].value == pytest.approx(2 / 3)


@pytest.mark.sandbox
async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(fill(tmp_path / "data", ROWS), runs=str(tmp_path / "runs"), inputs=8)
    shown = "\n".join(spy.seen)
    assert "return x * x" in shown and "assert double(2) == 4" in shown
    for told in (shown, kept_in(tmp_path / "runs")):
        assert MARK not in told and "GOOD" not in told and "hidden" not in told


def test_figures_of_nothing(tmp_path: Path) -> None:
    player = asyncio.run(open_suite(fill(tmp_path, ROWS), {}))
    asyncio.run(player.close())
    figures = player.figures([])
    assert figures[0].name == "critic_f1_where_gpt4_judged" and all(f.value is None and f.note for f in figures)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"turns": {}}, "turns must be list"),
        ({"turns": [1]}, "turns must be objects"),
        ({"turns": [{"execute": 1, "hidden_result": "pass"}]}, "execute must be str"),
        ({"turns": [{"execute": "x", "hidden_result": True}]}, "hidden_result must be str"),
        ({"task_id": "m/9"}, "there is no task 'm/9'"),
        ({"model": None}, "model must be str"),
        ({"success": "yes"}, "success must be bool"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"code\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [ROWS[0], {**ROWS[1], **bad}]), {})
    assert said in str(error.value)


async def test_a_task_without_a_prompt_and_an_unknown_option(tmp_path: Path) -> None:
    source = fill(tmp_path, [{**ROWS[0], "exclude": True}, ROWS[2], ROWS[2]])
    with pytest.raises(InputError, match="options of the suite mint: rounds: there is no such option"):
        await open_suite(source, {"rounds": 3})
    player = await open_suite(source, {})
    await player.close()
    assert player.cases == ("other:m/1", "other:m/1#2")
    write(tmp_path, f"{SET}/tasks", [{"task_id": "m/1"}])
    with pytest.raises(InputError, match=r"tasks\.dev\.jsonl: row 1: prompt is missing"):
        await open_suite(source, {})


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_trajectories(shared: Path) -> None:
    player = await open_suite(Source(shared), {})
    try:
        trials = await asyncio.gather(*map(player.play, player.cases[:4]))
    finally:
        await player.close()
    assert all(t.error is None and t.turns and judged(t) for t in trials)
