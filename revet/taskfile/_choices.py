"""Do the settings of a task go together, and is there on this machine what they name? Asked before anything is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from revet.errors import InputError, MissingDependency
from revet.taskfile._marked import Fault, parse_yaml, plain
from revet.taskfile._settings import REPAIR, ROLES, Settings, nearest
from revet.taskfile._words import problem_of

__all__ = ["Complaint", "as_option", "check_settings", "complaints", "model_problem", "option_values", "rooted"]

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

    try:
        models.check(spec, base_url=base_url)
    except (InputError, MissingDependency) as error:
        return str(error).partition("\n")[0], error.hint
    return None


def complaints(
    settings: Settings, check: Callable[[str, str | None], Problem | None] = model_problem
) -> Iterator[Complaint]:
    """Everything that stands against running with these settings. Nothing is loaded, and no network reached."""
    for role in ROLES:
        spec = getattr(settings, role)
        if spec is not None and (found := check(spec, settings.base_url)):
            yield Complaint((role,), *found)
    if settings.prompts is not None and not Path(settings.prompts).is_dir():
        yield Complaint(("prompts",), f"there is no folder {settings.prompts}", "name a folder with prompts")
    yield from _recipe_complaints(settings)


def check_settings(settings: Settings) -> None:
    """Raise an `InputError` that names the options of the command line for all that `complaints` finds."""
    lines = [as_option(found) for found in complaints(settings)]
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


def _recipe_complaints(settings: Settings) -> Iterator[Complaint]:
    from revet.graphs.recipes import RECIPES

    recipe = RECIPES[settings.recipe]
    if settings.model == REPAIR and not recipe.without_model:
        remedy = "name one as provider:name (--model); `revet doctor` lists the providers"
        yield Complaint(("model",), f"the recipe {recipe.name} needs a language model", remedy)
    try:
        recipe.options.model_validate(settings.options)
    except ValidationError as error:
        known = list(recipe.options.model_fields)
        for detail in error.errors():
            problem, hint = problem_of(detail)
            if detail["type"] == "extra_forbidden":
                problem, hint = f"the recipe {recipe.name} has no such option", _near_option(detail["loc"], known)
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
