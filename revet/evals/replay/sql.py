"""Queries of real models, chosen and refused without a right answer at hand (InterCode-SQL: Yang et al. 2023; databases
of Spider: Yu et al. 2018).

A case is one run of a model at one question. Its queries are the drafts, in order, each once; what is no query
(``SHOW TABLES``) only looks, and is no draft. Where the model submits (``react``), what it submits is its only draft.
The loop is shown the question, the database and the query; the `sql` tool examines each on the real SQLite database and
must pass. It ends with the first query that passes, and abstains where none does.

The judge is the result on the same database (``sqlite_match``); nobody can tell for queries that the log calls right on
MySQL and that do not match on SQLite. The log's rewards stopped the model as soon as it was right (all but ``react``).
That is an oracle: the last query of a run is right wherever any is, and no method without an oracle can be held to that
or to ``max_reward``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.replay.logged import (
    Options,
    case_id,
    logged,
    named,
    number,
    objects,
    placed,
    recall_of_right,
    said_of_drafts,
)
from revet.evals.replay.playing import Answers, Once, Playback, Recorded, Replayed, choices, drafts_of, trial_of
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial
from revet.schema import Task
from revet.tools import Sql, ToolCall, View

__all__ = ["open_suite"]

SET = "intercode_sql"
SUBMIT = "submit"
QUERY = re.compile(r"[\s(]*(?:select|with)\b", re.IGNORECASE)
SECONDS = 5.0


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    """The runs of all models. Options: see `Options`."""
    wanted = choices("intercode-sql", Options, options)
    tasks = {field(row, "task_id", str, where): (row, where) for row, where in placed(source, SET, "tasks")}
    folder = source.folder.resolve() / SET / "db_sqlite"
    told = [_told(row, where, tasks) for row, where in placed(source, SET, "trajectories")]
    right = _right_elsewhere(told)
    _look_for_databases(told, folder)
    cases = [_recorded(each, right, str(folder)) for each in told]
    return _Suite(cases, Playback(None, wanted.runs))


class _Suite(Replayed):
    """One process examines, and what it said of a query is known to all cases."""

    def __init__(self, cases: Sequence[Recorded], playback: Playback) -> None:
        super().__init__(cases, playback, self._played, figures)
        self._sql = Sql(seconds=SECONDS, required=True)
        self._tool = Once(self._sql, Answers(), _asked)

    async def _played(self, recorded: Recorded) -> Trial:
        return trial_of(recorded, await self.playback.run(recorded, tools=[self._tool]))

    async def close(self) -> None:
        self._sql.close()
        await super().close()


def _asked(call: ToolCall, view: View) -> tuple[str, str, str]:
    """What an examination depends on: the database, the question and the query."""
    return str(view.task.inputs["database"]), view.task.goal, str(call.arguments["query"])


class _Told:
    """A row of the log: its queries in order, with what the log says of each."""

    def __init__(self, row: Row, where: str, task: Row, db: str) -> None:
        self.task_id, self.run = field(row, "task_id", str, where), field(row, "run", str, where)
        self.question, self.db = field(task, "query", str, where), db
        self.reward = number(row, "max_reward", where)
        self.where = where
        self.queries = _proposed(objects(row, "attempts", where), where)


def _proposed(attempts: Sequence[Mapping[str, Any]], where: str) -> list[Mapping[str, Any]]:
    """The queries. Where the model submits, it proposes the last one before, and the others only look."""
    found: list[Mapping[str, Any]] = []
    submitted: list[Mapping[str, Any]] | None = None
    for each in attempts:
        sql = str(field(each, "sql", str, where))
        if QUERY.match(sql):
            field(each, "sqlite_match", bool, f"{where}: an attempt")
            found.append(each)
        elif sql.strip() == SUBMIT:
            submitted = found[-1:]
    return found if submitted is None else submitted


def _told(row: Row, where: str, tasks: Mapping[str, tuple[Row, str]]) -> _Told:
    name = field(row, "task_id", str, where)
    if name not in tasks:
        raise InputError(f"{where}: there is no task {name!r} in the tasks of {SET}")
    task, place = tasks[name]
    return _Told(row, where, task, field(task, "db", str, place))


def _look_for_databases(told: Sequence[_Told], folder: Path) -> None:
    where = {each.db: each.where for each in reversed(told)}
    for db, place in where.items():
        if Path(db).name != db or not (folder / f"{db}.sql").is_file():
            raise InputError(f"{place}: there is no database {folder / db}.sql", hint=f"it belongs to {SET}/db_sqlite")


def _right_elsewhere(told: Sequence[_Told]) -> set[tuple[str, str]]:
    """The queries, with their tasks, that the log calls right anywhere, or that run on MySQL and not on SQLite.

    The reward is given for what a run ended with alone, so that none says nothing.
    """
    return {
        (each.task_id, query["sql"])
        for each in told
        for query in each.queries
        if query.get("reward") == 1.0 or (query.get("sqlite_error") and query.get("valid"))
    }


def _recorded(told: _Told, elsewhere: set[tuple[str, str]], folder: str) -> Recorded:
    first = {query["sql"]: query for query in reversed(told.queries)}
    distinct = list(dict.fromkeys(query["sql"] for query in told.queries))

    def right(sql: str) -> bool | None:
        return True if first[sql]["sqlite_match"] else None if (told.task_id, sql) in elsewhere else False

    runs = [sql for sql in distinct if not first[sql].get("sqlite_error")]
    first_runs = right(runs[0]) if runs else False
    name = case_id(told.task_id, told.run)
    return Recorded(
        case=name,
        task=Task(id=name, goal=told.question, inputs={"database": f"{folder}/{told.db}.sql"}),
        drafts=drafts_of(distinct, told.run),
        correct=tuple(map(right, distinct)),
        cluster=told.task_id,
        group=told.run,
        data={
            "last": right(told.queries[-1]["sql"]) if told.queries else False,
            "first_runs": first_runs,
            "first_runs_wrong": not first_runs if runs and first_runs is not None else None,
            "any_right": any(right(sql) for sql in distinct),
            "oracle": told.reward == 1.0,
            "several": len(distinct) > 1,
        },
    )


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is said of the queries first, then what the runs end with. Those of the log are over the same cases."""
    several = [trial for trial in trials if trial.data.get("several")]
    return [
        *said_of_drafts(trials),
        metrics.accuracy(trials),
        metrics.first_accuracy(trials),
        logged("log_first_that_runs", trials, "first_runs"),
        logged("log_last_query", trials, "last"),
        logged("log_oracle_stop", trials, "oracle"),
        recall_of_right("accuracy_where_any_is_right", trials),
        named("accuracy_of_several_queries", metrics.accuracy(several)),
        logged("log_first_that_runs_of_several", several, "first_runs"),
        metrics.false_commits(trials),
        logged("log_first_that_runs_false_commits", trials, "first_runs_wrong", better="lower"),
        metrics.abstention(trials),
        metrics.wrong_to_right(trials),
        metrics.right_to_wrong(trials),
    ]
