"""Who makes the branches of a search: the next thoughts at a node, and the draft that follows from one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from revet.errors import AnswerUnusable
from revet.schema import Attempt, Critique, Draft
from revet.tools.base import View

__all__ = ["TRIED", "Actor", "Expander", "Thought", "Ways", "thought_of", "tried_in", "unusable"]

TRIED = "tried"
"""In ``Draft.data``: how many candidates were screened on the way to a draft, where it was made by screening."""


@dataclass(frozen=True)
class Thought:
    """One way to go on, in a sentence or two. `prior` is how reasonable it seems; those of a node sum up to 1.

    `data` is what whoever had the thought needs to draft from it. It is kept in the drafts' data.
    """

    text: str
    prior: float = 1.0
    data: dict[str, JsonValue] = field(default_factory=dict)

    def told(self) -> dict[str, JsonValue]:
        """As it is kept."""
        return {"text": self.text, "prior": self.prior, "data": self.data}


@dataclass(frozen=True)
class Ways:
    """The ways to go on from a node, best first; none: nothing can be made of it.

    Those beyond the number that was asked for are kept in reserve for rewrites. `tried` is how many candidates were
    screened to find them.
    """

    thoughts: tuple[Thought, ...] = ()
    tried: int = 0


class Expander(Protocol):
    """Thinks before it drafts. `line` are the attempts from the first thought's down to the node; empty at the root.

    The view that it is given is that of the node: what was staged, seen and said of the last attempt of `line`, or of
    the workspace as it was found.
    """

    name: str

    async def thoughts(self, view: View, line: Sequence[Attempt], most: int) -> Ways:
        """The ways to go on from here, of which `most` are wanted.

        Raises `AnswerUnusable` if a model's answer cannot be understood.
        """
        ...

    async def rethink(self, view: View, line: Sequence[Attempt], siblings: Sequence[Thought]) -> Thought | None:
        """Another thought in the place of the one that led to the last attempt of `line`, whose code failed.

        `siblings` are all the ways that there were, those in reserve included. None: it knows none, and the node is to
        be built upon as it is.
        """
        ...

    async def draft(self, view: View, line: Sequence[Attempt], thoughts: Sequence[Thought]) -> Draft:
        """The draft that follows from `thoughts`: those of `line` and the new one. In a rewrite, the view shows the
        draft to be replaced, and its thought is not among them.
        """
        ...


class Actor(Protocol):
    """Acts without saying its thoughts first: one more child of a node."""

    name: str

    async def branch(
        self, view: View, line: Sequence[Attempt], siblings: Sequence[Attempt], told: Critique | None
    ) -> Draft:
        """A draft made from the last attempt of `line` (from nothing, if it is empty), other than `siblings`.

        `told` is what speaks against that attempt, with what was learnt from the siblings. A draft that gives up says
        that no more can be made of this node.
        """
        ...


def thought_of(said: JsonValue) -> Thought:
    """A thought as it was kept; what does not read as one is an empty one."""
    if not isinstance(said, dict):
        return Thought("")
    text, prior, data = said.get("text"), said.get("prior"), said.get("data")
    return Thought(
        text=text if isinstance(text, str) else "",
        prior=float(prior) if isinstance(prior, int | float) else 0.0,
        data=data if isinstance(data, dict) else {},
    )


def tried_in(draft: Draft) -> int:
    """How many candidates were screened for this draft."""
    tried = draft.data.get(TRIED)
    return tried if isinstance(tried, int) and not isinstance(tried, bool) else 0


def unusable(author: str, error: AnswerUnusable) -> Draft:
    """No draft, for what was said could not be used; it says why, and counts as a try."""
    said = f"the answer could not be used ({error.why}): {error}".encode("utf-8", "replace").decode("utf-8")
    return Draft(author=author, problem=said.replace("\0", ""), data={"why": error.why})
