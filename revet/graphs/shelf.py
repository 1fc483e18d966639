"""The shelf: what tools answered in a run, to be given again where the same call would be made (`Terms.keep`).

An answer is found by all that it depends on. With `draft` that is the call, the whole draft, what it stages and the
workspace under it; with `run` the call alone. Answers are kept with the replies of models too, so that a run that is
continued in another process finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError

from revet.models.account import Replies
from revet.models.wire import Reply
from revet.schema import Evidence, Model, Outcome, digest
from revet.schema.base import to_json
from revet.tools.base import Terms, ToolCall, View

__all__ = ["Kept", "Shelf", "key_of"]

TELLING = (Outcome.passed, Outcome.failed)
"""What is kept. What went wrong may go right the next time."""


class Kept(Model):
    """An answer. `step` is the step that made the call.

    `about`: it spoke of the state that was staged then. `insists`: the tool required it, though nobody asked it to.
    """

    step: str
    evidence: Evidence
    about: bool
    insists: bool

    @classmethod
    def of(cls, evidence: Evidence, call: ToolCall, view: View, step: str) -> Kept:
        return cls(
            step=step,
            evidence=evidence,
            about=evidence.changes == _state(view),
            insists=evidence.required and not call.required,
        )

    def first(self, call: ToolCall, view: View) -> Evidence:
        """The answer to the very call that it was given to."""
        return self.evidence.model_copy(update=self._now(call, view))

    def again(self, call: ToolCall, view: View) -> Evidence:
        """The answer to another call of the same kind: it took no time, and says that it was kept."""
        data = {**self.evidence.data, "kept": True}
        return self.evidence.model_copy(update={**self._now(call, view), "seconds": 0.0, "data": data})

    def _now(self, call: ToolCall, view: View) -> dict[str, object]:
        state = _state(view) if self.about else self.evidence.changes
        return {"check": call.check, "required": call.required or self.insists, "changes": state}


class Shelf:
    """The answers kept in this process, and whose turn it is to make a call. One serves any number of runs."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: str, within: float | None) -> AsyncIterator[None]:
        """One at a time for each key. TimeoutError if it is not ours `within` so many seconds."""
        lock, users = self._turns.get(key, (asyncio.Lock(), 0))
        self._turns[key] = lock, users + 1
        try:
            async with asyncio.timeout(within):
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._turns.pop(key)
            if users > 1:
                self._turns[key] = lock, users - 1

    async def get(self, key: str, replies: Replies | None) -> tuple[Kept | None, bool]:
        """What is kept, and whether it is from an earlier process and given out in this one for the first time."""
        if key in self._kept:
            return self._kept[key], False
        reply = await replies.get(key) if replies else None
        if reply is None:
            return None, False
        try:
            self._kept[key] = Kept.model_validate_json(reply.text)
        except ValidationError:
            return None, False  # kept by another version: the call is made again
        return self._kept[key], True

    async def put(self, key: str, kept: Kept, replies: Replies | None) -> None:
        """Keep an answer that says something; any other is not kept."""
        if kept.evidence.outcome not in TELLING:
            return
        if replies:
            await replies.put(key, Reply(text=to_json(kept), model=f"tool:{kept.evidence.tool}"))
        self._kept[key] = kept


def key_of(call: ToolCall, view: View, terms: Terms, world: str | None) -> str | None:
    """All that the answer depends on, as a key; None for what is not kept. `world` is what the workspace is like."""
    if terms.keep == "never":
        return None
    parts: list[object] = [view.run, call.tool, call.request, call.arguments, call.check]
    if terms.keep == "draft":
        draft = None if view.draft is None else view.draft.model_dump(mode="json")
        parts += [draft, _state(view), view.layer is None, world]
    return f"kept.{digest(terms.keep, *parts, length=40)}"


def _state(view: View) -> str | None:
    """What evidence about the view's state names as its `changes`."""
    return view.changes.fingerprint if view.changes else None
