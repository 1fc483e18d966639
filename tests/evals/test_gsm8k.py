"""The measurement on worked solutions: counts, hidden labels, odd rows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Figure, Source
from revet.evals.evidence import measurement

NAME = "labelled_solutions"
QUESTION = "A shop sells 12 boxes of 3 pens and 5 single pens. How many pens does it sell?"
RIGHT = "12 * 3 = <<12*3=36>>36\n36 + 5 = <<36+5=41>>41\nA: 41"
SLIP = "12 * 3 = <<12*3=35>>35\n35 + 5 = <<35+5=40>>40\nA: 40"


def row(task: str, solution: str, right: bool, **other: Any) -> dict[str, Any]:
    given = {"task_id": task, "question": QUESTION, "answer": "41", "model": "m", "solution": solution}
    return {**given, "is_correct": right, **other}


def measured(folder: Path, rows: list[dict[str, Any]], split: str = "dev") -> tuple[Figure, list[tuple[int, int]]]:
    (folder / "gsm8k_solutions").mkdir(exist_ok=True)
    path = folder / "gsm8k_solutions" / f"{NAME}.{split}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    told: list[tuple[int, int]] = []
    figure = asyncio.run(
        measurement("gsm8k_solutions").run(Source(folder, split), lambda done, of: told.append((done, of)))
    )
    return figure, told


def test_what_is_found_is_counted(tmp_path: Path) -> None:
    rows = [
        row("a", RIGHT, True),
        row("a", SLIP, False),
        row("b", "12 + 3 = 15\nA: 15", False),
        row("c", SLIP, True),
        row("d", "I do not know.", False),
    ]
    figure, told = measured(tmp_path, rows, "new")
    assert figure.value == 0.5 and figure.n == 2 and figure.target == 0.97
    assert figure.counts == {
        "solutions": 5,
        "tasks": 4,
        "wrong": 3,
        "found": 1,
        "false_alarms": 1,
        "recall": pytest.approx(1 / 3),
        "calculations": 7,
        "slips": 2,
        "slips_in_wrong": 1,
    }
    assert figure.low is not None and figure.high is not None and figure.low <= 0.5 <= figure.high
    assert told == [(5, 5)]


def test_neither_answer_nor_label_is_shown(tmp_path: Path) -> None:
    plain, _ = measured(tmp_path, [row("a", SLIP, False), row("b", RIGHT, False)])
    other, _ = measured(tmp_path, [row("a", SLIP, False, answer="40"), row("b", RIGHT, False, answer="x")])
    turned, _ = measured(tmp_path, [row("a", SLIP, True), row("b", RIGHT, True)])
    assert plain == other
    assert plain.n == turned.n == 1 and (plain.value, turned.value) == (1.0, 0.0)
    assert turned.counts["recall"] is None


def test_nothing_found_is_no_value(tmp_path: Path) -> None:
    figure, _ = measured(tmp_path, [row("a", RIGHT, True)])
    assert figure.value is None and figure.n == 0 and figure.reached is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"is_correct": "no"}, "is_correct"), ({"question": None}, "question"), ({"task_id": 3}, "task_id")],
)
def test_an_odd_row_is_named(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=rf"row 2: {named} must be"):
        measured(tmp_path, [row("a", RIGHT, True), row("b", RIGHT, True, **changed)])


@pytest.mark.shared
def test_real_solutions(shared: Path, tmp_path: Path) -> None:
    rows = Source(shared).rows("gsm8k_solutions", NAME)[:80]
    figure, _ = measured(tmp_path, [dict(each) for each in rows])
    assert figure.counts["solutions"] == 80 and figure.counts["tasks"] == 20
    assert figure.n >= 5 and figure.value is not None and figure.value >= 0.8
