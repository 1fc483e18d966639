"""A process that plays cases for another: ``python -m revet.evals.worker``, a JSON object a line each way.

It is told ``{"open": KEY, "known": …, "folder": …, "split": …, "options": …}`` (once for a suite), ``{"play": CASE,
"of": KEY}`` and ``{"close": KEY}``; it says ``{"of": KEY, "case": CASE, "trial": …}``, or ``{…, "refused": MESSAGE}``
where the user has something to mend. Cases that it is told of are played at the same time: who tells counts them. It
ends when its input does, which is also when the process that started it dies.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from revet.evals.playing import played
from revet.evals.source import Source
from revet.evals.suite import Known, Player
from revet.evals.suites import open_suite
from revet.schema.base import to_json

__all__ = ["main"]

PATIENCE = 10.0
"""Seconds in which suites may close when the input has ended."""


class _Worker:
    def __init__(self, out: Any) -> None:
        self._out = out
        self._players: dict[str, asyncio.Task[Player]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        threading.Thread(target=self._listen, args=(asyncio.get_running_loop(),), daemon=True).start()
        await self._ended.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for key in list(self._players):
            await self._close(key)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._told, json.loads(line))
        loop.call_soon_threadsafe(self._ended.set)
        threading.Event().wait(PATIENCE)
        os._exit(1)  # a suite that computes without end would otherwise outlive who asked for it

    def _told(self, message: dict[str, Any]) -> None:
        if "open" in message:
            source = Source(Path(message["folder"]), message["split"]) if message["folder"] is not None else None
            opening = open_suite(Known.model_validate(message["known"]), source, message["options"])
            self._players[message["open"]] = asyncio.ensure_future(opening)
        elif "play" in message:
            self._start(self._play(message["of"], message["play"]))
        else:
            self._start(self._close(message["close"]))

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, key: str, case: str) -> None:
        said: dict[str, Any] = {"of": key, "case": case}
        try:
            player = await asyncio.shield(self._players[key])
            said["trial"] = json.loads(to_json(await played(player, case)))
        except Exception as error:  # noqa: BLE001 - told to who asked, who raises it
            said |= {"refused": str(error) or type(error).__name__, "kind": type(error).__name__}
        self._out.write(json.dumps(said).encode() + b"\n")
        self._out.flush()

    async def _close(self, key: str) -> None:
        opening = self._players.pop(key, None)
        if opening is not None and (await asyncio.wait([opening]))[0] and opening.exception() is None:
            await opening.result().close()


def main() -> None:
    """Play what is asked for on stdin until it ends. What a suite prints goes to stderr."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        asyncio.run(_Worker(out).run())


if __name__ == "__main__":
    main()
