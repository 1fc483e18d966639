"""What the tests of the chat roles share: a model that says what it is told and keeps what it was asked, and views."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from revet.models import Account, LanguageModel, Reply, Request
from revet.models.scripted import ScriptedModel
from revet.schema import (
    Attempt,
    Changes,
    Check,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    FileChange,
    FileState,
    Outcome,
    Task,
)
from revet.tools.base import View

SECRET = "0123456789abcdef0123456789abcdef"
Said = Reply | str | dict[str, Any]


class Talker:
    """A model that answers with `said`, one after another (the last again and again), or as a function says."""

    def __init__(self, *said: Said | Exception, by: Callable[[Request], Said | Awaitable[Said]] | None = None) -> None:
        self.requests: list[Request] = []
        self._said, self._by = said, by
        self.model = LanguageModel(ScriptedModel(self._answer, name="talker"))

    def _answer(self, request: Request) -> Any:
        self.requests.append(request)
        if self._by is not None:
            return self._by(request)
        said = self._said[min(len(self.requests), len(self._said)) - 1]
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def prompts(self) -> list[str]:
        """The user's message of every request."""
        return [next(m.text for m in request.messages if m.role == "user") for request in self.requests]


class Kept:
    """Replies, remembered in memory."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}

    async def get(self, key: str) -> Reply | None:
        return self.replies.get(key)

    async def put(self, key: str, reply: Reply) -> None:
        self.replies[key] = reply


def view(workspace: Path | None = None, *, task: Task | None = None, **more: Any) -> View:
    """A view outside a run. `heard` collects what is emitted."""
    heard: list[tuple[str, Mapping[str, Any]]] = more.pop("heard", [])
    known: dict[str, Any] = {
        "task": task or Task(goal="Make it right."),
        "run": "run-1",
        "workspace": workspace,
        "secret": SECRET,
        "account": Account("run-1/0/test"),
        "emit": lambda kind, data: heard.append((kind, data)),
    }
    return View(**{**known, **more})


def seen(observation: str, outcome: Outcome = Outcome.failed, **more: Any) -> Evidence:
    known: dict[str, Any] = {"tool": "tests", "request": "pytest -q", "outcome": outcome, "observation": observation}
    return Evidence(**{**known, **more})


def check_seen(check: Check, outcome: Outcome, said: str = "1 failed", changes: Changes | None = None) -> Evidence:
    state = changes.fingerprint if changes else None
    return seen(said, outcome, request=check.command, check=check.id, required=True, changes=state)


def changed(path: str = "a.py", diff: str = "--- a/a.py\n+++ b/a.py\n") -> Changes:
    before, after = FileState(sha256="0" * 64, size=1, mode=0o644), FileState(sha256="1" * 64, size=1, mode=0o644)
    return Changes(files=(FileChange(path=path, before=before, after=after),), diff=diff)


def attempt(number: int, draft: Draft, *reasons: str, **more: Any) -> Attempt:
    decision = Decision(kind=DecisionKind.revise, reasons=reasons, draft=draft.id)
    return Attempt(round=number, draft=draft, decision=decision, **more)


def said_draft(**fields: Any) -> dict[str, Any]:
    empty = {"thoughts": "", "read": [], "steps": [], "actions": [], "answer": None, "give_up": None}
    return {**empty, **fields}


def said_action(kind: str, **fields: Any) -> dict[str, Any]:
    names = ("path", "content", "replacements", "command", "sql", "tool", "arguments")
    return {"kind": kind, **dict.fromkeys(names), **fields}


def said_finding(claim: str, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"severity": "major", "category": "logic", "path": None, "line": None, "action": None}
    known |= {"step": None, "evidence": [], "suggestion": None, "confidence": 0.9}
    return {"claim": claim, **known, **fields}


def said_critique(verdict: str, *findings: dict[str, Any], **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"possible_result": "it runs", "findings": list(findings), "verdict": verdict}
    return {**known, "score": 0.5, "confidence": 0.8, **fields}


_FENCE = re.compile(r"⟦data ([0-9a-f]{12,32}) [^⟧\n]*⟧\n(.*?)\n⟦end \1⟧", re.DOTALL)


def outside_fences(text: str) -> str:
    """What of a prompt stands outside all fences."""
    return _FENCE.sub("", text)


def inside_fences(text: str) -> list[str]:
    return [found[1] for found in _FENCE.findall(text)]


def all_text(requests: Iterable[Request]) -> str:
    return "\n".join(message.text for request in requests for message in request.messages)
