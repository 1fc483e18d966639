"""What is to be done, and what must pass before it counts as done."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from revet.schema.base import Arguments, Model, digest
from revet.schema.urls import without_password

__all__ = [
    "Check",
    "Task",
]


class Check(Model):
    """A command that must pass before anything is committed.

    `kind` is how its output is understood: `pytest`, `unittest` and `script` (``python file.py``) are taken apart
    test by test; any other command counts by its exit status alone. `auto` decides by the command's words.
    """

    command: str = Field(min_length=1)
    kind: Literal["auto", "pytest", "unittest", "script", "command"] = "auto"
    timeout: float = Field(
        default=120.0, gt=0, le=86_400, allow_inf_nan=False, description="seconds of wall time for the whole command"
    )
    required: bool = True

    @property
    def id(self) -> str:
        return "c-" + digest(self.command, self.kind, length=6)

    def __str__(self) -> str:
        return self.command


class Task(Model):
    """One thing to be done.

    `workspace` is a folder; `edit` are the gitignore-style patterns of what a draft may change (empty: every file
    that is not a test or a build file); `protect` takes away from that; `checks` are commands that must pass.
    """

    id: str = Field(default="task", min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    goal: str = Field(default="Make the failing checks pass.", min_length=1)
    workspace: str | None = None
    edit: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    python: str | None = Field(default=None, description="interpreter for the checks; default: the workspace's own")
    inputs: Arguments = Field(default_factory=dict)

    @field_validator("checks", mode="before")
    @classmethod
    def _commands(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list | tuple):
            return tuple({"command": item} if isinstance(item, str) else item for item in value)
        return value

    @field_validator("checks")
    @classmethod
    def _distinct(cls, value: tuple[Check, ...]) -> tuple[Check, ...]:
        """Evidence answers to a check by its command, so two checks may not share one."""
        if len({check.id for check in value}) < len(value):
            raise ValueError("two checks have the same command")
        return value

    @field_validator("inputs")
    @classmethod
    def _no_password(cls, inputs: dict[str, Any]) -> dict[str, Any]:
        """Tasks are kept, and models read their inputs: the URL of a database stands there without its password."""
        url = inputs.get("database")
        return {**inputs, "database": without_password(url)} if isinstance(url, str) else inputs

    @field_validator("edit", "protect", mode="before")
    @classmethod
    def _patterns(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
