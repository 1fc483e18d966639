"""How the steps let the roles act: tools run, critics heard, and nobody takes for ever."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from revet.agents.base import Critic, Strategy
from revet.agents.chat.recalled import refused_before
from revet.agents.preoperative import foretold
from revet.errors import BudgetSpent, InputError
from revet.graphs.calling import planned
from revet.graphs.step import Step
from revet.graphs.tracing import role
from revet.schema import Critique, Draft, Evidence, Verdict
from revet.tools.base import View, terms_of

__all__ = ["drafted", "gather_critiques", "gather_evidence", "in_time", "planned_drafts"]

# A tool may plan again when it sees what others found (coverage of the tests that failed). Two such rounds are
# enough for a chain of three tools, and bound a tool that never stops planning.
PLANS = 3

LATE = "the budget of wall time ended before"

T = TypeVar("T")


async def gather_evidence(
    step: Step, view: View, seen: Callable[[Evidence], None], known: Sequence[Evidence] = ()
) -> list[Evidence]:
    """Run what the tools plan, then what they plan on seeing that, until nothing new is planned.

    `known` is evidence that still holds: it is shown to the tools, comes first in what is returned, and the calls
    that it answers are not made again. What a role looked up in passing answers no call that is required. Of a draft
    that could not be staged only those are asked that read the draft alone.
    """
    unstaged = view.draft is not None and view.changes is None
    tools = [tool for tool in step.context.tools.values() if not unstaged or terms_of(tool).unstaged]
    evidence = [*known]
    now = view if view.evidence == tuple(evidence) else replace(view, evidence=tuple(evidence))
    answered = {(e.tool, e.request, e.check): e.required for e in sorted(known, key=lambda e: e.required)}
    failing: set[str] = set()
    for _ in range(PLANS):
        plans = [planned(tool, now) for tool in tools if tool.name not in failing]
        for failed in (plan for plan in plans if isinstance(plan, Evidence)):
            failing.add(failed.tool)
            evidence.append(failed)
            seen(failed)
        calls = [call for plan in plans if not isinstance(plan, Evidence) for call in plan]
        new = [c for c in calls if answered.get((c.tool, c.request, c.check)) not in (True, c.required)]
        if not new:
            break
        for call in new:
            answered[call.tool, call.request, call.check] = True
            evidence.append(await step.call(call, now))
            seen(evidence[-1])
            now = replace(view, evidence=tuple(evidence))
    return evidence


async def gather_critiques(step: Step, view: Callable[[str], View]) -> list[Critique]:
    """What every critic says, asked at the same time, each with a `view` of its own.

    A critic that a spent budget keeps from judging is not `heard`. Any other failure of a critic is raised when all
    have ended, so that what the others' models answered is kept: without its critic nothing may be decided. Of a draft
    that acts beyond files each critique says what would happen, and how that is known.
    """
    views = [(critic, view(critic.name)) for critic in step.context.critics]
    judging = [_judged(critic, critic.criticise(own), own) for critic, own in views]
    if len(judging) == 1:
        return [await judging[0]]
    said = await asyncio.gather(*judging, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each
    return [each for each in said if isinstance(each, Critique)]


async def _judged(critic: Critic, judging: Awaitable[Critique], view: View) -> Critique:
    name = critic.name
    try:
        heard = in_time(judging, view, lambda: _unheard(name, f"{LATE} {name} had judged"))
        said = await role("critic", name, heard)
    except BudgetSpent as spent:
        return _unheard(name, f"{name} could not judge: {spent}")
    return foretold(_meant(said, Critique, f"criticise of the critic {name}"), critic, view)


async def drafted(name: str, writing: Awaitable[Draft], view: View) -> Draft:
    """What a proposer or, after the first round, a reviser writes; nothing, with the reason, if a budget ends first."""
    kind = "proposer" if view.draft is None else "reviser"
    try:
        written = in_time(writing, view, lambda: Draft(author=name, notes=f"{LATE} there was a draft"))
        said = await role(kind, name, written)
    except BudgetSpent as spent:
        return Draft(author=name, notes=str(spent))
    return _unrepeated(_meant(said, Draft, f"propose or revise of {name}"), view)


async def planned_drafts(strategy: Strategy, view: View) -> list[Draft]:
    """What a strategy wants examined next; nothing, with the reason, if a budget ends first. Never empty.

    Who gave up while others drafted comes last: what the others made is examined first.
    """
    name = strategy.name
    try:
        late = f"{LATE} there was a draft"
        planning = in_time(strategy.drafts(view), view, lambda: [Draft(author=name, notes=late)])
        said = await role("strategy", name, planning)
    except BudgetSpent as spent:
        return [Draft(author=name, notes=str(spent))]
    if isinstance(said, Draft) or not isinstance(said, Sequence):
        raise InputError(f"drafts of {name} returned {said!r:.200}, which is no list", hint="return a list of drafts")
    drafts = [_unrepeated(_meant(each, Draft, f"drafts of {name}"), view) for each in said]
    made = [draft for draft in drafts if not draft.gives_up]
    given_up = [draft for draft in drafts if draft.gives_up]
    nothing = Draft(author=name, notes="there is nothing more to try")
    return [*made, *given_up[:1]] if drafts else [nothing]


def _unrepeated(draft: Draft, view: View) -> Draft:
    """The draft; or, where an earlier run of this task saw exactly it fail on this workspace, word of that: it counts
    as a try, and is not examined again."""
    note = refused_before(draft, view.notes)
    if note is None:
        return draft
    why = f"run {note.run} drafted exactly this for the same task, and a required check failed on the same workspace"
    return Draft(author=draft.author, problem=f"{why} (draft {draft.id})", data=draft.data, notes=draft.notes)


def _meant(said: object, kind: type[T], whose: str) -> T:
    """What a role answered. A role that answers something else is a fault of its author, and decides nothing."""
    if isinstance(said, kind):
        return said
    raise InputError(
        f"{whose} returned {said!r:.200}, which is no {kind.__name__}", hint=f"return a revet {kind.__name__}"
    )


async def in_time(role: Awaitable[T], view: View, late: Callable[[], T]) -> T:
    """What `role` answers, or `late` if the budget of wall time ends first."""
    if not inspect.isawaitable(role):
        raise InputError(f"a role gave {role!r:.200} at once, where it is awaited", hint="write it with `async def`")
    if view.deadline is None:
        return await role
    try:
        async with asyncio.timeout(view.remaining):
            return await role
    except TimeoutError:
        if view.remaining > 0:
            raise  # the role's own, not ours
        return late()


def _unheard(name: str, why: str) -> Critique:
    return Critique(critic=name, verdict=Verdict.abstain, possible_result=why, confidence=0.0, heard=False)
