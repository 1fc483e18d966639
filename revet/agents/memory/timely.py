"""What a memory asks of a language model when a run has ended is bounded by the run's wall time, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from revet.errors import BudgetSpent
from revet.tools.base import View

__all__ = ["within"]

T = TypeVar("T")


async def within(view: View, asked: Awaitable[T]) -> T:
    """What is awaited. Raises `BudgetSpent` if the time of the run ends before."""
    try:
        async with asyncio.timeout(None if view.deadline is None else view.remaining):
            return await asked
    except TimeoutError as error:
        if view.remaining > 0:
            raise  # the model's own, not ours
        raise BudgetSpent("the budget of wall time ended before there was an answer") from error
