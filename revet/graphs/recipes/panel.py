"""MultiCritique: several critics, and a meta-critic that validates and merges what they found.

Lan et al., Findings of EMNLP 2025, arXiv 2410.15287; the authors' code: gmftbyGMFTBY/MultiCritique.

::

    y ~ model(x)
    repeat:
        units = [u for critic in critics for u in critic(x, y)]      # location, flaw, severity, suggestion
        units = [u for u in units if meta-critic finds u valid], merged where they say the same
        stop if none of them is a fault
        y ~ model(x, y, units)

On the core graph: the panel is one critic of the loop, beside the one that reads the evidence. Its members are asked at
the same time; none sees what another said. What the meta-critic leaves out is kept in the record as ``dropped/…``, and
the reviser is not shown it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from revet.agents import EvidenceCritic
from revet.agents.base import Critic
from revet.agents.chat.prompts import Prompts
from revet.agents.panel import Majority, Merge, MetaCritic, PanelCritic, Surviving, Union
from revet.agents.panel.critics import seated
from revet.errors import InputError
from revet.graphs.calls import NONE, ONE, Calls, drafted
from revet.graphs.parts.casting import judge_of, model_of, writer
from revet.graphs.parts.voices import loaded
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["PANEL", "PanelOptions", "cast_panel"]

SEATS = 4
"""Critics where nothing is said of them."""
APART = 0.7
"""The temperature where one model has several seats, so that it does not say the same in each."""


class PanelOptions(Options):
    """Without any: four critics, played by the one model there is, and the meta-critic."""

    critics: Annotated[int, Field(ge=1, le=32)] | Annotated[tuple[str, ...], Field(min_length=1, max_length=32)] = (
        Field(default=SEATS, description="how many, or who they are: a persona each, in the second person")
    )
    models: tuple[str, ...] = Field(default=(), description="further models to be critics, besides the critic's own")
    merge: Literal["meta", "union", "majority"] = Field(default="meta", description="how their critiques become one")
    weighted: bool = Field(default=False, description="votes weigh as much as the critic is sure (majority)")
    meta: str | None = Field(default=None, description="the meta-critic's model; default: the critic's")
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description=f"of the critics; default: {APART} where one model has several seats, else 0",
    )

    @model_validator(mode="after")
    def _heard(self) -> PanelOptions:
        """What is chosen has an effect."""
        if self.weighted and self.merge != "majority":
            raise ValueError("only votes are weighted: say merge: majority, or leave weighted out")
        if self.meta is not None and self.merge != "meta":
            raise ValueError(f"merge: {self.merge} asks no meta-critic: say merge: meta, or leave meta out")
        return self


def cast_panel(roles: Roles, options: Options, policy: Policy) -> Team:
    """One critic for each seat; the models take the seats in turn, the critic's own first."""
    assert isinstance(options, PanelOptions)
    model = model_of(roles, "panel")
    own = roles.critic or model
    voices = [own, *(loaded(roles, name, "panel", policy) for name in options.models)]
    panel = PanelCritic(_seated(voices, options, roles), _merge(own, options, roles, policy))
    proposer = writer(model, roles)
    return Team(
        proposer=proposer,
        reviser=Surviving(writer(roles.reviser, roles) if roles.reviser else proposer),
        critics=(EvidenceCritic(revise_from=policy.veto_from), panel),
        tools=(Tests(), Coverage()),
        policy=policy,
        judge=judge_of(roles),
    )


def _personas(options: PanelOptions, voices: int) -> tuple[str, ...]:
    """Who sits where so many models are critics, "" for nobody in particular; a seat for each where nothing is said."""
    given = options.critics
    if "critics" not in options.model_fields_set and voices > 1:
        given = voices
    return given if isinstance(given, tuple) else ("",) * given


def _seated(voices: list[LanguageModel], options: PanelOptions, roles: Roles) -> list[Critic]:
    personas = _personas(options, len(voices))
    if len(personas) < len(voices):
        raise InputError(
            f"the recipe panel has {len(personas)} seats for {len(voices)} models (the critic's own among them)",
            hint="give options.critics as many seats, or fewer options.models",
        )
    usual = APART if len(personas) > len(voices) else 0.0
    heat = usual if options.temperature is None else options.temperature
    return seated(voices, personas, prompts=Prompts(roles.prompts), temperature=heat)


def _merge(own: LanguageModel, options: PanelOptions, roles: Roles, policy: Policy) -> Merge:
    if options.merge == "union":
        return Union()
    if options.merge == "majority":
        return Majority(weighted=options.weighted)
    return MetaCritic(loaded(roles, options.meta, "panel", policy) if options.meta else own, prompts=roles.prompts)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The meta-critic is asked where there is something to validate."""
    assert isinstance(options, PanelOptions)
    seats = len(_personas(options, 1 + len(options.models)))
    meta = ONE.maybe if options.merge == "meta" else NONE
    return drafted(ONE + ONE * seats + meta, policy, roles.judge)


PANEL = Recipe(
    name="panel",
    summary="MultiCritique: several critics, and a meta-critic that validates and merges what they found",
    cast=cast_panel,
    source="Lan et al., Findings of EMNLP 2025, arXiv 2410.15287",
    options=PanelOptions,
    needs="a language model; several where options.models names more",
    cost="one call a draft, one a critic and one for the meta-critic in each round",
    calls=_calls,
    published=Published(
        title="Training Language Models to Critique with Multi-agent Feedback",
        url="https://arxiv.org/abs/2410.15287",
        code="https://github.com/gmftbyGMFTBY/MultiCritique",
        flow="""
    task([task]) --> propose --> examine
    examine --> c1[critic 1] & c2[critic 2] & cn[critic …]
    c1 & c2 & cn --> meta[meta-critic: validate, merge]
    meta --> gate{gate}
    gate -->|a unit stands| revise --> examine
    gate -->|none does, checks pass| commit([commit or answer])
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_panel.py",
        differs=(
            "published to make training data; here the merged critique drives a loop of revisions, as many as the"
            " policy allows",
            f"published with critics of different models; where only one is named it has all {SEATS} seats, at"
            f" temperature {APART}",
            "units that say nearly the same at the same place are merged by rule before the meta-critic sees them",
            "the meta-critic cannot leave out a major unit that cites evidence, and what it adds is marked: a model"
            " may veto, and not overrule what tools saw",
        ),
    ),
)
