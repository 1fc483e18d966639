"""What the tests of tree searches share: a check that passes in parts, drafts of numbers, and a model by what it is
asked. No sandbox is needed: a draft writes a number, and as many of the four tests pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Draft, Evidence, Outcome, Run, Task, WriteFile
from revet.tools import ToolCall, View
from tests.agents.chat_support import said_action, said_draft

__all__ = ["CHECK", "Asked", "Graded", "number", "played", "task_in", "text_of", "written"]

CHECK, TESTS = "count to four", 4


class Graded:
    """Answers the check by the number that the staged file holds: so many of four tests pass. Hides nothing else."""

    name = "tests"
    arguments: type[BaseModel] | None = None

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request=c.command, check=c.id, required=True) for c in view.task.checks]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        staged = view.layer.root / "answer.py" if view.layer is not None else None
        text = staged.read_text() if staged is not None and staged.exists() else "0"
        held = int(text) if re.fullmatch(r"\d+", text.strip()) else 0
        outcomes = ["passed" if n < held else "failed" for n in range(TESTS)]
        tests = [{"id": f"t{n}", "outcome": word} for n, word in enumerate(outcomes)]
        counts = {word: outcomes.count(word) for word in dict.fromkeys(outcomes)}
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed if held >= TESTS else Outcome.failed,
            observation=f"{counts.get('passed', 0)} of {TESTS} tests pass",
            data={"kind": "pytest", "tests": tests, "counts": counts},
            check=call.check,
            required=call.required,
            changes=view.changes.fingerprint if view.changes else None,
        )


class Asked:
    """A model that answers each role by a function of how often that role was asked and of the request."""

    def __init__(self, **says: Callable[[int, Request], Any]) -> None:
        self.says, self.requests = says, list[Request]()
        self.model = LanguageModel(ScriptedModel(self._answer))

    def _answer(self, request: Request) -> Any:
        number = sum(each.role == request.role for each in self.requests)
        self.requests.append(request)
        return self.says[request.role](number, request)

    @property
    def order(self) -> list[str]:
        return [request.role for request in self.requests]

    def of(self, role: str) -> list[Request]:
        return [request for request in self.requests if request.role == role]


def text_of(request: Request) -> str:
    return "\n".join(message.text for message in request.messages)


def number(held: int, note: str = "") -> dict[str, Any]:
    """What a writer says to have the file hold `held`; the note makes two such drafts differ."""
    return said_draft(actions=[said_action("write_file", path="answer.py", content=f"{held}\n")], thoughts=note)


def written(held: int, spaces: int = 0) -> Draft:
    """The draft itself; `spaces` make two of the same number differ."""
    content = f"{held}\n" + "\n" * spaces
    return Draft(author="sample", actions=(WriteFile(path="answer.py", content=content),))


def task_in(folder: Path) -> Task:
    folder.mkdir(parents=True, exist_ok=True)
    return Task(id="count", goal="Count to four.", workspace=str(folder), edit=("*.py",), checks=(CHECK,))


async def played(model: Any, recipe: str, folder: Path, **more: Any) -> Run:
    """One run without a sandbox, on the graded check."""
    who = model.model if isinstance(model, Asked) else model
    given: dict[str, Any] = {"tools": [Graded()], "sandbox": None, "store": folder / "store", **more}
    return await Agent(who, recipe=recipe, **given).arun(task_in(folder / "work"))
