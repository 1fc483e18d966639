"""The steps of the loop. Each reads the state, lets one role act, and returns what changed.

Effects on the world happen in `commit` alone, so a step that is run again after a crash repeats nothing.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from revet.errors import DraftError, WorldMoved
from revet.graphs import events
from revet.graphs.acting import (
    gather_critiques,
    gather_evidence,
    in_time,
    leading,
    required_checks,
    speaker,
    too_late,
    view_of,
)
from revet.graphs.state import Context, State
from revet.policy import Case, best_attempt, decide, exhausted_budgets
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    Outcome,
    Receipt,
    Run,
    RunOutcome,
    Usage,
    Verdict,
)

__all__ = ["ask", "commit", "criticise", "examine", "finish", "gate", "prepare", "propose", "revise", "run_of", "stage"]

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
        spent = Usage(seconds=time.monotonic() - start)
        return {**update, "usage": update.get("usage", Usage()) + spent}

    run.__name__ = node.__name__
    return run


@timed
async def prepare(state: State, runtime: Runtime[Context]) -> Update:
    """Look at the workspace as it is: what fails now is the baseline that every draft is held against."""
    say = speaker()
    view = view_of(state, runtime, say)
    evidence = await gather_evidence(
        view, runtime.context, lambda e: say(events.Examined(round=0, evidence=e, baseline=True))
    )
    view = view_of(state, runtime, say, baseline={e.check: e for e in evidence if e.check}, evidence=tuple(evidence))
    critiques = await gather_critiques(view, runtime.context) if evidence else []
    for critique in critiques:
        say(events.Criticised(round=0, critique=critique, baseline=True))
    return {"baseline": evidence, "diagnosis": leading(critiques), "usage": Usage(tool_calls=len(evidence))}


@timed
async def propose(state: State, runtime: Runtime[Context]) -> Update:
    say = speaker()
    view = view_of(state, runtime, say, evidence=tuple(state["baseline"]))
    draft = await in_time(runtime.context.proposer.propose(view), view, too_late(runtime.context.proposer.name))
    say(events.Proposed(round=state["round"], draft=draft))
    return _fresh(draft)


@timed
async def revise(state: State, runtime: Runtime[Context]) -> Update:
    """The reviser sees everything so far, the best draft included; a new round begins."""
    say = speaker()
    critique = leading(state["critiques"]) or _refusal(state["decision"])
    view = view_of(state, runtime, say, critique=critique)
    reviser = runtime.context.reviser
    draft = await in_time(reviser.revise(view, critique), view, too_late(reviser.name))
    number = state["round"] + 1
    say(events.Proposed(round=number, draft=draft))
    return {**_fresh(draft), "round": number, "usage": Usage(rounds=1)}


@timed
async def stage(state: State, runtime: Runtime[Context]) -> Update:
    """Apply the draft to a copy. A draft that does not apply is evidence against it, not an error of the run."""
    draft = _draft(state)
    try:
        changes = runtime.context.bench.stage(draft)
    except DraftError as error:
        return {"changes": None, "evidence": [_does_not_stage(draft, error)]}
    speaker()(events.Staged(round=state["round"], changes=changes))
    return {"changes": changes, "evidence": []}


@timed
async def examine(state: State, runtime: Runtime[Context]) -> Update:
    """Let every tool look at the staged state. Nothing staged: what the baseline saw still holds."""
    if state["evidence"] and state["changes"] is None:
        return {}
    bench, say, draft = runtime.context.bench, speaker(), _draft(state)
    world = bench.world()
    if not state["changes"]:
        return {"evidence": state["baseline"], "world": world}
    try:
        changes = bench.restage(draft, state["changes"])
    except DraftError as error:
        return {"changes": None, "evidence": [_does_not_stage(draft, error)]}
    view = view_of({**state, "changes": changes}, runtime, say)

    def seen(each: Evidence) -> None:
        say(events.Examined(round=state["round"], evidence=each))

    evidence = await gather_evidence(view, runtime.context, seen)
    return {"changes": changes, "world": world, "evidence": evidence, "usage": Usage(tool_calls=len(evidence))}


@timed
async def criticise(state: State, runtime: Runtime[Context]) -> Update:
    say = speaker()
    critiques = await gather_critiques(view_of(state, runtime, say), runtime.context)
    for critique in critiques:
        say(events.Criticised(round=state["round"], critique=critique))
    return {"critiques": critiques}


@timed
async def gate(state: State, runtime: Runtime[Context]) -> Update:
    """Decide by rule, and write the attempt down."""
    draft = _draft(state)
    known = _refused_before(state, draft)
    attempt = Attempt(
        round=state["round"],
        draft=draft,
        changes=known.changes if known else state["changes"],
        evidence=known.evidence if known else tuple(state["baseline"] if draft.gives_up else state["evidence"]),
        critiques=known.critiques if known else tuple(state["critiques"]),
    )
    case = Case(attempt=attempt, required=required_checks(state["task"]), usage=state["usage"])
    decision = decide(runtime.context.policy, case)
    speaker()(events.Decided(round=state["round"], decision=decision))
    update: Update = {"decision": decision, "attempts": [attempt.model_copy(update={"decision": decision})]}
    if known:
        update |= {"changes": known.changes, "evidence": [*known.evidence], "critiques": [*known.critiques]}
    return update


async def ask(state: State, runtime: Runtime[Context]) -> Update:
    """Wait for a person. Nothing else happens here, for a resumed interrupt runs its node from the start."""
    decision, changes = state["decision"], state["changes"]
    assert decision is not None
    answer = interrupt(
        {
            "run": state["run"],
            "decision": decision.model_dump(mode="json"),
            "diff": changes.diff if changes else "",
        }
    )
    return {"approved": bool(answer)}


@timed
async def commit(state: State, runtime: Runtime[Context]) -> Update:
    """Commit exactly what was examined, once."""
    bench, changes = runtime.context.bench, state["changes"]
    assert changes is not None
    receipt = bench.receipt(changes, state["run"])
    if receipt is None:
        try:
            now = bench.restage(_draft(state), changes)
            if now.fingerprint != changes.fingerprint or bench.world() != state["world"]:
                raise WorldMoved("the workspace changed after the draft was examined")
            receipt = bench.commit(changes, state["run"])
        except (WorldMoved, DraftError) as moved:
            return _world_moved(state, runtime, moved)
    speaker()(events.Committed(receipt=receipt))
    return {"receipt": receipt}


@timed
async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """Say how it ended."""
    decision = state["decision"]
    assert decision is not None
    outcome = _outcome(decision, state["approved"], state["receipt"])
    return {"result": run_of(state, outcome, decision)}


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
        attempts=tuple(attempts),
        best=accepted or best_attempt(attempts, required_checks(state["task"])),
        receipt=state["receipt"],
        usage=state["usage"],
        started_at=state["started_at"],
        error=error,
    )


def _refused_before(state: State, draft: Draft) -> Attempt | None:
    """The earlier attempt of a draft that was repeated, and so came here without being staged or examined again."""
    if draft.gives_up or state["changes"] is not None or state["evidence"]:
        return None
    return next((a for a in state["attempts"] if a.draft.id == draft.id), None)


def _fresh(draft: Draft) -> Update:
    return {
        "draft": draft,
        "changes": None,
        "evidence": [],
        "critiques": [],
        "decision": None,
        "approved": None,
    }


def _draft(state: State) -> Draft:
    draft = state["draft"]
    assert draft is not None
    return draft


def _refusal(decision: Decision | None) -> Critique:
    """What the gate itself had against a draft that no critic spoke of."""
    reasons = "; ".join(decision.reasons) if decision else "nothing is proved yet"
    return Critique(critic="gate", verdict=Verdict.revise, possible_result=reasons)


def _does_not_stage(draft: Draft, error: DraftError) -> Evidence:
    return Evidence(
        tool="stage",
        request=f"apply draft {draft.id}",
        outcome=Outcome.error,
        observation=str(error),
        data={"error": type(error).__name__, "path": error.path, "action": error.action},
        required=True,
    )


def _world_moved(state: State, runtime: Runtime[Context], moved: Exception) -> Update:
    """Stage the draft on the world as it is now, to be examined again; or end, if it no longer applies or pays."""
    spent = exhausted_budgets(runtime.context.policy, state["usage"])
    try:
        changes = runtime.context.bench.stage(_draft(state))
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
