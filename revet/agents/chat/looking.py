"""What a critic looks up before it judges: it calls tools, with arguments of its own, and what they find is evidence.

Tool-interactive critique as in CRITIC (arXiv 2305.11738), with the calls in the form that the model's provider has for
them. What a tool says goes back fenced; the judgement itself is asked for afterwards, in a request of its own that
shows all the evidence, so nothing depends on how the model spoke in between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from revet.agents.chat.asking import Room, ask_freely
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.show import cut
from revet.errors import ModelFailed
from revet.models import LanguageModel, Message, Reply, Request, ToolSpec, ToolUse
from revet.schema import Evidence
from revet.tools.base import Tool, ToolCall, View

__all__ = ["look_up", "specs_of"]

MOST_SHOWN = 0.1
"""The part of the prompt's room that one piece of what was found may take."""
MOST_REQUEST = 300
UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]+")


async def look_up(
    view: View, model: LanguageModel, prompts: Prompts, ask: Callable[[Room], Request], room: Room, most: int
) -> list[Evidence]:
    """What the model finds out with the tools of `view`, in at most `most` calls; `ask` makes the request to judge.

    Nothing without a tool for models. A model that refuses to be offered tools looks nothing up, and
    ``view.emit("tools-refused", {"role", "why"})`` says so.
    """
    specs = specs_of(view.tools)
    if not specs or most < 1:
        return []
    looking = _Looking(view, prompts, ask, specs, most)
    while looking.left:
        try:
            reply = await ask_freely(view, model, looking.request, room)
        except ModelFailed as failure:
            if failure.retryable or looking.found:
                raise
            view.emit("tools-refused", {"role": looking.request(room).role, "why": str(failure)[:MOST_REQUEST]})
            return []
        if not reply.tool_uses:
            break
        await looking.follow(reply)
    return looking.found


def specs_of(tools: Mapping[str, Tool]) -> dict[str, ToolSpec]:
    """How the tools that models may call are offered to one, by the tools' names. Names are made fit to be called."""
    specs: dict[str, ToolSpec] = {}
    for name, tool in tools.items():
        called = UNNAMEABLE.sub("_", name)[:64]
        if tool.arguments is None or not called or called in {spec.name for spec in specs.values()}:
            continue
        schema = tool.arguments.model_json_schema()
        about = str(schema.pop("description", "")) or f"the tool {name}"
        specs[name] = ToolSpec(name=called, description=about, arguments=schema)
    return specs


@dataclass
class _Looking:
    """The conversation so far. Each turn is what the model said, and what each of its calls found."""

    view: View
    prompts: Prompts
    ask: Callable[[Room], Request]
    specs: Mapping[str, ToolSpec]
    most: int
    found: list[Evidence] = field(default_factory=list)
    turns: list[tuple[Reply, list[tuple[ToolUse, str, str]]]] = field(default_factory=list)
    calls: int = 0

    @property
    def left(self) -> int:
        return self.most - self.calls

    def request(self, room: Room) -> Request:
        base = self.ask(room)
        *before, last = base.messages
        offered = last.model_copy(update={"text": self.prompts.fill("look", prompt=last.text, most=str(self.most))})
        talk = [message for turn in self.turns for message in self._turn(*turn, room)]
        return base.model_copy(
            update={"messages": (*before, offered, *talk), "tools": tuple(self.specs.values()), "answer": None}
        )

    def _turn(self, reply: Reply, answers: list[tuple[ToolUse, str, str]], room: Room) -> list[Message]:
        uses = tuple(use for use, _, _ in answers)
        return [
            Message(role="assistant", text=cut(reply.text, room.part(MOST_SHOWN)), tool_uses=uses),
            *(
                Message(
                    role="tool",
                    tool_use=use.id,
                    text=fence(cut(text, room.part(MOST_SHOWN)), self.view.secret, label),
                )
                for use, label, text in answers
            ),
        ]

    async def follow(self, reply: Reply) -> None:
        """Make the calls of one reply. Those beyond the limit are answered, too, for providers insist on it."""
        answers = []
        for number, use in enumerate(reply.tool_uses):
            known = use if use.id else use.model_copy(update={"id": f"call-{len(self.turns)}-{number}"})
            answers.append((known, *await self._answer(known)))
        self.turns.append((reply, answers))

    async def _answer(self, use: ToolUse) -> tuple[str, str]:
        """The label and the text of what one call found."""
        if not self.left:
            return "not-run", f"not run: {self.most} calls were allowed"
        self.calls += 1
        name = next((name for name, spec in self.specs.items() if spec.name == use.name), None)
        if name is None:
            return (
                "not-run",
                f"there is no tool {use.name!r}; the tools: {', '.join(s.name for s in self.specs.values())}",
            )
        request = cut(json.dumps(use.arguments, ensure_ascii=False, sort_keys=True), MOST_REQUEST)
        evidence = await self.view.use(ToolCall(tool=name, request=request, arguments=use.arguments))
        self.found.append(evidence)
        return evidence.id, f"{evidence.outcome}: {evidence.observation}"
