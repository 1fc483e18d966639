"""Queries as evidence: parsed, held against the live schema, run without writing, and looked over for known faults.

A draft's queries are examined each round; a critic may ask queries of its own. What the database refuses comes back
with the nearest names it has. What it runs is looked at by rules that know no right answer: rows that a join repeats,
a filter that no value meets, a question for the largest without an order. Each rule's confidence is measured on real
queries of models (InterCode, arXiv 2306.14898; databases of Spider, arXiv 1809.08887); several are known as common
faults of generated SQL (Spider's error analyses; DIN-SQL, arXiv 2304.11015).

Nothing is changed: SQLite and DuckDB files are opened for reading alone, PostgreSQL is asked in read-only transactions
that are rolled back, and all of it in a process of its own, bounded in time and memory.
"""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Answer, Draft, Evidence, ExecuteSQL, Location, Outcome, Task, digest
from revet.tools._sql.bare import is_statement
from revet.tools._sql.child import Child
from revet.tools._sql.target import Target, target_of
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Sql", "SqlQuery", "queries_of"]

LONGEST = 100_000
MOST = 8
"""Queries of one draft that are examined."""

SHOWN = 6000
PROBES = 15.0
"""Seconds beyond the query's own that its examination may take (plan, probes)."""

FENCED = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
LANGUAGES = ("sql", "sqlite", "sqlite3", "postgresql", "postgres", "psql", "duckdb", "mysql")
UNSET = Task.model_fields["goal"].default


class SqlQuery(BaseModel):
    """Ask the database one SELECT query; nothing can be changed. You see the columns, the first rows and how many
    there are; for a wrong name, the nearest right ones.
    """

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, description="one SELECT (or WITH … SELECT) in the database's own dialect")


class Sql:
    """Examines the queries of a draft (`queries_of`) on a database, and those that a model asks.

    `database` is a SQLite or DuckDB file (absolute, or in the workspace), a file of SQL statements (``.sql``) that make
    one in memory, ``:memory:`` with such statements in `script`, or a PostgreSQL URL; without it, the task's
    ``inputs["database"]``. One query may take `seconds`, read `rows` rows, and use `memory` bytes.

    A query that the database does not take, or that is probably wrong, has `failed`. One that would write is
    inconclusive: it is not run. With `required`, a draft whose query did not pass is never accepted.
    """

    name = "sql"
    arguments: type[BaseModel] | None = SqlQuery
    terms = Terms(keep="draft")

    def __init__(
        self,
        database: str | None = None,
        *,
        script: str | None = None,
        seconds: float = 10.0,
        rows: int = 10_000,
        memory: int = 512 * 1024 * 1024,
        required: bool = False,
    ) -> None:
        if not (seconds > 0 and math.isfinite(seconds)) or rows < 1 or memory < 16 * 1024 * 1024:
            raise InputError("seconds and rows must be positive, and memory at least 16 MiB")
        self.database, self.script, self.required = database, script, required
        self._bounds = {"seconds": float(seconds), "rows": int(rows), "memory": int(memory)}
        self._child = Child(int(memory))

    def plan(self, view: View) -> Sequence[ToolCall]:
        """A call for each query of the draft. Raises `InputError` if no database is named, or it is not there."""
        self._target(view)
        queries = list(queries_of(view.draft)) if view.draft is not None else []
        calls = []
        for number, (sql, _) in enumerate(queries[:MOST], 1):
            which = f" ({number} of {len(queries)})" if len(queries) > 1 else ""
            request = f"the draft's query {digest(sql)}{which}: {clip(' '.join(sql.split()), 120)}"
            calls.append(ToolCall(tool=self.name, request=request, arguments={"query": sql}, required=self.required))
        return calls

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """What the examination says. ``data``: `columns`, `types`, `rows` (how many), `first`, `digest`, `plan`."""
        try:
            sql = SqlQuery.model_validate(call.arguments).query
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not run: {error.errors()[0]['msg']}")
        target = self._target(view)
        if len(sql) > LONGEST:
            return evidence_for(call, view, Outcome.error, f"not run: it is {len(sql)} characters long, over {LONGEST}")
        if view.remaining <= 0:
            return evidence_for(call, view, Outcome.inconclusive, "not run: the budget of wall time was spent")
        own = [place for text, place in (queries_of(view.draft) if view.draft is not None else ()) if text == sql]
        place = own[0] if own else None
        if place is not None and place.named is not None and not target.is_called(place.named):
            text = f"not run: it names the database {place.named[:200]!r}, and this one is {target.shown}"
            return evidence_for(call, view, Outcome.inconclusive, text)
        start = time.monotonic()
        seconds = min(self._bounds["seconds"], max(0.1, view.remaining))
        request = {
            "sql": sql,
            "target": target.request(),
            "question": _question(view) if own else "",
            "bounds": {**self._bounds, "seconds": seconds},
        }
        answer = await asyncio.to_thread(self._child.ask, request, seconds + PROBES)
        return _evidence(call, view, answer, place, target, time.monotonic() - start)

    def close(self) -> None:
        """End the process that examines. The next call starts it again."""
        self._child.close()

    def _target(self, view: View) -> Target:
        named = self.database if self.database is not None else view.task.inputs.get("database")
        if not isinstance(named, str) or not named.strip():
            raise InputError(
                f"no database is named for the task {view.task.id}",
                hint="name one: Sql(database=…), or `inputs: {database: …}` in the task: a SQLite or DuckDB file, a "
                ".sql script, or postgresql://…",
            )
        return target_of(named.strip(), view, script=self.script)


class Place(Location):
    """Where in a draft a query is. `named` is the database that the draft says it is for."""

    named: str | None = None


def queries_of(draft: Draft) -> Iterator[tuple[str, Place]]:
    """The queries that a draft holds, each once: its `execute_sql` actions, and the SQL blocks of what it answers.

    An answer without a block is a query if it begins as one, or as a statement that would write. A block with several
    statements holds several queries.
    """
    seen: set[str] = set()
    for number, action in enumerate(draft.actions):
        found: list[str] = []
        named = None
        if isinstance(action, ExecuteSQL):
            found, named = _statements(action.sql), action.database
        elif isinstance(action, Answer):
            found = _in_text(action.text)
        for sql in found:
            if sql not in seen:
                seen.add(sql)
                yield sql, Place(action=number, named=named)
    for sql in _in_text(draft.answer or ""):
        if sql not in seen:
            seen.add(sql)
            yield sql, Place()


def _in_text(text: str) -> list[str]:
    blocks = [(found[1].lower(), found[2]) for found in FENCED.finditer(text)]
    marked = [code for language, code in blocks if language in LANGUAGES]
    plain = [code for language, code in blocks if not language and is_statement(code)]
    if not blocks and is_statement(text):
        plain = [text]
    return [sql for code in marked or plain for sql in _statements(code)]


def _statements(code: str) -> list[str]:
    """`code` parted after each semicolon that ends a statement and a line."""
    if len(code) > LONGEST:
        return [code]
    parts, held = [], ""
    for line in code.strip().splitlines(keepends=True):
        held += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(held.replace("\0", "")):
            parts.append(held.strip())
            held = ""
    parts += [held.strip()] if held.strip() else []
    return parts


def _question(view: View) -> str:
    """What the query is to answer. A draft with several queries answers it with all of them, and none is held to it."""
    if view.draft is not None and len(list(queries_of(view.draft))) > 1:
        return ""
    asked = view.task.inputs.get("question")
    text = asked if isinstance(asked, str) else view.task.goal if view.task.goal != UNSET else ""
    return text[:2000]


NO_ANSWER = {
    "late": (Outcome.timeout, "timeout: its examination did not end in time, and was ended"),
    "ended": (Outcome.inconclusive, "inconclusive: the process that ran it ended, probably for want of memory"),
}


def _evidence(
    call: ToolCall, view: View, answer: Mapping[str, Any] | str, place: Place | None, target: Target, seconds: float
) -> Evidence:
    if isinstance(answer, str):
        outcome, text = NO_ANSWER[answer]
        return evidence_for(call, view, outcome, text, source=target.shown, seconds=seconds)
    located = Location(action=place.action) if place is not None and place.action is not None else None
    problems = [Problem(**each, location=located) for each in answer["problems"]] if place is not None else []
    data: dict[str, JsonValue] = dict(answer["data"])
    return evidence_for(
        call,
        view,
        Outcome(answer["outcome"]),
        clip(answer["text"], SHOWN),
        problems=problems,
        data=data,
        source=target.shown,
        seconds=seconds,
    )
