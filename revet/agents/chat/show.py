"""Evidence as a prompt shows it: failures first, each fenced and with the id to cite, cut where it must be, and told.

Nothing that was cut looks whole: a cut in the middle says how many characters are missing, and what finds no room at
all is counted and named.
"""

from __future__ import annotations

from collections.abc import Sequence

from revet.agents.chat.fence import fence
from revet.schema import Evidence, Outcome

__all__ = ["cut", "ordered", "share", "show_evidence"]

ORDER = (Outcome.failed, Outcome.error, Outcome.timeout, Outcome.inconclusive, Outcome.passed)
PASSED = 400
"""Characters that evidence of success takes at most: there is little to learn from it."""
LEAST = 200
"""Characters that one piece of evidence gets at least, or it is not shown."""
FRAME = 160
"""About what the heading and the fence of one piece take."""
MOST_NAMED = 20


def cut(text: str, most: int) -> str:
    """`text`, or its beginning and end with a mark between them: at most `most` characters and the mark."""
    if len(text) <= most:
        return text
    kept = max(0, most)
    head = kept - kept // 2
    tail = kept - head
    mark = f"… {len(text) - kept:,} characters cut …"
    return "\n".join(part for part in (text[:head], mark, text[len(text) - tail :]) if part)


def ordered(evidence: Sequence[Evidence]) -> list[Evidence]:
    """What failed, then what could not tell, then what passed; what a check requires before the rest."""
    return sorted(evidence, key=lambda e: (ORDER.index(e.outcome), not e.required))


def share(lengths: Sequence[int], budget: int) -> list[int]:
    """How much of `budget` each text gets: all that it needs, or as much as any other that needs more."""
    shares = [0] * len(lengths)
    left, waiting = max(0, budget), sorted(range(len(lengths)), key=lambda i: lengths[i])
    for position, index in enumerate(waiting):
        shares[index] = min(lengths[index], left // (len(waiting) - position))
        left -= shares[index]
    return shares


def show_evidence(evidence: Sequence[Evidence], secret: str, budget: int) -> str:
    """All the evidence in about `budget` characters (at least one piece is shown, however small it is)."""
    known = ordered(list({e.id: e for e in evidence}.values()))
    if not known:
        return "There is no evidence."
    shown = known[: max(1, budget // (LEAST + FRAME))]
    texts = [_text(each) for each in shown]
    wanted = [
        min(len(text), PASSED) if each.outcome is Outcome.passed else len(text)
        for each, text in zip(shown, texts, strict=True)
    ]
    shares = share(wanted, budget - FRAME * len(shown))
    parts = [_piece(*each, secret) for each in zip(shown, texts, shares, strict=True)]
    return "\n\n".join([*parts, *_unshown(known[len(shown) :])])


def _piece(evidence: Evidence, text: str, most: int, secret: str) -> str:
    kind = "required check" if evidence.check and evidence.required else "check" if evidence.check else "tool"
    said = cut(text, most)
    heading = f"Evidence {evidence.id}: {kind} {evidence.tool}, {evidence.outcome}"
    if said != text:
        heading += ", shortened here: what is missing may matter"
    return f"{heading}\n{fence(said, secret, evidence.id)}"


def _text(evidence: Evidence) -> str:
    source = [f"source: {evidence.source}"] if evidence.source else []
    return "\n".join([f"request: {evidence.request}", *source, evidence.observation or "(it says nothing)"])


def _unshown(rest: Sequence[Evidence]) -> list[str]:
    if not rest:
        return []
    named = ", ".join(f"{e.id} {e.outcome}" for e in rest[:MOST_NAMED])
    more = f" and {len(rest) - MOST_NAMED} others" if len(rest) > MOST_NAMED else ""
    return [f"For lack of room, {len(rest)} more pieces of evidence are not shown: {named}{more}."]
