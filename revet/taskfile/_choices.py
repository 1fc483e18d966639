"""Do the settings of a task go together, and is there on this machine what they name? Asked before anything is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from revet.errors import InputError, MissingDependency, RevetError
from revet.schema import Task
from revet.taskfile._marked import Fault, parse_yaml, plain
from revet.taskfile._settings import REPAIR, ROLES, Settings, ToolChoice, nearest, option_name
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
    "rooted_database",
    "rooted_tools",
    "rules_problem",
    "tool_choices",
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


def rules_problem(file: str) -> Problem | None:
    """Why a file of rules cannot be used, and what to do about it; None if it can."""
    from revet.effects.rules_config import load_rules

    try:
        load_rules(str(Path(file).parent), file=file)
    except InputError as error:
        return _parted(error)
    return None


class Looks(NamedTuple):
    """How models, folders of prompts and files of rules are looked at. Whoever has many tasks caches that."""

    model: Callable[[str, str | None], Problem | None] = model_problem
    prompts: Callable[[str], Problem | None] = prompts_problem
    rules: Callable[[str], Problem | None] = rules_problem


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
    if settings.rules is not None and (found := looks.rules(settings.rules)):
        yield Complaint(("rules",), *found)
    if settings.database is not None and task is not None and "database" in task.inputs:
        yield Complaint(("database",), "the task names one in inputs.database already", "leave one of them out")
    yield from _recipe_complaints(settings, task)
    for number, choice in enumerate(settings.tools):
        wrong = [*_tool_complaints(number, choice)]
        yield from wrong or _absent_tools(number, choice, settings)


def check_settings(settings: Settings, task: Task | None = None) -> None:
    """Raise an `InputError` that names the options of the command line for all that `complaints` finds."""
    lines = [as_option(found) for found in complaints(settings, task)]
    if lines:
        raise InputError("\n".join(lines))


def rooted_database(url: str, folder: Path) -> str:
    """The URL of a database with a file's path taken from `folder`; one that names none is left to be found wrong."""
    from revet.actions.sql.target import target_of

    try:
        target = target_of(url, folder)
    except InputError:
        return url
    return target.shown if target.path else url


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


def tool_choices(words: Sequence[str]) -> list[dict[str, Any]]:
    """``["static", "sql:database=shop.db,required=true", 'sql={"database": "shop.db"}']`` as in a task file.

    After ``=`` stand the options as JSON; after ``:`` one by one, each value read as YAML. Relative paths are taken
    from the current folder. Raises `InputError`.
    """
    return [*map(dict, rooted_tools([_tool_choice(word) for word in words], Path.cwd()))]


def _tool_choice(word: str) -> dict[str, Any]:
    found = re.match(r"\s*([A-Za-z_]\w*)\s*([:=]?)(.*)", word, re.DOTALL)
    if found is None or (found[3] and not found[2]):
        raise InputError(f"--tool: {word!r} is no tool", hint="write it as --tool sql:database=shop.db")
    name, mark, rest = found.groups()
    if mark == "=":
        try:
            options = json.loads(rest)
        except ValueError as error:
            raise InputError(
                f"--tool {name}: no JSON after `=`: {error}", hint='such as {"database": "a.db"}'
            ) from None
    else:
        pairs = [pair for pair in rest.split(",") if pair.strip()]
        try:
            options = option_values(pairs)
        except InputError as error:
            problem = str(error).partition("\n")[0].removeprefix("--option").lstrip(": ")
            hint = f"write it as --tool {name}:NAME=VALUE,NAME=VALUE, or as --tool '{name}={{…}}' in JSON"
            raise InputError(f"--tool {name}: {problem}", hint=hint) from None
        _take_texts(name, options, pairs)
    return {name: options}


def _take_texts(name: str, options: dict[str, Any], pairs: Sequence[str]) -> None:
    """Takes as written what YAML reads as a mapping or a list, such as ``:memory:``, and the option takes as text."""
    from revet.tools.registry import TOOLS

    def refused(key: str, value: Any) -> bool:
        return any(detail["loc"][:1] == (key,) for detail in TOOLS[name].problems({key: value}))

    for pair in pairs if name in TOOLS else ():
        key, _, text = (part.strip() for part in pair.partition("="))
        if isinstance(options[key], dict | list) and refused(key, options[key]) and not refused(key, text):
            options[key] = text


def rooted_tools(tools: object, folder: Path) -> Any:
    """The tools of a task file as written, with the paths among their options taken from `folder`."""
    if not isinstance(tools, list):
        return _rooted_tool(tools, folder)
    return [_rooted_tool(each, folder) for each in tools]


def _rooted_tool(tool: object, folder: Path) -> object:
    if not isinstance(tool, dict) or len(tool) != 1:
        return tool
    from revet.tools.registry import rooted_options

    ((name, options),) = tool.items()
    return {name: rooted_options(name, options, folder) if isinstance(options, dict) else options}


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
    if options.heeds and settings.model == REPAIR and settings.reviser is None:
        problem = "it is for revisers that are language models, and there is none"
        yield Complaint(("options", "friction"), problem, "name a model as provider:name (--model), or leave it out")
    elif options.heeds and not recipe.revises(options):
        problem = f"it is for revisions, and the recipe {recipe.name} asks for no revision with these options"
        yield Complaint(("options", "friction"), problem, "leave it out, or take another recipe")
    least = recipe.least_rounds(options)
    if "rounds" in settings.model_fields_set and settings.rounds < least:
        problem = f"the recipe {recipe.name} needs {least} round{'s' * (least > 1)} of revision at least"
        yield Complaint(("rounds",), problem, f"give it {least} or more, or leave the rounds to the recipe")
    if task is not None and recipe.check is not None:
        yield from (Complaint(*unmet) for unmet in recipe.check(task, options))


def _tool_complaints(number: int, choice: ToolChoice) -> Iterator[Complaint]:
    """What is wrong with the options of a tool; and where they are right, with what they name."""
    from revet.tools.registry import TOOLS

    entry = TOOLS[choice.name]
    place = ("tools", number, choice.name)
    try:
        details = entry.problems(choice.options)
        if details:
            known = list(entry.options.model_fields)
            yield from _told(place, f"the tool {choice.name}", known, details)
        else:
            entry.make(choice.options)
            yield from _lost_files(place, choice, entry.paths)
    except (InputError, MissingDependency) as error:
        yield Complaint(place, *_parted(error))


def _lost_files(place: tuple[str | int, ...], choice: ToolChoice, names: Sequence[str]) -> Iterator[Complaint]:
    """Files that are named and not there. An address, and what is no file (``:memory:``), are looked at when used."""
    from revet.tools.registry import path_in

    for name in names:
        value = choice.options.get(name)
        path = path_in(choice.name, value)[1] if isinstance(value, str) else ""
        if Path(path).is_absolute() and not Path(path).exists():
            yield Complaint((*place, name), f"there is no file {path}", "correct the path")


def _absent_tools(number: int, choice: ToolChoice, settings: Settings) -> Iterator[Complaint]:
    """Other tools that an option names, and the run has not. What a server offers is not known before it is asked."""
    from revet.tools.registry import TOOLS

    named = {name: choice.options.get(name) for name in TOOLS[choice.name].others}
    wanted = {name: other for name, other in named.items() if isinstance(other, str)}
    if not wanted or any(TOOLS[each.name].many for each in settings.tools):
        return
    own = _recipe_tools(settings)
    if own is None:
        return
    known = {*own, *(each.name for each in settings.tools)} - {choice.name}
    for name, other in wanted.items():
        if other not in known:
            meant = other if other in TOOLS else nearest(other, [*known, *TOOLS])
            guess = f"did you mean {meant}? " if meant and meant != other else ""
            add = f"; name {meant} among the tools, too" if meant and meant not in known else ""
            hint = f"{guess}the task's other tools: {', '.join(sorted(known)) or 'none'}{add}"
            yield Complaint(("tools", number, choice.name, name), f"the task has no tool {other!r}", hint)


def _recipe_tools(settings: Settings) -> list[str] | None:
    """The names of the recipe's own tools; None where it cannot be cast, which is told of the recipe."""
    from revet.graphs.recipes import RECIPES, Roles
    from revet.graphs.team import options_of
    from revet.models import LanguageModel
    from revet.models.scripted import ScriptedModel
    from revet.policy import Policy

    recipe, silent = RECIPES[settings.recipe], LanguageModel(ScriptedModel([]))  # which tools there are, no model says
    try:
        team = recipe.cast(Roles(model=silent), options_of(recipe, settings.options), Policy())
    except (InputError, MissingDependency):
        return None
    return [tool.name for tool in team.tools]


def _option_complaints(recipe: str, known: Sequence[str], error: ValidationError) -> Iterator[Complaint]:
    yield from _told(("options",), f"the recipe {recipe}", known, error.errors())


def _told(
    place: tuple[str | int, ...], whose: str, known: Sequence[str], errors: Sequence[ErrorDetails]
) -> Iterator[Complaint]:
    """One for each value: where it may be one thing or another, none of which it is, that is told once."""
    by_option: dict[str | int, list[ErrorDetails]] = {}
    for detail in errors:
        by_option.setdefault(detail["loc"][0] if detail["loc"] else "", []).append(detail)
    for name, details in by_option.items():
        if together := branches_problem(details):
            yield Complaint((*place, name), together)
            continue
        for detail in details:
            problem, hint = problem_of(detail)
            if detail["type"] == "extra_forbidden":
                problem, hint = f"{whose} has no such option", _near_option(detail["loc"], known)
            yield Complaint((*place, *detail["loc"]), problem, hint)


def _near_option(loc: tuple[str | int, ...], known: Sequence[str]) -> str:
    if not known:
        return "it has none"
    close = nearest(str(loc[-1]), known)
    return f"did you mean {close}?" if close else f"its options: {', '.join(known)}"


def as_option(found: Complaint) -> str:
    """The complaint in the words of the command line: ``--base-url: …``."""
    first, *rest = found.path
    if first == "tools" and len(rest) > 1:
        name = ": ".join([f"--tool {rest[1]}", *map(str, rest[2:3])])
    else:
        name = f"--option {rest[0]}" if rest else option_name(str(first))
    return f"{name}: {found.problem}" + (f"\n  → {found.hint}" if found.hint else "")
