"""Who plays what: from what the user of an agent gives (names, chat models, roles of their own) to the team."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic import JsonValue

from revet import models
from revet.agents import Critic, Judge, Memory, Proposer, Reviser, Strategy
from revet.agents.friction import Friction, HeedingModel, HeedingReviser, HeedingStrategy
from revet.agents.memory import TextMemory
from revet.errors import InputError
from revet.graphs.recipes import RECIPES, recipe_named
from revet.graphs.team import Options, Recipe, Roles, Team, Unmet, options_of
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Task
from revet.store import Corrections
from revet.tools import Tool
from revet.tools.adapters import McpServer, ToolLike, as_tool, as_tools

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["Speaker", "cast_team", "check_rounds", "check_task"]

Speaker: TypeAlias = "str | BaseChatModel | LanguageModel"
"""A language model: its name, a chat model of LangChain's, or one of ours."""


def cast_team(
    recipe: str | Recipe,
    *,
    load: Callable[[Any], LanguageModel],
    model: Speaker | Proposer,
    reviser: Speaker | Reviser | None = None,
    critic: Speaker | Critic | None = None,
    critics: Sequence[Critic] | None = None,
    judge: Speaker | Judge | None = None,
    tools: Sequence[ToolLike] | None = None,
    extra_tools: Sequence[ToolLike] = (),
    policy: Policy | None = None,
    options: Mapping[str, JsonValue] | None = None,
    prompts: str | None = None,
    home: Path | str | None = None,
    memory: Memory | None = None,
) -> Team:
    """The team that `recipe` casts; roles and tools that are given as objects win over the recipe's.

    `extra_tools` come besides; one with the name of another takes its place.

    `load` makes a language model of whatever is no role; `home` is the folder or the URL of what is remembered from run
    to run, `memory` who remembers it, in place of the recipe's.
    Raises `InputError` for what does not fit together.
    """
    if critic is not None and critics is not None:
        raise InputError("give critic= or critics=, not both", hint="put the critic among the critics=")
    method = recipe if isinstance(recipe, Recipe) else recipe_named(recipe, RECIPES)
    given: dict[str, Any] = {"propose": model, "revise": reviser, "criticise": critic, "choose": judge}
    for name, who in (("reviser", reviser), ("critic", critic), ("judge", judge)):
        if _builtin(who):
            hint = "give a language model as provider:name, or an object of your own"
            raise InputError(f"{name}={who!r} is no language model", hint=hint)
    own = {verb: who for verb, who in given.items() if not isinstance(who, str) and hasattr(who, verb)}
    voices = {
        verb: load(who) for verb, who in given.items() if who is not None and verb not in own and not _builtin(who)
    }
    roles = Roles(
        model=voices.get("propose"),
        reviser=voices.get("revise"),
        critic=voices.get("criticise"),
        judge=voices.get("choose"),
        prompts=prompts,
        proposer=own.get("propose"),
        chooser=own.get("choose"),
        load=load,
        home=home,
    )
    policy, chosen = policy or Policy(), options_of(method, options or {})
    _check_needs(method, roles, model)
    _check_prices(policy, voices.values())
    check_rounds(method, chosen, policy)
    if chosen.heeds:
        _check_heard(method, chosen, roles, own)
    found = method.cast(_heeding(roles, chosen.heeds), chosen, policy)
    team = _heeded(_with_own(method, found, own, critics, tools), chosen, policy)
    remembers = memory or team.memory or (TextMemory(Corrections(home)) if chosen.memory else None)
    told = method.calls(roles, chosen, team.policy) if method.calls and critics is None and not own else None
    team = replace(team, tools=_joined(team.tools, extra_tools), memory=remembers, calls=told)
    as_cast = all(any(tool is each for each in team.tools) for tool in found.tools)
    return _named(replace(team, lacks=partial(_lacking, method, chosen)) if as_cast else team)


def check_task(team: Team, task: Task) -> None:
    """Raise `InputError` if the task lacks something for the recipe that `team` was cast for.

    A team whose tools are not all the recipe's own is not held against it: what they need, only they know.
    """
    missing = [*team.lacks(task)]
    if missing:
        told = "; ".join(f"{'.'.join(map(str, each.field))}: {each.problem}" for each in missing)
        hint = "; ".join(dict.fromkeys(each.hint for each in missing))
        raise InputError(f"the task is not for this recipe: {told}", hint=hint)


def _lacking(recipe: Recipe, options: Options, task: Task) -> Iterable[Unmet]:
    return recipe.check(task, options) if recipe.check is not None else ()


def _check_heard(recipe: Recipe, options: Options, roles: Roles, own: Mapping[str, Any]) -> None:
    """Raise `InputError` if friction would act on nothing."""
    if not recipe.revises(options):
        raise InputError(
            f"friction is for revisions, and the recipe {recipe.name} asks for none with these options",
            hint="leave the option friction out, or take another recipe",
        )
    if "revise" in own or (roles.model is None and roles.reviser is None):
        which = "the reviser is an object of your own" if "revise" in own else "there is none"
        hint = "name a model with --model provider:name (in Python: reviser=…), or leave the option friction out"
        raise InputError(f"friction is for revisers that are language models, and {which}", hint=hint)


def _heeding(roles: Roles, friction: Friction | None) -> Roles:
    """The roles, with models that ask revisers to heed what was tried."""
    if friction is None:
        return roles

    def heeding(model: LanguageModel | None) -> LanguageModel | None:
        return None if model is None else HeedingModel(model, friction, roles.prompts)

    return replace(roles, model=heeding(roles.model), reviser=heeding(roles.reviser))


def _heeded(team: Team, options: Options, policy: Policy) -> Team:
    """The team, with the rounds that friction takes where neither `policy` nor an option that was given sets any."""
    if options.heeds is None:
        return team
    more = {} if "rounds" in policy.model_fields_set else {"rounds": max(team.policy.rounds, options.least_heeded)}
    return replace(
        team,
        reviser=HeedingReviser(team.reviser),
        strategy=HeedingStrategy(team.strategy) if team.strategy else None,
        policy=team.policy.model_copy(update=more),
    )


def _joined(tools: Sequence[Tool], extra: Sequence[ToolLike]) -> tuple[Tool, ...]:
    """The tools and those that come besides. One of a server replaces none: it gets its server's name before it."""
    added = [each if isinstance(each, McpServer) else as_tool(each) for each in extra]
    replaced = {each.name for each in added if not isinstance(each, McpServer)}
    return tuple(as_tools([*(tool for tool in tools if tool.name not in replaced), *added]))


def _builtin(who: object) -> bool:
    return isinstance(who, str) and models.parse(who).provider == "builtin"


def _named(team: Team) -> Team:
    """The same team. Everybody in it says who they are: what they find is signed."""
    for who in (team.proposer, team.reviser, *team.critics, *filter(None, (team.judge, team.strategy, team.memory))):
        if not isinstance(getattr(who, "name", None), str):
            raise InputError(f"{who!r} has no `name`", hint='give its class one: name = "…"')
    _check_strategy(team.strategy)
    return team


def _check_strategy(strategy: Strategy | None) -> None:
    """Raise `InputError` for a strategy that lacks what the loop will ask of it."""
    if strategy is None:
        return
    asked = ("selects", "drafts", *(("wants_more", "choose") if getattr(strategy, "selects", True) else ()))
    lacks = [name for name in asked if not hasattr(strategy, name)]
    if lacks:
        told = ", ".join(f"`{name}`" for name in lacks)
        raise InputError(f"the strategy {strategy.name} has no {told}", hint="see `revet.agents.Strategy`")


def _with_own(
    recipe: Recipe,
    team: Team,
    own: Mapping[str, Any],
    critics: Sequence[Critic] | None,
    tools: Sequence[ToolLike] | None,
) -> Team:
    if "propose" in own:
        same: bool = cast("object", team.reviser) is team.proposer
        team = replace(team, proposer=own["propose"], reviser=own["propose"] if same else team.reviser)
    if "revise" in own:
        strategy = team.strategy and _letting_revise(recipe, team.strategy, team.reviser, own["revise"])
        team = replace(team, reviser=own["revise"], strategy=strategy)
    if not hasattr(team.reviser, "revise"):
        raise InputError(
            f"{team.reviser!r} has no `revise`",
            hint="give the agent a `reviser=`, or add `async def revise(view, critique)`",
        )
    if "criticise" in own:
        team = replace(team, critics=(*team.critics, own["criticise"]))
    return replace(
        team,
        critics=tuple(critics) if critics is not None else tuple(team.critics),
        tools=tuple(as_tools(team.tools if tools is None else tools)),
        judge=cast("Judge | None", own.get("choose", team.judge)),
    )


def _letting_revise(recipe: Recipe, strategy: Strategy, cast: Reviser, own: Reviser) -> Strategy:
    """The strategy, with the user's `own` reviser in the place of the one that was cast.

    Raises `InputError` if it lets somebody else revise, or nobody: the reviser would not be asked.
    """
    if getattr(strategy, "reviser", None) is not cast:
        raise InputError(
            f"the recipe {recipe.name} does not ask a reviser of your own for its revisions",
            hint="give reviser= a language model, or take a recipe that revises draft after draft, such as core",
        )
    changed = copy.copy(strategy)
    changed.reviser = own  # type: ignore[attr-defined]
    return changed


def _check_needs(recipe: Recipe, roles: Roles, model: object) -> None:
    if recipe.sees and roles.model is not None and not roles.model.sees:
        raise InputError(
            f"the recipe {recipe.name} needs a model that takes images, and {roles.model.name} takes none",
            hint="name one that does with --model provider:name",
        )
    if roles.model is not None or recipe.without_model:
        return
    what = model if isinstance(model, str) else type(model).__name__
    raise InputError(
        f"the recipe {recipe.name} needs a language model, and {what} is none",
        hint="name one with --model provider:name (in Python: model=…), or take the recipe core",
    )


def check_rounds(recipe: Recipe, options: Options, policy: Policy) -> None:
    """Raise `InputError` if the policy sets fewer rounds than the method needs to do anything of its own."""
    least = recipe.least_rounds(options)
    if "rounds" in policy.model_fields_set and policy.rounds < least:
        raise InputError(
            f"the recipe {recipe.name} needs {least} round{'s' * (least > 1)} of revision at least, and the policy "
            f"allows {policy.rounds}",
            hint=f"give it --rounds {least} or more, leave the rounds to the recipe, or take the recipe core",
        )


def _check_prices(policy: Policy, voices: Any) -> None:
    unknown = sorted({voice.name for voice in voices if not voice.priced})
    if policy.cost is not None and unknown:
        raise InputError(
            f"the policy limits the cost, and what {', '.join(unknown)} costs is not known",
            hint="limit tokens instead, or give a `Library(prices=Prices(input=…, output=…))`",
        )
