"""What the tests of the recipes with several critics share: a run that is broken off and goes on, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.models import Request
from revet.schema import Run, Task
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, drafted

__all__ = ["broken_off_everywhere", "system_of", "written"]


class Cut(Cast):
    """A cast whose model fails for good at the n-th request, from 0."""

    def __init__(self, at: int, **says: Any) -> None:
        super().__init__(**says)
        self.at = at

    def _answer(self, request: Request) -> Any:
        if len(self.requests) == self.at:
            raise ModelFailed("the line is dead", retryable=False)
        return super()._answer(request)


def system_of(request: Request) -> str:
    return next(message.text for message in request.messages if message.role == "system")


def written(code: str) -> dict[str, Any]:
    """A draft that writes the file of `workspace_task`."""
    return drafted(actions=[said_action("write_file", path="twice.py", content=code)])


async def broken_off_everywhere(folder: Path, recipe: str, says: Any, **more: Any) -> list[Run]:
    """Runs of one story, first undisturbed, then broken off at each request and gone on with.

    `says` makes the functions of the roles. Asserts that no role is asked again what it had answered, and that the
    same drafts and critiques come of it.
    """
    task = Task(goal="How much is it?")

    def agent(cast: Cast, store: Path) -> Agent:
        return Agent(cast.model, recipe=recipe, store=store, sandbox=None, **more)

    whole = Cast(**says())
    runs = [await agent(whole, folder / "whole").arun(task, run_id="r-1")]
    for at in range(len(whole.requests)):
        roles, store = says(), folder / f"cut-{at}"
        first = Cut(at, **roles)
        with pytest.raises(ModelFailed):
            await agent(first, store).arun(task, run_id="r-1")
        rest = Continued(first, **roles)
        runs.append(await agent(rest, store).arun(task, run_id="r-1"))
        asked = [*first.order, *(request.role for request in rest.requests[len(first.requests) :])]
        assert sorted(asked) == sorted(whole.order), f"broken off at request {at}"
        assert [a.draft.id for a in runs[-1].attempts] == [a.draft.id for a in runs[0].attempts]
        assert [a.critiques for a in runs[-1].attempts] == [a.critiques for a in runs[0].attempts]
        assert runs[-1].outcome is runs[0].outcome
    return runs


class Continued(Cast):
    """The cast of the same story in another process: it counts on from what was answered."""

    def __init__(self, before: Cast, **says: Any) -> None:
        super().__init__(**says)
        self.requests = list(before.requests)
