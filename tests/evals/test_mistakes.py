"""The measurement on step traces: which label is met, what is parsed, odd rows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Figure, Source
from revet.evals.evidence import measurement

NAME = "traces"
STEPS = ["A = (2 + 3) = 5.", "Then A * 4 = 5 * 4 = 20. So the answer is 20"]


def row(number: int, label: int | None, *steps: str, **other: Any) -> dict[str, Any]:
    given = {"task_id": f"t-{number}", "task": "multistep_arithmetic", "input": "((2 + 3) * 4) =", "steps": [*steps]}
    return {**given, "target": "20", "answer": "20", "is_correct": label is None, "mistake_index": label, **other}


def measured(folder: Path, rows: list[dict[str, Any]]) -> Figure:
    (folder / "bigbench_mistake").mkdir(exist_ok=True)
    path = folder / "bigbench_mistake" / f"{NAME}.dev.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return asyncio.run(measurement("bigbench_mistake").run(Source(folder), lambda done, of: None))


def test_the_labelled_step_must_be_met(tmp_path: Path) -> None:
    wrong = [STEPS[0].replace("= 5", "= 6"), STEPS[1]]
    figure = measured(
        tmp_path,
        [
            row(1, None, *STEPS),
            row(2, 0, *wrong),
            row(3, 1, *wrong),
            row(4, None, "I cannot."),
            row(5, 0, "b a", task="other", input="Sort alphabetically: b a"),
        ],
    )
    assert figure.value == pytest.approx(2 / 3) and figure.n == 3
    assert figure.counts["traces"] == 4 and figure.counts["parsed"] == 3 and figure.counts["share_parsed"] == 0.75
    assert figure.counts["accuracy_without_mistake"] == 1.0 and figure.counts["accuracy_with_mistake"] == 0.5
    assert figure.counts["other_traces"] == 1 and figure.counts["other_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mistake_index": "1"}, "mistake_index must be"),
        ({"mistake_index": True}, "mistake_index must be"),
        ({"steps": "a"}, "steps must be list"),
        ({"steps": ["a", 1]}, "steps must be texts"),
        ({"input": None}, "input must be str"),
    ],
)
def test_an_odd_row_is_named(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=rf"row 2: {named}"):
        measured(tmp_path, [row(1, None, *STEPS), row(2, None, *STEPS, **changed)])


@pytest.mark.shared
def test_real_traces(shared: Path, tmp_path: Path) -> None:
    rows = Source(shared).rows("bigbench_mistake", NAME)
    chosen = [dict(row) for task in ("word_sorting", "multistep_arithmetic") for row in rows if row["task"] == task]
    figure = measured(tmp_path, [*chosen[:15], *chosen[-15:]])
    assert figure.n == 30 and figure.value is not None and figure.value >= 0.8
