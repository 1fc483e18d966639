"""Databases for the tests of `execute_sql`, and what to compare them by."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from revet.actions import SqlHandler, Staging, Tree
from revet.actions.paths import Protection
from revet.schema import Changes, ExecuteSQL

__all__ = ["SCRIPT", "Case", "dump", "make"]

SCRIPT = """
CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE car (id INTEGER PRIMARY KEY, maker INTEGER REFERENCES maker ON DELETE CASCADE, price REAL, photo BLOB);
CREATE TABLE log (what TEXT);
CREATE TABLE ticket (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);
CREATE TABLE pair (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TRIGGER gone AFTER DELETE ON car BEGIN INSERT INTO log VALUES ('gone ' || old.id); END;
INSERT INTO maker VALUES (1, 'Saab'), (2, 'Fiat'), (3, 'Lada');
INSERT INTO car VALUES (1, 1, 9.5, x'00ff'), (2, 1, 1e300, NULL), (3, 2, 0.1, 'text');
INSERT INTO log VALUES ('twice'), ('twice');
INSERT INTO ticket (text) VALUES ('first');
INSERT INTO pair VALUES ('x', 1), ('y', 2);
"""


def make(path: Path, script: str = SCRIPT) -> str:
    """A SQLite database; its URL."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{path}"


def dump(path: Path) -> list[str]:
    """Everything that the database holds."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


class Case:
    """One action on its way through a handler."""

    def __init__(self, url: str, sql: str, folder: Path, key: str = "t-1/0") -> None:
        self.action = ExecuteSQL(sql=sql, database=url)
        self.handler = SqlHandler(seconds=5.0, lock=0.3)
        self.folder, self.key = folder, key
        self.folder.mkdir(exist_ok=True)
        self.changes = Changes()

    def stage(self) -> Changes:
        staging = Staging(Tree(self.folder, Protection()), self.folder, database=self.action.database)
        asyncio.run(self.handler.stage(self.action, staging))
        self.changes = Changes(tables=tuple(staging.parts))  # type: ignore[arg-type]
        return self.changes

    def do(self, *steps: str) -> None:
        for step in steps:
            work: Callable[..., None] = getattr(self.handler, step)
            work(self.action, self.changes, self.key, self.folder)

    def commit(self) -> None:
        self.stage()
        self.do("prepare", "commit", "settle")

    def undo(self) -> None:
        self.do("undo", "settle")
