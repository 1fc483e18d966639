"""The store: every run with all that happened in it, in one folder, or in one database for many machines.

::

    .revet/
      .gitignore        `*`: nothing in here shows up in `git status` (not written into somebody else's folder)
      runs.db           finished runs, and those that were begun
      checkpoints.db    where unfinished runs stopped (written by the graph)
      replies.db        what language models answered in unfinished runs (see `replies`)
      working/          a lock for each run and task that some process is at work on
      memory.db         what runs taught, where a method or `memory: true` keeps that (see `corrections`)

With a URL (``postgresql://…``) all of that is in the schema ``revet`` of that database (see `postgres`).

Nothing is written before the first run begins. Several processes may use one store at the same time. A store of an
older form is brought to this one when it is first used. The databases differ below `backend`; all else is here, once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from revet.errors import RunBusy, RunNotFound, StoreError
from revet.schema import Run, Setup, Task, digest, utcnow
from revet.schema.base import to_json
from revet.store.backend import Backend, Statement, Value
from revet.store.leases import Leases
from revet.store.listing import COLUMNS, NEWEST, OLD, Chosen, Row, goal_of, where
from revet.store.place import url_of
from revet.store.replies import Replies, ReplyStore
from revet.store.sqlite import FOLDER, SqliteRuns

__all__ = ["LEASE", "Store"]

LEASE = 30.0
"""Seconds after which a run of a process that died with its machine can be taken over (PostgreSQL)."""
_ALIASED = ", ".join(f"{{{name}}} AS {name}" if name in OLD else name for name in COLUMNS)
_LISTED = f"(SELECT {_ALIASED}, {{number}} FROM {{runs}}) AS listed"
"""The columns of the list; those in braces are as the form of the database has them."""
_SAME = "task = ? AND task_digest = ?"
_LAST = "ORDER BY {number} DESC LIMIT 1"
"""The run that was begun last: as the database counts, for the clocks of many machines are not one."""
_OVER = "outcome IS NOT NULL AND outcome NOT IN ('asked', 'failed')"
_WELL = ("committed", "answered")
_SHOWN = 6
"""Ids that are named where a beginning could be any of several."""
_NEAR = 20_000
"""Newest runs among whose ids the nearest to a wrong one are looked for."""
_AT_ONCE = 500
"""Ids that one query asks about."""


class Store:
    """Runs in a folder, or in the PostgreSQL database of a URL. Making one touches nothing; the first write makes what
    is needed. Raises `InputError` for a URL of something else.

    `folder` is where this machine keeps what belongs beside a store and not into a database (evaluations, results of
    batches): the store itself, if it is a folder. `lease` is how many seconds a process that holds a run may be cut off
    before another takes the run over; only for a database, for in a folder the end of a process is noticed at once.
    """

    def __init__(self, place: Path | str = FOLDER, *, lease: float = LEASE, folder: Path | str = FOLDER) -> None:
        self.url = url_of(place)
        """Of the database, with what it holds of passwords; None for a folder. What is `shown` has none."""
        self.folder = Path(place if self.url is None else folder)
        self._lease = lease
        self._sqlite = SqliteRuns(self.folder)
        self._backend: Backend = self._sqlite if self.url is None else _postgres(self.url, lease)

    def __reduce__(self) -> tuple[Any, ...]:
        return _store, (self.home, self._lease, self.folder)

    @property
    def home(self) -> Path | str:
        """What the rest of what is remembered is opened with: the folder, or the URL."""
        return self.url or self.folder

    @property
    def shown(self) -> str:
        """Where it is, for people: the folder, or the URL without its password."""
        return self._backend.shown

    @property
    def leases(self) -> Leases:
        """Who is at work on what. The key of a run is its id."""
        return self._backend.leases

    @property
    def checkpoints(self) -> Path:
        """The database file in which the graph keeps where unfinished runs stopped, if the store is a folder."""
        return self._sqlite.checkpoints

    def open_replies(self) -> Replies:
        """What models answered in unfinished runs. Close it when done."""
        if self.url is None:
            return ReplyStore(self.folder / "replies.db")
        from revet.store.postgres.replies import PostgresReplies

        return PostgresReplies(self.url)

    def prepare(self) -> None:
        """Make the folder and the databases now. Raises `StoreError` if runs cannot be kept there."""
        self._backend.prepare()

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
        """`begin` and `save` many runs in one transaction: a tuple begins, a run is saved.

        Raises `StoreError`, and then nothing is written; also where this process held one of the runs and has lost it.
        """
        runs = [each.id if isinstance(each, Run) else each[0] for each in news]
        self._backend.write([_saved(each) if isinstance(each, Run) else _begun(*each) for each in news], runs)

    def mark_undone(self, run_id: str) -> None:
        """Record that what this run committed was taken back, where there is no record of the run that could say so."""
        self._backend.write([("UPDATE {runs} SET undone = TRUE WHERE id = ?", (run_id,))], [run_id])

    def held(self) -> AbstractContextManager[None]:
        """Keep the database open inside."""
        return self._backend.held()

    # --- one at a time -------------------------------------------------------------------------------------

    @contextmanager
    def alone(self, run_id: str) -> Iterator[None]:
        """Be the only one at work on the run, whether it was begun or not. RunBusy if another process is, or another
        task of this one.
        """
        busy = RunBusy(
            f"another process is at work on run {run_id}",
            hint=f"wait until it has ended or waits for an answer; `revet show {run_id}` says how far it is",
        )
        with self.leases.hold(run_id, busy):
            yield

    def worked_on(self, run_id: str) -> bool | None:
        """True if some process is at work on the run now; None where that cannot be known."""
        return self.leases.holder(run_id)

    def task_key(self, task: Task) -> str:
        """The key of a task among the leases: the same for exactly the same task."""
        return f"task {task.id} {_key(task)[1]}"

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
        rows = self._query("SELECT {setup} FROM {runs} WHERE id = ?", run_id)
        if not rows or rows[0][0] is None:
            return None
        try:
            return Setup.model_validate_json(rows[0][0])
        except ValidationError:
            return None  # of another version: it is for people to read, and to go on from where it fits

    def find(self, run_id: str) -> Run | None:
        """The run with exactly this id, None if there is none that ended or waits."""
        rows = self._query("SELECT body FROM {runs} WHERE id = ? AND body IS NOT NULL", run_id)
        return self._parse(run_id, rows[0][0]) if rows else None

    def ended(self, run_ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the runs that have ended for good: neither to be answered nor to be gone on with."""
        known, found = tuple(run_ids), set[str]()
        for start in range(0, len(known), _AT_ONCE):
            asked = known[start : start + _AT_ONCE]
            rows = self._query(f"SELECT id FROM {{runs}} WHERE id IN ({_marks(asked)}) AND {_OVER}", *asked)
            found |= {str(run) for (run,) in rows}
        return tuple(run for run in known if run in found)

    def undone(self) -> frozenset[str]:
        """The runs whose commit was taken back."""
        return frozenset(str(run) for (run,) in self._query("SELECT id FROM {runs} WHERE undone"))

    def begun(self, run_id: str) -> bool:
        """True if a run with exactly this id was begun, whether or not it ended."""
        return bool(self._query("SELECT 1 FROM {runs} WHERE id = ?", run_id))

    def latest(self, task: Task) -> Run | None:
        """The newest run of exactly this task that ended or waits for an answer."""
        rows = self._query(f"SELECT id, body FROM {{runs}} WHERE {_SAME} AND body IS NOT NULL {_LAST}", *_key(task))
        return self._parse(*rows[0]) if rows else None

    def unfinished(self, task: Task) -> str | None:
        """The id of the newest run of exactly this task that broke off: it was begun and has not ended, or it failed.

        None if a later one ended well or waits for an answer; what was taken back counts neither way.
        """
        rows = self._query(
            f"SELECT id, outcome IS NULL OR outcome = 'failed' FROM {{runs}} WHERE {_SAME} AND NOT undone"
            f" AND (outcome IS NULL OR outcome IN ('failed', 'committed', 'answered', 'asked')) {_LAST}",
            *_key(task),
        )
        return str(rows[0][0]) if rows and rows[0][1] else None

    def done(self, tasks: Sequence[Task]) -> tuple[Run | None, ...]:
        """Of each task, the run by which it is done: its `latest`, if that ended well, was not taken back, and none is
        `unfinished`. In a few queries, however many tasks there are.
        """
        keys = [_key(task) for task in tasks]
        latest: dict[tuple[str, str], str | None] = {}
        broken: dict[tuple[str, str], bool] = {}
        for start in range(0, len(keys), _AT_ONCE):
            names = [name for name, _ in keys[start : start + _AT_ONCE]]
            wanted = "id, task, task_digest, outcome, undone"
            found = self._query(
                f"SELECT {wanted} FROM {{runs}} WHERE task IN ({_marks(names)}) ORDER BY {{number}} DESC", *names
            )
            for run_id, name, said, outcome, undone in found:
                if outcome is not None:  # as a run with a record has
                    latest.setdefault((name, said), str(run_id) if outcome in _WELL and not undone else None)
                if not undone and outcome in (None, "failed", "asked", *_WELL):
                    broken.setdefault((name, said), outcome in (None, "failed"))
        ids = [None if broken.get(key) else latest.get(key) for key in keys]
        runs = self._found([run_id for run_id in ids if run_id is not None])
        return tuple(None if run_id is None else runs.get(run_id) for run_id in ids)

    def _found(self, run_ids: Sequence[str]) -> dict[str, Run]:
        runs = {}
        for start in range(0, len(run_ids), _AT_ONCE):
            asked = run_ids[start : start + _AT_ONCE]
            rows = self._query(f"SELECT id, body FROM {{runs}} WHERE id IN ({_marks(asked)})", *asked)
            for run_id, body in rows:
                with suppress(StoreError):  # one that cannot be read is told by whoever needs it
                    runs[str(run_id)] = self._parse(run_id, body)
        return runs

    def rows(self, limit: int = 20, *, offset: int = 0, chosen: Chosen | None = None) -> tuple[Row, ...]:
        """The newest runs first, at most `limit` of them (-1: all) after the first `offset`."""
        condition, values = where(chosen or Chosen())
        return self._rows(f"WHERE {condition} {NEWEST} OFFSET ?", *values, limit, offset)

    def count(self, chosen: Chosen | None = None) -> int:
        """How many runs there are, or how many of those that are `chosen`."""
        condition, values = where(chosen or Chosen())
        found = self._query(f"SELECT COUNT(*) FROM {_LISTED} WHERE {condition}", *values)
        return int(found[0][0]) if found else 0

    def named(self, what: Literal["task", "recipe"]) -> tuple[str, ...]:
        """The tasks or the recipes of all runs, each once, sorted."""
        found = self._query(f"SELECT DISTINCT {what} FROM {_LISTED} WHERE {what} IS NOT NULL")
        return tuple(sorted(str(name) for (name,) in found))

    def _rows(self, which: str, *values: str | int) -> tuple[Row, ...]:
        found = self._query(f"SELECT {', '.join(COLUMNS)} FROM {_LISTED} {which}", *values)
        return tuple(Row.model_validate(dict(zip(COLUMNS, row, strict=True))) for row in found)

    def _full_id(self, start: str) -> str:
        if self.begun(start):
            return start
        begins = f"SELECT id FROM {{runs}} WHERE substr(id, 1, ?) = ? {NEWEST}"
        matches = [str(run) for (run,) in self._query(begins, len(start), start, -1)] if start else []
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(matches[:_SHOWN]) + (" …" if len(matches) > _SHOWN else "")
            hint = f"write more of it (newest first): {shown}"
            raise RunNotFound(f"{start!r} could be any of {len(matches)} runs", hint=hint)
        known = [str(run) for (run,) in self._query(f"SELECT id FROM {{runs}} {NEWEST}", _NEAR)]
        if not known:
            hint = "runs are kept in `.revet` of the folder that revet was started in; --out DIR names another"
            if self.url is not None:
                hint = "look for a slip in the URL; without --store, runs are kept in a folder (--out)"
            raise RunNotFound(f"there is no run {start!r}: {self.shown} holds no runs", hint=hint)
        near = difflib.get_close_matches(start, known, n=3, cutoff=0.4) or known[:3]
        raise RunNotFound(f"there is no run {start!r} in {self.shown}", hint=f"nearest: {', '.join(near)}")

    def _parse(self, run_id: str, body: str) -> Run:
        try:
            return Run.model_validate_json(body)
        except ValidationError:
            raise StoreError(
                f"the record of run {run_id} in {self._backend.source} cannot be read",
                hint="it was written by another version of revet, or is damaged; use that version to read it",
            ) from None

    def _query(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        return self._backend.query(sql, values)

    # --- the folder ----------------------------------------------------------------------------------------

    def make_folder(self) -> None:
        """The folder, hidden from git if it is ours."""
        self._sqlite.make_folder()

    def errors(self, file: Path) -> AbstractContextManager[None]:
        """Errors of the database `file` in the folder, told as a `StoreError`."""
        return self._sqlite.errors(file)


def _store(place: Path | str, lease: float, folder: Path) -> Store:
    return Store(place, lease=lease, folder=folder)


def _postgres(url: str, lease: float) -> Backend:
    from revet.store.postgres.runs import PostgresRuns

    return PostgresRuns(url, lease)


def _begun(run_id: str, task: Task, setup: Setup | None) -> Statement:
    made = (None, None) if setup is None else (setup.recipe, to_json(setup))
    return (
        "INSERT INTO {runs} (id, task, task_digest, workspace, begun_at, goal, recipe, setup)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " recipe = COALESCE(excluded.recipe, runs.recipe), setup = COALESCE(excluded.setup, runs.setup)",
        (run_id, *_key(task), task.workspace, utcnow().isoformat(), goal_of(task.goal), *made),
    )


def _saved(run: Run) -> Statement:
    values: dict[str, Value] = {
        "id": run.id,
        **dict(zip(("task", "task_digest"), _key(run.task), strict=True)),
        "workspace": run.task.workspace,
        "begun_at": run.started_at.isoformat(),
        "outcome": run.outcome.value,
        "rounds": run.usage.rounds,
        "seconds": run.usage.seconds,
        "undone": run.receipt is not None and run.receipt.undone_at is not None,
        "goal": goal_of(run.task.goal),
        "body": to_json(run),
    }
    if run.setup is not None:
        values |= {"recipe": run.setup.recipe, "setup": to_json(run.setup)}
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    news = ", ".join(f"{name} = excluded.{name}" for name in values if name != "id")
    sql = f"INSERT INTO {{runs}} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {news}"
    return sql, tuple(values.values())


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _key(task: Task) -> tuple[str, str]:
    """What makes two tasks the same task: the id, and everything else they say."""
    return task.id, digest(task.model_dump(mode="json"), length=16)
