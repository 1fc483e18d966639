"""`ScoringCritic`: several critiques of one draft, of which the mean score is kept. It holds no draft back.

Mirror-Critique: each of N solutions gets K critiques, and the mean of their scores weighs its vote.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from revet.agents.base import Critic
from revet.schema import Attempt, Critique, Verdict
from revet.tools.base import View

__all__ = ["ScoringCritic", "soundness"]

UNKNOWN = 0.5


class ScoringCritic:
    """Asks each of the `critics` at the same time, and says what their scores come to.

    Its verdict is `accept` where any critique could be used, whatever the score and the findings: it weighs votes and
    vetoes none.
    """

    def __init__(self, critics: Sequence[Critic], *, name: str = "scores") -> None:
        self.critics, self.name = tuple(critics), name

    async def criticise(self, view: View) -> Critique:
        if view.draft is None:
            return Critique(
                critic=self.name, verdict=Verdict.abstain, possible_result="there is no draft", confidence=0
            )
        views = [view.fork(critic.name) for critic in self.critics]
        said = await asyncio.gather(
            *(critic.criticise(own) for critic, own in zip(self.critics, views, strict=True)), return_exceptions=True
        )
        for each in said:
            if isinstance(each, BaseException):
                raise each
        critiques = [each for each in said if isinstance(each, Critique) and each.verdict is not Verdict.abstain]
        if not critiques:
            told = f"none of {len(self.critics)} critiques could be used"
            return Critique(critic=self.name, verdict=Verdict.abstain, possible_result=told, confidence=0)
        accepting = sum(each.verdict is Verdict.accept for each in critiques)
        findings = {finding.claim: finding for each in reversed(critiques) for finding in reversed(each.findings)}
        return Critique(
            critic=self.name,
            verdict=Verdict.accept,
            possible_result=f"{accepting} of {len(critiques)} critiques accept it",
            findings=tuple(reversed(findings.values())),
            score=min(1.0, math.fsum(map(_sound, critiques)) / len(critiques)),
        )


def soundness(attempt: Attempt, critic: str = "scores") -> float:
    """The mean score that the `critic` gave; one half where it gave none."""
    said = [c for c in attempt.critiques if c.critic == critic and c.verdict is not Verdict.abstain]
    return said[-1].score if said else UNKNOWN


def _sound(critique: Critique) -> float:
    """The score, on the side of one half on which the verdict is."""
    good = critique.verdict is Verdict.accept
    return max(critique.score, UNKNOWN) if good else min(critique.score, UNKNOWN)
