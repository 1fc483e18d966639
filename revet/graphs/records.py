"""The records of runs that did not write their own: they wait, broke off, or were killed after their commit."""

from __future__ import annotations

from revet.graphs.nodes import run_of
from revet.graphs.state import State
from revet.schema import Decision, DecisionKind, Receipt, Run, RunOutcome, Task

__all__ = ["committed", "failed", "paused"]


def paused(state: State) -> Run:
    """The record of a run whose graph has nothing to do: it waits, or it ended before its record was saved."""
    return state["result"] or _waiting(state)


def _waiting(state: State) -> Run:
    """The record of a run that waits for a person: what is proposed stands as its best."""
    decision = state["decision"] or Decision(kind=DecisionKind.ask)
    record = run_of(state, RunOutcome.asked, decision)
    return record.model_copy(update={"best": state["attempts"][-1] if state["attempts"] else None})


def failed(state: State, error: Exception) -> Run:
    """The record of a run that broke off. It can be continued from its last checkpoint."""
    decision = Decision(kind=DecisionKind.abstain, reasons=(str(error) or type(error).__name__,))
    return run_of(state, RunOutcome.failed, decision, error=f"{type(error).__name__}: {error}")


def committed(task: Task, run: str, receipt: Receipt) -> Run:
    """The record of a run of which only the journal of its workspace is left: it is over, for it may commit once."""
    why = "it had committed before it broke off; how it came to that is not kept here"
    decision = Decision(kind=DecisionKind.commit, reasons=(why,))
    return Run(id=run, task=task, outcome=RunOutcome.committed, decision=decision, receipt=receipt)
