"""Best of mini-n in the loop: small batches, until the best of what there is is good enough, and not merely best.

Rho and Lee 2025, arXiv 2510.04087.

::

    for each of N / m loops:
        draw m samples y ~ model(x); best = the one that scores highest of all so far
        return best if P(best is right | its score) ≥ the threshold
    return best (accelerator), or nothing (guardrail)

On the core graph: every sample is staged, examined and criticised; those that nothing speaks against are held. The
score says how far they agree (the share of the most frequent answer, as its posterior mean), or what critiques give on
the mean. What it is worth is read from a calibration: isotonic regression on recorded pairs of score and truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from revet.agents.base import Choice
from revet.agents.sampling import soundness
from revet.errors import InputError
from revet.graphs.calls import Calls, asked, judged
from revet.graphs.parts.calibrating import AGREEMENT, read_calibration
from revet.graphs.parts.sampling import Sampling
from revet.graphs.parts.selectors import agreement, best_score, vote
from revet.graphs.parts.voters import critics_of, critiques_of, independent, samplers, samples_drawn, sampling_team
from revet.graphs.step import required_checks
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["MINI_N", "MiniNOptions", "cast_mini_n"]


class MiniNOptions(Options):
    """Batches of three are the smallest in which a majority can be seen."""

    paths: ClassVar[tuple[str, ...]] = ("calibration",)

    batch: int = Field(default=3, ge=1, le=100, description="samples of one batch, drawn at the same time (m)")
    samples: int = Field(default=12, ge=1, le=1000, description="at most (N); the policy's `rounds` come before it")
    threshold: float = Field(default=0.9, gt=0, le=1, description="the probability of being right that is good enough")
    otherwise: Literal["best", "abstain"] = Field(
        default="best", description="where nothing was good enough: the best (accelerator), or nothing (guardrail)"
    )
    score: Literal["agreement", "critic"] = Field(default="agreement", description="what a sample is scored by")
    critiques: int = Field(default=1, ge=1, le=50, description="of each sample, for the mean score (critic)")
    calibration: str | None = Field(
        default=None,
        description="JSON lines {score, right}; for agreement the default was measured on programs of one model",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["default"] = Field(
        default=0.7, description="of the samples; `default` leaves it to the model"
    )


def cast_mini_n(roles: Roles, options: Options, policy: Policy) -> Team:
    """The sampler is the strategy, with the calibrated exit and the selector below."""
    assert isinstance(options, MiniNOptions)
    probability = AGREEMENT if options.calibration is None else read_calibration(Path(options.calibration).expanduser())
    if options.score == "critic" and options.calibration is None:
        hint = "give options: {calibration: FILE} with scores of the critic and whether the answers were right"
        raise InputError("what a critic's scores are worth is not known", hint=hint)
    sources = samplers(roles, temperature=options.temperature)

    def chance(standing: Sequence[Attempt]) -> float:
        """How probable it is that the best of them is right."""
        return probability(agreement(standing) if options.score == "agreement" else max(map(soundness, standing)))

    def enough(standing: Sequence[Attempt], made: int) -> str | None:
        if made % options.batch:
            return f"{made % options.batch} of a batch of {options.batch}"
        good = chance(standing)
        return None if good >= options.threshold else f"the best of {made} samples is right with {good:.0%}"

    async def select(view: View, candidates: Sequence[Attempt]) -> Choice:
        good, required = chance(candidates), required_checks(view.task)
        told = f"it is right with a probability of {good:.0%}"
        if good < options.threshold and options.otherwise == "abstain":
            return Choice(None, (f"nothing is good enough: the best is right with {good:.0%}",))
        choice = vote(candidates, required) if options.score == "agreement" else best_score(candidates, required)
        return Choice(choice.candidate, (*choice.reasons, told))

    how: Literal["none", "weigh"] = "none" if options.score == "agreement" else "weigh"
    heat = 0.0 if options.critiques == 1 else 0.7
    critics = critics_of(roles, how, recipe="mini-n", critiques=options.critiques, temperature=heat)
    drawn: dict[str, Any] = {"most": options.samples, "batch": options.batch, "fresh": independent(sources[0])}
    return sampling_team(
        roles, policy, Sampling(sources, enough=enough, select=select, name="mini-n", **drawn), critics
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    assert isinstance(options, MiniNOptions)
    drawn, seen = samples_drawn(options.samples, options.batch, options.batch, policy)
    critique = critiques_of(roles, "none" if options.score == "agreement" else "weigh", options.critiques)
    return asked(roles.model) * drawn + critique * seen + judged(roles.judge, seen.most)


MINI_N = Recipe(
    name="mini-n",
    summary="best of small batches, until the best is good enough by a calibrated score",
    cast=cast_mini_n,
    source="Rho and Lee 2025, arXiv 2510.04087",
    options=MiniNOptions,
    needs="no language model: builtin:repair does, or a proposer of yours whose drafts differ",
    without_model=True,
    cost="one call a sample, 3 at least and 12 at most; with critics, one more for each critique",
    calls=_calls,
    least_rounds=lambda options: getattr(options, "batch", 3) - 1,
    revises=lambda options: False,
    published=Published(
        title="Best of mini-N in-loop sampling",
        url="https://arxiv.org/abs/2510.04087",
        flow="""
    task([task]) --> batch[draw a batch of 3] --> stage --> examine --> criticise --> gate{gate}
    gate -->|the batch goes on| stage
    gate -->|the batch is over| good{P of the best being right ≥ 0.9, or 12 drawn?}
    good -->|no| batch
    good -->|yes| choose[the best] --> last{gate}
    last --> commit([commit or answer])
    choose -->|guardrail: nothing good enough| abstain([abstain])
""",
        test="tests/graphs/recipes/test_mini_n.py",
        differs=(
            "The publication trains a reward model with an outside option; here the score is the agreement of the "
            "samples that stand, or a critic's, calibrated by isotonic regression on recorded pairs.",
            "The batch, the number of samples and the threshold are ours.",
            "What fails a required check is no candidate, however it scores.",
        ),
    ),
)
