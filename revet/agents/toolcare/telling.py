"""What a tool user is told before each turn: the tools that there are, and what came of the calls so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from revet.agents.chat.asking import Room
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.recalled import notes_section
from revet.agents.chat.sections import (
    candidate_section,
    checks_section,
    critique_section,
    inputs_section,
    messages,
    section,
)
from revet.agents.chat.show import cut, share, show_evidence
from revet.agents.toolcare.made import Made, failures_in
from revet.models import Message
from revet.schema import Critique
from revet.tools.base import Tool, View

__all__ = ["HOME", "told_calls", "told_tools", "told_turn"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST_ABOUT, MOST_SCHEMA, MOST_CALLS = 600, 2_000, 40


def told_turn(
    prompts: Prompts,
    view: View,
    room: Room,
    lookups: Mapping[str, Tool],
    made: Sequence[Made],
    critique: Critique | None,
    kinds: str,
    contents: str,
) -> tuple[Message, ...]:
    """The messages of one turn. A draft that was refused is shown with its critique and what the tools saw of it."""
    revising = critique is not None and view.draft is not None
    tools = fence(told_tools(lookups) or "There are none.", view.secret, "tools")
    system = prompts.fill("critic_tool_system", kinds=kinds, tools=tools)
    draft, seen = view.draft, tuple(view.evidence)
    user = prompts.fill(
        "critic_tool",
        goal=view.task.goal,
        inputs=inputs_section(view.task, view.secret, room.part(0.1)),
        checks=checks_section(view.task),
        files=section("Contents of files", contents),
        notes=notes_section(view.notes, view.secret, room.part(0.05)),
        calls=told_calls(made, view.secret, room.part(0.35)),
        last=candidate_section(draft, view.changes, view.secret, room.part(0.1), "Your last draft, which was refused")
        if revising and draft is not None
        else "",
        critique=critique_section([critique] if critique else [], view.secret, room.part(0.08)),
        evidence=section("Evidence", show_evidence(seen, view.secret, room.part(0.15))) if seen else "",
        now=_now(made),
    )
    return messages(system, user)


def told_tools(tools: Mapping[str, Tool]) -> str:
    """Each tool in a line: its name, what it does, and the JSON Schema of what it takes."""
    lines = []
    for name, tool in tools.items():
        assert tool.arguments is not None
        schema = tool.arguments.model_json_schema()
        about = " ".join(str(schema.pop("description", "")).split())
        taken = {key: schema[key] for key in ("properties", "required", "$defs") if key in schema}
        lines.append(f"- {name}: {cut(about, MOST_ABOUT)} Arguments: {cut(json.dumps(taken), MOST_SCHEMA)}")
    return "\n".join(lines)


def told_calls(made: Sequence[Made], secret: str, most: int) -> str:
    """The calls so far with what came of them, fenced; the last ones find room first."""
    shown = made[-MOST_CALLS:]
    texts = [_told(each) for each in shown]
    shares = share([len(text) for text in texts], most)
    first = len(made) - len(shown)
    parts = [
        fence(cut(text, part), secret, f"call:{number}")
        for number, (text, part) in enumerate(zip(texts, shares, strict=True), first)
    ]
    return section("Your calls so far", "\n".join(parts))


def _told(made: Made) -> str:
    what = {
        "answered": "answered",
        "internal": "not carried out: the call is wrong",
        "external": f"the tool failed {made.times} times, and is out of use",
        "disabled": "not made",
    }
    category = f" ({made.category})" if made.category else ""
    return f"{made.tool} {json.dumps(made.arguments, ensure_ascii=False)}\n{what[made.kind]}{category}\n{made.said}"


def _now(made: Sequence[Made]) -> str:
    """What the last call asks for now, and which tools are out of use."""
    told = []
    if made and made[-1].kind == "internal":
        told.append("Your last call is wrong. Say which kind of error it was, and write the call anew.")
    elif made and made[-1].kind in ("external", "disabled"):
        told.append("The tool of your last call fails. Skip this step, or find another way with what else there is.")
    out = failures_in(made)
    if out:
        told.append(f"Out of use: {', '.join(out)}. If something is missing for that, your answer must say so.")
    return section("Now", "\n".join(told))
