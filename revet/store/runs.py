"""The store: every run with all that happened in it, kept in one folder.

::

    .revet/
      .gitignore        `*`: nothing in here shows up in `git status` (not written into somebody else's folder)
      runs.db           finished runs, and those that were begun
      checkpoints.db    where unfinished runs stopped (written by the graph)
      replies.db        what language models answered in unfinished runs (see `replies`)
      working/          a lock for each run that some process is at work on
      memory.db         what runs taught, where a method or `memory: true` keeps that (see `corrections`)

Nothing is written before the first run begins. Several processes may use one store at the same time. A database of an
older form is brought to this one when it is first used; one that cannot be written is read as it is.
"""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from revet.errors import RunNotFound, StoreError
from revet.schema import Run, Setup, Task, digest, utcnow
from revet.schema.base import to_json
from revet.store.listing import COLUMNS, NEWEST, OLD, Chosen, Row, goal_of, where
from revet.store.migrations import VERSION, migrate
from revet.store.wal import BUSY_SECONDS, use_wal
from revet.store.working import worked_on, working_on

__all__ = ["Store"]

FOLDER = ".revet"
_ALIASED = ", ".join(f"{{{name}}} AS {name}" if name in OLD else name for name in COLUMNS)
"""The columns of the list; those in braces are as the form of the database has them."""
_SAME = "task = ? AND task_digest = ?"


class Store:
    """Runs in ``folder``. Making one touches nothing; the first write makes the folder."""

    def __init__(self, folder: Path | str = Path(FOLDER)) -> None:
        self.folder = Path(folder)

    @property
    def checkpoints(self) -> Path:
        """The database file in which the graph keeps where unfinished runs stopped."""
        return self.folder / "checkpoints.db"

    def prepare(self) -> None:
        """Make the folder and the databases now. Raises `StoreError` if runs cannot be kept there."""
        with self._write():
            pass
        with self.errors(self.checkpoints), closing(_connect(self.checkpoints)) as db:
            use_wal(db)

    # --- writing -------------------------------------------------------------------------------------------

    def begin(self, run_id: str, task: Task, setup: Setup | None = None) -> None:
        """Record that a run is under way. Beginning it again (when it is resumed) keeps what is known of it, but for
        the `setup`: that is of who goes on with it.
        """
        self.record([(run_id, task, setup)])

    def save(self, run: Run) -> None:
        """Record a run that has ended, or one that waits for an answer; replaces what was known of it."""
        self.record([run])

    def record(self, news: Sequence[Run | tuple[str, Task, Setup | None]]) -> None:
        """`begin` and `save` many runs in one transaction: a tuple begins, a run is saved."""
        with self._write() as db:
            for each in news:
                if isinstance(each, Run):
                    self._save(db, each)
                else:
                    self._begin(db, *each)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the database open inside: whoever closes its last connection has to flush all of it to the disk."""
        with self.errors(self._file):
            self.make_folder()
            db = _connect(self._file, check_same_thread=False)
        with closing(db):
            with self.errors(self._file):
                use_wal(db)
                db.execute("BEGIN IMMEDIATE")
                with db:
                    self._prepare(db)
            yield

    @contextmanager
    def alone(self, run_id: str) -> Iterator[None]:
        """Be the only one at work on the run, whether it was begun or not. StoreError if another process is, or another
        task of this one.
        """
        with self.errors(self._file):
            self.make_folder()
        with working_on(self.folder, run_id):
            yield

    def worked_on(self, run_id: str) -> bool | None:
        """True if some process is at work on the run now; None where that cannot be known."""
        return worked_on(self.folder, run_id)

    def _begin(self, db: sqlite3.Connection, run_id: str, task: Task, setup: Setup | None) -> None:
        made = (None, None) if setup is None else (setup.recipe, to_json(setup))
        db.execute(
            "INSERT INTO runs (id, task, task_digest, workspace, begun_at, goal, recipe, setup)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " recipe = COALESCE(excluded.recipe, recipe), setup = COALESCE(excluded.setup, setup)",
            (run_id, *_key(task), task.workspace, utcnow().isoformat(), goal_of(task.goal), *made),
        )

    def _save(self, db: sqlite3.Connection, run: Run) -> None:
        values = {
            "id": run.id,
            **dict(zip(("task", "task_digest"), _key(run.task), strict=True)),
            "workspace": run.task.workspace,
            "begun_at": run.started_at.isoformat(),
            "outcome": run.outcome.value,
            "rounds": run.usage.rounds,
            "seconds": run.usage.seconds,
            "undone": int(run.receipt is not None and run.receipt.undone_at is not None),
            "goal": goal_of(run.task.goal),
            "body": to_json(run),
        }
        if run.setup is not None:
            values |= {"recipe": run.setup.recipe, "setup": to_json(run.setup)}
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        news = ", ".join(f"{name} = excluded.{name}" for name in values if name != "id")
        db.execute(f"INSERT INTO runs ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {news}", values)

    def mark_undone(self, run_id: str) -> None:
        """Record that what this run committed was taken back, where there is no record of the run that could say so."""
        with self._write() as db:
            db.execute("UPDATE runs SET undone = 1 WHERE id = ?", (run_id,))

    # --- reading -------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> Run:
        """The run with this id, or with the only id that starts so.

        Raises `RunNotFound`, which names the nearest ids; for a run that has not ended, it says how to go on.
        """
        name = self.row(run_id).id
        run = self.find(name)
        if run is None:
            hint = "if it was interrupted, the same command with --resume goes on with it"
            raise RunNotFound(f"run {name} has not ended", hint=f"{hint}; `revet undo {name}` takes back what it did")
        return run

    def row(self, run_id: str) -> Row:
        """What the list says of the run with this id, or with the only id that starts so. Raises `RunNotFound`."""
        return self._rows("WHERE id = ?", self._full_id(run_id))[0]

    def setup(self, run_id: str) -> Setup | None:
        """How the run with exactly this id was set up, also before it has ended; None where that was not kept."""
        rows = self._query("SELECT {setup} FROM runs WHERE id = ?", run_id)
        if not rows or rows[0][0] is None:
            return None
        try:
            return Setup.model_validate_json(rows[0][0])
        except ValidationError:
            return None  # of another version: it is for people to read, and to go on from where it fits

    def find(self, run_id: str) -> Run | None:
        """The run with exactly this id, None if there is none that ended or waits."""
        rows = self._query("SELECT body FROM runs WHERE id = ? AND body IS NOT NULL", run_id)
        return self._parse(run_id, rows[0][0]) if rows else None

    def ended(self, run_ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the runs that have ended for good: neither to be answered nor to be gone on with."""
        over = "outcome IS NOT NULL AND outcome NOT IN ('asked', 'failed')"
        rows = (self._query(f"SELECT id FROM runs WHERE id = ? AND {over}", run) for run in run_ids)
        return tuple(str(found[0][0]) for found in rows if found)

    def undone(self) -> frozenset[str]:
        """The runs whose commit was taken back."""
        return frozenset(str(run) for (run,) in self._query("SELECT id FROM runs WHERE undone"))

    def begun(self, run_id: str) -> bool:
        """True if a run with exactly this id was begun, whether or not it ended."""
        return bool(self._query("SELECT 1 FROM runs WHERE id = ?", run_id))

    def latest(self, task: Task) -> Run | None:
        """The newest run of exactly this task that ended or waits for an answer."""
        rows = self._query(f"SELECT id, body FROM runs WHERE {_SAME} AND body IS NOT NULL {NEWEST}", *_key(task), 1)
        return self._parse(*rows[0]) if rows else None

    def unfinished(self, task: Task) -> str | None:
        """The id of the newest run of exactly this task that broke off: it was begun and has not ended, or it failed.

        None if a later one ended well or waits for an answer; what was taken back counts neither way.
        """
        rows = self._query(
            f"SELECT id, outcome IS NULL OR outcome = 'failed' FROM runs WHERE {_SAME} AND NOT undone"
            f" AND (outcome IS NULL OR outcome IN ('failed', 'committed', 'answered', 'asked')) {NEWEST}",
            *_key(task),
            1,
        )
        return str(rows[0][0]) if rows and rows[0][1] else None

    def rows(self, limit: int = 20, *, offset: int = 0, chosen: Chosen | None = None) -> tuple[Row, ...]:
        """The newest runs first, at most `limit` of them (-1: all) after the first `offset`."""
        condition, values = where(chosen or Chosen())
        return self._rows(f"WHERE {condition} {NEWEST} OFFSET ?", *values, limit, offset)

    def count(self, chosen: Chosen | None = None) -> int:
        """How many runs there are, or how many of those that are `chosen`."""
        condition, values = where(chosen or Chosen())
        found = self._query(f"SELECT COUNT(*) FROM (SELECT {_ALIASED} FROM runs) WHERE {condition}", *values)
        return int(found[0][0]) if found else 0

    def named(self, what: Literal["task", "recipe"]) -> tuple[str, ...]:
        """The tasks or the recipes of all runs, each once, sorted."""
        found = self._query(f"SELECT DISTINCT {what} FROM (SELECT {_ALIASED} FROM runs) WHERE {what} IS NOT NULL")
        return tuple(sorted(str(name) for (name,) in found))

    def _rows(self, which: str, *values: str | int) -> tuple[Row, ...]:
        source = f"(SELECT {_ALIASED}, rowid FROM runs)"
        found = self._query(f"SELECT {', '.join(COLUMNS)} FROM {source} {which}", *values)
        return tuple(Row.model_validate(dict(zip(COLUMNS, row, strict=True))) for row in found)

    def _full_id(self, start: str) -> str:
        known = [str(row[0]) for row in self._query(f"SELECT id FROM runs {NEWEST}", -1)]
        matches = [start] if start in known else [name for name in known if start and name.startswith(start)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(matches[:6]) + (" …" if len(matches) > 6 else "")
            hint = f"write more of it (newest first): {shown}"
            raise RunNotFound(f"{start!r} could be any of {len(matches)} runs", hint=hint)
        if not known:
            hint = "runs are kept in `.revet` of the folder that revet was started in; --out DIR names another"
            raise RunNotFound(f"there is no run {start!r}: {self.folder} holds no runs", hint=hint)
        near = difflib.get_close_matches(start, known, n=3, cutoff=0.4) or known[:3]
        raise RunNotFound(f"there is no run {start!r} in {self.folder}", hint=f"nearest: {', '.join(near)}")

    def _parse(self, run_id: str, body: str) -> Run:
        try:
            return Run.model_validate_json(body)
        except ValidationError:
            raise StoreError(
                f"the record of run {run_id} in {self._file} cannot be read",
                hint="it was written by another version of revet, or is damaged; use that version to read it",
            ) from None

    # --- the database --------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.folder / "runs.db"

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on a database that exists."""
        with self.errors(self._file):
            self.make_folder()
            with closing(_connect(self._file)) as db:
                use_wal(db)
                db.execute("BEGIN IMMEDIATE")
                with db:
                    self._prepare(db)
                    yield db

    def _query(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        """The rows that a SELECT gives; none where nothing was written yet."""
        with self.errors(self._file):
            if not self._file.exists():
                return []
            with closing(self._reading()) as db:
                version = self._version(db)
                if 0 < version < VERSION:
                    version = self._migrated(db, version)
                if not version:
                    return []
                missing = OLD if version < VERSION else {}
                return db.execute(sql.format_map({name: missing.get(name, name) for name in OLD}), values).fetchall()

    def _reading(self) -> sqlite3.Connection:
        """The database, to be read. Where nobody may write here, the files that SQLite keeps beside one with a
        write-ahead log cannot be made: if nothing waits in that log, the database is all there is to read.
        """
        db = _connect(self._file)
        try:
            db.execute("PRAGMA user_version")
        except sqlite3.OperationalError as error:
            db.close()
            log = self._file.with_name(f"{self._file.name}-wal")
            unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
            if not unwritable or (log.exists() and log.stat().st_size):
                raise
            return sqlite3.connect(f"{self._file.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
        return db

    def _migrated(self, db: sqlite3.Connection, version: int) -> int:
        """The form of a database that was found to be of an older one. It stays of that where nobody may write here."""
        try:
            db.execute("BEGIN IMMEDIATE")
            with db:
                self._prepare(db)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            return version
        return VERSION

    def make_folder(self) -> None:
        """The folder, hidden from git if it is ours: in a folder that was there before, that is not for us to do."""
        ours = self.folder.absolute().name == FOLDER
        try:
            self.folder.mkdir(parents=True)
            ours = True
        except FileExistsError:
            self.folder.mkdir(exist_ok=True)  # raises if it is a file
        ignore = self.folder / ".gitignore"
        if ours and not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Makes the tables of a new database, or mends those of an old one, inside the caller's transaction."""
        migrate(db, self._version(db))

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{self._file} was written by a newer revet (form {version}, this one knows {VERSION})",
                hint="upgrade revet, or name another folder with --out DIR",
            )
        return version

    @contextmanager
    def errors(self, file: Path) -> Iterator[None]:
        """Errors of the database `file` and its folder, told as a `StoreError`."""
        hint = "check its permissions and the free space, or name another folder with --out DIR"
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(f"the store {file} cannot be used: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            moved = f"move {file} away to start a new one, or name another folder with --out DIR"
            raise StoreError(f"{file} is no store of runs: {error}", hint=moved) from error
        except OSError as error:
            raise StoreError(f"the store {self.folder} cannot be used: {error.strerror}", hint=hint) from error


def _key(task: Task) -> tuple[str, str]:
    """What makes two tasks the same task: the id, and everything else they say."""
    return task.id, digest(task.model_dump(mode="json"), length=16)


def _connect(file: Path, check_same_thread: bool = True) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=check_same_thread)
