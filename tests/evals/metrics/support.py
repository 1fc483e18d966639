"""Trials in a few letters: ``case("wr")`` is a case whose first draft is wrong and whose second, its end, is right."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from revet.evals.trial import Trial, Turn

__all__ = ["case", "cases", "turns"]

VERDICT = {"r": True, "w": False, "?": None}


def turns(drafts: str, accepted: str = "", **other: Any) -> tuple[Turn, ...]:
    """A draft a letter (r right, w wrong, ? no verdict); of `accepted`, r is yes and w no."""
    told = accepted.ljust(len(drafts), "?")
    return tuple(
        Turn(round=n, correct=VERDICT[draft], accepted=VERDICT[said], **other)
        for n, (draft, said) in enumerate(zip(drafts, told, strict=True), 1)
    )


def case(drafts: str, task: str = "t", *, accepted: str = "", ends: bool = True, **other: Any) -> Trial:
    """A case that ends with its last draft, or abstains (`ends`)."""
    known: dict[str, Any] = {"case": f"{task}/{drafts}", "task": task, "turns": turns(drafts, accepted)}
    if ends and drafts:
        known |= {"chosen": len(drafts) - 1, "correct": VERDICT[drafts[-1]]}
    return Trial(**(known | other))


fractions = st.none() | st.floats(0, 1)
verdicts = st.sampled_from([True, False, None])
drafted = st.builds(
    Turn,
    round=st.integers(0, 4),
    correct=verdicts,
    accepted=verdicts,
    score=fractions,
    confidence=fractions,
    located=verdicts,
    suggested=verdicts,
    failed_tool=st.booleans(),
)


@st.composite
def one_case(draw: st.DrawFn) -> Trial:
    found = tuple(sorted(draw(st.lists(drafted, max_size=4)), key=lambda turn: turn.round))
    chosen = draw(st.none() | st.integers(0, len(found) - 1)) if found else None
    return Trial(
        case=draw(st.text("abc", min_size=1, max_size=3)),
        task=draw(st.sampled_from("pqrs")),
        turns=found,
        chosen=chosen,
        correct=found[chosen].correct if chosen is not None else None,
        over_budget=draw(st.booleans()),
        tokens=draw(st.integers(0, 1000)),
        cost=draw(st.floats(0, 10)),
        seconds=draw(st.floats(0, 100)),
        error=draw(st.sampled_from([None, None, None, "broke"])),
    )


cases = st.lists(one_case(), max_size=12)
