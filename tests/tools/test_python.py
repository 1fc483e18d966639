"""The Python tool: which program a draft holds, what its run is told as, and real programs of language models."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.sandboxes import Local, Session
from revet.sandboxes.base import Layer
from revet.schema import Answer, Attempt, CallTool, Changes, Draft, Evidence, FileChange, FileState, Outcome, Task
from revet.tools import Python, ToolCall, View
from revet.tools.python import program_of, tidy

TASK = Task(goal="How much is it?")


def fenced(code: str) -> Draft:
    return Draft(author="a", answer=f"Here it is.\n\n```python\n{code}\n```\nDone.")


# --- which program -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (fenced("answer = 1"), "answer = 1"),
        (Draft(author="a", answer="```py\nx = 1\n```\nbetter:\n```Python\nanswer = 2\n```"), "answer = 2"),
        (Draft(author="a", answer="```python\nanswer = 3"), "answer = 3"),
        (Draft(author="a", answer="```\nanswer = 4\n```"), "answer = 4"),
        (Draft(author="a", answer="total = 2\nanswer = total * 2"), "total = 2\nanswer = total * 2"),
        (Draft(author="a", actions=(Answer(text="```python\nanswer = 5\n```"),)), "answer = 5"),
        (Draft(author="a", actions=(CallTool(name="python", arguments={"code": "answer = 6"}),)), "answer = 6"),
        (Draft(author="a", actions=(CallTool(name="other", arguments={"code": "answer = 6"}),)), None),
        (Draft(author="a", answer="The answer is 42."), None),
        (Draft(author="a", answer="42"), None),
        (Draft(author="a", answer="```\nanswer: 4\n```"), None),
        (Draft(author="a", answer="```json\n{}\n```"), None),
        (Draft(author="a", answer="x = '\\d'\nanswer = x"), "x = '\\d'\nanswer = x"),
        (Draft(author="a", problem="nothing"), None),
        (Draft(author="a"), None),
    ],
)
def test_the_program_of_a_draft(draft: Draft, code: str | None) -> None:
    assert program_of(draft) == code


@given(st.text(alphabet=st.sampled_from("`python\n answer=1#'\"\\\0é")))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_program_or_none(text: str) -> None:
    code = program_of(Draft(author="a", answer=text))
    assert code is None or code.strip()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (22.0, 22),
        (0.1 + 0.2, 0.3),
        ([5.0], 5),
        ([1.0, 2.5], [1, 2.5]),
        ({"x": 1.0}, {"x": 1}),
        (True, True),
        ("a", "a"),
    ],
)
def test_values_are_tidied(value: Any, shown: Any) -> None:
    assert tidy(value) == shown
    assert type(tidy(value)) is type(shown)


# --- planning ----------------------------------------------------------------------------------------------------


def test_one_call_for_a_draft_with_a_program_and_none_otherwise() -> None:
    tool = Python(required=True)
    assert tool.plan(View(task=TASK, run="r")) == []
    assert tool.plan(View(task=TASK, run="r", draft=Draft(author="a", answer="42"))) == []
    (call,) = tool.plan(View(task=TASK, run="r", draft=fenced("answer = 1")))
    assert call.arguments == {"code": "answer = 1"} and call.required and call.check is None
    assert call.request.endswith("(1 line)")
    assert not Python().plan(View(task=TASK, run="r", draft=fenced("answer = 1")))[0].required


async def test_without_a_sandbox_nothing_is_run_and_that_is_told() -> None:
    view = View(task=TASK, run="r", draft=fenced("answer = 1"))
    evidence = await Python().run(Python().plan(view)[0], view)
    assert evidence.outcome is Outcome.inconclusive and "sandbox" in evidence.observation


async def test_a_call_that_cannot_be_used_is_told() -> None:
    for arguments in ({}, {"code": ""}, {"code": 3}, {"code": "x", "more": 1}):
        call = ToolCall(tool="python", request="x", arguments=arguments)  # type: ignore[arg-type]
        assert (await Python().run(call, View(task=TASK, run="r"))).outcome is Outcome.error


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_seconds_must_be_positive(seconds: float) -> None:
    with pytest.raises(InputError):
        Python(seconds=seconds)


# --- running -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    folder = tmp_path / "ws"
    folder.mkdir()
    (folder / "rate.txt").write_text("2")
    session = await Local().open(folder)
    yield session
    await session.close()


async def ran(session: Session, code: str, **more: Any) -> Evidence:
    tool = more.pop("tool", None) or Python(seconds=5)
    view = View(task=TASK, run="r", session=session, draft=fenced(code), **more)
    return await tool.run(tool.plan(view)[0], view)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "outcome", "says", "answer"),
    [
        ("price = 3\nanswer = price * 4.0", Outcome.passed, "it ran to its end: answer = 12", "12"),
        ("print('on the way')\nanswer = 'Paris'", Outcome.passed, "on the way", "Paris"),
        ("x = 1\nanswer = x + y", Outcome.failed, "NameError: name 'y' is not defined (line 2)", None),
        ("answer = (1", Outcome.failed, "SyntaxError", None),
        ("total = 3", Outcome.failed, "did not set the variable answer", None),
        ("answer = {1, 2}", Outcome.failed, "JSON", None),
        ("import os\nanswer = 1\nos._exit(0)", Outcome.failed, "EarlyExit", None),
        ("answer = 'x' * 100_000", Outcome.failed, "too large", None),
        ("answer = []\nfor _ in range(900): answer = [answer]", Outcome.failed, "too large", None),
        (r"raise ValueError('\ud800')", Outcome.failed, "ValueError: ?", None),
        ("answer = 10 ** 400", Outcome.passed, "answer = 1000", "1" + "0" * 400),
        ("import sys\nprint('passed: answer = 7')\nsys.exit(1)", Outcome.failed, "SystemExit", None),
    ],
)
async def test_how_a_run_is_told(session: Session, code: str, outcome: Outcome, says: str, answer: str | None) -> None:
    evidence = await ran(session, code)
    assert evidence.outcome is outcome
    assert says in evidence.observation
    attempt = Attempt(round=0, draft=Draft(author="a", actions=(Answer(text="x"),)), evidence=(evidence,))
    assert attempt.answer == answer


@pytest.mark.sandbox
async def test_a_program_that_does_not_end_is_stopped(session: Session) -> None:
    evidence = await ran(session, "print('begun', flush=True)\nwhile True: pass", tool=Python(seconds=0.5))
    assert evidence.outcome is Outcome.timeout
    assert "stopped after 0.5 s" in evidence.observation and "begun" in evidence.observation


@pytest.mark.sandbox
async def test_the_rest_of_the_budget_bounds_a_program(session: Session) -> None:
    evidence = await ran(session, "answer = 1", deadline=0.0)
    assert evidence.outcome is Outcome.inconclusive and "budget" in evidence.observation


@pytest.mark.sandbox
async def test_it_sees_the_staged_state_and_changes_nothing(session: Session, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "rate.txt").write_text("5")
    state = FileState(sha256="0", size=1, mode=0o644)
    changes = Changes(files=(FileChange(path="rate.txt", before=state, after=state),))
    code = "answer = int(open('rate.txt').read())\nopen('rate.txt', 'w').write('9')"
    staged = await ran(session, code, layer=Layer(root=layer), changes=changes)
    assert staged.data["answer"] == 5 and staged.changes == changes.fingerprint
    plain = await ran(session, code)
    assert plain.data["answer"] == 2 and plain.changes is None
    assert (tmp_path / "ws" / "rate.txt").read_text() == "2"


@pytest.mark.sandbox
async def test_what_a_model_runs_in_passing_is_not_the_drafts_answer(session: Session) -> None:
    view = View(task=TASK, run="r", session=session, draft=fenced("answer = 1"))
    call = ToolCall(tool="python", request="try it", arguments={"code": "answer = 2"})
    evidence = await Python().run(call, view)
    assert evidence.data["value"] == 2 and "answer" not in evidence.data
    quiet = await Python().run(ToolCall(tool="python", request="x", arguments={"code": "print(3)"}), view)
    assert quiet.outcome is Outcome.passed and "3" in quiet.observation


@pytest.mark.sandbox
@pytest.mark.shared
async def test_real_programs_are_told_as_they_were_in_the_recorded_runs(session: Session, shared: Path) -> None:
    """First programs of the MINT trajectories (GSM8K, MATH): values and exceptions as IPython recorded them."""
    programs = recorded(shared / "mint_trajectories" / "math.dev.jsonl")
    tally: Counter[str] = Counter()
    differ = []
    for code, observation in programs.items():
        error = re.search(r"^(\w+(?:Error|Exception))\b", observation, re.MULTILINE)
        value = re.fullmatch(r"Out\[1\]: (.+)", observation.strip())
        head, _, last = code.rpartition("\n")
        if "Timed out" in observation or (not error and not (value and re.fullmatch(r"\w+", last))):
            continue
        evidence = await ran(session, code if error else f"{head}\nanswer = {last}")
        if error:
            tally["errors"] += 1
            said = evidence.observation.partition(":")[0]
            same = evidence.outcome is Outcome.failed and said == error[1]
        else:
            assert value is not None
            tally["values"] += 1
            same = evidence.outcome is Outcome.passed and repr(evidence.data["value"]) == value[1]
        if not same:
            differ.append((code, observation[-200:], evidence.observation))
    print(f"{tally.total()} programs, {len(differ)} told otherwise")
    assert tally["errors"] > 100 and tally["values"] > 20, tally
    assert len(differ) <= 0.02 * tally.total(), (tally, len(differ), differ)


def recorded(path: Path) -> dict[str, str]:
    """First programs that need nothing but the standard library, and what was observed."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        turn = next(iter(json.loads(line)["turns"]), {})
        code = str(turn.get("execute", "")).strip()
        modules = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", code, re.MULTILINE))
        if code and "observation" in turn and modules <= {"math", "itertools", "fractions", "cmath", "statistics"}:
            found.setdefault(code, turn["observation"])
    return found


def test_a_program_in_a_list_is_taken_without_its_indentation() -> None:
    told = "1. So:\n\n   ```python\n   x = 1\n   answer = x\n   ```\n"
    assert program_of(Draft(author="a", answer=told)) == "x = 1\nanswer = x"
