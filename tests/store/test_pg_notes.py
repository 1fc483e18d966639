"""Notes and replies in PostgreSQL: ranked as SQLite ranks them, whatever characters they hold, by any number of
writers, one of which is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError, StoreError
from revet.schema import Note
from revet.store import Corrections, Store
from revet.store.postgres import Postgres
from tests.store.databases import database, empty_database
from tests.store.test_corrections import WRITER, ids, note
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

HARD = "a\0b \ud800 \ufffe ä 𝄞"
WORDS = ["tax", "total", "totals", "ship", "shipping", "round", "rounding", "price", "the", "añadir", "x1", "税金"]


def test_before_the_first_note_nothing_is_made(database: str) -> None:
    empty = Corrections(database)
    assert empty.search("anything") == [] and empty.all() == [] and empty.runs("x") == ()
    assert (empty.forget(["x"]), empty.forget_run("r"), empty.merge(), empty.add([], run="r")) == (0, 0, 0, 0)
    with psycopg.connect(database) as db:
        assert db.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'revet'").fetchone() is None


@pytest.fixture(scope="module")
def shared(postgres: str) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(texts, texts, st.sampled_from(["k", "l"])), min_size=1, max_size=12), texts)
def test_what_is_found_and_how_near_it_is_are_as_in_sqlite(
    shared: str, known: list[tuple[str, str, str]], asked: str
) -> None:
    there, here = Corrections(shared), Corrections()
    there.forget([each.id for each in there.all()])
    notes = [note(str(n), text, kind=kind, goal=goal) for n, (text, goal, kind) in enumerate(known)]
    assert there.add(notes, run="r") == here.add(notes, run="r")
    assert there.all() == here.all()
    for kinds in ((), ("k",)):
        found = [(n.id, round(n.score, 5)) for n in there.search(asked, kinds=kinds, limit=99)]
        assert sorted(found) == sorted((n.id, round(n.score, 5)) for n in here.search(asked, kinds=kinds, limit=99))
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_a_large_memory_is_searched_as_in_sqlite(database: str) -> None:
    chance = random.Random(4)
    words = ["".join(chance.choices("abcdefghij", k=6)) for _ in range(300)]
    weights = [1 / (n + 1) for n in range(300)]

    def text(length: int) -> str:
        return " ".join(chance.choices(words, weights, k=length))

    notes = [note(str(n), text(30), goal=text(6)) for n in range(300)]
    here, there = Corrections(), Corrections(database)
    here.add(notes, run="r")
    there.add(notes, run="r")
    for _ in range(5):
        asked = text(20)
        assert ids(here.search(asked, limit=10)) == ids(there.search(asked, limit=10))


def test_any_character_may_stand_anywhere(database: str) -> None:
    memory = Corrections(database)
    odd = Note(id=HARD, kind=HARD, text=HARD, goal=HARD, data={"a": HARD})
    assert memory.add([odd], run=HARD) == 1 and memory.add([odd], run="r-2") == 0
    [kept] = memory.all((HARD,))
    assert (kept.id, kept.kind, kept.run, kept.data) == (HARD, HARD, HARD, {"a": HARD})
    assert kept.text == "ab ? \ufffe ä 𝄞" and memory.runs(HARD) == tuple(sorted((HARD, "r-2"), key=len, reverse=True))
    memory.used([HARD], run=HARD)
    assert memory.search("AB", kinds=(HARD,))[0].uses == 1
    assert memory.forget_run("r-2") == 0 and memory.forget_run(HARD) == 1

    replies = Store(database).open_replies()
    replies.write([(HARD, "k", HARD), (HARD, "k", "new" + HARD), ("r", HARD, "x")])
    assert replies.load(HARD) == {"k": "new" + HARD} and replies.load("r") == {HARD: "x"}
    assert replies.runs() == {HARD, "r"}
    replies.write([HARD, ("r", "y", "z"), "nobody"])
    assert replies.runs() == {"r"} and replies.load(HARD) == {} and len(replies.load("r")) == 2
    replies.close()


def test_replies_of_a_store_that_was_never_used_are_none(database: str) -> None:
    replies = Store(database).open_replies()
    assert replies.runs() == frozenset() and replies.load("r") == {}


def test_a_writer_that_is_killed_leaves_all_that_it_had_written_and_no_halves(database: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, database], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == 12:
            os.kill(child.pid, signal.SIGKILL)
            break
    told = max([12, *(int(line) for line in child.stdout)])
    child.stdout.close()
    child.wait()
    memory = Corrections(database)
    kept = {each.id for each in memory.all()}
    assert all(f"{number}-a" in kept for number in range(told + 1) if number % 5 != 2 or number > told - 2)
    assert ids(memory.search("word1", limit=1))[0].startswith("1-")
    loose = (
        "SELECT count(*) FROM revet.notes WHERE words = '' OR NOT EXISTS (SELECT FROM revet.sources WHERE note = id)"
    )
    assert Postgres(database).query(loose) == [(0,)]
    assert memory.add([note("new", "after that")], run="r") == 1


def test_a_url_of_something_else_and_a_server_that_is_not_there_are_told() -> None:
    with pytest.raises(InputError, match="no store of the kind mysql"):
        Corrections("mysql://somebody@host/name")
    nowhere = Corrections("postgresql://me:hidden@/x?host=/nowhere")
    with pytest.raises(StoreError) as told:
        nowhere.add([note("a", "x")], run="r")
    assert "hidden" not in f"{told.value} {told.value.hint}"
