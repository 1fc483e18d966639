"""Self-Contrast: solve from different perspectives; where the results differ, look again.

Zhang et al., ACL 2024, arXiv 2401.02009.

::

    prompts ~ model(x)                                  # perspectives, as many as the task asks for
    y_i ~ model(prompt_i, x)
    keep one of each group of similar results
    differences ~ model(x, y_i, y_j)                    # for each pair
    checklist ~ model(x, differences)
    y_i' ~ model(prompt_i, x, y_i, checklist)           # revise until they are consistent

On the core graph: every result is staged and examined like any draft; those that nothing speaks against are held while
they differ, and what most of the last ones come to goes to the gate. That all agree proves nothing: a draft that fails
a required check is no candidate, however many perspectives come to it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from revet.agents.contrast import Contraster, written_from
from revet.graphs.calls import NONE, ONE, Calls, asked, judged, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.contrasting import Contrasting, Writes
from revet.graphs.parts.examining import examiners, examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy

__all__ = ["SELF_CONTRAST", "SelfContrastOptions", "cast_self_contrast"]


class SelfContrastOptions(Options):
    """`perspectives` and `turns` bound what the publication leaves to the model and to agreement."""

    lengths: ClassVar[tuple[str, ...]] = ("turns",)

    perspectives: int = Field(default=5, ge=2, le=9, description="ways to go about the task, at most")
    given: tuple[Annotated[str, Field(min_length=1, max_length=600)], ...] = Field(
        default=(), max_length=9, description="perspectives, in place of those that the model thinks of"
    )
    compared: int = Field(default=3, ge=2, le=9, description="different results that are contrasted with each other")
    turns: int = Field(default=3, ge=1, description="of contrast and revision, while the results differ")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="of all roles; null: the model's own")


def cast_self_contrast(roles: Roles, options: Options, policy: Policy) -> Team:
    """One model writes from all perspectives; a `critic`, where one is named, contrasts, and judges drafts besides.

    A `reviser` of its own revises."""
    assert isinstance(options, SelfContrastOptions)
    model, heat = model_of(roles, "self-contrast"), options.temperature

    def by(who: LanguageModel) -> Writes:
        return lambda perspective, view: written_from(perspective, view, who, prompts=roles.prompts, temperature=heat)

    proposer = writer(model, roles, temperature=heat, schedule=FLAT)
    heard = len(options.given) or options.perspectives
    return Team(
        proposer=proposer,
        reviser=writer(roles.reviser, roles) if roles.reviser else proposer,
        critics=examiners(roles, policy),
        tools=examining_tools(),
        policy=filled(policy, rounds=heard + options.turns * min(options.compared, heard) - 1),
        judge=judge_of(roles),
        strategy=Contrasting(
            by(model),
            Contraster(roles.critic or model, prompts=roles.prompts, temperature=heat),
            rewrites=by(roles.reviser or model),
            perspectives=options.perspectives,
            given=options.given,
            compared=options.compared,
            turns=options.turns,
        ),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Two perspectives at least, and all of those that are given; a turn contrasts every pair, and revises each."""
    assert isinstance(options, SelfContrastOptions)
    heard = Calls(len(options.given), len(options.given)) if options.given else Calls(2, options.perspectives)
    rivals, turns = min(options.compared, heard.most), min(options.turns, policy.rounds)
    turn = rivals * (rivals - 1) // 2 + 1 + rivals
    mended = max(0, policy.rounds + 1 - heard.most - turns)
    drafts = rounds_of(policy)
    examined = asked(roles.critic) * Calls(min(heard.least, drafts.most), drafts.most)
    sampled = (NONE if options.given else ONE) + heard
    return sampled + Calls(0, turn * turns + mended) + examined + judged(roles.judge, drafts.most)


SELF_CONTRAST = Recipe(
    name="self-contrast",
    summary="Self-Contrast: solve from different perspectives, what differs is a checklist, revise until all agree",
    cast=cast_self_contrast,
    source="Zhang et al., ACL 2024, arXiv 2401.02009",
    options=SelfContrastOptions,
    cost="one call for the perspectives and one each; a turn over n different results: n(n-1)/2 + 1 + n calls",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="Self-Contrast: Better Reflection Through Inconsistent Solving Perspectives",
        url="https://arxiv.org/abs/2401.02009",
        flow="""
    task([task]) --> perspectives --> solve["a draft from each"] --> examine
    examine --> differ{"do they differ?"}
    differ -->|yes| contrast["contrast each pair"] --> checklist --> revise["each is revised"] --> examine
    differ -->|no| majority --> gate{gate} --> done([answer or commit])
    examine -->|all are refused| mend["mend the best"] --> examine
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_self_contrast.py",
        differs=(
            "Results are similar if they come to the same (the answer's value, the difference made in the files); the "
            "authors cluster embeddings of the responses and take the medoids. No embedding model is needed.",
            "Several turns of contrast and revision are allowed, three by default, for one revision need not make the "
            "results agree. What is chosen after the last turn is what most of them come to.",
            "A result that a required check refuses is compared only where all are refused.",
            "Where the model's perspectives cannot be used, there are five of ours; where its differences cannot, the "
            "checklist is that the results differ.",
        ),
    ),
)
