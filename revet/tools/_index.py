"""A full-text index of a folder, kept up to date by looking at the files' sizes and times."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import weakref
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from revet.errors import InputError
from revet.protected import matches
from revet.schema import digest
from revet.tools._passages import SUFFIXES, passages

__all__ = ["Hit", "Index", "unusable"]

LARGEST = 8 * 1024 * 1024
MOST_FILES = 100_000
PASSED_OVER = (".*", "node_modules", "__pycache__", "venv")
"""Folders and files that hold no documents: hidden ones, caches, environments."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY, path TEXT, line INTEGER, title TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS passages_path ON passages (path);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5
    (title, text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON passages BEGIN
    INSERT INTO words (rowid, title, text) VALUES (new.id, new.title, new.text);
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON passages BEGIN
    INSERT INTO words (words, rowid, title, text) VALUES ('delete', old.id, old.title, old.text);
END;
"""
# A word in the title says twice as much as one in the text. Equal ranks go by place, so that an order is always the
# same whatever order the files were read in.
SEARCH = """
SELECT p.path, p.line, p.title, p.text, bm25(words, 2.0, 1.0) AS rank
FROM words JOIN passages AS p ON p.id = words.rowid
WHERE words MATCH ? ORDER BY rank, p.path, p.line, p.text
"""


class Hit(NamedTuple):
    """A passage that was found. `id` is a digest of its place and text; the higher the `score`, the better it fits."""

    id: str
    path: str
    line: int
    title: str
    text: str
    score: float


class Index:
    """The passages of `folder`, in memory or in `database`. To be used by one thread at a time, whichever it is.

    `left_out` counts the files that the last `refresh` did not read: too large, too many, or of a name that is no text.
    """

    def __init__(self, folder: Path, passage: int, database: Path | None = None) -> None:
        self.folder, self.passage = folder, passage
        self.left_out = 0
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False, timeout=60)
        self.close = weakref.finalize(self, self._db.close)
        try:
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self.close()
            raise unusable(database, error) from None

    def refresh(self) -> None:
        """Read what is new or changed, and forget what is gone."""
        known = {path: (size, time) for path, size, time in self._db.execute("SELECT path, size, modified FROM files")}
        self.left_out = 0
        with self._db:
            for number, (path, size, modified) in enumerate(_files(self.folder)):
                if size > LARGEST or number >= MOST_FILES or not _is_text(path):
                    self.left_out += 1
                elif known.pop(path, None) != (size, modified):
                    self._read(path, size, modified)
            for path in known:
                self._forget(path)

    def search(self, match: str, *, limit: int, skip: int = 0, exclude: Collection[str] = ()) -> list[Hit]:
        """The best passages for an FTS5 expression, those of `exclude` left out, after the `skip` best of the rest.

        Passages of the same title and text count as one.
        """
        hits: list[Hit] = []
        seen: set[tuple[str, str]] = set()
        rows = self._db.execute(SEARCH, (match,))
        for path, line, title, text, rank in rows:
            if (title, text) in seen:
                continue
            seen.add((title, text))
            hit = Hit(digest(path, text), path, line, title, text, round(-rank, 4))
            if hit.id in exclude:
                continue
            hits.append(hit)
            if len(hits) == skip + limit:
                break
        rows.close()
        return hits[skip:]

    def _read(self, path: str, size: int, modified: int) -> None:
        try:
            content = (self.folder / path).read_bytes()
        except OSError:  # it went, or may not be read
            self._forget(path)
            return
        sha256 = hashlib.sha256(content).hexdigest()
        before = self._db.execute("SELECT sha256 FROM files WHERE path = ?", (path,)).fetchone()
        if before != (sha256,):
            self._forget(path)
            text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\0", "\ufffd")
            rows = [(path, found.line, found.title, found.text) for found in passages(path, text, self.passage)]
            self._db.executemany("INSERT INTO passages (path, line, title, text) VALUES (?, ?, ?, ?)", rows)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (path, size, modified, sha256))

    def _forget(self, path: str) -> None:
        self._db.execute("DELETE FROM passages WHERE path = ?", (path,))
        self._db.execute("DELETE FROM files WHERE path = ?", (path,))


def unusable(database: Path | None, error: sqlite3.DatabaseError) -> InputError:
    return InputError(f"the index {database or 'in memory'} cannot be used: {error}", hint="delete it")


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path inside the folder, size in bytes and time of change in ns, of each document. Symlinks are not followed."""
    pending = [""]
    while pending:
        inside = pending.pop()
        try:
            entries = list(os.scandir(folder / inside))
        except OSError:  # it went, or may not be read
            continue
        for entry in entries:
            path = f"{inside}{entry.name}"
            if matches(entry.name, PASSED_OVER):
                continue
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:  # it went meanwhile, and the others are still there
                continue
            if stat.S_ISDIR(info.st_mode):
                pending.append(f"{path}/")
            elif stat.S_ISREG(info.st_mode) and entry.name.lower().endswith(SUFFIXES):
                yield path, info.st_size, info.st_mtime_ns


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
