"""What a recipe is: it casts the roles of the core graph, so none gets round its gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import Field, JsonValue, ValidationError, field_validator
from pydantic_core import ErrorDetails

from revet.agents.base import Critic, Judge, Memory, Proposer, Reviser, Strategy
from revet.agents.friction import Friction
from revet.errors import InputError
from revet.graphs.calls import Calls
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Model, Task
from revet.tools.base import Tool

__all__ = ["Options", "Published", "Recipe", "Roles", "Team", "Unmet", "options_of"]


class Options(Model):
    """What a recipe lets its user choose. A subclass names the choices; those here are every recipe's.

    `paths` are the names of those that are paths: in a task file they are relative to the file. `lengths` are the names
    of those that say how many drafts there are: where one is set, friction brings no rounds of its own.
    """

    paths: ClassVar[tuple[str, ...]] = ()
    lengths: ClassVar[tuple[str, ...]] = ()

    friction: Friction | bool = Field(
        default=False,
        description="true: revisions are asked for hotter each round, and what was refused is forbidden "
        "(Feedback Friction); or a mapping of rounds, step, cap and forbid",
    )

    memory: bool = Field(
        default=False,
        description="true: who drafts is shown what earlier runs in this store taught, and what this run teaches is "
        "kept; methods with a memory of their own keep to that",
    )

    @field_validator("friction", mode="before")
    @classmethod
    def _of_friction(cls, value: object) -> object:
        """What is wrong with one of its settings is told by the name of that setting."""
        if not isinstance(value, Mapping):
            return value
        try:
            return Friction.model_validate(dict(value))
        except ValidationError as error:
            known = ", ".join(Friction.model_fields)
            told = (
                f"there is no setting {e['loc'][0]!r}, they are {known}"
                if e["type"] == "extra_forbidden"
                else f"{'.'.join(map(str, e['loc']))}: {_said(e)}"
                for e in error.errors()
            )
            raise ValueError("; ".join(told)) from None

    @property
    def heeds(self) -> Friction | None:
        """What is done against feedback that is not heard; None if nothing is."""
        return self.friction if isinstance(self.friction, Friction) else Friction() if self.friction else None

    @property
    def least_heeded(self) -> int:
        """How many rounds friction asks for; 0 where the options themselves say how many there are, and it does not."""
        told = isinstance(self.friction, Friction) and "rounds" in self.friction.model_fields_set
        left_open = told or not self.model_fields_set.intersection(self.lengths)
        return self.heeds.rounds if self.heeds and left_open else 0


class Unmet(NamedTuple):
    """What a task lacks for a recipe. `field` leads to it, such as ``("options", "folder")`` or ``("workspace",)``."""

    field: tuple[str | int, ...]
    problem: str
    hint: str


@dataclass(frozen=True)
class Roles:
    """The language models to cast: the `model` of whoever has none of their own, and those of single roles.

    `proposer` is who proposes where that is no language model (``builtin:repair``, an object of the user's), `chooser`
    an object of the user's that judges. `load` makes a language model of a name, for methods whose options name more
    of them. `home` is the folder or the database (its URL) in which memory is kept; None keeps none beyond the
    process.
    """

    model: LanguageModel | None = None
    reviser: LanguageModel | None = None
    critic: LanguageModel | None = None
    judge: LanguageModel | None = None
    prompts: str | None = None
    proposer: Proposer | None = None
    chooser: Judge | None = None
    load: Callable[[str], LanguageModel] | None = None
    home: Path | str | None = None


@dataclass(frozen=True)
class Team:
    """Who plays what, within which policy. Without a `strategy` the reviser mends the last draft until it stands.

    A strategy that lets the team's reviser speak has it as its attribute `reviser`: an object of the user's then takes
    its place there, too. `lacks` says, before anything is run, what a task lacks for the recipe, and `calls` how often
    language models are asked in a run; None where nobody knows.
    """

    proposer: Proposer
    reviser: Reviser
    critics: Sequence[Critic]
    tools: Sequence[Tool]
    policy: Policy
    judge: Judge | None = None
    strategy: Strategy | None = None
    memory: Memory | None = None
    lacks: Callable[[Task], Iterable[Unmet]] = lambda task: ()
    calls: Calls | None = None


@dataclass(frozen=True)
class Published:
    """What the page of a method shows of it.

    `flow` is the graph as Mermaid (the lines after ``flowchart TD``), `differs` where ours is not as published and why,
    `test` the file that asserts its control flow. `url` leads to the publication, `code` to the authors' code.
    """

    title: str
    url: str
    flow: str
    test: str
    code: str = ""
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """`source` is the publication that the method follows, or None for our own.

    `cast` makes the team; `without_model` says that it can do so where `Roles.model` is None. It may fill in what the
    policy leaves open (``policy.model_fields_set``), and changes nothing that was set. `check` says, before anything is
    run, what a task lacks for it. `least_rounds` is the number of revisions below which the method cannot do what it
    is named for, with the options given; `revises` says whether revisions are asked for at all, with those (`friction`
    is for nothing else); `sees` says that it needs a model that takes images. `calls` says how often language models
    are asked in a run: of the roles, the options and the policy of the team that was cast; None: nobody knows.
    """

    name: str
    summary: str
    cast: Callable[[Roles, Options, Policy], Team]
    source: str | None = None
    options: type[Options] = Options
    needs: str = "a language model"
    without_model: bool = False
    cost: str = ""
    calls: Callable[[Roles, Options, Policy], Calls] | None = None
    check: Callable[[Task, Options], Iterable[Unmet]] | None = None
    least_rounds: Callable[[Options], int] = lambda options: 0
    revises: Callable[[Options], bool] = lambda options: True
    sees: bool = False
    published: Published | None = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the method's flow, where its page has one, drawn there by JupyterLab."""
        told = {"text/plain": f"Recipe({self.name}: {self.summary})"}
        flow = {"text/vnd.mermaid": f"flowchart TD\n{self.published.flow}"} if self.published else {}
        return told | flow


def options_of(recipe: Recipe, given: Mapping[str, JsonValue]) -> Options:
    """The options, checked. Raises `InputError` that names the option and what it may be."""
    if not isinstance(given, Mapping):
        raise InputError(f"options of the recipe {recipe.name}: {given!r:.200} is no mapping", hint="{name: value, …}")
    try:
        return recipe.options.model_validate(dict(given))
    except ValidationError as error:
        known = list(recipe.options.model_fields)
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or recipe.name}: {_said(e)}" for e in error.errors())
        unknown = [str(e["loc"][-1]) for e in error.errors() if e["type"] == "extra_forbidden"]
        near = [close for name in unknown for close in get_close_matches(name.lower(), known, n=1)]
        hint = f"did you mean {' and '.join(near)}?" if near else f"its options: {', '.join(known) or 'it has none'}"
        raise InputError(f"options of the recipe {recipe.name}: {problems}", hint=hint) from None


def _said(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such option"
    return detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
