"""The search as a whole, in the real sandbox: what it chooses, what it says, when it gives up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.repair import Edit, Repair, apply
from revet.agents.repair.minimise import hunks, minimised
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import RunOutcome, Task

lines = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "d"]), max_size=8).map("".join)


@given(lines, lines)
@settings(deadline=None)
def test_hunks_turn_the_original_into_the_final_text(original: str, final: str) -> None:
    assert apply(original, [Edit(*hunk) for hunk in hunks(original, final)]) == final


async def test_a_hunk_that_is_not_needed_is_left_out() -> None:
    original, final = "a = 1\nb = 2\nc = 3\nd = 4\n", "a = 0\nb = 2\nc = 0\nd = 4\n"

    async def passes(rest: Sequence[tuple[int, int, str]]) -> bool:
        return "c = 0" in apply(original, [Edit(*hunk) for hunk in rest])

    kept = await minimised(original, final, passes)
    assert apply(original, [Edit(*hunk) for hunk in kept]) == "a = 1\nb = 2\nc = 0\nd = 4\n"


def project(folder: Path, source: str, tests: str) -> Task:
    folder.mkdir()
    (folder / "code.py").write_text(source)
    (folder / "test_code.py").write_text(tests)
    return Task(id="code", workspace=str(folder), checks=("python -m unittest -q",), edit=("code.py",))


SOURCE = '''def clamp(value, low, high):
    """`value`, but not below `low` and not above `high`."""
    if value < low:  # below
        return high
    return min(value,   high)


def unrelated(x):
    return x+1
'''
TESTS = """import unittest
from code import clamp, unrelated


class Clamps(unittest.TestCase):
    def test_below(self):
        self.assertEqual(clamp(-5, 0, 9), 0)

    def test_far_below(self):
        self.assertEqual(clamp(-5, -2, 9), -2)

    def test_within(self):
        self.assertEqual(clamp(5, 0, 9), 5)

    def test_above(self):
        self.assertEqual(clamp(11, 0, 9), 9)

    def test_unrelated(self):
        self.assertEqual(unrelated(1), 2)
"""


@pytest.mark.sandbox
def test_the_natural_fix_is_found_and_nothing_else_is_touched(tmp_path: Path) -> None:
    task = project(tmp_path / "ws", SOURCE, TESTS)
    run = Agent(store=tmp_path / "store").run(task)
    assert run.outcome is RunOutcome.committed
    assert (tmp_path / "ws" / "code.py").read_text() == SOURCE.replace("return high", "return low")
    assert run.diagnosis is not None
    suspects = [f.location.line for f in run.diagnosis.findings if f.category == "suspicious-line" and f.location]
    assert suspects[0] == 4


@pytest.mark.sandbox
def test_the_same_seed_gives_the_same_repair(tmp_path: Path) -> None:
    drafts = []
    for name in ("one", "two"):
        task = project(tmp_path / name, SOURCE, TESTS)
        agent = Agent(Repair(order="random"), store=tmp_path / "store", seed=7)
        run = agent.run(task.model_copy(update={"id": name}))
        drafts.append((run.outcome, run.attempts[-1].draft.id, run.attempts[-1].draft.data.get("first_pass")))
    assert drafts[0] == drafts[1]


@pytest.mark.sandbox
def test_when_nothing_passes_it_gives_up_and_says_how_much_it_tried(tmp_path: Path) -> None:
    tests = TESTS + "\n    def test_impossible(self):\n        self.assertEqual(unrelated(1), 'seven of nine')\n"
    task = project(tmp_path / "ws", SOURCE.replace("return high", "return low"), tests)
    run = Agent(Repair(tries=300), store=tmp_path / "store", policy=Policy(rounds=3)).run(task)
    assert run.outcome is RunOutcome.abstained
    assert "300 candidates tried" in run.decision.reasons[0]
    assert len(run.attempts) == 1


@pytest.mark.sandbox
def test_several_passing_candidates_are_told(tmp_path: Path) -> None:
    source = "def longest(words):\n    return max([len(w) for w in words]) - 1\n"
    tests = (
        "import unittest\nfrom code import longest\n\n\nclass Longest(unittest.TestCase):\n"
        "    def test_two(self):\n        self.assertEqual(longest(['a', 'abc']), 3)\n"
    )
    run = Agent(store=tmp_path / "store").run(project(tmp_path / "ws", source, tests))
    assert run.outcome is RunOutcome.committed
    draft = run.attempts[-1].draft
    others = draft.data["also_passing"]
    assert isinstance(others, list) and others
    assert "passed too" in draft.notes


@pytest.mark.sandbox
def test_tests_that_lean_on_each_other_are_screened_in_their_own_order(tmp_path: Path) -> None:
    tests = (
        "import unittest\nfrom code import clamp\nleft = []\n\n\nclass Clamps(unittest.TestCase):\n"
        "    def test_a_nothing_left(self):\n        self.assertEqual(left, [])\n"
        "        self.assertEqual(clamp(5, 0, 9), 5)\n\n"
        "    def test_b_leaves_something(self):\n        left.append(1)\n"
        "        self.assertEqual(clamp(11, 0, 9), 9)\n\n"
        "    def test_c_below(self):\n        self.assertEqual(left, [1])\n"
        "        self.assertEqual(clamp(-5, 0, 9), 0)\n        self.assertEqual(clamp(-5, -2, 9), -2)\n"
    )
    run = Agent(Repair(tries=200), store=tmp_path / "store").run(project(tmp_path / "ws", SOURCE, tests))
    assert run.outcome is RunOutcome.committed
    assert "return low" in (tmp_path / "ws" / "code.py").read_text()
