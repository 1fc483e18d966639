"""A tool and a critic that write down all that the loop shows them, and rows to play."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from revet.evals.replay.playing import Playback, Recorded
from revet.schema import Critique, Evidence, Run, Verdict
from revet.tools.base import ToolCall, View

MARK = "only-the-judge-knows"
PROMPT = 'def double(x: int) -> int:\n    """Twice x.\n    >>> double(2)\n    4\n    """\n'
RIGHT = PROMPT + "    return x + x\n"
ALSO_RIGHT = PROMPT + "    return 2 * x\n"
SQUARE = PROMPT + "    return x * x\n"
FOUR = PROMPT + "    return 4\n"
FAILS = PROMPT + "    return x\n"


def write(folder: Path, name: str, rows: Sequence[Any]) -> None:
    path = folder / f"{name}.dev.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def task(**more: Any) -> dict[str, Any]:
    """A task whose fields for judges hold the mark."""
    judges = {"hidden_test": f"assert False, '{MARK}'", "canonical_solution": f"    return '{MARK}'\n"}
    tests = ["assert double(2) == 4"]
    return {"task_id": "t/1", "prompt": PROMPT, "entry_point": "double", "visible_tests": tests, **judges, **more}


class Spy:
    """Looks as a tool and as a critic, and says nothing."""

    name, arguments = "spy", None

    def __init__(self) -> None:
        self.seen: list[str] = []

    def plan(self, view: View) -> Sequence[ToolCall]:
        self._look(view)
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        raise LookupError("it plans no call")

    async def criticise(self, view: View) -> Critique:
        self._look(view)
        return Critique(critic=self.name, verdict=Verdict.abstain)

    def _look(self, view: View) -> None:
        self.seen += [f"{each.name}: {getattr(view, each.name)!r}" for each in fields(view)]
        self.seen += [view.task.model_dump_json(), view.draft.model_dump_json() if view.draft else ""]


def spy_on(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Let a spy sit in every loop that is played from now on."""
    spy, run = Spy(), Playback.run

    async def watched(self: Playback, recorded: Recorded, *, tools: Sequence[Any] = (), **how: Any) -> Run:
        return await run(self, recorded, tools=[*tools, spy], critic=spy, **how)

    monkeypatch.setattr(Playback, "run", watched)
    return spy


def kept_in(folder: Path) -> str:
    """All that is written in files below a folder."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())
