"""Feedback that is heard: what was tried is listed and forbidden, and the temperature rises.

Left alone, models repeat an answer that was refused (Feedback Friction, 2025). Listing and forbidding what was tried
and raising the temperature by 0.15 a round, to 1.5 at most, are that paper's remedies; "never repeat an attempt" is
OCR-Agent's, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from revet.agents.chat.fence import fence
from revet.agents.chat.files import shown_diff
from revet.agents.chat.show import cut, share
from revet.schema import Attempt, Critique, Draft, Model, Verdict
from revet.tools.base import View

__all__ = ["Schedule", "objections", "repeats", "tried"]

MOST_REASON = 400
LEAST, FRAME = 160, 120
USUAL, HOTTEST = 1.0, 2.0


class Schedule(Model):
    """How much is added to the base temperature in each round: `start`, and `step` more every round, up to `cap`."""

    start: float = Field(default=0.0, ge=0)
    step: float = Field(default=0.15, ge=0)
    cap: float = Field(default=1.5, ge=0)

    def at(self, base: float | None, number: int) -> float | None:
        """The temperature in round `number` (0 is the first draft).

        A base of None leaves the model its own for as long as nothing is added, and counts as 1, the usual default,
        after that. No provider takes more than 2.
        """
        added = min(self.start + self.step * number, self.cap)
        if base is None and not added:
            return None
        return round(min((USUAL if base is None else base) + added, HOTTEST), 4)


def repeats(draft: Draft, attempts: Sequence[Attempt]) -> int | None:
    """The round of a former attempt that would do the same as `draft`; None for a new one."""
    if draft.gives_up or draft.problem is not None:
        return None
    return next((a.round for a in attempts if a.draft.id == draft.id), None)


def tried(attempts: Sequence[Attempt], secret: str, budget: int) -> str:
    """What was drafted so far and why it was refused, fenced; "" for nothing. The last ones find room first."""
    distinct = {a.draft.id: a for a in attempts if not a.draft.gives_up}
    known = sorted(distinct.values(), key=lambda a: a.round)
    most = max(1, budget // (LEAST + FRAME))
    shown = known[-most:]
    texts = [_told(attempt) for attempt in shown]
    shares = share([len(text) for text in texts], budget - FRAME * len(shown))
    parts = [
        fence(cut(text, part), secret, f"attempt:{attempt.round}")
        for attempt, text, part in zip(shown, texts, shares, strict=True)
    ]
    left = len(known) - len(shown)
    note = [f"{left} earlier attempts are not shown for lack of room."] if left else []
    return "\n".join([*note, *parts])


def _told(attempt: Attempt) -> str:
    draft = attempt.draft
    reasons = "; ".join(attempt.decision.reasons) if attempt.decision else ""
    held = attempt.decision is not None and attempt.decision.held  # nothing spoke against it, but more was wanted
    told = [f"{'held back' if held else 'refused'}: {cut(reasons, MOST_REASON)}"] if reasons else []
    if draft.problem is not None:
        told.append(f"it could not be understood: {cut(draft.problem, MOST_REASON)}")
        said = draft.data.get("said")
        told += [f"what was said:\n{said}"] if said else []
    if draft.answer is not None:
        told.append(f"answer: {draft.answer}")
    diff = shown_diff(attempt.changes)
    if diff:
        told.append(diff)
    elif draft.actions:
        told += [action.model_dump_json(exclude_none=True) for action in draft.actions]
    return "\n".join(told)


def objections(view: View, critique: Critique | None) -> list[Critique]:
    """The critique that is to be heard, and what other critics object to in the same draft."""
    last = view.attempts[-1].critiques if view.attempts else ()
    others = [c for c in last if c != critique and c.verdict in (Verdict.revise, Verdict.reject)]
    return [*([critique] if critique else []), *others]
