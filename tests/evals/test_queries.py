"""The measurement of the sql tool: on a made-up folder, where every number is known, and on some real rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals.evidence import measurement
from revet.evals.source import Source

SCRIPT = "CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO maker VALUES (1, 'Volvo'), (2, 'Saab');"
TASKS = [
    {"task_id": "t1", "db": "cars", "query": "What are the names of the makers?", "gold": "SELECT name FROM maker"},
    {"task_id": "t2", "db": "cars", "query": "Which makers are called Fiat?",
     "gold": "SELECT name FROM maker WHERE name = 'Fiat'"},
]  # fmt: skip
RIGHT = {"reward": 0.0, "valid": True, "sqlite_match": True}
WRONG = {"reward": 0.0, "valid": True, "sqlite_match": False}
REFUSED = {"reward": 0.0, "valid": False, "sqlite_match": False, "sqlite_error": "no such column"}
RUNS = [
    {"task_id": "t1", "attempts": [
        {"sql": "SHOW TABLES", **WRONG},
        {"sql": "SELECT nmae FROM maker", **REFUSED},
        {"sql": "SELECT name FROM maker LIMIT 1", **WRONG},
        {"sql": "SELECT id, name FROM maker", **WRONG},
        {"sql": "SELECT name FROM maker", **RIGHT},
        {"sql": "SELECT name FROM maker", **RIGHT},
    ]},
    {"task_id": "t2", "attempts": [
        {"sql": "SELECT a.name FROM maker a, maker b WHERE a.name = 'Fiat'", **RIGHT},
        {"sql": "SELECT name FROM m", **WRONG, "reward": 1.0, "sqlite_error": "no table"},
        {"sql": "SELECT database()", **WRONG, "sqlite_error": "no function"},
    ]},
]  # fmt: skip


def folder(place: Path, tasks: list[Any] = TASKS, runs: list[Any] = RUNS, split: str = "made") -> Source:
    root = place / "intercode_sql"
    (root / "db_sqlite").mkdir(parents=True)
    (root / "db_sqlite" / "cars.sql").write_text(SCRIPT)
    for name, rows in (("tasks", tasks), ("trajectories", runs)):
        (root / f"{name}.{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Source(place, split)


async def test_every_count_of_a_made_up_folder(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    figure = await measurement("intercode_sql").run(folder(tmp_path), lambda done, of: told.append((done, of)))
    counts = figure.counts
    assert told == [(number, 5) for number in range(1, 6)]
    assert (counts["queries"], counts["no_query"], counts["unknown"]) == (7, 1, 2)
    assert (counts["wrong"], counts["right"], counts["found"], counts["found_wrong"]) == (3, 2, 3, 2)
    assert figure.value == pytest.approx(2 / 3) and figure.n == 3
    assert counts["refused_recall"] == 1.0 and counts["refused_wrong"] == 1
    assert (counts["runs_wrong"], counts["runs_right"], counts["runs_found_wrong"]) == (2, 2, 1)
    assert (counts["telling_wrong"], counts["telling_right"], counts["telling_precision"]) == (2, 1, 1.0)
    assert (counts["hinted_found"], counts["hinted_found_wrong"], counts["hinted_recall"]) == (2, 2, 1.0)
    assert figure.low is not None and figure.high is not None and figure.low <= figure.high
    again = await measurement("intercode_sql").run(Source(tmp_path, "made"), lambda done, of: None)
    assert again == figure


@pytest.mark.parametrize(
    ("tasks", "runs", "named"),
    [
        ([{**TASKS[0], "task_id": 3}], RUNS, "task_id"),
        (TASKS, [{"task_id": "gone", "attempts": []}], "gone"),
        (TASKS, [{"task_id": "t1", "attempts": "none"}], "trajectories row 1"),
        (TASKS, [{"task_id": "t1", "attempts": [3]}], "trajectories row 1"),
        (TASKS, [{"task_id": "t1", "attempts": [{"sql": None}]}], "sql"),
        (TASKS, [{"task_id": "t1", "attempts": [{"sql": "SELECT 1"}]}], "sqlite_match"),
        ([{**TASKS[0], "db": "gone"}], RUNS[:1], "gone.sql"),
        ([{**TASKS[0], "query": None}], RUNS[:1], "query"),
    ],
)
async def test_odd_rows_are_named(tmp_path: Path, tasks: list[Any], runs: list[Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        await measurement("intercode_sql").run(folder(tmp_path, tasks, runs), lambda done, of: None)


@pytest.mark.shared
async def test_on_real_rows(shared: Path, tmp_path: Path) -> None:
    source = Source(shared)
    runs = [row for row in source.rows("intercode_sql", "trajectories") if row["db"] == "tvshow"][:20]
    root = tmp_path / "intercode_sql"
    root.mkdir()
    (root / "db_sqlite").symlink_to(shared / "intercode_sql" / "db_sqlite")
    for name, rows in (("tasks", source.rows("intercode_sql", "tasks")), ("trajectories", runs)):
        (root / f"{name}.part.jsonl").write_text("".join(json.dumps(dict(row)) + "\n" for row in rows))
    figure = await measurement("intercode_sql").run(Source(tmp_path, "part"), lambda done, of: None)
    assert figure.value is not None and figure.value >= 0.9 and figure.reached
    assert figure.counts["refused_recall"] == 1.0
