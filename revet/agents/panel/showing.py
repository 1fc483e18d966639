"""Critiques as a prompt shows them to whoever criticises them. All of it is fenced: models said it, of anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from revet.agents.chat.critic import SaidCritique, SaidFinding
from revet.agents.chat.fence import fence
from revet.agents.chat.sections import section
from revet.agents.chat.show import cut
from revet.schema import Critique, Draft, Finding

__all__ = ["critique_shown", "findings_said", "told", "units_shown"]


def told(finding: Finding) -> str:
    """A unit of critique in a line: how grave, of what kind, where, what, on what evidence, what to do instead."""
    where = f" at {finding.location}" if finding.location else ""
    rests = f" (evidence: {', '.join(finding.evidence)})" if finding.evidence else " (no evidence is cited)"
    instead = f" Instead: {finding.suggestion}" if finding.suggestion else ""
    return f"{finding.severity} {finding.category}{where}: {finding.claim}{rests}{instead}"


def units_shown(units: Sequence[Finding], secret: str, most: int) -> str:
    """The units by number, from 0."""
    listed = "\n".join(f"{number}. {told(unit)}" for number, unit in enumerate(units))
    return section("Units of critique", fence(cut(listed, most), secret, "units"))


def critique_shown(heading: str, critique: Critique, secret: str, most: int) -> str:
    """One critique, without the name of whoever gave it."""
    lines = [f"verdict: {critique.verdict}, score {critique.score:.2f}", critique.possible_result]
    lines += [f"- {told(finding)}" for finding in critique.findings]
    return section(heading, fence(cut("\n".join(filter(None, lines)), most), secret, "critique"))


def findings_said(said: Sequence[SaidFinding], draft: Draft, known: Collection[str]) -> tuple[Finding, ...]:
    """What a model found, as findings: read as those of a critic are."""
    if not said:
        return ()
    whole = SaidCritique(possible_result="", findings=list(said), verdict="revise", score=0.0, confidence=0.0)
    return whole.critique("", draft, known).findings
