"""What a proposer wants to do, and the exact difference that it would make."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from revet.schema.base import INT64, Arguments, Data, Model, digest
from revet.schema.display import Displayed
from revet.schema.urls import without_password

__all__ = [
    "Action",
    "Answer",
    "CallPlan",
    "CallTool",
    "Changes",
    "CommandRun",
    "DeleteFile",
    "Draft",
    "EditFile",
    "ExecuteSQL",
    "FileChange",
    "FileState",
    "FolderChange",
    "Gui",
    "Replacement",
    "RowChange",
    "RunCommand",
    "TableChange",
    "WriteFile",
]


class Answer(Model):
    """Says something; changes nothing."""

    kind: Literal["answer"] = "answer"
    text: str


class WriteFile(Model):
    """Creates or replaces a file with `content` (text), or with `data` (base64) for bytes."""

    kind: Literal["write_file"] = "write_file"
    path: str = Field(min_length=1)
    content: str | None = None
    data: str | None = Field(default=None, description="base64, for a file that is not text")
    mode: int | None = Field(default=None, ge=0, le=0o777, description="permission bits; default: kept, or 0644")

    @model_validator(mode="after")
    def _one_of(self) -> WriteFile:
        if (self.content is None) == (self.data is None):
            raise ValueError("give either content (text) or data (base64)")
        if self.data is not None:
            base64.b64decode(self.data, validate=True)
        return self

    def to_bytes(self) -> bytes:
        if self.data is not None:
            return base64.b64decode(self.data)
        assert self.content is not None
        return self.content.encode("utf-8", "surrogateescape")

    @classmethod
    def of(cls, path: str, data: bytes, mode: int | None = None) -> WriteFile:
        """The write of `data`: as text where it is UTF-8, else as base64."""
        try:
            return cls(path=path, content=data.decode("utf-8"), mode=mode)
        except UnicodeDecodeError:
            return cls(path=path, data=base64.b64encode(data).decode("ascii"), mode=mode)


class Replacement(Model):
    """Replaces `search`, which must occur exactly once (or `count` times), by `replace`."""

    search: str = Field(min_length=1)
    replace: str
    count: int = Field(default=1, ge=1, le=INT64, description="how often `search` must occur; all are replaced")


class EditFile(Model):
    """Changes a text file by a unified diff, or by search/replace blocks applied in order."""

    kind: Literal["edit_file"] = "edit_file"
    path: str = Field(min_length=1)
    diff: str | None = None
    replacements: tuple[Replacement, ...] = ()

    @model_validator(mode="after")
    def _one_of(self) -> EditFile:
        if (self.diff is None) == (not self.replacements):
            raise ValueError("give either diff or replacements")
        return self


class DeleteFile(Model):
    """Deletes a file or a symlink."""

    kind: Literal["delete_file"] = "delete_file"
    path: str = Field(min_length=1)


class RunCommand(Model):
    """A shell command, tried on a copy of the workspace; what is committed is the difference that it made there."""

    kind: Literal["run_command"] = "run_command"
    command: str = Field(min_length=1)
    cwd: str = Field(default=".", min_length=1, description="the folder it runs in, relative to the workspace")


class ExecuteSQL(Model):
    """SQL statements, tried in a transaction that is taken back; committed if they still do the same."""

    kind: Literal["execute_sql"] = "execute_sql"
    sql: str = Field(min_length=1)
    database: str | None = Field(
        default=None, description="`sqlite:///PATH`, `duckdb:///PATH`, `postgresql://…`; default: the task's own"
    )

    @field_validator("database")
    @classmethod
    def _no_password(cls, url: str | None) -> str | None:
        """Drafts are kept, shown and sent to models: a password is left out wherever one is made."""
        return None if url is None else without_password(url)


class CallTool(Model):
    """A call of a registered function or MCP tool that acts on the world; it is made at the commit, once."""

    kind: Literal["call_tool"] = "call_tool"
    name: str = Field(min_length=1)
    arguments: Arguments = Field(default_factory=dict)


class Gui(Model):
    """One step on a screen, in the action space of GUI-Critic-R1 (click, type, scroll, …)."""

    kind: Literal["gui"] = "gui"
    operation: str = Field(min_length=1)
    target: str | None = None
    text: str | None = None


Action = Annotated[
    Answer | WriteFile | EditFile | DeleteFile | RunCommand | ExecuteSQL | CallTool | Gui,
    Field(discriminator="kind"),
]


class Draft(Displayed, Model):
    """What a proposer wants to do. Nothing of it has happened yet."""

    author: str
    actions: tuple[Action, ...] = ()
    answer: str | None = None
    steps: tuple[str, ...] = ()
    notes: str = ""
    data: Data = Field(default_factory=dict, description="the proposer's own account, e.g. candidates tried")
    problem: str | None = Field(
        default=None, description="why this is no draft at all: what was said could not be understood. Never staged"
    )

    @property
    def id(self) -> str:
        """A digest of the actions and the answer: two drafts that would do the same have the same id."""
        said = [] if self.problem is None else [self.problem]
        return "d-" + digest([a.model_dump(mode="json") for a in self.actions], self.answer, *said)

    @property
    def gives_up(self) -> bool:
        """True if the proposer says that it has nothing (more) to propose; `notes` say why."""
        return not self.actions and self.answer is None and self.problem is None

    def __repr__(self) -> str:
        does = ", ".join(f"{a.kind} {getattr(a, 'path', '')}".strip() for a in self.actions)
        what = does or ("nothing" if self.answer is None else f"answers {self.answer[:60]!r}")
        return f"Draft({self.id} by {self.author}: {what})"


class FileState(Model):
    """What a path holds: a digest, not the bytes. `sha256` of a symlink is that of its target's text."""

    type: Literal["file", "symlink"] = "file"
    sha256: str
    size: int = Field(ge=0)
    mode: int = Field(ge=0, le=0o7777)


class FileChange(Model):
    """`before` is None for a created path, `after` for a deleted one."""

    path: str
    before: FileState | None
    after: FileState | None

    @property
    def kind(self) -> Literal["create", "modify", "delete"]:
        return "create" if self.before is None else "delete" if self.after is None else "modify"


class FolderChange(Model):
    """A folder that is made or removed. Only what no file implies: parents of files come and go with these."""

    path: str
    made: bool
    mode: int = Field(default=0o755, ge=0, le=0o7777)


class RowChange(Model):
    """One row: `before` is None for an inserted one, `after` for a deleted one."""

    before: Data | None
    after: Data | None


class TableChange(Model):
    """What SQL does to one table: the numbers of rows, a sample of them, and a digest of all of the difference.

    `ddl` are the statements that change the shape of the table. `reversible` is False where no before-images can be
    kept, and `why` says so.
    """

    database: str = Field(description="URL without a password")
    table: str
    inserted: int = Field(default=0, ge=0)
    updated: int = Field(default=0, ge=0)
    deleted: int = Field(default=0, ge=0)
    rows: tuple[RowChange, ...] = Field(default=(), description="a sample, bounded")
    ddl: tuple[str, ...] = ()
    digest: str = ""
    reversible: bool = True
    why: str = ""


class CallPlan(Model):
    """A call that will be made at the commit. `result` is what its dry run said, None where it has none."""

    name: str
    arguments: Arguments = Field(default_factory=dict)
    effects: tuple[str, ...] = Field(default=(), description="what its author declares: read, write, delete, send …")
    reversible: bool = False
    result: str | None = None


class CommandRun(Model):
    """What a command did when it was tried. Its difference is in the files and folders of the `Changes`."""

    command: str
    exit_code: int | None = None
    verdict: str = "ok"
    stdout: str = ""
    stderr: str = ""
    refused: tuple[str, ...] = Field(default=(), description="writes outside the workspace that were refused")
    network: tuple[str, ...] = Field(default=(), description="attempts to reach the network; they were refused")
    seconds: float = 0.0


class Changes(Displayed, Model):
    """The exact difference that a draft makes, and a fingerprint of what it was based on and what it becomes."""

    files: tuple[FileChange, ...] = ()
    folders: tuple[FolderChange, ...] = ()
    tables: tuple[TableChange, ...] = ()
    calls: tuple[CallPlan, ...] = ()
    commands: tuple[CommandRun, ...] = Field(default=(), description="how it came about; no part of the difference")
    diff: str = ""

    @property
    def fingerprint(self) -> str:
        """Of what changes with its states before and after: the same for the same transition, nothing else."""
        parts: list[object] = [[f.model_dump(mode="json") for f in sorted(self.files, key=lambda f: f.path)]]
        beyond = {
            "folders": [f.model_dump(mode="json") for f in sorted(self.folders, key=lambda f: f.path)],
            "tables": [[t.database, t.table, t.inserted, t.updated, t.deleted, t.ddl, t.digest] for t in self.tables],
            "calls": [[c.name, c.arguments] for c in self.calls],
        }
        # Changes of files alone keep the fingerprint that they had before there was anything else.
        parts += [{name: value for name, value in beyond.items() if value}] if any(beyond.values()) else []
        return digest(*parts, length=16)

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.tables or self.calls)

    def __repr__(self) -> str:
        said = [f"{f.kind} {f.path}" for f in self.files]
        said += [f"{'make' if f.made else 'remove'} {f.path}/" for f in self.folders]
        said += [f"{t.table}: +{t.inserted} ~{t.updated} -{t.deleted}" for t in self.tables]
        said += [f"call {c.name}" for c in self.calls]
        return f"Changes({self.fingerprint[:8]}: {', '.join(said) or 'none'})"
