"""The tool in the loop: what it plans, what it says of drafts, files and candidates, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from revet import Agent, Policy
from revet.agents import EvidenceCritic
from revet.errors import InputError
from revet.sandboxes import Local, Session
from revet.sandboxes.base import Layer
from revet.schema import (
    Answer,
    Attempt,
    Changes,
    Critique,
    Draft,
    Evidence,
    FileChange,
    FileState,
    Outcome,
    Run,
    Task,
    WriteFile,
)
from revet.tools import Behaviour, Tests, ToolCall, View, findings_of

GOAL = '''Complete this function.

def middle(numbers: list[int]) -> float:
    """The median.

    >>> middle([3, 1, 2])
    2
    >>> middle([1, 2, 3, 10])
    2.5
    """
'''
RIGHT = """def middle(numbers):
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
"""
WRONG = "def middle(numbers):\n    return sorted(numbers)[len(numbers) // 2]\n"


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    opened = await Local().open()
    yield opened
    await opened.close()


def answer(code: str) -> Draft:
    return Draft(author="a", actions=(Answer(text=f"So:\n```python\n{code}\n```"),))


def view(draft: Draft | None, session: Session | None = None, **more: Any) -> View:
    return View(**{"task": Task(goal=GOAL), "run": "r", "draft": draft, "session": session, **more})


async def evidence(tool: Behaviour, seen: View) -> Evidence:
    (call,) = tool.plan(seen)
    return await tool.run(call, seen)


@pytest.mark.parametrize(
    "draft",
    [
        None,
        Draft(author="a"),
        Draft(author="a", answer="42"),
        answer("x = 1"),
        answer(f"def middle(x): return {'+'.join(['1'] * 20000)}"),
    ],
)
def test_nothing_is_planned_for_a_draft_without_a_function(draft: Draft | None) -> None:
    assert Behaviour().plan(view(draft)) == []


def test_nothing_is_planned_of_which_nothing_is_known() -> None:
    assert Behaviour().plan(view(answer("def other(x):\n    return x"))) == []
    (call,) = Behaviour(tests=["assert other(1) == 1"]).plan(view(answer("def other(x):\n    return x")))
    assert call.request == "the behaviour of other in the answer"


@pytest.mark.parametrize("options", [{"seconds": 0}, {"seconds": float("nan")}, {"count": 0}, {"count": 501}])
def test_options_that_mean_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Behaviour(**options)


@pytest.mark.sandbox
async def test_a_right_draft_passes(session: Session) -> None:
    found = await evidence(Behaviour(), view(answer(RIGHT), session))
    assert found.outcome is Outcome.passed
    assert found.data["passed"] == found.data["tests"] == 2
    assert not [f for f in findings_of(found) if f.severity.rank > 1]


@pytest.mark.sandbox
async def test_a_draft_that_breaks_its_docstring(session: Session) -> None:
    found = await evidence(Behaviour(), view(answer(WRONG), session))
    assert found.outcome is Outcome.failed
    (finding,) = [f for f in findings_of(found) if f.category == "behaviour/example"]
    assert finding.claim == "`assert middle([1, 2, 3, 10]) == 2.5` does not hold: the call gives 3"
    assert finding.evidence == (found.id,)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "code", ["def middle(numbers):\n    return undefined", "def middle(numbers)\n", "import nothing_at_all\n"]
)
async def test_a_draft_that_cannot_be_used(session: Session, code: str) -> None:
    tool = Behaviour(spec=GOAL, function="middle")
    call = ToolCall(tool="behaviour", request="?", arguments={"function": "middle", "path": None})
    found = await tool.run(call, view(answer(code + RIGHT.replace("def middle", "def other")), session))
    assert found.outcome in (Outcome.failed, Outcome.error)


@pytest.mark.sandbox
async def test_the_earlier_attempt_is_compared(session: Session) -> None:
    seen = view(answer(RIGHT), session, attempts=[Attempt(round=0, draft=answer(WRONG))])
    found = await evidence(Behaviour(), seen)
    assert "the draft / attempt 1: they differ on" in found.observation
    assert "([1, 2, 3, 10],): 2.5 / 3" in found.observation


@pytest.mark.sandbox
async def test_a_changed_file_is_compared_with_the_code_before(tmp_path: Path) -> None:
    before = f"import math\n\n\ndef other(x: int) -> int:\n    return x\n\n\n{GOAL.split(chr(10), 2)[2]}"
    workspace, staged = tmp_path / "ws", tmp_path / "staged"
    for folder, body in ((workspace, WRONG), (staged, RIGHT)):
        (folder / "lib").mkdir(parents=True)
        (folder / "lib" / "stats.py").write_text(before + body.split("\n", 1)[1].replace("return", "return", 1))
    state = FileState(sha256="0" * 64, size=1, mode=0o644)
    changes = Changes(files=(FileChange(path="lib/stats.py", before=state, after=state),))
    async with await Local().open(workspace) as session:
        seen = view(Draft(author="a"), session, workspace=workspace, layer=Layer(root=staged), changes=changes)
        (call,) = Behaviour().plan(seen)
        assert call.arguments == {"function": "middle", "path": "lib/stats.py"}
        found = await Behaviour().run(call, seen)
        named = Behaviour(function="nobody", required=True)
        lacking = await evidence(named, seen)
    assert lacking.outcome is Outcome.error and lacking.required and lacking.observation.endswith("other, middle")
    assert found.outcome is Outcome.passed
    assert "the draft / the code before: they differ on" in found.observation


@pytest.mark.sandbox
async def test_a_model_asks_for_a_comparison(session: Session) -> None:
    asked = {"function": "middle", "candidates": [RIGHT, WRONG, RIGHT], "description": GOAL}
    found = await Behaviour().run(ToolCall(tool="behaviour", request="?", arguments=asked), view(None, session))
    assert found.outcome is Outcome.passed
    assert found.data["groups"] == [[1, 3], [2]]
    assert found.data["ranking"] in ([1, 3, 2], [3, 1, 2])
    assert "candidate 1 / candidate 2: they differ on" in found.observation
    assert len(found.observation) < 6000


@pytest.mark.parametrize(
    "arguments",
    [{"candidates": []}, {"candidates": ["x"]}, {"candidates": "x", "function": "f"}, {"function": "f"}, {}],
)
@pytest.mark.sandbox
async def test_a_request_that_cannot_be_met(session: Session, arguments: dict[str, Any]) -> None:
    found = await Behaviour().run(ToolCall(tool="behaviour", request="?", arguments=arguments), view(None, session))
    assert found.outcome is Outcome.error
    assert found.observation.startswith("not run: ")


@pytest.mark.sandbox
async def test_a_draft_without_the_function_that_is_named(session: Session) -> None:
    tool = Behaviour(function="other", required=True)
    found = await evidence(tool, view(answer(RIGHT), session))
    assert found.outcome is Outcome.error and found.required
    assert "no function 'other'" in found.observation and found.observation.endswith("middle")
    found = await evidence(tool, view(answer("def other(:\n"), session))
    assert found.outcome is Outcome.error and found.observation.endswith("none")
    assert tool.plan(view(Draft(author="a", answer="No code, but words:\n```\nother\n```"))) == []


def test_the_function_that_is_named_is_looked_at_wherever_it_is() -> None:
    many = "".join(f"def helper{n}(x: int) -> int:\n    return x\n\n\n" for n in range(6)) + RIGHT
    later = Draft(author="a", answer=f"```python\n{RIGHT}```\nUse:\n\n    x\n\n```python\ndef use():\n    pass\n```\n")
    for draft in (answer(many), later):
        (call,) = Behaviour(function="middle").plan(view(draft))
        assert call.arguments == {"function": "middle", "path": None}


async def test_without_a_sandbox_nobody_can_tell() -> None:
    assert (await evidence(Behaviour(), view(answer(RIGHT)))).outcome is Outcome.inconclusive


class Writer:
    """Writes the drafts that it was given, one a round."""

    name = "writer"

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = list(codes)
        self.heard: list[str] = []

    async def propose(self, view: View) -> Draft:
        return Draft(author=self.name, actions=(WriteFile(path="stats.py", content=self.codes.pop(0)),))

    async def revise(self, view: View, critique: Critique) -> Draft:
        self.heard += [finding.claim for finding in critique.findings]
        return await self.propose(view)


@pytest.mark.sandbox
def test_the_loop_revises_a_draft_that_misbehaves(tmp_path: Path) -> None:
    stub = GOAL.split("\n", 2)[2]
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "stats.py").write_text(stub + "    raise NotImplementedError\n")
    writer = Writer([stub + WRONG.split("\n", 1)[1], stub + RIGHT.split("\n", 1)[1]])
    agent = Agent(
        writer,
        critics=[EvidenceCritic()],
        tools=[Tests(), Behaviour()],
        sandbox="local",
        policy=Policy(rounds=3),
        store=tmp_path / "store",
    )
    check = "python -c 'from stats import middle; assert middle([3, 1, 2]) == 2'"
    run: Run = agent.run(Task(goal="Write the median.", workspace=str(tmp_path / "ws"), checks=(check,)))
    assert all(e.outcome is Outcome.passed for a in run.attempts for e in a.evidence if e.tool == "tests")
    assert len(run.attempts) == 2
    assert "`assert middle([1, 2, 3, 10]) == 2.5` does not hold" in writer.heard[0]
    assert "half" in (tmp_path / "ws" / "stats.py").read_text()
