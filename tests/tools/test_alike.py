"""`Alike`: one digest for drafts that do the same on generated inputs, another for those that do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revet.graphs.bench import Bench
from revet.sandboxes import get
from revet.schema import Draft, Evidence, Outcome, Task, WriteFile
from revet.tools.alike import Alike
from revet.tools.base import View

STUB = '''def double(n: int) -> int:
    """Twice the number. double(2) == 4 and double(5) == 10"""
    raise NotImplementedError
'''
ADDS = STUB.replace("raise NotImplementedError", "return n + n")
SHIFTS = "def helper(n):\n    return n * 2\n\n\n" + STUB.replace("raise NotImplementedError", "return helper(n)")
SQUARES = STUB.replace("raise NotImplementedError", "return n ** 2")
BROKEN = STUB.replace("raise NotImplementedError", "return (")
TASK = Task(goal="Write it.")

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "double.py").write_text(STUB)
    async with Bench(Task(workspace=str(folder), goal="Write it."), get("local")) as bench:
        yield bench


async def signed(bench: Bench, text: str, task: Task = TASK) -> list[Evidence]:
    draft = Draft(author="a", actions=(WriteFile(path="double.py", content=text),))
    changes = await bench.stage(draft)
    view = View(
        task=task,
        run="r",
        draft=draft,
        changes=changes,
        workspace=bench.workspace,
        session=bench.session,
        layer=bench.layer,
    )
    tool = Alike()
    return [await tool.run(call, view) for call in tool.plan(view)]


async def test_what_does_the_same_has_one_signature(bench: Bench) -> None:
    adds, shifts, squares = [await signed(bench, text) for text in (ADDS, SHIFTS, SQUARES)]
    assert [len(each) for each in (adds, shifts, squares)] == [1, 1, 1]  # not the helper: it did not stand there before
    assert adds[0].data["signature"] == shifts[0].data["signature"] != squares[0].data["signature"]
    assert adds[0].outcome is Outcome.passed and not adds[0].required and adds[0].data["path"] == "double.py"


async def test_what_cannot_be_loaded_has_none(bench: Bench) -> None:
    assert await signed(bench, BROKEN) == []


async def test_what_has_not_passed_is_not_run(bench: Bench) -> None:
    assert await signed(bench, ADDS, Task(goal="Write it.", checks=("true",))) == []


async def test_without_a_sandbox_nobody_can_tell() -> None:
    draft = Draft(author="a", answer=f"```python\n{ADDS}```")
    view = View(task=TASK, run="r", draft=draft)
    calls = Alike().plan(view)
    assert [(await Alike().run(call, view)).outcome for call in calls] == [Outcome.inconclusive]
