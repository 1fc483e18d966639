"""A session's warm interpreters: as many as are needed, at most so many; who finds none free waits for its turn."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from itertools import count

from revet.errors import SandboxBroken
from revet.sandboxes.base import Limits, PythonResult
from revet.sandboxes.local.warm.birth import Birth, Site, WarmUnavailable
from revet.sandboxes.local.warm.visit import Fields
from revet.sandboxes.local.warm.worker import Lost, Worker
from revet.sandboxes.snippets import Order, conclude

__all__ = ["RUNS", "WarmPool"]

RUNS = 10_000
"""After so many pieces of code an interpreter is replaced."""
OFTEN = 16
ATTEMPTS = 3
"""So many servers may die before they take an order, until the sandbox counts as broken."""


class WarmPool:
    """Runs pieces of code, each in a fork of a warm interpreter that has `preload` imported.

    At most `workers` (default: the number of processors) run at once; they are started when they are needed. Each is
    replaced after `runs` pieces of code, and when it dies.
    """

    def __init__(
        self, site: Site, *, preload: Sequence[str] = (), workers: int | None = None, runs: int = RUNS
    ) -> None:
        self._site, self._preload, self._runs = site, tuple(preload), runs
        self._size = workers or len(os.sched_getaffinity(0))
        self._workers: set[Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._idle: list[Worker] = []
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False
        self._delays = 0
        self._turns: set[int] = set()
        self._refusal = site.refusal()

    @property
    def workers(self) -> int:
        """How many interpreters there are now."""
        return len(self._workers)

    async def run(self, order: Order, limits: Limits | None = None, stdin: bytes = b"") -> PythonResult:
        """Carry out the order. InputError if a module cannot be preloaded; WarmUnavailable if no server can run here.

        `limits.disk` must be the site's. When this is cancelled, the code is killed.
        """
        return conclude(await self._run(order, limits or self._site.limits, stdin), order)

    async def _run(self, order: Order, limits: Limits, stdin: bytes) -> Fields:
        if self._refusal:
            raise WarmUnavailable(self._refusal)
        for _ in range(ATTEMPTS):
            worker = await self._acquire()
            try:
                return await worker.run(order, limits, stdin)
            except Lost:
                continue
        raise SandboxBroken(
            f"{ATTEMPTS} warm interpreters died before they took an order",
            hint="see whether this machine is out of memory",
        )

    async def close(self) -> None:
        """Kill all of them, and what they run. Closing twice is harmless."""
        self._closed = True
        for worker in list(self._workers):
            worker.stop()
            self._leave(worker)
        self._refuse(closed())
        for starting in self._starting:
            starting.cancel()
        while self._leaving or self._starting:
            await asyncio.wait({*self._leaving, *self._starting})

    async def _acquire(self) -> Worker:
        """A worker that is ours, in the order of asking."""
        if self._closed:
            raise closed()
        if self._idle and not self._waiting:
            return self._idle.pop()
        waiting: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._serve()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._free(waiting.result())
            raise

    def _serve(self) -> None:
        """Give what is idle to those who wait, and start another where somebody still has to."""
        while self._waiting and (self._idle or self._waiting[0].done()):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(self._idle.pop())
        if len(self._waiting) > len(self._starting) and self._room():
            starting = asyncio.ensure_future(self._start())
            self._starting.add(starting)
            starting.add_done_callback(self._started)

    def _room(self) -> bool:
        """Whether to start another. One whose code is over is free before that: it is worth it for who comes often."""
        if len(self._workers) + len(self._starting) >= self._size:
            return False
        if any(worker.ending for worker in self._workers):
            self._delays += 1
            return self._delays > OFTEN
        return True

    def _refuse(self, error: Exception) -> None:
        """Let those who wait know that it is in vain."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)

    async def _start(self) -> None:
        turn = next(number for number in count() if number not in self._turns)
        self._turns.add(turn)
        try:
            worker = Worker(Birth(self._site, self._preload, turn), self._free, self._leave)
            await worker.start()
        except WarmUnavailable as reason:
            self._turns.discard(turn)
            self._refusal = str(reason)
            self._refuse(reason)
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for nobody else
            self._turns.discard(turn)
            self._size = max(1, len(self._workers))
            if not self._workers:
                self._refuse(error)
        else:
            self._workers.add(worker)
            self._free(worker)

    def _started(self, starting: asyncio.Task[None]) -> None:
        self._starting.discard(starting)
        if not self._closed:
            self._serve()

    def _free(self, worker: Worker) -> None:
        """It can take an order: its last piece of code is gone, with all that it started."""
        if self._closed or worker.dead or worker.runs >= self._runs:
            self._leave(worker)
        else:
            self._idle.append(worker)
            self._serve()

    def _leave(self, worker: Worker) -> None:
        """It is dead, or is to die."""
        if worker not in self._workers:
            return
        self._workers.discard(worker)
        self._turns.discard(worker.turn)
        if worker in self._idle:
            self._idle.remove(worker)
        leaving = asyncio.ensure_future(worker.close())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        if not self._closed:
            self._serve()


def closed() -> SandboxBroken:
    return SandboxBroken("the session is closed", hint="open another with the sandbox's open()")
