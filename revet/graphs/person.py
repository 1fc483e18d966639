"""The steps in which a person is asked and heard.

`ask` does nothing but wait, for LangGraph runs the node of an interrupt from its start when it is resumed; what the
answer brings about happens in `listen`. So there is one interrupt for each decision, and none is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite, interrupt
from pydantic import BaseModel

from revet.errors import InputError
from revet.graphs import events
from revet.graphs.questions import Approve, Edit, Expire, Reject, Respond, expires, question, response
from revet.graphs.state import Context, State
from revet.graphs.step import speaker
from revet.policy import exhausted_budgets
from revet.schema import Critique, Decision, DecisionKind, Draft, Finding, Severity, Verdict, utcnow

__all__ = ["PERSON", "after_person", "ask", "listen"]

PERSON = "person"
"""The author of a draft, and the critic of a critique, that came from who was asked."""

Update = dict[str, Any]


async def ask(state: State, runtime: Runtime[Context]) -> Update:
    """Wait for a person's answer, and do nothing else."""
    asked = question(state, runtime.context.policy)
    return {"answer": _plain(interrupt(asked.model_dump(mode="json")))}


async def listen(state: State, runtime: Runtime[Context]) -> Update:
    """What becomes of the answer: a commit, a new draft, a critique, the end; or the question again if it was none."""
    policy, said = runtime.context.policy, state.get("answer")
    until = expires(state, policy)
    if until is not None and utcnow() > until:
        return _ends(state, DecisionKind.abstain, f"no approval came within {policy.ask_seconds:.4g} s")
    try:
        answer = response(said)
    except InputError as error:
        return {"answer": None, "misheard": str(error)}
    match answer:
        case Approve():
            return {**_decided(state, DecisionKind.ask, "a person approved it"), "approved": True}
        case Reject(reason=why):
            told = "a person rejected it" + (f": {why.strip()}" if why.strip() else "")
            return {**_decided(state, DecisionKind.ask, told), "approved": False}
        case Expire():
            return _ends(state, DecisionKind.abstain, "no approval came in time")
        case Respond(message=message):
            return _responded(state, message.strip(), exhausted_budgets(policy, state["usage"]))
        case Edit(actions=actions):
            return _edited(state, actions)


async def after_person(state: State) -> str:
    """Where the answer leads."""
    decision = state["decision"]
    if state.get("misheard") is not None:
        return "ask"
    if decision is None:
        return "stage"
    if decision.kind is DecisionKind.revise:
        return "revise"
    return "commit" if state["approved"] else "finish"


def _edited(state: State, actions: tuple[Any, ...]) -> Update:
    """The draft that the person wrote, to be staged and examined like any other."""
    before = state["draft"]
    draft = Draft(author=PERSON, actions=actions, answer=before.answer if before else None)
    number = state["round"] + 1
    speaker()(events.Proposed(round=number, draft=draft))
    fresh: Update = {"draft": draft, "changes": None, "evidence": [], "critiques": [], "decision": None, "chosen": None}
    return {**fresh, "answer": None, "misheard": None, "approved": None, "round": number, "written": draft.id}


def _responded(state: State, message: str, spent: tuple[str, ...]) -> Update:
    """What the person said, as the first critique: it is the one that the reviser is given."""
    if spent:
        return _ends(state, DecisionKind.abstain, f"a person says: {message}", *spent)
    finding = Finding(claim=message, severity=Severity.major, category=PERSON)
    critique = Critique(critic=PERSON, verdict=Verdict.revise, findings=(finding,))
    speaker()(events.Criticised(round=state["round"], critique=critique))
    update = _decided(state, DecisionKind.revise, f"a person says: {message}")
    # The history says it, too: the draft is one that was refused, and why.
    *earlier, last = state["attempts"]
    said = {"decision": update["decision"], "critiques": (critique, *last.critiques)}
    history = Overwrite([*earlier, last.model_copy(update=said)])
    return {**update, "attempts": history, "critiques": [critique, *state["critiques"]]}


def _ends(state: State, kind: DecisionKind, *why: str) -> Update:
    return {**_decided(state, kind, *why), "approved": None}


def _decided(state: State, kind: DecisionKind, *why: str) -> Update:
    """The decision, with what the person said as the first of its reasons."""
    before = state["decision"]
    assert before is not None
    decision = Decision(kind=kind, reasons=(*why, *before.reasons), draft=before.draft)
    return {"decision": decision, "answer": None, "misheard": None}


def _plain(answer: object) -> object:
    """The answer as a checkpoint can keep it; what is no plain data is kept as the text that it shows as."""
    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    if isinstance(answer, Mapping):
        return {str(key): _plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [_plain(each) for each in answer]
    return answer if answer is None or isinstance(answer, bool | int | float | str) else f"{answer!r:.200}"
