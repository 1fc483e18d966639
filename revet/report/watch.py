"""The events of one run as a person wants them: a few lines of state, and notes of what is new."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revet.report.effects import action_lines
from revet.report.text import duration, evidence_line, one_line, plural, recalled_line, suspects, tool_line
from revet.schema import Critique, DecisionKind, Evidence, Outcome, Task, Verdict

if TYPE_CHECKING:
    from revet.graphs.events import Committed, Criticised, Decided, Event, Examined, Progressed, Proposed, Started

__all__ = ["Watch", "recovered", "said_of"]

NOTE_EVERY = 10.0
"""Seconds between two notes about the same search."""

WAITS = "waits for your answer"


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
    _seen: bool = field(default=False, repr=False)
    _choosing: bool = field(default=False, repr=False)
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)
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
            case "recalled":
                return [recalled_line(event.notes)]
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
                self.doing = WAITS
                return [WAITS]
            case "finished":
                if self.doing != WAITS:
                    self.doing = "has ended"
                return []

    def line(self) -> str:
        """The state in one line: who, how long, and what is done just now."""
        return f"{self.task.id}  {self._long()}  {self.doing}"

    def lines(self) -> list[str]:
        """The state, in at most five short lines; the first says who, how far and how long."""
        head = f"{self.task.id}  " + (f"draft {self.draft} · " if self.draft else "") + self._long()
        where = f"most suspicious: {self.where}" if self.where else ""
        return [head, *(line for line in (self.tests, where, self.doing, self.best) if line)]

    def _long(self) -> str:
        return duration(self.at + time.monotonic() - self._heard)

    def _examined(self, event: Examined) -> list[str]:
        if not event.evidence.check:
            return self._looked_up(event.evidence) if not event.baseline else []
        self.tests = evidence_line(event.evidence)
        if event.baseline:
            return [f"before: {self.tests}"]
        self.draft, self._seen = event.round + 1, True
        return [f"draft {self.draft}: {self.tests}"]

    def _looked_up(self, evidence: Evidence) -> list[str]:
        """Where the tests go through the code is for `most suspicious`; the rest is news."""
        if evidence.tool == "coverage":
            return []
        self.doing = tool_line(evidence)
        self._seen = self._seen or (evidence.required and evidence.outcome is not Outcome.passed)
        return [self.doing]

    def _criticised(self, event: Criticised) -> list[str]:
        critique = event.critique
        if critique.critic != "evidence":
            silent = critique.verdict is Verdict.abstain and not critique.findings
            if silent and event.baseline:
                return []  # a critic of drafts, and there is none yet
            self._seen = self._seen or not silent
            return [f"{one_line(critique.critic, 40)}: {said_of(critique)}"]
        lines = suspects([critique], limit=4)
        where = ", ".join(lines)
        if not where or where == self.where:
            return []
        self.where = where
        return [f"most suspicious: {where}"]

    def _progressed(self, event: Progressed) -> list[str]:
        data = event.data
        if event.kind == "shortened":
            return ["the evidence was shortened to fit into the model's context"]
        if event.kind == "batch.waits":
            self.doing = f"waits: {one_line(str(data.get('why')), 160)}"
            return [self.doing]
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
        if draft.gives_up:
            self.doing = one_line(draft.notes, 160) or "has nothing more to propose"
            return [self.doing]
        self.draft, self._seen = event.round + 1, draft.problem is not None
        self._numbers.setdefault(draft.id, self.draft)
        what = draft.notes or ", ".join(a.kind for a in draft.actions)
        if draft.problem is not None:
            what = f"no draft: {draft.problem}"
        elif draft.answer is not None and not draft.actions:
            lines = draft.answer.strip().count("\n") + 1
            what = f"answers: {draft.answer}" if lines == 1 else f"answers in {plural(lines, 'line')}"
        self.doing = f"draft {self.draft}: {one_line(what, 160)}"
        return [self.doing, *(f"  {line}" for line in action_lines(draft))]

    def _decided(self, event: Decided) -> list[str]:
        decision, chosen = event.decision, self._choosing
        self._choosing = decision.kind is DecisionKind.choose
        said = self._decision(event)
        if not chosen:
            return said
        why = f": {one_line(decision.reasons[0])}" if decision.reasons else ""
        return [f"draft {self._numbers.get(decision.draft or '', self.draft)} is chosen{why}", *said]

    def _decision(self, event: Decided) -> list[str]:
        kind = event.decision.kind
        if event.decision.held:
            why = event.decision.reasons[0] if event.decision.reasons else "there are enough to choose among"
            self.doing = f"draft {self.draft} stands; {one_line(why)}"
            return [self.doing]
        if kind is DecisionKind.revise:
            why = f": {one_line(event.decision.reasons[0])}" if event.decision.reasons and not self._seen else ""
            self.doing = f"draft {self.draft} does not pass{why}; looks for a better one"
            return [self.doing]
        words = {
            DecisionKind.commit: "proved: commits",
            DecisionKind.answer: "the answer stands",
            DecisionKind.choose: "chooses among the drafts that stand",
            DecisionKind.ask: "asks for approval",
            DecisionKind.abstain: "gives up and changes nothing",
            DecisionKind.reject: "rejects the draft and changes nothing",
        }
        self.doing = words[kind]
        return [self.doing]

    def _committed(self, event: Committed) -> list[str]:
        receipt = event.receipt
        parts = [*(file.path for file in receipt.files), *(f"{folder.path}/" for folder in receipt.folders)]
        parts += [effect.what for effect in receipt.effects if effect.done]
        self.doing = f"committed {', '.join(map(one_line, parts))}"
        return [self.doing]


def said_of(critique: Critique) -> str:
    """A critic's verdict, and the gravest thing that it found; of one that abstains, why."""
    gravest = max(critique.findings, key=lambda finding: finding.severity.rank, default=None)
    if gravest is None and critique.verdict is Verdict.abstain and critique.possible_result:
        return f"{critique.verdict.value}: {one_line(critique.possible_result, 160)}"
    if gravest is None or critique.verdict is Verdict.accept:
        return critique.verdict.value
    return f"{critique.verdict.value}: {one_line(gravest.claim, 160)}"
