"""A whole run is recorded, and played back in another folder: every question is answered, in that run's own names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from revet.graphs import Agent, AgentRun
from revet.models import Request
from revet.models.scripted import ScriptedModel
from revet.models.tape import Replay
from revet.schema import RunOutcome, Task

BUGGY = "def total(prices, shipping):\n    return sum(prices) - shipping\n"
TESTS = """import time

from shop import total


def test_shipping_is_added():
    time.sleep(0.01)
    assert total([10, 20], 5) == 35, __file__


def test_without_shipping():
    assert total([1, 2, 3], 0) == 6
"""


def edit(replace: str) -> dict[str, Any]:
    replacements = [{"search": "sum(prices) - shipping", "replace": replace}]
    action = dict.fromkeys(("content", "command", "sql", "tool", "arguments"))
    return {
        "thoughts": "Shipping is subtracted.",
        "read": [],
        "steps": [],
        "actions": [{**action, "kind": "edit_file", "path": "shop.py", "replacements": replacements}],
        "answer": None,
        "give_up": None,
    }


def critique(request: Request) -> dict[str, Any]:
    """Cites the first evidence that it is shown, under the id that it has in this run."""
    text = "\n".join(message.text for message in request.messages)
    ids = re.findall(r"Evidence (e-[0-9a-f]{8})", text)
    right = "sum(prices) + shipping" in text
    finding = {
        **dict.fromkeys(("action", "step", "suggestion")),
        "claim": "The sum is still wrong.",
        "severity": "major",
        "category": "logic",
        "path": "shop.py",
        "line": 2,
        "evidence": ids[:1],
        "confidence": 0.9,
    }
    return {
        "possible_result": "It works." if right else "It fails.",
        "findings": [] if right else [finding],
        "verdict": "accept" if right else "revise",
        "score": 0.9 if right else 0.1,
        "confidence": 0.9,
    }


def answer(request: Request) -> dict[str, Any]:
    """A first draft that is wrong, one that is right after that, and critiques of both."""
    if request.role == "critic":
        return critique(request)
    tried = any("abs(shipping)" in message.text for message in request.messages)
    return edit("sum(prices) + shipping" if tried else "sum(prices) - abs(shipping)")


async def run(folder: Path, model: Any, record: Path | None) -> tuple[AgentRun, Path]:
    workspace = folder / "shop"
    workspace.mkdir(parents=True)
    (workspace / "shop.py").write_text(BUGGY)
    (workspace / "test_shop.py").write_text(TESTS)
    task = Task(
        id="shop", goal="Make the tests pass.", workspace=str(workspace), checks=("pytest -q",), edit=("shop.py",)
    )
    agent = Agent(model, critic=model, store=folder / "store", record=record)
    try:
        return await agent.arun(task), workspace
    finally:
        await agent.aclose()


@pytest.mark.sandbox
async def test_a_recorded_run_plays_back_elsewhere(tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    first, _ = await run(tmp_path / "here", ScriptedModel(answer), recording)
    assert first.outcome is RunOutcome.committed, first.error
    recorded = Replay(recording).recorded
    assert {one.exchange.role for one in recorded} >= {"critic"}
    replay = Replay(recording)
    again, workspace = await run(tmp_path / "far" / "away" / "in_another_folder", replay, None)
    assert again.outcome is RunOutcome.committed, again.error
    assert "sum(prices) + shipping" in (workspace / "shop.py").read_text()
    assert [one.used for one in replay.recorded] == [1] * len(recorded)
    assert [attempt.draft.id for attempt in again.attempts] == [attempt.draft.id for attempt in first.attempts]
    assert again.usage.roles == first.usage.roles
    for attempt in again.attempts:
        known = {each.id for each in attempt.evidence}
        for critic in attempt.critiques:
            assert all(set(finding.evidence) <= known for finding in critic.findings)
    said = [finding for attempt in again.attempts for critic in attempt.critiques for finding in critic.findings]
    assert any(finding.evidence for finding in said if finding.claim == "The sum is still wrong.")
