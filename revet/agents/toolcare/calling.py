"""`ToolUser`: works through a task by calling tools, one a turn, and copes with calls that go wrong.

After CriticTool: a call that is wrong is criticised and written anew, and never made; a tool that fails is asked again,
three times at most, and then left out, or the person is told. After "Hell or High Water" (arXiv 2508.11027): a tool
that is out of use stays so for the run, and another way is looked for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from revet.actions.calls.functions import find
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.drafting import SaidDraft, drafted, kinds_shown
from revet.agents.chat.files import Files, look
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import Said, Text, Word
from revet.agents.toolcare.made import CALLS, Made, call_meant, calls_made, failures_in, fault_of
from revet.agents.toolcare.telling import HOME, told_turn
from revet.errors import AnswerUnusable, UnsupportedAction
from revet.models import LanguageModel, Request
from revet.schema import CallTool, Critique, Draft, Outcome
from revet.tools import CallCheck, problems_of
from revet.tools.base import ToolCall, View

__all__ = ["SaidTurn", "ToolUser"]

LONGEST = 10.0
MOST_SAID, MOST_REQUEST = 4_000, 300
ACTION = re.compile(r"^\s*- ([\w.-]+), arguments ", re.MULTILINE)

Internal = Literal["none", "tool_select", "tool_hallucination", "parameters_key", "parameters_value"]


class SaidTurn(Said):
    """One turn: a call, or the draft at the end."""

    error: Internal = Field(description="what was wrong with your last call; none if it was right, or there was none")
    thought: Text = Field(description="what this turn is for; after a wrong call, what was wrong with it")
    tool: Word | None = Field(description="the tool to call now; null at the end")
    arguments: str | None = Field(description="a JSON object, as text; null at the end")
    draft: SaidDraft | None = Field(description="at the end, what is to be done or answered; null before")

    @model_validator(mode="after")
    def _calls_or_ends(self) -> SaidTurn:
        if (self.tool is None) == (self.draft is None):
            raise ValueError("give either a tool to call or, at the end, the draft")
        if self.tool is not None:
            self.call()
        return self

    def call(self) -> CallTool:
        """The call that is meant. ValueError, in words for the model, if it is none."""
        return call_meant(self.tool, self.arguments)


class ToolUser:
    """Proposes and revises. What tools answer is evidence of the round; what acts on the world stands in the draft.

    `external` says what becomes of a tool that fails to the last: `skip` goes on without it, `finish` gives up and
    tells the person. `retries` (0 to 3) are further calls of a tool that fails, after waits that double from `wait`
    seconds. `turns` bounds the calls for one draft, and how often it asks to be shown files.

    A turn that cannot be used, and calls without an end, become ``Draft(problem=…)``; `BudgetSpent` and `ModelFailed`
    are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        name: str = "critic-tool",
        external: Literal["skip", "finish"] = "skip",
        retries: int = 3,
        wait: float = 0.5,
        turns: int = 12,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.name, self.external, self.temperature = model, name, external, temperature
        self.retries, self.wait, self.turns = retries, wait, turns
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def propose(self, view: View) -> Draft:
        return await self._worked(view, [], None)

    async def revise(self, view: View, critique: Critique) -> Draft:
        """Goes on from the calls that were made; none is made twice for the sake of another draft."""
        made = next((calls for a in reversed(view.attempts) if (calls := calls_made(a.draft))), [])
        return await self._worked(view, made, critique)

    async def _worked(self, view: View, made: list[Made], critique: Critique | None) -> Draft:
        made, files = [*made], await asyncio.to_thread(look, view)
        asked: tuple[str, ...] = ()
        try:
            for _ in range(self.turns):
                said = await self._turn(view, files, asked, made, critique)
                if made and made[-1].kind == "internal" and said.error != "none":
                    made[-1] = made[-1].model_copy(update={"named": said.error})
                more = tuple(dict.fromkeys((*asked, *(said.draft.read if said.draft else ()))))
                if said.draft and said.draft.only_reads and files is not None and more != asked:
                    asked = more
                    view.emit("reading", {"files": [*said.draft.read]})
                    continue
                if said.draft is not None:
                    draft = drafted(said.draft, self.name)
                    wrong = await self._wrong_action(view, draft)
                    if wrong is None:
                        return self._with(draft, made)
                    made.append(wrong)
                    continue
                made.append(await self._called(view, said.call(), made))
                if made[-1].kind == "external" and self.external == "finish":
                    return self._with(Draft(author=self.name, notes=f"{_failed(made[-1])}. How should it go on?"), made)
        except AnswerUnusable as error:
            why = plain(f"the answer could not be used ({error.why}): {error}", MOST_SAID)
            return self._with(Draft(author=self.name, problem=why), made)
        return self._with(Draft(author=self.name, problem=f"it took {self.turns} turns and came to no end"), made)

    def _with(self, draft: Draft, made: Sequence[Made]) -> Draft:
        """The draft with the calls behind it, and in its notes what is missing."""
        missing = [f"Without {_failed(each)}." for each in failures_in(made).values()]
        notes = "\n".join([draft.notes, *missing]) if missing and not draft.gives_up else draft.notes
        data: dict[str, Any] = {**draft.data, CALLS: [each.model_dump(mode="json") for each in made]}
        return draft.model_copy(update={"notes": notes, "data": data})

    async def _turn(
        self,
        view: View,
        files: Files | None,
        asked: Sequence[str],
        made: Sequence[Made],
        critique: Critique | None,
    ) -> SaidTurn:
        lookups = {n: t for n, t in view.tools.items() if t.arguments is not None and n not in failures_in(made)}

        def build(room: Room) -> Request:
            kinds = kinds_shown(view.offers, workspace=files is not None)
            contents = files.contents(asked, room.part(0.25)) if files is not None else ""
            told = told_turn(self.prompts, view, room, lookups, made, critique, kinds, contents)
            role = "proposer" if critique is None or view.draft is None else "reviser"
            return Request(role=role, messages=told, temperature=self.temperature)

        return await ask_for(view, self.model, SaidTurn, build, self.room)

    # --- one call ----------------------------------------------------------------------------------------------

    async def _called(self, view: View, call: CallTool, made: Sequence[Made]) -> Made:
        """What came of a call: it is made if it can be right, and again if the tool fails."""
        out = failures_in(made).get(call.name)
        if out is not None:
            return _made(call, "disabled", f"{_failed(out)}, and is out of use: find another way")
        wrong = await self._wrong_call(view, call)
        if wrong is not None:
            view.emit("internal", {"tool": call.name, "category": wrong.category})
            return wrong
        shown = f"{call.name} {json.dumps(call.arguments, ensure_ascii=False, sort_keys=True)}"[:MOST_REQUEST]
        asked = ToolCall(tool=call.name, request=shown, arguments=dict(call.arguments))
        times = 0
        while True:
            times += 1
            evidence = await view.use(asked)
            kind, again = fault_of(evidence)
            said = plain(f"{evidence.outcome}: {evidence.observation}", MOST_SAID)
            if not again or times > self.retries or view.remaining <= 0:
                break
            view.emit("retry", {"tool": call.name, "times": times})
            await asyncio.sleep(min(self.wait * 2 ** (times - 1), LONGEST, view.remaining))
        if kind == "external":
            view.emit("external", {"tool": call.name, "times": times})
        category = "tool/parameters_value_error" if kind == "internal" else ""
        return _made(call, kind, said, category=category, times=times)

    async def _wrong_call(self, view: View, call: CallTool) -> Made | None:
        """What is wrong with a call of a tool that is looked things up with."""
        if call.name in _actions(view):
            said = f"{call.name} acts on the world: it is no tool to call now; name it in the actions of your draft"
            return _made(call, "internal", said, category="tool/tool_select")
        inputs = {key: value for key, value in view.task.inputs.items() if key != "tools"}
        told = replace(view, task=view.task.model_copy(update={"inputs": inputs}))
        return await _checked(CallCheck(), told, call)

    async def _wrong_action(self, view: View, draft: Draft) -> Made | None:
        """What is wrong with the first wrong one of the calls that a draft wants made at its commit."""
        known = [{"name": name, "parameters": _schema(name)} for name in _actions(view)]
        for call in draft.actions:
            wrong = await _checked(CallCheck(known), replace(view, tools={}), call) if _is_call(call) else None
            if wrong is not None:
                view.emit("internal", {"tool": wrong.tool, "category": wrong.category})
                return wrong
        return None


async def _checked(check: CallCheck, view: View, call: Any) -> Made | None:
    """What `check` finds wrong with the call; where it knows of no tool at all, that there is none."""
    now = replace(view, draft=Draft(author="check", actions=(call,)))
    plan = check.plan(now)
    if not plan:
        return _made(call, "internal", f"there is no tool {call.name}", category="tool/tool_hallucination")
    evidence = await check.run(plan[0], now)
    if evidence.outcome is not Outcome.failed:
        return None
    first = next(problems_of(evidence))
    advice = f" Suggestion: {first.suggestion}" if first.suggestion else ""
    return _made(call, "internal", plain(f"{first.claim}.{advice}", MOST_SAID), category=first.category)


def _actions(view: View) -> tuple[str, ...]:
    """The names of the functions that a draft may call."""
    return tuple(ACTION.findall(view.offers.get("call_tool", "")))


def _schema(name: str) -> dict[str, Any] | None:
    try:
        return find(name).schema
    except UnsupportedAction:
        return None


def _is_call(action: object) -> bool:
    return isinstance(action, CallTool)


def _made(call: CallTool, kind: Any, said: str, **more: Any) -> Made:
    return Made(tool=call.name, arguments=dict(call.arguments), kind=kind, said=said, **more)


def _failed(made: Made) -> str:
    why = " ".join(made.said.split())[:MOST_REQUEST]
    return f"{made.tool}, which failed {made.times} time{'s' * (made.times != 1)} ({why})"
