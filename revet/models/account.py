"""On whose account a model is asked: what a run has spent, what it may still spend, and what was answered already.

Every step of a run opens an `Account`. What it spends is added to the run's usage when the step ends; what was
answered is kept with the run (`Replies`) at once, so that a step that is done again after a crash asks nothing twice.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from revet.errors import BudgetSpent
from revet.models.purse import Purse
from revet.models.wire import Reply, Request
from revet.schema import Spent, Usage, digest

__all__ = ["Account", "Replies"]


class Replies(Protocol):
    """Remembers replies by key, durably: what `put` has returned from survives a kill -9."""

    async def get(self, key: str) -> Reply | None: ...

    async def put(self, key: str, reply: Reply) -> None: ...


class Account:
    """One step's account. `step` tells it from the other steps of the run, and is the same when it is done again.

    `tokens` and `cost` (US dollars) are what may still be spent, None without a limit; `purse` is what other runs spend
    from, too. Without `replies`, nothing is remembered.
    """

    def __init__(
        self,
        step: str = "",
        *,
        tokens: int | None = None,
        cost: float | None = None,
        replies: Replies | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.step, self.tokens, self.cost, self.replies, self.purse = step, tokens, cost, replies, purse
        self._roles: dict[str, Spent] = {}
        self._asked: Counter[str] = Counter()

    def key(self, request: Request) -> str:
        """The key of this asking. The same request asked again in one step is another asking, with another key.

        Call it exactly once for each asking, in the order in which they are made.
        """
        same = digest(self.step, request.digest, length=24)
        self._asked[same] += 1
        return f"{same}.{self._asked[same]}"

    def check(self) -> None:
        """Raise `BudgetSpent` if the policy, or the budget of the batch, allows no further call."""
        usage = self.usage
        if self.tokens is not None and usage.tokens >= self.tokens:
            raise BudgetSpent(f"the budget of tokens is spent ({usage.tokens} in this step)")
        if self.cost is not None and usage.cost >= self.cost:
            raise BudgetSpent(f"the budget of cost is spent ({usage.cost:.4f} US dollars in this step)")
        if self.purse is not None:
            self.purse.check()

    def add(self, role: str, reply: Reply, *, again: bool = False) -> None:
        """Count a reply; `again`: it was paid for before a crash, and is remembered."""
        if self.purse is not None and not again:
            self.purse.add(reply)
        spent = Spent(
            calls=1,
            input_tokens=reply.tokens.input,
            output_tokens=reply.tokens.output,
            cost=reply.cost or 0.0,
        )
        self._roles[role] = self._roles.get(role, Spent()) + spent

    @property
    def usage(self) -> Usage:
        """What this step has spent so far, by role."""
        return Usage(roles=dict(self._roles))
