"""The list of runs: its lines, what they can be filtered by, and the SQL for that.

Everything that the list says stands in one index, so that a page of it never reads the records themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from revet.schema import Model, RunOutcome

__all__ = ["COLUMNS", "INDEX", "NEWEST", "OLD", "Chosen", "Row", "goal_of", "where"]

GOAL = 400
"""Characters kept of a goal for the list and the search; the record has all of it."""

INDEX = (
    "CREATE INDEX runs_listed ON runs (begun_at, id, task, workspace, outcome, rounds, seconds, undone, goal, recipe)"
)

OLD = {"goal": "''", "recipe": "NULL", "setup": "NULL"}
"""What stands for a column that a store of an older form lacks, where it can only be read."""

NEWEST = "ORDER BY begun_at DESC, {number} DESC {limit}"
"""At most ``?`` rows. What stands in braces is said by the backend (`revet.store.backend.Backend.words`)."""


class Row(Model):
    """One line of the list of runs. `outcome` is None for a run that was begun and has not ended."""

    id: str
    task: str
    workspace: str | None
    begun_at: datetime
    outcome: RunOutcome | None
    rounds: int
    seconds: float
    undone: bool
    goal: str = ""
    recipe: str | None = None


COLUMNS = tuple(Row.model_fields)


@dataclass(frozen=True)
class Chosen:
    """Which runs a list shows: all, unless something is given.

    `outcome` is one of a run's, ``unended`` (begun, and nothing more is recorded) or ``undone``. `text` stands,
    whatever its case, in the id, the task, the goal or the workspace.
    """

    outcome: RunOutcome | Literal["unended", "undone"] | None = None
    task: str | None = None
    recipe: str | None = None
    text: str = ""


def where(chosen: Chosen) -> tuple[str, tuple[str, ...]]:
    """The condition as SQL, with ``?`` for its values, and the values. ``TRUE`` for all runs."""
    parts: list[tuple[str, tuple[str, ...]]] = []
    if chosen.outcome == "unended":
        parts.append(("outcome IS NULL", ()))
    elif chosen.outcome == "undone":
        parts.append(("undone", ()))
    elif chosen.outcome is not None:
        parts.append(("outcome = ?", (str(chosen.outcome),)))
    if chosen.task is not None:
        parts.append(("{alone}task = ?", (chosen.task,)))  # not by the index of tasks, which lacks the columns
    if chosen.recipe is not None:
        parts.append(("recipe = ?", (chosen.recipe,)))
    if chosen.text:
        columns = ("id", "task", "goal", "COALESCE(workspace, '')")
        found = " OR ".join(f"{{find}}(lower({column}), ?) > 0" for column in columns)
        parts.append((f"({found})", (_lower(chosen.text),) * len(columns)))
    condition = " AND ".join(sql for sql, _ in parts) or "TRUE"
    return condition, tuple(value for _, values in parts for value in values)


def goal_of(text: str) -> str:
    """The beginning of a goal, on one line."""
    return " ".join(text.split())[:GOAL]


def _lower(text: str) -> str:
    """As SQLite's ``lower`` does it: the letters of ASCII only."""
    return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text)
