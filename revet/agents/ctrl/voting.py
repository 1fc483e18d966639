"""Several critiques of one draft by the same critic, asked independently: the majority's verdict, and one voice of it.

After CTRL (arXiv 2502.03492; the authors' ``scripts/run_gen.py``): a draft is correct if more than half of the
critiques say so, and one that agrees with the majority, drawn at random, is what the reviser is told.
"""

from __future__ import annotations

import asyncio
import random

from revet.agents.base import Critic
from revet.agents.panel.aggregate import majority
from revet.schema import Critique, Verdict
from revet.tools.base import View

__all__ = ["VotingCritic"]

OBJECTIONS = (Verdict.revise, Verdict.reject)


class VotingCritic:
    """Asks `critic` for `votes` critiques at the same time, each on an account of its own.

    A tie objects, and abstentions have no vote. The draw depends on the run's seed and round alone. What any of the
    critiques raises is raised when all have ended.
    """

    def __init__(self, critic: Critic, votes: int) -> None:
        self.critic, self.votes, self.name = critic, votes, critic.name

    async def criticise(self, view: View) -> Critique:
        views = [view.fork(f"{self.name} {number}") for number in range(1, self.votes + 1)]
        said = await asyncio.gather(*(self.critic.criticise(own) for own in views), return_exceptions=True)
        critiques: list[Critique] = []
        for each in said:
            if isinstance(each, BaseException):
                raise each
            critiques.append(each)
        return self._voice(critiques, view)

    def _voice(self, critiques: list[Critique], view: View) -> Critique:
        """One critique that agrees with the majority, with the numbers of the vote."""
        whole = majority(critiques, self.name)
        voting = [c for c in critiques if c.verdict is not Verdict.abstain]
        agreeing = [c for c in voting if (c.verdict in OBJECTIONS) == (whole.verdict in OBJECTIONS)]
        if whole.verdict is Verdict.abstain or not agreeing:
            return whole
        voice = random.Random(f"{view.seed}/{view.round}").choice(agreeing)
        holds = "incorrect" if whole.verdict in OBJECTIONS else "correct"
        told = f"{len(agreeing)} of {len(voting)} critiques hold it to be {holds}"
        return voice.model_copy(
            update={
                "critic": self.name,
                "possible_result": f"{told}. {voice.possible_result}".strip(),
                "score": sum(c.verdict is Verdict.accept for c in voting) / len(voting),
                "confidence": len(agreeing) / len(voting),
            }
        )
