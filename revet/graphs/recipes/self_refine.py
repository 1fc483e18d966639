"""Self-Refine: one model gives feedback on its own draft and rewrites it, until it calls the draft correct.

Madaan et al., NeurIPS 2023, arXiv 2303.17651; the authors' code: madaan/self-refine.

::

    y ~ model(x)
    for each of 4 attempts:
        feedback, y' ~ model(x, y, all feedback so far)    # one call
        stop if the feedback says that y is correct
        y = y'

On the core graph: every draft is staged and examined; the ones that nothing speaks against are held while their author
still finds fault, and the last of them goes to the gate. "It is correct" stops the loop and proves nothing: a draft
that fails a required check goes back to its author with what the tools saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from revet.agents.base import Choice
from revet.agents.chat import ChatAgent
from revet.agents.refine import CORRECT, FEEDBACK, SelfRefiner
from revet.graphs.calls import ONE, Calls, asked, judged, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.examining import examiners, examining_tools
from revet.graphs.parts.views import as_first, at
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["SELF_REFINE", "SelfRefineOptions", "SelfRefining", "cast_self_refine"]


class SelfRefineOptions(Options):
    """What is left out is as published (for GSM8K)."""

    lengths: ClassVar[tuple[str, ...]] = ("attempts",)

    attempts: int = Field(default=4, ge=1, description="calls for feedback; the policy's `rounds` come before it")
    first: float | None = Field(default=0.0, ge=0, le=2, description="temperature of the first draft")
    temperature: float | None = Field(
        default=0.7, ge=0, le=2, description="of feedback and rewriting; null: the model's"
    )


class SelfRefining:
    """The first draft, then one refinement after another of the newest draft that is one."""

    name, selects = "self-refine", True

    def __init__(self, proposer: ChatAgent, refiner: SelfRefiner) -> None:
        self.proposer, self.refiner = proposer, refiner

    async def drafts(self, view: View) -> Sequence[Draft]:
        base = next((a for a in reversed(view.attempts) if a.draft.problem is None and not a.draft.gives_up), None)
        if base is None:
            return [await self.proposer.propose(as_first(view))]
        said = [a.draft.data.get(FEEDBACK) for a in view.attempts if a.draft.problem is None]
        turn = await self.refiner.refine(at(view, base), [each for each in said if isinstance(each, str)])
        return [turn.draft]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return None if attempts[-1].draft.data.get(CORRECT) is True else "its author has not called it correct yet"

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        last = candidates[-1]
        said = "its author called it correct" if last.draft.data.get(CORRECT) is True else "the last refinement"
        return Choice(len(candidates) - 1, (said,))


def cast_self_refine(roles: Roles, options: Options, policy: Policy) -> Team:
    """One model writes, and says what is wrong with what it wrote."""
    assert isinstance(options, SelfRefineOptions)
    model = model_of(roles, "self-refine")
    proposer = writer(model, roles, temperature=options.first, schedule=FLAT)
    refiner = SelfRefiner(roles.reviser or model, prompts=roles.prompts, temperature=options.temperature)
    return Team(
        proposer=proposer,
        reviser=proposer,
        critics=examiners(roles, policy),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.attempts),
        judge=judge_of(roles),
        strategy=SelfRefining(proposer, refiner),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """A draft, and what its author says of it: that it is correct, or how it should be."""
    drafts = rounds_of(policy)
    return ONE * Calls(2, drafts.most) + asked(roles.critic) * drafts + judged(roles.judge, drafts.most)


SELF_REFINE = Recipe(
    name="self-refine",
    summary="Self-Refine: feedback on its own draft and the rewritten draft in one call, until it calls it correct",
    cast=cast_self_refine,
    source="Madaan et al., NeurIPS 2023, arXiv 2303.17651",
    options=SelfRefineOptions,
    cost="one call a draft, and one to call it correct",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="Self-Refine: Iterative Refinement with Self-Feedback",
        url="https://arxiv.org/abs/2303.17651",
        code="https://github.com/madaan/self-refine",
        flow="""
    task([task]) --> propose --> examine --> held[held]
    held --> refine["feedback + rewrite, one call"]
    refine -->|a new draft| examine
    refine -->|it is correct| gate{gate}
    examine -->|a check fails| refine
    gate --> commit([answer or commit])
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_self_refine.py",
        differs=(
            'What ends the loop is a field of the answer (`correct`), not the words "it is correct" somewhere in it: '
            'a sentence such as "it is correct that …" stops nothing.',
            "A draft that the model calls correct and a required check refutes is not the result; it is refined "
            "further, with the evidence in view, until the attempts are spent.",
            "All feedback so far is in view, as in the paper; the code for GSM8K shows the newest draft alone.",
            "The task stands in the prompt where the published prompt holds solved examples: no task needs examples.",
        ),
    ),
)
