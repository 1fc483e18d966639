"""`QueryEnsemble`: asks a model, in several ways, which words to add to a search query.

After GenQREnsemble (arXiv 2404.03746): several instructions that say the same in other words each bring keywords, which
are appended to the original query; with passages that were found already, the keywords follow from those
(GenQREnsembleRF). To be given to `revet.tools.EnsembleSearch`, which joins what the queries find (as GenQRFusion does,
arXiv 2405.17658).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, Said, Word
from revet.agents.chat.sections import messages, section
from revet.agents.chat.show import cut
from revet.errors import AnswerUnusable, InputError
from revet.models import LanguageModel, Request
from revet.tools.base import View
from revet.tools.corpus import WORD

__all__ = ["Ensemble", "QueryEnsemble", "SaidTerms"]

MOST_TERMS, MOST_TERM, MOST_QUERY = 12, 60, 400


class SaidTerms(Said):
    """Words and names to search for."""

    terms: list[Word] = Field(json_schema_extra={**FEW, "minItems": 1})


@dataclass(frozen=True)
class Ensemble:
    """A query and the terms that each member of the ensemble would add to it."""

    query: str
    terms: tuple[tuple[str, ...], ...]

    @property
    def joined(self) -> str:
        """The query with the terms of all: the reformulation as it was published."""
        return _with(self.query, [term for terms in self.terms for term in terms])

    @property
    def queries(self) -> tuple[str, ...]:
        """The query, the query with all terms, and with those of each member. Each once."""
        return tuple(dict.fromkeys((self.query, self.joined, *(_with(self.query, terms) for terms in self.terms))))


class QueryEnsemble:
    """Asks `model` `n` times, each time with another instruction. The instructions are the lines that begin with ``-``
    of the prompt ``query_instructions``.

    A member whose answer cannot be used is left out; `AnswerUnusable` is raised if there is no other, and whatever
    else a model raises.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        n: int = 5,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature = model, temperature
        self.prompts, self.room = prompts_of(prompts), room or Room()
        lines = self.prompts.fill("query_instructions").splitlines()
        every = [line[1:].strip() for line in lines if line.startswith("-") and line[1:].strip()]
        if not 1 <= n <= len(every):
            raise InputError(
                f"an ensemble of {n} cannot be made of {len(every)} instructions",
                hint=f"ask for 1 to {len(every)}, or write more into query_instructions.md",
            )
        self.instructions = every[:n]

    async def __call__(self, query: str, view: View, found: Sequence[str] = ()) -> Sequence[str]:
        """All ways of asking, the query itself first. `found` are texts that were found already."""
        return (await self.ensemble(query, view, found)).queries

    async def ensemble(self, query: str, view: View, found: Sequence[str] = ()) -> Ensemble:
        """The terms of each member, in the order of the instructions."""

        async def one(instruction: str) -> SaidTerms | AnswerUnusable:
            try:
                return await ask_for(
                    view,
                    self.model,
                    SaidTerms,
                    lambda room: self._asking(instruction, query, view, found, room),
                    self.room,
                )
            except AnswerUnusable as error:
                return error

        said = await asyncio.gather(*map(one, self.instructions))
        failed = [each for each in said if isinstance(each, AnswerUnusable)]
        if len(failed) == len(said):
            raise failed[-1]
        terms = [_terms(each, query) for each in said if isinstance(each, SaidTerms)]
        return Ensemble(query, tuple(each for each in terms if each))

    def _asking(self, instruction: str, query: str, view: View, found: Sequence[str], room: Room) -> Request:
        each = room.part(0.5) // max(1, len(found))
        texts = "\n\n".join(fence(cut(text, each), view.secret, "passage") for text in found)
        user = self.prompts.fill(
            "query",
            query=fence(cut(query, room.part(0.2)), view.secret, "query"),
            found=section("Found already", texts),
        )
        system = self.prompts.fill("query_system", instruction=instruction)
        return Request(role="searcher", messages=messages(system, user), temperature=self.temperature)


def _terms(said: SaidTerms, query: str) -> tuple[str, ...]:
    """The terms that say something new, on one line each and of bounded length."""
    known = _words(query)
    terms = dict.fromkeys(" ".join(plain(term, MOST_TERM).split()) for term in said.terms)
    return tuple(term for term in terms if term and not _words(term) <= known)[:MOST_TERMS]


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def _with(query: str, terms: Sequence[str]) -> str:
    """The query with as many of the terms as there is room for. The query itself is never cut for them."""
    text = query
    for term in dict.fromkeys(terms):
        if len(text) + 1 + len(term) <= max(MOST_QUERY, len(query)):
            text = f"{text} {term}"
    return text
