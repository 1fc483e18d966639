"""Reads the file of a scripted model: YAML or JSON to rules, every fault with its line and field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from revet.errors import InputError, ModelNotFound
from revet.models.scripted import Rule
from revet.models.wire import Tokens, ToolUse
from revet.schema import Model

__all__ = ["read_rules"]

HINT = "a script is a list of rules, such as `- {role: critic, reply: …}`"


def read_rules(path: Path) -> list[Rule]:
    """The rules of `path`, at least one. Raises `ModelNotFound` and `InputError`."""
    text = _text(path)
    if not text.strip():
        raise InputError(f"{path}: the script is empty", hint=HINT)
    root = _composed(path, text)
    values = _values_of_json(path, text) if path.suffix == ".json" else _values_of_yaml(path, root)
    if not isinstance(values, list) or not values:
        raise InputError(f"{path}:1: a script must be a list with at least one rule", hint=HINT)
    try:
        return TypeAdapter(list[Rule]).validate_python(values)
    except ValidationError as error:
        raise InputError("\n".join(_told(path, root, fault) for fault in error.errors()), hint=HINT) from None


def _text(path: Path) -> str:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ModelNotFound(f"the script {path} {what}", hint="correct the path in scripted:FILE")
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"the script {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the script is not UTF-8 text", hint="save it as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """YAML's plain values: dates and keys are text, a key stands once, and nothing refers to anything else."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias (*name) is not allowed here", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in node.value:
            problem = None if isinstance(key, yaml.ScalarNode) else "a key must be text"
            if problem is None and key.value in found:
                problem = f"the key {key.value!r} is there twice"
            if problem is not None:
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            found[key.value] = self.construct_object(value, deep=deep)
        return found


_Loader.yaml_implicit_resolvers = {
    head: [(tag, pattern) for tag, pattern in known if not tag.endswith((":timestamp", ":merge"))]
    for head, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _composed(path: Path, text: str) -> yaml.Node | None:
    """The nodes with their lines. None where a JSON file is not also YAML (tabs): its faults go without lines then."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        if path.suffix == ".json":
            return None
        raise _fault(path, error) from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply", hint=HINT) from None


def _values_of_yaml(path: Path, root: yaml.Node | None) -> Any:
    try:
        return None if root is None else _Loader("").construct_document(root)
    except yaml.YAMLError as error:
        raise _fault(path, error) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {error}", hint=HINT) from None


def _values_of_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg} (column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice!r} is there twice in one object")
    return found


def _fault(path: Path, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    return InputError(f"{where}: {getattr(error, 'problem', None) or error}", hint=HINT)


def _told(path: Path, root: yaml.Node | None, fault: Any) -> str:
    line, field = _located(root, fault["loc"])
    where = f"{path}:{line}" if line else str(path)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {field}: there is no such field; {_nearest(fault['loc'])}"
    return f"{where}: {field}: {fault['msg'].removeprefix('Value error, ')}"


def _nearest(steps: Sequence[str | int]) -> str:
    """The field that may be meant by the last of `steps`, or all that there are."""
    inner: dict[str, type[Model]] = {"tool_uses": ToolUse, "tokens": Tokens}
    known = list((inner.get(str(steps[1]), Rule) if len(steps) > 2 else Rule).model_fields)
    near = get_close_matches(str(steps[-1]).lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"the fields: {', '.join(known)}"


def _located(root: yaml.Node | None, steps: Sequence[str | int]) -> tuple[int | None, str]:
    """The line of what `steps` lead to, as far as they lead, and their name: ``rules[2].times``."""
    node, line, name = root, None, "rules"
    for step in steps:
        if isinstance(step, int):
            name += f"[{step}]"
            inside = isinstance(node, yaml.SequenceNode) and step < len(node.value)
            node = node.value[step] if inside and node is not None else None
        else:
            name += f".{step}"
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            node = next((key_value[1] for key_value in pairs if key_value[0].value == step), None)
        line = node.start_mark.line + 1 if node is not None else line
    return line, name
