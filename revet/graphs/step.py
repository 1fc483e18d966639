"""One step of a run: what its roles are shown, what they may spend, and what they look up."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from pydantic import JsonValue

from revet.errors import BudgetSpent, DraftError, InputError
from revet.graphs import events
from revet.graphs.calling import Calls, Made, Malformed, misfit
from revet.graphs.state import Context, State
from revet.models.account import Account
from revet.models.wire import Reply
from revet.schema import Check, Critique, Evidence, Outcome, Task, Usage, Verdict, digest
from revet.schema.base import to_json
from revet.tools.base import ToolCall, View, evidence_for

__all__ = ["Step", "leading", "required_checks", "speaker"]

MADE, UNMADE = "tool:", "no tool:"
"""Who gave an answer that is kept for a role: a tool that was called for it, or none."""


def speaker() -> Callable[[events.Event], None]:
    """Where events go. Taken once for each node, since tools may report from other threads."""
    return get_stream_writer()


class Step:
    """Made by a node when it begins. Everybody who speaks in it is given a view by `view`.

    `name` and the round tell the step from the others of the run. A step that is done again after a crash has the
    same name, makes the same views in the same order, and so asks no model again for what was answered.
    """

    def __init__(self, name: str, state: State, runtime: Runtime[Context]) -> None:
        if runtime.context is None:
            raise InputError("the graph has no roles", hint="run it with context=agent.context(bench)")
        self.state, self.context = state, runtime.context
        self.say = speaker()
        self.name = f"{state['run']}/{state['round']}/{name}"
        self._calls = Calls(self.name, self.context, state.get("used", {}), state["usage"])
        self._accounts: list[_SharedAccount] = []
        self._looked_up: list[list[Evidence]] = []

    @property
    def usage(self) -> Usage:
        """What was spent in this step so far: by language models, and on tool calls."""
        return sum((account.usage for account in self._accounts if account.used), Usage(tool_calls=self._calls.total))

    @property
    def spent(self) -> dict[str, Any]:
        """The update of the state that says so."""
        return {"usage": self.usage, "used": dict(self._calls.made)}

    @property
    def looked_up(self) -> list[Evidence]:
        """What roles found out by using tools, in the order of their views."""
        return [evidence for one in self._looked_up for evidence in one]

    async def restaged(self) -> None:
        """Stage the draft again if this process has not staged it yet (a resumed run), for the views to show it."""
        draft, changes = self.state["draft"], self.state["changes"]
        if draft is not None and changes:
            with contextlib.suppress(DraftError):  # the world moved, and the commit will find that out
                await self.context.bench.restage(draft, changes)

    def view(self, who: str = "", **more: Any) -> View:
        """What the role `who` is shown, with an account of its own. `more` replaces parts of it."""
        account = self._account(who)
        mine: list[Evidence] = []
        self._looked_up.append(mine)
        asked: Counter[str] = Counter()

        async def use(call: ToolCall) -> Evidence:
            same = digest(account.step, call.model_dump(mode="json"), length=24)
            asked[same] += 1
            now = replace(view, evidence=(*view.evidence, *mine))
            evidence = await self._use(call, now, key=f"{same}.use.{asked[same]}")
            mine.append(_in_passing(evidence))
            self.say(events.Examined(round=view.round, evidence=mine[-1], baseline=view.draft is None))
            return evidence

        view = View(**{**self._known, "account": account, "use": use, "forking": lambda name: self.view(name), **more})
        return view

    async def call(self, call: ToolCall, view: View) -> Evidence:
        """What the tool says to a call that it planned, on its terms; or why it was not asked."""
        try:
            return (await self._calls.make(call, view)).evidence
        except BudgetSpent as spent:
            return evidence_for(call, view, Outcome.inconclusive, f"{call.tool} did not end: {spent}")

    async def _use(self, call: ToolCall, view: View, *, key: str) -> Evidence:
        """A call that a role wants made. It proves no check. What was asked for wrongly is evidence too.

        Its answer is kept with those of the models: what a model is asked next depends on it.
        """
        if call.tool not in self.context.tools:
            known = ", ".join(self.context.tools) or "there are none"
            raise LookupError(f"there is no tool {call.tool!r} here; the tools: {known}")
        call = call.model_copy(update={"check": None, "required": False})
        replies = self.context.replies
        told = await replies.get(key) if replies else None
        if told is not None:
            if told.model.startswith(MADE):
                await self._calls.remember(call, view)
            return Evidence.model_validate_json(told.text)
        evidence, counts = await self._tried(call, view)
        evidence = evidence.model_copy(update={"check": None, "required": False})
        if replies:
            await replies.put(key, Reply(text=to_json(evidence), model=f"{MADE if counts else UNMADE}{call.tool}"))
        return evidence

    async def _tried(self, call: ToolCall, view: View) -> Made:
        try:
            wrong = misfit(call, self.context.tools[call.tool])
            if wrong is None:
                return await self._calls.make(call, view)
            return Made(evidence_for(call, view, Outcome.error, f"wrong arguments: {wrong}"), counts=False)
        except Malformed:
            raise
        except InputError as error:
            return Made(evidence_for(call, view, Outcome.error, str(error)), counts=True)

    @cached_property
    def _known(self) -> dict[str, Any]:
        state, context = self.state, self.context
        seconds, usage = context.policy.seconds, state["usage"]

        def emit(kind: str, data: Mapping[str, JsonValue]) -> None:
            self.say(events.Progressed(kind=kind, data=dict(data)))

        return {
            "task": state["task"],
            "run": state["run"],
            "round": state["round"],
            "workspace": context.bench.workspace,
            "session": context.bench.session,
            "draft": state["draft"],
            "changes": state["changes"],
            "layer": context.bench.layer if state["draft"] is not None and state["changes"] else None,
            "evidence": tuple(state["evidence"]),
            "critique": leading(state["critiques"]) or state["diagnosis"],
            "diagnosis": state["diagnosis"],
            "attempts": state["attempts"],
            "best": None if state["best"] is None else state["attempts"][state["best"]],
            "baseline": {e.check: e for e in state["baseline"] if e.check},
            "allows": context.bench.protection.allows,
            "deadline": None if seconds is None else time.monotonic() + seconds - usage.seconds,
            "seed": context.seed,
            "tools": context.tools,
            "secret": state["secret"],
            "offers": context.bench.offers,
            "notes": tuple(state.get("notes", ())),
            "emit": emit,
        }

    def _account(self, who: str) -> Account:
        policy, usage = self.context.policy, self.state["usage"]
        account = _SharedAccount(
            f"{self.name}/{len(self._accounts)}/{who}",
            self._accounts,
            tokens=None if policy.tokens is None else policy.tokens - usage.tokens,
            cost=None if policy.cost is None else policy.cost - usage.cost,
            replies=self.context.replies,
            purse=self.context.purse,
        )
        self._accounts.append(account)
        return account


class _SharedAccount(Account):
    """One role's account, in a step where several may speak at the same time: its limits hold for all of them."""

    def __init__(self, step: str, together: list[_SharedAccount], **limits: Any) -> None:
        super().__init__(step, **limits)
        self._together, self._limits = together, (self.tokens, self.cost)

    @property
    def used(self) -> bool:
        return bool(self._roles)

    def check(self) -> None:
        others = sum((account.usage for account in self._together if account is not self and account.used), Usage())
        tokens, cost = self._limits
        self.tokens = None if tokens is None else tokens - others.tokens
        self.cost = None if cost is None else cost - others.cost
        super().check()


def _in_passing(evidence: Evidence) -> Evidence:
    """What a role looked up, for the record: a value that was computed on the way is not the draft's answer, and what
    is wrong with that which the role asked about need not be in the draft. The observation says both."""
    kept = {k: v for k, v in evidence.data.items() if k not in ("answer", "problems")}
    return evidence.model_copy(update={"data": kept})


def leading(critiques: list[Critique]) -> Critique | None:
    """The critique that a reviser is given: the first that objects, else the first of all."""
    objecting = [c for c in critiques if c.verdict in (Verdict.reject, Verdict.revise)]
    return next(iter(objecting or critiques), None)


def required_checks(task: Task) -> tuple[Check, ...]:
    return tuple(check for check in task.checks if check.required)
