"""What can go wrong, split by who must react.

::

    RevetError
    ├── InputError              the user mends a file or an argument; nothing was run
    │   ├── TaskFileError       … names file, line and field
    │   ├── ModelNotFound       … no such provider, model, recording or local path; or its key is not set
    │   └── WorkspaceError      … the workspace is missing, a file, unreadable, or unusable
    │       └── WorkspaceChanged … it was changed by somebody while it was copied
    ├── DraftError              the proposer mends its draft; becomes a Finding, never stops a run
    │   ├── EditDoesNotApply    … the diff or the search text does not match the file
    │   ├── ProtectedPath       … the draft touches what the task does not let it change
    │   ├── PathEscapes         … the path (or a symlink on it) leaves the workspace
    │   └── UnsupportedAction   … no handler is registered for the action's kind
    ├── HostError               the operator mends the machine
    │   ├── SandboxUnavailable  … no sandbox of that kind works here, and why
    │   ├── SandboxBroken       … the sandbox itself failed (a failing program is evidence, not this)
    │   ├── DiskFull            … no room for what must be written; says where and how much
    │   └── MissingDependency   … an optional package is not installed; says which extra
    ├── CommitError             the world and the transaction disagree; nothing was half-done
    │   ├── WorldMoved          … a file changed between examination and commit
    │   ├── WorkspaceBusy       … another run holds the workspace
    │   ├── UndoConflict        … a committed file was edited since; lists them
    │   └── JournalCorrupt      … the journal cannot be read; says what to keep
    ├── ModelError              a language model gave no usable answer; the role that asked must react
    │   ├── ModelFailed         … the provider refused the request, or still failed after the retries
    │   ├── AnswerUnusable      … it answered, but not in the form asked for, though it was asked again
    │   ├── ContextOverflow     … the prompt is longer than the model's context; ask with less
    │   ├── BudgetSpent         … the tokens or the cost that the policy allows are spent
    │   └── ReplayMiss          … the recording holds no answer to this request; names the nearest
    └── StoreError              what was asked for is not in the store
        ├── RunBusy             … another process is at work on the run, or on its task
        └── RunNotFound         … names the nearest ids

A failing program is data (`Evidence`), not an exception. A broken sandbox raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = [
    "AnswerUnusable",
    "BudgetSpent",
    "CommitError",
    "ContextOverflow",
    "DiskFull",
    "DraftError",
    "EditDoesNotApply",
    "HostError",
    "InputError",
    "JournalCorrupt",
    "MissingDependency",
    "ModelError",
    "ModelFailed",
    "ModelNotFound",
    "PathEscapes",
    "ProtectedPath",
    "ReplayMiss",
    "RevetError",
    "RunBusy",
    "RunNotFound",
    "SandboxBroken",
    "SandboxUnavailable",
    "StoreError",
    "TaskFileError",
    "UndoConflict",
    "UnsupportedAction",
    "WorkspaceBusy",
    "WorkspaceChanged",
    "WorkspaceError",
    "WorldMoved",
]


class RevetError(Exception):
    """The root. `hint` says what to do about it; it is part of the message."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n  → {hint}")
        self.hint = hint


class InputError(RevetError):
    """The user's input is at fault. Nothing was run. The command line exits with 2."""


class TaskFileError(InputError):
    """A task file is at fault. `line` counts from 1; `field` is a dotted path such as ``tasks[2].checks``."""

    def __init__(
        self,
        problem: str,
        *,
        file: str,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        where = file if line is None else f"{file}:{line}"
        what = problem if field is None else f"{field}: {problem}"
        super().__init__(f"{where}: {what}", hint=hint)
        self.file, self.line, self.field, self.problem = file, line, field, problem


class ModelNotFound(InputError):
    """There is no such model here: the provider, the path, the recording or the key is missing. Says which."""


class WorkspaceError(InputError):
    """The workspace is missing, is a file, cannot be read or written, or is too large."""


class WorkspaceChanged(WorkspaceError):
    """Files of the workspace changed while they were copied to a sandbox. Nothing was run on the mixture."""


class DraftError(RevetError):
    """The draft cannot be staged. The loop turns it into a finding, so that the proposer can mend it."""

    def __init__(self, message: str, *, path: str | None = None, action: int | None = None) -> None:
        super().__init__(message)
        self.path, self.action = path, action


class EditDoesNotApply(DraftError):
    """A unified diff or a search/replace edit does not match the file as it is."""


class ProtectedPath(DraftError):
    """The draft touches a path that the task protects."""


class PathEscapes(DraftError):
    """The path is absolute, climbs out with ``..``, or passes through a symlink that leaves the workspace."""


class UnsupportedAction(DraftError):
    """No stage, commit and undo are registered for this kind of action."""


class HostError(RevetError):
    """The machine is at fault: a sandbox, a package, a permission."""


class SandboxUnavailable(HostError):
    """No sandbox of the kind asked for works here. The message says why and what to enable."""


class SandboxBroken(HostError):
    """The sandbox itself failed, as opposed to the program that ran in it."""


class DiskFull(HostError):
    """There is no room for what a sandbox needs. Nothing was run."""


class MissingDependency(HostError):
    """An optional package is missing. The hint is the pip line that installs it."""


class CommitError(RevetError):
    """A commit or an undo was refused. The workspace is as it was before the call."""


class WorldMoved(CommitError):
    """Files changed between examination and commit. `paths` lists them, relative to the workspace."""

    def __init__(self, message: str, *, paths: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.paths = tuple(paths)


class WorkspaceBusy(CommitError):
    """Another run holds the workspace, or one that contains it or lies inside it."""


class UndoConflict(CommitError):
    """Files were edited since the commit, so undo would lose work. `paths` lists them."""

    def __init__(self, message: str, *, paths: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.paths = tuple(paths)


class JournalCorrupt(CommitError):
    """The journal of an interrupted commit cannot be read, so it was left alone."""


class ModelError(RevetError):
    """A language model gave no usable answer."""


class ModelFailed(ModelError):
    """The provider refused the request or kept failing. `status` is the HTTP status, None where there was none."""

    def __init__(
        self, message: str, *, status: int | None = None, retryable: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status, self.retryable = status, retryable


class AnswerUnusable(ModelError):
    """The model answered, twice, but not as asked. `text` is what it said last, `why` what is wrong with it."""

    def __init__(
        self,
        message: str,
        *,
        why: Literal["empty", "malformed", "schema", "truncated", "ambiguous", "refused"],
        text: str = "",
    ) -> None:
        super().__init__(message)
        self.why, self.text = why, text


class ContextOverflow(ModelError):
    """The request does not fit into the model's context. `limit` is the context in tokens, where it is known."""

    def __init__(self, message: str, *, limit: int | None = None) -> None:
        super().__init__(message, hint="ask with less evidence, or take a model with a longer context")
        self.limit = limit


class BudgetSpent(ModelError):
    """Another call would exceed what the policy allows. The loop ends with the best draft so far."""


class ReplayMiss(ModelError):
    """A recording holds no answer to a request. The message names the request and the nearest recorded one."""


class StoreError(RevetError):
    """The store cannot answer."""


class RunBusy(StoreError):
    """Another process is at work on the run, or on its task: nothing was begun here, and it can be tried again."""


class RunNotFound(StoreError):
    """No such run. The message names the nearest ids."""
