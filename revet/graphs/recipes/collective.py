"""CritiCS: a collective of critics with personas, and a leader who picks what the writer hears.

Bae and Kim, EMNLP 2024, arXiv 2410.02428; the authors' code:
EMNLP-2024-CritiCS/Collective-Critics-for-Creative-Story-Generation.

::

    y0 ~ model(x)
    for i in 0, 1, 2:
        personas ~ model(yi)                                            # one for each critic, and the leader's
        for each critic: three points ~ critic(yi, criterion, persona); it picks one
        point ~ leader(yi, what each has picked)
        y(i+1) ~ model(x, yi, point)
    the best of y0 … y3, as a judge chooses

On the core graph: the collective is one critic of the loop. A point asks for a revision and holds nothing back, so all
versions whose checks pass are candidates; the judge's choice goes through the gate. A person may take any role: the run
then waits for them, each time that it is their turn.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from revet.agents import EvidenceCritic
from revet.agents.base import Judge, Proposer, Reviser
from revet.agents.chat import ChatJudge
from revet.agents.panel import CollectiveCritic, Leader, ModelSeat, Person, Surviving
from revet.agents.panel.collective import Given, Personas
from revet.agents.panel.offers import Leads, Seat
from revet.graphs.calls import NONE, ONE, Calls, judged, rounds_of
from revet.graphs.parts.casting import beneath, filled, judge_of, model_of, writer
from revet.graphs.parts.seats import at_the_run
from revet.graphs.parts.versions import Versions
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["COLLECTIVE", "CRITERIA", "CollectiveOptions", "cast_collective"]

CRITERIA = ("an original theme and setting", "an unusual structure", "an unusual ending")
"""What the three critics of a plan look at, as published."""

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


class CollectiveOptions(Options):
    """Without any, as published for the plans of stories."""

    lengths: ClassVar[tuple[str, ...]] = ("rounds",)

    rounds: int = Field(default=3, ge=1, le=20, description="of critique and revision")
    criteria: tuple[Words, ...] = Field(
        default=CRITERIA, min_length=1, max_length=12, description="what the critics look at, one each"
    )
    personas: tuple[Words, ...] = Field(
        default=(), description="who the critics are, in the order of the criteria; default: made up for each draft"
    )
    points: int = Field(default=3, ge=1, le=10, description="that each critic offers")
    person: Literal["leader", "critic", "writer", "judge"] | None = Field(
        default=None, description="the role that a person takes; critic: the last one's seat"
    )
    choose: Literal["best", "last"] = Field(default="best", description="which version goes to the gate")

    @model_validator(mode="after")
    def _one_each(self) -> CollectiveOptions:
        if self.personas and len(self.personas) != len(self.criteria):
            raise ValueError(f"give a persona for each of the {len(self.criteria)} criteria, or none")
        if self.person == "judge" and self.choose == "last":
            raise ValueError("a person who is the judge chooses: leave out choose, or say best")
        return self


def cast_collective(roles: Roles, options: Options, policy: Policy) -> Team:
    """The critics, their leader, and who writes and chooses; one of them may be a person."""
    assert isinstance(options, CollectiveOptions)
    model = model_of(roles, "collective")
    own, person = roles.critic or model, Person(at_the_run)
    leader: Leads = person if options.person == "leader" else Leader(own, prompts=roles.prompts)
    proposer: Proposer = person if options.person == "writer" else writer(model, roles)
    mends: Reviser = person if options.person == "writer" else writer(roles.reviser or model, roles)
    judge: Judge | None = None
    if options.choose == "best":
        judge = person if options.person == "judge" else judge_of(roles) or ChatJudge(model, prompts=roles.prompts)
    critic = CollectiveCritic(
        _seats(own, options, roles, person),
        leader,
        personas=Given(options.personas) if options.personas else Personas(own, prompts=roles.prompts),
        criteria=options.criteria,
        points=options.points,
        rounds=options.rounds,
        severity=beneath(policy),
    )
    reviser = Surviving(mends)
    return Team(
        proposer=proposer,
        reviser=reviser,
        critics=(EvidenceCritic(revise_from=policy.veto_from), critic),
        tools=(Tests(), Coverage()),
        policy=filled(policy, rounds=options.rounds),
        judge=judge,
        strategy=Versions(proposer, reviser, judge, rounds=options.rounds, name="collective"),
    )


def _seats(own: LanguageModel, options: CollectiveOptions, roles: Roles, person: Person) -> list[Seat]:
    seats: list[Seat] = [
        ModelSeat(own, criterion, name=f"critic-{number}", prompts=roles.prompts)
        for number, criterion in enumerate(options.criteria, 1)
    ]
    return [*seats[:-1], person] if options.person == "critic" else seats


def _least(options: Options) -> int:
    assert isinstance(options, CollectiveOptions)
    return options.rounds


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """All rounds are made, and who is a person takes no call. Of several versions one is chosen, pair by pair."""
    assert isinstance(options, CollectiveOptions)
    person, drafts = options.person, rounds_of(policy).most
    seats = len(options.criteria) - (person == "critic")
    critique = (NONE if options.personas else ONE) + ONE * seats + (NONE if person == "leader" else ONE.maybe)
    writing = (NONE if person == "writer" else ONE) * Calls(options.rounds + 1, drafts)
    chooses = options.choose == "best" and person != "judge"
    choosing = judged(roles.judge or roles.model, drafts) if chooses else NONE
    return writing + critique * min(options.rounds, drafts) + choosing


COLLECTIVE = Recipe(
    name="collective",
    summary="CritiCS: persona critics offer points, a leader picks one, three rounds; a person may take any role",
    cast=cast_collective,
    source="Bae and Kim, EMNLP 2024, arXiv 2410.02428",
    options=CollectiveOptions,
    least_rounds=_least,
    cost="a round: one call for the personas, one a critic, the leader's and the revision; then two a pair of versions",
    calls=_calls,
    published=Published(
        title="Collective Critics for Creative Story Generation",
        url="https://arxiv.org/abs/2410.02428",
        code="https://github.com/EMNLP-2024-CritiCS/Collective-Critics-for-Creative-Story-Generation",
        flow="""
    task([task]) --> write --> examine --> personas
    personas --> c1[critic 1: 3 points, picks 1] & c2[critic 2] & c3[critic 3]
    c1 & c2 & c3 --> leader[leader picks one of all]
    leader -->|3 rounds| revise --> examine
    leader -->|the rounds are over| judge[judge chooses a version]
    judge --> gate{gate} --> commit([commit or answer])
""",
        test="tests/graphs/recipes/test_collective.py",
        differs=(
            "published for plans and texts of stories; options.criteria make it a collective for anything",
            "the best version is chosen by a judge in pairs, each in both orders, not by one call over all of them;"
            " versions whose required checks fail are no candidates",
            "personas of models are data in the prompts of others, fenced like drafts",
        ),
    ),
)
