"""The host's end of one fork server: takes the forks that it makes, gives each an order, and sees to its end."""

from __future__ import annotations

import asyncio
import select
import socket
import weakref
from collections import deque
from collections.abc import Callable

from revet.errors import SandboxBroken
from revet.sandboxes._guest.orders import DESCRIPTORS, END, ENDED, READY, START
from revet.sandboxes.base import Limits
from revet.sandboxes.local.warm.birth import START_SECONDS, Birth
from revet.sandboxes.local.warm.visit import Fields, Fork, Visit
from revet.sandboxes.snippets import Order

__all__ = ["Lost", "Worker"]

MESSAGE = 8192
SOON = 0.003
"""Seconds after which a piece of code is no longer a short one. Until then its output stays in the pipes: most end
sooner, and need no look at anything but the record."""
ONCE = 1 | 1 << 30  # EPOLLIN, EPOLLONESHOT, which not every system's Python has
ROOM = socket.CMSG_SPACE(DESCRIPTORS.size)
PATIENCE = 10.0
"""Seconds that a killed fork may take to die before the server is given up."""


class Lost(Exception):
    """The server died before it could be given the order."""


class Worker:
    """Runs one piece of code at a time. `idle` is called when it can run the next, `gone` when its server is dead.

    First `start`, then `run` as often as wanted, then `close`. One that is forgotten is killed.
    """

    def __init__(self, birth: Birth, idle: Callable[[Worker], None], gone: Callable[[Worker], None]) -> None:
        self.runs, self.turn = 0, birth.turn
        self.dead = False
        self._idle, self._gone = idle, gone
        self._birth, self._control = birth, birth.control
        self._loop = asyncio.get_running_loop()
        self._forks: deque[Fork] = deque()
        self._visit: Visit | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last = b""
        self._epoll = select.epoll()
        self._epoll.register(self._control, ONCE)
        self._loop.add_reader(self._epoll.fileno(), self._events)
        self._finalize = weakref.finalize(self, release, birth, self._epoll, self._forks)

    @property
    def ending(self) -> bool:
        """Whether its piece of code is over for the caller, and not yet gone."""
        return self._visit is not None and self._visit.done.done()

    async def start(self) -> None:
        """Wait for the first fork. WarmUnavailable or SandboxBroken if the server cannot serve."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._fork_ready()
            self._birth.settle()
        except Lost:
            await self.close()
            raise self._birth.failure(self._last) from None
        except TimeoutError:
            await self.close()
            raise SandboxBroken(f"the warm interpreter was not ready after {START_SECONDS:.0f} s") from None
        except BaseException:
            await self.close()
            raise

    async def run(self, order: Order, limits: Limits, stdin: bytes) -> Fields:
        """Carry out the order. Lost if it could not even begin; a server that dies later is a crash, and a result."""
        while self._hear():  # what has come since the last piece of code ended
            continue
        if self.dead:
            raise Lost
        await self._fork_ready()
        fork = self._forks.popleft()
        done: asyncio.Future[Fields] = self._loop.create_future()
        self._visit = visit = Visit(fork, order, limits, done)
        visit.oomed = self._birth.oomed
        self.runs += 1
        try:
            self._birth.fit(limits)
            visit.send(stdin)
            self._epoll.register(fork.socket, select.EPOLLIN)
            self._epoll.modify(self._control, ONCE)
            self._timer = self._loop.call_later(min(SOON, limits.wall_seconds), self._linger, visit)
            return await done
        except (BrokenPipeError, ConnectionResetError):  # it died while it waited; the server tells, and makes another
            raise Lost from None
        finally:
            if not done.done() or done.cancelled():
                done.cancel()
                visit.stop("cancelled")

    def stop(self) -> None:
        """Have what runs told that the session was closed."""
        if self._visit is not None:
            self._visit.stop("closed")

    async def close(self) -> None:
        """Kill the server and all below it, and wait for that, also when cancelled."""
        self.detach()
        waiting = asyncio.ensure_future(asyncio.to_thread(self._finalize))
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            await asyncio.wait([waiting])
            raise

    def detach(self) -> None:
        """Kill the server without waiting, and hear no more of it. What ran has crashed."""
        if self.dead:
            return
        self.dead = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._loop.is_closed():
            self._loop.remove_reader(self._epoll.fileno())
        self._birth.stop()
        if self._visit is not None:
            self._visit.crashed()
            self._visit = None
        self._wake()

    async def _fork_ready(self) -> None:
        while not self._forks:
            if self.dead:
                raise Lost
            self._waiter = self._loop.create_future()
            self._epoll.modify(self._control, ONCE)
            await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None

    def _events(self) -> None:
        control = self._control.fileno()
        for fd, mask in self._epoll.poll(0):
            if self.dead:
                return
            if fd == control:
                # Where nobody waits for anything, what comes can wait, too: it is heard before the next order.
                if self._hear() and not self.dead and (self._visit is not None or self._waiter is not None):
                    self._epoll.modify(self._control, ONCE)
            elif self._visit is not None and self._visit.fork.open:
                self._look(self._visit, fd, mask)

    def _look(self, visit: Visit, fd: int, mask: int) -> None:
        """Something came out of the fork, or nothing will any more."""
        if fd == visit.fork.socket.fileno():
            before = len(visit.report)
            if visit.read_report():
                visit.complete()
            elif visit.fork.open and len(visit.report) == before:
                self._epoll.unregister(fd)  # it is closed; the server tells the rest
        elif mask & select.EPOLLIN:
            visit.drain()
        else:
            self._epoll.unregister(fd)

    def _hear(self) -> bool:
        """One message of the server, if there is one."""
        if self.dead:
            return False
        try:
            message, ancillary, _, _ = self._control.recvmsg(MESSAGE, ROOM)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            message, ancillary = b"", []
        kind = message[:1]
        if kind == READY:
            _, number = START.unpack(message)
            self._forks.append(Fork(number, DESCRIPTORS.unpack(ancillary[0][2])))
            self._wake()
        elif kind == ENDED:
            _, number, status, cpu_seconds = END.unpack(message)
            self._end(number, status, cpu_seconds)
        else:
            self._last = message
            self.detach()
            self._gone(self)
        return True

    def _end(self, number: int, status: int, cpu_seconds: float) -> None:
        visit = self._visit
        if visit is not None and visit.fork.number == number:
            if self._timer is not None:
                self._timer.cancel()
            visit.ended(status, cpu_seconds)
            self._visit = None
            self._idle(self)
            return
        for fork in [fork for fork in self._forks if fork.number == number]:
            self._forks.remove(fork)
            fork.close()

    def _linger(self, visit: Visit) -> None:
        """It is not a short one: read as it writes, and see to its limits."""
        if visit.fork.open:
            for fd in (visit.fork.output, visit.fork.errors):
                self._epoll.register(fd, select.EPOLLIN)
            if self._birth.group is not None:
                visit.meter(self._birth.group.cpu_seconds)
        self._watch(visit)

    def _watch(self, visit: Visit) -> None:
        """Look at the clocks again when one may have run out. What was killed is given some time to die."""
        left = visit.left()
        if left <= 0:
            visit.stop("timeout")
        if visit.cause is not None or visit.done.done():
            self._timer = self._loop.call_later(PATIENCE, self._give_up)
        else:
            self._timer = self._loop.call_later(left, self._watch, visit)

    def _give_up(self) -> None:
        self.detach()
        self._gone(self)


def release(birth: Birth, epoll: select.epoll, forks: deque[Fork]) -> None:
    epoll.close()
    while forks:
        forks.pop().close()
    birth.close()
