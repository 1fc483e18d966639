"""IAD, Iterative Agent Decoding: one candidate after another, each told the verifier's signal; the best is kept.

Chakraborty et al. 2025, arXiv 2504.01931.

::

    y ~ model(x); best = y
    for each further candidate:
        y ~ model(x, best with its score and feedback, the last with its score and feedback)
        best = y if verifier(x, y) > verifier(x, best)
    return best

On the core graph: the evidence and the critics are the verifier. A candidate that nothing speaks against is held, and
the best of those goes to the gate; where there is none, the loop ends as any other does. ``parallel`` is the baseline
of the publication, best of n: as many candidates, each made as if it were the first, by the same verifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from revet.agents import EvidenceCritic
from revet.agents.base import Reviser, Strategy
from revet.graphs.calls import Calls, asked, judged
from revet.graphs.parts.casting import FLAT, filled, judge_of, writer
from revet.graphs.parts.iterating import Iterating, best_of
from revet.graphs.parts.voters import critics_of, critiques_of, independent, samplers, samples_drawn
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet
from revet.policy import Policy
from revet.schema import Task
from revet.tools import Coverage, Tests

__all__ = ["IAD", "IadOptions", "cast_iad"]


class IadOptions(Options):
    """The number of candidates is the budget of the comparison with best of n."""

    lengths: ClassVar[tuple[str, ...]] = ("samples",)

    samples: int = Field(default=5, ge=2, le=1000, description="candidates; the policy's `rounds` come before it")
    verifier: Literal["evidence", "critic"] = Field(
        default="evidence", description="what scores a candidate: tools alone, or a model's critique besides"
    )
    critiques: int = Field(default=1, ge=1, le=50, description="of each candidate, for the mean score (critic)")
    enough: float = Field(default=1.0, gt=0, le=1, description="the critics' score that ends the search before that")
    temperature: Annotated[float, Field(ge=0, le=2)] | Literal["default"] = Field(
        default=0.7, description="of the candidates; `default` leaves it to the model"
    )
    parallel: bool = Field(default=False, description="the baseline: best of n, where no candidate is told of another")


def cast_iad(roles: Roles, options: Options, policy: Policy) -> Team:
    """The proposer makes the first candidate and the reviser the others. What scores them vetoes none of them."""
    assert isinstance(options, IadOptions)
    heat = None if options.temperature == "default" else options.temperature
    source = samplers(roles, temperature=options.temperature)[0]
    second = writer(roles.reviser, roles, temperature=heat, schedule=FLAT) if roles.reviser else source
    reviser = cast("Reviser", second)
    strategy: Strategy = Iterating(source, reviser, most=options.samples, enough=options.enough)
    if options.parallel:
        strategy = best_of(
            source, most=options.samples, enough=options.enough, fresh=independent(source), name="best-of-n"
        )
    how: Literal["none", "weigh"] = "none" if options.verifier == "evidence" else "weigh"
    warm = 0.0 if options.critiques == 1 else 0.7
    critics = critics_of(roles, how, recipe="iad", critiques=options.critiques, temperature=warm)
    return Team(
        proposer=source,
        reviser=reviser,
        critics=(EvidenceCritic(revise_from=policy.veto_from), *critics),
        tools=(Tests(), Coverage()),
        policy=filled(policy, rounds=options.samples - 1),
        judge=judge_of(roles),
        strategy=strategy,
    )


def _unmet(task: Task, options: Options) -> Iterator[Unmet]:
    """Without a check and without a critic there is no verifier: every candidate would score the same."""
    assert isinstance(options, IadOptions)
    if options.verifier == "evidence" and not any(check.required for check in task.checks):
        hint = "name `checks`, or let a model score the candidates: options: {verifier: critic}"
        yield Unmet(("checks",), "are missing, and so nothing verifies a candidate", hint)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The first that critics score high enough ends it; side by side, all are drawn before any is scored."""
    assert isinstance(options, IadOptions)
    batch = options.samples if options.parallel and roles.model is not None else 1
    drawn, seen = samples_drawn(options.samples, batch, 1, policy)
    critique = critiques_of(roles, "none" if options.verifier == "evidence" else "weigh", options.critiques)
    return asked(roles.model) * drawn + critique * seen + judged(roles.judge, seen.most)


IAD = Recipe(
    name="iad",
    summary="iterative agent decoding: each candidate is told the verifier's signal, and the best is kept",
    cast=cast_iad,
    source="Chakraborty et al. 2025, arXiv 2504.01931",
    options=IadOptions,
    needs="a verifier: the task's checks, or a critic; no language model: builtin:repair does",
    without_model=True,
    cost="one call a candidate, 5 at most; with a critic, one more for each critique",
    calls=_calls,
    check=_unmet,
    least_rounds=lambda options: 1,
    revises=lambda options: isinstance(options, IadOptions) and not options.parallel,
    published=Published(
        title="Iterative Agent Decoding",
        url="https://arxiv.org/abs/2504.01931",
        flow="""
    task([task]) --> propose[first candidate] --> stage --> examine --> criticise[score] --> gate{gate}
    gate -->|refused, or held: more wanted| signal[signal: the best and the last, with score and findings]
    signal --> revise[next candidate, from the best] --> stage
    gate -->|full score, or budget spent| choose[the best candidate] --> last{gate}
    last --> commit([commit or answer])
""",
        test="tests/graphs/recipes/test_iad.py",
        differs=(
            "A candidate that fails a required check is never the result, however it scores: evidence outranks a "
            "verifier's score.",
            "The search ends early where the evidence and the critics give full marks: there is nothing to gain.",
            "The number of candidates is ours: the publication compares at several budgets.",
        ),
    ),
)
