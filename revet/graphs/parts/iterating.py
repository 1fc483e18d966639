"""`Iterating`: a strategy that makes one candidate after another from what the verifier says, and keeps the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revet.agents.base import Choice, Proposer, Reviser
from revet.graphs.parts.sampling import Sampling
from revet.graphs.parts.selectors import best_score
from revet.graphs.parts.views import as_first, at, child_of
from revet.graphs.step import required_checks
from revet.policy import best_attempt, standing
from revet.schema import Attempt, Check, Critique, Draft, Finding, Verdict
from revet.tools.base import View

__all__ = ["VERIFIER", "Iterating", "best_of", "score_of", "signal_of"]

VERIFIER = "verifier"
"""The critic's name on the signal that the next candidate is made from."""

MOST_FINDINGS = 12


def score_of(attempt: Attempt, required: Sequence[Check]) -> float:
    """The verifier's score, 0 to 1: the parts of the required checks that pass and the critics' mean score, on the
    mean; either alone where there is no other. 0 where an integrity rule was broken."""
    sound, _, parts, critics = standing(attempt, required)
    scored = any(c.verdict is not Verdict.abstain for c in attempt.critiques)
    told = ([parts / len(required)] if required else []) + ([critics] if scored else [])
    return sound * sum(told) / len(told) if told else 0.0


def signal_of(best: Attempt, last: Attempt, count: int, required: Sequence[Check]) -> Critique:
    """What the verifier says of the best candidate so far and of the last: their scores, and what speaks against each.

    The findings cite the evidence that they cited when they were made.
    """

    def told(attempt: Attempt) -> str:
        return f"attempt {attempt.round} scores {score_of(attempt, required):.2f}"

    same = best.round == last.round
    now = f"Of {count} candidates, {told(best)} and is the best so far; it is the draft that is shown."
    then = "It is the last one, too." if same else f"The last one, {told(last)}."
    findings = [_named(finding, best) for critique in best.critiques for finding in critique.findings]
    if not same:
        findings += [_named(finding, last) for critique in last.critiques for finding in critique.findings]
    goal = "Make a candidate that scores higher than the best: keep what is good in it, and avoid what speaks against."
    return Critique(
        critic=VERIFIER,
        verdict=Verdict.revise,
        possible_result=f"{now} {then} {goal}",
        findings=tuple(sorted(findings, key=lambda finding: -finding.severity.rank)[:MOST_FINDINGS]),
        score=score_of(best, required),
    )


def _named(finding: Finding, attempt: Attempt) -> Finding:
    return finding.model_copy(update={"claim": f"attempt {attempt.round}: {finding.claim}"})


class Iterating:
    """Makes `most` candidates at most: the first from nothing, each other from the best so far and the verifier's
    signal (`signal_of`). The best is chosen. A candidate that nothing speaks against, and that the critics score
    `enough` on the mean, ends it before that.
    """

    selects = True

    def __init__(
        self, proposer: Proposer, reviser: Reviser, *, most: int, enough: float = 1.0, name: str = "iad"
    ) -> None:
        self.proposer, self.reviser = proposer, reviser
        self.most, self.enough, self.name = most, enough, name

    async def drafts(self, view: View) -> Sequence[Draft]:
        count = len(view.attempts)
        if count >= self.most:
            return [Draft(author=self.name, notes=f"all {self.most} candidates were made")]
        required = required_checks(view.task)
        best = best_attempt(view.attempts, required)
        if best is None:
            return [await self.proposer.propose(as_first(view))]
        signal = signal_of(best, view.attempts[-1], count, required)
        draft = await self.reviser.revise(replace(at(view, best), critique=signal), signal)
        return [draft if draft.gives_up else child_of(draft, best)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        score = standing(attempts[-1], ())[-1]
        if len(attempts) >= self.most or score >= self.enough:
            return None
        return f"{len(attempts)} of {self.most} candidates, the last scores {score:.2f}"

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return best_score(candidates, required_checks(view.task))


def best_of(source: Proposer, *, most: int, enough: float = 1.0, fresh: bool = True, name: str = "best-of") -> Sampling:
    """The baseline, best of n: `most` candidates at the same time, none told of another, by the same stop rule."""

    def more(stand: Sequence[Attempt], made: int) -> str | None:
        score = standing(stand[-1], ())[-1]
        return None if score >= enough else f"{made} of {most} candidates, the last scores {score:.2f}"

    async def select(view: View, candidates: Sequence[Attempt]) -> Choice:
        return best_score(candidates, required_checks(view.task))

    batch = most if fresh else 1
    return Sampling([source], enough=more, select=select, most=most, batch=batch, fresh=fresh, name=name)
