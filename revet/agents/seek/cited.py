"""`CitedCritic`: holds an answer's claims against what was found, without a model: each must cite what there is."""

from __future__ import annotations

import re
from collections.abc import Collection

from revet.agents.chat.critic import abstained
from revet.agents.chat.show import cut
from revet.agents.seek.trail import trail_of
from revet.policy import FILES_ONLY
from revet.schema import Changes, Critique, Draft, Finding, Location, Severity, Verdict
from revet.tools.base import View

__all__ = ["CitedCritic", "cited_in"]

ID = re.compile(r"\be-[0-9a-f]{8}\b")
MOST_SHOWN = 200


class CitedCritic:
    """Asks for a revision where a step of an answer cites no evidence, one that was dropped, or one that there is not.

    A draft that changes something or acts beyond files, or answers nothing, is none of its business, and neither is
    whether what is cited says so.
    """

    name = "cited"

    def __init__(self, severity: Severity = Severity.major) -> None:
        self.severity = severity

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.answer is None or _acts(draft, view.changes):
            return abstained(self.name, "there is no answer whose claims could cite anything")
        dropped = set(trail_of(view).dropped)
        evidence = (*view.evidence, *view.baseline.values(), *(e for a in view.attempts for e in a.evidence))
        known = {e.id for e in evidence}
        faults = [(n, _fault(step, known, dropped)) for n, step in enumerate(draft.steps)]
        findings = [self._finding(n, draft.steps[n], *fault) for n, fault in faults if fault is not None]
        if not draft.steps:
            claim = "the answer gives no claims that it rests on"
            suggestion = "give the claims as steps, each with the id of the evidence that it rests on"
            findings = [Finding(claim=claim, severity=self.severity, category="claim/none", suggestion=suggestion)]
        if findings:
            return Critique(
                critic=self.name,
                verdict=Verdict.revise,
                possible_result=f"{len(findings)} claims rest on nothing that was found",
                findings=tuple(findings),
                score=1 - len(findings) / max(1, len(draft.steps)),
            )
        result = f"all {len(draft.steps)} claims cite what was found"
        return Critique(critic=self.name, verdict=Verdict.accept, possible_result=result, score=1.0)

    def _finding(self, number: int, step: str, why: str, category: str) -> Finding:
        return Finding(
            claim=f"step {number} {why}: {cut(step, MOST_SHOWN)}",
            severity=self.severity,
            category=f"claim/{category}",
            location=Location(step=number),
            suggestion="cite the id of evidence that was found and kept, search for it, or leave the claim out",
        )


def _acts(draft: Draft, changes: Changes | None) -> bool:
    """Whether it does something. One that cannot be staged (no `changes`) would."""
    beyond = any(action.kind not in FILES_ONLY for action in draft.actions)
    return bool(draft.actions) and (beyond or changes is None or bool(changes))


def cited_in(text: str) -> list[str]:
    """The ids of evidence that a text cites, each once."""
    return list(dict.fromkeys(ID.findall(text)))


def _fault(step: str, known: Collection[str], dropped: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with what a step cites, and the category of that. One good citation is enough."""
    ids = cited_in(step)
    if not ids:
        return "cites no evidence", "uncited"
    if any(id in known and id not in dropped for id in ids):
        return None
    if any(id in dropped for id in ids):
        return "cites evidence that was dropped", "dropped"
    return "cites evidence that there is not", "unknown"
