"""What the tests of the sampling recipes share: a model that samples a list of answers, and a run broken off."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Draft, Run, Task, WriteFile
from tests.agents.chat_support import all_text, said_critique, said_draft

__all__ = ["Sampler", "broken_off", "checked", "kinds"]


class Sampler:
    """A model that samples `said`, one after another (the last again and again).

    As a critic it says of a draft what `critic` has for the first of its keys that stands in the prompt, else that it
    accepts it.
    """

    def __init__(self, *said: Any, critic: Mapping[str, Any] | None = None, name: str = "sampler") -> None:
        self.said, self.critic = said, critic or {}
        self.requests: list[Request] = []
        self.model = LanguageModel(ScriptedModel(self._answer, name=name))

    def _answer(self, request: Request) -> Any:
        self.requests.append(request)
        if request.role in ("critic", "judge"):
            text = all_text([request])
            return next((said for key, said in self.critic.items() if key in text), said_critique("accept", score=1.0))
        drawn = sum(role in ("proposer", "reviser") for role in self.roles) - 1
        said = self.said[min(drawn, len(self.said) - 1)]
        return said_draft(answer=said, steps=[f"derivation {drawn}"]) if isinstance(said, str) else said

    @property
    def roles(self) -> list[str]:
        return [request.role for request in self.requests]


async def broken_off(agent: Agent, task: Task, run_id: str, kind: str, number: int) -> None:
    """Run `task` until the `number`-th event of a `kind`, and leave it there, as a process that ends does."""
    seen = 0
    async with aclosing(agent.astream(task, run_id=run_id)) as stream:
        async for event in stream:
            seen += event.type == kind
            if seen == number:
                return
    raise AssertionError(f"the run ended before {kind} {number}")


def checked(folder: Path) -> tuple[Task, Draft, Draft]:
    """A task whose check a quick command makes, a draft that fails it, and one that passes."""
    place = folder / "place"
    place.mkdir()
    task = Task(goal="Write it.", workspace=str(place), checks=("grep -q right answer.txt",), edit=("answer.txt",))
    wrong, right = (
        Draft(author="tape", actions=(WriteFile(path="answer.txt", content=text),)) for text in ("wrong", "right")
    )
    return task, wrong, right


def kinds(run: Run) -> list[str]:
    """What was decided of each attempt."""
    return [attempt.decision.kind.value for attempt in run.attempts if attempt.decision]
