"""YAML and JSON text to values that remember their lines.

YAML is read by PyYAML's composer (the safe tags only, nothing is constructed from a tag); JSON by a small
recursive reader over the standard library's decoder, because YAML 1.1 reads some JSON
differently (``1e3`` as text, surrogate pairs as two characters).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

__all__ = ["Fault", "Marked", "locate", "parse_json", "parse_yaml", "plain", "quick_json"]

MAX_VALUES = 100_000
"""Values in one file once its aliases are expanded: a few lines of YAML can stand for billions."""

_CORE = "tag:yaml.org,2002:"
_SCALARS = {f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}
_SPACE = re.compile(r"[ \t\r\n]*")


class Fault(Exception):
    """One thing wrong with the text, at a line (from 1)."""

    def __init__(self, problem: str, line: int, *, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line, self.hint = problem, line, hint


@dataclass(frozen=True)
class Marked:
    """A value with its line: a scalar, a list of `Marked`, or a dict of them, whose `keys` have lines."""

    value: Any
    line: int
    keys: dict[str, int] = field(default_factory=dict)


def plain(node: Marked) -> Any:
    """The value without its lines."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def locate(node: Marked, path: Sequence[str | int]) -> tuple[int, str]:
    """The line of what `path` names below `node`, and as much of the path as exists: ``checks[0]``."""
    line, dotted = node.line, ""
    for step in path:
        inner = node.value
        if isinstance(inner, dict) and step in inner:
            line, node = node.keys[str(step)], inner[step]
            dotted += f".{step}" if dotted else str(step)
        elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
            node = inner[step]
            line, dotted = node.line, f"{dotted}[{step}]"
        else:
            break
    return line, dotted


# --- YAML --------------------------------------------------------------------------------------------------


def parse_yaml(text: str, faults: list[Fault]) -> Marked | None:
    """The one document of `text`, None if there is nothing in it. Duplicate keys and odd tags go to `faults`.

    Raises `Fault` for what cannot be read at all.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        raise Fault(f"the character {code} is not allowed in YAML", line, hint="remove it") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_fault(error) from None
    except RecursionError:
        raise Fault("is nested too deeply", 1, hint="a task file needs only a few levels") from None
    return None if root is None else _Composed(faults).convert(root)


def _syntax_fault(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        return Fault("a tab is used for indentation", line, hint="indent with spaces")
    if "expected a single document" in (error.context or ""):
        return Fault("a second document starts here", line, hint="put all tasks under one `tasks:` list")
    context = f"{error.context}: " if error.context else ""
    return Fault(
        f"not valid YAML: {context}{problem}",
        line,
        hint="look for a missing quote, colon or space near this line",
    )


class _Composed:
    """Turns PyYAML's nodes into `Marked`, following aliases and merge keys, within `MAX_VALUES`."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.count = 0
        self.open: set[int] = set()
        self.scalars = yaml.SafeLoader("")

    def convert(self, node: yaml.Node) -> Marked:
        line = node.start_mark.line + 1
        self.count += 1
        if self.count > MAX_VALUES:
            raise Fault(f"holds more than {MAX_VALUES:,} values once its aliases are expanded", line)
        if id(node) in self.open:
            raise Fault("an alias contains itself", line, hint="write the value out")
        if isinstance(node, yaml.ScalarNode):
            return Marked(self._scalar(node, line), line)
        self._check_tag(node, line)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, line)
            return Marked([self.convert(item) for item in node.value], line)
        finally:
            self.open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        if node.tag not in _SCALARS:
            self._refuse_tag(node, line)
            return node.value
        if node.tag == f"{_CORE}timestamp":
            return str(node.value)  # a date is text to us: ids may look like dates
        try:
            return self.scalars.construct_object(node)
        except (ValueError, KeyError, yaml.YAMLError):
            kind = node.tag.removeprefix(_CORE)
            self.faults.append(Fault(f"{node.value!r} cannot be read as {kind}", line, hint="put it in quotes"))
            return node.value

    def _check_tag(self, node: yaml.Node, line: int) -> None:
        if node.tag not in (f"{_CORE}map", f"{_CORE}seq"):
            self._refuse_tag(node, line)

    def _refuse_tag(self, node: yaml.Node, line: int) -> None:
        shown = node.tag.replace(_CORE, "!!")
        self.faults.append(
            Fault(
                f"the tag {shown} is not allowed",
                line,
                hint="write a plain value: text, number, list or mapping",
            )
        )

    def _mapping(self, node: yaml.MappingNode, line: int) -> Marked:
        items: dict[str, Marked] = {}
        keys: dict[str, int] = {}
        merged: list[Marked] = []
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if key_node.tag == f"{_CORE}merge":
                merged += self._merge(value_node)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(Fault("a key must be text", at))
                continue
            key = str(key_node.value)
            if key in items:
                self.faults.append(_duplicate(key, at, keys[key]))
                continue
            items[key], keys[key] = self.convert(value_node), at
        for other in merged:
            for key, value in other.value.items():
                if key not in items:
                    items[key], keys[key] = value, other.keys[key]
        return Marked(items, line, keys)

    def _merge(self, node: yaml.Node) -> Iterator[Marked]:
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(part, yaml.MappingNode):
                yield self.convert(part)
            else:
                self.faults.append(Fault("`<<` merges mappings only", part.start_mark.line + 1))


def _duplicate(key: str, line: int, first: int) -> Fault:
    return Fault(f"the key {key!r} is there twice (first in line {first})", line, hint="keep one of the two")


# --- JSON --------------------------------------------------------------------------------------------------


def parse_json(text: str, faults: list[Fault], *, first_line: int = 1) -> Marked:
    """The JSON value that `text` holds; its first line counts as `first_line`. Duplicate keys go to `faults`.

    Raises `Fault` where it is no JSON.
    """
    reader = _JsonReader(text, faults, first_line)
    try:
        node, end = reader.value(0)
        end = reader.skip(end)
        if end != len(text):
            raise json.JSONDecodeError("something follows the value", text, end)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg} (column {error.colno})"
        hint = "look for a missing quote, comma or bracket, or one too many"
        raise Fault(problem, error.lineno + first_line - 1, hint=hint) from None
    except RecursionError:
        raise Fault("is nested too deeply", first_line, hint="a task file needs only a few levels") from None
    return node


def quick_json(text: str) -> Any:
    """What `parse_json` reads, without lines, at the speed of the standard library.

    Raises `ValueError` or `RecursionError` where something is wrong: `parse_json` says what, and where.
    """
    return _QUICK.decode(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) < len(pairs):
        raise ValueError("a key is there twice")
    return items


_QUICK = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_each_key_once)


class _JsonReader:
    def __init__(self, text: str, faults: list[Fault], first_line: int) -> None:
        self.text, self.faults, self.first_line = text, faults, first_line
        self.scalars = json.JSONDecoder(parse_constant=_refuse_constant)
        self._counted = (0, first_line)

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def line(self, at: int) -> int:
        """The line of an offset. Counting goes on from the last one: offsets mostly ascend."""
        offset, line = self._counted if self._counted[0] <= at else (0, self.first_line)
        self._counted = (at, line + self.text.count("\n", offset, at))
        return self._counted[1]

    def value(self, at: int) -> tuple[Marked, int]:
        at = self.skip(at)
        line, head = self.line(at), self.text[at : at + 1]
        if head == "{":
            return self._object(at, line)
        if head == "[":
            return self._array(at, line)
        scalar, end = self._scalar(at)
        return Marked(scalar, line), end

    def _scalar(self, at: int) -> tuple[Any, int]:
        try:
            return self.scalars.raw_decode(self.text, at)
        except json.JSONDecodeError:
            raise
        except ValueError as error:  # NaN, Infinity, or an integer of thousands of digits
            raise json.JSONDecodeError(str(error), self.text, at) from None

    def _array(self, at: int, line: int) -> tuple[Marked, int]:
        items: list[Marked] = []
        at = self.skip(at + 1)
        if self.text.startswith("]", at):
            return Marked(items, line), at + 1
        while True:
            item, at = self.value(at)
            items.append(item)
            at, more = self._separator(at, "]")
            if not more:
                return Marked(items, line), at

    def _object(self, at: int, line: int) -> tuple[Marked, int]:
        items: dict[str, Marked] = {}
        keys: dict[str, int] = {}
        at = self.skip(at + 1)
        if self.text.startswith("}", at):
            return Marked(items, line, keys), at + 1
        while True:
            at = self.skip(at)
            if not self.text.startswith('"', at):
                raise json.JSONDecodeError("a key in double quotes was expected", self.text, at)
            key_line = self.line(at)
            key, at = self._scalar(at)
            at = self.skip(at)
            if not self.text.startswith(":", at):
                raise json.JSONDecodeError("a colon was expected", self.text, at)
            item, at = self.value(at + 1)
            if key in items:
                self.faults.append(_duplicate(key, key_line, keys[key]))
            else:
                items[key], keys[key] = item, key_line
            at, more = self._separator(at, "}")
            if not more:
                return Marked(items, line, keys), at

    def _separator(self, at: int, end: str) -> tuple[int, bool]:
        """Past a comma (more follows) or past the closing `end`."""
        at = self.skip(at)
        if self.text.startswith(end, at):
            return at + 1, False
        if not self.text.startswith(",", at):
            raise json.JSONDecodeError(f"a comma or {end} was expected", self.text, at)
        return at + 1, True
