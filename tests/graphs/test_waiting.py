"""Waiting for asynchronous code in a thread that runs an event loop already, as a notebook's does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from revet.graphs.waiting import wait


def _inside_a_loop(act: Callable[[], object]) -> object:
    """What `act` gives, called where an event loop runs; fails if it does not end."""
    told: list[object] = []

    async def main() -> None:
        try:
            told.append(act())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            told.append(error)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(10)
    assert told, "it does not end"
    return told[0]


async def _number() -> int:
    await asyncio.sleep(0)
    return 7


def test_it_gives_the_result_with_and_without_a_loop() -> None:
    assert wait(_number) == 7
    assert _inside_a_loop(lambda: wait(_number)) == 7


def test_what_breaks_before_it_begins_is_raised() -> None:
    def broken() -> object:
        raise ValueError("no coroutine")

    assert isinstance(_inside_a_loop(lambda: wait(broken)), ValueError)  # type: ignore[arg-type]


def test_a_loop_that_cannot_be_made_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def many_files() -> object:
        raise OSError("too many open files")

    def act() -> object:
        monkeypatch.setattr(asyncio.events, "new_event_loop", many_files)
        monkeypatch.setattr(asyncio.runners.events, "new_event_loop", many_files)
        return wait(_number)

    assert isinstance(_inside_a_loop(act), OSError)


def test_an_interrupt_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    join, joins = threading.Thread.join, iter([True])

    def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        if self.name == "revet-run" and next(joins, False):
            raise KeyboardInterrupt
        join(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    assert isinstance(_inside_a_loop(lambda: wait(slow)), KeyboardInterrupt)
    assert ended.is_set()
