"""What the tests of CRITIC's roles share: a model that says what it is told to, and a round with real tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from revet.models import LanguageModel, Reply, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Attempt, Critique, Draft, Evidence, Outcome, Task
from revet.tools import ToolCall, View

SECRET = "f00d" * 8


class Told:
    """A model that gives `replies` one after another, and keeps the requests."""

    def __init__(self, *replies: str | Reply) -> None:
        self.replies, self.requests = list(replies), list[Request]()
        self.model = LanguageModel(ScriptedModel(self._answer))

    def _answer(self, request: Request) -> str | Reply:
        self.requests.append(request)
        return self.replies[len(self.requests) - 1]

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def text(self, number: int = -1) -> str:
        """All that was said to the model in one request."""
        return "\n".join(message.text for message in self.requests[number].messages)


class Looked:
    """Makes the calls that a role wants, and remembers them with what they gave."""

    def __init__(self, view: View, tools: Sequence[Any]) -> None:
        self.calls, self.evidence = list[ToolCall](), list[Evidence]()
        self.view = replace(view, tools={tool.name: tool for tool in tools}, use=self._use)

    async def _use(self, call: ToolCall) -> Evidence:
        self.calls.append(call)
        self.evidence.append(await self.view.tools[call.tool].run(call, self.view))
        return self.evidence[-1]


class Shelf:
    """A search tool whose results are written down: the n-th passage that is not excluded, whatever the query."""

    name = "corpus"
    arguments = None

    def __init__(self, *passages: tuple[str, str]) -> None:
        self.passages = passages

    def plan(self, view: View) -> Sequence[ToolCall]:
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        known = call.arguments.get("exclude") or []
        assert isinstance(known, list)
        left = [(title, text) for title, text in self.passages if title not in known]
        if not left:
            return Evidence(tool=self.name, request=call.request, outcome=Outcome.inconclusive, observation="nothing")
        title, text = left[0]
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed,
            observation=f"[{title}] {text}",
            data={"passages": [{"id": title, "title": title, "text": text}]},
        )


def view(goal: str = "How much is it?", draft: Draft | None = None, **more: Any) -> View:
    return View(task=more.pop("task", None) or Task(goal=goal), run="r", secret=SECRET, draft=draft, **more)


def attempt(number: int, draft: Draft, *evidence: Evidence, critiques: Sequence[Critique] = ()) -> Attempt:
    return Attempt(round=number, draft=draft, evidence=evidence, critiques=tuple(critiques))


def run_of(draft: Draft, observation: str, answer: Any = None) -> Evidence:
    """What the Python tool would say of a draft's program."""
    return Evidence(
        tool="python",
        request=f"run {draft.id}",
        outcome=Outcome.failed if answer is None else Outcome.passed,
        observation=observation,
        data={} if answer is None else {"answer": answer},
    )


def program(code: str) -> Draft:
    return Draft(author="critic/program", answer=f"```python\n{code}\n```")
