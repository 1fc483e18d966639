"""A world of every kind of effect at once, for the crash tests: a workspace, databases, and an office elsewhere whose
ledger records every call that really reached it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revet.actions import Function, action, commit, find_receipt, recover, undo
from revet.actions.calls.function import MARK
from revet.actions.journal import step
from revet.schema import CallTool, Changes, Draft, ExecuteSQL, Receipt
from tests.actions.action_worlds import BIG_DRAFT, Desk, Entry, build, in_memory, look

SCHEMA = """
CREATE TABLE stock (sku TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count >= 0), note TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL REFERENCES stock (sku), count INTEGER NOT NULL);
INSERT INTO stock VALUES ('a', 10, NULL), ('b', 20, 'it''s'), ('c', 30, '');
INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 2);
"""

STATEMENTS = """
UPDATE stock SET count = count - 3 WHERE sku = 'a';
INSERT INTO orders VALUES (3, 'a', 3);
DELETE FROM orders WHERE id = 1;
"""


class Ledger:
    """What the office did: a line for each thing, written at once, so that a killed caller cannot tear it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, what: str) -> None:
        step(f"about to {what}")
        held = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(held, json.dumps(what).encode() + b"\n")
        os.close(held)
        step(f"did {what}")

    def lines(self) -> Counter[str]:
        if not self.path.exists():
            return Counter()
        return Counter(json.loads(line) for line in self.path.read_text().splitlines())


def office(ledger: Ledger) -> None:
    """The functions of the office, declared. `mail` cannot be taken back; `book` can, but its office knows no keys;
    `pay` and its undo are idempotent by the key.
    """

    @action(effects=["send"])
    def mail(to: str) -> None:
        ledger.write(f"mail {to}")

    def unbook(args: dict[str, Any], result: Any) -> None:
        ledger.write(f"unbook {result}")

    @action(effects=["write"], undo=unbook)
    def book(room: int) -> int:
        ledger.write(f"book {room}")
        return room

    def refund(args: dict[str, Any], result: Any, key: str) -> None:
        known = ledger.lines()
        if known[f"pay {key}"] and not known[f"refund {key}"]:
            ledger.write(f"refund {key}")

    @action(effects=["send"], key=True, undo=refund)
    async def pay(cents: int, key: str) -> str:
        if not ledger.lines()[f"pay {key}"]:
            ledger.write(f"pay {key}")
        return key

    assert all(isinstance(getattr(each, MARK), Function) for each in (mail, book, pay))


def rows_of(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def made_on(server: str) -> None:
    """The tables on a PostgreSQL server, as they are before."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as database:
        database.execute(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {SCHEMA}".encode())


def rows_on(server: str) -> list[str]:
    import psycopg

    with psycopg.connect(server) as database:
        names = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        found = [f"table {name}" for (name,) in names]
        for (name,) in names:
            rows = database.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1'.encode()).fetchall()
            found += [f"{name} {row[0]}" for row in rows]
        return found


@dataclass
class Place:
    """One copy of the world."""

    home: Path
    server: str | None = None

    @property
    def workspace(self) -> Path:
        return self.home / "ws"

    @property
    def database(self) -> Path:
        return self.home / "shop.db"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.home / "ledger")

    def look(self) -> tuple[dict[str, Entry], list[str], list[str]]:
        return look(self.workspace), rows_of(self.database), rows_on(self.server) if self.server else []


class MixedBench:
    """The world before a commit, to be copied for each trial, and what it is afterwards."""

    modes = ("commit", "undo")

    def __init__(self, home: Path, server: str | None = None) -> None:
        self.home, self.server = home, server
        if server is not None:
            made_on(server)
        self.origin = Place(home / "origin", server)
        self.origin.home.mkdir()
        build(self.origin.workspace)
        with contextlib.closing(sqlite3.connect(self.origin.database)) as database:
            database.executescript(SCHEMA)
        self.before = self.origin.look()
        self.place = Place(home / "trial", server)  # always the same, so that what was staged once fits every copy
        self.desk: Desk | None = None
        done = self.fresh("undo")
        self.after = done.look()

    @property
    def url(self) -> str:
        """The task's database: the one on the server, or else the file."""
        return self.server or f"sqlite:///{self.place.database}"

    def draft(self) -> Draft:
        calls = [
            CallTool(name="mail", arguments={"to": "ann"}),
            CallTool(name="book", arguments={"room": 7}),
            ExecuteSQL(sql=STATEMENTS, database=self.url),
            CallTool(name="pay", arguments={"cents": 5}),
            CallTool(name="mail", arguments={"to": "bob"}),
        ]
        return BIG_DRAFT.model_copy(update={"actions": (*calls[:2], *BIG_DRAFT.actions, *calls[2:])})

    def fresh(self, mode: str) -> Place:
        """A new world in which `mode` is about to happen."""
        place = self.place
        shutil.rmtree(place.home, ignore_errors=True)
        place.home.mkdir()
        shutil.copytree(self.origin.workspace, place.workspace, symlinks=True)
        shutil.copy(self.origin.database, place.database)
        if self.server is not None:
            made_on(self.server)
        office(place.ledger)
        if self.desk is None:
            (self.home / "stage").mkdir()
            self.desk = Desk(place.workspace, self.home / "stage")
            self.desk.database = self.url
            self.changes: Changes = self.desk.put(self.draft())
        if mode == "undo":
            with in_memory():
                self.commit(place)
        return place

    def commit(self, place: Place) -> Receipt:
        assert self.desk is not None
        return commit(place.workspace, self.desk.layer, self.changes, transaction="t", draft=self.draft())

    def act(self, mode: str, place: Place) -> None:
        if mode == "commit":
            self.commit(place)
        else:
            undo(place.workspace, "t", partial=True)

    def judge(self, mode: str, place: Place) -> str:
        """After a crash: recover, then say in which state it is. Asserts all that follows from it."""
        with in_memory():
            office(place.ledger)
            lines = recover(place.workspace)
            receipt = find_receipt(place.workspace, "t")
            state = self._state(place, receipt)
            assert recover(place.workspace) == [], lines
            if receipt is None:
                assert mode == "commit" and not (place.workspace / ".revet").exists()
                self.commit(place)
                receipt = find_receipt(place.workspace, "t")
                assert self._state(place, receipt) == "after"
            assert receipt is not None
            if receipt.undone_at is None:
                undone = undo(place.workspace, "t", partial=True)
                assert self._state(place, undone) in ("before", "before, and nobody knows")
            return state

    def _state(self, place: Place, receipt: Receipt | None) -> str:
        """What the world is, which must be what the receipt says."""
        back = receipt is None or receipt.undone_at is not None
        files, *rows = place.look()
        wanted, *_ = self.before if back else self.after
        assert files == wanted, f"torn: {sorted(set(files.items()) ^ set(wanted.items()))}"
        effects = {effect.what: effect for effect in receipt.effects} if receipt else {}
        there = any(e.done and not e.undone for e in effects.values() if e.kind == "execute_sql")
        assert tuple(rows) == (self.after if there else self.before)[1:], (rows, effects)
        happened = place.ledger.lines()
        assert max(happened.values(), default=0) <= 1, f"done twice: {happened}"
        done = Counter(line.split()[0] for line in happened)
        said = {"mail": ['mail(to="ann")', 'mail(to="bob")'], "book": ["book(room=7)"], "pay": ["pay(cents=5)"]}
        for name, whats in said.items():
            some = [effects[what] for what in whats if what in effects]
            standing = done[name] - done["unbook" if name == "book" else "refund" if name == "pay" else ""]
            least = sum(each.done and not each.undone and not each.uncertain for each in some)
            most = least + sum(each.uncertain for each in some)
            assert least <= standing <= most, f"{name}: {happened}, and the receipt says {some}"
        unknown = any(each.uncertain for each in effects.values())
        return ("before" if back else "after") + (", and nobody knows" if unknown else "")


def main(kills: int, seed: int, home: Path | None, server: str | None = None) -> None:
    """Kill commits and undos of everything at once, and say what came of it."""
    from tests.actions.test_crash import MODES, at_every_step, at_random_instants, steps_of, twice

    with tempfile.TemporaryDirectory(dir=home) as place:
        bench = MixedBench(Path(place), server)
        for mode in MODES:
            steps = at_every_step(bench, mode)
            instants = at_random_instants(bench, mode, kills, seed)
            states = {state: steps[state] + instants[state] for state in sorted(steps.keys() | instants.keys())}
            double = sum(twice(bench, mode, first) for first in range(1, len(steps_of(bench, mode)) + 1, 12))
            struck, late = instants["killed"], instants["too late"]
            told = ", ".join(
                f"{number} {state}" for state, number in states.items() if state not in ("killed", "too late")
            )
            what = "files, folders, calls, " + ("PostgreSQL" if server else "SQLite")
            print(
                f"{mode} of {what}: {steps.total()} at a step, {struck} at random instants of {struck + late} tries "
                f"({told}), {double} double kills; 0 torn, 0 done twice",
                flush=True,
            )
