"""A draft's actions in the editor of who was asked: written as YAML, opened, read back and checked."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revet.schema import Action

__all__ = ["NotActions", "as_yaml", "editor", "open_editor", "read_actions", "read_mapping"]

HEADING = """\
# What would be done instead. Save and close: it is examined, and then done without asking again.
# Nothing but comments here: no change, and the question stands. `revet schema` describes each kind.
"""


class NotActions(Exception):
    """What stands in the file is no list of actions: a line for each problem, with file, line and field."""


def editor() -> list[str]:
    """The command that opens an editor, from the environment: VISUAL, else EDITOR, else vi."""
    return shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")


async def open_editor(text: str) -> tuple[Path, str]:
    """The name of the file that was edited, and what stood in it when the editor was closed.

    Raises OSError for an editor that cannot be started. The file is removed.
    """
    descriptor, name = tempfile.mkstemp(prefix="revet-draft-", suffix=".yaml")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        process = await asyncio.create_subprocess_exec(*editor(), name)
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
        return path, path.read_text(encoding="utf-8", errors="surrogateescape")
    finally:
        path.unlink(missing_ok=True)


def as_yaml(actions: Sequence[Action]) -> str:
    """The actions as one would write them: only what was given, longer text in blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes text of several lines as a block."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    told = [{"kind": action.kind, **action.model_dump(mode="json", exclude_defaults=True)} for action in actions]
    return HEADING + yaml.dump(told, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def read_actions(text: str, file: str) -> list[dict[str, Any]]:
    """The actions that `text` holds, as JSON; none where it holds nothing but comments. Raises `NotActions`."""
    from pydantic import TypeAdapter, ValidationError

    from revet.schema import Action
    from revet.taskfile._marked import Fault, locate, parse_yaml, plain
    from revet.taskfile._words import describe, problem_of

    faults: list[Fault] = []
    try:
        root = parse_yaml(text, faults)
    except Fault as fault:
        raise NotActions(f"{file}:{fault.line}: {fault.problem}") from None
    if faults:
        raise NotActions("\n".join(f"{file}:{fault.line}: {fault.problem}" for fault in faults))
    if root is None or root.value is None or root.value == []:
        return []
    if not isinstance(root.value, list):
        told = describe(plain(root))
        raise NotActions(f"{file}:{root.line}: must be a list of actions, each begun with `- `, but is {told}")
    one: TypeAdapter[Action] = TypeAdapter(Action)
    actions: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, node in enumerate(root.value):
        try:
            actions.append(one.validate_python(plain(node)).model_dump(mode="json"))
        except ValidationError as error:
            for detail in error.errors():
                # The place begins with the kind, which is no step on the way to the field.
                line, field = locate(root, (number, *detail["loc"][1:]))
                missing = f".{detail['loc'][-1]}" if detail["type"] == "missing" else ""
                problem, hint = problem_of(detail)
                problems.append(f"{file}:{line}: {field}{missing}: {problem}" + (f"\n  → {hint}" if hint else ""))
    if problems:
        raise NotActions("\n".join(problems))
    return actions


def read_mapping(text: str, names: Collection[str]) -> dict[str, Any] | None:
    """The mapping that was typed as ``{name: …}``, if it has these names and no others; None for any other text."""
    from revet.taskfile._marked import Fault, parse_yaml, plain

    if not text.startswith("{"):
        return None
    faults: list[Fault] = []
    try:
        root = parse_yaml(text, faults)
    except Fault:
        return None
    said = None if root is None or faults else plain(root)
    return said if isinstance(said, dict) and said and said.keys() <= set(names) else None
