"""What many runs may spend together: the budget of a batch, beside the budget that each task has of its own."""

from __future__ import annotations

import threading

from revet.errors import BudgetSpent, InputError
from revet.models.wire import Reply

__all__ = ["Purse"]


class Purse:
    """The `tokens` and the `cost` (US dollars) that all models of a batch may take; None is no limit.

    It is asked before every call of a model and told of every reply, from any thread and event loop. Once it is spent
    no call begins, so what goes beyond it is at most what the calls under way then take. Replies that are remembered
    from before a crash were paid for then, and cost nothing again.
    """

    def __init__(self, tokens: int | None = None, cost: float | None = None) -> None:
        self.tokens, self.cost = tokens, cost
        self._tokens, self._cost = 0, 0.0
        self._lock = threading.Lock()

    @property
    def taken(self) -> tuple[int, float]:
        """The tokens and the dollars that were spent so far."""
        with self._lock:
            return self._tokens, self._cost

    @property
    def spent(self) -> str | None:
        """Why no call, and no task, may begin any more; None while there is something left."""
        tokens, cost = self.taken
        if self.tokens is not None and tokens >= self.tokens:
            return f"the batch's budget of tokens is spent ({tokens:,} of {self.tokens:,}; --total-tokens)"
        if self.cost is not None and cost >= self.cost:
            return f"the batch's budget of cost is spent ({cost:,.6g} of {self.cost:,.6g} US dollars; --total-cost)"
        return None

    def admit(self, model: str, *, priced: bool) -> None:
        """Raise `InputError` if the cost is limited and what `model` costs is not known: nobody could keep to it."""
        if self.cost is not None and not priced:
            raise InputError(
                f"the batch's cost is limited (--total-cost), and what {model} costs is not known",
                hint="limit tokens instead, with --total-tokens",
            )

    def check(self) -> None:
        """Raise `BudgetSpent` if no call may begin any more."""
        why = self.spent
        if why is not None:
            raise BudgetSpent(why)

    def add(self, reply: Reply) -> None:
        """Count what a call took."""
        with self._lock:
            self._tokens += reply.tokens.input + reply.tokens.output
            self._cost += reply.cost or 0.0
