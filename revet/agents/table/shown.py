"""How the table and the steps of a derivation stand in the prompts of these roles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from revet.agents.chat.fence import fence
from revet.agents.chat.sections import section
from revet.agents.chat.show import cut, share
from revet.schema import Draft, Task

__all__ = ["HOME", "steps_section", "table_section"]

HOME = Path(__file__).resolve().parent / "prompts"


def table_section(task: Task, secret: str, most: int) -> str:
    """The inputs of the task: each text as it stands (a table as CSV, say), rows one a line, all else as JSON."""
    shares = share([len(_text(value)) for value in task.inputs.values()], most)
    parts = [
        fence(cut(_text(value), part), secret, f"input:{name}")
        for (name, value), part in zip(task.inputs.items(), shares, strict=True)
    ]
    return section("Inputs", "\n".join(parts))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return "\n".join(" | ".join(str(cell) for cell in row) for row in value)
    return json.dumps(value, ensure_ascii=False, indent=1)


def steps_section(draft: Draft, steps: Sequence[str], secret: str, most: int) -> str:
    """The steps by number, from 0, and the answer where it is not one of them."""
    shares = share([len(step) for step in steps], most)
    listed = "\n".join(f"{n}. {cut(*each)}" for n, each in enumerate(zip(steps, shares, strict=True)))
    told = section("Steps", fence(listed, secret, "steps"))
    if draft.answer is not None and draft.steps:
        told += "\n" + section("Answer", fence(cut(draft.answer, most), secret, "answer"))
    return told
