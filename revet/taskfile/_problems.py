"""The errors of one task file, collected while it is read so that they can be reported together."""

from __future__ import annotations

from collections.abc import Sequence

from revet.errors import InputError, TaskFileError
from revet.taskfile._marked import Fault, Marked
from revet.taskfile._settings import nearest

__all__ = ["Problems", "TaskFileErrors", "dotted"]

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


class TaskFileErrors(InputError):
    """Everything that is wrong with one task file, in the order of its lines. Nothing was run."""

    def __init__(self, errors: Sequence[TaskFileError]) -> None:
        self.errors = tuple(errors)
        heading = f"{len(self.errors)} problems:\n" if len(self.errors) > 1 else ""
        super().__init__(heading + "\n".join(str(error) for error in self.errors))


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

    def check_keys(self, node: Marked, name: str, known: Sequence[str]) -> None:
        """Notes every key of the mapping `node` (called `name`) that is not in `known`."""
        for key in node.value:
            if key in known:
                continue
            meant = _MEANT.get(key)
            close = meant if meant in known else nearest(key, known)
            hint = f"did you mean {close}?" if close else f"known: {', '.join(known)}"
            self.add("is not a known key", node.keys[key], dotted(name, key), hint)

    def raise_any(self) -> None:
        if self.errors:
            raise TaskFileErrors(sorted(self.errors.values(), key=lambda error: error.line or 0))


def dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)
