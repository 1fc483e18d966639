"""How one task of a batch ended, whether it ran, failed to, or had ended before."""

from __future__ import annotations

from dataclasses import dataclass

from revet.errors import RevetError
from revet.report.text import clean, in_a_line, one_line, why
from revet.schema import Run, RunOutcome, Task

__all__ = ["LOOKS", "Ended"]

LOOKS: dict[RunOutcome | None, tuple[str, str]] = {
    RunOutcome.committed: ("✓", "green"),
    RunOutcome.answered: ("✓", "green"),
    RunOutcome.abstained: ("–", "yellow"),
    RunOutcome.asked: ("?", "cyan"),
    RunOutcome.rejected: ("✗", "red"),
    RunOutcome.failed: ("✗", "red"),
    None: ("…", "dim"),
}
"""Symbol and colour of an outcome; its word always stands beside them. None is a run that has not ended."""


@dataclass(frozen=True)
class Ended:
    """How a task ended: with the record of its `run`, with an `error` that ended it, or (once begun) with both.

    `again`: it had ended before, and is only reported. `skipped`: why it was not run at all (the batch's budget is
    spent); then its outcome is None. `task` of a line that cannot be read is what could be read of it.
    """

    task: Task
    run: Run | None = None
    error: Exception | None = None
    again: bool = False
    skipped: str | None = None

    @property
    def outcome(self) -> RunOutcome | None:
        if self.skipped is not None:
            return None
        return self.run.outcome if self.run else RunOutcome.failed

    @property
    def word(self) -> str:
        """The outcome, ``not_run`` for a task that was not run."""
        return "not_run" if self.outcome is None else self.outcome.value

    @property
    def ok(self) -> bool:
        return self.run is not None and self.run.ok

    @property
    def why(self) -> str:
        if self.skipped is not None:
            return self.skipped
        if isinstance(self.error, RevetError):
            return _told(self.error)
        if self.error is not None:
            return one_line(f"internal error: {type(self.error).__name__}: {self.error}", 160)
        return why(self.run) if self.run is not None else "nothing is known of it"

    @property
    def brief(self) -> str:
        """`why`, but of a long error its first line, for where it has been told in full."""
        if isinstance(self.error, RevetError) and "\n" in _problem(self.error):
            return one_line(_problem(self.error).partition("\n")[0].rstrip(":;"), 400)
        return self.why

    @property
    def lines(self) -> list[str]:
        """`why`, with each line of an error on its own."""
        if not isinstance(self.error, RevetError) or "\n" not in _problem(self.error):
            return [self.why]
        told = [line for line in clean(str(self.error)).splitlines() if line.strip()]
        return [one_line(line, 400) if not i else f"  {one_line(line, 400)}" for i, line in enumerate(told)]


def _told(error: RevetError) -> str:
    """The error and what to do about it. Of a long report (a request, the rules that did not fit) the beginning."""
    problem = in_a_line(_problem(error), 400)
    return f"{problem} → {one_line(error.hint, 300)}" if error.hint else problem


def _problem(error: RevetError) -> str:
    return str(error).removesuffix(f"\n  → {error.hint}") if error.hint else str(error)
