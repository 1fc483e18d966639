"""What a recipe is: it casts the roles of the core graph, so none gets round its gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pydantic import JsonValue, ValidationError

from revet.agents.base import Critic, Judge, Proposer, Reviser
from revet.errors import InputError
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Model, Task
from revet.tools.base import Tool

__all__ = ["Options", "Recipe", "Roles", "Team", "Unmet", "options_of"]


class Options(Model):
    """What a recipe lets its user choose. A subclass names the choices; this one has none.

    `paths` are the names of those that are paths: in a task file they are relative to the file.
    """

    paths: ClassVar[tuple[str, ...]] = ()


class Unmet(NamedTuple):
    """What a task lacks for a recipe. `field` leads to it, such as ``("options", "folder")`` or ``("workspace",)``."""

    field: tuple[str | int, ...]
    problem: str
    hint: str


@dataclass(frozen=True)
class Roles:
    """The language models to cast: the `model` of whoever has none of their own, and those of single roles."""

    model: LanguageModel | None = None
    reviser: LanguageModel | None = None
    critic: LanguageModel | None = None
    judge: LanguageModel | None = None
    prompts: str | None = None


@dataclass(frozen=True)
class Team:
    """Who plays what, within which policy."""

    proposer: Proposer
    reviser: Reviser
    critics: Sequence[Critic]
    tools: Sequence[Tool]
    policy: Policy
    judge: Judge | None = None


@dataclass(frozen=True)
class Recipe:
    """`source` is the publication that the method follows, or None for our own.

    `cast` makes the team; `without_model` says that it can do so where `Roles.model` is None. It may fill in what the
    policy leaves open (``policy.model_fields_set``), and changes nothing that was set. `check` says, before anything is
    run, what a task lacks for it.
    """

    name: str
    summary: str
    cast: Callable[[Roles, Options, Policy], Team]
    source: str | None = None
    options: type[Options] = Options
    needs: str = "a language model"
    without_model: bool = False
    cost: str = ""
    check: Callable[[Task, Options], Iterable[Unmet]] | None = None


def options_of(recipe: Recipe, given: Mapping[str, JsonValue]) -> Options:
    """The options, checked. Raises `InputError` that names the option and what it may be."""
    try:
        return recipe.options.model_validate(dict(given))
    except ValidationError as error:
        known = ", ".join(recipe.options.model_fields) or "it has none"
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or recipe.name}: {e['msg']}" for e in error.errors())
        raise InputError(f"options of the recipe {recipe.name}: {problems}", hint=f"its options: {known}") from None
