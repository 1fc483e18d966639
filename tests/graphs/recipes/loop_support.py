"""A model for all roles of a recipe: each role says what its function gives, and what it was asked is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Run, Task
from tests.agents.chat_support import said_draft

__all__ = ["Cast", "asked", "drafted", "interrupted", "judged", "played", "resumed", "workspace_task"]

Says = Callable[[int], Any]
"""What a role says the n-th time, from 0."""


class Cast:
    """A model for all roles. `says` is by the role's name; the requests are kept in order."""

    def __init__(self, **says: Says) -> None:
        self.says, self.requests = says, list[Request]()
        self.model = LanguageModel(ScriptedModel(self._answer))

        self.fails_at: int | None = None

    def _answer(self, request: Request) -> Any:
        if len(self.requests) == self.fails_at:
            self.fails_at = None
            raise ModelFailed("the line is down")
        number = sum(each.role == request.role for each in self.requests)
        self.requests.append(request)
        return self.says[request.role](number)

    @property
    def order(self) -> list[str]:
        """Who was asked, in order."""
        return [request.role for request in self.requests]

    def of(self, role: str) -> list[Request]:
        return [request for request in self.requests if request.role == role]

    def prompt(self, role: str, number: int = 0) -> str:
        """What `role` was asked the n-th time: the user's message."""
        return asked(self.of(role)[number])


def asked(request: Request) -> str:
    return next(message.text for message in request.messages if message.role == "user")


async def played(cast: Cast, folder: Path, recipe: str, task: str | Task = "How much is it?", **more: Any) -> Run:
    """One run of `recipe`. The sandbox is real for a task with a workspace, and none for a question."""
    given = task if isinstance(task, Task) else Task(goal=task)
    more.setdefault("sandbox", "local" if given.workspace else None)
    agent = Agent(cast.model, recipe=recipe, store=folder / "store", **more)
    return await agent.arun(given)


async def resumed(cast: Cast, folder: Path, recipe: str, task: Task, decided: int, **more: Any) -> Run:
    """One run that is broken off after so many decisions of the gate, and then continued by another agent."""
    more.setdefault("sandbox", "local" if task.workspace else None)

    def agent() -> Agent:
        return Agent(cast.model, recipe=recipe, store=folder / "store", **more)

    async with aclosing(agent().astream(task, run_id="r-1")) as events:
        async for event in events:
            decided -= event.type == "decided"
            if not decided:
                break
    assert not decided, "the run ended before it was broken off"
    return await agent().arun(task, run_id="r-1")


async def interrupted(cast: Cast, folder: Path, recipe: str, task: Task, at: int, **more: Any) -> Run:
    """One run that ends in the middle of a step, when the request number `at` fails, and is then continued."""
    more.setdefault("sandbox", "local" if task.workspace else None)
    cast.fails_at = at
    with pytest.raises(ModelFailed):
        await Agent(cast.model, recipe=recipe, store=folder / "store", **more).arun(task, run_id="r-1")
    return await Agent(cast.model, recipe=recipe, store=folder / "store", **more).arun(task, run_id="r-1")


def drafted(answer: str | None = None, *steps: str, **fields: Any) -> dict[str, Any]:
    """What a proposer says: an answer with its steps, or `fields` such as actions."""
    return said_draft(answer=answer, steps=list(steps), **fields)


def judged(*wrong: int, count: int) -> dict[str, Any]:
    """What a step-wise critic says of `count` steps, of which those are `wrong`."""

    def one(step: int) -> dict[str, Any]:
        right = step not in wrong
        told = {"mistake": None if right else "logic", "suggestion": None if right else f"do step {step} well"}
        return {"step": step, "reason": f"reason of step {step}", "right": right, **told, "confidence": 0.9}

    return {"steps": [one(step) for step in range(count)]}


def workspace_task(folder: Path, code: str = "def twice(n):\n    return n\n") -> Task:
    """A workspace with a function that is wrong, and a check that says so."""
    place = folder / "work"
    place.mkdir()
    (place / "twice.py").write_text(code)
    (place / "check_twice.py").write_text("from twice import twice\n\nassert twice(4) == 8, twice(4)\n")
    return Task(
        id="twice",
        goal="Mend twice.",
        workspace=str(place),
        checks=("python check_twice.py",),
        edit=("twice.py",),
        protect=("check_*.py",),
    )
