"""Thought Rollback: find the bad steps of a chain, go back to before them, and go on with the analysis as experience.

Chen and Li, ICML 2024, arXiv 2412.19707; the authors' code: iQua/llmpebase, examples/ThoughtRollback.

::

    path ~ model(task)
    repeat, until there are 8 paths or no bad step can be gone back to:
        report, bad steps ~ analyst(path)
        for the first bad step that the caps allow (1 from a path, 2 to a step, 3 along a path):
            path ~ model(task, the steps before it, the reports of the paths rolled back from on this way)
    the answer with the greatest weight of all paths

On the core graph: a path is a draft, examined and criticised like any other; the analyst is a critic whose findings
weigh, and with ``veto`` refuse; `revet.graphs.parts.rollbacks` says which step the next draft goes on from. What the
vote chooses goes through the gate.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from revet.agents import ChatAgent, EvidenceCritic
from revet.agents.prefixed import Prefixed
from revet.agents.rollback import HOME, RollbackAnalyst
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import FLAT, beneath, filled, judge_of, model_of, writer
from revet.graphs.parts.rollbacks import Caps, NothingToRollBack, Rollbacks
from revet.graphs.parts.stopping import Repeated, Rounds, StopRule
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["THOUGHT_ROLLBACK", "ThoughtRollbackOptions", "cast_thought_rollback"]


class ThoughtRollbackOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("solutions",)

    solutions: int = Field(default=8, ge=1, le=100, description="paths at most; the policy's `rounds` come before it")
    outgoing: int = Field(default=1, ge=0, le=100, description="rollbacks from one path's end")
    incoming: int = Field(default=2, ge=0, le=100, description="rollbacks to one step")
    chain: int = Field(default=3, ge=0, le=100, description="rollbacks on the way along one path")
    temperature: float = Field(default=0.7, ge=0, le=2, description="of the paths; the analysis is at 0")
    stable: int | None = Field(default=None, ge=1, description="stop when an answer was given again so often in a row")
    veto: bool = Field(default=False, description="true: a path in which a bad step is found cannot be chosen")


def cast_thought_rollback(roles: Roles, options: Options, policy: Policy) -> Team:
    """Who writes paths step by step, from the beginning or from the steps that stand, and the analyst as a critic."""
    assert isinstance(options, ThoughtRollbackOptions)
    model = model_of(roles, "thought-rollback")
    heat, reviser = options.temperature, roles.reviser or model
    prompts = Prefixed("rollback", roles.prompts, home=HOME)
    first = ChatAgent(model, name="rollback", prompts=prompts, temperature=heat, schedule=FLAT)
    onward = ChatAgent(reviser, name="rollback", prompts=prompts, temperature=heat, schedule=FLAT)
    mender = writer(reviser, roles, temperature=heat, schedule=FLAT)
    caps = Caps(outgoing=options.outgoing, incoming=options.incoming, chain=options.chain)
    stop: StopRule = Rounds(options.solutions - 1) | NothingToRollBack(caps)
    if options.stable is not None:
        stop = stop | Repeated(options.stable)
    severity = policy.veto_from if options.veto else beneath(policy)
    return Team(
        proposer=first,
        reviser=mender,
        critics=(
            EvidenceCritic(revise_from=policy.veto_from),
            RollbackAnalyst(roles.critic or model, severity=severity, prompts=roles.prompts),
        ),
        tools=(Tests(), Coverage()),
        policy=filled(policy, rounds=options.solutions - 1),
        judge=judge_of(roles),
        strategy=Rollbacks(first, onward, mender, stop, caps),
    )


def _least_rounds(options: Options) -> int:
    """One rollback, where more than one path is wanted."""
    assert isinstance(options, ThoughtRollbackOptions)
    return min(1, options.solutions - 1)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The path, and its analysis; a path without steps gets none."""
    return drafted(ONE + ONE.maybe, policy, roles.judge)


THOUGHT_ROLLBACK = Recipe(
    name="thought-rollback",
    summary="Thought Rollback: go back to before a bad step, with the error analysis as experience; weighted vote",
    cast=cast_thought_rollback,
    source="Chen and Li, ICML 2024, arXiv 2412.19707",
    options=ThoughtRollbackOptions,
    cost="two calls a path, one that writes it and one that analyses it; 8 paths at most",
    calls=_calls,
    least_rounds=_least_rounds,
    published=Published(
        title="Toward Adaptive Reasoning in Large Language Models with Thought Rollback",
        url="https://arxiv.org/abs/2412.19707",
        code="https://github.com/iQua/llmpebase",
        flow="""
    task([task]) --> path[write a path of steps] --> examine --> analyse[analyst: report, bad steps] --> gate{gate}
    gate -->|a bad step, caps allow| back[go back to the step before it]
    back -->|steps that stand, experience| path
    gate -->|8 paths, or no bad step left| vote[weighted vote] --> again{gate}
    again -->|proved, or an answer| commit([commit or answer])
    again -->|not| abstain([abstain])
""",
        test="tests/graphs/recipes/test_thought_rollback.py",
        differs=(
            "A path is analysed when it is complete. The authors' code analyses after every step, which takes a "
            "request a step; here each path is a draft that tools can examine, and the analyst sees what they found.",
            "The caps hold as they are documented: at most 2 rollbacks to a step and 3 along a path. The released "
            "code compares with `<=` and so allows one more of each.",
            "A rollback goes to before the first bad step that the caps allow, in the order of the steps; in the "
            "released code, in the order in which the model names them.",
            "Where several paths were rolled back to one step, the next is shown all their reports; in the released "
            "code, the newest of them. Both show those of earlier rollbacks on the way.",
            "The weights of the vote are not in the released code. Here a path weighs the share of its steps that the "
            "analysis lets stand, and one half where it could not tell.",
            "Only paths that nothing speaks against vote: one that fails a required check does not. Where none stands "
            "and nothing can be gone back to, the last draft is mended as in the core loop.",
        ),
    ),
)
