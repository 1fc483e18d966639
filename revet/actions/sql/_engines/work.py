"""Statements in one transaction: run, compared, and taken back or committed."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from revet.effects.sql import Statement, analyse, split

from .base import Bounds, Fault, Ran, TableDifference
from .catalog import hidden
from .duck import Duck
from .lite import Lite, copied
from .postgres import Postgres

__all__ = ["SMALL", "measured", "opened", "planned", "tried"]

SMALL = 64 * 1024 * 1024
"""Up to this size (in bytes) a SQLite database is tried on a copy, so that nobody has to wait."""

DIALECTS = {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgres"}
BRACKETS = ("BEGIN", "START", "COMMIT", "END")
APART = ("VACUUM", "ATTACH", "DETACH", "CHECKPOINT", "INSTALL", "LOAD", "EXPORT", "IMPORT", "CLUSTER", "USE", "LISTEN")
APART_TEXT = re.compile(
    r"(?:create|drop)\s+(?:database|tablespace|subscription)\b|alter\s+system\b|reindex\s+.*?\b(?:database|system|schema)\b|"
    r"\bconcurrently\b|(?:set|reset)\s+(?:session\s+)?(?:authorization|role)\b|prepare\s+transaction\b|"
    r"(?:set|reset)\s+(?:session\s+|local\s+)?session_replication_role\b|(?:set|reset)\s+transaction\b",
    re.IGNORECASE | re.DOTALL,
)
READING = ("SELECT", "VALUES", "TABLE", "SHOW")
HARMLESS = frozenset(["read", "create", "write", "delete", "schema", "style", "lock", "unknown", "privilege"])
DOUBTED = re.compile(r"the function (\S+) is not known")


def planned(sql: str, kind: str) -> tuple[list[Statement], list[str]]:
    """The statements that are run in one transaction, and why they cannot be (then nothing is run).

    BEGIN and COMMIT around them are left out: all is one transaction in any case.
    """
    statements, _ = split(sql, DIALECTS[kind])  # type: ignore[arg-type]
    analysis = analyse(sql, dialect=DIALECTS[kind])
    reasons: list[str] = []
    for effect in analysis.effects:
        if effect.word != "sql/extension" and (effect.place != "database" or str(effect.kind) not in HARMLESS):
            reasons.append(f"it reaches beyond the database: {effect.claim}")
        elif effect.word == "sql/pragma" and effect.kind != "read":
            reasons.append(f"it cannot be run in a transaction that is taken back: {effect.claim}")
        elif effect.word == "sql/function" and effect.kind in ("write", "create", "delete"):
            reasons.append(effect.claim)
    for statement in statements:
        reasons += _apart(statement, kind)
    reasons += [doubt for doubt in analysis.doubts if "cannot be read to its end" in doubt or "does not end" in doubt]
    kept = [each for each in statements if not _bracket(each)]
    if not kept and not reasons:
        reasons.append("there is no statement in it")
    return kept, list(dict.fromkeys(reasons))


def _bracket(statement: Statement) -> bool:
    head = statement.head
    return head in BRACKETS and len(statement.tokens) <= 12 and (head != "BEGIN" or ";" not in statement.text)


def _apart(statement: Statement, kind: str) -> list[str]:
    head, text = statement.head, " ".join(statement.text.split())
    short = text if len(text) <= 80 else text[:77] + "…"
    if head in ("ROLLBACK", "ABORT") and not any(token.is_word("TO") for token in statement.tokens):
        return ["it takes back what it does itself (ROLLBACK): there is nothing to commit"]
    if statement.tokens[0].kind == "client":
        return [f"a command of a client cannot be tried: {short}"]
    if head in APART or APART_TEXT.match(text) or (APART_TEXT.search(text) and head in ("CREATE", "DROP", "REINDEX")):
        return [f"it cannot be run in a transaction that is taken back: {short}"]
    if kind == "postgresql" and head == "DO":
        found = next((hidden(token.value) for token in statement.tokens if token.kind == "string"), "")
        return [f"its code calls {found}, which is not taken back or cannot be followed"] if found else []
    if kind == "postgresql" and head in ("COPY", "EXECUTE", "PREPARE"):
        return [f"it cannot be tried: {short}"]
    return []


def opened(request: dict[str, Any], bounds: Bounds, *, shield: bool = False) -> Any:
    """The engine of the request's database. Raises `Fault` if there is none, or it does not let one in."""
    if request["kind"] == "sqlite":
        return Lite(request["path"], bounds, shield=shield)
    if request["kind"] == "duckdb":
        return Duck(request["path"], bounds)
    return Postgres(request["url"], request["shown"], bounds, shield=shield)


def measured(engine: Any, statements: Sequence[Statement]) -> tuple[list[Ran], list[TableDifference]]:
    """Run the statements in the open transaction, up to the first that fails, and compare."""
    ran = _run(engine, statements)
    if not (ran and ran[-1].error) and engine.replay():
        ran = _run(engine, statements)
    if ran and ran[-1].error:
        return ran, []
    try:
        return ran, engine.difference()
    except Fault:
        raise
    except Exception as error:
        raise Fault("failed", f"the rows cannot be compared: {engine.fault(error)[0]}") from error


def _run(engine: Any, statements: Sequence[Statement]) -> list[Ran]:
    done: list[Ran] = []
    for each in statements:
        ran = Ran(each.text if len(each.text) <= 2000 else each.text[:2000] + "…", each.start, each.line)
        start = time.monotonic()
        try:
            ran.rows = engine.run(each.text)
        except Fault:
            raise
        except MemoryError:
            ran.error = "it needs more memory than it may use"
        except Exception as error:  # noqa: BLE001 - whatever tree of errors the database has, it is told
            ran.error, ran.constraint = engine.fault(error)
        ran.seconds = round(time.monotonic() - start, 4)
        done.append(ran)
        if ran.error:
            break
    return done


def tried(request: dict[str, Any]) -> dict[str, Any]:
    """One trial, all of it taken back. The request and the answer are JSON; a `Fault` is in the answer as `fault`."""
    bounds = Bounds(**request["bounds"])
    statements, reasons = planned(request["sql"], request["kind"])
    if reasons:
        return {"untried": reasons}
    try:
        with TemporaryDirectory(prefix="revet-sql-", ignore_cleanup_errors=True) as folder:
            return _tried(request, statements, bounds, Path(folder))
    except Fault as fault:
        return {"fault": {"why": fault.why, "text": str(fault)}}


def _tried(request: dict[str, Any], statements: Sequence[Statement], bounds: Bounds, folder: Path) -> dict[str, Any]:
    place = Path(request["path"])
    copy = request["kind"] == "sqlite" and place.is_file() and place.stat().st_size <= SMALL
    if copy:
        path = str(folder / "copy.db")
        copied(request["path"], path, bounds.lock + 1.0)
        request = {**request, "path": path}
    engine = opened(request, bounds, shield=True)
    try:
        reasons = _reaching(engine, request, statements)
        if reasons:
            return {"untried": reasons}
        engine.begin([each.text for each in statements])
        ran, differences = measured(engine, statements)
        locks, notes = engine.locks() if not (ran and ran[-1].error) else [], engine.notes()
        if not (ran and ran[-1].error):
            _deferred(engine, ran, copy=copy)
        return {
            "ran": [asdict(each) for each in ran],
            "tables": [each.to_json() for each in differences] if not (ran and ran[-1].error) else [],
            "locks": locks,
            "notes": notes,
        }
    finally:
        engine.rollback()
        engine.close()


def _reaching(engine: Any, request: dict[str, Any], statements: Sequence[Statement]) -> list[str]:
    if request["kind"] != "postgresql":
        return []
    analysis = analyse(request["sql"], dialect="postgres")
    names = [found[1] for doubt in analysis.doubts if (found := DOUBTED.search(doubt))]
    names += [name.lower() for name in re.findall(r"\bcall\s+(?:\w+\.)?(\w+)", request["sql"], re.IGNORECASE)]
    words = {
        token.value.lower()
        for statement in statements
        if statement.head not in READING
        for token in statement.tokens
        if token.is_name
    }
    return [f"it may do what is not taken back: {each}" for each in engine.reaching(names, sorted(words))]


def _deferred(engine: Any, ran: list[Ran], *, copy: bool) -> None:
    """Constraints that are only checked when the transaction ends."""
    try:
        if copy:
            engine.commit()
        elif engine.kind == "postgresql":
            engine.run("SET CONSTRAINTS ALL IMMEDIATE")
    except Fault as fault:
        ran[-1].error, ran[-1].constraint = str(fault), True
    except Exception as error:  # noqa: BLE001 - as above
        ran[-1].error, ran[-1].constraint = engine.fault(error)[0], True
