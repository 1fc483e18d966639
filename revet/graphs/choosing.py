"""Choosing among several drafts, for the methods that make them; and what earlier runs taught.

What is chosen is staged anew. If it does what it did when it was examined, in the same workspace, what was seen and
said of it then holds, and it goes to the gate; if not, it is examined like a new draft.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from revet.agents.base import Choice, Strategy
from revet.errors import BudgetSpent, DraftError, InputError, ModelError
from revet.graphs.acting import in_time
from revet.graphs.state import Context, State
from revet.graphs.step import Step, required_checks
from revet.policy import standing
from revet.schema import Attempt, Decision, DecisionKind, Note, Run, Usage

__all__ = ["after_choice", "candidates", "choose", "learnt", "recalled", "selection"]

Update = dict[str, Any]


def selection(strategy: Strategy, state: State, attempt: Attempt) -> Mapping[str, Any]:
    """What a strategy adds to the `Case` of `attempt`; nothing for one that lets the first draft through."""
    if state.get("chosen") is not None:
        return {"chosen": tuple(state["chosen"] or ())}
    if not strategy.selects or state.get("written") == attempt.draft.id:
        return {}
    so_far = [*state["attempts"], attempt]
    return {"candidates": len(candidates(state["attempts"])), "more": strategy.wants_more(so_far)}


def candidates(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that nothing spoke against, in order; none of a draft that was refused when it was seen last."""
    last = {attempt.draft.id: attempt.decision for attempt in attempts}

    def stands(decision: Decision | None) -> bool:
        return decision is not None and decision.held

    return [a for a in attempts if stands(a.decision) and stands(last[a.draft.id])]


async def choose(state: State, runtime: Runtime[Context]) -> Update:
    """Let the strategy choose, and make what it chose the draft of the run."""
    begun = time.monotonic()
    step = Step("choose", state, runtime)
    strategy, rivals = runtime.context.strategy, candidates(state["attempts"])
    assert strategy is not None and rivals
    choice = await _chosen(strategy, rivals, step)
    spent = {**step.spent, "usage": step.usage + Usage(seconds=time.monotonic() - begun)}
    if choice.candidate is None:
        reasons = choice.reasons or ("no draft stands out",)
        return {"decision": Decision(kind=DecisionKind.abstain, reasons=reasons), **spent}
    attempt = rivals[choice.candidate]
    why = [*choice.reasons] or [f"{strategy.name} chose draft {attempt.round + 1}"]
    return {"decision": None, **await _taken_up(attempt, state, runtime), "chosen": why, **spent}


async def after_choice(state: State) -> str:
    """To the gate with what is known of it, or to be examined anew; to the end if nothing was chosen."""
    if state["decision"] is not None:
        return "finish"
    return "examine" if state["anew"] else "gate"


async def _chosen(strategy: Strategy, rivals: Sequence[Attempt], step: Step) -> Choice:
    """What the strategy chose. Where it cannot be asked, the evidence decides, and the record says so."""
    best = max(range(len(rivals)), key=lambda n: (standing(rivals[n], required_checks(step.state["task"])), -n))
    view = step.view(strategy.name)
    late = Choice(best, ("no time was left to choose: the first of those that the evidence puts first",))
    try:
        choice = await in_time(strategy.choose(view, rivals), view, lambda: late)
    except (BudgetSpent, ModelError) as error:
        return Choice(best, (f"nobody could choose ({error}): the first of those that the evidence puts first",))
    if not isinstance(choice, Choice) or (choice.candidate is not None and not 0 <= choice.candidate < len(rivals)):
        hint = f"return a Choice of one of the {len(rivals)} candidates, or of None"
        raise InputError(f"choose of {strategy.name} returned {choice!r:.200}", hint=hint)
    return choice


async def _taken_up(attempt: Attempt, state: State, runtime: Runtime[Context]) -> Update:
    """The attempt's draft, with what was seen and said of it if it would do now what it did then."""
    bench, draft = runtime.context.bench, attempt.draft
    fresh: Update = {"draft": draft, "changes": None, "evidence": [], "critiques": [], "anew": True}
    try:
        changes = await bench.stage(draft)
    except DraftError as error:
        why = f"the workspace changed and the chosen draft no longer applies: {error}"
        return {**fresh, "decision": Decision(kind=DecisionKind.abstain, reasons=(why,), draft=draft.id)}
    world = bench.world()
    then = state["worlds"].get(str(attempt.round))
    same = attempt.changes is not None and changes.fingerprint == attempt.changes.fingerprint and world == then
    if not same:
        return {**fresh, "changes": changes}
    return {
        "draft": draft,
        "anew": False,
        "changes": changes,
        "world": world,
        "evidence": [*attempt.evidence],
        "critiques": [*attempt.critiques],
    }


async def recalled(step: Step) -> list[Note]:
    """What earlier runs taught about the task of this one."""
    memory = step.context.memory
    return [] if memory is None else [*await memory.recall(step.view(memory.name))]


async def learnt(step: Step, run: Run) -> Run:
    """The run, from which the memory has learnt. Where it could not, the record says so; the run ends as it did."""
    memory = step.context.memory
    if memory is None:
        return run
    view = step.view(memory.name)
    try:
        await memory.learn(view, run)
    except (BudgetSpent, ModelError) as error:
        reasons = (*run.decision.reasons, f"nothing was learnt from this run: {error}")
        return run.model_copy(update={"decision": run.decision.model_copy(update={"reasons": reasons})})
    return run
