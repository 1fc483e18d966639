"""How a task is to be run: which model, recipe and sandbox, and within which budgets."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from revet.errors import InputError
from revet.schema import Check, Model, Task
from revet.schema.base import Arguments
from revet.taskfile._words import Wrong, describe, problem_of

__all__ = [
    "REPAIR",
    "ROLES",
    "Entry",
    "Settings",
    "ToolChoice",
    "command_problem",
    "nearest",
    "option_name",
    "overlaid",
    "settings_from",
    "workspace_problem",
]

REPAIR = "builtin:repair"
"""The model that only changes what there is, and so needs a workspace, checks, and files to change."""

ROLES = ("model", "reviser", "critic", "judge")
"""The settings that name a model."""


class ToolChoice(Model):
    """A tool besides those of the recipe: written as its name, or as a mapping of its name to its options."""

    name: str
    options: Arguments = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        if isinstance(value, ToolChoice) or (isinstance(value, Mapping) and set(value) == {"name", "options"}):
            return value
        hint = "write a name, or one with options: {sql: {database: shop.db}}"
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, options),) = value.items()
            options = {} if options is None else options
            if not isinstance(options, Mapping):
                raise Wrong(f"the options of {name} must be a mapping, but are {describe(options)}", hint=hint)
            return {"name": _tool(name), "options": dict(options)}
        if isinstance(value, str):
            return {"name": _tool(value), "options": {}}
        several = "a mapping with several keys" if isinstance(value, Mapping) and value else describe(value)
        raise Wrong(f"must be a tool, but is {several}", hint=hint)


class Settings(Model):
    """How one task is run. Every field may stand in a task, in `defaults`, or on the command line."""

    model: str = Field(
        default=REPAIR,
        description="who proposes, as provider:name; builtin:repair needs no key; `revet doctor` lists them",
    )
    reviser: str | None = Field(default=None, description="who revises; default: the model that proposes")
    critic: str | None = Field(default=None, description="a language model that criticises besides the evidence")
    judge: str | None = Field(default=None, description="a language model that chooses between equal attempts")
    base_url: str | None = Field(default=None, description="an OpenAI-compatible endpoint for the models openai:…")
    prompts: str | None = Field(default=None, description="a folder whose files replace prompts of the same name")
    recipe: str = Field(default="core", description="the method; `revet recipes` lists them")
    options: Arguments = Field(default_factory=dict, description="what the recipe lets you choose, by name")
    tools: tuple[ToolChoice, ...] = Field(
        default=(), description="tools besides the recipe's, by name; `revet tools` lists them with their options"
    )
    sandbox: str = Field(default="local", description="where code runs; `revet doctor` says which work here")
    sandbox_features: tuple[str, ...] = Field(
        default=(), description="what the sandbox must have, or nothing is run; `revet doctor` lists the features"
    )
    rounds: int = Field(default=4, ge=0, strict=True, description="revisions after the first draft")
    seconds: float | None = Field(
        default=None,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="wall time of a task; default: no limit",
    )
    tool_calls: int | None = Field(default=None, gt=0, strict=True, description="default: no limit")
    tokens: int | None = Field(default=None, gt=0, strict=True, description="model tokens; default: no limit")
    cost: float | None = Field(
        default=None, gt=0, strict=True, allow_inf_nan=False, description="US dollars for models; default: no limit"
    )
    approve: Literal["auto", "ask", "never"] = Field(
        default="auto",
        description="who lets a proven draft be committed; never is a dry run",
    )
    unproven: Literal["ask", "abstain", "allowed", "commit"] = Field(
        default="ask",
        description="what becomes of a draft that no required check proves; allowed: commit what was tried as a whole "
        "and the rules allow",
    )
    ask_seconds: float | None = Field(
        default=None,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="how long you may take to answer; then the task abstains; default: no limit",
    )
    rules: str | None = Field(
        default=None,
        description="a file of rules in place of the workspace's revet.toml: what may be done beyond files",
    )
    database: str | None = Field(
        default=None,
        description="the database of SQL that names none: sqlite:///PATH, duckdb:///PATH, postgresql://USER@HOST/NAME",
    )
    seed: int = Field(default=0, strict=True, description="the same seed gives the same run")

    @field_validator("model", "reviser", "critic", "judge", mode="before")
    @classmethod
    def _name(cls, value: object) -> object:
        if value is not None and not isinstance(value, str):
            hint = "write provider:name, for example openai:gpt-5-mini; `revet doctor` lists the providers"
            raise Wrong(f"must be a model's name, but is {describe(value)}", hint=hint)
        return value

    @field_validator("model", "reviser", "critic", "judge")
    @classmethod
    def _model(cls, value: str | None, info: ValidationInfo) -> str | None:
        from revet import models

        if value == REPAIR and info.field_name != "model":
            raise Wrong(
                f"{REPAIR} is no language model", hint="write provider:name; `revet doctor` lists the providers"
            )
        return None if value is None else _accepted(models.parse, value)

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        address = urlsplit(value or "http://default")
        if address.scheme not in ("http", "https") or not address.netloc:
            raise Wrong(f"{value!r} is no address of a server", hint="write one such as http://localhost:8000/v1")
        return value

    @field_validator("database")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        from revet.actions.sql.target import target_of

        return None if value is None else _accepted(target_of, value)

    @field_validator("recipe")
    @classmethod
    def _recipe(cls, value: str) -> str:
        from revet.graphs.recipes import RECIPES

        return _one_of("recipe", value, RECIPES)

    @field_validator("tools", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) or (isinstance(value, Mapping) and len(value) == 1) else value

    @field_validator("tools")
    @classmethod
    def _each_once(cls, value: tuple[ToolChoice, ...]) -> tuple[ToolChoice, ...]:
        from revet.tools.registry import TOOLS

        names = [choice.name for choice in value if not TOOLS[choice.name].many]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Wrong(f"the tool {twice} is given twice", hint="give it once, with all its options")
        return value

    @field_validator("sandbox")
    @classmethod
    def _sandbox(cls, value: str) -> str:
        from revet import sandboxes

        return _accepted(sandboxes.get, value)

    @field_validator("sandbox_features")
    @classmethod
    def _features(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from revet.sandboxes import Feature

        return tuple(_one_of("feature", name, Feature) for name in value)


class Entry(Model):
    """A task and how to run it."""

    task: Task
    settings: Settings = Settings()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    return next(iter(difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)), None)


def option_name(setting: str) -> str:
    """The option of the command line that gives the setting: of which there may be several, each gives one."""
    return {"tools": "--tool", "options": "--option"}.get(setting, "--" + setting.replace("_", "-"))


def settings_from(values: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """`base` with `values` laid over it, checked. The `InputError` it raises names options (``--rounds``)."""
    merged = (base.model_dump(exclude_unset=True) if base else {}) | dict(values)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        lines = []
        for detail in error.errors():
            problem, hint = problem_of(detail)
            lines.append(f"{option_name(str(detail['loc'][0]))}: {problem}" + (f"\n  → {hint}" if hint else ""))
        raise InputError("\n".join(lines)) from None


def overlaid(settings: Settings, above: Mapping[str, Any]) -> Settings:
    """`settings` with validated values above them. Options of the recipe are laid over one by one, and so are tools:
    one that is named above takes the place of the one of that name.
    """
    values = dict(above)
    if "tools" in values:
        from revet.tools.registry import TOOLS

        named = {choice.name for choice in values["tools"] if not TOOLS[choice.name].many}
        values["tools"] = (*(choice for choice in settings.tools if choice.name not in named), *values["tools"])
    if "options" in values:
        values["options"] = {**settings.options, **values["options"]}
    return settings.model_copy(update=values)


def workspace_problem(workspace: Path) -> tuple[str, str] | None:
    """What is wrong with a workspace and what to do about it, None if it can be used."""
    try:
        if workspace.is_dir():
            if os.access(workspace, os.R_OK | os.X_OK):
                return None
            return f"the folder {workspace} cannot be read", "give yourself read permission on it"
        if workspace.exists():
            return (
                f"{workspace} is a file, not a folder",
                "name its folder, and the file under `edit`",
            )
    except OSError as error:
        return (
            f"{workspace} cannot be looked at: {error.strerror}",
            "check the permissions above it",
        )
    return f"the folder {workspace} does not exist", "correct the path"


def command_problem(check: Check) -> tuple[str, str | None] | None:
    """What is wrong with a check's command and what to do about it, None if it can be run."""
    from revet.tools.commands import parse_command

    try:
        parse_command(check)
    except InputError as error:
        return str(error).partition("\n")[0], error.hint
    return None


def _tool(name: object) -> str:
    """`name`, if there is such a tool."""
    from revet.tools.registry import TOOLS

    return _one_of("tool", str(name), TOOLS)


def _accepted(lookup: Callable[[str], object], value: str) -> str:
    """`value`, if `lookup` knows it; its `InputError` becomes one of this field."""
    try:
        lookup(value)
    except InputError as error:
        raise Wrong(str(error).partition("\n")[0], hint=error.hint) from None
    return value


def _one_of(what: str, value: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if value in names:
        return value
    close = nearest(value, names)
    known_text = f"known: {', '.join(names)}"
    raise Wrong(f"there is no {what} {value!r}", hint=f"did you mean {close}? ({known_text})" if close else known_text)
