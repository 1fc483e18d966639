"""Forks a child for each job, a few at a time, and gathers one JSON line from each."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Job = int
    Result = dict[str, Any]

HARD_WALL = 30.0


class _Child:
    def __init__(self, job: Job, pid: int, pipe: int) -> None:
        self.job, self.pid, self.pipe = job, pid, pipe
        self.started = time.monotonic()
        self.data = b""
        self.killed = False

    def kill(self) -> None:
        self.killed = True
        for target in (-self.pid, self.pid):
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                continue

    def result(self) -> Result:
        """What the child said, or what its silence means."""
        self.kill_rest()
        _, status = os.waitpid(self.pid, 0)
        seconds = time.monotonic() - self.started
        try:
            found = json.loads(self.data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            hung = self.killed or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGPROF))
            hung = hung or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == STUCK)
            found = {"outcome": "timeout" if hung else "error", "fixed": [], "broken": [], "complete": False}
        found["seconds"] = seconds
        return found

    def kill_rest(self) -> None:
        """End what the child left running in its process group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


STUCK = 124


def run_pool(
    jobs: Iterable[Job],
    workers: int,
    body: Callable[[Job], Result],
    on_start: Callable[[Job], None],
    on_result: Callable[[Job, Result], bool],
    until: float,
) -> None:
    """Run `body(job)` in a child for each job, `workers` at a time, until `until` (monotonic) or
    `on_result` is true.

    Jobs that are running when `on_result` says to stop are waited for, so that every job before the last
    has a result.
    """
    waiting: list[Job] = list(jobs)
    waiting.reverse()
    running: dict[int, _Child] = {}
    stopped = False
    try:
        while (waiting and not stopped) or running:
            now = time.monotonic()
            if now >= until:
                return
            while waiting and not stopped and len(running) < workers:
                job = waiting.pop()
                on_start(job)
                child = _spawn(job, body, [c.pipe for c in running.values()])
                running[child.pipe] = child
            ready, _, _ = select.select(list(running), [], [], min(0.25, until - now))
            for pipe in ready:
                done = _read(running[pipe])
                if done is not None:
                    del running[pipe]
                    stopped = on_result(done.job, done.result()) or stopped
            for child in running.values():
                if time.monotonic() - child.started > HARD_WALL and not child.killed:
                    child.kill()
    finally:
        for child in running.values():
            child.kill()
            os.waitpid(child.pid, 0)
            os.close(child.pipe)


def _read(child: _Child) -> _Child | None:
    chunk = os.read(child.pipe, 65536)
    if chunk and len(child.data) < 1 << 20:
        child.data += chunk
        return None
    os.close(child.pipe)
    return child


def _spawn(job: Job, body: Callable[[Job], Result], others: list[int]) -> _Child:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return _Child(job, pid, read)
    exit_, write_ = os._exit, os.write
    try:
        os.setsid()
        for descriptor in (read, *others):
            os.close(descriptor)
        quiet()
        random.seed(0)
        line = json.dumps(body(job)).encode("ascii")
        while line:
            line = line[write_(write, line) :]
        exit_(0)
    except BaseException:  # noqa: BLE001 (a child must never return)
        exit_(1)
    raise AssertionError("unreachable")


def quiet() -> None:
    """Send what this process prints to nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)
    sys.stdout.flush()
