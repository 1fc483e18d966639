"""Several critiques of one draft become one: their union without repetitions, or what most of them hold.

A unit of critique is a `Finding`: where, what, how grave, what to do instead (the analytical units of MultiCritique,
arXiv 2410.15287). Two units are the same if they point at the same place and say nearly the same; the graver one's
words stand, with the evidence and the suggestions of both. No finding is lost: each is in the union, or in one that
cites all its evidence and is no less grave.

Whatever the rule, the verdict is never milder than a grave finding that rests on evidence: see `guarded`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Protocol

from revet.schema import Critique, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = [
    "DROPPED",
    "Majority",
    "Merge",
    "Union",
    "absorbed",
    "dropped",
    "grave",
    "guarded",
    "majority",
    "merged",
    "near",
    "union",
    "units",
]

DROPPED = "dropped/"
"""How the category of a finding begins that was not upheld. It stays in the record, weighs nothing (severity `info`),
and no reviser of ours is shown it."""

NEAR = 0.6
"""The least share of the longer claim's words that the shorter one has, for the two to be the same."""

MAJOR = Severity.major.rank
_WORD = re.compile(r"\w+")
_NOT = frozenset({"not", "no", "never", "none", "without", "cannot"})


class Merge(Protocol):
    """Makes one critique of several of the same draft, of which there is at least one."""

    async def merge(self, view: View, critiques: Sequence[Critique], name: str) -> Critique: ...


class Union:
    """Everything that any critic found; the sternest verdict. See `union`."""

    async def merge(self, view: View, critiques: Sequence[Critique], name: str) -> Critique:
        return union(critiques, name)


class Majority:
    """The verdict of most; the findings of all. See `majority`."""

    def __init__(self, *, weighted: bool = False) -> None:
        self.weighted = weighted

    async def merge(self, view: View, critiques: Sequence[Critique], name: str) -> Critique:
        return majority(critiques, name, weighted=self.weighted)


def union(critiques: Sequence[Critique], name: str = "union") -> Critique:
    """All findings, each once, and the sternest verdict that was given. Abstentions have no say in it.

    The order of the critiques makes no difference, and a union by itself is itself.
    """
    heard = _heard(critiques)
    verdict = max((c.verdict for c in heard), key=_sternness, default=Verdict.abstain)
    return guarded(_joined(critiques, heard, name, verdict))


def majority(critiques: Sequence[Critique], name: str = "majority", *, weighted: bool = False) -> Critique:
    """The findings of all, and the verdict that most gave; `weighted` by how sure they are.

    To accept takes more votes than to object: a tie objects. Where most object, more votes for `reject` than for
    `revise` reject. Abstentions have no vote.
    """
    heard = _heard(critiques)
    votes = {
        verdict: fsum(c.confidence if weighted else 1.0 for c in heard if c.verdict is verdict)
        for verdict in (Verdict.accept, Verdict.revise, Verdict.reject)
    }
    if not heard:
        verdict = Verdict.abstain
    elif votes[Verdict.accept] > votes[Verdict.revise] + votes[Verdict.reject]:
        verdict = Verdict.accept
    else:
        sterner = votes[Verdict.reject] > votes[Verdict.revise]
        verdict = Verdict.reject if sterner else Verdict.revise
        if not any(c.verdict in (Verdict.revise, Verdict.reject) for c in heard):
            verdict = Verdict.abstain  # nobody is sure of anything: only accepting votes, without any weight
    return guarded(_joined(critiques, heard, name, verdict))


def guarded(critique: Critique, beside: Iterable[Finding] = ()) -> Critique:
    """The critique, no milder than the grave findings that rest on evidence, its own and those `beside` it.

    Those of `beside` that are not in it are added: a model's word does not remove what cites evidence.
    """
    known = list(critique.findings)
    added = [f for f in beside if grave(f) and not any(_covers(own, f) for own in known)]
    findings = (*known, *added)
    milder = critique.verdict in (Verdict.accept, Verdict.abstain) and any(grave(f) for f in findings)
    verdict = Verdict.revise if milder else critique.verdict
    return critique.model_copy(update={"findings": findings, "verdict": verdict})


def grave(finding: Finding) -> bool:
    """True for a finding that is major at least and cites evidence."""
    return finding.severity.rank >= MAJOR and not finding.opinion


def dropped(finding: Finding, why: str = "") -> Finding:
    """The finding as the record keeps one that was not upheld."""
    if finding.category.startswith(DROPPED):
        return finding
    told = f"{finding.claim} (not upheld: {why})" if why else finding.claim
    return finding.model_copy(
        update={"claim": told, "category": f"{DROPPED}{finding.category}", "severity": Severity.info}
    )


def near(one: str, other: str) -> bool:
    """True if two claims say nearly the same: one has all words of the other and few more, no number or negation.

    A word that stands in the place of another makes another claim: the first argument is not the second.
    """
    first, second = _words(one), _words(other)
    if not first or not second:
        return one.strip() == other.strip()
    if _numbers(first) != _numbers(second) or _negations(first) != _negations(second):
        return False
    a, b = sorted((set(first), set(second)), key=len)
    return a <= b and len(a) / len(b) >= NEAR


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, gravest first: see the module."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=_place):
        for number, other in enumerate(kept):
            if _same(other, finding):
                kept[number] = absorbed(other, finding)
                break
        else:
            kept.append(finding)
    return tuple(kept)


def absorbed(finding: Finding, other: Finding) -> Finding:
    """`finding`, which `other` repeats: with the evidence and suggestions of both, and no less grave than either."""
    own, more = finding.suggestion or "", other.suggestion or ""
    said = own if more in own else f"{own}\n{more}".strip()
    return finding.model_copy(
        update={
            "severity": max(finding.severity, other.severity, key=lambda severity: severity.rank),
            "evidence": tuple(dict.fromkeys((*finding.evidence, *other.evidence))),
            "suggestion": said or None,
            "confidence": max(finding.confidence, other.confidence),
        }
    )


def units(critique: Critique) -> tuple[Finding, ...]:
    """The findings of a critique; one that objects without any is a finding itself, or its word would be lost."""
    if critique.findings or critique.verdict not in (Verdict.revise, Verdict.reject):
        return critique.findings
    claim = critique.possible_result or f"{critique.critic} says {critique.verdict}, and not why"
    return (Finding(claim=claim, category="unexplained", confidence=critique.confidence),)


def _joined(critiques: Sequence[Critique], heard: Sequence[Critique], name: str, verdict: Verdict) -> Critique:
    """What was found and said together. `score` and `confidence` are the means of those that do not abstain."""
    said = sorted({(c.critic, c.possible_result) for c in (heard or critiques) if c.possible_result})
    one = said[0][1] if len(said) == 1 else "\n".join(f"{critic}: {result}" for critic, result in said)
    return Critique(
        critic=name,
        verdict=verdict,
        possible_result=one,
        findings=merged(f for c in critiques for f in units(c)),
        score=_mean([c.score for c in heard]),
        confidence=_mean([c.confidence for c in heard]),
    )


def _heard(critiques: Sequence[Critique]) -> list[Critique]:
    return [c for c in critiques if c.verdict is not Verdict.abstain]


def _sternness(verdict: Verdict) -> int:
    return (Verdict.abstain, Verdict.accept, Verdict.revise, Verdict.reject).index(verdict)


def _mean(values: Sequence[float]) -> float:
    return min(1.0, fsum(values) / len(values)) if values else 0.0


def _same(one: Finding, other: Finding) -> bool:
    """A finding that was dropped is not the same as one that stands."""
    if one.category.startswith(DROPPED) != other.category.startswith(DROPPED):
        return False
    return one.location == other.location and near(one.claim, other.claim)


def _covers(own: Finding, other: Finding) -> bool:
    """Whether `own` already says what `other` says, and as gravely."""
    return own.severity.rank >= other.severity.rank and set(own.evidence) >= set(other.evidence) and _same(own, other)


def _place(finding: Finding) -> tuple[object, ...]:
    """An order that hangs on the findings alone: graver ones first, so that their words stand."""
    return (
        -finding.severity.rank,
        "" if finding.location is None else finding.location.model_dump_json(),
        finding.category,
        finding.claim,
        sorted(finding.evidence),
        finding.suggestion or "",
        finding.confidence,
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'").replace("n't", " not"))


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if any(letter.isdigit() for letter in word)]


def _negations(words: Sequence[str]) -> int:
    return sum(word in _NOT for word in words)
