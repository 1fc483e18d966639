"""Trying again after a passing failure, with exponential backoff and jitter, or when the provider says."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import Field

from revet.errors import ModelFailed
from revet.schema import Model

__all__ = ["Retries", "Transient", "with_retries"]

T = TypeVar("T")


class Transient(ModelFailed):
    """A failure that may pass. `wait` is how long the provider asks to be left alone (Retry-After), in seconds."""

    def __init__(
        self, message: str, *, status: int | None = None, wait: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, status=status, retryable=True, hint=hint)
        self.wait = wait


class Retries(Model):
    """`attempts` in all; 1 tries nothing again. Waits are in seconds.

    The n-th wait is at most ``first * 2**(n-1)``, and at least half of that, so that many tasks that fail together do
    not return together. A provider that asks for more than `longest` is not waited for.
    """

    attempts: int = Field(default=5, ge=1)
    first: float = Field(default=1.0, ge=0)
    longest: float = Field(default=60.0, ge=0)

    def wait(self, attempt: int, failure: BaseException | None) -> float:
        """The pause after the given attempt, counted from 1."""
        asked = getattr(failure, "wait", None)
        if asked is not None:
            return float(asked) * random.uniform(1.0, 1.1)
        pause = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return pause * random.uniform(0.5, 1.0)

    def again(self, failure: BaseException) -> bool:
        """True if the failure may pass within the longest wait."""
        if not isinstance(failure, ModelFailed) or not failure.retryable:
            return False
        return (getattr(failure, "wait", None) or 0.0) <= self.longest


async def with_retries(retries: Retries, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, tried again after each failure that may pass. Raises the last failure."""
    from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

    def pause(state: RetryCallState) -> float:
        return retries.wait(state.attempt_number, state.outcome.exception() if state.outcome else None)

    async def once() -> T:
        return await call()

    trying = AsyncRetrying(
        retry=retry_if_exception(retries.again),
        stop=stop_after_attempt(retries.attempts),
        wait=pause,
        reraise=True,
    )
    return await trying(once)
