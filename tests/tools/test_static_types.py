"""Types: mypy in the sandbox, only what is new, and no plugin of the workspace runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import Local, Session
from revet.schema import Draft, Outcome, Task, WriteFile
from revet.tools import StaticChecks, View
from revet.tools._static.types import INSTALL

from .test_static import checked, told, view_of

pytestmark = pytest.mark.sandbox

OLD = "def f(x: int) -> int:\n    return x + 'a'\n"
NEW = OLD + "\n\ndef g(x: int) -> str:\n    return f(x)\n"


@pytest.fixture
async def sessions() -> AsyncIterator[list[Session]]:
    made: list[Session] = []
    yield made
    for session in made:
        await session.close()


async def opened(view: View, sessions: list[Session]) -> View:
    sessions.append(await Local().open(view.workspace))
    return replace(view, session=sessions[-1])


async def test_only_new_errors_are_told_and_no_plugin_runs(tmp_path: Path, sessions: list[Session]) -> None:
    files = {
        "mypy.ini": "[mypy]\nplugins = evil.py\n",
        "evil.py": "raise SystemExit('the plugin ran')\n",
        "a.py": OLD,
    }
    view = await opened(view_of(tmp_path, files, {"a.py": NEW}), sessions)
    evidence = await checked(view)
    assert told(evidence) == [("a.py:6", "static/mypy-return-value")], evidence.observation
    assert evidence.outcome is Outcome.passed  # it is minor


async def test_without_a_configuration_types_are_checked_only_when_asked_for(
    tmp_path: Path, sessions: list[Session]
) -> None:
    view = await opened(view_of(tmp_path, {"a.py": "x = 1\n"}, {"a.py": "x: int = 'a'\n"}), sessions)
    assert told(await checked(view)) == []
    assert told(await checked(view, StaticChecks(types=True))) == [("a.py:1", "static/mypy-assignment")]


async def test_no_mypy_is_inconclusive_with_the_line_that_installs_it(tmp_path: Path) -> None:
    view = view_of(tmp_path, {}, {"a.py": "x = 1\n"})
    evidence = await checked(view, StaticChecks(types=True))
    assert evidence.outcome is Outcome.inconclusive
    assert "no sandbox" in evidence.observation
    assert "pip install" in INSTALL


async def test_in_the_loop_a_draft_with_a_new_fault_is_revised(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "a.py").write_text("def total(xs):\n    return sum(xs)\n")

    class Writer:
        name = "writer"

        async def propose(self, view: View) -> Draft:
            return self._draft("def total(xs):\n    return sum(ys)\n")

        async def revise(self, view: View, critique: object) -> Draft:
            assert view.critique is not None
            assert [finding.category for finding in view.critique.findings] == ["static/F821"]
            return self._draft("def total(xs):\n    return sum(x for x in xs)\n")

        @staticmethod
        def _draft(text: str) -> Draft:
            return Draft(author="writer", actions=(WriteFile(path="a.py", content=text),))

    agent = Agent(
        Writer(),
        tools=[StaticChecks(required=True)],
        store=tmp_path / "store",
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(id="t", goal="g", workspace=str(tmp_path / "ws"), edit=("*.py",)))
    assert [[e.outcome for e in attempt.evidence if e.tool == "static"] for attempt in run.attempts] == [
        [Outcome.failed],
        [Outcome.passed],
    ]
