"""The words of a trial: bounds, faults, what a statement did, and the difference that it made to the rows of tables."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "MARKS",
    "Bounds",
    "Change",
    "Engine",
    "Fault",
    "Ran",
    "Row",
    "TableDifference",
    "Why",
    "compared",
    "decode",
    "encode",
    "quoted",
]

MARKS = "revet_commits"
"""The table of commits under way: a row in it says that a transaction is in. It is gone when nothing is under way."""

SAMPLE = 20
"""So many rows are kept of a difference that is too large to be kept."""

Why = Literal["missing", "credentials", "unreachable", "busy", "dependency", "moved", "conflict", "refused", "failed"]
Row = tuple[Any, ...]
"""Values as JSON holds them; see `encode`."""

Change = tuple[Row | None, Row | None]
"""Before and after; None where there is no row."""


class Fault(Exception):
    """The database cannot do what is asked. `where` is its URL without a password, `tables` are those concerned."""

    def __init__(self, why: Why, message: str, *, tables: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.why: Why = why
        self.tables = tuple(tables)


@dataclass(frozen=True)
class Bounds:
    """`seconds` for all statements together, `lock` for waiting on somebody's lock, `rows` that are kept of a
    difference in all, `length` of one value in bytes."""

    seconds: float = 10.0
    lock: float = 2.0
    rows: int = 100_000
    length: int = 32 * 1024 * 1024


@dataclass
class Ran:
    """What one statement did. `rows` it concerned by its own count (triggers and cascades are not in it), None where
    it counts none. `error` is the database's; `constraint` says that a constraint refused it. `start` is its offset
    in the text, `line` counts from 1."""

    sql: str
    start: int
    line: int
    rows: int | None = None
    error: str | None = None
    constraint: bool = False
    seconds: float = 0.0


@dataclass
class TableDifference:
    """How the rows of one table differ. `key` are places of the columns that name a row, empty if none do.

    `columns` are those of both sides; where the shape changed, `shape` says so and other columns are left out.
    `changes` are all of them, or a sample if there were too many (`complete` False); the digest is of these.
    `thing` is what it is if no table (a view, an index …), `form` its definition afterwards.
    """

    table: str
    columns: list[str]
    key: list[int] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    digest: str = ""
    complete: bool = True
    made: bool = False
    dropped: bool = False
    shape: bool = False
    why: str = ""
    thing: str = "table"
    form: str = ""

    @property
    def mark(self) -> str:
        """The same for the same difference of rows and shape, nothing else."""
        counts = [self.inserted, self.updated, self.deleted, self.made, self.dropped, self.shape]
        parts = [self.table, self.thing, counts, self.digest, self.form if self.made or self.shape else ""]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def empty(self) -> bool:
        return not (self.inserted or self.updated or self.deleted or self.made or self.dropped or self.shape)

    def reversed(self) -> TableDifference:
        """The difference that takes this one back."""
        back = [(after, before) for before, after in self.changes]
        return TableDifference(
            self.table,
            self.columns,
            self.key,
            back,
            self.deleted,
            self.updated,
            self.inserted,
            digest_of(self.columns, back),
            self.complete,
            self.dropped,
            self.made,
            self.shape,
            thing=self.thing,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> TableDifference:
        rows = [(_row(before), _row(after)) for before, after in data["changes"]]
        return cls(**{**data, "changes": rows})


def _row(values: list[Any] | None) -> Row | None:
    return None if values is None else tuple(_frozen(value) for value in values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Engine(Protocol):
    """A connection to a database. One transaction at a time; `difference` is that of the open one so far."""

    kind: str

    def begin(self, statements: Sequence[str] = ()) -> None: ...
    def run(self, sql: str) -> int | None: ...
    def replay(self) -> bool:
        """Whether the statements must be run again, from a fresh savepoint, so that the difference can be seen."""
        ...

    def difference(self) -> list[TableDifference]: ...
    def locks(self) -> list[str]: ...
    def notes(self) -> list[str]: ...
    def apply(self, differences: Sequence[TableDifference]) -> None: ...
    def marks(self, key: str) -> set[str]: ...
    def mark(self, key: str, what: str) -> None: ...
    def unmark(self, key: str) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def fault(self, error: BaseException) -> tuple[str, bool]: ...
    def close(self) -> None: ...


def encode(value: Any) -> Any:
    """A value as JSON can hold it, exactly: numbers and texts stay, others become a pair of type and text."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else ("i", str(value))
    if isinstance(value, float):
        return ("f", value.hex())
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ("b", base64.b64encode(bytes(value)).decode("ascii"))
    return ("t", str(value))


def decode(value: Any) -> Any:
    """The value that was encoded."""
    if not isinstance(value, tuple):
        return value
    kind, text = value
    if kind == "i":
        return int(text)
    if kind == "f":
        return float.fromhex(text)
    return base64.b64decode(text) if kind == "b" else text


def quoted(*names: str) -> str:
    """The qualified name in double quotes."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def digest_of(columns: Sequence[str], changes: Iterable[Change]) -> str:
    """The same for the same changes in any order."""
    total = 0
    for change in changes:
        line = json.dumps(change, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        total += int.from_bytes(hashlib.sha256(line).digest(), "big")
    head = hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()[:16]
    return f"{head}{total % 2**256:064x}" if total else ""


def compared(
    table: str, columns: Sequence[str], key: Sequence[int], before: Sequence[Row], after: Sequence[Row], most: int
) -> TableDifference:
    """The difference of the rows of a table: by key where there is one, else as multisets."""
    left, right = Counter(before), Counter(after)
    gone, come = list((left - right).elements()), list((right - left).elements())
    changes: list[Change] = []
    if key:
        old = {tuple(row[place] for place in key): row for row in gone}
        for row in come:
            changes.append((old.pop(tuple(row[place] for place in key), None), row))
        changes += [(row, None) for row in old.values()]
    else:
        changes = [(row, None) for row in gone] + [(None, row) for row in come]
    found = TableDifference(table, list(columns), list(key))
    found.inserted = sum(1 for old_row, _ in changes if old_row is None)
    found.deleted = sum(1 for _, new_row in changes if new_row is None)
    found.updated = len(changes) - found.inserted - found.deleted
    found.complete = len(changes) <= most
    found.changes = sorted(changes if found.complete else changes[:SAMPLE], key=json.dumps)
    found.digest = digest_of(columns, found.changes)
    if not found.complete:
        found.why = f"more than {most:,} rows differ: they are counted, not kept"
    return found
