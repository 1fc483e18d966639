"""A full-text index of a folder, kept up to date by looking at the files' sizes and times.

Reading is done in small transactions: what was read stays read when the process is killed, and a dump of many
gigabytes goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import sqlite3
import stat
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from revet.errors import InputError
from revet.protected import matches
from revet.schema import digest
from revet.tools._search.documents import LARGEST, READ, Piece, is_dump, pieces, text_in
from revet.tools._search.dumps import Mark
from revet.tools._search.reading import DOCUMENTS
from revet.tools.secret_files import is_secret

__all__ = ["Hit", "Index", "State", "TooSlow", "documents", "unusable"]

MOST_FILES = 100_000
PASSED_OVER = (".*", "node_modules", "__pycache__", "venv")
"""Folders and files that hold no documents: hidden ones, caches, environments."""
VERSION = 2
FREQUENT = 100_000
TIES = 10_000
EACH = 1.0
"""Seconds after which what was read is committed."""
PATIENCE = 10.0
"""Seconds to wait for another process that reads the folder."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INTEGER, modified INTEGER, sha256 TEXT,
    done INTEGER, position INTEGER, line INTEGER, document TEXT, section TEXT, problem TEXT
);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY, file INTEGER, line INTEGER, page INTEGER, title TEXT, text TEXT
);
CREATE INDEX IF NOT EXISTS passages_file ON passages (file);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5
    (title, text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON passages BEGIN
    INSERT INTO words (rowid, title, text) VALUES (new.id, new.title, new.text);
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON passages BEGIN
    INSERT INTO words (words, rowid, title, text) VALUES ('delete', old.id, old.title, old.text);
END;
PRAGMA user_version = {VERSION};
"""
CLEAR = "DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS passages; DROP TABLE IF EXISTS words;"
# A word in the title says twice as much as one in the text.
RANKS = "SELECT rowid, bm25(words, 2.0, 1.0) AS rank FROM words WHERE words MATCH ? ORDER BY rank"
FETCH = """
SELECT f.path, p.line, p.title, p.text, p.page FROM passages AS p JOIN files AS f ON f.id = p.file WHERE p.id = ?
"""


class Hit(NamedTuple):
    """A passage that was found. `id` is a digest of its place and text; the higher the `score`, the better it fits.

    `line` is that of the file; of a PDF, that of the text of its `page`.
    """

    id: str
    path: str
    line: int
    title: str
    text: str
    score: float
    page: int | None = None


class State(NamedTuple):
    """How far the index is. `left_out` counts files that are too large, too many or oddly named, `secret` those that by
    their names may hold secrets; `unread` says of others why they are not read, or not in whole. `pending` says why not
    all files are in the index yet, None if they are.
    """

    left_out: int = 0
    secret: int = 0
    unread: tuple[tuple[str, str], ...] = ()
    pending: str | None = None


class TooSlow(Exception):
    """A search took longer than it may."""


class Index:
    """The passages of `folder`, in memory or in `database`. To be used by one thread at a time, whichever it is.

    Several processes may use one database: one of them reads the folder, the others search what is read.
    `secrets`: read also files that by their names may hold secrets.
    """

    def __init__(self, folder: Path, passage: int, database: Path | None = None, *, secrets: bool = False) -> None:
        self.folder, self.passage, self.database, self.secrets = folder, passage, database, secrets
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False, timeout=60)
        self.close = weakref.finalize(self, self._db.close)
        try:
            if self._version() != VERSION:
                with self._alone(60.0):
                    if self._version() != VERSION:  # another process may have made it meanwhile
                        self._db.execute("PRAGMA journal_mode = WAL")
                        self._db.executescript(CLEAR + SCHEMA)
            self._db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            self.close()
            raise unusable(database, error) from None

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def refresh(
        self,
        stop: Callable[[], str | None] = lambda: None,
        tell: Callable[[str, float], None] = lambda path, share: None,
    ) -> State:
        """Read what is new or changed, and forget what is gone. `stop` says why to leave the rest for later.

        `tell` hears which file is being read, and how much of it is (0 to 1).
        """
        with self._alone(PATIENCE) as mine:
            if not mine:
                return self._state(0, 0, "another process is reading the folder at the moment")
            return self._refresh(stop, tell)

    def _refresh(self, stop: Callable[[], str | None], tell: Callable[[str, float], None]) -> State:
        rows = self._db.execute("SELECT path, size, modified, done, problem FROM files")
        known = {path: (size, at, bool(done) and not _curable(problem)) for path, size, at, done, problem in rows}
        left_out = secret = 0
        pending: str | None = None
        begun = False
        committed = time.monotonic()
        for number, (path, size, modified) in enumerate(documents(self.folder)):
            if number >= MOST_FILES or not _is_text(path):
                left_out += 1
            elif not self.secrets and is_secret(path):
                secret += 1
            elif known.pop(path, None) != (size, modified, True) and pending is None:
                # Something is read at each search, however little time there is, so that one day all of it is.
                pending = (stop() if begun else None) or self._read(path, size, modified, stop, tell)
                begun = True
                if time.monotonic() - committed > EACH:
                    self._db.commit()
                    committed = time.monotonic()
        for path in known:
            self._forget(path)
        self._db.commit()
        return self._state(left_out, secret, pending)

    def search(
        self, match: str, *, limit: int, skip: int = 0, exclude: Collection[str] = (), seconds: float = 60.0
    ) -> list[Hit]:
        """The best passages for an FTS5 expression, those of `exclude` left out, after the `skip` best of the rest.

        Passages of the same title and text count as one. Equal ranks go by place, so that an order is always the same
        whatever order the files were read in. Raises `TooSlow`.
        """
        deadline = time.monotonic() + seconds
        self._db.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
        try:
            return self._search(match, skip + limit, frozenset(exclude))[skip:]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TooSlow(f"the search took more than {seconds:.0f} s") from None
            raise
        finally:
            self._db.set_progress_handler(None, 0)

    def count(self) -> dict[str, int]:
        """How many files and passages there are."""
        files = self._db.execute("SELECT count(*) FROM files WHERE done").fetchone()[0]
        return {"files": files, "passages": self._db.execute("SELECT count(*) FROM passages").fetchone()[0]}

    def telling(self, terms: Sequence[str]) -> Sequence[str]:
        """Those of the terms that stand in few enough passages to be ranked in time; all of them, if none does.

        In an index of fewer than 100,000 passages, every term does.
        """
        count = f"SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT {FREQUENT})"
        rare = [term for term in terms if self._db.execute(count, (term,)).fetchone()[0] < FREQUENT]
        return rare or terms

    def _search(self, match: str, limit: int, exclude: Collection[str]) -> list[Hit]:
        hits: list[Hit] = []
        seen: set[tuple[str, str]] = set()
        ranked = self._db.execute(RANKS, (match,))
        for rank, tied in groupby(ranked, key=lambda row: row[1]):
            some = [row for row, _ in zip(tied, range(TIES), strict=False)]
            places = [self._db.execute(FETCH, (row[0],)).fetchone() for row in some]
            for path, line, title, text, page in sorted(
                places, key=lambda place: (place[0], place[4] or 0, *place[1:4])
            ):
                if (title, text) in seen:
                    continue
                seen.add((title, text))
                hit = Hit(digest(path, text), path, line, title, text, round(-rank, 4), page)
                if hit.id not in exclude:
                    hits.append(hit)
            if len(hits) >= limit:
                break
        ranked.close()
        return hits[:limit]

    def _read(
        self, path: str, size: int, modified: int, stop: Callable[[], str | None], tell: Callable[[str, float], None]
    ) -> str | None:
        """Read a file into the index, or what is left of it. The reason of `stop`, if that came before its end."""
        where = self.folder / path
        large = size > LARGEST or is_dump(path) or path.lower().endswith(".pdf")
        try:
            if not large:
                content = where.read_bytes()
                sha256 = hashlib.sha256(content).hexdigest()
                row = self._db.execute("SELECT sha256 FROM files WHERE path = ?", (path,)).fetchone()
                if row != (sha256,):
                    self._keep(self._start(path, sha256), text_in(path, content, self.passage))
                self._finish(path, size, modified)
                return None
            file, mark = self._go_on(path, size, modified)
            told = time.monotonic()
            for piece in pieces(where, self.passage, mark):
                self._keep(file, piece)
                if time.monotonic() - told < EACH:
                    continue
                self._db.commit()
                tell(path, piece.share)
                told = time.monotonic()
                if why := stop():
                    return why
            self._finish(path, size, modified)
        except OSError:  # it went, or may not be read
            self._forget(path)
        return None

    def _start(self, path: str, sha256: str | None) -> int:
        self._forget(path)
        columns = "(path, sha256, done, position, line, document, section)"
        added = self._db.execute(f"INSERT INTO files {columns} VALUES (?, ?, 0, 0, 1, '', '')", (path, sha256))
        return added.lastrowid or 0

    def _go_on(self, path: str, size: int, modified: int) -> tuple[int, Mark]:
        """The file's number, and where to go on if it is as it was when it was begun."""
        columns = "id, position, line, document, section"
        begun = self._db.execute(
            f"SELECT {columns} FROM files WHERE path = ? AND size = ? AND modified = ? AND NOT done",
            (path, size, modified),
        ).fetchone()
        if begun is not None:
            return begun[0], Mark(*begun[1:])
        file = self._start(path, None)
        self._db.execute("UPDATE files SET size = ?, modified = ? WHERE id = ?", (size, modified, file))
        return file, Mark()

    def _keep(self, file: int, piece: Piece) -> None:
        rows = ((file, row.line, row.page, _whole(row.title), _whole(row.text)) for row in piece.rows)
        self._db.executemany("INSERT INTO passages (file, line, page, title, text) VALUES (?, ?, ?, ?, ?)", rows)
        problem = _whole(piece.problem) if piece.problem else None
        where = "position = ?, line = ?, document = ?, section = ?, problem = ?"
        self._db.execute(f"UPDATE files SET {where} WHERE id = ?", (*_plain(piece.mark), problem, file))

    def _finish(self, path: str, size: int, modified: int) -> None:
        self._db.execute("UPDATE files SET size = ?, modified = ?, done = 1 WHERE path = ?", (size, modified, path))

    def _forget(self, path: str) -> None:
        self._db.execute("DELETE FROM passages WHERE file = (SELECT id FROM files WHERE path = ?)", (path,))
        self._db.execute("DELETE FROM files WHERE path = ?", (path,))

    def _state(self, left_out: int, secret: int, pending: str | None) -> State:
        select = "SELECT path, problem FROM files WHERE problem IS NOT NULL ORDER BY path"
        return State(left_out, secret, tuple(self._db.execute(select)), pending)

    @contextmanager
    def _alone(self, patience: float) -> Iterator[bool]:
        """True while no other process reads the folder into this database. A lock ends with its process."""
        if self.database is None:
            yield True
            return
        try:
            held = self.database.with_suffix(".lock").open("w")
        except OSError as error:
            raise unusable(self.database, error) from None
        with held as file:
            until = time.monotonic() + patience
            while not (mine := _locked(file.fileno())) and time.monotonic() < until:
                time.sleep(0.1)
            yield mine


def unusable(database: Path | None, error: sqlite3.DatabaseError | OSError) -> InputError:
    return InputError(f"the index {database or 'in memory'} cannot be used: {error}", hint="delete it")


def documents(folder: Path) -> Iterator[tuple[str, int, int]]:
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
            elif stat.S_ISREG(info.st_mode) and entry.name.lower().endswith(READ):
                yield path, info.st_size, info.st_mtime_ns


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _curable(problem: str | None) -> bool:
    """True for a file that could not be read for want of a package that is there now."""
    return problem is not None and DOCUMENTS in problem and importlib.util.find_spec("pypdf") is not None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _whole(text: str) -> str:
    """Without halves of characters, which no database can hold."""
    return text.encode("utf-8", "replace").decode()


def _plain(mark: Mark) -> tuple[int, int, str, str]:
    return mark.position, mark.line, _whole(mark.document), _whole(mark.section)
