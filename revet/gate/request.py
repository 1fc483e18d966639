"""What is asked: one proposed action, in Revet's own form or as a hook's payload, checked by hand.

No pydantic here: a hook is a fresh process for each action, and this is most of what it imports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["KINDS", "LARGEST", "Request", "Unreadable"]

KINDS = ("answer", "call_tool", "delete_file", "edit_file", "execute_sql", "gui", "run_command", "write_file")
LARGEST = 256 * 1024
"""Bytes of a command or SQL text that are still looked at. What is longer is not what a person could have read."""

_NEEDED = {
    "run_command": "command",
    "execute_sql": "sql",
    "write_file": "path",
    "edit_file": "path",
    "delete_file": "path",
    "call_tool": "name",
    "gui": "operation",
    "answer": "text",
}
_TEXTS = ("command", "sql", "database", "dialect", "path", "content", "data", "name", "operation", "target", "text")
_PLACES = ("cwd", "workspace", "goal")


class Unreadable(ValueError):
    """The payload is no request. `decision` is "deny" for what could not be carried out as it stands, "ask" for what
    another version of this program might understand."""

    def __init__(self, message: str, *, decision: Literal["ask", "deny"] = "deny") -> None:
        super().__init__(message)
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Request:
    """One action and where it would be carried out.

    `cwd` and `workspace` are absolute; ``""`` stands for this process's folder, and for the repository of `cwd`.
    `effects`, `reversible` and `cost` are what the author of a tool declares (`call_tool`).
    """

    kind: str
    command: str = ""
    sql: str = ""
    database: str | None = None
    dialect: str | None = None
    path: str = ""
    content: str | None = None
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[str, ...] | None = None
    reversible: bool | None = None
    cost: float | None = None
    operation: str = ""
    target: str = ""
    text: str = ""
    cwd: str = ""
    workspace: str = ""
    goal: str | None = None
    id: Any = None

    @property
    def subject(self) -> str:
        """The text that is decided on, as a person would name it."""
        said = {
            "run_command": self.command,
            "execute_sql": self.sql,
            "call_tool": self.name,
            "gui": f"{self.operation} {self.target or self.text}".strip(),
            "answer": self.text,
        }
        return said.get(self.kind, self.path)

    @classmethod
    def of(cls, payload: object) -> Request:
        """The request that a decoded JSON value holds. Raises `Unreadable`, which says what is wrong with it."""
        if isinstance(payload, Request):
            return payload
        if not isinstance(payload, Mapping):
            raise Unreadable(f"an action is a JSON object, not {_type(payload)}")
        if "version" in payload and payload["version"] not in (1, "1"):
            raise Unreadable(
                f"version {_short(payload['version'])} of the form is not known here (1 is)", decision="ask"
            )
        kind = payload.get("kind")
        if not isinstance(kind, str) or kind not in _NEEDED:
            known = ", ".join(KINDS)
            raise Unreadable(
                f"kind: {_short(kind)} is none of {known}" if "kind" in payload else f"no kind; one of {known}"
            )
        values = {name: _text(payload, name) for name in (*_TEXTS, *_PLACES) if payload.get(name) is not None}
        need = _NEEDED[kind]
        if not values.get(need, "").strip():
            raise Unreadable(f"{need}: {kind} needs one, and it must not be empty")
        for name in ("cwd", "workspace"):
            if "\0" in values.get(name, ""):
                raise Unreadable(f"{name}: holds a NUL byte")
            if name in values:
                values[name] = _absolute(values[name])
        values.pop("data", None)
        return cls(
            kind=kind,
            arguments=_arguments(payload),
            effects=_effects(payload),
            reversible=_flag(payload, "reversible"),
            cost=_number(payload, "cost"),
            id=payload.get("id"),
            **values,
        )


def _absolute(folder: str) -> str:
    if folder == "~" or folder.startswith("~/"):
        folder = str(Path.home()) + folder[1:]
    return os.path.normpath(Path.cwd() / folder)


def _text(payload: Mapping[Any, Any], name: str) -> str:
    value = payload[name]
    if not isinstance(value, str):
        raise Unreadable(f"{name}: must be text, not {_type(value)}")
    if name not in ("content", "data") and len(value.encode("utf-8", "surrogatepass")) > LARGEST:
        raise Unreadable(f"{name}: {len(value):,} characters are more than is looked at ({LARGEST:,} bytes)")
    if name in ("command", "sql", "path", "database", "name"):
        if "\0" in value:
            raise Unreadable(f"{name}: holds a NUL byte, so it is not what a shell or a server would be given")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Unreadable(f"{name}: is not valid Unicode (a surrogate alone)")
    return value


def _arguments(payload: Mapping[Any, Any]) -> Mapping[str, Any]:
    value = payload.get("arguments")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Unreadable(f"arguments: must be an object, not {_type(value)}")
    return {str(name): each for name, each in value.items()}


def _effects(payload: Mapping[Any, Any]) -> tuple[str, ...] | None:
    value = payload.get("effects")
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise Unreadable('effects: must be a list of texts such as ["read"]')
    return tuple(value)


def _flag(payload: Mapping[Any, Any], name: str) -> bool | None:
    value = payload.get(name)
    if value is not None and not isinstance(value, bool):
        raise Unreadable(f"{name}: must be true or false, not {_short(value)}")
    return value


def _number(payload: Mapping[Any, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise Unreadable(f"{name}: must be a number from 0, not {_short(value)}")
    return float(value)


def _type(value: object) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else type(value).__name__)


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."
