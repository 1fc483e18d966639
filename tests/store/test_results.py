"""The store of results: what is written is there, names are found, and bad files are told."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import RunNotFound, StoreError
from revet.store import ResultStore


def begin(store: ResultStore, name: str, suite: str = "ldb", key: str = "k", at: str = "2026-01-01T00:00:00") -> None:
    store.begin(name, suite, key, at, f"body of {name}")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / ".revet")


def test_nothing_is_there_and_nothing_is_made_before_the_first_write(store: ResultStore) -> None:
    assert store.newest(5) == [] and store.latest("k") is None and store.trials("x") == []
    with pytest.raises(RunNotFound, match="holds none"):
        store.get("ldb")
    assert not store.folder.exists()


def test_the_folder_is_hidden_from_git(store: ResultStore) -> None:
    begin(store, "ldb-aaaaaa")
    assert (store.folder / ".gitignore").read_text() == "*\n"


def test_trials_come_back_in_the_order_of_their_places_and_the_last_word_counts(store: ResultStore) -> None:
    begin(store, "ldb-aaaaaa")
    store.add("ldb-aaaaaa", [(2, "c", "three"), (0, "a", "one")])
    store.add("ldb-aaaaaa", [(1, "b", "two"), (2, "c", "three again")])
    assert store.trials("ldb-aaaaaa") == ["one", "two", "three again"]
    assert store.newest(5) == [("body of ldb-aaaaaa", 3)]


def test_a_suite_is_its_newest_evaluation_that_ended(store: ResultStore) -> None:
    for number, name in enumerate(("ldb-aaaaaa", "ldb-bbbbbb", "ldb-cccccc")):
        begin(store, name, at=f"2026-01-0{number + 1}T00:00:00")
    assert store.get("ldb") == "body of ldb-cccccc"
    store.save("ldb-bbbbbb", "2026-01-04T00:00:00", "ended")
    assert store.get("ldb") == "ended"
    assert store.latest("k") == "body of ldb-cccccc"


def test_a_beginning_is_enough_and_what_is_unclear_is_told(store: ResultStore) -> None:
    begin(store, "ldb-aaaaaa")
    begin(store, "ldb-aabbbb")
    assert store.get("ldb-aab") == "body of ldb-aabbbb"
    with pytest.raises(RunNotFound, match=r"any of 2 evaluations\n.*ldb-aabbbb, ldb-aaaaaa"):
        store.get("ldb-aa")
    with pytest.raises(RunNotFound, match="nearest: ldb"):
        store.get("lbd")


def test_a_store_of_a_newer_version_is_refused(store: ResultStore) -> None:
    begin(store, "ldb-aaaaaa")
    db = sqlite3.connect(store.file)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for use in (lambda: store.get("ldb"), lambda: begin(store, "ldb-bbbbbb")):
        with pytest.raises(StoreError, match="newer revet"):
            use()


def test_what_is_no_database_is_told(store: ResultStore) -> None:
    store.folder.mkdir()
    store.file.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"results\.db"):
        store.get("ldb")


def test_many_writers_lose_nothing(store: ResultStore) -> None:
    begin(store, "ldb-aaaaaa")

    def write(number: int) -> None:
        other = ResultStore(store.folder)
        for place in range(5):
            other.add("ldb-aaaaaa", [(number * 5 + place, f"case-{number}-{place}", "body")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert len(store.trials("ldb-aaaaaa")) == 30


def test_one_at_a_time_plays_an_evaluation(store: ResultStore) -> None:
    with store.playing("ldb-aaaaaa"):
        with pytest.raises(StoreError, match="another process"), ResultStore(store.folder).playing("ldb-aaaaaa"):
            pass
        with store.playing("ldb-bbbbbb"):
            pass
    with store.playing("ldb-aaaaaa"):
        pass
    assert not list(store.folder.glob("playing-*"))


def play(folder: str, count: int) -> None:
    played = 0
    while played < count:
        try:
            with ResultStore(folder).playing("ldb-aaaaaa"):
                mark = Path(folder) / "inside"
                mark.touch(exist_ok=False)  # raises if two are inside
                mark.unlink()
                played += 1
        except StoreError:
            continue


def test_never_two_though_the_lock_comes_and_goes(store: ResultStore) -> None:
    context = multiprocessing.get_context("fork")
    players = [context.Process(target=play, args=(str(store.folder), 40)) for _ in range(3)]
    for player in players:
        player.start()
    for player in players:
        player.join(60)
    assert [player.exitcode for player in players] == [0, 0, 0]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), max_size=12)
)
def test_what_is_added_is_there(tmp_path_factory: pytest.TempPathFactory, added: list[tuple[int, str]]) -> None:
    store = ResultStore(tmp_path_factory.mktemp("store"))
    begin(store, "x-aaaaaa")
    for place, body in added:
        store.add("x-aaaaaa", [(place, f"case-{place}", body)])
    last = dict(added)
    assert store.trials("x-aaaaaa") == [last[place] for place in sorted(last)]
