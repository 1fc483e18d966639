"""Self-consistency: draw independent answers until the majority is settled, and take what most of them say.

Wang et al., ICLR 2023, arXiv 2203.11171; stopped as in Adaptive-Consistency, Aggarwal et al., EMNLP 2023,
arXiv 2305.11860 (the authors' code: Pranjal2041/AdaptiveConsistency).

::

    votes = {}
    for each of at most 40 samples:
        y ~ model(x), at temperature 0.7
        votes[answer of y] += 1
        stop if P(the leader beats the runner-up | votes) ≥ 0.95
    the answer is argmax votes

On the core graph: every sample is staged, examined and criticised; those that nothing speaks against are held and
vote, and what wins passes the gate. Variants, by options:

- ``critics: filter``: what a critic refuses does not vote (RefCritic, arXiv 2507.15024);
- ``critics: weigh``: the mean score of `critiques` critiques weighs a vote, and below `least` nobody wins
  (Mirror-Critique);
- ``doubts``: the model is made to doubt its reasoning at growing budgets (ID-Sampling, arXiv 2502.05449);
- ``models``: several models, each weighted by how consistent it is with itself (RLCCF);
- many tasks on one budget: `revet.graphs.vote_many` (Blend-ASC, arXiv 2511.12309).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from revet.agents.base import Choice
from revet.agents.sampling import DoubtingModel
from revet.errors import InputError
from revet.graphs.calls import NONE, Calls, asked, judged
from revet.graphs.parts.casting import judge_of
from revet.graphs.parts.sampling import Sampling
from revet.graphs.parts.selectors import best_score, grouped, tournament, weighted_vote
from revet.graphs.parts.settling import majority_confidence
from revet.graphs.parts.voters import (
    critics_of,
    critiques_of,
    independent,
    samplers,
    samples_drawn,
    sampling_team,
    sound_enough,
    weights,
)
from revet.graphs.step import required_checks
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["VOTE", "VoteOptions", "cast_vote"]


class VoteOptions(Options):
    """The defaults are those of Adaptive-Consistency."""

    samples: int = Field(default=40, ge=1, le=1000, description="at most; the policy's `rounds` come before it")
    confidence: float | None = Field(default=0.95, gt=0.5, lt=1, description="of the majority; null draws all samples")
    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["default"] = Field(
        default=0.7, description="of the samples; `default` leaves it to the model"
    )
    batch: int = Field(default=1, ge=1, le=100, description="samples that are drawn at the same time")
    critics: Literal["none", "filter", "weigh"] = Field(default="none", description="what a critic does to votes")
    critiques: int = Field(default=4, ge=1, le=50, description="of each sample (weigh)")
    critic_temperature: float = Field(default=0.7, ge=0, le=2, description="of several critiques of one sample (weigh)")
    least: float = Field(default=0.0, ge=0, le=1, description="the share of the votes below which nobody wins")
    least_score: float = Field(default=0.0, ge=0, le=1, description="the winner's mean score at least (weigh)")
    select: Literal["vote", "score", "knockout", "swiss"] = Field(
        default="vote", description="what chooses: votes, evidence and scores, or a judge's tournament"
    )
    models: tuple[str, ...] = Field(default=(), description="further models, each weighted by its self-consistency")
    doubts: int = Field(default=0, ge=0, le=10, description="times a sample is made to doubt its reasoning")
    budget: int = Field(default=512, ge=1, description="tokens of reasoning before the first doubt")
    growth: float = Field(default=2.0, ge=1, description="of the budget with each doubt")
    alike: bool = Field(default=True, description="programs that behave alike on generated inputs are one answer")


def cast_vote(roles: Roles, options: Options, policy: Policy) -> Team:
    """The sampler is the strategy, with the stop rule and the selector below."""
    assert isinstance(options, VoteOptions)
    doubting = partial(DoubtingModel, doubts=options.doubts, budget=options.budget, growth=options.growth)
    sources = samplers(
        roles,
        temperature=options.temperature,
        models=options.models,
        doubting=doubting if options.doubts else None,
        policy=policy,
    )
    judge, weigh = judge_of(roles), partial(weights, scored=options.critics == "weigh", several=bool(options.models))
    if options.select in ("knockout", "swiss") and judge is None:
        raise InputError(f"select: {options.select} needs a judge", hint="name a model for it: --judge provider:name")

    def votes(standing: Sequence[Attempt]) -> Sequence[float]:
        return [group.weight for group in grouped(standing, weigh=weigh(standing))]

    def enough(standing: Sequence[Attempt], made: int) -> str | None:
        if options.confidence is None:
            return f"{made} of {options.samples} samples"
        sure = majority_confidence(votes(standing))
        return None if sure >= options.confidence else f"the majority is {sure:.0%} sure after {made} drawn"

    async def select(view: View, candidates: Sequence[Attempt]) -> Choice:
        required = required_checks(view.task)
        if options.select == "score":
            return best_score(candidates, required)
        if options.select != "vote" and judge is not None:
            return await tournament(view, judge, candidates, required, form=options.select)
        choice = weighted_vote(candidates, weigh(candidates), required, least=options.least)
        return sound_enough(choice, candidates, options.least_score) if options.critics == "weigh" else choice

    critics = critics_of(
        roles, options.critics, recipe="vote", critiques=options.critiques, temperature=options.critic_temperature
    )
    drawn: dict[str, Any] = {"most": options.samples, "batch": options.batch, "fresh": independent(sources[0])}
    sampling = Sampling(sources, enough=enough, select=select, votes=votes, name="vote", **drawn)
    return sampling_team(roles, policy, sampling, critics, alike=options.alike)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The least is where all samples say the same. To doubt is to think so often more, and to answer then."""
    assert isinstance(options, VoteOptions)
    agreed = options.samples
    if options.confidence is not None:
        agreed = next(n for n in range(1, 64) if majority_confidence([n]) >= options.confidence)
    drawn, seen = samples_drawn(options.samples, options.batch, agreed, policy)
    each = asked(roles.model) * (options.doubts + 2 if options.doubts else 1)
    critique = critiques_of(roles, options.critics, options.critiques)
    matches = NONE
    if options.select in ("knockout", "swiss"):
        rounds = math.ceil(math.log2(seen.most)) if options.select == "swiss" else 0
        matches = Calls(0, 2 * (rounds * (seen.most // 2) or seen.most - 1)) * asked(roles.judge)
    return each * drawn + critique * seen + matches + judged(roles.judge, seen.most)


VOTE = Recipe(
    name="vote",
    summary="self-consistency: sample until the majority is settled, then take what most samples say",
    cast=cast_vote,
    source="Wang et al., ICLR 2023, arXiv 2203.11171; Aggarwal et al., EMNLP 2023, arXiv 2305.11860",
    options=VoteOptions,
    needs="no language model: builtin:repair does, or a proposer of yours whose drafts differ",
    without_model=True,
    cost="one call a sample, 4 samples at least and 40 at most; with critics, a call more for each critique",
    calls=_calls,
    least_rounds=lambda options: min(getattr(options, "samples", 3), 3) - 1,
    revises=lambda options: False,
    published=Published(
        title="Self-consistency with adaptive stopping",
        url="https://arxiv.org/abs/2305.11860",
        flow="""
    task([task]) --> sample[draw a sample] --> stage --> examine --> criticise --> gate{gate}
    gate -->|refused: it does not vote| sample
    gate -->|held| settled{majority ≥ 95 % sure, or 40 drawn?}
    settled -->|no| sample
    settled -->|yes| vote[the answer with most votes] --> last{gate}
    last --> commit([commit or answer])
    vote -->|too few votes| abstain([abstain])
""",
        test="tests/graphs/recipes/test_vote.py",
        code="https://github.com/Pranjal2041/AdaptiveConsistency",
        differs=(
            "Drafts that change files vote for the difference that they make, and programs for what they do on "
            "generated inputs: the publications vote on short answers.",
            "Only samples that pass the task's required checks vote: evidence outranks a majority.",
            "Of the samples that give the winning answer, the one with the strongest evidence goes to the gate.",
            "ID-Sampling puts its sentence into the model's own continuation; a chat model is told it in the next "
            "turn, after each budget of tokens, and drafts in the end.",
            "Over many tasks, `vote_many` ranks by what is not settled for each sample drawn. Blend-ASC's measures, "
            "blended by the share of the budget that is used (our reading), are there as rank='blend', and did worse.",
            "The first budget and its growth, and the number of critiques, are ours: the abstracts name none.",
        ),
    ),
)
