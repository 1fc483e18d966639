"""Was this draft tried before? Then it is not examined again: what was seen and said of it still holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from revet.errors import DraftError
from revet.graphs.state import Context, State
from revet.schema import Attempt, DecisionKind, Draft, Evidence, Outcome

__all__ = ["STAGE", "does_not_stage", "earlier", "refused_before", "whatever_its_steps"]

STAGE = "stage"
"""The tool of the evidence that a draft cannot be staged."""


def does_not_stage(draft: Draft, error: DraftError) -> Evidence:
    """The evidence against a draft that does not apply."""
    return Evidence(
        tool=STAGE,
        request=f"apply draft {draft.id}",
        outcome=Outcome.error,
        observation=str(error),
        data={"error": type(error).__name__, "path": error.path, "action": error.action},
        required=True,
    )


def refused_before(state: State, draft: Draft, context: Context) -> Attempt | None:
    """The earlier attempt of a draft that was repeated, and so came here without being staged or examined again."""
    examined = state["changes"] is not None or any(e.tool == STAGE and e.required for e in state["evidence"])
    if draft.gives_up or examined:
        return None
    return earlier(state["attempts"], draft, context)


def earlier(attempts: Sequence[Attempt], draft: Draft, context: Context) -> Attempt | None:
    """The first attempt at the same draft that was refused in the world as it was last seen.

    What was let through and came back, for the world had moved, and all that was seen before that, proves nothing
    now. The draft's id is only worked out where it may be the same. Where a strategy chooses among drafts, an answer
    that critics alone refused is another draft when it is come by in another way.
    """
    chooses = context.strategy is not None and context.strategy.selects

    def alike(attempt: Attempt) -> bool:
        other, held = attempt.draft, attempt.decision is not None and attempt.decision.held
        hangs = held or _faults_a_step(attempt) or (chooses and not whatever_its_steps(attempt))
        if other.steps != draft.steps and hangs:
            return False  # what critics say of the same answer may hang on how it was come by
        return (other.answer, other.problem, len(other.actions)) == (draft.answer, draft.problem, len(draft.actions))

    refused = [*takewhile(lambda a: a.decision is not None and a.decision.kind is DecisionKind.revise, attempts[::-1])]
    return next((a for a in reversed(refused) if alike(a) and a.draft.id == draft.id), None)


def whatever_its_steps(attempt: Attempt) -> bool:
    """Whether what was decided holds for every such draft: it acts, or a required check did not pass."""
    return bool(attempt.draft.actions) or any(e.required and e.outcome is not Outcome.passed for e in attempt.evidence)


def _faults_a_step(attempt: Attempt) -> bool:
    findings = (f for critique in attempt.critiques for f in critique.findings)
    return any(f.location is not None and f.location.step is not None for f in findings)
