"""Validates tasks one by one: every error of a task is told at once, with file, line and field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from revet.schema import Check, Task
from revet.taskfile._choices import (
    Complaint,
    Looks,
    as_option,
    complaints,
    model_problem,
    needs_model,
    path_options,
    prompts_problem,
    rooted,
    rooted_database,
    rooted_tools,
    rules_problem,
)
from revet.taskfile._document import Item
from revet.taskfile._marked import Fault, Marked, locate, plain
from revet.taskfile._patterns import malformed, unmatched
from revet.taskfile._problems import Problems, dotted
from revet.taskfile._project import find_python, path_problem, safe_id
from revet.taskfile._settings import (
    REPAIR,
    ROLES,
    Entry,
    Settings,
    command_problem,
    overlaid,
    workspace_problem,
)
from revet.taskfile._words import describe, problem_of

__all__ = ["Loader"]

_Place = tuple[str | int, ...]
AnyModel = TypeVar("AnyModel", bound=BaseModel)
_TASK = tuple(Task.model_fields)
_SETTINGS = tuple(Settings.model_fields)
_CHECK = tuple(Check.model_fields)
_KNOWN = frozenset((*_TASK, *_SETTINGS))
_PATHS = ("workspace", "python", "prompts", "rules", "database", "tools", *ROLES)
_DEEP = "a task file needs only a few levels"
OVERRIDE = -1
"""In the place of a number: of a tool that the overrides name, and that so has no place in the file."""
REMEMBERED = 1024
"""Models, workspaces, commands … that are not looked at again: a hundred thousand tasks name the same few."""


class Loader:
    """Validates the tasks of one file, with its `defaults` and the validated `overrides`.

    What is wrong with the defaults, and so no matter of one task, goes to `problems`, and what stands against the
    overrides, which have no line, to `against_options`: each thing once. `sole` says whether the file has one task.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        defaults: Marked,
        overrides: Mapping[str, Any],
        problems: Problems,
        *,
        sole: bool,
    ) -> None:
        """`name` is a sole task's that says no other and has no workspace; relative paths are taken from `folder`."""
        self.name, self.folder, self.sole = name, folder, sole
        self.defaults, self.overrides, self.problems = defaults, overrides, problems
        self.against_options: dict[str, None] = {}
        if "id" in defaults.value:
            line = defaults.keys["id"]
            problems.add("cannot be a default: every task has its own", line, "defaults.id", "move it to the task")
            del defaults.value["id"]
        problems.check_keys(defaults, "defaults", (*_TASK, *_SETTINGS)[1:])
        self.inherited: dict[str, Any] = plain(defaults)
        remember = lru_cache(REMEMBERED)
        self.looks = Looks(remember(model_problem), remember(prompts_problem), remember(rules_problem))
        self.rooted: Callable[[str], str] = remember(partial(rooted, folder=folder))
        self.resolved: Callable[[str], str] = remember(partial(_resolved, folder))
        self.python: Callable[[str], str | None] = remember(partial(find_python, folder=folder))
        self.workspace = remember(partial(_workspace, folder))
        self.command = remember(command_problem)
        self.patterns = remember(_pattern_problems)

    @cached_property
    def against_defaults(self) -> frozenset[tuple[Sequence[str | int], str]]:
        """Place and words of what stands against the defaults whatever a task says."""
        alone = _Reading(self, Item(self.defaults.line, written={}), Problems(""))
        return frozenset((found.path, found.problem) for found in alone.complaints())

    def entry(self, item: Item, own: Problems) -> Entry | None:
        """The task and how to run it. What is wrong with this task goes to `own`; None where it cannot be read."""
        for fault in item.faults:
            (self.problems if item.of_all else own).add_fault(fault)
        if not item.readable:
            return None
        try:
            return _Reading(self, item, own).entry()
        except Fault as fault:
            own.add_fault(fault)
        except OSError as error:
            own.add(
                f"a file that it names cannot be looked at: {error.strerror}", item.line, item.name, "correct its path"
            )
        except RecursionError:
            own.add("is nested too deeply", item.line, item.name, _DEEP)
        return None


class _Reading:
    """One task on its way from what is written to an `Entry`."""

    def __init__(self, loader: Loader, item: Item, own: Problems) -> None:
        self.loader, self.item, self.own = loader, item, own

    def entry(self) -> Entry | None:
        loader, item, written = self.loader, self.item, self.item.written
        if not isinstance(written, dict):
            self.own.add(
                f"a task is a mapping of names to values, but this is {describe(written)}", item.line, item.name
            )
            return None
        if "defaults" in written and not item.name:
            hint = "write them in a line of their own, before the tasks"
            loader.problems.add("may stand in the first line only, and alone there", item.line, "defaults", hint)
            return None
        if not written.keys() <= _KNOWN:
            self.own.check_keys(item.node, item.name, (*_TASK, *_SETTINGS))
        values = {**loader.inherited, **written}
        if not isinstance(values.get("checks", ""), str):
            self._check_check_keys(values)
        if "id" not in values:
            values["id"] = self._default_id(values)
        recipe = {"recipe": "core", **values, **loader.overrides}["recipe"]
        if self._has_impossible_paths(values, path_options(recipe)):
            return None
        self._resolve_paths(values, path_options(recipe))
        self._check_commands(values)
        repairs = {"model": REPAIR, **values, **loader.overrides}["model"] in (REPAIR, None) and not needs_model(recipe)
        if repairs:
            self._require(values, "workspace", "say which folder to repair")
            self._require(values, "checks", 'say what must pass, such as checks: ["pytest -q"]')
        self._check_patterns(values, must_match=repairs)
        task = self._validate(Task, {k: values[k] for k in _TASK if k in values})
        settings = self._validate(Settings, {k: values[k] for k in _SETTINGS if k in values})
        if task is None or settings is None:
            return None
        whole = overlaid(settings, loader.overrides)
        for found in complaints(whole, task, loader.looks):
            self._complain(_in_file(found, whole, settings))
        return Entry(task=task, settings=whole)

    def _complain(self, found: Complaint) -> None:
        first, *rest = found.path
        overrides = self.loader.overrides
        above = None if first == "tools" and rest and rest[0] != OVERRIDE else overrides.get(str(first))
        if above is not None and (not isinstance(above, Mapping) or not rest or rest[0] in above):
            self.loader.against_options[as_option(found)] = None
            return
        absent = not rest and first not in self.item.written and first not in self.loader.inherited
        inherits = self._inherits(found.path) and (found.path, found.problem) in self.loader.against_defaults
        self._note(found.problem, found.path, found.hint, missing=str(first) if absent else "", own=not inherits)

    def complaints(self) -> Iterator[Complaint]:
        """What `complaints` finds against the settings alone, whatever the task is."""
        values = {**self.loader.inherited, **self.item.written}
        recipe = {"recipe": "core", **values, **self.loader.overrides}["recipe"]
        if self._has_impossible_paths(values, path_options(recipe)):
            return
        self._resolve_paths(values, path_options(recipe))
        try:
            settings = Settings.model_validate({k: values[k] for k in _SETTINGS if k in values})
        except ValidationError:
            return  # told of every task that has them
        whole = overlaid(settings, self.loader.overrides)
        yield from (_in_file(found, whole, settings) for found in complaints(whole, None, self.loader.looks))

    def _note(
        self,
        problem: str,
        path: Sequence[str | int],
        hint: str | None = None,
        *,
        missing: str = "",
        own: bool = False,
    ) -> None:
        """Notes what is wrong with the value at `path`, which has no field `missing`.

        It is a matter of all tasks if they inherit the value; of this one if it is its own, or only here wrong (`own`).
        """
        line, field = self._place(path)
        (self.own if own else self._problems_of(path)).add(problem, line, dotted(field, missing), hint)

    def _inherits(self, path: Sequence[str | int]) -> bool:
        return bool(path) and path[0] not in self.item.written and path[0] in self.loader.inherited

    def _problems_of(self, path: Sequence[str | int]) -> Problems:
        return self.loader.problems if self._inherits(path) else self.own

    def _place(self, path: Sequence[str | int]) -> tuple[int, str]:
        """Line and dotted field of a value: in the task, or in `defaults` if the task has it from there."""
        inherits = self._inherits(path)
        node, name = (self.loader.defaults, "defaults") if inherits else (self.item.node, self.item.name)
        line, field = locate(node, path)
        return line, name + field if field.startswith("[") else dotted(name, field)

    def _validate(self, model: type[AnyModel], values: dict[str, Any]) -> AnyModel | None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                problem, hint = problem_of(detail)
                missing = str(detail["loc"][-1]) if detail["type"] == "missing" else ""
                self._note(problem, detail["loc"], hint, missing=missing)
            return None

    def _check_check_keys(self, values: dict[str, Any]) -> None:
        """Notes unknown keys of checks with the nearest known one, and drops them from `values`."""
        checks = values["checks"]
        for index, check in enumerate(checks if isinstance(checks, list) else ()):
            if isinstance(check, dict) and not check.keys() <= set(_CHECK):
                path = ("checks", index)
                _, name = self._place(path)
                written = self.loader.defaults if self._inherits(path) else self.item.node
                self._problems_of(path).check_keys(written.value["checks"].value[index], name, _CHECK)
                values["checks"] = [*values["checks"]]
                values["checks"][index] = {k: v for k, v in check.items() if k in _CHECK}

    def _default_id(self, values: Mapping[str, Any]) -> str:
        """The name of the workspace (of the file, without one), made safe. Only a sole task may leave its id out."""
        if not self.loader.sole:
            hint = "give each task a short id of its own"
            self.own.add("is missing", self.item.line, dotted(self.item.name, "id"), hint)
        workspace = values.get("workspace")
        return safe_id((self.loader.folder / str(workspace)).resolve().name if workspace else self.loader.name)

    def _has_impossible_paths(self, values: Mapping[str, Any], path_options: Sequence[str]) -> bool:
        """Notes the paths that no system can look for: what they name is not looked for, either."""
        found = False
        for path, written in _written_paths(values, path_options):
            if problem := path_problem(written):
                self._note(problem[0], path, problem[1])
                found = True
        return found

    def _resolve_paths(self, values: dict[str, Any], path_options: Sequence[str]) -> None:
        """Makes the paths in `values` absolute; those that cannot be used are noted."""
        folder = self.loader.folder
        workspace, python = values.get("workspace"), values.get("python")
        if workspace and isinstance(workspace, str):
            values["workspace"], problem = self.loader.workspace(workspace)
            if problem:
                self._note(problem[0], ("workspace",), problem[1])
        if python is not None and isinstance(python, str):
            values["python"] = self.loader.python(python)
            if values["python"] is None:
                self._note(f"there is no interpreter {python!r}", ("python",), "name a python that runs here")
        for name in ("prompts", "rules"):
            if isinstance(path := values.get(name), str):
                values[name] = self.loader.resolved(path)
        if isinstance(url := values.get("database"), str):
            values["database"] = rooted_database(url, folder)
        if isinstance(options := values.get("options"), dict):
            paths = {name: options[name] for name in path_options if isinstance(options.get(name), str)}
            values["options"] = options | {name: self.loader.resolved(path) for name, path in paths.items()}
        if "tools" in values:
            values["tools"] = rooted_tools(values["tools"], folder)
        for role in ROLES:
            if isinstance(spec := values.get(role), str):
                values[role] = self.loader.rooted(spec)

    def _check_commands(self, values: Mapping[str, Any]) -> None:
        checks = values.get("checks")
        for index, written in enumerate(checks if isinstance(checks, list) else [checks]):
            try:
                check = Check.model_validate({"command": written} if isinstance(written, str) else written)
            except ValidationError:
                continue  # told with the rest of the task
            if problem := self.loader.command(check):
                self._note(problem[0], ("checks", index), problem[1])

    def _check_patterns(self, values: Mapping[str, Any], *, must_match: bool) -> None:
        """Notes patterns that are none, and (where a draft makes no files) those of `edit` that match no file."""
        workspace = values.get("workspace")
        for name in ("edit", "protect"):
            written = values.get(name) or []
            patterns = [written] if isinstance(written, str) else written
            if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
                continue  # told with the rest of the task
            matched = isinstance(workspace, str) and name == "edit" and must_match
            own = matched and not self.item.written.keys().isdisjoint(("workspace", "model", "recipe"))
            for index, (problem, hint) in self.loader.patterns(tuple(patterns), workspace if matched else None).items():
                self._note(problem, (name, index), hint, own=own)

    def _require(self, values: Mapping[str, Any], name: str, hint: str) -> None:
        if name not in values:
            self.own.add("is missing", self.item.line, dotted(self.item.name, name), hint)
        elif values[name] in (None, "", []):
            self._note("is empty", (name,), hint)


def _written_paths(values: Mapping[str, Any], options: Sequence[str]) -> Iterator[tuple[_Place, str]]:
    """The texts among the values that are paths, or may name one, with their places."""
    yield from _texts({name: values[name] for name in _PATHS if name in values})
    given = values.get("options")
    if isinstance(given, dict):
        yield from ((("options", name), text) for name in options if isinstance(text := given.get(name), str))


def _texts(value: object) -> Iterator[tuple[_Place, str]]:
    """Every text in a value, with its place."""
    if isinstance(value, str):
        yield (), value
    elif isinstance(value, list | dict):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from (((key, *place), text) for place, text in _texts(each))


def _resolved(folder: Path, written: str) -> str:
    return str((folder / Path(written).expanduser()).resolve())


def _workspace(folder: Path, written: str) -> tuple[str, tuple[str, str] | None]:
    """A workspace's path, and what is wrong with it."""
    path = _resolved(folder, written)
    return path, workspace_problem(Path(path))


def _pattern_problems(patterns: tuple[str, ...], workspace: str | None) -> dict[int, tuple[str, str]]:
    """What is wrong with each pattern, by its position: it is none, or (with a workspace) matches no file there."""
    found = malformed(patterns)
    if not found and workspace is not None and Path(workspace).is_dir():
        found = unmatched(Path(workspace), patterns)
    return found


def _in_file(found: Complaint, whole: Settings, written: Settings) -> Complaint:
    """The complaint with the number that a tool has in the file."""
    if found.path[0] != "tools" or not isinstance(found.path[1], int):
        return found
    choice = whole.tools[found.path[1]]
    number = next((n for n, tool in enumerate(written.tools) if tool is choice), OVERRIDE)
    return replace(found, path=("tools", number, *found.path[2:]))
