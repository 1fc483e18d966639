"""What runs taught, found again by text: SQLite with FTS5, in ``memory.db`` of the store's folder.

A note is bounded in size, belongs to the runs that taught it, and is forgotten with the last of them (a run that was
undone teaches nothing). Search is BM25 over goal and text. Where there are too many, those that nobody recalled and
that are oldest go first. All that is written is in the write-ahead log when a call returns, which outlives the process
(kill -9); several processes may use one file at the same time.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from revet.errors import StoreError
from revet.schema import Note, utcnow
from revet.store.runs import Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["FILE", "MOST_TEXT", "Corrections", "alike", "words_of"]

FILE = "memory.db"
VERSION = 1
MOST_TEXT, MOST_GOAL, MOST_DATA = 4_000, 1_000, 20_000
"""Characters that a note keeps of its text and its goal, and that its data may take as JSON."""
MOST_WORDS = 64
"""Words of a text that is searched for; the first ones count."""

_TABLES = (
    "CREATE TABLE notes (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, text TEXT NOT NULL,"
    " goal TEXT NOT NULL, run TEXT NOT NULL, uses INTEGER NOT NULL DEFAULT 0, data TEXT NOT NULL,"
    " used_at TEXT NOT NULL)",
    "CREATE INDEX notes_by_kind ON notes (kind, number)",
    "CREATE TABLE sources (note TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (note, run)) WITHOUT ROWID",
    "CREATE INDEX sources_by_run ON sources (run)",
    "CREATE TABLE recalls (note TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (note, run)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE words USING fts5"
    " (goal, text, content='notes', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER added AFTER INSERT ON notes BEGIN"
    " INSERT INTO words (rowid, goal, text) VALUES (new.number, new.goal, new.text); END",
    "CREATE TRIGGER removed AFTER DELETE ON notes BEGIN"
    " INSERT INTO words (words, rowid, goal, text) VALUES ('delete', old.number, old.goal, old.text);"
    " DELETE FROM sources WHERE note = old.id; DELETE FROM recalls WHERE note = old.id; END",
    "CREATE TRIGGER changed AFTER UPDATE OF goal, text ON notes BEGIN"
    " INSERT INTO words (words, rowid, goal, text) VALUES ('delete', old.number, old.goal, old.text);"
    " INSERT INTO words (rowid, goal, text) VALUES (new.number, new.goal, new.text); END",
)
_COLUMNS = "n.id, n.kind, n.text, n.goal, n.run, n.uses, n.data"

# Words that nearly every text has: a note that shares nothing else with the task is not about it.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a about all also an and any are as at be been but by can did do does for from had has have how i if in into is"
        " it its make more no not of on one only or our should so such than that the their them then there these they"
        " this to was we were what when where which who why will with you your",
    )
)


class Corrections:
    """The notes in ``folder``; None keeps them in memory, for as long as this object lives.

    `most` is how many notes of one kind are kept. Making one touches nothing; the first write makes the file.
    """

    def __init__(self, folder: Path | str | None = None, *, most: int = 2_000) -> None:
        self.folder = None if folder is None else Path(folder)
        self.most = most
        self._memory: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    # --- writing -------------------------------------------------------------------------------------------

    def add(self, notes: Iterable[Note], *, run: str) -> int:
        """Keep what `run` taught; how many notes are new. Idempotent by run and note id.

        A note whose id is known stays as it is, and is taught by one run more. What is too long is cut; raises
        `StoreError` for a note whose `data` takes more than 20,000 characters as JSON.
        """
        bounded = [_bounded(note) for note in notes]
        if not bounded:
            return 0
        with self._write() as db:
            new = 0
            for note in bounded:
                values = (note.id, note.kind, note.text, note.goal, run, note.uses, _json(note), _now())
                new += db.execute(
                    "INSERT INTO notes (id, kind, text, goal, run, uses, data, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO NOTHING",
                    values,
                ).rowcount
                db.execute("INSERT OR IGNORE INTO sources (note, run) VALUES (?, ?)", (note.id, run))
            for kind in {note.kind for note in bounded}:
                self._forget_least(db, kind)
            return new

    def replace(self, notes: Iterable[Note]) -> int:
        """Give notes that are known another text, goal and data; how many there were. Runs and uses stay."""
        bounded = [_bounded(note) for note in notes]
        if not bounded:
            return 0
        with self._write() as db:
            return sum(
                db.execute(
                    "UPDATE notes SET text = ?, goal = ?, data = ? WHERE id = ?",
                    (note.text, note.goal, _json(note), note.id),
                ).rowcount
                for note in bounded
            )

    def used(self, ids: Iterable[str], *, run: str) -> None:
        """Count that `run` recalled these notes: once for each run, however often it says so."""
        told = tuple(dict.fromkeys(ids))
        if not told or not self._exists:
            return
        with self._write() as db:
            for id in told:
                new = db.execute(
                    "INSERT OR IGNORE INTO recalls (note, run) SELECT id, ? FROM notes WHERE id = ?", (run, id)
                ).rowcount
                if new:
                    db.execute("UPDATE notes SET uses = uses + 1, used_at = ? WHERE id = ?", (_now(), id))

    def forget(self, ids: Iterable[str]) -> int:
        """Delete these notes; how many there were."""
        told = tuple(ids)
        if not told or not self._exists:
            return 0
        with self._write() as db:
            return sum(db.execute("DELETE FROM notes WHERE id = ?", (id,)).rowcount for id in told)

    def forget_run(self, run: str) -> int:
        """Take back what `run` taught: notes that no other run taught are deleted. How many those were."""
        if not self._exists:
            return 0
        with self._write() as db:
            taught = [id for (id,) in db.execute("SELECT note FROM sources WHERE run = ?", (run,))]
            db.execute("DELETE FROM sources WHERE run = ?", (run,))
            gone = 0
            for id in taught:
                left = db.execute("SELECT min(run) FROM sources WHERE note = ?", (id,)).fetchone()[0]
                if left is None:
                    gone += db.execute("DELETE FROM notes WHERE id = ?", (id,)).rowcount
                else:
                    db.execute("UPDATE notes SET run = ? WHERE id = ? AND run = ?", (left, id, run))
            return gone

    def merge(self, similarity: float = 0.8, *, kinds: Sequence[str] = ()) -> int:
        """Make one note of those that say nearly the same; how many are gone.

        Two notes of a kind are near duplicates where their words have at least `similarity` in common (Jaccard index).
        The one that was used most, then the oldest, stays, with the uses and the runs of all. Afterwards no two are.
        """
        if not self._exists:
            return 0
        gone = 0
        with self._write() as db:
            for group in _duplicates(self._read(db, kinds), similarity):
                first, *others = group
                for other in others:
                    db.execute("UPDATE notes SET uses = uses + ? WHERE id = ?", (other.uses, first.id))
                    for table in ("sources", "recalls"):
                        db.execute(f"UPDATE OR IGNORE {table} SET note = ? WHERE note = ?", (first.id, other.id))
                    gone += db.execute("DELETE FROM notes WHERE id = ?", (other.id,)).rowcount
        return gone

    # --- reading -------------------------------------------------------------------------------------------

    def search(self, text: str, *, kinds: Sequence[str] = (), limit: int = 5) -> list[Note]:
        """The notes that share the most telling words with `text`, the nearest first; `score` says how near.

        Notes of runs that were undone are forgotten when they are met.
        """
        asked = " OR ".join(f'"{word}"' for word in words_of(text)[:MOST_WORDS])
        if not asked or limit <= 0:
            return []
        among, values = _among(kinds)
        return self._met(
            f"SELECT {_COLUMNS}, -bm25(words, 2.0, 1.0) AS near FROM words JOIN notes AS n ON n.number = words.rowid"
            f" WHERE words MATCH ?{among} ORDER BY near DESC, n.number LIMIT ?",
            (asked, *values, limit),
        )

    def all(self, kinds: Sequence[str] = ()) -> list[Note]:
        """Every note, in the order in which they were learnt. Notes of runs that were undone are forgotten."""
        among, values = _among(kinds)
        return self._met(f"SELECT {_COLUMNS}, 0.0 FROM notes AS n WHERE 1{among} ORDER BY n.number", values)

    def runs(self, id: str) -> tuple[str, ...]:
        """The runs that taught the note, in the order of their names."""
        return tuple(str(run) for (run,) in self._rows("SELECT run FROM sources WHERE note = ? ORDER BY run", (id,)))

    def _met(self, sql: str, values: tuple[str | int, ...]) -> list[Note]:
        """The notes that a query finds, when those of undone runs are gone."""
        if not self._exists:
            return []
        undone = Store(self.folder).undone() if self.folder is not None else frozenset()
        for run in sorted(undone & {str(run) for (run,) in self._rows("SELECT DISTINCT run FROM sources", ())}):
            self.forget_run(run)
        return [_note(row) for row in self._rows(sql, values)]

    # --- the database --------------------------------------------------------------------------------------

    @property
    def _exists(self) -> bool:
        return self._memory is not None if self.folder is None else (self.folder / FILE).exists()

    def _rows(self, sql: str, values: Sequence[str | int]) -> list[tuple[str | int | float, ...]]:
        if not self._exists:
            return []
        with self._open() as db:
            return db.execute(sql, values).fetchall() if self._version(db) else []

    def _read(self, db: sqlite3.Connection, kinds: Sequence[str]) -> list[Note]:
        among, values = _among(kinds)
        return [
            _note(row)
            for row in db.execute(
                f"SELECT {_COLUMNS}, 0.0 FROM notes AS n WHERE 1{among} ORDER BY n.uses DESC, n.number", values
            )
        ]

    def _forget_least(self, db: sqlite3.Connection, kind: str) -> None:
        """Of more than `most` notes of a kind, the least used go, of these the ones not used for longest."""
        db.execute(
            "DELETE FROM notes WHERE kind = ? AND number NOT IN"
            " (SELECT number FROM notes WHERE kind = ? ORDER BY uses DESC, used_at DESC, number DESC LIMIT ?)",
            (kind, kind, self.most),
        )

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on a database that has its tables."""
        with self._open(make=True) as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                if self._version(db) == 0:
                    for statement in _TABLES:
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {VERSION}")
                yield db

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        if self.folder is None:
            with self._turn:
                if self._memory is None:
                    self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                yield self._memory
            return
        file = self.folder / FILE
        with self._errors(file):
            if make:
                self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                if make:
                    use_wal(db)
                yield db

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"the memory in {self.folder} was written by a newer revet (form {version}, this one knows {VERSION})",
                hint="upgrade revet, or name another folder with --out DIR",
            )
        return version

    @contextmanager
    def _errors(self, file: Path) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            hint = "check its permissions and the free space, or name another folder with --out DIR"
            raise StoreError(f"the memory {file} cannot be used: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            hint = f"move {file} away to start a new one: what earlier runs taught is then forgotten"
            raise StoreError(f"{file} is no memory of runs: {error}", hint=hint) from error


def words_of(text: str) -> tuple[str, ...]:
    """The different words of `text` that say something, in their order and lower case."""
    said = dict.fromkeys(word.lower() for word in re.findall(r"\w+", text))
    return tuple(word for word in said if word not in _COMMON)


def alike(one: str, other: str) -> float:
    """How much of their words two texts have in common: the Jaccard index, 1 for equal texts."""
    first, second = frozenset(words_of(one)), frozenset(words_of(other))
    return _jaccard(first, second) if first or second else float(one == other)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def _duplicates(notes: Sequence[Note], similarity: float) -> list[list[Note]]:
    """Groups of near duplicates of one kind, each with the note that stays first.

    Texts whose Jaccard index is `similarity` or more share one of their rarest words: of n words, one of the first
    n - ceil(similarity n) + 1 by rarity (prefix filtering: Chaudhuri et al., ICDE 2006). So only these are looked up.
    """
    bags = [frozenset(words_of(f"{note.goal} {note.text}")) for note in notes]
    common = Counter(word for bag in bags for word in bag)
    groups: list[tuple[frozenset[str], list[Note]]] = []
    by_word: dict[tuple[str, str], list[int]] = {}
    by_text: dict[tuple[str, str, str], int] = {}
    for note, bag in zip(notes, bags, strict=True):
        rare = sorted(bag, key=lambda word: (common[word], word))
        telling = rare[: len(bag) - math.ceil(similarity * len(bag) - 1e-9) + 1]
        near = sorted({place for word in telling for place in by_word.get((note.kind, word), ())})
        same = by_text.get((note.kind, note.goal, note.text))
        known = next((place for place in near if _jaccard(groups[place][0], bag) >= similarity), same)
        if known is not None:
            groups[known][1].append(note)
            continue
        by_text[note.kind, note.goal, note.text] = len(groups)
        for word in telling:
            by_word.setdefault((note.kind, word), []).append(len(groups))
        groups.append((bag, [note]))
    return [group for _, group in groups if len(group) > 1]


def _among(kinds: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The condition on the kind of `n`, with its values; none for no kinds."""
    return (f" AND n.kind IN ({', '.join('?' * len(kinds))})", tuple(kinds)) if kinds else ("", ())


def _bounded(note: Note) -> Note:
    if len(_json(note)) > MOST_DATA:
        raise StoreError(f"the data of the note {note.id} take more than {MOST_DATA:,} characters")
    text, goal = (_clean(said)[:most] for said, most in ((note.text, MOST_TEXT), (note.goal, MOST_GOAL)))
    return note.model_copy(update={"text": text, "goal": goal})


def _json(note: Note) -> str:
    return json.dumps(note.data, separators=(",", ":"))


def _clean(text: str) -> str:
    """Text that SQLite and UTF-8 can hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _note(row: Sequence[str | int | float]) -> Note:
    id, kind, text, goal, run, uses, data, score = row
    known = {"id": id, "kind": kind, "text": text, "goal": goal, "run": run, "uses": uses, "score": score}
    return Note.model_validate({**known, "data": json.loads(str(data))})


def _now() -> str:
    return utcnow().isoformat()
