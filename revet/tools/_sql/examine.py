"""The examination of one query: parse it, ask for its plan, run it, and let the rules look at it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import duck, lite, postgres
from .finding import Finding, counted
from .invalid import explain_invalid
from .model import Bounds, Engine, Fault, Result, Schema
from .query import Query, parse
from .rules import findings
from .shown import types_of, worded

__all__ = ["Databases", "examine"]

KEPT = 16
OUTCOMES = {"refused": "inconclusive", "unreachable": "inconclusive", "timeout": "timeout", "too-large": "error"}


class Databases:
    """Opens what a request names. Those made from scripts are kept; files and servers are opened anew each time."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Engine, Schema]] = {}

    def open(self, target: Mapping[str, Any], bounds: Bounds) -> tuple[Engine, Schema]:
        """Raises `Fault`. What is returned is to be given to `done`."""
        kind = target["kind"]
        if kind == "postgres":
            return _with_schema(postgres.open_url(str(target["url"]), bounds.seconds))
        if "path" in target:
            kind = _kind(Path(str(target["path"]))) if kind == "file" else kind
        module: Any = duck if kind == "duckdb" else lite
        if "path" in target:
            return _with_schema(module.open_file(str(target["path"]), bounds.memory))
        script = str(target.get("script", ""))
        key = f"{kind} {hashlib.sha256(script.encode('utf-8', 'surrogatepass')).hexdigest()}"
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))[0].close()
            self._kept[key] = _with_schema(module.open_script(script, bounds.memory, max(10.0, bounds.seconds)))
        return self._kept[key]

    def done(self, engine: Engine) -> None:
        if all(engine is not kept for kept, _ in self._kept.values()):
            engine.close()


def _kind(path: Path) -> str:
    """By the file's own mark; by its name while it is empty."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise Fault("unreachable", f"the database cannot be read: {error.strerror}") from None
    empty = not head and path.suffix.lower() in (".duckdb", ".ddb")
    return "duckdb" if head[8:12] == b"DUCK" or empty else "sqlite"


def _with_schema(engine: Engine) -> tuple[Engine, Schema]:
    try:
        return engine, engine.schema()
    except Fault:
        engine.close()
        raise


def examine(request: Mapping[str, Any], databases: Databases) -> dict[str, Any]:
    """What there is to say of ``request["sql"]`` on ``request["target"]``: `outcome`, `text`, `problems`, `data`.

    ``request["question"]`` is what the query is to answer, empty for none. Everything is JSON.
    """
    bounds = Bounds(**request["bounds"])
    try:
        engine, schema = databases.open(request["target"], bounds)
    except Fault as fault:
        return _answer("inconclusive", f"inconclusive: {fault}")
    try:
        return _examined(str(request["sql"]), str(request.get("question", "")), engine, schema, bounds)
    finally:
        databases.done(engine)


def _examined(sql: str, question: str, engine: Engine, schema: Schema, bounds: Bounds) -> dict[str, Any]:
    query: Query | None = None
    unread: Fault | None = None
    try:
        tree = parse(sql, engine.dialect)
        query = Query(sql, tree, schema, engine, question)
        query.refuse_writing()
    except Fault as fault:
        if fault.why != "invalid":
            return _stopped(fault, None)
        unread = fault  # the engine has the last word: it may know more of its dialect than the parser does
    try:
        plan = engine.explain(sql)
        result = engine.query(sql, bounds)
    except Fault as fault:
        if fault.why == "invalid" and unread is not None and "syntax" not in str(fault).lower():
            fault = Fault("invalid", f"{fault} ({unread})")
        return _stopped(fault, query)
    found: list[Finding] = []
    failed: list[str] = []
    if query is not None:
        query.result = result
        found, failed = findings(query)
    return _ran(result, plan, found, failed)


def _stopped(fault: Fault, query: Query | None) -> dict[str, Any]:
    """Of a query that gave no result."""
    if fault.why in ("refused", "unreachable"):
        return _answer(OUTCOMES[fault.why], f"not run: {fault}" if fault.why == "refused" else f"inconclusive: {fault}")
    if fault.why in ("timeout", "too-large"):
        found = [
            Finding(f"the query gives no result: {fault}", f"sql/{fault.why}", "bound what it reads, or join less")
        ]
        return _answer(OUTCOMES[fault.why], f"{OUTCOMES[fault.why]}: {fault}", found)
    try:
        found = explain_invalid(query, fault)
    except RecursionError:
        found = explain_invalid(None, fault)
    return _answer("failed", f"failed: {fault}", found)


def _ran(result: Result, plan: str, found: list[Finding], failed: list[str]) -> dict[str, Any]:
    rows = f"over {len(result.rows)} rows" if result.more else counted(len(result.rows), "row")
    wrong = any(each.wrong for each in found)
    head = f"{'failed' if wrong else 'passed'}: it runs and gives {rows}, {counted(len(result.columns), 'column')}"
    first = worded(result)
    data: dict[str, Any] = {
        "columns": [name[:200] for name in result.columns[:200]],
        "types": types_of(result)[:200],
        "rows": len(result.rows),
        "complete": not result.more,
        "first": first[:20],
        "digest": _digest(result),
        "plan": plan[:1000],
        **({"rules_failed": failed} if failed else {}),
    }
    table = [" | ".join(data["columns"]), *(" | ".join(row) for row in first)]
    return _answer("failed" if wrong else "passed", head, found, "\n".join(table)[:3000], data)


def _digest(result: Result) -> str:
    """Of the rows whatever their order: two queries that give the same rows have the same."""
    lines = sorted(hashlib.sha256(repr(row).encode("utf-8", "backslashreplace")).digest() for row in result.rows)
    return hashlib.sha256(b"".join(lines)).hexdigest()[:16]


def _answer(
    outcome: str, head: str, found: list[Finding] | None = None, table: str = "", data: dict[str, Any] | None = None
) -> dict[str, Any]:
    lines = [head[:1000]]
    for each in found or []:
        lines.append(f"- {each.claim} ({each.category}, {each.confidence:.2f})"[:500])
        lines += [f"  → {each.suggestion}"[:700]] if each.suggestion else []
    if table:
        lines += ["--- result ---", table]
    return {
        "outcome": outcome,
        "text": "\n".join(lines),
        "problems": [each.told() for each in found or []],
        "data": data or {},
    }
