"""The words of the examination: what a database holds, what a query gave, and what can go wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

__all__ = [
    "Bounds",
    "Column",
    "Engine",
    "Fault",
    "Foreign",
    "Result",
    "Schema",
    "Table",
    "Why",
    "nearest",
    "taken",
]

Why = Literal["invalid", "refused", "timeout", "too-large", "unreachable"]
"""`invalid`: the query is at fault; `refused`: it would do more than read; `unreachable`: nobody can tell."""

Cell = str | int | float | bool | None


class Fault(Exception):
    """A query, or a database, that gives no result. `str` of it is for people, one sentence."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why: Why = why


@dataclass(frozen=True)
class Bounds:
    """What one statement may use: wall time in seconds, rows that are read, and bytes of memory."""

    seconds: float = 10.0
    rows: int = 10_000
    memory: int = 512 * 1024 * 1024


@dataclass(frozen=True)
class Foreign:
    """A foreign key: `columns` refer to `target`'s `keys`."""

    columns: tuple[str, ...]
    target: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    name: str
    type: str = ""
    nullable: bool = True

    @property
    def numeric(self) -> bool:
        """Declared as a number."""
        words = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC", "SERIAL", "MONEY")
        return any(word in self.type.upper() for word in words)

    @property
    def textual(self) -> bool:
        return any(word in self.type.upper() for word in ("CHAR", "TEXT", "CLOB", "STRING"))


@dataclass(frozen=True)
class Table:
    """A table or a view. `keys` are the sets of columns that are unique, the primary key first."""

    name: str
    columns: tuple[Column, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    foreign: tuple[Foreign, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return {column.name.lower(): column for column in self.columns}

    def column(self, name: str) -> Column | None:
        return self.by_name.get(name.lower())

    def unique(self, columns: Iterable[str]) -> bool:
        """Whether no two rows can agree in `columns`."""
        given = {name.lower() for name in columns}
        return any({name.lower() for name in key} <= given for key in self.keys if key)


@dataclass(frozen=True)
class Schema:
    """What a query may name. Names are compared whatever their case. `others` are schemas or databases."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Iterable[Table]) -> Schema:
        return cls({table.name.lower(): table for table in tables})

    def table(self, name: str, schema: str = "") -> Table | None:
        """The table; `schema` is the qualifier as written, tried first."""
        found = self.tables.get(f"{schema}.{name}".lower()) if schema else None
        return found or self.tables.get(name.lower())

    def having(self, column: str) -> list[Table]:
        """The tables that have a column of this name."""
        return [table for table in self.tables.values() if table.column(column)]


@dataclass(frozen=True)
class Result:
    """The rows of a query, at most as many as the bounds let through: `more` says that there were others."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False
    seconds: float = 0.0


class Engine(Protocol):
    """A database that is only read. Every method raises `Fault`, and nothing else, for what goes wrong."""

    dialect: str

    def schema(self) -> Schema: ...

    def explain(self, sql: str) -> str:
        """The plan. `Fault` for a query that the database does not take."""
        ...

    def query(self, sql: str, bounds: Bounds) -> Result: ...

    def close(self) -> None: ...


def taken(rows: Iterable[Iterable[Any]], bounds: Bounds) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    """The rows that the bounds let through, and whether there are others. Large texts and blobs count by their size."""
    kept: list[tuple[Any, ...]] = []
    room = bounds.memory // 4
    for row in rows:
        if len(kept) >= bounds.rows or room <= 0:
            return tuple(kept), True
        kept.append(tuple(row))
        room -= sum(len(cell) for cell in kept[-1] if isinstance(cell, str | bytes | bytearray))
    return tuple(kept), False


def nearest(word: str, known: Sequence[str], most: int = 3) -> list[str]:
    """Those of `known` that are most like `word`, best first; a name within the other comes before one like it."""
    plain = _plain(word)
    scored = []
    for name in known:
        other = _plain(name)
        ratio = difflib.SequenceMatcher(None, plain, other).ratio()
        shared = min(len(plain), len(other)) >= 3 and (plain in other or other in plain)
        score = ratio + (0.4 if shared else 0.0)
        if score >= 0.6:
            scored.append((-score, name))
    return [name for _, name in sorted(scored)[:most]]


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum()).rstrip("s")
