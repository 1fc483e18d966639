"""A whole text held against passages: its claims, each with its judgement, within a bound of claims and of time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from revet.schema import Location, Severity
from revet.tools._claims.facts import facts_of, shown
from revet.tools._claims.judge import Judgement, judge
from revet.tools._claims.library import Library
from revet.tools._claims.split import VERB, Claim, claims_of
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["MOST_CLAIMS", "Checked", "any_claim", "check", "counted", "listed", "problem_of", "told"]

MOST_CLAIMS = 400
MOST_TOLD = 200
MOST_SHOWN = 30
SHORT = 6
MOST_QUOTED, MOST_SAID = 300, 200
AGREEING = frozenset(("yes", "no", "true", "false", "ja", "nein", "oui", "non", "sí", "si"))
"""An answer that only agrees, or does not, names nothing that a passage could have."""
STANDINGS = ("refuted", "not found", "supported")


class Checked(NamedTuple):
    """The judgements, in the order of the text. `left` claims were not looked at."""

    judgements: tuple[Judgement, ...]
    left: int = 0

    def of(self, standing: str) -> list[Judgement]:
        return [judgement for judgement in self.judgements if judgement.standing == standing]


def check(
    text: str, library: Library, *, goal: str = "", most: int = MOST_CLAIMS, seconds: float = float("inf")
) -> Checked:
    """Judge the claims of `text`. A text that is a mere answer is held against passages that speak of the goal."""
    until = time.monotonic() + seconds
    claims = list(_claims(text, most + 1))
    judgements: list[Judgement] = []
    for claim in claims[:most]:
        if time.monotonic() > until:
            break
        judgements.append(judge(claim, library, about=goal if claim.kind == "answer" else ""))
    return Checked(tuple(judgements), len(claims) - len(judgements))


def any_claim(text: str) -> bool:
    """Whether the text claims anything."""
    return bool(_claims(text, 1))


def problem_of(judgement: Judgement, *, located: bool) -> Problem | None:
    """What is wrong with the claim; None for a supported one. `located`: its span is one of the draft's answer."""
    claim, span = judgement.claim, (judgement.claim.start, judgement.claim.end)
    location = Location(span=span) if located else None
    said = clip(" ".join(claim.text.split()), MOST_SAID)
    if judgement.standing == "refuted" and judgement.excerpt is not None and judgement.wrong is not None:
        where, quoted = judgement.excerpt.source.where, _quoted(judgement)
        return Problem(
            claim=f"{said!r} is refuted by {where}: {judgement.reason}",
            severity=Severity.major,
            category="fact/refuted",
            location=location,
            suggestion=f"write {judgement.right!r} instead of {shown(judgement.wrong)!r}; {where} says: {quoted!r}",
            confidence=judgement.confidence,
        )
    if judgement.standing == "not found":
        trivial = not any(token.value is not None for token in facts_of(claim.text).tokens)
        return Problem(
            claim=f"{said!r} was not found in the passages: {judgement.reason}",
            severity=Severity.info if trivial else Severity.minor,
            category="fact/not-found",
            location=location,
            suggestion="find a passage that says so, or leave it out",
            confidence=judgement.confidence,
        )
    return None


def told(judgements: Iterable[Judgement]) -> list[JsonValue]:
    """The judgements for programs: the gravest first, at most 200."""
    ordered = sorted(judgements, key=lambda each: STANDINGS.index(each.standing))
    return [_told(judgement) for judgement in ordered[:MOST_TOLD]]


def listed(judgements: Sequence[Judgement]) -> list[str]:
    """The judgements for a reader: the gravest first, at most 30."""
    ordered = sorted(judgements, key=lambda each: STANDINGS.index(each.standing))
    lines = [_line(judgement) for judgement in ordered[:MOST_SHOWN]]
    return [*lines, f"- and {len(ordered) - MOST_SHOWN} more"] if len(ordered) > MOST_SHOWN else lines


def counted(checked: Checked) -> str:
    """``1 refuted, 2 supported``."""
    counts = [f"{number} {standing}" for standing in STANDINGS if (number := len(checked.of(standing)))]
    return ", ".join([*counts, *([f"{checked.left} or more not looked at"] if checked.left else [])]) or "no claims"


def _claims(text: str, most: int) -> list[Claim]:
    said = text.strip()
    words = re.findall(r"\w+", said[:200])
    if len(words) == 1 and words[0].lower() in AGREEING:
        return []
    verbs = any(VERB.fullmatch(word) for word in words if word[0].islower())
    if 0 < len(words) <= SHORT and len(said) < 100 and not verbs:
        start = text.index(said)
        return [Claim(start, start + len(said), said, kind="answer")]
    return list(claims_of(text, most))


def _quoted(judgement: Judgement) -> str:
    return clip(" ".join(judgement.excerpt.text.split()), MOST_QUOTED) if judgement.excerpt else ""


def _line(judgement: Judgement) -> str:
    said = clip(" ".join(judgement.claim.text.split()), MOST_SAID)
    line = f"- {judgement.standing}: {said} ({judgement.reason})"
    if judgement.excerpt is None:
        return line
    return f"{line}\n  {judgement.excerpt.source.where}: {_quoted(judgement)}"


def _told(judgement: Judgement) -> dict[str, JsonValue]:
    claim, excerpt = judgement.claim, judgement.excerpt
    said: dict[str, JsonValue] = {
        "text": clip(claim.text, 1_000),
        "span": [claim.start, claim.end],
        "standing": judgement.standing,
        "reason": judgement.reason,
        "confidence": judgement.confidence,
    }
    if excerpt is not None:
        passage: dict[str, JsonValue] = {"passage": clip(excerpt.text, 600), "source": excerpt.source.where}
        said |= {**passage, "evidence": excerpt.source.evidence or None}
    if judgement.wrong is not None:
        said |= {"wrong": shown(judgement.wrong), "right": judgement.right}
    return said
