"""A task file's text to its tasks as written: YAML, JSON or a line of JSONL, not yet validated."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from revet.taskfile._lines import LONGEST, digest_of, is_stream
from revet.taskfile._marked import Fault, Marked, parse_json, parse_yaml, plain, quick_json
from revet.taskfile._problems import Problems
from revet.taskfile._words import describe

__all__ = ["Document", "Item", "defaults_of", "is_jsonl", "item_of_line", "read", "usable"]

_DEFAULTS = re.compile(rb"""\s*\{\s*['"]?defaults\b""")
"""The start of a line that is meant to be the defaults, if it cannot be read."""

SUFFIXES = (".yaml", ".yml", ".json", ".jsonl")


@dataclass(frozen=True)
class Item:
    """A task as written. `name` is its place in the file: ``tasks[2]``, ``[2]`` in a bare list, nothing in JSONL.

    `written` is what it holds, without lines; `node`, with them, is looked for only where something is to be told.
    What is wrong with its text is in `faults`, and where nothing can be read it is not `readable`. `of_all` is true if
    that is a matter of all tasks: of the encoding, or of what seems to be the defaults.
    """

    line: int
    name: str = ""
    written: Any = None
    faults: Sequence[Fault] = ()
    readable: bool = True
    of_all: bool = False
    source: Marked | str = ""

    @cached_property
    def node(self) -> Marked:
        if isinstance(self.source, Marked):
            return self.source
        return parse_json(self.source, [], first_line=self.line)

    def line_of(self, key: str) -> int:
        """The line where `key` stands."""
        return self.source.keys[key] if isinstance(self.source, Marked) else self.line


@dataclass(frozen=True)
class Document:
    items: list[Item] = field(default_factory=list)
    defaults: Marked = field(default_factory=lambda: Marked({}, 1))
    digest: str = ""


def usable(path: Path, problems: Problems) -> bool:
    """Is there such a file, and by its name a task file? If not, that goes to `problems`."""
    hint = "name a task file: " + ", ".join(SUFFIXES)
    try:
        if path.is_dir():
            problem = "is a folder, not a task file"
            problems.add(problem, None, hint=f"{hint}; or use `revet fix {path}` for one project")
        elif not is_stream(path) and not path.exists():
            problems.add("the task file does not exist", None, hint="correct the path")
        elif path.suffix.lower() not in SUFFIXES and not is_stream(path):
            problem = f"a task file's name ends in {', '.join(SUFFIXES)}"
            problems.add(problem, None, hint="rename it; or use `revet fix PATH` for one project")
        else:
            return True
    except OSError as error:
        problems.add_unreadable(error)
    return False


def is_jsonl(path: Path) -> bool:
    """True for what is read line by line: JSONL by its name, and a pipe whose name says nothing."""
    suffix = path.suffix.lower()
    return suffix == ".jsonl" or suffix not in SUFFIXES


def read(path: Path, problems: Problems) -> Document:
    """What a YAML or JSON file holds. Whatever is wrong goes to `problems`; the rest is read all the same."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        problems.add_unreadable(error)
        return Document()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add("the file is not UTF-8 text", line, hint="save it as UTF-8 in your editor")
        return Document()
    if not text.strip():
        problems.add_empty()
        return Document()
    faults: list[Fault] = []
    document = _whole(path, text, faults, problems)
    for fault in faults:
        problems.add_fault(fault)
    if not document.items and not problems.errors:
        problems.add_no_tasks()
    return Document(document.items, document.defaults, digest_of(data))


def item_of_line(number: int, data: bytes | None) -> Item | None:
    """The task in a line of JSONL, None for a blank one. `data` is None for a line that is too long to be kept."""
    if data is None:
        fault = Fault(f"the line is longer than {LONGEST >> 20} MiB", number, hint="write one task in each line")
        return Item(number, faults=[fault], readable=False)
    try:
        text = data.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
    except UnicodeDecodeError:
        other = number == 1 and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in data
        fault = Fault(f"the {'file' if other else 'line'} is not UTF-8 text", number, hint="save the file as UTF-8")
        return Item(number, faults=[fault], readable=False, of_all=other or bool(_DEFAULTS.match(data)))
    if not text.strip():
        return None
    try:
        written = quick_json(text)
    except (ValueError, RecursionError):
        return _slowly(number, text)
    if isinstance(written, dict) and "defaults" in written:
        return _slowly(number, text)
    return Item(number, "", written, source=text)


def _slowly(number: int, text: str) -> Item:
    """The task in a line in which something is wrong, or that may hold the defaults."""
    faults: list[Fault] = []
    try:
        node = parse_json(text, faults, first_line=number)
    except Fault as fault:
        of_all = bool(_DEFAULTS.match(text.encode("utf-8", "surrogatepass")))
        return Item(number, faults=[*faults, fault], readable=False, of_all=of_all)
    return Item(number, "", plain(node), faults, source=node)


def defaults_of(root: Marked, problems: Problems) -> Marked:
    """The mapping under `defaults`, an empty one where there is none."""
    defaults = root.value.get("defaults")
    if defaults is not None and isinstance(defaults.value, dict):
        return Marked(dict(defaults.value), defaults.line, defaults.keys)
    if defaults is not None and defaults.value is not None:
        problem = f"must be a mapping of names to values, but is {describe(plain(defaults))}"
        problems.add(problem, root.keys["defaults"], "defaults")
    return Marked({}, root.line)


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
        return Document(_items(root.value, ""))
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
    defaults = defaults_of(root, problems)
    tasks = root.value.get("tasks")
    line = root.keys.get("tasks", root.line)
    if tasks is None or not tasks.value:
        problems.add("there are no tasks in the file", line, "tasks", "add at least one: `- workspace: …`")
    elif not isinstance(tasks.value, list):
        problem = f"must be a list of tasks, but is {describe(plain(tasks))}"
        problems.add(problem, line, "tasks", "start each task with `- `")
    else:
        return Document(_items(tasks.value, "tasks"), defaults)
    return Document(defaults=defaults)


def _items(nodes: Sequence[Marked], name: str) -> list[Item]:
    return [Item(node.line, f"{name}[{index}]", plain(node), source=node) for index, node in enumerate(nodes)]
