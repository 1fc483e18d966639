"""What SQL would do, found out by doing it: in a transaction that is taken back, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revet.actions.sql._engines.base import Change, Ran, TableDifference, decode
from revet.actions.sql.target import Target, target_of
from revet.effects.model import Analysis, Effect, EffectKind
from revet.effects.sql import analyse
from revet.errors import HostError, InputError, MissingDependency
from revet.schema import RowChange, TableChange

__all__ = ["DatabaseError", "TriedSql", "atry_sql", "observed", "try_sql"]

START = Path(__file__).parent / "_engines" / "start.py"
STARTING = 15.0
MEMORY = 4 * 1024**3
SAMPLE = 20
LONGEST = 500
DIALECTS = {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgres"}
HINTS = {
    "missing": "check the path or the name of the database",
    "credentials": "check user and password: PGPASSWORD, PGPASSFILE, ~/.pgpass; drafts and the journal keep none",
    "unreachable": "check host and port, and that the server runs",
    "busy": "try again when the other has finished",
}


class DatabaseError(InputError):
    """A database cannot be used. `why` is ``missing``, ``credentials``, ``unreachable``, ``busy`` or ``failed``."""

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message, hint=HINTS.get(why))
        self.why = why


@dataclass(frozen=True)
class TriedSql:
    """What happened. `untried` says why nothing was run; then the rest is empty.

    `ran` are the statements up to the first that failed; after a failure `differences` is empty, for all of it is
    taken back then. `notes` are for people, on what a trial leaves behind.
    """

    database: str
    sql: str
    ran: tuple[Ran, ...] = ()
    differences: tuple[TableDifference, ...] = ()
    locks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    kind: str = field(default="sqlite")

    @property
    def failed(self) -> Ran | None:
        """The statement that failed."""
        return self.ran[-1] if self.ran and self.ran[-1].error else None

    @property
    def complete(self) -> bool:
        """Whether everything that it would do was seen."""
        return not self.untried and self.failed is None

    @property
    def tables(self) -> tuple[TableChange, ...]:
        """The differences as `Changes` hold them."""
        return tuple(told(self.database, self.kind, self.sql, each) for each in self.differences)


def try_sql(
    database: str,
    sql: str,
    *,
    folder: Path | None = None,
    seconds: float = 10.0,
    lock: float = 2.0,
    rows: int = 100_000,
) -> TriedSql:
    """Run `sql` on the database in one transaction, see what it does to the rows, and take it back.

    `database` is a URL (see `target_of`); a relative path is one in `folder`. `seconds` bounds all statements,
    `lock` the wait for somebody's lock, `rows` what is kept of the difference. Raises InputError for a URL that names
    nothing, DatabaseError for a database that cannot be used, MissingDependency. A failing statement is no error.
    """
    target = target_of(database, folder)
    bounds = {"seconds": seconds, "lock": lock, "rows": rows}
    answer = _asked({**target.request(), "sql": sql, "bounds": bounds}, seconds + 2 * lock)
    return _of(target, sql, answer)


async def atry_sql(database: str, sql: str, **options: Any) -> TriedSql:
    """`try_sql`, which see, without blocking."""
    return await asyncio.to_thread(try_sql, database, sql, **options)


def _asked(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The answer of a child process, which is ended when it is late."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-B", "-s", str(START), str(MEMORY)],
            input=json.dumps(request).encode("ascii"),
            capture_output=True,
            env=_environment(),
            cwd="/",
            timeout=seconds + STARTING,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"fault": {"why": "failed", "text": f"it did not end within {seconds:g} s"}}
    except OSError as error:
        raise HostError(f"no process can be started to try SQL in: {error}") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        return {"fault": {"why": "failed", "text": f"the trial ended by itself ({said[0][:300]})"}}
    return answer


def _environment() -> dict[str, str]:
    """What the interpreter and the PostgreSQL client need of the host's environment."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(("PG", "LC_")) or key in ("LANG", "HOME")}
    path = os.pathsep.join(each for each in sys.path if each)
    return {**kept, "PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": path, "PYTHONUTF8": "1"}


def _of(target: Target, sql: str, answer: dict[str, Any]) -> TriedSql:
    fault = answer.get("fault")
    if fault is not None:
        raise raised(fault["why"], fault["text"])
    return TriedSql(
        target.shown,
        sql,
        tuple(Ran(**each) for each in answer.get("ran", ())),
        tuple(TableDifference.of_json(each) for each in answer.get("tables", ())),
        tuple(answer.get("locks", ())),
        tuple(answer.get("notes", ())),
        tuple(answer.get("untried", ())),
        target.kind,
    )


def raised(why: str, text: str) -> Exception:
    """The error that a fault of the database becomes."""
    if why == "dependency":
        problem, _, line = text.partition(": ")
        return MissingDependency(problem, hint=line)
    return DatabaseError(text, why=why)


def told(database: str, kind: str, sql: str, each: TableDifference) -> TableChange:
    """The difference of one table as `Changes` hold it."""
    why = irreversible(kind, each)
    return TableChange(
        database=database,
        table=each.table,
        inserted=each.inserted,
        updated=each.updated,
        deleted=each.deleted,
        rows=tuple(_shown(each, change) for change in each.changes[:SAMPLE]),
        ddl=ddl_of(sql, kind) if each.made or each.dropped or each.shape else (),
        digest=each.mark,
        reversible=not why,
        why=why,
    )


def irreversible(kind: str, each: TableDifference) -> str:
    """Why the difference cannot be taken back; empty if it can."""
    if each.why:
        return each.why
    if kind == "sqlite":
        return ""
    if each.dropped or each.shape:
        return "the shape of the table changes, and that cannot be taken back here"
    if each.made and each.thing not in ("table", "view", "index", "sequence"):
        return f"a {each.thing} is made, and that is not taken back here"
    return ""


def ddl_of(sql: str, kind: str) -> tuple[str, ...]:
    """The statements that change the shape of the database."""
    from revet.effects.sql import split

    statements, _ = split(sql, DIALECTS[kind])  # type: ignore[arg-type]
    heads = ("CREATE", "ALTER", "DROP", "RENAME", "COMMENT", "GRANT", "REVOKE", "REINDEX", "DO", "SELECT", "WITH")
    return tuple(each.text[:2000] for each in statements if each.head in heads[:8] or each.head == "DO")


def _shown(each: TableDifference, change: Change) -> RowChange:
    def named(row: Sequence[Any] | None) -> dict[str, Any] | None:
        return None if row is None else {name: _plain(value) for name, value in zip(each.columns, row, strict=True)}

    return RowChange(before=named(change[0]), after=named(change[1]))


def _plain(value: Any) -> Any:
    """A value for people: bytes by their length, long texts cut, numbers that JSON cannot hold as text."""
    plain = decode(value)
    if isinstance(plain, bytes):
        return f"{len(plain)} bytes"
    if isinstance(plain, float) and not math.isfinite(plain):
        return str(plain)
    if isinstance(plain, int) and abs(plain) >= 2**63:
        return str(plain)
    if isinstance(plain, str):
        clean = plain.encode("utf-8", "replace").decode("utf-8")
        return clean if len(clean) <= LONGEST else clean[:LONGEST] + "…"
    return plain


def observed(tried: TriedSql) -> Analysis:
    """The effects that were measured: how many rows of which table were added, changed, deleted.

    What the text says of locks, style, shape and rights is kept: a trial does not measure it. Doubts are kept unless
    all was seen. A statement that failed is a doubt.
    """
    text = analyse(tried.sql, dialect=DIALECTS[tried.kind])
    if tried.untried:
        return Analysis(
            text.effects, (*text.doubts, *(f"it was not tried: {why}" for why in tried.untried)), text.commands
        )
    if tried.failed is not None:
        doubt = f"the statement on line {tried.failed.line} fails: {tried.failed.error}"
        return Analysis(text.effects, (*text.doubts, doubt), text.commands)
    rows = (EffectKind.create, EffectKind.write, EffectKind.delete)
    kept = [each for each in text.effects if each.kind not in rows and each.kind is not EffectKind.unknown]
    counted = [effect for each in tried.differences for effect in _effects(tried, each)]
    return Analysis((*kept, *counted), (), text.commands)


def _effects(tried: TriedSql, each: TableDifference) -> list[Effect]:
    undone = not irreversible(tried.kind, each)
    told = (
        (EffectKind.create, each.inserted, "adds {} to {}"),
        (EffectKind.write, each.updated, "changes {} of {}"),
        (EffectKind.delete, each.deleted, "deletes {} of {}"),
    )
    found = [
        Effect(
            kind,
            claim.format(f"{count:,} row" + "s" * (count != 1), each.table),
            each.table,
            "database",
            reversible=undone,
            count=count,
            basis="dry run",
            word=f"sql/rows-{kind}",
        )
        for kind, count, claim in told
        if count
    ]
    if each.made:
        claim = f"makes {each.table}"
        found.append(Effect(EffectKind.create, claim, each.table, "database", undone, basis="dry run", word="sql/made"))
    elif each.dropped or each.shape:
        claim = f"drops {each.table}" if each.dropped else f"changes the shape of {each.table}"
        found.append(
            Effect(EffectKind.schema, claim, each.table, "database", undone, basis="dry run", word="sql/shape")
        )
    return found
