"""`LanguageModel`: a model as the roles use it. Accounted, limited, retried, recorded, and parsed.

Below it, a `Backend` speaks to one provider, plays back a recording, or follows a script; it need not know about any
of that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from revet.errors import ModelFailed
from revet.models import tracing
from revet.models.account import Account
from revet.models.limits import Limits
from revet.models.prices import Pricing
from revet.models.retry import Retries, Transient, with_retries
from revet.models.wire import Form, Reply, Request

__all__ = ["Backend", "FormUnsupported", "LanguageModel", "Recorder"]

T = TypeVar("T", bound=BaseModel)


class FormUnsupported(ModelFailed):
    """The backend cannot be asked in this form (`Request.form`); another form may work. Never retried."""


@runtime_checkable
class Backend(Protocol):
    """Answers requests. `forms` are the ways of structured output that it has besides text, best first.

    `reply` raises `ModelFailed` (with `retryable` set where waiting may help: 429, 5xx, timeouts, resets),
    `FormUnsupported`, `ContextOverflow`, or `ReplayMiss`, and nothing else of its own. It can be used from any event
    loop, one after another. `close` frees what it holds; it can be called twice.
    """

    name: str

    @property
    def forms(self) -> Sequence[Form]: ...

    async def reply(self, request: Request) -> Reply: ...

    async def close(self) -> None: ...


class Recorder(Protocol):
    """Keeps what was asked and answered. `forms` are those of the backend at that time."""

    def add(self, request: Request, reply: Reply, forms: Sequence[Form]) -> None: ...


class LanguageModel:
    """One model, shared by as many roles, tasks and event loops as need it.

    A request that fails for a passing reason is made again (`retries`); one that fails for good is put to each of the
    `fallbacks` in turn, which have limits and retries of their own. At most `concurrency` requests are under way in
    one event loop, and at most `requests_per_second` are begun in one process; in place of both, `limits` may be shared
    with other models. Where a provider says how long it wants to be left alone (Retry-After), nothing is asked under
    the same limits before that time is over. `prices` says what tokens cost.
    `recorder` is told each reply that the model gives.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        fallbacks: Sequence[LanguageModel] = (),
        retries: Retries | None = None,
        concurrency: int | None = None,
        requests_per_second: float | None = None,
        limits: Limits | None = None,
        prices: Pricing | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.backend = backend
        self.name = backend.name
        self.fallbacks = tuple(fallbacks)
        self.retries = retries or Retries()
        self.limits = limits or Limits(concurrency, requests_per_second)
        self.prices = prices
        self.recorder = recorder

    @property
    def priced(self) -> bool:
        """True if the cost of every reply is known, so that a budget of cost can be kept."""
        return self.prices is not None and self.prices.known and all(model.priced for model in self.fallbacks)

    @property
    def sees(self) -> bool:
        """True if the model, and every fallback, is known to take images: its backend has a true attribute `sees`."""
        return bool(getattr(self.backend, "sees", False)) and all(model.sees for model in self.fallbacks)

    async def ask(self, request: Request, account: Account) -> Reply:
        """The model's reply, or the one that it gave when this step was done before a crash.

        Raises `BudgetSpent` before anything is asked, and what `Backend.reply` raises when retries and fallbacks are
        used up.
        """
        key = account.key(request)
        reply = await account.replies.get(key) if account.replies else None
        if reply is not None:
            account.add(request.role, reply, again=True)
            return reply
        account.check()
        reply = await self._ask(request, account)
        account.add(request.role, reply)  # it is spent, whatever becomes of the reply
        if account.replies:
            await account.replies.put(key, reply)
        return reply

    async def parse(self, request: Request, shape: type[T], account: Account) -> T:
        """An answer in the given shape. Raises `AnswerUnusable` if there is none after one re-ask."""
        from revet.models import answers

        async def ask(asked: Request) -> Reply:
            return await self.ask(asked, account)

        return await answers.parse(ask, request, shape, forms=self.backend.forms)

    async def close(self) -> None:
        """Free what the model and its fallbacks hold. Can be called twice."""
        for model in (self, *self.fallbacks):
            await model.backend.close()

    async def _ask(self, request: Request, account: Account) -> Reply:
        """A reply from the model itself, or else from the first of its fallbacks that gives one."""
        try:
            return await with_retries(self.retries, lambda: self._once(request, account))
        except FormUnsupported:
            raise
        except ModelFailed as failure:
            for model in self.fallbacks:
                try:
                    return await model._ask(request, account)
                except FormUnsupported:
                    raise
                except ModelFailed as another:
                    failure.add_note(f"{model.name} instead: {another}")
            raise

    async def _once(self, request: Request, account: Account) -> Reply:
        """One request, within the limits; its reply timed, priced and recorded."""
        async with self.limits:
            account.check()  # others may have spent what was left while this one waited for its turn
            started = time.monotonic()
            with tracing.asked(self.name, request) as opened:
                reply = self._valued(await self._replied(request), started)
                tracing.told(opened, reply)
        if self.recorder is not None:
            self.recorder.add(request, reply, self.backend.forms)
        return reply

    async def _replied(self, request: Request) -> Reply:
        try:
            return await self.backend.reply(request)
        except Transient as failure:
            if failure.wait and failure.status is not None and self.retries.again(failure):
                self.limits.pause(failure.wait)
            raise

    def _valued(self, reply: Reply, started: float) -> Reply:
        """The reply with what it took and what it costs."""
        cost = reply.cost if reply.cost is not None or self.prices is None else self.prices.cost(reply)
        return reply.model_copy(update={"seconds": reply.seconds or time.monotonic() - started, "cost": cost})
