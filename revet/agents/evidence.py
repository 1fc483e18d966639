"""The evidence critic: says what the tools saw, in the form that a reviser can use. No model, no opinion.

Every failing test becomes a finding with its message and place. Where coverage was gathered, the lines that failing
tests run and passing tests don't are ranked (spectrum-based fault localisation: Abreu et al. 2007) and become
findings of category ``suspicious-line``, whose confidence is the line's score. What other tools found wrong
(``data["problems"]``) becomes a finding each; one that is probably right and grave enough is reason to revise, whether
or not the check was required.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from revet.agents.localise import Method, Suspicion, TestRun, rank
from revet.policy import EFFECTS
from revet.schema import Critique, Evidence, Finding, Location, Outcome, Severity, Verdict
from revet.tools import findings_of, spectrum_of
from revet.tools.base import View

__all__ = ["SUSPICIOUS", "EvidenceCritic"]

SUSPICIOUS = "suspicious-line"
MOST_TESTS, MOST_LINES, MOST_GRAVE = 20, 80, 3
PROBABLE = 0.5


class EvidenceCritic:
    """Accepts if every required check passed on the staged state, else asks for a revision and says where to look.

    A problem that a tool tells of, with a confidence above 0.5 and of the severity `revise_from` at least, asks for a
    revision, too. Give it what ``Policy.veto_from`` is, as the recipes do; the gate then has the last word.
    """

    name = "evidence"

    def __init__(self, method: Method = "ochiai", *, revise_from: Severity = Severity.major) -> None:
        self.method: Method = method
        self.revise_from = Severity(revise_from)

    async def criticise(self, view: View) -> Critique:
        wanting = [e for e in view.evidence if e.required and e.outcome is not Outcome.passed]
        findings = [f for evidence in wanting for f in _failures(evidence)]
        if wanting:
            findings += _suspects(view.evidence, self.method)
        told = [f for evidence in view.evidence if evidence not in wanting for f in findings_of(evidence)]
        findings += told
        grave = [f for f in told if f.severity.rank >= self.revise_from.rank and f.confidence > PROBABLE]
        # That no rule denies what it does proves nothing of what it is for.
        checks = [e for e in view.evidence if e.required and (e.tool != EFFECTS or e in wanting)]
        if not checks and not told:
            return Critique(
                critic=self.name,
                verdict=Verdict.abstain,
                possible_result="no required check has looked at this state",
                confidence=0.0,
            )
        results = [_result(wanting, checks), *(f.claim for f in grave[:MOST_GRAVE])]
        return Critique(
            critic=self.name,
            verdict=_verdict(wanting=bool(wanting), grave=bool(grave), checked=bool(checks)),
            possible_result="; ".join(filter(None, results)) or "what the tools found is no reason to revise",
            findings=tuple(findings),
            score=(len(checks) - len(wanting)) / (len(checks) + len(grave)) if checks or grave else 0.0,
        )


def _verdict(*, wanting: bool, grave: bool, checked: bool) -> Verdict:
    if wanting or grave:
        return Verdict.revise
    return Verdict.accept if checked else Verdict.abstain


def _failures(evidence: Evidence) -> list[Finding]:
    """A finding for each problem or failing test that the evidence names, or one for the whole of it."""
    tests = [t for t in _dicts(evidence.data.get("tests")) if t.get("outcome") in ("failed", "error", "timeout")]
    findings = [_failing_test(t, evidence) for t in tests[:MOST_TESTS]]
    if len(tests) > MOST_TESTS:
        findings.append(_whole(evidence, f"{len(tests) - MOST_TESTS} more tests do not pass"))
    integrity = evidence.data.get("integrity")
    broken = [str(rule) for rule in integrity] if isinstance(integrity, list) else []
    findings += [
        Finding(claim=rule, severity=Severity.critical, category="integrity", evidence=(evidence.id,))
        for rule in broken
    ]
    findings += findings_of(evidence)
    return findings or [_whole(evidence, f"`{evidence.request}` {evidence.outcome}: {_first_line(evidence)}")]


def _failing_test(test: dict[str, JsonValue], evidence: Evidence) -> Finding:
    message = " ".join(str(test.get("message") or test.get("outcome")).split())
    expected, actual = test.get("expected"), test.get("actual")
    suggestion = None
    if expected is not None and actual is not None:
        suggestion = f"make it give {expected} where it gives {actual}"
    path, line = test.get("path"), test.get("line")
    location = None
    if isinstance(path, str):
        location = Location(path=path, line=line if isinstance(line, int) and line > 0 else None)
    return Finding(
        claim=f"{test.get('id')} does not pass: {message[:300]}",
        severity=Severity.major,
        category=f"test/{test.get('outcome')}",
        location=location,
        evidence=(evidence.id,),
        suggestion=suggestion,
    )


def _whole(evidence: Evidence, claim: str) -> Finding:
    return Finding(claim=claim, severity=Severity.major, category=f"check/{evidence.outcome}", evidence=(evidence.id,))


def _suspects(evidence: Sequence[Evidence], method: Method) -> list[Finding]:
    findings: list[Finding] = []
    for each in evidence:
        runs = [TestRun(id=t.id, passed=t.passed, lines=t.lines) for t in spectrum_of(each)]
        ranked = [s for s in rank(runs, method) if s.score > 0][:MOST_LINES]
        findings += [_suspicious(s, each, number) for number, s in enumerate(ranked, 1)]
    return findings


def _suspicious(suspicion: Suspicion, evidence: Evidence, number: int) -> Finding:
    return Finding(
        claim=f"line {suspicion.line} of {suspicion.path} is suspect {number}: failing tests run it",
        severity=Severity.minor,
        category=SUSPICIOUS,
        location=Location(path=suspicion.path, line=suspicion.line),
        evidence=(evidence.id,),
        suggestion="change this line first",
        confidence=min(1.0, suspicion.score),
    )


def _result(wanting: Sequence[Evidence], checks: Sequence[Evidence]) -> str:
    if not checks:
        return ""
    if not wanting:
        return f"all {len(checks)} required checks pass" if len(checks) > 1 else "the required check passes"
    return "; ".join(f"`{e.request}` {e.outcome}: {_first_line(e)}" for e in wanting)


def _first_line(evidence: Evidence) -> str:
    return next((line.strip() for line in evidence.observation.splitlines() if line.strip()), "no output")


def _dicts(value: Any) -> list[dict[str, JsonValue]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
