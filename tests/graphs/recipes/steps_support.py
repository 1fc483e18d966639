"""For the tests of methods that go step by step: a model that reads what it is asked, and may lose its connection."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.errors import ModelFailed
from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Run, Task
from tests.agents.chat_support import said_action

__all__ = [
    "Reads",
    "broken_off_anywhere",
    "checked",
    "found_in",
    "played",
    "prompt_of",
    "searched",
    "shown",
    "wikipedia",
    "writes",
]

Says = Callable[[Request, int], Any]
"""What is said to a request, the n-th (from 0) of its role."""


class Reads:
    """A model for all roles: `says` by the role's name. At the request number `broken` the connection is lost, once."""

    def __init__(self, *, broken: int | None = None, **says: Says) -> None:
        self.says, self.broken, self.requests = says, broken, list[Request]()
        self.model = LanguageModel(ScriptedModel(self._answer))

    def _answer(self, request: Request) -> Any:
        if len(self.requests) == self.broken:
            self.broken = None
            raise ModelFailed("the connection was lost")
        number = sum(each.role == request.role for each in self.requests)
        self.requests.append(request)
        return self.says[request.role](request, number)

    @property
    def order(self) -> list[str]:
        return [request.role for request in self.requests]

    def of(self, role: str) -> list[str]:
        """What the role was asked, each time."""
        return [prompt_of(request) for request in self.requests if request.role == role]


def prompt_of(request: Request) -> str:
    return "\n".join(m.text for m in request.messages if m.role == "user")


async def played(cast: Reads, recipe: str, folder: Path, task: str | Task = "How much is it?", **more: Any) -> Run:
    given = task if isinstance(task, Task) else Task(goal=task)
    more.setdefault("sandbox", "local" if given.workspace and given.checks else None)
    run_id = more.pop("run_id", None)
    agent = Agent(cast.model, recipe=recipe, store=folder / "store", **more)
    return await agent.arun(given, run_id=run_id)


async def broken_off_anywhere(
    make: Callable[[], Reads], recipe: str, folder: Path, task: str | Task, **more: Any
) -> None:
    """A run that loses its connection at any request, and is continued, is the run that it would have been."""
    whole = make()
    run = await played(whole, recipe, folder / "whole", task, run_id="r", **more)
    for number in range(len(whole.requests)):
        cast = make()
        cast.broken = number
        with pytest.raises(ModelFailed):
            await played(cast, recipe, folder / str(number), task, run_id="r", **more)
        again = await played(cast, recipe, folder / str(number), task, run_id="r", **more)
        assert shown(again) == shown(run), number
        assert cast.order == whole.order, number


def shown(run: Run) -> Any:
    """What must be the same whenever a run is done: all but times and ids."""
    attempts = [
        (a.round, a.draft.model_dump(), [e.id for e in a.evidence], [c.model_dump() for c in a.critiques], a.decision)
        for a in run.attempts
    ]
    return run.outcome, run.answer, run.decision, attempts, run.usage.roles


def checked(folder: Path) -> Task:
    """A task with a workspace whose required check wants 42 in a file, and takes no time."""
    place = folder / "place"
    place.mkdir()
    (place / "answer.txt").write_text("41\n")
    return Task(goal="Write 42.", workspace=str(place), edit=("*.txt",), checks=("grep -qx 42 answer.txt",))


def writes(number: int) -> dict[str, Any]:
    """The action that writes a number into that file."""
    return said_action("write_file", path="answer.txt", content=f"{number}\n")


def found_in(prompt: str) -> dict[str, str]:
    """What was found, by the id of its evidence, as a prompt shows it."""
    return dict(re.findall(r"⟦data \w+ (e-[0-9a-f]{8})⟧\n(.*?)\n⟦end", prompt, re.DOTALL))


def wikipedia(shared: Path, folder: Path) -> list[dict[str, Any]]:
    """Write what agents were shown of Wikipedia into `folder`, a file a page; what they were asked, each once.

    Of their runs only those that ended right, on a question whose answer is more than yes or no.
    """
    folder.mkdir()
    lines = (shared / "reflexion_hotpotqa" / "react_trials.dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    pages: dict[str, str] = {}
    for row in rows:
        for step in row["steps"]:
            name = re.fullmatch(r"Search\[(.+)\]", step["action"])
            if name and not step["observation"].startswith("Could not find"):
                pages.setdefault(name[1], step["observation"])
    for number, (title, text) in enumerate(pages.items()):
        (folder / f"{number}.md").write_text(f"# {title}\n\n{text}\n")
    told = [r for r in rows if r["status"] == "correct" and r["gold"].casefold() not in ("yes", "no")]
    return list({row["question"]: row for row in reversed(told)}.values())[::-1]


def searched(row: dict[str, Any]) -> list[str]:
    """What the agent of a row searched for, each once."""
    names = (re.fullmatch(r"Search\[(.+)\]", step["action"]) for step in row["steps"])
    return list(dict.fromkeys(name[1] for name in names if name))
