"""Commits that pass their visible tests: which count, what is caught alone and beside others, odd rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.evidence import measurement

from .test_codet import PROMPT, silent, task, write

SET = "ldb_trajectories"
RIGHT = PROMPT + "    return x + x\n"
SQUARE = PROMPT + "    return x * x\n"
FOUR = PROMPT + "    return 4\n"
FAILS = PROMPT + "    return x\n"


def attempt(code: str, visible: bool, hidden: bool) -> dict[str, Any]:
    return {
        "code": code,
        "visible": "pass" if visible else "AssertionError",
        "hidden": "pass" if hidden else "AssertionError",
    }


def rows(*runs: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    return [{"run": f"r{n}", "task_id": "t/1", "attempts": run, **more} for n, run in enumerate(runs)]


def fill(folder: Path, here: list[dict[str, Any]]) -> Source:
    write(folder, "code_tasks/humaneval", [task()])
    write(folder, "code_tasks/mbpp500", [task(task_id="t/2")])
    write(folder, f"{SET}/humaneval", here)
    write(folder, f"{SET}/mbpp", rows([attempt(FAILS, False, False)]))
    return Source(folder)


@pytest.mark.sandbox
async def test_what_is_caught_alone_and_beside_others(tmp_path: Path) -> None:
    here = rows(
        [attempt(FAILS, False, False), attempt(FOUR, True, False), attempt(RIGHT, True, True)],
        [attempt(SQUARE, True, False)],
        [attempt(RIGHT, True, True)],
        [attempt(RIGHT, True, True)],
    )
    figure = await measurement(SET).run(fill(tmp_path, [*here, {**here[1], "exclude": True}]), silent)
    assert (figure.value, figure.n) == (1.0, 2)
    counts = figure.counts
    assert (counts["both_alone_caught"], counts["both_panel_lost"]) == (0.5, 0.0)
    assert (counts["both_wrong"], counts["both_right"], counts["tasks"]) == (2, 2, 1)
    assert (counts["both_alone_lost"], counts["within_most_lost"]) == (0.0, 1)
    assert (counts["humaneval_panel_caught"], counts["mbpp_panel_caught"]) == (1.0, None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"task_id": "t/1", "attempts": {}}, "attempts must be list"),
        ({"task_id": "t/1", "attempts": [1]}, "attempts must be objects"),
        ({"task_id": "t/1", "attempts": [{"code": "x", "visible": True}]}, "visible must be str, but is bool"),
        ({"task_id": "t/9", "attempts": []}, "there is no task 't/9'"),
        ({"attempts": []}, "task_id is missing"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=r"humaneval\.dev\.jsonl: row 1: ") as error:
        await measurement(SET).run(fill(tmp_path, [row]), silent)
    assert said in str(error.value)


@pytest.mark.shared
@pytest.mark.sandbox
async def test_on_real_runs(shared: Path, tmp_path: Path) -> None:
    source = Source(shared)
    for name in ("humaneval", "mbpp500"):
        write(tmp_path, f"code_tasks/{name}", [dict(each) for each in source.rows("code_tasks", name)])
    for name in ("humaneval", "mbpp"):
        write(tmp_path, f"{SET}/{name}", [dict(each) for each in source.rows(SET, name)[:8]])
    figure = await measurement(SET).run(Source(tmp_path), silent)
    assert figure.counts["both_right"]
    lost = figure.counts["both_alone_lost"]
    assert lost is not None
    assert lost <= 0.15
