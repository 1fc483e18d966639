"""Echo trail: runs that a critic approved are remembered, and shown to later runs whose task reads alike.

Li et al., 2025, arXiv 2512.19396 (EchoTrail-GUI: critic-approved trajectories); with them DROC, TiM and RMM
(corrections, distilled, found again by text).

::

    explore:  trajectory ~ agent(task);  reward = critic(task, trajectory)
              keep the trajectory, distilled, if reward >= threshold
    inject:   M = the k trajectories nearest to the new task
    infer:    action ~ agent(task, state, M)

On the core graph: every run recalls before its first draft and learns when it has ended, so exploring is what earlier
runs did. The memory lies in the store and is shared by all runs of it. What is recalled is data, fenced wherever it is
shown: it moves no gate. A run whose checks passed teaches on that proof; without checks the critic's approval counts.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revet.agents.chat import ChatCritic
from revet.agents.evidence import EvidenceCritic
from revet.agents.memory import ChatDistiller, TextMemory
from revet.agents.memory.lessons import MOST_CORRECTIONS
from revet.agents.repair import Repair
from revet.graphs.calls import Calls, asked, judged, rounds_of
from revet.graphs.parts.casting import judge_of, writer
from revet.graphs.parts.examining import examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.store import Corrections

__all__ = ["ECHO_TRAIL", "EchoTrailOptions", "cast_echo_trail"]

CRITIC = "trail-critic"


class EchoTrailOptions(Options):
    """What is left out is ours: the publication's own numbers belong to its reward model and its phone tasks."""

    recall: int = Field(default=3, ge=1, le=20, description="notes of earlier runs that a run is shown at most")
    threshold: float = Field(default=0.7, ge=0, le=1, description="the critic's score from which a run is remembered")
    kinds: tuple[Literal["trajectory", "correction"], ...] = Field(
        default=("trajectory", "correction"),
        min_length=1,
        description="what is remembered: how it was done, what went wrong",
    )
    distil: bool = Field(default=True, description="a model makes a short lesson of what is remembered")
    most: int = Field(default=2_000, ge=1, description="notes of one kind that are kept; unused and old ones go first")


def cast_echo_trail(roles: Roles, options: Options, policy: Policy) -> Team:
    """Who proposes is shown what is recalled. Without any model only runs with passed checks are remembered."""
    assert isinstance(options, EchoTrailOptions)
    proposer = writer(roles.model, roles) if roles.model else roles.proposer or Repair()
    reviser = writer(roles.reviser, roles) if roles.reviser else proposer
    examiner = roles.critic or roles.model
    critic = [ChatCritic(examiner, prompts=roles.prompts, name=CRITIC)] if examiner else []
    distils = options.distil and examiner is not None
    memory = TextMemory(
        Corrections(roles.home, most=options.most),
        kinds=options.kinds,
        limit=options.recall,
        distiller=ChatDistiller(examiner, prompts=roles.prompts) if distils and examiner else None,
        critic=CRITIC,
        threshold=options.threshold,
    )
    return Team(
        proposer=proposer,
        reviser=reviser,  # type: ignore[arg-type]
        critics=(EvidenceCritic(revise_from=policy.veto_from), *critic),
        tools=examining_tools(),
        policy=policy,
        judge=judge_of(roles),
        memory=memory,
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The draft and its critique; each lesson of a run that ended well is distilled, unless it is known."""
    assert isinstance(options, EchoTrailOptions)
    examiner, drafts = roles.critic or roles.model, rounds_of(policy)
    first, again = asked(roles.model), asked(roles.reviser or roles.model)
    told = ("trajectory" in options.kinds) + MOST_CORRECTIONS * ("correction" in options.kinds)
    lessons = Calls(0, told if options.distil else 0) * asked(examiner)
    drafting = first + again * Calls(0, policy.rounds)
    return drafting + asked(examiner) * drafts + lessons + judged(roles.judge, drafts.most)


ECHO_TRAIL = Recipe(
    name="echo-trail",
    summary="EchoTrail: remember the runs that a critic approved, and show them to later runs of tasks that read alike",
    cast=cast_echo_trail,
    source="Li et al., 2025, arXiv 2512.19396",
    options=EchoTrailOptions,
    needs="no language model: builtin:repair does, and then only runs with passed checks are remembered",
    without_model=True,
    cost="two calls a draft (the draft, the critic), and one for each lesson of a run that ended well",
    calls=_calls,
    published=Published(
        title="EchoTrail-GUI: Building Actionable Memory for GUI Agents via Critic-Guided Self-Exploration",
        url="https://arxiv.org/abs/2512.19396",
        flow="""
    task([task]) --> recall[(recall)] --> propose --> examine --> critic
    critic -->|a fault| revise --> examine
    critic -->|approved| gate{gate} --> commit([answer or commit])
    commit --> worth{"proved, or score >= threshold?"}
    worth -->|yes| distil --> store[(memory)]
    worth -->|no| nothing([nothing is learnt])
    gate -->|a budget is spent| abstain([abstain])
    store -.-> recall
""",
        test="tests/graphs/recipes/test_echo_trail.py",
        differs=(
            "There is no phase of exploration without tasks: whoever runs tasks explores, and the memory grows with "
            "use. A separate phase needs an environment to act on freely; here nothing acts before the gate.",
            "A trajectory is what one run's accepted draft does (steps, file changes, commands, calls, steps on a "
            "screen), not a series of screens: a run of the core loop commits one draft.",
            "The reward model is a critic that scores drafts, and a passed check outranks it; a score alone teaches "
            "only where no check was required.",
            "Notes are found by BM25 over goal and text; embeddings can be given from Python.",
            "Besides approved trajectories, corrections are kept (a finding with evidence and what mended it), after "
            "DROC and RMM.",
        ),
    ),
)
