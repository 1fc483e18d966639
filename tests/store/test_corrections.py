"""What runs taught: search by text, bounds, forgetting, merging, several processes, a writer that is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import StoreError
from revet.schema import Decision, DecisionKind, Note, Receipt, Run, RunOutcome, Task, utcnow
from revet.store import Corrections, Store
from revet.store.corrections import FILE, MOST_TEXT, alike, words_of
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]


def note(id: str, text: str, kind: str = "correction", goal: str = "", **more: object) -> Note:
    return Note.model_validate({"id": id, "kind": kind, "text": text, "goal": goal, **more})


@pytest.fixture(params=["file", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where notes are kept that outlive an object."""
    return tmp_path / "deep" / "store" if request.param == "file" else str(request.getfixturevalue("database"))


@pytest.fixture(params=["file", "memory", "postgresql"])
def corrections(request: pytest.FixtureRequest, tmp_path: Path) -> Corrections:
    homes = {"file": lambda: tmp_path / "deep" / "store", "memory": lambda: None}
    return Corrections(homes.get(request.param, lambda: request.getfixturevalue("database"))())


def ids(notes: list[Note]) -> list[str]:
    return [each.id for each in notes]


def test_before_the_first_note_there_is_nothing_and_nothing_is_made(tmp_path: Path) -> None:
    empty = Corrections(tmp_path / "store")
    assert empty.search("anything") == [] and empty.all() == [] and empty.runs("x") == ()
    assert (empty.forget(["x"]), empty.forget_run("r"), empty.merge(), empty.add([], run="r")) == (0, 0, 0, 0)
    empty.used(["x"], run="r")
    assert not (tmp_path / "store").exists()


def test_the_note_that_shares_the_most_telling_words_comes_first(corrections: Corrections) -> None:
    corrections.add(
        [
            note("ship", "Shipping was subtracted, where it is to be added."),
            note("tax", "The tax of the total was rounded twice."),
            note("both", "Totals ignored tax and shipping; ships were counted twice."),
        ],
        run="r-1",
    )
    assert ids(corrections.search("the shipping is subtracted"))[0] == "ship"
    assert ids(corrections.search("rounding taxes")) == ["tax", "both"], "by the stems of words"
    assert corrections.search("the of and is") == [], "words that all texts have find nothing"
    assert corrections.search("") == [] and corrections.search('"* OR NEAR(') == []
    scores = [each.score for each in corrections.search("tax shipping subtracted", limit=9)]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3
    assert len(corrections.search("shipping tax", limit=1)) == 1 and corrections.search("tax", limit=0) == []


def test_a_word_of_the_goal_counts_and_kinds_are_kept_apart(corrections: Corrections) -> None:
    corrections.add([note("a", "x", goal="Mend the parser."), note("b", "parser", kind="template")], run="r")
    assert set(ids(corrections.search("parser"))) == {"a", "b"}
    assert ids(corrections.search("parser", kinds=("template",))) == ["b"]
    assert ids(corrections.all(("correction", "template"))) == ["a", "b"] and corrections.all(("none",)) == []


def test_adding_is_idempotent_by_run_and_note(corrections: Corrections) -> None:
    assert corrections.add([note("a", "one")], run="r-1") == 1
    assert corrections.add([note("a", "two")], run="r-1") == 0
    assert corrections.add([note("a", "three"), note("b", "b")], run="r-2") == 1
    [kept, _] = corrections.all()
    assert (kept.text, kept.run) == ("one", "r-1") and corrections.runs("a") == ("r-1", "r-2")


def test_a_note_goes_with_the_last_run_that_taught_it(corrections: Corrections) -> None:
    corrections.add([note("a", "one"), note("b", "two")], run="r-1")
    corrections.add([note("a", "one")], run="r-2")
    assert corrections.forget_run("r-1") == 1
    assert [(n.id, n.run) for n in corrections.all()] == [("a", "r-2")] and corrections.search("two") == []
    assert corrections.forget_run("r-2") == 1 and corrections.all() == [] and corrections.forget_run("r-9") == 0


def test_uses_are_counted_once_for_each_run(corrections: Corrections) -> None:
    corrections.add([note("a", "one"), note("b", "two")], run="r-1")
    corrections.used(["a", "a", "gone"], run="r-2")
    corrections.used(["a"], run="r-2")
    corrections.used(["a"], run="r-3")
    assert {each.id: each.uses for each in corrections.all()} == {"a": 2, "b": 0}


def test_of_too_many_the_unused_and_oldest_go_first(home: Path | str) -> None:
    few = Corrections(home, most=3)
    for name in "abc":
        few.add([note(name, name)], run="r")
    few.used(["a"], run="r-2")
    few.add([note("d", "d"), note("t", "t", kind="template")], run="r-3")
    assert ids(few.all(("correction",))) == ["a", "c", "d"] and ids(few.all(("template",))) == ["t"]
    few.add([note(f"n{n}", str(n)) for n in range(9)], run="r-4")
    assert ids(few.all(("correction",))) == ["a", "n7", "n8"] and few.search("b") == []


def test_replacing_changes_what_is_there_and_finds_it_anew(corrections: Corrections) -> None:
    corrections.add([note("a", "apples")], run="r")
    assert corrections.replace([note("a", "pears", data={"path": ["x"]}), note("z", "none")]) == 1
    assert corrections.search("apples") == [] and corrections.search("pears")[0].data == {"path": ["x"]}
    assert corrections.replace([]) == 0


def test_near_duplicates_become_one_with_the_uses_and_runs_of_all(corrections: Corrections) -> None:
    corrections.add([note("a", "shipping must be added to the total of prices", goal="Mend it")], run="r-1")
    corrections.add([note("b", "the shipping must be added to the total prices", goal="Mend it")], run="r-2")
    corrections.add([note("c", "the shipping must be added to the total prices", kind="template")], run="r-3")
    corrections.used(["b"], run="r-8")
    corrections.used(["a", "b"], run="r-9")
    assert corrections.merge(0.8) == 1
    assert [(n.id, n.uses) for n in corrections.all()] == [("b", 3), ("c", 0)]
    assert corrections.runs("b") == ("r-1", "r-2") and corrections.merge(0.8) == 0
    assert corrections.forget_run("r-2") == 0 and corrections.forget_run("r-1") == 1


def test_what_is_too_long_is_cut_and_what_no_text_can_hold_is_replaced(corrections: Corrections) -> None:
    corrections.add([note("a", "x\0y\ud800" + "z" * 99_999, goal="g" * 99_999)], run="r")
    [kept] = corrections.all()
    assert kept.text.startswith("xy?z") and len(kept.text) == MOST_TEXT and len(kept.goal) == 1_000
    with pytest.raises(StoreError, match="the data of the note b take more than"):
        corrections.add([note("b", "x", data={"a": "x" * 30_000})], run="r")


def test_notes_of_a_run_that_was_undone_are_forgotten_when_they_are_met(home: Path | str) -> None:
    store, memory = Store(home), Corrections(home)
    now = utcnow()
    receipt = Receipt(id="c", workspace="/w", fingerprint="f", files=(), committed_at=now)
    run = Run(
        id="r-1", task=Task(goal="?"), outcome=RunOutcome.committed, decision=Decision(kind=DecisionKind.commit),
        receipt=receipt,
    )  # fmt: skip
    store.save(run)
    memory.add([note("a", "alone"), note("b", "both")], run="r-1")
    memory.add([note("b", "both")], run="r-2")
    assert len(memory.search("alone both")) == 2
    store.save(run.model_copy(update={"receipt": receipt.model_copy(update={"undone_at": now + timedelta(1)})}))
    assert store.undone() == {"r-1"}
    assert ids(memory.search("alone both")) == ["b"] and memory.runs("b") == ("r-2",)


def test_a_file_that_is_no_memory_or_newer_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database, but somebody may want it")
    with pytest.raises(StoreError, match="no memory of runs") as told:
        Corrections(tmp_path).search("x")
    assert told.value.hint is not None and "move" in told.value.hint
    (tmp_path / FILE).unlink()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="newer revet"):
        Corrections(tmp_path).all()
    with pytest.raises(StoreError, match="cannot be used"):
        Corrections(tmp_path / FILE / "inside").add([note("a", "x")], run="r")


def test_several_processes_may_write_at_the_same_time(home: Path | str) -> None:
    """In threads, each with connections of its own: to a database that is the same."""
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(10):
            Corrections(home).add([note(f"{number}-{turn}", "words"), note("same", "words")], run=f"r-{number}")

    with ThreadPoolExecutor(4) as pool:
        _ = list(pool.map(work, range(4)))
    assert len(Corrections(home).all()) == 41
    assert Corrections(home).runs("same") == ("r-0", "r-1", "r-2", "r-3")


WRITER = """
import sys
from revet.schema import Note
from revet.store import Corrections
store = Corrections(sys.argv[1])
for number in range(10_000):
    store.add([Note(id=f"{number}-{half}", kind="k", text=f"word{number} " * 50) for half in "ab"], run=f"r-{number}")
    if number % 5 == 4:
        store.forget_run(f"r-{number - 2}")
        store.merge(0.99)
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_all_that_it_had_written_and_no_halves(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == 12:
            os.kill(child.pid, signal.SIGKILL)
            break
    rest = [int(line) for line in child.stdout]
    child.stdout.close()
    child.wait()
    told = max([12, *rest])
    store = Corrections(tmp_path)
    kept = {each.id for each in store.all()}
    assert all(f"{number}-a" in kept for number in range(told + 1) if number % 5 != 2 or number > told - 2)
    assert ids(store.search("word1", limit=1))[0].startswith("1-")
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert store.add([note("new", "after that")], run="r") == 1


# --- properties --------------------------------------------------------------------------------------------------

# Of scripts that came late to Unicode, Python and SQLite may disagree on what is a letter.
texts = st.text(st.characters(max_codepoint=0x24F, exclude_characters="\0"), max_size=30) | st.lists(
    st.sampled_from(["tax", "total", "ship", "round", "The", "of", "añadir", "税金"]), max_size=8
).map(" ".join)
notes = st.lists(
    st.builds(note, st.integers(0, 12).map(str), texts, st.sampled_from(["correction", "template"]), texts),
    max_size=12,
    unique_by=lambda each: each.id,
)


@settings(deadline=None)
@given(notes, texts, st.integers(0, 5))
def test_what_is_found_is_there_shares_a_word_and_is_ordered(known: list[Note], asked: str, limit: int) -> None:
    store = Corrections()
    assert store.add(known, run="r") == len(known)
    found = store.search(asked, limit=limit)
    assert len(found) <= limit and len({each.id for each in found}) == len(found)
    assert all(a.score >= b.score for a, b in pairwise(found))
    assert {(n.id, n.text) for n in found} <= {(n.id, n.text) for n in store.all()}
    for each in known:
        if any(word.isascii() and word.isalnum() for word in words_of(each.text)):
            assert each.id in ids(store.search(each.text, limit=99))


@settings(deadline=None)
@given(
    notes, st.lists(st.tuples(st.integers(0, 12).map(str), st.integers(0, 3).map(str)), max_size=10), st.floats(0.1, 1)
)
def test_merging_loses_no_use_and_no_run_and_is_done_in_one_go(
    known: list[Note], used: list[tuple[str, str]], similarity: float
) -> None:
    store = Corrections()
    for each in known:
        store.add([each], run=f"r-{each.id}")
    for id, run in used:
        store.used([id], run=run)
    before = store.all()
    gone = store.merge(similarity)
    after = store.all()
    assert len(after) == len(before) - gone and sum(n.uses for n in after) == sum(n.uses for n in before)
    assert {run for n in after for run in store.runs(n.id)} == {f"r-{n.id}" for n in known}
    assert store.merge(similarity) == 0
    pairs = combinations([(n.kind, f"{n.goal} {n.text}") for n in after], 2)
    assert not [
        pair
        for pair in pairs
        if pair[0][0] == pair[1][0] and words_of(pair[0][1]) and alike(pair[0][1], pair[1][1]) >= similarity
    ]
    assert {n.kind for n in after} == {n.kind for n in before}


@settings(deadline=None)
@given(notes, st.sets(st.integers(0, 12).map(str)))
def test_what_is_forgotten_is_found_no_more(known: list[Note], gone: set[str]) -> None:
    store = Corrections()
    store.add(known, run="r")
    assert store.forget(gone) == len(gone & {each.id for each in known})
    left = [each.id for each in known if each.id not in gone]
    assert ids(store.all()) == left
    assert not any(each.id in gone for text in known for each in store.search(text.text, limit=99))
    assert store.forget_run("r") == len(left) and store.all() == []


@given(texts, texts)
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= alike(one, other) <= 1 and alike(one, other) == alike(other, one) and alike(one, one) == 1
