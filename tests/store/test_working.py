"""Which runs are worked on: by one process at a time, and no longer than it lives."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from revet.errors import StoreError
from revet.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".revet")


def test_one_at_a_time(store: Store) -> None:
    assert store.worked_on("r-1") is False and not store.folder.exists(), "looking makes nothing"
    with store.alone("r-1"):
        assert store.worked_on("r-1") is True and store.worked_on("r-2") is False
        told = pytest.raises(StoreError, match="another process is at work on run r-1")
        with store.alone("r-2"), told, store.alone("r-1"):
            raise AssertionError("two at once")
        assert store.worked_on("r-1") is True
    assert store.worked_on("r-1") is False
    assert list((store.folder / "working").iterdir()) == []
    assert (store.folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("run_id", ["../../x", "a/b", "a\0b", "", "🐛" * 300])
def test_an_id_is_no_path(store: Store, run_id: str) -> None:
    with store.alone(run_id):
        assert store.worked_on(run_id) is True
        assert len(list((store.folder / "working").iterdir())) == 1


def hold(folder: str, ready: Event) -> None:
    with Store(folder).alone("r-1"):
        ready.set()
        signal.pause()


def test_who_is_killed_holds_nothing(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(str(store.folder), ready))
    holder.start()
    assert ready.wait(60) and holder.pid is not None
    assert store.worked_on("r-1") is True
    with pytest.raises(StoreError, match="another process"), store.alone("r-1"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(60)
    assert store.worked_on("r-1") is False, "though its file is still there"
    with store.alone("r-1"):
        assert store.worked_on("r-1") is True


def take(folder: str, count: int) -> None:
    taken = 0
    while taken < count:
        try:
            with Store(folder).alone("r-1"):
                mark = Path(folder) / "inside"
                mark.touch(exist_ok=False)  # raises if two are inside
                mark.unlink()
                taken += 1
        except StoreError:
            continue


def test_never_two_though_the_file_comes_and_goes(store: Store) -> None:
    context = multiprocessing.get_context("fork")
    takers = [context.Process(target=take, args=(str(store.folder), 100)) for _ in range(3)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join(60)
    assert [taker.exitcode for taker in takers] == [0, 0, 0]
