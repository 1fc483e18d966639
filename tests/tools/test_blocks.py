"""The trace of a failing test: which blocks it ran, with which values, and that nothing hangs on it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, Task, WriteFile
from revet.tools import Tests
from revet.tools._guest.stepping import MOST, blocks_of
from revet.tools.blocks import Blocks
from tests.agents.chat_support import view

SOURCE = """def add(values):
    total = 0
    count = 0
    for value in values:
        total += value
        count += 1
    if count:
        return total - 1
    return None
"""

TESTS = """from sums import add


def test_right():
    assert add([]) is None


def test_wrong():
    assert add([2, 3]) == 5
"""


def test_a_block_is_a_stretch_without_a_branch() -> None:
    assert blocks_of(SOURCE.encode()) == {
        1: (1, 1), 2: (2, 3), 3: (2, 3), 4: (4, 4), 5: (5, 6), 6: (5, 6), 7: (7, 7), 8: (8, 8), 9: (9, 9),
    }  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(["x = 1", "if x:\n    y = 2\n    z = 3", "while y:\n    break", "y = 4"]), max_size=8))
def test_blocks_do_not_overlap_and_hold_every_statement(parts: list[str]) -> None:
    source = "\n".join(["x = y = 0", *parts]) + "\n"
    blocks = blocks_of(source.encode())
    assert all(first <= line <= last for line, (first, last) in blocks.items())
    assert all(blocks[line] == (first, last) for first, last in blocks.values() for line in range(first, last + 1))
    assert {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)} <= blocks.keys()


async def traced(folder: Path, source: str, **more: Any) -> Evidence | None:
    """The trace that the loop gathers of a draft that fails."""
    place = folder / "sums"
    place.mkdir()
    (place / "sums.py").write_text(SOURCE)
    (place / "test_sums.py").write_text(more.get("tests", TESTS))
    draft = Draft(author="t", actions=(WriteFile(path="sums.py", content=source),))
    agent = Agent(
        Scripted([draft]),
        tools=[Tests(test_timeout=1.0), Blocks(seconds=1.0)],
        store=folder / "store",
        policy=Policy(rounds=1),
    )
    task = Task(goal="Mend it.", workspace=str(place), edit=("sums.py",), checks=(more.get("check", "pytest -q"),))
    run = await agent.arun(task)
    return next((e for e in run.attempts[0].evidence if e.tool == "blocks"), None)


@pytest.mark.sandbox
async def test_the_first_failing_test_is_followed_block_by_block(tmp_path: Path) -> None:
    evidence = await traced(tmp_path, SOURCE.replace("total - 1", "total + 1"))
    assert evidence is not None and evidence.outcome is Outcome.passed and not evidence.required
    assert evidence.data["test"] == "test_sums.py::test_wrong"
    blocks: Any = evidence.data["blocks"]
    assert [(b["first"], b["last"]) for b in blocks] == [
        (2, 3), (4, 4), (5, 6), (4, 4), (5, 6), (4, 4), (7, 7), (8, 8),
    ]  # fmt: skip
    assert blocks[4]["values"] == {"values": "[2, 3]", "total": "5", "count": "2", "value": "3"}
    assert blocks[-1]["result"] == "returns 6"
    assert "after it: values=[2, 3], total=5, count=2, value=3; returns 6" in evidence.observation
    assert "total += value ⏎ count += 1" in evidence.observation


@pytest.mark.sandbox
async def test_an_endless_loop_is_cut_and_its_beginning_and_end_are_shown(tmp_path: Path) -> None:
    evidence = await traced(
        tmp_path, SOURCE.replace("    if count:", "    while count:\n        count += 1\n    if count:")
    )
    assert evidence is not None and len(evidence.data["blocks"]) == MOST  # type: ignore[arg-type]
    assert "blocks not shown" in evidence.observation and len(evidence.observation) < 10_000


@pytest.mark.sandbox
async def test_what_an_object_says_of_itself_does_no_harm(tmp_path: Path) -> None:
    rude = "class Rude:\n    def __repr__(self):\n        raise SystemError('no')\n\n\ndef add(values):\n"
    evidence = await traced(tmp_path, rude + "    it = Rude()\n    raise KeyError(it is None)\n")
    assert evidence is not None
    blocks: Any = evidence.data["blocks"]
    assert blocks[-1]["result"] == "raises KeyError" and blocks[-1]["values"]["it"] == "<Rude instance>"


def test_nothing_is_traced_where_nothing_fails_or_no_test_is_known() -> None:
    task = Task(goal="g", workspace=".", checks=("pytest -q",))
    passed = Evidence(tool="tests", request="pytest -q", outcome=Outcome.passed, check=task.checks[0].id, required=True)
    other = passed.model_copy(update={"outcome": Outcome.failed})
    assert not Blocks().plan(view(task=task, evidence=(passed,)))
    assert not Blocks().plan(view(task=task, evidence=(other,)))


def test_seconds_must_be_positive() -> None:
    with pytest.raises(InputError, match="positive"):
        Blocks(seconds=0)
