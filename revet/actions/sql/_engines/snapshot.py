"""A SQLite database put back as a whole, from a copy that was kept: how changes of its shape are taken back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from .base import MARKS, Bounds, Fault, encode, quoted
from .lite import Lite, copied

__all__ = ["put_back"]


def put_back(path: str, kept: Path, statements: Sequence[str], key: str, bounds: Bounds, work: Path) -> None:
    """Make the database what the copy `kept` holds, in one step, with the mark that it was undone.

    Only if it is now what the statements make of that copy: else somebody wrote since, and it is a conflict.
    """
    expected, back = work / "expected.db", work / "back.db"
    copied(str(kept), str(expected), bounds.seconds)
    copied(str(kept), str(back), bounds.seconds)
    again = Lite(str(expected), bounds)
    try:
        again.begin(statements)
        for each in statements:
            again.run(each)
        again.commit()
    finally:
        again.close()
    target = sqlite3.connect(path, timeout=bounds.lock, isolation_level=None)
    source = sqlite3.connect(back, isolation_level=None)
    try:
        target.execute("PRAGMA locking_mode = EXCLUSIVE")  # nobody gets between the comparison and the copy
        target.execute("BEGIN EXCLUSIVE")
        _mark(target, key, "undoing")
        target.execute("COMMIT")
        with sqlite3.connect(expected) as other:
            same = _content(other) == _content(target)
        other.close()
        if not same:
            raise Fault("conflict", f"{path} was written since the commit")
        _mark(source, key, "undo")
        source.backup(target)
    except sqlite3.Error as error:
        raise Fault("busy", f"{path} cannot be put back: {error}") from None
    finally:
        source.close()
        target.close()


def _mark(connection: sqlite3.Connection, key: str, what: str) -> None:
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {MARKS} (key TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (key, what))"
    )
    connection.execute(f"INSERT OR IGNORE INTO {MARKS} VALUES (?, ?)", (key, what))


def _content(connection: sqlite3.Connection) -> str:
    """A digest of the schema and of all rows, Revet's own table left out."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    total = hashlib.sha256()
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> ? ORDER BY type, name", (MARKS,)
    ).fetchall()
    for row in rows:
        total.update(repr(row).encode("utf-8", "surrogatepass"))
        if row[0] == "table" and not str(row[3]).upper().startswith("CREATE VIRTUAL"):
            lines = sorted(
                repr([encode(value) for value in each])
                for each in connection.execute(f"SELECT * FROM {quoted(row[1])}")
            )
            total.update("\n".join(lines).encode("utf-8", "surrogatepass"))
    return total.hexdigest()
