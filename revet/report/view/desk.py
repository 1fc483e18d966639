"""Where answers to waiting runs are taken in and carried out in the background: one for each question, never two.

A run is answered as it was seen: each form names the question that it belongs to, and an answer to one that is not
asked any more is refused. That another process does not answer the same run meanwhile, the lock of the run sees to
(`revet.store.Store.alone`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from revet.errors import RevetError, RunNotFound
from revet.schema import Run, RunOutcome, digest
from revet.store import Store

__all__ = ["Answerer", "Desk", "Refused", "Reply", "mark_of"]

Reply: TypeAlias = "bool | str | Mapping[str, object]"
"""An answer, as `Agent.aresume` takes it."""


class Refused(Exception):
    """An answer that is not carried out. The message says why, and what to do; the run waits on."""


class Answerer(Protocol):
    """Carries answers out: makes the agent of a run again, and reads and writes drafts as people do."""

    def refusal(self, run: Run) -> str | None:
        """Why the run cannot be answered from here, and where it can be; None if it can."""
        ...

    def seconds_left(self, run: Run) -> float | None:
        """How long an answer is still taken; None for ever."""
        ...

    def written(self, run: Run) -> str:
        """The actions of the draft that is asked about, as text to edit."""
        ...

    def read(self, text: str) -> Sequence[Mapping[str, Any]]:
        """The actions that edited text holds. Raises `Refused` with a line for each problem."""
        ...

    def role_reply(self, text: str, run: Run) -> Reply:
        """What somebody wrote to a role that asks, as the role takes it."""
        ...

    async def answer(self, run: Run, reply: Reply) -> None:
        """Go on with the run until it has ended or asks again. Raises whatever goes wrong."""
        ...


def mark_of(run: Run) -> str:
    """What tells one question of a run from its next."""
    return digest(run.decision.model_dump(mode="json"), str(run.asked_at), run.question, len(run.attempts), length=16)


@dataclass
class _Work:
    """One answer that is being carried out, in a thread with an event loop of its own: models load there and tests run
    there, while pages are served.
    """

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[None] | None = None
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True
        if self.loop is not None and self.task is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self.task.cancel)


class Desk:
    """Takes answers to the runs of `store`. All methods can be called in any thread."""

    def __init__(self, store: Store, answerer: Answerer) -> None:
        self.store, self.answerer = store, answerer
        self._lock = threading.Lock()
        self._working: dict[str, _Work] = {}
        self._failed: dict[str, str] = {}
        self._closed = False

    def busy(self, run_id: str) -> bool:
        """True while an answer to the run is carried out here."""
        with self._lock:
            return run_id in self._working

    def failure(self, run_id: str) -> str | None:
        """What went wrong when the last answer was carried out, if it did."""
        with self._lock:
            return self._failed.get(run_id)

    def take(self, run_id: str, mark: str, reply: Reply) -> None:
        """Begin to carry out an answer to the question `mark` of a run. Raises `Refused`."""
        with self._lock:
            if self._closed:
                raise Refused("revet view is being stopped.")
            if run_id in self._working:
                raise Refused("An answer to this run is being carried out already.")
            run = self._asked(run_id, mark)
            if (why := self.answerer.refusal(run)) is not None:
                raise Refused(why)
            left = self.answerer.seconds_left(run)
            given: Reply = {"type": "expire"} if left is not None and left <= 0 else reply
            thread = threading.Thread(target=self._carry_out, args=(run, given), name=f"revet-answer-{run_id}")
            self._working[run_id] = _Work(thread)
            self._failed.pop(run_id, None)
            thread.start()

    def close(self) -> None:
        """Stop what is being carried out, and wait for that. Each stopped run can be gone on with: see `--resume`."""
        with self._lock:
            self._closed = True
            working = list(self._working.values())
            for work in working:
                work.stop()
        for work in working:
            work.thread.join()

    def _asked(self, run_id: str, mark: str) -> Run:
        """The run, if it asks the question that was answered."""
        from revet.graphs.turn import taken_up

        try:
            run = self.store.get(run_id)
        except RunNotFound as error:
            raise Refused(str(error)) from None
        if run.outcome is not RunOutcome.asked:
            raise Refused(f"It does not wait for an answer any more: it ended {run.outcome.value}.")
        if mark_of(run) != mark:
            raise Refused("It asks something else by now: look again, below.")
        if self.store.worked_on(run_id):
            raise Refused("Another process is at work on this run.")
        if taken_up(self.store, run):
            raise Refused("It was answered already. In a terminal, the same command with --resume goes on with it.")
        return run

    def _carry_out(self, run: Run, reply: Reply) -> None:
        failed: str | None = None
        try:
            asyncio.run(self._answer(run, reply))
        except asyncio.CancelledError:
            failed = "It was stopped. In a terminal, the same command with --resume goes on with it."
        except RevetError as error:
            failed = str(error)
        except Exception as error:  # noqa: BLE001 - told on the page; the server goes on
            failed = f"This is a fault in revet itself: {type(error).__name__}: {error}"
        with self._lock:
            del self._working[run.id]
            if failed is not None:
                self._failed[run.id] = failed

    async def _answer(self, run: Run, reply: Reply) -> None:
        task = asyncio.ensure_future(self.answerer.answer(run, reply))
        with self._lock:
            work = self._working[run.id]
            work.loop, work.task = asyncio.get_running_loop(), task
            stopped = work.stopped
        if stopped:
            task.cancel()
        await task
