"""The events of one run as a person wants them: a few lines of state, and notes of what is new."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revet.report.text import duration, evidence_line, one_line, plural, suspects
from revet.schema import DecisionKind, Task

if TYPE_CHECKING:
    from revet.graphs.events import Committed, Criticised, Decided, Event, Examined, Progressed, Proposed, Started

__all__ = ["Watch", "recovered"]

NOTE_EVERY = 10.0
"""Seconds between two notes about the same search."""


def recovered(event: Started) -> list[str]:
    """A line for each interrupted commit that was found in the workspace, and what became of it."""
    return [f"recovered: {one_line(line, 300)}" for line in event.recovered]


@dataclass
class Watch:
    """What is known of a run so far. `hear` each event; show `lines`, or print the notes it returns."""

    task: Task
    run: str = ""
    at: float = 0.0
    draft: int = 0
    doing: str = "starts"
    tests: str = ""
    where: str = ""
    best: str = ""
    _noted: float = field(default=0.0, repr=False)
    _heard: float = field(default_factory=time.monotonic, repr=False)

    def hear(self, event: Event) -> list[str]:
        """Take note of an event. Returns the lines that are worth printing where nothing can be redrawn."""
        self.at, self._heard = max(self.at, event.at), time.monotonic()
        match event.type:
            case "started":
                self.run, self.doing = event.run, "looks at the workspace as it is"
                return [*recovered(event), f"{one_line(self.task.goal, 120)} (run {event.run})"]
            case "examined":
                return self._examined(event)
            case "criticised":
                return self._criticised(event)
            case "progressed":
                return self._progressed(event)
            case "proposed":
                return self._proposed(event)
            case "staged":
                self.doing = f"runs the checks on draft {self.draft} in the sandbox"
                return []
            case "decided":
                return self._decided(event)
            case "committed":
                return self._committed(event)
            case "asked":
                self.doing = "waits for your answer"
                return ["waits for your answer"]
            case "finished":
                self.doing = "has ended"
                return []

    def lines(self) -> list[str]:
        """The state, in at most five short lines; the first says who, how far and how long."""
        now = self.at + time.monotonic() - self._heard
        head = f"{self.task.id}  " + (f"draft {self.draft} · " if self.draft else "") + duration(now)
        where = f"most suspicious: {self.where}" if self.where else ""
        return [head, *(line for line in (self.tests, where, self.doing, self.best) if line)]

    def _examined(self, event: Examined) -> list[str]:
        if not event.evidence.check:
            return []
        self.tests = evidence_line(event.evidence)
        if event.baseline:
            return [f"before: {self.tests}"]
        self.draft = event.round + 1
        return [f"draft {self.draft}: {self.tests}"]

    def _criticised(self, event: Criticised) -> list[str]:
        lines = suspects([event.critique], limit=4)
        where = ", ".join(lines)
        if not where or where == self.where:
            return []
        self.where = where
        return [f"most suspicious: {where}"]

    def _progressed(self, event: Progressed) -> list[str]:
        data = event.data
        if event.kind != "repair.search":
            return []
        tried = data.get("tried")
        count = plural(tried, "candidate") if isinstance(tried, int) else "candidates"
        total = data.get("total")
        count += f" of {total:,}" if isinstance(total, int) else ""
        now = one_line(str(data.get("now") or ""), 100)
        self.doing = f"searches: {count} tried" + (f", now {now}" if now else "")
        self.best = f"best so far: {one_line(str(data['best']))}" if data.get("best") else ""
        if not tried or self.at - self._noted < NOTE_EVERY:
            return []
        self._noted = self.at
        return [f"searches: {count} tried" + (f"; {self.best}" if self.best else "")]

    def _proposed(self, event: Proposed) -> list[str]:
        draft, self.best = event.draft, ""
        what = one_line(draft.notes or draft.answer or ", ".join(a.kind for a in draft.actions), 160)
        if not draft.actions:
            self.doing = what or "has nothing more to propose"
            return [self.doing]
        self.draft = event.round + 1
        self.doing = f"draft {self.draft}: {what}"
        return [self.doing]

    def _decided(self, event: Decided) -> list[str]:
        kind = event.decision.kind
        if kind is DecisionKind.revise:
            self.doing = f"draft {self.draft} does not pass; looks for a better one"
            return [self.doing]
        words = {
            DecisionKind.commit: "proved: commits",
            DecisionKind.answer: "answers",
            DecisionKind.ask: "asks for approval",
            DecisionKind.abstain: "gives up and changes nothing",
            DecisionKind.reject: "rejects the draft and changes nothing",
        }
        self.doing = words[kind]
        return [self.doing]

    def _committed(self, event: Committed) -> list[str]:
        files = ", ".join(one_line(f.path) for f in event.receipt.files)
        self.doing = f"committed {files}"
        return [self.doing]
