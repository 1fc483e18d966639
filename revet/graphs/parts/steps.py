"""Going back to a step: which one is wrong first, what stands before it, and what is redone from there.

Steps are counted from 0, as in `Location.step`. Steps are those of `revet.agents.chat.steps.steps_of`: ``Draft.steps``,
or the lines of the answer of a draft that gives none.
"""

from __future__ import annotations

from collections.abc import Sequence

from revet.agents.chat.steps import steps_of
from revet.schema import Attempt, Critique, Draft, Finding, Verdict

__all__ = ["continued", "critique_of", "first_wrong", "prefix", "wrong_at"]


def prefix(draft: Draft, step: int) -> tuple[str, ...]:
    """The steps of `draft` before number `step`: those that are kept when it is redone from there."""
    return steps_of(draft)[: max(0, step)]


def first_wrong(attempt: Attempt) -> int | None:
    """The first step that a critic who objects calls wrong; None where no objection is to a step that there is."""
    found = wrong_at(attempt)
    return None if found is None else found[0]


def wrong_at(attempt: Attempt) -> tuple[int, Critique, Finding] | None:
    """The first wrong step, who says so, and what they say of it. Of several who name it, the first is heard."""
    count = len(steps_of(attempt.draft))
    named = [
        (finding.location.step, critique, finding)
        for critique in attempt.critiques
        if critique.verdict in (Verdict.revise, Verdict.reject)
        for finding in critique.findings
        if finding.location is not None and finding.location.step is not None and finding.location.step < count
    ]
    return min(named, key=lambda each: each[0], default=None)


def critique_of(critique: Critique, finding: Finding) -> Critique:
    """`critique` with this one finding and nothing else: what is told of one step alone."""
    return critique.model_copy(update={"findings": (finding,), "possible_result": finding.claim})


def continued(kept: Sequence[str], draft: Draft) -> Draft:
    """`draft`, which was written from there on, with the steps that were `kept` before its own.

    A writer who repeats the kept steps, all of them and first, has not written them twice. What is no draft stays so.
    """
    if draft.gives_up or draft.problem is not None:
        return draft
    own = steps_of(draft)
    if kept and own[: len(kept)] == tuple(kept):
        own = own[len(kept) :]
    return draft.model_copy(update={"steps": (*kept, *own)})
