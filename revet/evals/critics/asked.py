"""Who is asked about a draft: a tool that computes, or a language model in the role of the critic."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Critique, Draft, Model, Task, Verdict, digest
from revet.tools.base import View

if TYPE_CHECKING:
    from revet.agents import Critic
    from revet.models import LanguageModel, Library

__all__ = ["Asks", "Choices", "Word", "asking", "calculating", "choices_of", "draft_view", "examiner", "library_of"]


class Choices(Model):
    """The options of a suite about critics: a model to ask in place of the tools, and where it is served."""

    model: str | None = None
    base_url: str | None = None


class Word(NamedTuple):
    """What was said of a draft: whether it is right (None: no word), the first wrong step from 0, and what it took.

    `score` is how good the draft is said to be, 0 to 1.
    """

    accepted: bool | None
    step: int | None = None
    score: float | None = None
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


Asks = Callable[[View], Awaitable[Word]]


def choices_of(suite: str, options: Mapping[str, JsonValue]) -> Choices:
    """The options. Raises `InputError` for those that the suite does not know or that are of another type."""
    try:
        return Choices.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(f"{suite}: {what}", hint=f"options: {', '.join(Choices.model_fields)}") from None


def library_of(choices: Choices) -> tuple[LanguageModel, Library] | None:
    """The model that is to be asked, with the library to close; None where none was named.

    Raises `InputError` or `MissingDependency` for one that cannot be had.
    """
    if choices.model is None:
        return None
    from revet.models import Library

    library = Library(base_url=choices.base_url)
    return library.get(choices.model), library


def examiner(choices: Choices, critic: Callable[[LanguageModel], Critic]) -> tuple[Asks, Library | None]:
    """Who examines: the model that was named, as that critic, or else the tools; with the library to close."""
    named = library_of(choices)
    return (calculating, None) if named is None else (asking(critic(named[0])), named[1])


def draft_view(question: str, *, answer: str | None = None, steps: tuple[str, ...] = ()) -> View:
    """What a critic sees: a question and a draft, and no evidence."""
    draft = Draft(author="model", answer=answer, steps=steps)
    # The same in every run, so that what a model answered can be replayed; a text cannot hold its own digest.
    secret = digest(question, answer, list(steps), length=32)
    return View(task=Task(goal=question.strip() or "?"), run="eval", draft=draft, secret=secret)


async def calculating(view: View) -> Word:
    """Everything that the draft calculates is computed again (`Calculate`, strict as for exercises).

    It accepts where it could compute something and nothing was wrong; of what it cannot compute, it says nothing.
    """
    from revet.tools.calculate import Calculate

    began, tool = time.monotonic(), Calculate(solutions="strict")
    calls = tool.plan(view)
    data = (await tool.run(calls[0], view)).data if calls else {}
    first, checked = data.get("first_wrong"), data.get("calculations")
    step = first.get("step") if isinstance(first, dict) else None
    seconds = time.monotonic() - began
    if data.get("wrong") is True or step is not None:
        return Word(False, step=step if isinstance(step, int) else None, seconds=seconds)
    return Word(True if checked else None, seconds=seconds)


def asking(critic: Critic) -> Asks:
    """Asks a critic that is a language model; the place of its first finding is the step."""

    async def ask(view: View) -> Word:
        began = time.monotonic()
        said = await critic.criticise(view)
        usage = view.account.usage
        return Word(
            _accepted(said),
            step=_step(said),
            score=None if said.verdict is Verdict.abstain else said.score,
            tokens=usage.tokens,
            cost=usage.cost,
            seconds=time.monotonic() - began,
        )

    return ask


def _accepted(said: Critique) -> bool | None:
    return None if said.verdict is Verdict.abstain else said.verdict is Verdict.accept


def _step(said: Critique) -> int | None:
    steps = [each.location.step for each in said.findings if each.location is not None]
    return min((step for step in steps if step is not None), default=None)
