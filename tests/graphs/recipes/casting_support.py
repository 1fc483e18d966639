"""What the tests of recipes with one critic share: a scripted model for all roles, tasks, and runs that break off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.policy import Policy
from revet.schema import Run, Task
from revet.tools import Tool
from tests.agents.chat_support import said_action, said_draft
from tests.graphs.speaking import CHECK, Checker

Says = Callable[[int, Request], Any]
"""What a role says the n-th time, from 0, to a request."""


class Cast:
    """A model for all roles. Each says what its function gives; the requests are kept. `broken`: one that fails."""

    def __init__(self, broken: int | None = None, **says: Says) -> None:
        self.says, self.broken, self.requests = says, broken, list[Request]()
        self.model = LanguageModel(ScriptedModel(self._answer))

    def _answer(self, request: Request) -> Any:
        if len(self.requests) == self.broken:
            self.broken = None
            raise ModelFailed("the connection was lost")
        number = sum(each.role == request.role for each in self.requests)
        self.requests.append(request)
        return self.says[request.role](number, request)

    @property
    def order(self) -> str:
        """Who was asked, by first letters: p(roposer), c(ritic), r(eviser)."""
        return "".join(request.role[0] for request in self.requests)

    def asked(self, role: str) -> list[str]:
        """All that each request of a role shows."""
        return ["\n".join(m.text for m in each.messages) for each in self.requests if each.role == role]

    def temperatures(self, role: str) -> list[float | None]:
        return [each.temperature for each in self.requests if each.role == role]


def answer(text: str, *steps: str) -> dict[str, Any]:
    return said_draft(answer=text, steps=list(steps))


def writes(content: str, path: str = "answer.py") -> dict[str, Any]:
    return said_draft(actions=[said_action("write_file", path=path, content=content)])


async def played(cast: Cast, recipe: str, folder: Path, task: str | Task = "What is asked?", **more: Any) -> Run:
    agent = Agent(cast.model, recipe=recipe, store=folder / "store", sandbox=None, **more)
    return await agent.arun(task if isinstance(task, Task) else Task(goal=task))


async def checked(cast: Cast, recipe: str, folder: Path, **more: Any) -> tuple[Run, Path]:
    """A run in a workspace whose one file must say 42: a check that no role can talk round."""
    place = folder / "place"
    place.mkdir(parents=True)
    (place / "answer.py").write_text("answer = 0\n")
    task = Task(goal="Make it 42.", workspace=str(place), edit=("*.py",), checks=(CHECK,))
    tools: Sequence[Tool] = [Checker()]
    return await played(cast, recipe, folder, task, tools=tools, **more), place


def shape(run: Run) -> list[tuple[Any, ...]]:
    """What must be the same of a run that broke off and went on: drafts with their data, critiques, decisions."""
    return [(a.draft, a.critiques, a.decision and (a.decision.kind, a.decision.reasons)) for a in run.attempts]


async def broken_off_everywhere(
    make: Callable[[], Cast],
    recipe: str,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    rounds: int = 6,
    tools: Sequence[Tool] | None = None,
) -> Run:
    """Break the run off at each request in turn, go on, and see that it makes the same drafts and asks nobody twice."""
    how: dict[str, Any] = {"recipe": recipe, "options": options, "sandbox": None, "policy": Policy(rounds=rounds)}
    how["tools"] = tools
    task, whole = Task(goal="What is asked?"), make()
    expected = await Agent(whole.model, store=folder / "whole", **how).arun(task)
    for number in range(len(whole.requests)):
        cast = make()
        cast.broken = number
        agent = Agent(cast.model, store=folder / str(number), **how)
        try:
            await agent.arun(task, run_id="r")
        except ModelFailed:
            pass
        else:
            raise AssertionError(f"request {number} did not fail")
        run = await agent.arun(task, run_id="r")
        assert shape(run) == shape(expected) and run.outcome is expected.outcome
        assert sorted(cast.order) == sorted(whole.order) and run.usage.roles == expected.usage.roles
    return expected
