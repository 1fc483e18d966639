"""The form of the runs' database, and how one of an older form becomes one of this.

A form is a number in the database's header (``user_version``), which SQLite changes with the transaction: whoever looks
finds a database of one form or of the other, never one between them.
"""

from __future__ import annotations

import sqlite3

from revet.store.listing import INDEX, goal_of

__all__ = ["VERSION", "migrate"]

VERSION = 2

_TABLE = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    task_digest TEXT NOT NULL,
    workspace TEXT,
    begun_at TEXT NOT NULL,
    outcome TEXT,
    rounds INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    undone INTEGER NOT NULL DEFAULT 0,
    goal TEXT NOT NULL DEFAULT '',
    recipe TEXT,
    setup TEXT,
    body TEXT
)
"""
_BY_TASK = "CREATE INDEX runs_by_task ON runs (task, task_digest, begun_at)"

_GOAL = (
    "UPDATE runs SET goal = goal_of(CASE WHEN json_valid(body) THEN COALESCE(json_extract(body, '$.task.goal'), '')"
    " ELSE '' END) WHERE body IS NOT NULL"
)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Make the tables of a new database (`version` 0), or bring an older one to `VERSION`.

    Inside the caller's transaction, which writes: what fails half-way is taken back with it.
    """
    if version == 0:
        for statement in (_TABLE, _BY_TASK, INDEX):
            db.execute(statement)
    elif version == 1:
        _from_1(db)
    if version < VERSION:
        db.execute(f"PRAGMA user_version = {VERSION}")


def _from_1(db: sqlite3.Connection) -> None:
    """Form 2 keeps how a run was set up, and what the list shows of it beside that."""
    for column in ("goal TEXT NOT NULL DEFAULT ''", "recipe TEXT", "setup TEXT"):
        db.execute(f"ALTER TABLE runs ADD COLUMN {column}")
    db.create_function("goal_of", 1, lambda text: goal_of(str(text)), deterministic=True)
    db.execute(_GOAL)
    db.execute("DROP INDEX IF EXISTS runs_by_time")
    db.execute(INDEX)
