"""Executed code before any oracle word: which turns count, F1 beside its baselines, odd rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.evidence import measurement

from .test_codet import silent, write

SET = "mint_trajectories"
PROMPT = "Write a function to double a number.\nassert double(2) == 4"
RIGHT, WRONG, FOUR = "def double(x):\n    return x + x", "def double(x):\n    return x", "def double(x):\n    return 4"


def turn(code: str, hidden: str | None) -> dict[str, Any]:
    return {"execute": code, "hidden_result": hidden}


def fill(folder: Path, turns: list[Any], **more: Any) -> Source:
    write(folder, f"{SET}/tasks", [{"task_id": "m/1", "prompt": PROMPT, "reference": "assert double(3) == 6"}])
    write(folder, f"{SET}/code", [{"task_id": "m/1", "turns": turns, **more}])
    return Source(folder)


@pytest.mark.sandbox
async def test_turns_up_to_the_first_oracle_word_count(tmp_path: Path) -> None:
    turns = [
        turn(RIGHT, "pass"),
        turn(WRONG, "AssertionError"),
        turn("def double(x)", "SyntaxError"),
        turn("print(double(1))", None),
        {"solution": FOUR, "hidden_result": "AssertionError"},
        turn(FOUR, "AssertionError"),
        {"solution": WRONG, "oracle_said_wrong": True},
        turn(RIGHT, "AssertionError"),
    ]
    figure = await measurement(SET).run(fill(tmp_path, turns), silent)
    assert (figure.n, figure.value) == (4, 1.0)
    assert figure.counts["f1_tests_only"] == pytest.approx(0.8)
    assert figure.counts["f1_all_called_wrong"] == pytest.approx(6 / 7)
    assert (figure.counts["precision"], figure.counts["recall"], figure.counts["tasks"]) == (1.0, 1.0, 1)


@pytest.mark.parametrize(
    ("turns", "more", "said"),
    [
        (None, {}, "turns must be list, but is NoneType"),
        (["x"], {}, "turns must be objects"),
        ([turn("x", "pass") | {"execute": 1}], {}, "execute must be str, but is int"),
        ([], {"task_id": "m/2"}, "there is no task 'm/2'"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, turns: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"code\.dev\.jsonl: row 1: ") as error:
        await measurement(SET).run(fill(tmp_path, turns, **more), silent)
    assert said in str(error.value)


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_trajectories(shared: Path, tmp_path: Path) -> None:
    source = Source(shared)
    write(tmp_path, f"{SET}/tasks", [dict(each) for each in source.rows(SET, "tasks")])
    write(tmp_path, f"{SET}/code", [dict(each) for each in source.rows(SET, "code")[::80]])
    figure = await measurement(SET).run(Source(tmp_path), silent)
    assert figure.n >= 20
    precision = figure.counts["precision"]
    assert precision is not None
    assert precision >= 0.9
