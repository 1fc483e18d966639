"""The steps of the loop. Each reads the state, lets one role act, and returns what changed.

Effects on the world happen in `commit` alone, so a step that is run again after a crash repeats nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from langgraph.runtime import Runtime

from revet.agents.base import Judge
from revet.errors import DraftError, ModelError, WorldMoved
from revet.graphs import events
from revet.graphs.acting import drafted, gather_critiques, gather_evidence, in_time, planned_drafts
from revet.graphs.choosing import learnt, recalled, selection, taken
from revet.graphs.person import PERSON
from revet.graphs.repeated import does_not_stage, refused_before
from revet.graphs.state import Context, State
from revet.graphs.step import Step, leading, required_checks, speaker
from revet.graphs.tracing import role
from revet.policy import Case, best_attempt, decide, equal_attempts, exhausted_budgets, repeated_answers
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    Receipt,
    Run,
    RunOutcome,
    Usage,
    Verdict,
    utcnow,
)
from revet.tools.base import View

__all__ = [
    "commit",
    "criticise",
    "examine",
    "finish",
    "gate",
    "prepare",
    "propose",
    "revise",
    "run_of",
    "stage",
]

Update = dict[str, Any]


class Node(Protocol):
    """A step, as LangGraph wants it: the parameters by these names."""

    __name__: str

    async def __call__(self, state: State, runtime: Runtime[Context]) -> Update: ...


def timed(node: Node) -> Node:
    """Count the node's wall time in the run's usage."""

    async def run(state: State, runtime: Runtime[Context]) -> Update:
        start = time.monotonic()
        update = await node(state, runtime)
        usage: Usage = update.get("usage", Usage())
        return {**update, "usage": usage.model_copy(update={"seconds": time.monotonic() - start})}

    run.__name__ = node.__name__
    return run


@timed
async def prepare(state: State, runtime: Runtime[Context]) -> Update:
    """Look at the workspace as it is: what fails now is the baseline that every draft is held against."""
    step = Step("prepare", state, runtime)
    world = runtime.context.bench.world()
    evidence = await _survey(step, step.view("tools"))
    found = {"baseline": {e.check: e for e in evidence if e.check}, "evidence": tuple(evidence)}
    critiques = await gather_critiques(step, lambda critic: step.view(critic, **found)) if evidence else []
    for critique in critiques:
        step.say(events.Criticised(round=0, critique=critique, baseline=True))
    notes = await recalled(step, **found)
    if notes:
        step.say(events.Recalled(notes=tuple(notes)))
    baseline = [*evidence, *step.looked_up]
    return {"baseline": baseline, "found": world, "diagnosis": leading(critiques), "notes": notes, **step.spent}


async def _survey(step: Step, view: View) -> list[Evidence]:
    """What the tools see in the workspace as it is."""
    return await gather_evidence(step, view, _listener(step, view.round, baseline=True))


def _listener(step: Step, number: int, *, baseline: bool = False) -> Callable[[Evidence], None]:
    return lambda each: step.say(events.Examined(round=number, evidence=each, baseline=baseline))


@timed
async def propose(state: State, runtime: Runtime[Context]) -> Update:
    step = Step("propose", state, runtime)
    strategy, proposer = runtime.context.strategy, runtime.context.proposer
    view = step.view((strategy or proposer).name, evidence=tuple(state["baseline"]))
    if strategy is not None:
        draft, *queue = await planned_drafts(strategy, view)
    else:
        draft, queue = await drafted(proposer.name, proposer.propose(view), view), []
    step.say(events.Proposed(round=state["round"], draft=draft))
    return {**_fresh(draft, step.looked_up), "queue": queue, **step.spent}


@timed
async def revise(state: State, runtime: Runtime[Context]) -> Update:
    """The reviser sees everything so far, the best draft included; a new round begins.

    Drafts that a strategy made together are taken one after another. A person's word is heard at once.
    """
    step = Step("revise", state, runtime)
    draft, queue = await _next_draft(step)
    number = state["round"] + 1
    step.say(events.Proposed(round=number, draft=draft))
    spent = {**step.spent, "usage": step.usage + Usage(rounds=1)}
    return {**_fresh(draft, step.looked_up), "round": number, "queue": queue, **spent}


async def _next_draft(step: Step) -> tuple[Draft, list[Draft]]:
    """The draft of the next round, and those that wait for their turn."""
    state, strategy, reviser = step.state, step.context.strategy, step.context.reviser
    critique = leading(state["critiques"]) or _refusal(state["decision"])
    told = critique.critic == PERSON
    if state.get("queue") and not told:
        first, *rest = state["queue"]
        return first, rest
    await step.restaged()
    if strategy is not None and not told:
        view = step.view(strategy.name, critique=critique)
        first, *rest = await planned_drafts(strategy, view)
        return first, rest
    view = step.view(reviser.name, critique=critique)
    return await drafted(reviser.name, reviser.revise(view, critique), view), []


@timed
async def stage(state: State, runtime: Runtime[Context]) -> Update:
    """Apply the draft to a copy. A draft that does not apply is evidence against it, not an error of the run.

    What the proposer looked up stays in the evidence.
    """
    draft, looked_up = _draft(state), state["evidence"]
    try:
        changes = await runtime.context.bench.stage(draft)
    except DraftError as error:
        return {"changes": None, "evidence": [*looked_up, does_not_stage(draft, error)]}
    speaker()(events.Staged(round=state["round"], changes=changes))
    return {"changes": changes}


@timed
async def examine(state: State, runtime: Runtime[Context]) -> Update:
    """Let every tool look at the staged state. Where nothing is changed, the baseline speaks of it.

    It does so as long as the workspace is as it was found; if not, the baseline is taken anew. Of a draft that cannot
    be staged, only tools that read the draft alone have anything to say.
    """
    if state["changes"] is None:
        return await _examine_unstaged(state, runtime)
    bench, draft, looked_up = runtime.context.bench, _draft(state), state["evidence"]
    world = bench.world()
    changes = state["changes"]
    if changes:
        try:
            changes = await bench.restage(draft, changes)
        except DraftError as error:
            return {"changes": None, "evidence": [*looked_up, does_not_stage(draft, error)]}
    step = Step("examine", {**state, "changes": changes}, runtime)
    baseline, moved = state["baseline"], not changes and world != state.get("found")
    if moved:
        nothing: dict[str, Any] = {"draft": None, "changes": None, "layer": None, "evidence": (), "baseline": {}}
        baseline = await _survey(step, step.view("tools", **nothing))
    known = [*([] if changes else baseline), *looked_up]
    evidence = await gather_evidence(step, step.view("tools"), _listener(step, state["round"]), known)
    update = {"changes": changes, "world": world, "evidence": [*evidence, *step.looked_up], **step.spent}
    update["worlds"] = {str(state["round"]): world} if world else {}
    return {**update, "baseline": baseline, "found": world} if moved else update


async def _examine_unstaged(state: State, runtime: Runtime[Context]) -> Update:
    step = Step("examine", state, runtime)
    evidence = await gather_evidence(step, step.view("tools"), _listener(step, state["round"]), state["evidence"])
    return {"evidence": evidence, **step.spent}


@timed
async def criticise(state: State, runtime: Runtime[Context]) -> Update:
    step = Step("criticise", state, runtime)
    await step.restaged()
    critiques = await gather_critiques(step, step.view)
    for critique in critiques:
        step.say(events.Criticised(round=state["round"], critique=critique))
    update: Update = {"critiques": critiques, **step.spent}
    return {**update, "evidence": [*state["evidence"], *step.looked_up]} if step.looked_up else update


@timed
async def gate(state: State, runtime: Runtime[Context]) -> Update:
    """Decide by rule, and write the attempt down."""
    draft, strategy = _draft(state), runtime.context.strategy
    known, looked_up = refused_before(state, draft, runtime.context), tuple(state["evidence"])
    evidence = (*state["baseline"], *looked_up) if draft.gives_up else looked_up
    attempt = Attempt(
        round=state["round"],
        draft=draft,
        changes=known.changes if known else state["changes"],
        evidence=(*known.evidence, *looked_up) if known else evidence,
        critiques=known.critiques if known else tuple(state["critiques"]),
    )
    case = Case(
        attempt=attempt,
        required=required_checks(state["task"]),
        usage=state["usage"],
        repeated=repeated_answers(state["attempts"], attempt.answer),
        written=state.get("written") == draft.id,
        **({} if strategy is None else selection(strategy, state, attempt)),
    )
    decision = decide(runtime.context.policy, case)
    speaker()(events.Decided(round=state["round"], decision=decision))
    attempt = attempt.model_copy(update={"decision": decision})
    update: Update = {"decision": decision, "attempts": [attempt], "best": _best(state, attempt)}
    if decision.kind is DecisionKind.ask:
        update["asked_at"] = utcnow()
    if known:
        update |= {"changes": known.changes, "evidence": [*attempt.evidence], "critiques": [*known.critiques]}
        update["worlds"] = {k: w for k, w in {str(state["round"]): state["worlds"].get(str(known.round))}.items() if w}
    return update


@timed
async def commit(state: State, runtime: Runtime[Context]) -> Update:
    """Commit exactly what was examined, once."""
    bench, changes = runtime.context.bench, state["changes"]
    assert changes is not None
    receipt = bench.receipt(changes, state["run"])
    if receipt is None:
        try:
            now = await bench.restage(_draft(state), changes)
            if now.fingerprint != changes.fingerprint or bench.world() != state["world"]:
                raise WorldMoved("the workspace changed after the draft was examined")
            if not bench.acts(changes):
                nothing = "what it does changes nothing, so there is nothing to commit"
                return {"decision": Decision(kind=DecisionKind.answer, reasons=(nothing,), draft=_draft(state).id)}
            receipt = await bench.commit(changes, state["run"])
        except (WorldMoved, DraftError) as moved:
            return await _world_moved(state, runtime, moved)
    speaker()(events.Committed(receipt=receipt))
    return {"receipt": receipt}


@timed
async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """Say how it ended. Where nothing was accepted or chosen, and the evidence leaves several drafts equal, a judge is
    heard."""
    decision = state["decision"]
    assert decision is not None
    step = Step("finish", state, runtime)
    outcome = _outcome(decision, state["approved"], state["receipt"])
    run = run_of(state, outcome, decision)
    if not run.ok and taken(state) is None and runtime.context.judge is not None:
        run = await _chosen_by(runtime.context.judge, run, step)
    run = await learnt(step, run)
    run = run.model_copy(update={"usage": run.usage + step.usage})
    step.say(events.Finished(run=run))
    return {"result": run, **step.spent}


async def _chosen_by(judge: Judge, run: Run, step: Step) -> Run:
    """The run with the best attempt that the judge chose. A judge that cannot be asked leaves it as it was."""
    equals = equal_attempts(run.attempts, required_checks(run.task))
    if len(equals) < 2:
        return run
    await step.restaged()
    view = step.view("judge")
    try:
        chosen = await role("judge", "judge", in_time(judge.choose(view, equals), view, lambda: None))
    except ModelError as error:
        reasons = (*run.decision.reasons, f"the judge could not choose between equal drafts: {error}")
        return run.model_copy(update={"decision": run.decision.model_copy(update={"reasons": reasons})})
    if chosen is None or not 0 <= chosen < len(equals):
        return run
    return run.model_copy(update={"best": equals[chosen]})


def run_of(state: State, outcome: RunOutcome, decision: Decision, error: str | None = None) -> Run:
    """The record of a run as far as it has come."""
    attempts = state["attempts"]
    accepted = attempts[-1] if outcome in (RunOutcome.committed, RunOutcome.answered) else None
    return Run(
        id=state["run"],
        task=state["task"],
        outcome=outcome,
        decision=decision,
        baseline=tuple(state["baseline"]),
        diagnosis=state["diagnosis"],
        notes=tuple(state.get("notes", ())),
        attempts=tuple(attempts),
        best=accepted or taken(state) or best_attempt(attempts, required_checks(state["task"])),
        receipt=state["receipt"],
        usage=state["usage"],
        started_at=state["started_at"],
        error=error,
    )


def _best(state: State, attempt: Attempt) -> int | None:
    """Where in the history the best attempt stands, with `attempt` as the last."""
    before, attempts = state["best"], state["attempts"]
    rivals = [attempt] if before is None else [attempts[before], attempt]
    return len(attempts) if best_attempt(rivals, required_checks(state["task"])) is attempt else before


def _fresh(draft: Draft, looked_up: list[Evidence]) -> Update:
    return {
        "draft": draft,
        "changes": None,
        "evidence": looked_up,
        "critiques": [],
        "decision": None,
        "approved": None,
        "chosen": None,
    }


def _draft(state: State) -> Draft:
    draft = state["draft"]
    assert draft is not None
    return draft


def _refusal(decision: Decision | None) -> Critique:
    """What the gate itself had against a draft that no critic spoke of."""
    reasons = "; ".join(decision.reasons) if decision else "nothing is proved yet"
    return Critique(critic="gate", verdict=Verdict.revise, possible_result=reasons)


async def _world_moved(state: State, runtime: Runtime[Context], moved: Exception) -> Update:
    """Stage the draft on the world as it is now, to be examined again; or end, if it no longer applies or pays."""
    spent = exhausted_budgets(runtime.context.policy, state["usage"])
    try:
        changes = await runtime.context.bench.stage(_draft(state))
    except DraftError as error:
        return _ended(state, f"the workspace changed and the draft no longer applies: {error}")
    if spent:
        return _ended(state, str(moved), *spent)
    speaker()(events.Staged(round=state["round"] + 1, changes=changes))
    return {
        "changes": changes,
        "evidence": [],
        "critiques": [],
        "round": state["round"] + 1,
        "usage": Usage(rounds=1),
    }


def _ended(state: State, *reasons: str) -> Update:
    return {"decision": Decision(kind=DecisionKind.abstain, reasons=reasons, draft=_draft(state).id)}


def _outcome(decision: Decision, approved: bool | None, receipt: Receipt | None) -> RunOutcome:
    if receipt is not None:
        return RunOutcome.committed
    if approved is False:
        return RunOutcome.rejected
    return {
        DecisionKind.answer: RunOutcome.answered,
        DecisionKind.reject: RunOutcome.rejected,
        DecisionKind.ask: RunOutcome.asked,
    }.get(decision.kind, RunOutcome.abstained)
