"""Validates the tasks of a file: every error is reported at once, with file, line and field."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from revet.errors import InputError
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
)
from revet.taskfile._document import Document, Item, read
from revet.taskfile._marked import locate, plain
from revet.taskfile._patterns import malformed, unmatched
from revet.taskfile._problems import Problems, dotted
from revet.taskfile._project import find_python, safe_id
from revet.taskfile._settings import (
    REPAIR,
    ROLES,
    Entry,
    Settings,
    command_problem,
    overlaid,
    settings_from,
    workspace_problem,
)
from revet.taskfile._words import describe, problem_of

__all__ = ["load"]

AnyModel = TypeVar("AnyModel", bound=BaseModel)
_TASK = tuple(Task.model_fields)
_SETTINGS = tuple(Settings.model_fields)
_CHECK = tuple(Check.model_fields)
OVERRIDE = -1
"""In the place of a number: of a tool that the overrides name, and that so has no place in the file."""


def load(path: str | Path, overrides: Mapping[str, Any] | None = None) -> list[Entry]:
    """The tasks of a YAML, JSON or JSONL file, in its order; at least one.

    Relative paths (`workspace`, `python`, `prompts`, `rules`, models that are files, options that are paths) are taken
    from the file's folder. `overrides` are settings that stand above the file's, whose own values are checked all the
    same; relative paths in them are left as they are. Raises `TaskFileErrors`, or an `InputError` that names options of
    the command line.
    """
    path = Path(path)
    problems = Problems(str(path))
    document = read(path, problems)
    loader = _Loader(path.absolute(), document, problems)
    settings = settings_from(overrides or {})
    chosen = {name: getattr(settings, name) for name in overrides or {}}
    entries = [entry for item in document.items if (entry := loader.entry(item, chosen))]
    loader.check_ids()
    problems.raise_any()
    if loader.against_options:
        raise InputError("\n".join(loader.against_options))
    return entries


class _Loader:
    """Validates the tasks of one document. An entry that has errors is None; the errors are in `problems`.

    What stands against the overrides, which have no line, is in `against_options`, each thing once.
    """

    def __init__(self, file: Path, document: Document, problems: Problems) -> None:
        self.file, self.folder, self.items, self.problems = file, file.parent, document.items, problems
        self.defaults = document.defaults
        self.against_options: dict[str, None] = {}
        # ten thousand tasks name the same few models
        self._looks = Looks(functools.cache(model_problem), functools.cache(prompts_problem))
        if "id" in self.defaults.value:
            line = self.defaults.keys["id"]
            problems.add("cannot be a default: every task has its own", line, "defaults.id", "move it to the task")
            del self.defaults.value["id"]
        problems.check_keys(self.defaults, "defaults", (*_TASK, *_SETTINGS)[1:])

    def entry(self, item: Item, overrides: Mapping[str, Any]) -> Entry | None:
        written = item.node.value
        if not isinstance(written, dict):
            problem = f"a task is a mapping of names to values, but this is {describe(plain(item.node))}"
            self.problems.add(problem, item.node.line, item.name)
            return None
        self.problems.check_keys(item.node, item.name, (*_TASK, *_SETTINGS))
        values = {key: plain(node) for key, node in {**self.defaults.value, **written}.items()}
        self._check_check_keys(item, values)
        if "id" not in values:
            values["id"] = self._default_id(item, values)
        recipe = {"recipe": "core", **values, **overrides}["recipe"]
        self._resolve_paths(item, values, path_options(recipe))
        self._check_commands(item, values)
        repairs = {"model": REPAIR, **values, **overrides}["model"] in (REPAIR, None) and not needs_model(recipe)
        if repairs:
            self._require(item, values, "workspace", "say which folder to repair")
            self._require(item, values, "checks", 'say what must pass, such as checks: ["pytest -q"]')
        self._check_patterns(item, values, must_match=repairs)
        task = self._validate(Task, item, {k: values[k] for k in _TASK if k in values})
        settings = self._validate(Settings, item, {k: values[k] for k in _SETTINGS if k in values})
        if task is None or settings is None:
            return None
        whole = overlaid(settings, overrides)
        for found in complaints(whole, task, self._looks):
            self._complain(item, _in_file(found, whole, settings), overrides)
        return Entry(task=task, settings=whole)

    def _complain(self, item: Item, found: Complaint, overrides: Mapping[str, Any]) -> None:
        first, *rest = found.path
        above = None if first == "tools" and rest and rest[0] != OVERRIDE else overrides.get(str(first))
        if above is not None and (not isinstance(above, Mapping) or not rest or rest[0] in above):
            self.against_options[as_option(found)] = None
        else:
            line, field = self._place(item, found.path)
            if not rest and first not in item.node.value and first not in self.defaults.value:
                field = dotted(item.name, str(first))
            self.problems.add(found.problem, line, field, found.hint)

    def check_ids(self) -> None:
        """Notes every id that an earlier task has."""
        first: dict[str, int] = {}
        for item in self.items:
            if not isinstance(item.node.value, dict) or "id" not in item.node.value:
                continue
            name, line = item.node.value["id"].value, item.node.keys["id"]
            if isinstance(name, str) and name in first:
                problem = f"the id {name!r} is already used in line {first[name]}"
                self.problems.add(problem, line, dotted(item.name, "id"), "give each task an id of its own")
            elif isinstance(name, str):
                first[name] = line

    def _place(self, item: Item, path: Sequence[str | int]) -> tuple[int, str]:
        """Line and dotted field of a value: in the task, or in `defaults` if the task has it from there."""
        written = item.node.value
        inherited = bool(path) and path[0] not in written and path[0] in self.defaults.value
        node, name = (self.defaults, "defaults") if inherited else (item.node, item.name)
        line, field = locate(node, path)
        return line, name + field if field.startswith("[") else dotted(name, field)

    def _validate(self, model: type[AnyModel], item: Item, values: dict[str, Any]) -> AnyModel | None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                problem, hint = problem_of(detail)
                line, field = self._place(item, detail["loc"])
                if detail["type"] == "missing":
                    field = dotted(field, str(detail["loc"][-1]))
                self.problems.add(problem, line, field, hint)
            return None

    def _check_check_keys(self, item: Item, values: dict[str, Any]) -> None:
        """Notes unknown keys of checks with the nearest known one, and drops them from `values`."""
        node = item.node.value.get("checks") or self.defaults.value.get("checks")
        for index, check in enumerate(node.value if node and isinstance(node.value, list) else ()):
            if isinstance(check.value, dict):
                _, name = self._place(item, ("checks", index))
                self.problems.check_keys(check, name, _CHECK)
                values["checks"][index] = {k: plain(v) for k, v in check.value.items() if k in _CHECK}

    def _default_id(self, item: Item, values: Mapping[str, Any]) -> str:
        """The name of the workspace (of the file, without one), made safe. Only a sole task may leave its id out."""
        if len(self.items) > 1:
            hint = "give each task a short id of its own"
            self.problems.add("is missing", item.node.line, dotted(item.name, "id"), hint)
        workspace = values.get("workspace")
        return safe_id((self.folder / str(workspace)).resolve().name if workspace else self.file.stem)

    def _resolve_paths(self, item: Item, values: dict[str, Any], path_options: Sequence[str]) -> None:
        """Makes the paths in `values` absolute; those that cannot be used are noted."""
        workspace, python = values.get("workspace"), values.get("python")
        if workspace and isinstance(workspace, str):
            folder = (self.folder / Path(workspace).expanduser()).resolve()
            values["workspace"] = str(folder)
            if problem := workspace_problem(folder):
                self.problems.add(problem[0], *self._place(item, ("workspace",)), problem[1])
        if python is not None and isinstance(python, str):
            values["python"] = find_python(python, self.folder)
            if values["python"] is None:
                place = self._place(item, ("python",))
                self.problems.add(f"there is no interpreter {python!r}", *place, "name a python that runs here")
        for name in ("prompts", "rules"):
            if isinstance(path := values.get(name), str):
                values[name] = str((self.folder / Path(path).expanduser()).resolve())
        if isinstance(url := values.get("database"), str):
            values["database"] = rooted_database(url, self.folder)
        options = values.get("options")
        options = options if isinstance(options, dict) else {}
        for name in path_options:
            if isinstance(written := options.get(name), str):
                options[name] = str((self.folder / Path(written).expanduser()).resolve())
        if "tools" in values:
            values["tools"] = rooted_tools(values["tools"], self.folder)
        for role in ROLES:
            if isinstance(spec := values.get(role), str):
                values[role] = rooted(spec, self.folder)

    def _check_commands(self, item: Item, values: Mapping[str, Any]) -> None:
        checks = values.get("checks")
        for index, written in enumerate(checks if isinstance(checks, list) else [checks]):
            try:
                check = Check.model_validate({"command": written} if isinstance(written, str) else written)
            except ValidationError:
                continue  # told with the rest of the task
            if problem := command_problem(check):
                self.problems.add(problem[0], *self._place(item, ("checks", index)), problem[1])

    def _check_patterns(self, item: Item, values: Mapping[str, Any], *, must_match: bool) -> None:
        """Notes patterns that are none, and (where a draft makes no files) those of `edit` that match no file."""
        workspace = values.get("workspace")
        for name in ("edit", "protect"):
            written = values.get(name) or []
            patterns = [written] if isinstance(written, str) else written
            if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
                continue  # told with the rest of the task
            found = malformed(patterns)
            if name == "edit" and must_match and not found and isinstance(workspace, str) and Path(workspace).is_dir():
                found = unmatched(Path(workspace), patterns)
            for index, (problem, hint) in found.items():
                self.problems.add(problem, *self._place(item, (name, index)), hint)

    def _require(self, item: Item, values: Mapping[str, Any], name: str, hint: str) -> None:
        if name not in values:
            self.problems.add("is missing", item.node.line, dotted(item.name, name), hint)
        elif values[name] in (None, "", []):
            self.problems.add("is empty", *self._place(item, (name,)), hint)


def _in_file(found: Complaint, whole: Settings, written: Settings) -> Complaint:
    """The complaint with the number that a tool has in the file."""
    if found.path[0] != "tools" or not isinstance(found.path[1], int):
        return found
    choice = whole.tools[found.path[1]]
    number = next((n for n, tool in enumerate(written.tools) if tool is choice), OVERRIDE)
    return replace(found, path=("tools", number, *found.path[2:]))
