"""Checklist: the instruction becomes a checklist, each draft gets a verdict for each item, the unmet ones guide it on.

IF-CRITIC (arXiv 2511.01014; the authors' code: thu-coai/IF-CRITIC) for the checklist and the verdicts, RefineBench
(Lee et al., ICLR 2026, arXiv 2511.22173) for the refinement by turns.

::

    checklist = given, or ~ critic(x)                       # once
    y ~ model(x)
    for each of 5 turns:
        for each item: analysis, met or unmet ~ critic(x, y, checklist)
        stop if all are met
        y ~ model(x, y, the unmet items)                    # guided
        y ~ model(x, y, "it is not right yet")              # not guided: RefineBench's self-refinement

On the core graph: one critic judges by the checklist, the reviser mends the last draft. The writer never sees the
checklist itself, only what of it the last draft did not meet, and without `guided` not even that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from revet.agents.chat import ChecklistCritic
from revet.agents.chat.checklist import checklist_in
from revet.agents.evidence import EvidenceCritic
from revet.graphs.calls import NONE, ONE, Calls, drafted
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.examining import examining_tools
from revet.graphs.parts.shown import Hiding
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet
from revet.policy import Policy
from revet.schema import Task

__all__ = ["CHECKLIST", "ChecklistOptions", "cast_checklist"]

GIVEN = "checklist"
"""The input of a task that lists its requirements."""


class ChecklistOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("turns",)

    turns: int = Field(default=5, ge=1, description="refinements at most; the policy's `rounds` come before it")
    guided: bool = Field(default=True, description="false: the reviser is told that it is not right, and not why")
    items: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...] = Field(
        default=(),
        description="the checklist; default: the task's input `checklist`, or what the critic makes of the task",
    )
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="of the writer; null: the model's own")


def cast_checklist(roles: Roles, options: Options, policy: Policy) -> Team:
    """One writer, who is not shown the checklist, and a critic who judges by it."""
    assert isinstance(options, ChecklistOptions)
    model = model_of(roles, "checklist")
    proposer, reviser = (
        Hiding(writer(each, roles, temperature=options.temperature, schedule=FLAT), [GIVEN])
        for each in (model, roles.reviser or model)
    )
    critic = ChecklistCritic(
        roles.critic or model, prompts=roles.prompts, items=options.items, given=GIVEN, guided=options.guided
    )
    return Team(
        proposer=proposer,
        reviser=reviser,
        critics=(critic, EvidenceCritic(revise_from=policy.veto_from)),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.turns),
        judge=judge_of(roles),
    )


def _unmet(task: Task, options: Options) -> Iterator[Unmet]:
    """A checklist that the task gives must be one."""
    assert isinstance(options, ChecklistOptions)
    if GIVEN in task.inputs and not options.items and not checklist_in(task, GIVEN):
        hint = "list what is required, each in a sentence; or leave it out, and the critic makes one"
        yield Unmet(("inputs", GIVEN), "is no list of texts", hint)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Where nobody gives a checklist, it is made once."""
    assert isinstance(options, ChecklistOptions)
    return drafted(ONE + ONE, policy, roles.judge, once=NONE if options.items else ONE.maybe)


CHECKLIST = Recipe(
    name="checklist",
    summary="IF-CRITIC and RefineBench: a checklist of the task, a verdict for each item, revision by the unmet ones",
    cast=cast_checklist,
    source="IF-CRITIC, arXiv 2511.01014; Lee et al. (RefineBench), ICLR 2026, arXiv 2511.22173",
    options=ChecklistOptions,
    cost="two calls a turn, a verdict on all items and a revision; one more for a checklist that is made",
    calls=_calls,
    check=_unmet,
    least_rounds=lambda options: 1,
    published=Published(
        title="Refinement by checklist (IF-CRITIC, RefineBench)",
        url="https://arxiv.org/abs/2511.22173",
        code="https://github.com/thu-coai/IF-CRITIC",
        flow="""
    task([task]) --> make["checklist: given, or made once"]
    task --> propose --> examine
    make --> judge
    examine --> judge["each item: analysis, verdict"]
    judge -->|items are unmet| revise["revise by the unmet items"] --> examine
    judge -->|all are met| gate{gate}
    gate --> commit([answer or commit])
    gate -->|5 turns are spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_checklist.py",
        differs=(
            "RefineBench only measures with the checklist when it does not guide, and the model itself ends its "
            "refinement; here the checklist ends it in both modes, which differ only in what the reviser is told.",
            "A verdict may also be `unclear`: where none is unmet and something cannot be told, the critic abstains.",
            "The checklist is made by the same model as the verdicts, in one call, where IF-CRITIC trains a model for "
            "each. All items are judged in one call, as there.",
        ),
    ),
)
