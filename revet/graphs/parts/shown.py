"""Who is shown less than all: one earlier draft alone, or the task without inputs that are not for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from revet.agents.base import Proposer, Reviser
from revet.graphs.parts.views import at
from revet.graphs.step import leading
from revet.schema import Attempt, Critique, Draft, Verdict
from revet.tools.base import View

__all__ = ["Hiding", "Writer", "alone", "objection", "without_inputs"]


class Writer(Proposer, Reviser, Protocol):
    """Who both proposes and revises."""


def alone(view: View, attempt: Attempt) -> View:
    """The view of whoever mends `attempt` and knows of no other: neither of those before it nor of its siblings."""
    return replace(at(view, attempt), attempts=(attempt,), best=None)


def objection(attempt: Attempt) -> Critique:
    """What speaks against an attempt: the first critique that objects, or else why the gate refused it."""
    said = leading([c for c in attempt.critiques if c.verdict in (Verdict.revise, Verdict.reject)])
    reasons = "; ".join(attempt.decision.reasons) if attempt.decision else "nothing is proved yet"
    return said or Critique(critic="gate", verdict=Verdict.revise, possible_result=reasons)


def without_inputs(view: View, names: Sequence[str]) -> View:
    """The view of a task that lacks the inputs of these names."""
    kept = {name: value for name, value in view.task.inputs.items() if name not in names}
    if len(kept) == len(view.task.inputs):
        return view
    return replace(view, task=view.task.model_copy(update={"inputs": kept}))


class Hiding:
    """A proposer and reviser who is not shown the inputs `names`: what a draft is judged by, for one."""

    def __init__(self, writer: Writer, names: Sequence[str]) -> None:
        self.writer, self.names, self.name = writer, tuple(names), writer.name

    async def propose(self, view: View) -> Draft:
        return await self.writer.propose(without_inputs(view, self.names))

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self.writer.revise(without_inputs(view, self.names), critique)
