"""A task file's text to its tasks as written: YAML, JSON or JSONL, not yet validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from revet.taskfile._marked import Fault, Marked, parse_json, parse_yaml, plain
from revet.taskfile._problems import Problems
from revet.taskfile._words import describe

__all__ = ["Document", "Item", "read"]

SUFFIXES = (".yaml", ".yml", ".json", ".jsonl")


@dataclass(frozen=True)
class Item:
    """A task as written, and its name in the file: ``tasks[2]``, ``[2]`` in a bare list, nothing in JSONL."""

    node: Marked
    name: str


@dataclass(frozen=True)
class Document:
    items: list[Item] = field(default_factory=list)
    defaults: Marked = field(default_factory=lambda: Marked({}, 1))


def read(path: Path, problems: Problems) -> Document:
    """What the file holds. Whatever is wrong goes to `problems`; the rest is read all the same."""
    text = _text(path, problems)
    if text is None:
        return Document()
    if not text.strip():
        hint = "write at least one task; `revet schema` describes the form"
        problems.add("the file is empty", 1, hint=hint)
        return Document()
    faults: list[Fault] = []
    if path.suffix.lower() == ".jsonl":
        document = _lines(text, faults, problems)
    else:
        document = _whole(path, text, faults, problems)
    for fault in faults:
        problems.add_fault(fault)
    if not document.items and not problems.errors:
        problems.add("there are no tasks in the file", 1, hint="add at least one")
    return document


def _text(path: Path, problems: Problems) -> str | None:
    hint = "name a task file: " + ", ".join(SUFFIXES)
    if path.is_dir():
        problem = "is a folder, not a task file"
        problems.add(problem, None, hint=f"{hint}; or use `revet fix {path}` for one project")
    elif not path.exists():
        problems.add("the task file does not exist", None, hint="correct the path")
    elif path.suffix.lower() not in SUFFIXES:
        problem = f"a task file's name ends in {', '.join(SUFFIXES)}"
        problems.add(problem, None, hint="rename it; or use `revet fix PATH` for one project")
    else:
        return _decoded(path, problems)
    return None


def _decoded(path: Path, problems: Problems) -> str | None:
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"the task file cannot be read: {error.strerror}"
        problems.add(problem, None, hint="check its permissions")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add("the file is not UTF-8 text", line, hint="save it as UTF-8 in your editor")
        return None


def _whole(path: Path, text: str, faults: list[Fault], problems: Problems) -> Document:
    """A YAML or JSON document: ``{defaults, tasks}``, or a bare list of tasks."""
    try:
        parse = parse_json if path.suffix.lower() == ".json" else parse_yaml
        root = parse(text, faults)
    except Fault as fault:
        faults.append(fault)
        return Document()
    if root is None:
        problems.add("the file holds only comments", 1, hint="write at least one task under `tasks:`")
        return Document()
    if isinstance(root.value, list):
        return Document([Item(node, f"[{index}]") for index, node in enumerate(root.value)])
    if not isinstance(root.value, dict):
        problem = f"a task file is a mapping with `tasks`, but this is {describe(root.value)}"
        problems.add(problem, root.line, hint="start with `tasks:`; `revet schema` describes the form")
        return Document()
    return _mapping(root, problems)


def _mapping(root: Marked, problems: Problems) -> Document:
    if "tasks" not in root.value and {"workspace", "checks", "goal"} & set(root.value):
        hint = "put the task into a list: `tasks:`, then `- workspace: …` below it"
        problems.add("`tasks` is missing", root.line, hint=hint)
        return Document()
    problems.check_keys(root, "", ("defaults", "tasks", "$schema"))
    defaults = _defaults(root, problems)
    tasks = root.value.get("tasks")
    line = root.keys.get("tasks", root.line)
    if tasks is None or not tasks.value:
        problems.add("there are no tasks in the file", line, "tasks", "add at least one: `- workspace: …`")
    elif not isinstance(tasks.value, list):
        problem = f"must be a list of tasks, but is {describe(plain(tasks))}"
        problems.add(problem, line, "tasks", "start each task with `- `")
    else:
        items = [Item(node, f"tasks[{index}]") for index, node in enumerate(tasks.value)]
        return Document(items, defaults)
    return Document(defaults=defaults)


def _lines(text: str, faults: list[Fault], problems: Problems) -> Document:
    """One task a line; blank lines are skipped; the first may hold only `defaults`."""
    nodes: list[Marked] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                nodes.append(parse_json(line, faults, first_line=number))
            except Fault as fault:
                faults.append(fault)
    if nodes and isinstance(nodes[0].value, dict) and set(nodes[0].value) == {"defaults"}:
        defaults = _defaults(nodes.pop(0), problems)
        return Document([Item(node, "") for node in nodes], defaults)
    return Document([Item(node, "") for node in nodes])


def _defaults(root: Marked, problems: Problems) -> Marked:
    defaults = root.value.get("defaults")
    if defaults is not None and isinstance(defaults.value, dict):
        return Marked(dict(defaults.value), defaults.line, defaults.keys)
    if defaults is not None and defaults.value is not None:
        problem = f"must be a mapping of names to values, but is {describe(plain(defaults))}"
        problems.add(problem, root.keys["defaults"], "defaults")
    return Marked({}, root.line)
