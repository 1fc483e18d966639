"""The shape that a model answers in when it drafts, and the `Draft` that this becomes.

The shape is flat and every field is required (null where it does not apply), for that is what providers can enforce.
What the flat shape cannot say (a write needs a path and a content) is checked here, in words that help the model when
it is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from revet.agents.chat.said import Said
from revet.schema import (
    Action,
    CallTool,
    DeleteFile,
    Draft,
    EditFile,
    ExecuteSQL,
    Replacement,
    RunCommand,
    WriteFile,
)

__all__ = ["KINDS", "SaidAction", "SaidDraft", "SaidReplacement", "drafted", "kinds_shown"]

KINDS = {
    "write_file": "create a file, or replace all of it: path, content",
    "edit_file": "change parts of a file: path, replacements; each `search` is copied exactly from the file, with its "
    "indentation, and occurs there once",
    "delete_file": "delete a file: path",
    "run_command": "run a shell command: command",
    "execute_sql": "execute SQL: sql",
    "call_tool": "call a tool: tool, arguments (a JSON object, as text)",
}
FILE_KINDS = ("write_file", "edit_file", "delete_file")


class SaidReplacement(Said):
    search: str = Field(description="text that occurs exactly once in the file")
    replace: str


class SaidAction(Said):
    """One thing to do. Fields that its kind does not use are null."""

    kind: Literal["write_file", "edit_file", "delete_file", "run_command", "execute_sql", "call_tool"]
    path: str | None = Field(description="of a file, relative to the workspace")
    content: str | None = Field(description="the whole new text of the file")
    replacements: list[SaidReplacement] | None
    command: str | None
    sql: str | None
    tool: str | None = Field(description="the name of the tool")
    arguments: str | None = Field(description="a JSON object, as text")

    @model_validator(mode="after")
    def _is_an_action(self) -> SaidAction:
        self.action()
        return self

    def action(self) -> Action:
        """The action that is meant. ValueError, in words for the model, if something is missing."""
        try:
            return self._action()
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ValueError(f"{self.kind}: {told}") from None

    def _action(self) -> Action:
        if self.kind == "write_file":
            return WriteFile(path=self._need("path"), content=_text(self._need("content")))
        if self.kind == "edit_file":
            if not self.replacements:
                raise ValueError("edit_file needs at least one of replacements")
            pairs = tuple(Replacement(search=_text(r.search), replace=_text(r.replace)) for r in self.replacements)
            return EditFile(path=self._need("path"), replacements=pairs)
        if self.kind == "delete_file":
            return DeleteFile(path=self._need("path"))
        if self.kind == "run_command":
            return RunCommand(command=_text(self._need("command")))
        if self.kind == "execute_sql":
            return ExecuteSQL(sql=_text(self._need("sql")))
        return CallTool(name=_text(self._need("tool")), arguments=_object(self.arguments))

    def _need(self, field: str) -> str:
        value: str | None = getattr(self, field)
        if value is None or (not value and field != "content"):
            raise ValueError(f"{self.kind} needs {field}")
        return _text(value, nul=field == "content")


class SaidDraft(Said):
    """What is to be done: actions, or an answer, or both; or which files to read before that."""

    thoughts: str = Field(description="what is wrong or asked, and what follows from that; brief")
    read: list[str] = Field(description="paths to be shown before drafting; then leave the rest empty")
    steps: list[str] = Field(description="the steps of the reasoning or derivation, one by one; may be empty")
    actions: list[SaidAction]
    answer: str | None = Field(description="the answer to the question, if one is asked")
    give_up: str | None = Field(description="why nothing can be done; null unless you have nothing to propose")

    @model_validator(mode="after")
    def _says_something(self) -> SaidDraft:
        if not (self.actions or self.read or (self.answer or "").strip() or (self.give_up or "").strip()):
            raise ValueError("it holds nothing: give actions, an answer, files to read, or say in give_up why not")
        for text in (self.thoughts, self.answer, self.give_up, *self.steps, *self.read):
            _text(text or "")
        return self

    @property
    def only_reads(self) -> bool:
        """True if it wants to see files and drafts nothing yet."""
        return bool(self.read) and not (self.actions or (self.answer or "").strip())

    def draft(self, author: str) -> Draft:
        """As a draft. Giving up counts only where nothing else is proposed."""
        answer = self.answer if (self.answer or "").strip() else None
        actions = tuple(said.action() for said in self.actions)
        nothing = not actions and answer is None
        return Draft(
            author=author,
            actions=actions,
            answer=answer,
            steps=tuple(self.steps),
            notes=(self.give_up or self.thoughts) if nothing else self.thoughts,
        )


def drafted(said: SaidDraft, author: str) -> Draft:
    """What was said as a draft. To want to read what cannot be shown, or was shown, is none; it is no giving up."""
    if said.only_reads and not (said.give_up or "").strip():
        return Draft(author=author, problem="it asked to read files again and drafted nothing")
    return said.draft(author)


def kinds_shown(known: Mapping[str, str], *, workspace: bool) -> str:
    """What actions there are, as a list for a prompt: of those that are offered, with what is said of each besides,
    those that make sense here.
    """
    shown = [kind for kind in KINDS if kind in known and (workspace or kind not in FILE_KINDS)]
    if not shown:
        return "There are no actions here: give an answer."
    return "\n".join(f"- {kind}: {KINDS[kind]}" + (f"\n{known[kind]}" if known[kind] else "") for kind in shown)


def _text(value: str, *, nul: bool = False) -> str:
    """Text that can be kept: UTF-8, and without NUL where nothing can hold that."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds half a surrogate pair; write valid Unicode") from None
    if "\0" in value and not nul:
        raise ValueError("it holds a NUL character")
    return value


def _object(text: str | None) -> dict[str, object]:
    """The JSON object that is meant by `text`; none is an empty one."""
    if text is None or not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"arguments are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError("arguments must be a JSON object")
    _text(json.dumps(value, ensure_ascii=False, allow_nan=False), nul=True)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
