"""`ClaimsCritic`: a language model that holds an answer against the passages that were found, claim by claim.

It reads what exact comparison cannot: paraphrases, and what follows from several sentences. It is not believed on its
word. A refutation counts as evidence only with words that really stand in the passage, and an exact mismatch that the
tool `Claims` found stands whatever the model says of it.
"""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, fraction, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import MANY, Number, Said, Share, Text
from revet.agents.chat.sections import messages, section
from revet.agents.chat.show import cut
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Evidence, Finding, Location, Severity, Verdict
from revet.tools import ToolCall, findings_of
from revet.tools._claims.facts import keys_of
from revet.tools._claims.library import Library
from revet.tools._claims.quotes import find_quote
from revet.tools._claims.sources import Source, gathered
from revet.tools._claims.split import claims_of
from revet.tools.base import View
from revet.tools.constraints import text_of

__all__ = ["ClaimsCritic", "SaidClaim", "SaidClaims"]

TOOL = "claims"
MOST_TEXT = 2_000
LEAST_QUOTE = 2
"""Words that a quote must have: one word stands in any passage."""
FRAME = 120


class SaidClaim(Said):
    """One statement of the answer, and what the passages say of it."""

    claim: Text = Field(description="the statement, understandable on its own")
    passage: Number | None = Field(description="number of the passage that decides it")
    quote: Text | None = Field(description="its words that decide it, copied exactly")
    verdict: Literal["supported", "refuted", "not_found"]
    correction: Text | None = Field(description="what the passage says instead; null unless refuted")
    confidence: Share = Field(description="0 to 1")


class SaidClaims(Said):
    """The statements of the answer, in order."""

    claims: list[SaidClaim] = Field(json_schema_extra=MANY)


@dataclass(frozen=True)
class Weighed:
    """A statement with what is left of its verdict. `there`: the quote stands in `source`, and `evidence` holds it."""

    said: SaidClaim
    verdict: Literal["supported", "refuted", "not_found"]
    source: Source | None = None
    evidence: tuple[str, ...] = ()
    there: bool = False


class ClaimsCritic:
    """A critic. An answer that cannot be used is an abstention; `ModelFailed` and `BudgetSpent` are raised.

    The passages are those of the tool `Claims`, which it uses itself where the run has it and it has not looked yet.
    It accepts if every claim is supported by a quote that is there and the tool refutes none; it asks for a revision
    if any claim is refuted; else it abstains. `prompts` is a folder whose files replace ours.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        also: Sequence[str] = (),
        prompts: Prompts | pathlib.Path | str | None = None,
        name: str = "claims-critic",
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.name, self.temperature, self.also = model, name, temperature, tuple(also)
        self.prompts, self.room = prompts_of(prompts), room or Room()

    async def criticise(self, view: View) -> Critique:
        text = text_of(view.draft) if view.draft is not None else None
        if text is None or not text.strip():
            return abstained(self.name, "there is no answer to examine")
        sources = await asyncio.to_thread(gathered, view, self.also)
        exact = await self._exact(view)
        if not sources:
            return self._critique((), exact, text, "there are no passages to hold the answer against")
        library = await asyncio.to_thread(Library, sources)
        shown = _telling(text, library)
        try:
            said = await ask_for(
                view, self.model, SaidClaims, lambda room: self._request(view, text, shown, exact, room), self.room
            )
        except AnswerUnusable as error:
            return self._critique((), exact, text, f"its answer could not be used ({error.why})")
        cited = tuple(evidence.id for evidence in exact)
        weighed = tuple(_weighed(each, shown, library, cited) for each in said.claims if each.claim.strip())
        return self._critique(weighed, exact, text, "it names no claims")

    async def _exact(self, view: View) -> list[Evidence]:
        """What the tool found by exact comparison, in this round."""
        found = [evidence for evidence in view.evidence if evidence.tool == TOOL]
        if not found and TOOL in view.tools:
            found = [await view.use(ToolCall(tool=TOOL, request="claims of the answer"))]
        return found

    def _request(
        self, view: View, text: str, shown: Sequence[Source], exact: Sequence[Evidence], room: Room
    ) -> Request:
        known = "\n\n".join(fence(cut(e.observation, 3_000), view.secret, e.id) for e in exact)
        user = self.prompts.fill(
            "claims",
            goal=view.task.goal,
            draft=section("Answer", fence(cut(text, room.part(0.4)), view.secret, "answer")),
            passages=section("Passages", _fenced(shown, view.secret, room.part(0.5))),
            known=section("Exact comparison", known),
        )
        system = self.prompts.fill("claims_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)

    def _critique(self, weighed: Sequence[Weighed], exact: Sequence[Evidence], text: str, nothing: str) -> Critique:
        """The tool's findings first. Without any and without a claim, it abstains."""
        mismatches = [f for e in exact for f in findings_of(e) if f.severity.rank >= Severity.major.rank]
        own = [finding for each in weighed if (finding := _finding(each, text))]
        findings = (*mismatches, *own)
        refuted = any(finding.severity.rank >= Severity.major.rank for finding in findings)
        supported = sum(each.verdict == "supported" for each in weighed)
        if not refuted and (not weighed or supported < len(weighed)):
            why = (
                f"{supported} of {len(weighed)} claims are supported, the others cannot be told" if weighed else nothing
            )
            return abstained(self.name, why).model_copy(update={"findings": findings})
        wrong = sum(each.verdict == "refuted" for each in weighed)
        return Critique(
            critic=self.name,
            verdict=Verdict.revise if refuted else Verdict.accept,
            possible_result=_result(len(weighed), supported, wrong, len(mismatches)),
            findings=findings,
            score=0.0 if not weighed else max(0, supported - len(mismatches)) / len(weighed),
            confidence=max((f.confidence for f in findings if f.severity.rank >= Severity.major.rank), default=0.0)
            if refuted
            else min(fraction(each.said.confidence) for each in weighed),
        )


def _telling(text: str, library: Library) -> list[Source]:
    """The passages that the answer's claims are nearest to, each once; all of them where there are few."""
    found: dict[int, Source] = {}
    for claim in claims_of(text, most=60):
        for excerpt in library.near(keys_of(claim.text))[:4]:
            found.setdefault(id(excerpt.source), excerpt.source)
    rest = [source for source in library.sources if id(source) not in found]
    return [*found.values(), *rest[: max(0, 30 - len(found))]]


def _fenced(sources: Sequence[Source], secret: str, most: int) -> str:
    """As many passages as find room, each with its number."""
    parts: list[str] = []
    for number, source in enumerate(sources, 1):
        part = fence(f"{source.title}\n{source.text}".strip(), secret, f"passage:{number}:{source.where}")
        if parts and len(part) + FRAME > most:
            left = len(sources) - number + 1
            return "\n\n".join([*parts, f"{left} more passages are not shown for lack of room."])
        parts.append(part)
        most -= len(part)
    return "\n\n".join(parts)


def _weighed(said: SaidClaim, shown: Sequence[Source], library: Library, exact: tuple[str, ...]) -> Weighed:
    """The verdict, as far as the quote carries it. A quote may stand in another passage than the one it names."""
    if said.verdict == "not_found":
        return Weighed(said, "not_found")
    quote = said.quote or ""
    found = find_quote(quote, library) if len(quote.split()) >= LEAST_QUOTE else None
    named = shown[said.passage - 1] if said.passage is not None and 0 < said.passage <= len(shown) else None
    if found is None or not found.exact:
        return Weighed(said, "refuted" if said.verdict == "refuted" else "not_found", named)
    if named is not None and find_quote(quote, Library([named])) is not None:
        found = found._replace(source=named)
    ids = (found.source.evidence,) if found.source.evidence else exact
    return Weighed(said, said.verdict, found.source, ids, there=True)


def _finding(weighed: Weighed, text: str) -> Finding | None:
    """None for a supported claim. A refutation whose quote is not there cites nothing: it is an opinion."""
    said = weighed.said
    if weighed.verdict == "supported":
        return None
    claim, quote = plain(said.claim, MOST_TEXT), plain(said.quote or "", MOST_TEXT)
    place = text.find(said.claim)
    location = Location(span=(place, place + len(said.claim))) if place >= 0 else None
    if weighed.verdict == "refuted":
        where = weighed.source.where if weighed.source else "a passage"
        by = f"{where} says {quote!r}" if weighed.there else f"{where} is said to, but has no such words"
        return Finding(
            claim=f"{claim!r} is refuted: {by}",
            category="fact/refuted",
            location=location,
            evidence=weighed.evidence,
            suggestion=plain(said.correction or "", MOST_TEXT) or None,
            confidence=fraction(said.confidence),
        )
    unproved = said.verdict == "supported"
    why = "the words that it is said to rest on are in no passage" if unproved else "no passage says so"
    return Finding(
        claim=f"{claim!r} was not found: {why}",
        severity=Severity.minor,
        category="fact/not-found",
        location=location,
        suggestion="find a passage that says so, or leave it out",
        confidence=fraction(said.confidence),
    )


def _result(claims: int, supported: int, wrong: int, mismatches: int) -> str:
    told = f"{supported} of {claims} claims are supported and {wrong} refuted"
    return f"{told}; exact comparison refutes {mismatches}" if mismatches else told
