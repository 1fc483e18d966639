"""Who samples, who scores the samples, and what their votes count: for the recipes that sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, cast

from revet.agents import EvidenceCritic
from revet.agents.base import Choice, Critic, Proposer, Reviser
from revet.agents.chat import ChatCritic
from revet.agents.repair import Repair
from revet.agents.sampling import ScoringCritic, soundness
from revet.errors import InputError
from revet.graphs.calls import ONE, Calls, asked, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.sampling import Sampling, source_of
from revet.graphs.parts.selectors import Weigh, key_of
from revet.graphs.team import Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Attempt
from revet.tools import Coverage, Tests
from revet.tools.alike import Alike

__all__ = [
    "critics_of",
    "critiques_of",
    "independent",
    "samplers",
    "samples_drawn",
    "sampling_team",
    "sound_enough",
    "weights",
]


def samplers(
    roles: Roles,
    *,
    temperature: float | Literal["default"],
    models: Sequence[str] = (),
    doubting: Callable[[LanguageModel], LanguageModel] | None = None,
    policy: Policy | None = None,
) -> list[Proposer]:
    """Who draws the samples: the model and the `models` besides, each made `doubting`, at one temperature.

    Without a model, the user's own proposer, or `builtin:repair`. Raises `InputError` for what only models can do, and
    for models whose price is not known where the `policy` limits the cost.
    """
    if roles.model is None:
        if models or doubting:
            raise InputError("models and doubts are for language models", hint="name one: --model provider:name")
        return [roles.proposer or Repair()]
    if models and roles.load is None:
        raise InputError("nobody here can load the models that are named", hint="use revet.Agent or `revet run`")
    more = [roles.load(name) for name in models] if roles.load is not None else []
    unknown = ", ".join(model.name for model in more if not model.priced)
    if policy is not None and policy.cost is not None and unknown:
        raise InputError(
            f"the policy limits the cost, and what {unknown} costs is not known", hint="limit tokens instead"
        )
    heat = None if temperature == "default" else temperature
    voices = [doubting(model) if doubting else model for model in (roles.model, *more)]
    return [writer(voice, roles, temperature=heat, schedule=FLAT) for voice in voices]


def independent(source: Proposer) -> bool:
    """Whether the source makes another draft each time without being told what was tried. A search does not."""
    return not isinstance(source, Repair)


def critics_of(
    roles: Roles,
    how: Literal["none", "filter", "weigh"],
    *,
    recipe: str,
    critiques: int = 1,
    temperature: float = 0.0,
) -> list[Critic]:
    """Who judges the samples besides the evidence. A critic that was named judges in any case; for critiques without
    one, the model judges its own samples.

    ``filter``: what the critic refuses is no candidate. ``weigh``: so many critiques of each, of which the mean score
    is kept (`ScoringCritic`).
    """
    if how == "none" and roles.critic is None:
        return []
    model = roles.critic or model_of(roles, f"{recipe} with critics")
    if how != "weigh":
        return [ChatCritic(model, prompts=roles.prompts)]
    names = [f"critic-{number}" for number in range(critiques)]
    several = [ChatCritic(model, prompts=roles.prompts, name=name, temperature=temperature) for name in names]
    return [ScoringCritic(several)]


def critiques_of(roles: Roles, how: Literal["none", "filter", "weigh"], critiques: int) -> Calls:
    """The calls that the critics of `critics_of` take for one sample."""
    if how == "none":
        return asked(roles.critic)
    return ONE * critiques if how == "weigh" else ONE


def samples_drawn(most: int, batch: int, enough: int, policy: Policy) -> tuple[Calls, Calls]:
    """How many samples are drawn, and how many of them are examined: `enough` at least, whole batches being drawn."""
    examined = rounds_of(policy, most).most
    seen = Calls(min(enough, examined), examined)

    def drawn(number: int) -> int:
        return min(most, math.ceil(number / batch) * batch)

    return Calls(drawn(seen.least), drawn(seen.most)), seen


def sampling_team(
    roles: Roles, policy: Policy, strategy: Sampling, critics: Sequence[Critic], *, alike: bool = True
) -> Team:
    """The team of a recipe whose strategy draws samples. The reviser speaks only where a person asks for something."""
    source = strategy.sources[0]
    return Team(
        proposer=source,
        reviser=writer(roles.reviser, roles) if roles.reviser else cast("Reviser", source),
        critics=(EvidenceCritic(revise_from=policy.veto_from), *critics),
        tools=(Tests(), Coverage(), *([Alike()] if alike else [])),
        policy=filled(policy, rounds=strategy.most - 1),
        judge=judge_of(roles),
        strategy=strategy,
    )


def weights(attempts: Sequence[Attempt], *, scored: bool, several: bool) -> Weigh | None:
    """What each vote counts; None: one each. `scored`: the critics' mean score (Mirror-Critique).

    `several` models: each vote as much as its model agrees with itself, by the share of its samples that give its own
    most frequent answer (RLCCF).
    """
    if not scored and not several:
        return None
    said: dict[int, Counter[str]] = {}
    for attempt in attempts if several else ():
        said.setdefault(source_of(attempt), Counter())[key_of(attempt)] += 1
    own = {source: max(counts.values()) / counts.total() for source, counts in said.items()}

    def weigh(attempt: Attempt) -> float:
        return (soundness(attempt) if scored else 1.0) * own.get(source_of(attempt), 1.0)

    return weigh


def sound_enough(choice: Choice, candidates: Sequence[Attempt], least: float) -> Choice:
    """The choice, or none if the mean score of the critiques of its answer is below `least`."""
    if choice.candidate is None:
        return choice
    key = key_of(candidates[choice.candidate])
    scores = [soundness(attempt) for attempt in candidates if key_of(attempt) == key]
    mean = math.fsum(scores) / len(scores)
    if mean < least:
        return Choice(None, (f"the critiques of the answer score {mean:.2f}, below {least:g}",))
    return Choice(choice.candidate, (*choice.reasons, f"its critiques score {mean:.2f}"))
