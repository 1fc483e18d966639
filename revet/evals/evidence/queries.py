"""Wrong queries found without gold, on real attempts of language models (InterCode-SQL: Yang et al. 2023; databases of
Spider: Yu et al. 2018).

Each distinct query at a task is examined by the `sql` tool, which is shown the question, the database and the query.
One whose examination fails counts as found. Right and wrong are by the result on the same SQLite database. Left out,
and counted: what is no query; and queries that the log calls right elsewhere (MySQL) or that run only there.

Most wrong queries are refused by the database, which is easy to find; those that run are counted apart (``runs_…``).
Among them, ``telling_…`` leaves out the tasks whose right answer is empty, for there any query that finds nothing
counts as right.

Results are compared to the cell here: a column more makes a query wrong. The tool takes what a reader would not mind
for a hint, which sends nothing back; ``hinted_…`` counts the queries of which a finding speaks whose confidence is
SURE, hint or not, among those that run at telling tasks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from revet.errors import InputError
from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Row, Source, field
from revet.schema import Draft, ExecuteSQL, Outcome, Task
from revet.tools import Sql, ToolCall, View, problems_of

__all__ = ["MEASUREMENT"]

SET = "intercode_sql"
QUERY = re.compile(r"[\s(]*(?:select|with)\b", re.IGNORECASE)
FOUND = (Outcome.failed, Outcome.timeout, Outcome.error)
SURE = 0.85


@dataclass(frozen=True)
class Attempt:
    """A query at a task. `wrong` is None where nobody knows; `runs`: on SQLite; `telling`, `hinted`: see above."""

    task: str
    sql: str
    wrong: bool | None
    runs: bool
    telling: bool = True
    found: bool = False
    hinted: bool = False


async def _measure(source: Source, progress: Progress) -> Figure:
    tasks = {
        field(row, "task_id", str, f"{SET}: tasks row {n}"): row for n, row in enumerate(source.rows(SET, "tasks"), 1)
    }
    known, others = _attempts(source, tasks)
    labelled = [each for each in known if each.wrong is not None]
    tool = Sql(seconds=5.0)
    try:
        examined = await _examined(labelled, tasks, source.folder.resolve() / SET / "db_sqlite", tool, progress)
    finally:
        tool.close()
    telling = [each for each in examined if each.runs and each.telling]
    counts: dict[str, float | int | None] = {
        "queries": len(known),
        "no_query": others,
        "unknown": len(known) - len(labelled),
        **_counts("", examined),
        **_counts("refused_", [each for each in examined if not each.runs]),
        **_counts("runs_", [each for each in examined if each.runs]),
        **_counts("telling_", telling),
        **_counts("hinted_", [replace(each, found=each.hinted) for each in telling]),
    }
    by_task: dict[str, list[Attempt]] = defaultdict(list)
    for each in examined:
        by_task[each.task].append(each)
    low, high = bootstrap([*by_task.values()], lambda drawn: _precision([a for case in drawn for a in case]))
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=_precision(examined),
        low=low,
        high=high,
        n=sum(each.found for each in examined),
        target=MEASUREMENT.target,
        counts=counts,
    )


def _attempts(source: Source, tasks: Mapping[str, Row]) -> tuple[list[Attempt], int]:
    """The distinct queries, and how many distinct attempts are no query."""
    told: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for number, row in enumerate(source.rows(SET, "trajectories"), 1):
        where = f"{SET}: trajectories row {number}"
        task = field(row, "task_id", str, where)
        if task not in tasks:
            raise InputError(f"{where}: there is no task {task!r} in tasks.{source.split}.jsonl")
        for attempt in field(row, "attempts", list, where):
            if not isinstance(attempt, Mapping):
                raise InputError(f"{where}: an attempt must be an object")
            told[task, field(attempt, "sql", str, where)].append(attempt)
    found = [_labelled(task, sql, each) for (task, sql), each in told.items() if QUERY.match(sql)]
    return found, len(told) - len(found)


def _labelled(task: str, sql: str, told: Sequence[Mapping[str, Any]]) -> Attempt:
    """By the result on SQLite. The reward is only given for what a run ended with, so 0 says nothing."""
    match = field(told[0], "sqlite_match", bool, f"{SET}: an attempt at {task}")
    runs = not told[0].get("sqlite_error")
    elsewhere = any(each.get("reward") == 1.0 for each in told) or (not runs and bool(told[0].get("valid")))
    return Attempt(task, sql, wrong=False if match else None if elsewhere else True, runs=runs)


async def _examined(
    attempts: Sequence[Attempt], tasks: Mapping[str, Row], folder: Path, tool: Sql, progress: Progress
) -> list[Attempt]:
    telling: dict[str, bool] = {}
    done = []
    for number, each in enumerate(attempts, 1):
        row, where = tasks[each.task], f"{SET}: the task {each.task}"
        database = folder / f"{field(row, 'db', str, where)}.sql"
        if not database.is_file():
            raise InputError(f"{where}: there is no database {database}")
        task = Task(goal=field(row, "query", str, where), inputs={"database": str(database)})
        draft = Draft(author="log", actions=(ExecuteSQL(sql=each.sql),))
        view = View(task=task, run="eval", draft=draft)
        if each.task not in telling:
            telling[each.task] = await _gives(tool, view, field(row, "gold", str, where))
        evidence = [await tool.run(call, view) for call in tool.plan(view)]
        found = any(of.outcome in FOUND for of in evidence)
        hinted = any(problem.confidence >= SURE for of in evidence for problem in problems_of(of))
        done.append(replace(each, found=found, hinted=found or hinted, telling=telling[each.task]))
        progress(number, len(attempts))
    return done


async def _gives(tool: Sql, view: View, gold: str) -> bool:
    """Whether the right query gives anything but NULL and 0. Read to count, and shown to no examination."""
    call = ToolCall(tool=tool.name, request="the right query", arguments={"query": gold})
    first = (await tool.run(call, replace(view, draft=None))).data.get("first")
    return isinstance(first, list) and any(cell not in ("NULL", "0") for row in first for cell in _cells(row))


def _cells(row: object) -> Sequence[object]:
    return row if isinstance(row, list) else ()


def _counts(of: str, attempts: Sequence[Attempt]) -> dict[str, float | int | None]:
    wrong = [each for each in attempts if each.wrong]
    found = [each for each in attempts if each.found]
    hits = sum(each.found for each in wrong)
    return {
        f"{of}wrong": len(wrong),
        f"{of}right": len(attempts) - len(wrong),
        f"{of}found": len(found),
        f"{of}found_wrong": hits,
        f"{of}precision": hits / len(found) if found else None,
        f"{of}recall": hits / len(wrong) if wrong else None,
    }


def _precision(attempts: Sequence[Attempt]) -> float | None:
    found = [each for each in attempts if each.found]
    return sum(bool(each.wrong) for each in found) / len(found) if found else None


MEASUREMENT = Measurement(
    set=SET,
    measure="wrong queries found without gold: precision",
    about="of the queries that the sql tool finds wrong without knowing a right one, how many are wrong",
    target=0.9,
    run=_measure,
)
