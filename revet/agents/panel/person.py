"""A person in the place of a model: criticises, leads, writes or chooses, and is asked through `ask`.

`ask` is given a question (plain data: `seat`, `asks`, `goal`, `draft`, `choices`, `problem`) and returns the answer
when there is one; where it waits, and how, is the caller's business. What cannot be used is asked for again, a few
times, and `problem` says why; a person who passes (nothing, yes or no, or the time is over) leaves the seat empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from revet.agents.chat.critic import plain
from revet.agents.chat.heard import objections
from revet.agents.chat.show import cut
from revet.agents.panel.offers import Offer
from revet.schema import Action, Attempt, Changes, Critique, Draft
from revet.tools.base import View

__all__ = ["Ask", "Person"]

Ask: TypeAlias = Callable[[dict[str, JsonValue]], object]
T = TypeVar("T")

TRIES = 5
MOST_SHOWN, MOST_WORDS = 20_000, 1_000_000
PASSES = ("reject", "expire", "pass")
_actions: TypeAdapter[tuple[Action, ...]] = TypeAdapter(tuple[Action, ...])


class Person:
    """Takes any seat. The name is that of the role that the person has taken."""

    waits = True

    def __init__(self, ask: Ask, *, name: str = "person") -> None:
        self.ask, self.name = ask, name

    async def offer(self, view: View, persona: str, points: int) -> Offer | None:
        """A critic's seat: what the person would ask or object to. One point is enough."""
        asks = "What would you criticise in this draft? A point in your words, or {points: […], pick: its number}."
        question = _question("critic", asks, view)
        return self._heard(question, lambda answer: _offer(self.name, answer))

    async def pick(self, view: View, offers: Sequence[Offer], persona: str) -> int | None:
        """The leader's seat: the place of the offer that the writer hears."""
        asks = "Which of these should the writer hear? Answer with its number."
        question = _question("leader", asks, view, [offer.picked for offer in offers])
        return self._heard(question, lambda answer: _place(answer, len(offers)))

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        """The judge's seat: the place of the best attempt."""
        asks = "Which of these is the best? Answer with its number."
        shown = [_shown(attempt.draft, attempt.changes) for attempt in attempts]
        return self._heard(_question("judge", asks, view, shown), lambda answer: _place(answer, len(attempts)))

    async def propose(self, view: View) -> Draft:
        """The writer's seat. They are told what is wrong now, if that is known."""
        asks = "Write the first draft: the answer in your words, or {answer: …, actions: […]}."
        return self._draft(view, asks, [view.critique] if view.critique else [])

    async def revise(self, view: View, critique: Critique) -> Draft:
        """They are told what every critic objects to, the leading one first."""
        asks = "Write the next draft: the answer in your words, or {answer: …, actions: […]}."
        return self._draft(view, asks, objections(view, critique))

    def _draft(self, view: View, asks: str, critiques: Sequence[Critique]) -> Draft:
        told = [word for each in critiques for word in (each.possible_result, *(f.claim for f in each.findings))]
        question = {**_question("writer", asks, view), "critique": cut("\n".join(filter(None, told)), MOST_SHOWN)}
        draft = self._heard(question, lambda answer: _draft(self.name, answer))
        return draft or Draft(author=self.name, notes="the person had nothing to write")

    def _heard(self, question: dict[str, JsonValue], read: Callable[[Any], T]) -> T | None:
        """What the answer comes to; None if the person passes, or cannot be understood."""
        problem: str | None = None
        for _ in range(TRIES):
            answer = self.ask({**question, "problem": problem})
            if _passes(answer):
                return None
            try:
                return read(answer)
            except ValueError as error:
                problem = str(error)
        return None


def _question(seat: str, asks: str, view: View, choices: Sequence[str] = ()) -> dict[str, JsonValue]:
    draft = "" if view.draft is None or seat == "judge" else _shown(view.draft, view.changes)
    return {"seat": seat, "asks": asks, "goal": view.task.goal, "draft": draft, "choices": [*choices]}


def _shown(draft: Draft, changes: Changes | None) -> str:
    said = [draft.answer or "", changes.diff if changes else ""]
    if not changes:
        said += [action.model_dump_json(exclude_none=True) for action in draft.actions]
    return cut("\n".join(filter(None, said)), MOST_SHOWN)


def _passes(answer: object) -> bool:
    if isinstance(answer, Mapping):
        return answer.get("type") in PASSES
    return answer is None or isinstance(answer, bool) or (isinstance(answer, str) and not answer.strip())


def _words(answer: object) -> str:
    """The text that was said: as it is, or in a mapping that the gate's answers have, too."""
    if isinstance(answer, Mapping):
        answer = next((answer[key] for key in ("message", "text", "answer", "point") if answer.get(key)), None)
    if not isinstance(answer, str) or not answer.strip():
        raise ValueError("say it in words")
    return plain(answer, MOST_WORDS)


def _offer(name: str, answer: object) -> Offer:
    points = answer.get("points") if isinstance(answer, Mapping) else None
    if isinstance(answer, Mapping) and isinstance(points, list | tuple):
        said = tuple(plain(point, MOST_WORDS) for point in points if isinstance(point, str) and point.strip())
        if not said:
            raise ValueError("points: a list of texts is wanted")
        place = _place(answer, len(said)) if "pick" in answer else 0
        return Offer(name, said, place)
    return Offer(name, (_words(answer),), 0)


def _place(answer: object, count: int) -> int:
    """The place, from 0, of what was answered by its number, from 1."""
    if isinstance(answer, Mapping):
        answer = next((answer[key] for key in ("pick", "number", "message", "text") if key in answer), None)
    if isinstance(answer, str) and answer.strip().isdecimal():
        answer = int(answer)
    if not isinstance(answer, int) or isinstance(answer, bool) or not 1 <= answer <= count:
        raise ValueError(f"a number from 1 to {count} is wanted")
    return answer - 1


def _draft(name: str, answer: object) -> Draft:
    if isinstance(answer, Mapping) and "actions" in answer:
        try:
            actions = _actions.validate_python(tuple(answer["actions"]))
        except (ValidationError, TypeError) as error:
            raise ValueError(f"actions: {error}") from None
        said = answer.get("answer")
        words = plain(said, MOST_WORDS) if isinstance(said, str) else ""
        if not actions and not words:
            raise ValueError("it does nothing and answers nothing: give actions or an answer in words, or pass")
        return Draft(author=name, actions=actions, answer=words or None)
    return Draft(author=name, answer=_words(answer))
