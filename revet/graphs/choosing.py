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
from revet.errors import BudgetSpent, DraftError, InputError, ModelError, StoreError
from revet.graphs import events
from revet.graphs.acting import in_time
from revet.graphs.person import PERSON
from revet.graphs.repeated import does_not_stage, whatever_its_steps
from revet.graphs.state import Context, State
from revet.graphs.step import Step, leading, required_checks, speaker
from revet.graphs.tracing import role
from revet.policy import best_attempt, standing
from revet.schema import Attempt, Decision, DecisionKind, Note, Run, Usage

__all__ = ["after_choice", "candidates", "choose", "learnt", "recalled", "selection", "taken"]

Update = dict[str, Any]


def selection(strategy: Strategy, state: State, attempt: Attempt) -> Mapping[str, Any]:
    """What a strategy adds to the `Case` of `attempt`; nothing for one that lets the first draft through, nor for what
    a person wrote. What they asked for is theirs to see, whatever else there is."""
    if state.get("chosen") is not None:
        others = [*state["attempts"], attempt]
        return {"chosen": tuple(state["chosen"] or ()), "candidates": len(candidates(others))}
    if not strategy.selects or state.get("written") == attempt.draft.id:
        return {}
    so_far = [*state["attempts"], attempt]
    if _asked_for(state["attempts"]):
        return {"candidates": len(candidates(so_far)), "wished": True}
    more: object = strategy.wants_more(so_far)
    if more is not None and not isinstance(more, str):
        hint = "return why more drafts are wanted, as text, or None if there are enough"
        raise InputError(f"wants_more of {strategy.name} returned {more!r:.200}", hint=hint)
    return {"candidates": len(candidates(so_far)), "more": more}


def _asked_for(attempts: Sequence[Attempt]) -> bool:
    """Whether it was a person who objected last, and so the reviser that made the next draft."""
    critique = leading([*attempts[-1].critiques]) if attempts else None
    return critique is not None and critique.critic == PERSON


def candidates(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that nothing spoke against, in order; none of a draft that was refused when it was seen last.

    An attempt without a decision counts as refused. The same answer may be come by in several ways: one that critics
    refuse for its steps, whatever the evidence says of all, leaves the others.
    """
    seen: dict[str, list[Attempt]] = {}
    for attempt in reversed(attempts):
        seen.setdefault(attempt.draft.id, []).append(attempt)

    def stands(attempt: Attempt, drafts: Sequence[Attempt]) -> bool:
        steps = attempt.draft.steps
        last = next(a for a in drafts if a is attempt or a.draft.steps == steps or whatever_its_steps(a))
        return last.decision is not None and last.decision.held

    held = [a for a in attempts if a.decision is not None and a.decision.held]
    return [a for a in held if stands(a, seen[a.draft.id])]


def taken(state: State) -> Attempt | None:
    """The attempt that a strategy chose and that came through the gate, unless the evidence puts another above it."""
    attempts, required = state["attempts"], required_checks(state["task"])
    last = attempts[-1] if attempts else None
    if last is None or state.get("chosen") is None or last.decision is None or last.decision.held:
        return None
    best = best_attempt(attempts, required)
    return last if best is not None and standing(last, required)[:-1] >= standing(best, required)[:-1] else None


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
    update = {"decision": None, **await _taken_up(attempt, state, runtime), "chosen": why, **spent}
    return {**update, "usage": spent["usage"] + Usage(rounds=1)} if "round" in update else update


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
        choosing = in_time(strategy.choose(view, rivals), view, lambda: late)
        choice = await role("strategy", strategy.name, choosing)
    except (BudgetSpent, ModelError) as error:
        return Choice(best, (f"nobody could choose ({error}): the first of those that the evidence puts first",))
    if not isinstance(choice, Choice) or not (choice.candidate is None or choice.candidate in range(len(rivals))):
        hint = f"return a Choice of one of the {len(rivals)} candidates, or of None"
        raise InputError(f"choose of {strategy.name} returned {choice!r:.200}", hint=hint)
    return choice


async def _taken_up(attempt: Attempt, state: State, runtime: Runtime[Context]) -> Update:
    """The attempt's draft, with what was seen and said of it if it would do now what it did then."""
    bench, draft, number = runtime.context.bench, attempt.draft, state["round"] + 1
    # A round of its own, for what was seen in the last one was seen of another draft.
    fresh: Update = {"draft": draft, "changes": None, "evidence": [], "critiques": [], "anew": True, "round": number}
    try:
        changes = await bench.stage(draft)
    except DraftError as error:
        return {**fresh, "evidence": [does_not_stage(draft, error)]}
    world = bench.world()
    then = state["worlds"].get(str(attempt.round))
    same = attempt.changes is not None and changes.fingerprint == attempt.changes.fingerprint and world == then
    if not same:
        speaker()(events.Staged(round=number, changes=changes))
        return {**fresh, "changes": changes}
    return {
        "draft": draft,
        "anew": False,
        "changes": changes,
        "world": world,
        "evidence": [*attempt.evidence],
        "critiques": [*attempt.critiques],
    }


async def recalled(step: Step, **known: Any) -> list[Note]:
    """What earlier runs taught about the task of this one. `known` is what was seen of it just now."""
    memory = step.context.memory
    if memory is None:
        return []
    notes: object = await memory.recall(step.view(memory.name, **known))
    if not isinstance(notes, Sequence) or not all(isinstance(note, Note) for note in notes):
        raise InputError(f"recall of {memory.name} returned {notes!r:.200}", hint="return a list of notes, or []")
    return [*notes]


async def learnt(step: Step, run: Run) -> Run:
    """The run, from which the memory has learnt. Where it could not, the record says so; the run ends as it did."""
    memory = step.context.memory
    if memory is None:
        return run
    worlds = {step.state.get("found"), *step.state.get("worlds", {}).values(), step.context.bench.world()}
    view = step.view(memory.name, moved=len(worlds) > 1)
    try:
        await memory.learn(view, run)
    except (BudgetSpent, ModelError, StoreError) as error:
        reasons = (*run.decision.reasons, f"nothing was learnt from this run: {error}")
        return run.model_copy(update={"decision": run.decision.model_copy(update={"reasons": reasons})})
    return run
