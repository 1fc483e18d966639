"""The errors of one task file, collected while it is read so that they can be reported together."""

from __future__ import annotations

from collections.abc import Sequence

from revet.errors import InputError, TaskFileError
from revet.taskfile._marked import Fault, Marked
from revet.taskfile._settings import nearest

__all__ = ["SHOWN", "Problems", "TaskFileErrors", "by_line", "dotted"]

_MEANT = {
    "command": "checks",
    "files": "edit",
    "folder": "workspace",
    "max_rounds": "rounds",
    "name": "id",
    "path": "workspace",
    "test": "checks",
    "tests": "checks",
    "timeout": "seconds",
}
"""Keys that people write for ours, and that look nothing like them."""


SHOWN = 20
"""Problems that are told of a file: whoever wrote a hundred thousand bad lines made the same mistake in each."""


class TaskFileErrors(InputError):
    """What is wrong with one task file, in the order of its lines. Nothing was run.

    `errors` are the first of them, at least `SHOWN` where there are so many, and `count` is how many there are.
    """

    def __init__(self, errors: Sequence[TaskFileError], *, count: int | None = None) -> None:
        self.errors = tuple(errors)
        self.count = len(self.errors) if count is None else count
        told = [str(error) for error in self.errors[:SHOWN]]
        if self.count > 1:
            told.insert(0, f"{self.count:,} problems:")
        if self.count > SHOWN:
            told.append(f"… and {self.count - SHOWN:,} more")
        super().__init__("\n".join(told))


class Problems:
    """Collects errors, each once: a mistake in `defaults` would otherwise be reported for every task."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: dict[tuple[int | None, str | None, str], TaskFileError] = {}

    def add(self, problem: str, line: int | None, field: str = "", hint: str | None = None) -> None:
        error = TaskFileError(problem, file=self.file, line=line, field=field or None, hint=hint)
        self.errors.setdefault((line, field, problem), error)

    def add_fault(self, fault: Fault) -> None:
        self.add(fault.problem, fault.line, hint=fault.hint)

    def add_unreadable(self, error: OSError) -> None:
        self.add(f"the task file cannot be read: {error.strerror}", None, hint="check its permissions")

    def add_empty(self) -> None:
        self.add("the file is empty", 1, hint="write at least one task; `revet schema` describes the form")

    def add_no_tasks(self) -> None:
        self.add("there are no tasks in the file", 1, hint="add at least one")

    def check_keys(self, node: Marked, name: str, known: Sequence[str]) -> None:
        """Notes every key of the mapping `node` (called `name`) that is not in `known`."""
        for key in node.value:
            if key in known:
                continue
            meant = _MEANT.get(key)
            close = meant if meant in known else nearest(key, known)
            hint = f"did you mean {close}?" if close else f"known: {', '.join(known)}"
            self.add("is not a known key", node.keys[key], dotted(name, key), hint)

    def all(self) -> TaskFileErrors:
        """Everything that was noted."""
        return TaskFileErrors(sorted(self.errors.values(), key=by_line))

    def raise_any(self) -> None:
        if self.errors:
            raise self.all()


def by_line(error: TaskFileError) -> int:
    """The key by which errors are put in the order of their lines; what has no line stands first."""
    return error.line or 0


def dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)
