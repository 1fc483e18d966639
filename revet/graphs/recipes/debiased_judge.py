"""RBD: a bias detector looks at each judgement, and asks the judge to think again.

Yang et al., NeurIPS 2025, arXiv 2505.17100; the authors' code: Joyyang158/Reasoning-Bias-Detector.

::

    j, reasons ~ judge(x, y)
    repeat n times at most:
        bias, why ~ detector(x, y, j, reasons)      # verbosity, position, bandwagon, sentiment or none
        stop if there is none
        j, reasons ~ judge(x, y, j, bias, why)

On the core graph: it stands round the critic of the loop, and round the judge that chooses between drafts which the
evidence cannot tell apart; that one is asked about every pair in both orders, and a preference that changes with the
order is none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revet.agents import EvidenceCritic
from revet.agents.base import Critic
from revet.agents.chat import ChatCritic, ChecklistCritic, StepCritic
from revet.agents.chat.prompts import Prompts
from revet.agents.panel import BIASES, BiasDetector, DebiasedCritic, DebiasedJudge, Persona
from revet.agents.panel.bias import Bias
from revet.agents.panel.critics import HOME
from revet.graphs.calls import NONE, ONE, Calls, drafted, judged, rounds_of
from revet.graphs.parts.casting import model_of, writer
from revet.graphs.parts.voices import loaded
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["DEBIASED_JUDGE", "DebiasedJudgeOptions", "cast_debiased_judge"]


class DebiasedJudgeOptions(Options):
    """Who detects what, and how often a judge is asked again."""

    critic: Literal["chat", "steps", "checklist"] = Field(default="chat", description="the critic that is looked at")
    reconsider: int = Field(default=1, ge=0, le=10, description="how often at most; 0: never, for comparison")
    biases: tuple[Bias, ...] = Field(default=BIASES, min_length=1, description="what is looked for")
    detector: str | None = Field(default=None, description="the detector's model; default: the critic's")


def cast_debiased_judge(roles: Roles, options: Options, policy: Policy) -> Team:
    """The critic and the judge, each with the detector behind them."""
    assert isinstance(options, DebiasedJudgeOptions)
    model = model_of(roles, "debiased-judge")
    own, proposer = roles.critic or model, writer(model, roles)
    name = options.detector
    detecting = loaded(roles, name, "debiased-judge", policy) if name else own
    detector = BiasDetector(detecting, biases=options.biases, prompts=roles.prompts)
    words = Prompts(roles.prompts, home=HOME).fill("debias_reconsider")
    prompts = Persona(Prompts(roles.prompts), words)
    kinds: dict[str, type[ChatCritic | StepCritic | ChecklistCritic]] = {
        "chat": ChatCritic,
        "steps": StepCritic,
        "checklist": ChecklistCritic,
    }
    critic: Critic = kinds[options.critic](own, prompts=prompts)
    return Team(
        proposer=proposer,
        reviser=writer(roles.reviser, roles) if roles.reviser else proposer,
        critics=(
            EvidenceCritic(revise_from=policy.veto_from),
            DebiasedCritic(critic, detector, times=options.reconsider),
        ),
        tools=(Tests(), Coverage()),
        policy=policy,
        judge=DebiasedJudge(roles.judge or own, detector, times=options.reconsider, prompts=roles.prompts),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Each judgement is looked at, and made again where a bias is found; a checklist is made once."""
    assert isinstance(options, DebiasedJudgeOptions)
    looked = 1 + 2 * options.reconsider
    made = ONE.maybe if options.critic == "checklist" else NONE
    return drafted(ONE + Calls(1, looked), policy, once=made) + judged(
        roles.judge or roles.model, rounds_of(policy).most, looked
    )


DEBIASED_JUDGE = Recipe(
    name="debiased-judge",
    summary="RBD: a detector of four biases looks at what critic and judge say, and asks them to think again",
    cast=cast_debiased_judge,
    source="Yang et al., NeurIPS 2025, arXiv 2505.17100",
    options=DebiasedJudgeOptions,
    cost="one call a draft; one for its critique, one for the detector, and two more each time that it finds a bias",
    calls=_calls,
    published=Published(
        title="Any Large Language Model Can Be a Reliable Judge: Debiasing with a Reasoning-based Bias Detector",
        url="https://arxiv.org/abs/2505.17100",
        code="https://github.com/Joyyang158/Reasoning-Bias-Detector",
        flow="""
    task([task]) --> propose --> examine --> critic
    critic --> detector{biased?}
    detector -->|yes, n times at most| critic
    detector -->|no| gate{gate}
    gate -->|an objection| revise --> examine
    gate -->|none, checks pass| commit([commit or answer])
    gate -->|a budget is spent| judge[judge, both orders] --> detector2{biased?}
    detector2 -->|yes| judge
    detector2 -->|no| abstain([abstain with the better draft])
""",
        test="tests/graphs/recipes/test_debiased_judge.py",
        differs=(
            "the published detector is a small model trained for it; here any model is asked to be one, and"
            " options.detector names another",
            "published for judges of pairs and of answers; here it looks at the critic of the loop, too, and no"
            " reconsideration does away with a major finding that cites evidence",
            "position bias is met by asking in both orders as well, not by the detector alone",
        ),
    ),
)
