"""Queries of a log: which are drafts, what is chosen, what the loop may not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Source
from revet.evals.replay.sql import open_suite

from .logs import of_nothing, played, said
from .spying import MARK, kept_in, spy_on, write

SET = "intercode_sql"
QUESTION = "What are the names of all singers, from the youngest to the oldest?"
RIGHT = "SELECT name FROM singer ORDER BY age"
UNSORTED = "SELECT name FROM singer"
REFUSED = "SELECT nam FROM singer ORDER BY age"
ELSEWHERE = "SELECT CONCAT_WS('-', name, age) FROM singer ORDER BY age LIMIT 1 FOR UPDATE"
DATABASE = """CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER);
INSERT INTO singer VALUES (1, 'Ann', 50), (2, 'Bob', 20), (3, 'Cid', 30);
"""


def attempt(sql: str, right: bool = False, **more: Any) -> dict[str, Any]:
    error = {"sqlite_error": MARK} if sql in (REFUSED, ELSEWHERE) else {}
    told = {"obs": MARK, "reward": 1.0 if right else 0.0, "valid": sql == ELSEWHERE, "sqlite_match": right}
    return {"sql": sql, **told, **error, **more}


def row(run: str, *attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    reward = max((each["reward"] for each in attempts), default=0.0)
    return {"task_id": "s-1", "run": run, "db": "d", "max_reward": reward, "attempts": list(attempts), **more}


ROWS = [
    row("several", attempt("SHOW TABLES"), attempt(REFUSED), attempt(REFUSED), attempt(RIGHT, True)),
    row("submits", attempt(UNSORTED), attempt(RIGHT, True), attempt("submit"), attempt("submit")),
    row("fails", attempt(REFUSED)),
    row("elsewhere", attempt(ELSEWHERE)),
    row("looks", attempt("SHOW TABLES")),
]


def fill(folder: Path, rows: list[Any]) -> Source:
    task = {"task_id": "s-1", "db": "d", "query": QUESTION, "gold": MARK, "hardness": MARK}
    write(folder, f"{SET}/tasks", [task])
    write(folder, f"{SET}/trajectories", rows)
    (folder / SET / "db_sqlite").mkdir(exist_ok=True)
    (folder / SET / "db_sqlite" / "d.sql").write_text(DATABASE, encoding="utf-8")
    return Source(folder)


async def test_what_is_chosen_and_what_is_refused(tmp_path: Path) -> None:
    trials, figures = await played(open_suite, fill(tmp_path, ROWS))
    several, submits, fails, elsewhere, looks = (trials[f"s-1-{row['run']}"] for row in ROWS)
    assert said(several) == [(False, False), (True, True)] and several.correct and several.chosen == 1
    assert said(submits) == [(True, True)]  # what is submitted, and nothing before
    assert said(fails) == [(False, False)] and fails.chosen is None and fails.correct is None
    assert said(elsewhere) == [(False, None)]
    assert (looks.turns, looks.chosen, looks.data["recorded"]) == ((), None, 0)
    assert {trial.task for trial in trials.values()} == {"s-1"}
    value = {name: figure.value for name, figure in figures.items()}
    assert next(iter(value)) == "critic_f1" and value["critic_f1"] == 1.0
    assert (value["accuracy"], value["log_oracle_stop"], value["abstention"]) == (0.4, 0.4, 0.6)
    assert (value["false_commits"], value["wrong_to_right"], value["log_first_that_runs"]) == (0.0, 1 / 3, 0.4)
    assert value["accuracy_where_any_is_right"] == 1.0


async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(open_suite, fill(tmp_path / "data", ROWS), runs=str(tmp_path / "runs"))
    shown = "\n".join(spy.seen)
    assert RIGHT in shown and QUESTION in shown
    for told in (shown, kept_in(tmp_path / "runs")):
        assert MARK not in told and "sqlite_match" not in told and "reward" not in told


async def test_a_query_that_the_log_calls_right_elsewhere_is_not_judged(tmp_path: Path) -> None:
    other = [row("a", attempt(UNSORTED, reward=1.0)), row("b", attempt(UNSORTED))]
    trials, figures = await played(open_suite, fill(tmp_path, other))
    assert [said(trial)[0][1] for trial in trials.values()] == [None, None]
    assert figures["critic_f1"].value is None and figures["critic_f1"].note
    for name in ("log_first_that_runs", "log_last_query"):  # neither right nor wrong
        assert figures[name].value is None, name


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"task_id": "s-9"}, "there is no task 's-9'"),
        ({"attempts": {}}, "attempts must be list"),
        ({"attempts": ["SELECT 1"]}, "attempts: number 1 must be an object"),
        ({"attempts": [{"sql": "SELECT 1"}]}, "sqlite_match is missing"),
        ({"attempts": [{"sql": None}]}, "sql must be str"),
        ({"max_reward": "1"}, "max_reward must be float"),
        ({"max_reward": True}, "max_reward must be"),
        ({"run": 1}, "run must be str"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"trajectories\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [ROWS[0], {**ROWS[1], **bad}]), {})
    assert told in str(error.value)


async def test_options_splits_and_databases(tmp_path: Path) -> None:
    source = fill(tmp_path, ROWS)
    with pytest.raises(InputError, match="options of the suite intercode-sql: rounds: there is no such option"):
        await open_suite(source, {"rounds": 1})
    with pytest.raises(InputError, match=r"there is no file .*tasks\.heldout\.jsonl") as error:
        await open_suite(Source(tmp_path, "heldout"), {})
    assert "splits there: dev" in str(error.value.hint)
    (tmp_path / SET / "db_sqlite" / "d.sql").unlink()
    with pytest.raises(InputError, match=r"row 1: there is no database .*d\.sql"):
        await open_suite(source, {})


async def test_figures_of_nothing(tmp_path: Path) -> None:
    assert all(each.value is None and each.note for each in await of_nothing(open_suite, fill(tmp_path, ROWS)))


@pytest.mark.shared
async def test_on_real_queries(shared: Path) -> None:
    trials, figures = await played(open_suite, Source(shared), most=60)
    assert len(trials) == 60 and all(trial.error is None for trial in trials.values())
    found = figures["critic_precision"].value
    assert found is not None and found > 0.9
