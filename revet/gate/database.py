"""Trying SQL for the gate: in a transaction that is taken back, on the database that the request names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.effects.model import Analysis, Effect, EffectKind
from revet.effects.sql.rows import is_range
from revet.gate.attempt import Attempt
from revet.gate.request import Request

if TYPE_CHECKING:
    from revet.actions.sql import TriedSql

__all__ = ["attempt_sql"]

TABLES = 20
ROWS = 5
_ROWS = frozenset({EffectKind.write, EffectKind.delete})


def attempt_sql(request: Request, text: Analysis, timeout: float) -> Attempt:
    """What the statements do to the rows. A database that cannot be used is a doubt, and says why."""
    from revet.actions.sql import observed, try_sql
    from revet.errors import HostError, InputError

    try:
        tried = try_sql(request.database or "", request.sql, folder=Path(request.cwd), seconds=timeout)
    except InputError as error:
        said = " ".join(f"the database cannot be used: {error}".split())
        return Attempt("failed", said, settled=replace(text, doubts=(*text.doubts, said)))
    except HostError as error:
        return Attempt("failed", f"it could not be tried: {error}")
    measured = observed(tried)
    return Attempt(
        "skipped" if tried.untried else "ran",
        "; ".join((*tried.untried, *tried.notes)),
        complete=tried.complete,
        said="" if tried.untried else _sentence(tried, measured),
        changes=_changes(tried),
        settled=_settled(text, measured, tried.complete),
    )


def _settled(text: Analysis, measured: Analysis, counted: bool) -> Analysis:
    """What was measured, and of the text what concerns all rows: there may be more of them elsewhere, or tomorrow. How
    many rows a condition finds is known where they were `counted`. Whoever carries it out has no undo, so that
    nothing counts as reversible."""
    wide = [each for each in text.effects if each.kind in _ROWS and each.wide and not (counted and is_range(each))]
    seen = [replace(each, reversible=None) if each.basis == "dry run" else each for each in measured.effects]
    return replace(measured, effects=(*wide, *(each for each in seen if not _told(each, wide))))


def _told(effect: Effect, wide: list[Effect]) -> bool:
    return any(effect.basis == "text" and effect == each for each in wide)


def _sentence(tried: TriedSql, measured: Analysis) -> str:
    if tried.failed is not None:
        return f"the statement on line {tried.failed.line} fails: {tried.failed.error}"
    counted = [effect.claim for effect in measured.effects if effect.basis == "dry run"]
    return "; ".join(counted) or "it changes no row"


def _changes(tried: TriedSql) -> dict[str, Any]:
    tables = [
        {
            "table": each.table,
            "inserted": each.inserted,
            "updated": each.updated,
            "deleted": each.deleted,
            "rows": [row.model_dump(mode="json") for row in each.rows[:ROWS]],
            "ddl": list(each.ddl[:ROWS]),
            "undo": each.why or "possible, if Revet commits it",
        }
        for each in tried.tables[:TABLES]
    ]
    return {"database": tried.database, "tables": tables, "locks": list(tried.locks[:TABLES])}
