"""Do the settings of a task go together, and is there on this machine what they name? Asked before anything is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from revet.errors import InputError, MissingDependency, RevetError
from revet.schema import Task
from revet.taskfile._marked import Fault, parse_yaml, plain
from revet.taskfile._settings import REPAIR, ROLES, Settings, nearest
from revet.taskfile._words import branches_problem, problem_of

__all__ = [
    "Complaint",
    "Looks",
    "as_option",
    "check_settings",
    "complaints",
    "model_problem",
    "needs_model",
    "option_values",
    "path_options",
    "prompts_problem",
    "rooted",
]

Problem = tuple[str, str | None]

_FILES = ("replay", "scripted")
"""The providers whose models are files."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong with the setting at `path`, such as ``("options", "task")``, and what to do about it."""

    path: tuple[str | int, ...]
    problem: str
    hint: str | None = None


def model_problem(spec: str, base_url: str | None) -> Problem | None:
    """Why the model cannot be asked from here, and what to do about it; None if nothing is known against it."""
    from revet import models

    provider, _, name = spec.partition(":")
    try:
        models.check(spec, base_url=base_url)
        if provider in _FILES:
            _read(provider, Path(name).expanduser())
    except (InputError, MissingDependency) as error:
        return _parted(error)
    except OSError as error:
        return f"{spec} cannot be read: {error.strerror}", "check its permissions"
    return None


def prompts_problem(folder: str) -> Problem | None:
    """Why the prompts of a folder cannot take the place of ours, and what to do about it; None if they can."""
    from revet.agents.chat.prompts import AGENTS, Prompts

    if not Path(folder).is_dir():
        return f"there is no folder {folder}", "name a folder with prompts"
    try:
        for home in sorted({path.parent for path in AGENTS.rglob("prompts/*.md")}):
            Prompts(folder, home=home)
    except InputError as error:
        problem, hint = _parted(error)
        return problem.removeprefix("prompts: "), hint
    return None


class Looks(NamedTuple):
    """How models and folders of prompts are looked at. Whoever has many tasks caches that."""

    model: Callable[[str, str | None], Problem | None] = model_problem
    prompts: Callable[[str], Problem | None] = prompts_problem


def complaints(settings: Settings, task: Task | None = None, looks: Looks | None = None) -> Iterator[Complaint]:
    """Everything that stands against running with these settings, and the `task` with them.

    Recordings and scripts are read; no model is loaded, and no network reached.
    """
    looks = looks or Looks()
    for role in ROLES:
        spec = getattr(settings, role)
        if spec is not None and (found := looks.model(spec, settings.base_url)):
            yield Complaint((role,), *found)
    if settings.prompts is not None and (found := looks.prompts(settings.prompts)):
        yield Complaint(("prompts",), *found)
    yield from _recipe_complaints(settings, task)


def check_settings(settings: Settings, task: Task | None = None) -> None:
    """Raise an `InputError` that names the options of the command line for all that `complaints` finds."""
    lines = [as_option(found) for found in complaints(settings, task)]
    if lines:
        raise InputError("\n".join(lines))


def rooted(spec: str, folder: Path) -> str:
    """The model's name, with a path in it (``replay:FILE``, ``transformers:./DIR``) taken from `folder`.

    ``transformers:owner/name`` is a name on the hub unless there is such a folder.
    """
    provider, _, name = spec.partition(":")
    path = folder / Path(name).expanduser()
    written_as_path = name.startswith((".", "~")) or path.is_dir()
    if name and (provider in _FILES or (provider == "transformers" and written_as_path)):
        return f"{provider}:{os.path.normpath(path)}"
    return spec


def option_values(words: Sequence[str]) -> dict[str, Any]:
    """``["task=qa", "tools=false"]`` as a mapping; each value is read as YAML. Raises `InputError`."""
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--option: {word!r} is not NAME=VALUE", hint="write it as --option task=qa")
        if name.strip() in values:
            raise InputError(f"--option: {name.strip()} is given twice", hint="give it once")
        faults: list[Fault] = []
        try:
            node = parse_yaml(text, faults)
        except Fault as fault:
            faults.append(fault)
        if faults:
            raise InputError(f"--option {name.strip()}: {faults[0].problem}", hint="put quotes round the text")
        values[name.strip()] = None if node is None else plain(node)
    return values


def path_options(recipe: object) -> tuple[str, ...]:
    """The options of that recipe that are paths; none where there is no such recipe."""
    from revet.graphs.recipes import RECIPES

    return RECIPES[recipe].options.paths if isinstance(recipe, str) and recipe in RECIPES else ()


def needs_model(recipe: object) -> bool:
    """True for the name of a recipe that `builtin:repair` cannot play."""
    from revet.graphs.recipes import RECIPES

    return isinstance(recipe, str) and recipe in RECIPES and not RECIPES[recipe].without_model


def _read(provider: str, path: Path) -> None:
    """Raise an `InputError` for a recording or a script that could not be used."""
    from revet.models.scripted import ScriptedModel
    from revet.models.tape import Replay

    if provider == "scripted":
        ScriptedModel.from_file(path)
    elif not Replay(path).recorded:
        raise InputError(f"the recording {path} holds no answers", hint="record it again with --record")


def _parted(error: RevetError) -> Problem:
    """The problem, in one line, and the hint."""
    problem = str(error).removesuffix(f"\n  → {error.hint}")
    return "; ".join(line.strip() for line in problem.splitlines()), error.hint


def _recipe_complaints(settings: Settings, task: Task | None) -> Iterator[Complaint]:
    from revet.graphs.recipes import RECIPES

    recipe = RECIPES[settings.recipe]
    if settings.model == REPAIR and not recipe.without_model:
        remedy = "name one as provider:name (--model); `revet doctor` lists the providers"
        yield Complaint(("model",), f"the recipe {recipe.name} needs a language model", remedy)
    try:
        options = recipe.options.model_validate(settings.options)
    except ValidationError as error:
        yield from _option_complaints(recipe.name, list(recipe.options.model_fields), error)
        return
    if task is not None and recipe.check is not None:
        yield from (Complaint(*unmet) for unmet in recipe.check(task, options))


def _option_complaints(recipe: str, known: Sequence[str], error: ValidationError) -> Iterator[Complaint]:
    """One for each value: where it may be one thing or another, none of which it is, that is told once."""
    by_option: dict[str | int, list[ErrorDetails]] = {}
    for detail in error.errors():
        by_option.setdefault(detail["loc"][0] if detail["loc"] else "", []).append(detail)
    for name, details in by_option.items():
        if together := branches_problem(details):
            yield Complaint(("options", name), together)
            continue
        for detail in details:
            problem, hint = problem_of(detail)
            if detail["type"] == "extra_forbidden":
                problem, hint = f"the recipe {recipe} has no such option", _near_option(detail["loc"], known)
            yield Complaint(("options", *detail["loc"]), problem, hint)


def _near_option(loc: tuple[str | int, ...], known: Sequence[str]) -> str:
    if not known:
        return "it has none"
    close = nearest(str(loc[-1]), known)
    return f"did you mean {close}?" if close else f"its options: {', '.join(known)}"


def as_option(found: Complaint) -> str:
    """The complaint in the words of the command line: ``--base-url: …``."""
    first, *rest = found.path
    name = f"--option {rest[0]}" if rest else "--" + str(first).replace("_", "-")
    return f"{name}: {found.problem}" + (f"\n  → {found.hint}" if found.hint else "")
