"""The blocks that a failing test ran, with the values of the variables after each: what went wrong, step by step.

As LDB (Zhong et al. 2024, arXiv 2402.16906) and RethinkMCTS show it to a model. A trace is for reading: it answers no
check, and nothing is decided by it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from revet.errors import InputError
from revet.schema import Check, Evidence, Outcome
from revet.tools.base import ToolCall, View, evidence_for
from revet.tools.commands import parse_command
from revet.tools.facts import facts_of
from revet.tools.guest import limits_for, run_guest

__all__ = ["Blocks"]

MOST_SHOWN = 9_000
MOST_SOURCE = 300


class Blocks:
    """Traces the first failing test of each required check that failed. Never required itself.

    `seconds` bounds the traced test.
    """

    name = "blocks"
    arguments: type[BaseModel] | None = None

    def __init__(self, *, seconds: float = 5.0) -> None:
        if seconds <= 0:
            raise InputError(f"seconds must be positive, not {seconds}")
        self.seconds = seconds

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing until a check has failed with a test that can be followed."""
        calls = []
        for evidence in view.evidence:
            check = next((c for c in view.task.checks if c.id == evidence.check), None)
            facts = facts_of(evidence) if evidence.outcome is not Outcome.passed else None
            if check is not None and check.required and facts is not None and facts.failing:
                test = facts.failing[0]
                arguments: dict[str, JsonValue] = {"check": check.id, "test": test}
                calls.append(ToolCall(tool=self.name, request=f"trace of {test}", arguments=arguments))
        return calls

    async def run(self, call: ToolCall, view: View) -> Evidence:
        check = next((c for c in view.task.checks if c.id == call.arguments.get("check")), None)
        if check is None:
            raise InputError(f"the task has no check for {call.request!r}", hint="plan the calls from the same task")
        start = time.monotonic()
        traced = await self._traced(view, check, str(call.arguments["test"]))
        blocks = [block for block in traced.get("blocks", ()) if isinstance(block, dict)]
        skipped = int(traced.get("skipped", 0))
        kept: list[JsonValue] = [*blocks]
        told = _told(view, blocks, skipped) if blocks else "the test runs no function of a file that may be changed"
        return evidence_for(
            call,
            view,
            Outcome.passed if blocks else Outcome.inconclusive,
            told,
            data={"test": str(call.arguments["test"]), "blocks": kept, "skipped": skipped},
            seconds=time.monotonic() - start,
        )

    async def _traced(self, view: View, check: Check, test: str) -> Mapping[str, Any]:
        command = parse_command(check)
        if command.kind == "command" or view.remaining <= 0:
            return {}
        run = await run_guest(
            view,
            check,
            command,
            mode="steps",
            settings={"test_timeout": min(check.timeout, self.seconds), "steps": [test]},
            limits=limits_for(view, check.timeout, None),
        )
        for record in run.report.records:
            if record.get("t") == "test" and record.get("id") == test and isinstance(record.get("lines"), dict):
                traced: Mapping[str, Any] = record["lines"]
                return traced
        return {}


def _told(view: View, blocks: Sequence[Mapping[str, Any]], skipped: int) -> str:
    """The trace for reading: each block with its source, what it left in the variables and how it was left."""
    texts: dict[str, list[str]] = {}
    lines: list[str] = []
    gap = len(blocks) - 24 if skipped else -1
    for number, block in enumerate(blocks):
        if number == gap:
            lines.append(f"… {skipped} blocks not shown …")
        path, first, last = str(block["path"]), int(block["first"]), int(block["last"])
        source = texts.setdefault(path, _source(view, path))[first - 1 : last]
        values = ", ".join(f"{name}={value}" for name, value in block["values"].items())
        result = f"; {block['result']}" if block["result"] else ""
        shown = " ⏎ ".join(line.strip() for line in source if line.strip())[:MOST_SOURCE]
        lines.append(f"{number + 1}. {path}:{first} {block['function']}: {shown}\n   after it: {values}{result}")
    text = "\n".join(lines)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN // 2] + "\n…\n" + text[-MOST_SHOWN // 2 :]


def _source(view: View, path: str) -> list[str]:
    """The lines of the file as staged; none where it cannot be read."""
    for root in (view.layer.root if view.layer else None, view.workspace):
        if root is not None and (root / path).is_file():
            return (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    return []
