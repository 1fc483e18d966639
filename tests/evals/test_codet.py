"""Choosing among samples: what the chooser sees, what it is credited for, rows that are none."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.evidence import measurement

SET = "codet_humaneval"
PROMPT = 'def double(x: int) -> int:\n    """Twice x.\n    >>> double(2)\n    4\n    """\n'


def silent(_done: int, _of: int) -> None:
    return None


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path = folder / f"{name}.dev.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def task(**more: Any) -> dict[str, Any]:
    tests = ["assert double(2) == 4"]
    return {"task_id": "t/1", "prompt": PROMPT, "entry_point": "double", "visible_tests": tests, **more}


def row(**more: Any) -> dict[str, Any]:
    bodies = {
        "    return x * x\n": False,
        "    return x + x\n": True,
        "    return 2 * x\n": True,
        "    return 4\n": False,
    }
    samples = [{"body": body, "hidden": right} for body, right in bodies.items()]
    tests = [{"test": "assert double(3) == 6"}, {"test": "assert double(3) == 9"}]
    return {"task_id": "t/1", "samples": samples, "generated_tests": tests, **more}


@pytest.mark.sandbox
async def test_the_samples_that_agree_are_chosen(tmp_path: Path) -> None:
    write(tmp_path, "code_tasks/humaneval", [task()])
    write(tmp_path, f"{SET}/codegen16b_20samples", [row()])
    done = []
    figure = await measurement(SET).run(Source(tmp_path), lambda n, of: done.append((n, of)))
    assert (figure.value, figure.n, figure.target) == (1.0, 1, 0.5)
    assert (figure.counts["random"], figure.counts["visible_tests_only"], figure.counts["oracle"]) == (0.5, 0.5, 1.0)
    assert done == [(1, 1)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"samples": None}, "samples must be list, but is NoneType"),
        ({"samples": []}, "must be lists of objects"),
        ({"samples": [{"body": "x"}]}, "hidden is missing"),
        ({"generated_tests": ["assert"]}, "must be lists of objects"),
        ({"task_id": "t/2"}, "there is no task 't/2'"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    write(tmp_path, "code_tasks/humaneval", [task()])
    write(tmp_path, f"{SET}/codegen16b_20samples", [row(), row(**more)])
    with pytest.raises(InputError, match=r"codegen16b_20samples\.dev\.jsonl: row 2: .*") as error:
        await measurement(SET).run(Source(tmp_path), silent)
    assert said in str(error.value)


async def test_a_task_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    write(tmp_path, "code_tasks/humaneval", [task(visible_tests=[1])])
    write(tmp_path, f"{SET}/codegen16b_20samples", [row()])
    with pytest.raises(InputError, match="row 1: visible_tests must be a list of texts"):
        await measurement(SET).run(Source(tmp_path), silent)


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_samples(shared: Path, tmp_path: Path) -> None:
    rows = list(islice(Source(shared).rows(SET, "codegen16b_20samples"), 6))
    write(tmp_path, f"{SET}/codegen16b_20samples", [dict(each) for each in rows])
    write(tmp_path, "code_tasks/humaneval", [dict(each) for each in Source(shared).rows("code_tasks", "humaneval")])
    figure = await measurement(SET).run(Source(tmp_path), silent)
    random, oracle = figure.counts["random"], figure.counts["oracle"]
    assert figure.n == 6
    assert figure.value is not None
    assert random is not None
    assert oracle is not None
    assert random < figure.value <= oracle
