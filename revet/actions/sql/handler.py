"""Carries out `execute_sql`: examined in a trial, committed in one transaction if it still does the same, undone from
the rows as they were.

In the transaction that commits stands a row of Revet's own (`revet_commits`): after a crash it tells whether the
transaction is in. `settle` removes the row, and the table when nothing else is under way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from revet.actions.registry import EffectUncertain, Staging, default_database, register
from revet.actions.sql._engines.base import Bounds, Fault, TableDifference
from revet.actions.sql._engines.lite import copied
from revet.actions.sql._engines.snapshot import put_back
from revet.actions.sql._engines.work import measured, opened, planned
from revet.actions.sql.target import Target, target_of
from revet.actions.sql.tried import DatabaseError, atry_sql, irreversible, raised
from revet.effects.sql import analyse, dialect_of
from revet.errors import CommitError, DraftError, InputError, ProtectedPath, UndoConflict, WorldMoved
from revet.schema import Changes, ExecuteSQL, TableChange

__all__ = ["SqlHandler"]

T = TypeVar("T")

KEPT, COPY, SETTLED, UNDONE = "sql.json", "before.db", "settled", "undone"
LARGEST = 256 * 1024 * 1024
"""Up to this size (in bytes) a SQLite database is kept as a whole, so that changes of its shape can be undone."""

MOVED = "it does not do what was examined: the rows changed meanwhile, or the statements do something else each time"
NAMED = (
    "only files of the workspace may be (sqlite:///shop.db); a person may allow another by naming it, as "
    '`Agent(database=…)` or in the task file as `inputs: {database: "sqlite:///PATH"}`, always as a URL'
)
LITERAL = "examine it again; write values out rather than random(), now() or the like"


class SqlHandler:
    """The handler of `execute_sql`. `seconds` bounds the statements of one action, `lock` the wait for others."""

    files_only = False

    def __init__(self, *, seconds: float = 10.0, lock: float = 2.0) -> None:
        self.bounds = Bounds(seconds=seconds, lock=lock)

    async def stage(self, action: ExecuteSQL, staging: Staging) -> None:
        """Try it, and say what it does to which rows. A DraftError for what cannot be tried, or fails."""
        url = action.database or staging.database
        if url is None:
            raise DraftError(f"the task has no database, and the action names none: {NAMED}")
        try:
            target = _permitted(url, staging)
            _apart(staging.kept.setdefault("sql", []), url, target)
            found = await atry_sql(
                target.url or target.shown, action.sql, seconds=self.bounds.seconds, lock=self.bounds.lock
            )
        except DatabaseError as error:
            raise DraftError(f"the database cannot be used: {error}") from error
        except InputError as error:
            raise DraftError(str(error)) from error
        if found.untried:
            raise DraftError(f"it cannot be tried, so it is not done: {'; '.join(found.untried)}")
        if found.failed is not None:
            raise DraftError(f"the statement on line {found.failed.line} fails: {found.failed.error}")
        for each in found.differences:
            if not each.complete:
                raise DraftError(f"{each.table}: {each.why}; change fewer rows at a time")
        if target.kind == "sqlite" and _as_a_whole(found.differences) and Path(target.path).stat().st_size > LARGEST:
            raise DraftError(
                f"the shape of a database of more than {LARGEST >> 20} MiB is not changed: no copy is kept"
            )
        for table in found.tables:
            staging.add(table)

    def reversible(self, action: ExecuteSQL) -> bool:
        """Rows can be put back; the shape of a database only in SQLite, and elsewhere what is new can be dropped."""
        kind = dialect_of(action.database or default_database())
        shape = [
            effect
            for effect in analyse(action.sql, dialect=kind).effects
            if effect.kind in ("schema", "privilege", "install") or effect.word in ("sql/alter-add", "sql/or-replace")
        ]
        return kind == "sqlite" or not shape

    def prepare(self, action: ExecuteSQL, changes: Changes, key: str, folder: Path) -> None:
        """Keep the rows as they are. WorldMoved if the statements would do something else than was examined."""
        tables = _mine(action, changes)
        if not tables:
            return
        target = _target(tables[0].database)

        def work(engine: Any) -> list[TableDifference]:
            engine.begin(_texts(action, target))
            return _differences(engine, action, target)

        found = self._with(target, work, shield=True)
        _same(found, tables)
        with _told():
            if target.kind == "sqlite" and _as_a_whole(found):
                copied(target.path, str(folder / COPY), self.bounds.seconds)
        kept = {"database": target.shown, "place": _place(target), "tables": [each.to_json() for each in found]}
        (folder / KEPT).write_text(json.dumps(kept), encoding="utf-8")

    def commit(self, action: ExecuteSQL, changes: Changes, key: str, folder: Path) -> None:
        """The same statements in one transaction, if they do the same again. Nothing if it is in already."""
        kept = _kept(folder)
        if kept is None or (folder / SETTLED).exists():
            return
        target = _target(kept["database"], kept["place"])

        def work(engine: Any) -> None:
            engine.hold(key)
            engine.prepare_marks()
            engine.begin(_texts(action, target))
            if "commit" in engine.marks(key):
                return
            _same(_differences(engine, action, target), kept["tables"])
            engine.mark(key, "commit")
            self._commit(engine, target, key, "commit")

        self._with(target, work)

    def undo(self, action: ExecuteSQL, changes: Changes, key: str, folder: Path) -> None:
        """Put every row back, in one transaction, if all of them are as the commit left them: else UndoConflict."""
        kept = _kept(folder)
        if kept is None or (folder / UNDONE).exists():
            return
        target = _target(kept["database"], kept["place"])
        if not self._with(target, lambda engine: self._is_in(engine, key, folder)):
            return
        if (folder / COPY).exists():
            texts = _texts(action, target)
            with _told(), TemporaryDirectory(prefix="revet-sql-") as work:
                put_back(target.path, folder / COPY, texts, key, self.bounds, Path(work))
            return
        reasons = {each.table: irreversible(target.kind, each) for each in kept["tables"]}
        why = [f"{table}: {reason}" for table, reason in reasons.items() if reason]
        if why:
            raise UndoConflict(f"this cannot be taken back: {'; '.join(why)}", paths=[target.shown])
        self._with(target, lambda engine: self._undo(engine, target, kept["tables"], key))

    def settle(self, action: ExecuteSQL, changes: Changes, key: str, folder: Path) -> None:
        """Take Revet's row out of the database, and its table if it is empty then."""
        kept = _kept(folder)
        database = kept["database"] if kept else next((each.database for each in _mine(action, changes)), None)
        if database is None:
            return
        target = _target(database)

        def work(engine: Any) -> None:
            engine.hold(key)
            engine.begin()
            marks = engine.marks(key)
            if folder.is_dir():
                for what, name in (("commit", SETTLED), ("undo", UNDONE)):
                    if what in marks:
                        _write(folder / name)
            engine.unmark(key)
            engine.commit()

        self._with(target, work)

    # --- within a connection --------------------------------------------------------------

    def _is_in(self, engine: Any, key: str, folder: Path) -> bool:
        """Whether it was committed, and not taken back yet."""
        engine.hold(key)
        engine.begin()
        marks = engine.marks(key)
        engine.rollback()
        return "undo" not in marks and ("commit" in marks or (folder / SETTLED).exists())

    def _undo(self, engine: Any, target: Target, tables: Sequence[TableDifference], key: str) -> None:
        back = [each.reversed() for each in tables]
        engine.hold(key)
        engine.prepare_marks()
        engine.before_undo()
        engine.begin([each.table for each in tables])
        if "undo" in engine.marks(key):
            return
        engine.apply(back)
        wanted = {each.table: each.mark for each in back if not each.dropped}
        done = {each.table: each.mark for each in engine.difference() if not each.dropped}
        if wanted != done:
            names = sorted(name for name in wanted.keys() | done.keys() if wanted.get(name) != done.get(name))
            raise Fault("conflict", f"rows of {', '.join(names)} cannot be put back exactly", tables=names)
        engine.mark(key, "undo")
        self._commit(engine, target, key, "undo")

    def _commit(self, engine: Any, target: Target, key: str, what: str) -> None:
        """Commit. A connection that breaks meanwhile says nothing of what the server did: then that is asked for."""
        try:
            engine.commit()
        except Fault:
            raise
        except Exception as error:
            if engine.kind != "postgresql":
                raise Fault("failed", f"the commit failed: {engine.fault(error)[0]}") from error
            engine.close()
            try:
                known = self._with(target, lambda again: self._marks(again, key))
            except CommitError as lost:
                raise EffectUncertain(f"nobody can tell whether {target.shown} has committed: {lost}") from error
            if what not in known:
                raise Fault("failed", f"the commit failed: {' '.join(str(error).split())[:300]}") from error

    def _marks(self, engine: Any, key: str) -> set[str]:
        engine.hold(key)
        engine.begin()
        marks: set[str] = engine.marks(key)
        return marks

    def _with(self, target: Target, work: Callable[[Any], T], *, shield: bool = False) -> T:
        with _told():
            engine = opened(target.request(), self.bounds, shield=shield)
            try:
                return work(engine)
            except (CommitError, Fault):
                raise
            except Exception as error:
                raise Fault("failed", f"{target.shown}: {engine.fault(error)[0]}") from error
            finally:
                engine.rollback()
                engine.close()


def _permitted(url: str, staging: Staging) -> Target:
    """The database of the action: the task's own where it has one, else a file of the workspace, and none that the task
    protects. A server, or a file elsewhere, is the person's to name, not the draft's."""
    target = target_of(url, staging.workspace)
    if staging.database is not None:
        own = target_of(staging.database, staging.workspace)
        if target.shown != own.shown:
            raise DraftError(f"the task's database is {own.shown}: {target.shown} is another, and may not be changed")
        return own
    root, place = staging.workspace.resolve(), Path(target.path).resolve()
    if not target.path or not place.is_relative_to(root):
        raise DraftError(f"{target.shown} lies outside the workspace, and the task does not name it: {NAMED}")
    inside = place.relative_to(root).as_posix()
    if not staging.tree.protection.allows(inside):
        raise ProtectedPath(f"{inside} is protected", path=inside)
    return target


def _apart(known: list[tuple[str, Target]], url: str, target: Target) -> None:
    """DraftError if the draft has another action on this database, or if it could not be told from one of another."""
    for other, that in known:
        if that.shown == target.shown:
            raise DraftError(f"two actions concern {target.shown}: put their statements into one, in order")
        if _relative(url, that.shown) or _relative(other, target.shown):
            raise DraftError(f"{target.shown} and {that.shown} end alike: name both by their full paths")
    known.append((url, target))


def _differences(engine: Any, action: ExecuteSQL, target: Target) -> list[TableDifference]:
    statements, reasons = planned(action.sql, target.kind)
    if reasons:
        raise WorldMoved(f"it cannot be done as it was examined: {reasons[0]}")
    ran, found = measured(engine, statements)
    if ran and ran[-1].error:
        raise WorldMoved(f"the statement on line {ran[-1].line} fails now: {ran[-1].error}", hint=LITERAL)
    return found


def _texts(action: ExecuteSQL, target: Target) -> list[str]:
    return [each.text for each in planned(action.sql, target.kind)[0]]


def _as_a_whole(found: Sequence[TableDifference]) -> bool:
    """Whether it takes a copy of the database to undo it: rows alone do not tell all."""
    return any(each.made or each.dropped or each.shape or each.thing == "virtual table" for each in found)


def _same(found: Sequence[TableDifference], examined: Sequence[TableChange | TableDifference]) -> None:
    now = {each.table: each.mark for each in found}
    then = {each.table: each.digest if isinstance(each, TableChange) else each.mark for each in examined}
    if now != then:
        names = sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
        raise WorldMoved(f"{', '.join(names)}: {MOVED}", paths=names, hint=LITERAL)


def _mine(action: ExecuteSQL, changes: Changes) -> list[TableChange]:
    """The changes of this action: those of its database."""
    names = list(dict.fromkeys(each.database for each in changes.tables))
    if action.database is not None:
        named = target_of(action.database, Path("/"))
        names = [each for each in names if each == named.shown or _relative(action.database, each)]
    if len(names) > 1:
        raise CommitError(
            f"which of the databases is meant cannot be told: {', '.join(names)}",
            hint="name the database in each action",
        )
    return [each for each in changes.tables if each.database in names]


def _relative(url: str, shown: str) -> bool:
    """Whether a URL with a relative path may be the one that is shown with its full path."""
    scheme, _, rest = url.partition("://")
    path = rest.partition("?")[0].lstrip("/")
    return not rest.startswith("//") and shown.partition("://")[0] == scheme.lower() and shown.endswith(f"/{path}")


def _target(shown: str, place: str | None = None) -> Target:
    """The database that is shown; with the password of the agent's URL, if it is that one. WorldMoved if its file is
    another than the one at `place`, where links led when it was examined."""
    target, url = target_of(shown), default_database()
    if place is not None and _place(target) != place:
        raise WorldMoved(f"{shown} leads to another file now: {_place(target)}", paths=[shown])
    named = target_of(url) if url is not None and target.kind == "postgresql" else target
    return named if named.shown == shown else target


def _place(target: Target) -> str:
    return str(Path(target.path).resolve()) if target.path else ""


def _kept(folder: Path) -> dict[str, Any] | None:
    try:
        data: dict[str, Any] = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return {**data, "tables": [TableDifference.of_json(each) for each in data["tables"]]}


def _write(path: Path) -> None:
    import os

    held = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    os.fsync(held)
    os.close(held)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(parent)
    os.close(parent)


@contextmanager
def _told() -> Iterator[None]:
    """Faults of the database, told as errors of a commit."""
    try:
        yield
    except Fault as fault:
        text = str(fault)
        if fault.why == "conflict":
            raise UndoConflict(f"{text}, so it is not taken back", paths=fault.tables) from fault
        if fault.why == "moved":
            raise WorldMoved(text, paths=fault.tables) from fault
        error = raised(fault.why, text)
        if fault.why == "dependency":
            raise error from fault
        raise CommitError(str(error)) from fault


register("execute_sql", SqlHandler())
