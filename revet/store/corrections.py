"""What runs taught, found again by text: in ``memory.db`` of the store's folder, or in the store's PostgreSQL.

A note is bounded in size, belongs to the runs that taught it, and is forgotten with the last of them (a run that was
undone teaches nothing). Search is BM25 over goal and text. Where there are too many, those that nobody recalled and
that are oldest go first. All that is written outlives the process (kill -9) when a call returns; several processes may
use one memory at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from revet.schema import Note
from revet.store.notes import (
    COLUMNS,
    MOST_TEXT,
    MOST_WORDS,
    alike,
    among,
    bounded,
    data_of,
    duplicates,
    note_of,
    now,
    words_of,
)
from revet.store.place import url_of
from revet.store.sqlite_notes import FILE, SqliteNotes

__all__ = ["FILE", "MOST_TEXT", "Corrections", "alike", "words_of"]


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Writing(Protocol):
    """A transaction that writes. The marks of values are ``?``."""

    def execute(self, sql: str, values: Sequence[str | int] = ()) -> Rows: ...


class Notes(Protocol):
    """The tables ``notes``, ``sources`` (which runs taught a note) and ``recalls`` (which recalled it), wherever they
    are kept. The rows of a note that goes go with it.
    """

    @property
    def exists(self) -> bool:
        """False before the first note."""
        ...

    def write(self) -> AbstractContextManager[Writing]:
        """A transaction, on tables that are there; one at a time, whoever writes. Raises `StoreError`."""
        ...

    def rows(self, sql: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT gives; nothing before the first note."""
        ...

    def index(self, db: Any, note: Note) -> None:
        """Find a note that is new, or that was changed, by what it says now."""
        ...

    def nearest(self, words: Sequence[str], kinds: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        """Rows of notes that hold some of the words, the highest score first, of equal ones the oldest."""
        ...

    def undone(self) -> Iterable[str]:
        """Those of the runs that taught something whose commit was taken back."""
        ...


class Corrections:
    """The notes in `home` (see `Store.home`): a folder, or the URL of a PostgreSQL database; None keeps them in memory,
    for as long as this object lives.

    `most` is how many notes of one kind are kept. Making one touches nothing; the first write makes what is needed.
    """

    def __init__(self, home: Path | str | None = None, *, most: int = 2_000) -> None:
        self.most = most
        self._notes = _notes_in(home)

    # --- writing -------------------------------------------------------------------------------------------

    def add(self, notes: Iterable[Note], *, run: str) -> int:
        """Keep what `run` taught; how many notes are new. Idempotent by run and note id.

        A note whose id is known stays as it is, and is taught by one run more. What is too long is cut; raises
        `StoreError` for a note whose `data` takes more than 20,000 characters as JSON.
        """
        told = [bounded(note) for note in notes]
        if not told:
            return 0
        with self._notes.write() as db:
            added = 0
            for note in told:
                values = (note.id, note.kind, note.text, note.goal, run, note.uses, data_of(note), now())
                new = db.execute(
                    "INSERT INTO notes (id, kind, text, goal, run, uses, data, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO NOTHING",
                    values,
                ).rowcount
                if new:
                    self._notes.index(db, note)
                added += new
                db.execute("INSERT INTO sources (note, run) VALUES (?, ?) ON CONFLICT DO NOTHING", (note.id, run))
            for kind in {note.kind for note in told}:
                self._forget_least(db, kind)
            return added

    def replace(self, notes: Iterable[Note]) -> int:
        """Give notes that are known another text, goal and data; how many there were. Runs and uses stay."""
        told = [bounded(note) for note in notes]
        if not told:
            return 0
        changed = 0
        with self._notes.write() as db:
            for note in told:
                values = (note.text, note.goal, data_of(note), note.id)
                if db.execute("UPDATE notes SET text = ?, goal = ?, data = ? WHERE id = ?", values).rowcount:
                    self._notes.index(db, note)
                    changed += 1
        return changed

    def used(self, ids: Iterable[str], *, run: str) -> None:
        """Count that `run` recalled these notes: once for each run, however often it says so."""
        told = tuple(dict.fromkeys(ids))
        if not told or not self._notes.exists:
            return
        with self._notes.write() as db:
            for id in told:
                new = db.execute(
                    "INSERT INTO recalls (note, run) SELECT id, ? FROM notes WHERE id = ? ON CONFLICT DO NOTHING",
                    (run, id),
                ).rowcount
                if new:
                    db.execute("UPDATE notes SET uses = uses + 1, used_at = ? WHERE id = ?", (now(), id))

    def forget(self, ids: Iterable[str]) -> int:
        """Delete these notes; how many there were."""
        told = tuple(ids)
        if not told or not self._notes.exists:
            return 0
        with self._notes.write() as db:
            return sum(db.execute("DELETE FROM notes WHERE id = ?", (id,)).rowcount for id in told)

    def forget_run(self, run: str) -> int:
        """Take back what `run` taught: notes that no other run taught are deleted. How many those were."""
        if not self._notes.exists:
            return 0
        with self._notes.write() as db:
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
        if not self._notes.exists:
            return 0
        condition, values = among(kinds)
        gone = 0
        with self._notes.write() as db:
            found = f"SELECT {COLUMNS}, 0.0 FROM notes AS n WHERE TRUE{condition} ORDER BY n.uses DESC, n.number"
            for first, *others in duplicates([note_of(row) for row in db.execute(found, values)], similarity):
                for other in others:
                    db.execute("UPDATE notes SET uses = uses + ? WHERE id = ?", (other.uses, first.id))
                    for table in ("sources", "recalls"):
                        moved = f"SELECT ?, run FROM {table} WHERE note = ? ON CONFLICT DO NOTHING"
                        db.execute(f"INSERT INTO {table} (note, run) {moved}", (first.id, other.id))
                    gone += db.execute("DELETE FROM notes WHERE id = ?", (other.id,)).rowcount
        return gone

    # --- reading -------------------------------------------------------------------------------------------

    def search(self, text: str, *, kinds: Sequence[str] = (), limit: int = 5) -> list[Note]:
        """The notes that share the most telling words with `text`, the nearest first; `score` says how near.

        Notes of runs that were undone are forgotten when they are met.
        """
        asked = words_of(text)[:MOST_WORDS]
        if not asked or limit <= 0:
            return []
        self._forget_undone()
        return [note_of(row) for row in self._notes.nearest(asked, kinds, limit)]

    def all(self, kinds: Sequence[str] = ()) -> list[Note]:
        """Every note, in the order in which they were learnt. Notes of runs that were undone are forgotten."""
        self._forget_undone()
        condition, values = among(kinds)
        found = f"SELECT {COLUMNS}, 0.0 FROM notes AS n WHERE TRUE{condition} ORDER BY n.number"
        return [note_of(row) for row in self._notes.rows(found, values)]

    def runs(self, id: str) -> tuple[str, ...]:
        """The runs that taught the note, in the order of their names."""
        found = self._notes.rows("SELECT run FROM sources WHERE note = ? ORDER BY run", (id,))
        return tuple(str(run) for (run,) in found)

    def _forget_undone(self) -> None:
        if self._notes.exists:
            for run in sorted(self._notes.undone()):
                self.forget_run(run)

    def _forget_least(self, db: Writing, kind: str) -> None:
        """Of more than `most` notes of a kind, the least used go, of these the ones not used for longest."""
        db.execute(
            "DELETE FROM notes WHERE kind = ? AND number NOT IN"
            " (SELECT number FROM notes WHERE kind = ? ORDER BY uses DESC, used_at DESC, number DESC LIMIT ?)",
            (kind, kind, self.most),
        )


def _notes_in(home: Path | str | None) -> Notes:
    url = None if home is None else url_of(home)
    if url is None:
        return SqliteNotes(home)
    from revet.store.postgres.notes import PostgresNotes

    return PostgresNotes(url)
