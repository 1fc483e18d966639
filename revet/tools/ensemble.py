"""`EnsembleSearch`: one question put to a search in several ways, the answers joined by reciprocal rank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel, JsonValue, ValidationError

from revet.errors import InputError, ModelError
from revet.schema import Evidence, Outcome
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for, terms_of
from revet.tools.corpus import SearchWords
from revet.tools.observation import clip
from revet.tools.reformulate import follow_ups, fused, variants

__all__ = ["EnsembleSearch", "Reformulate"]

MOST_QUERIES = 12
MOST_SHOWN = 200
MOST_OBSERVED = 8_000
SEEN = 3
"""Passages of the first search in whose light the follow-up is asked."""


class Reformulate(Protocol):
    """Says how else to ask, `query` itself among it. `found` are texts that were found already.

    Raises `ModelError` if it cannot.
    """

    async def __call__(self, query: str, view: View, found: Sequence[str] = ()) -> Sequence[str]: ...


class _Asked(NamedTuple):
    """One way of asking, and what came of it."""

    query: str
    evidence: Evidence

    @property
    def passages(self) -> list[dict[str, JsonValue]]:
        found = self.evidence.data.get("passages")
        every = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        return [each for each in every if isinstance(each.get("id"), str)]


class EnsembleSearch:
    """Asks `tool` (a search such as `CorpusSearch` or `WebSearch`) in all the ways that `queries` says.

    Without `queries` it needs no model: only if the query alone finds fewer than `results`, it is also asked without
    operators and by its names alone. `follow`: asked again in the light of what was found. It takes the name of the
    tool, whose place it takes, unless `name` is given.
    """

    arguments: type[BaseModel] | None = SearchWords

    def __init__(
        self,
        tool: Tool,
        queries: Reformulate | None = None,
        *,
        results: int = 5,
        follow: bool = False,
        name: str | None = None,
    ) -> None:
        if results < 1:
            raise InputError("results must be at least 1")
        self.tool, self.queries, self.results, self.follow = tool, queries, results, follow
        self.name = name or tool.name
        own = terms_of(tool)
        self.terms = Terms(seconds=own.seconds * MOST_QUERIES if own.seconds else None, calls=own.calls, keep=own.keep)

    def plan(self, view: View) -> Sequence[ToolCall]:
        """What the tool itself plans."""
        return self.tool.plan(view)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The best passages of all searches, in ``data["passages"]``; ``data["searches"]`` says what each came to."""
        start = time.monotonic()
        try:
            wanted = SearchWords.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not searched: {error.errors()[0]['msg']}")
        asked, why = await self._ask(wanted, view)
        ranked = fused([[str(each["id"]) for each in one.passages] for one in asked])
        known = {str(each["id"]): each for one in reversed(asked) for each in one.passages}
        chosen = [known[each] for each in ranked[wanted.skip : wanted.skip + self.results]]
        searches: list[JsonValue] = [
            {"query": one.query, "outcome": one.evidence.outcome.value, "found": len(one.passages)} for one in asked
        ]
        data: dict[str, JsonValue] = {"passages": list(chosen), "searches": searches}
        if why:
            data["not_reformulated"] = why
        seconds = time.monotonic() - start
        if not chosen:
            return _nothing(call, view, wanted, asked, data, seconds)
        lines = [_shown(each) for each in chosen]
        note = f"(asked in {len(asked)} ways{f'; not reformulated: {why}' if why else ''})"
        source = next((one.evidence.source for one in asked if one.passages), None)
        text = clip("\n\n".join([*lines, note]), MOST_OBSERVED)
        return evidence_for(call, view, Outcome.passed, text, data=data, source=source, seconds=seconds)

    async def _ask(self, wanted: SearchWords, view: View) -> tuple[list[_Asked], str | None]:
        """What was asked, and why the model did not say how else to ask; None if it did, or there is none."""
        why: str | None = None
        queries: Sequence[str] | None = None
        if self.queries is not None:
            try:
                queries = await self.queries(wanted.query, view)
            except ModelError as error:
                why = str(error).partition("\n")[0][:200]
        asked = await self._search([wanted.query, *(queries or ())], wanted, view)
        if queries is None and len(asked[0].passages) < self.results:
            asked += await self._search(variants(wanted.query)[1:], wanted, view)
        if self.follow:
            ranked = fused([[str(each["text"]) for each in one.passages if "text" in each] for one in asked])
            more = await self._follow_ups(wanted.query, view, ranked[:SEEN], lexical=queries is None)
            done = {one.query for one in asked}
            asked += await self._search([query for query in more if query not in done], wanted, view)
        return asked, why

    async def _follow_ups(self, query: str, view: View, found: Sequence[str], *, lexical: bool) -> Sequence[str]:
        if not found:
            return ()
        if lexical or self.queries is None:
            return follow_ups(query, found)
        try:
            return await self.queries(query, view, found)
        except ModelError:
            return follow_ups(query, found)

    async def _search(self, queries: Sequence[str], wanted: SearchWords, view: View) -> list[_Asked]:
        """Each query once, all at a time; the tool says how many it bears."""
        known: list[JsonValue] = list(wanted.exclude)

        async def one(query: str) -> _Asked:
            arguments: Mapping[str, JsonValue] = {"query": query, "exclude": known} if known else {"query": query}
            call = ToolCall(tool=self.tool.name, request=query[:MOST_SHOWN], arguments=dict(arguments))
            return _Asked(query, await self.tool.run(call, view))

        return await asyncio.gather(*map(one, list(dict.fromkeys(queries))[:MOST_QUERIES]))


def _nothing(
    call: ToolCall,
    view: View,
    wanted: SearchWords,
    asked: Sequence[_Asked],
    data: Mapping[str, JsonValue],
    seconds: float,
) -> Evidence:
    """What each search said of finding nothing; the outcome of the first."""
    said = "\n".join(dict.fromkeys(one.evidence.observation for one in asked))
    text = f"nothing found for {clip(wanted.query, MOST_SHOWN)!r}, asked in {len(asked)} ways:\n{clip(said, 2_000)}"
    first = asked[0].evidence.outcome
    outcome = Outcome.inconclusive if first is Outcome.passed else first
    return evidence_for(call, view, outcome, text, data=data, seconds=seconds)


def _shown(each: Mapping[str, JsonValue]) -> str:
    place = each.get("url") or f"{each.get('path', '?')}:{each.get('line', '?')}"
    return f"[{each.get('title', '')}] {each.get('text', '')} ({place})"
