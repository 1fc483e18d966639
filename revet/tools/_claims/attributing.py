"""Each citation with the statement that it stands by, and each quotation with the passage that it is from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from revet.tools._claims.citing import Citation, Entry, citations, masked, references
from revet.tools._claims.judge import Judgement, judge
from revet.tools._claims.library import Library
from revet.tools._claims.quotes import Quotation, Quoted, find_quote, quotations
from revet.tools._claims.resolve import Places, Resolved
from revet.tools._claims.split import Claim, claims_of

__all__ = ["Attributed", "Cited", "Said", "attribute"]

_SAY = (
    r"(?:sa(?:id|ys|y)|writ(?:es|e|ten)|wrote|states?|stated|according to|reads|quot(?:e|es|ed|ing)|puts? it|notes?|"
    r"noted|explain(?:s|ed)|declare[sd]|argue[sd]|claim(?:s|ed)|report(?:s|ed)|tells?|told|sagte?|schreibt|schrieb|dit|"
    r"écrit|dijo|escribió)"
)
SAYING = re.compile(rf"\b{_SAY}\b[^.!?\"“”]{{0,50}}[\s:,\"“„«»‘>(]*\Z", re.IGNORECASE)
SAID_AFTER = re.compile(rf"[\s,.!?\"“”’»«]*(?:[\w.’'-]+\s){{0,3}}{_SAY}\b", re.IGNORECASE)
MOST_QUOTES = 200
MOST_CITED = 400


@dataclass(frozen=True)
class Cited:
    """A citation and where it leads. `claim` is the statement that it stands by, `judgement` how what is cited judges
    it, and `other` where a passage that is not cited says it.
    """

    citation: Citation
    resolved: Resolved
    claim: Claim | None = None
    judgement: Judgement | None = None
    other: str = ""


@dataclass(frozen=True)
class Said:
    """A quotation: found word for word where it is cited or said to be from, elsewhere, in other words, or nowhere.

    `told`: it is cited, or the words beside it say whose it is. Other words in quotation marks may be a title or irony.
    """

    quotation: Quotation
    standing: Literal["verbatim", "elsewhere", "altered", "not found"]
    found: Quoted | None = None
    told: bool = False


@dataclass(frozen=True)
class Attributed:
    """All citations and quotations of a text, and the entries of its list that nothing cites."""

    cited: tuple[Cited, ...]
    said: tuple[Said, ...]
    unused: tuple[Entry, ...]
    sources: int = 0
    left: int = 0


def attribute(text: str, places: Places) -> Attributed:
    """Follow every citation of `text`, and look for every quotation."""
    every = list(citations(text))
    resolved = [(each, places.of(each)) for each in every[:MOST_CITED]]
    library = Library(places.sources)
    body = masked(text, every)
    claims = list(claims_of(body))
    beside = [_beside(each, claims, body) for each, _ in resolved]
    together: dict[Claim, frozenset[int]] = {}
    for (_, found), claim in zip(resolved, beside, strict=True):
        if claim is not None and found.found:
            together[claim] = together.get(claim, frozenset()) | found.found
    judged = {claim: judge(claim, library, only=numbers) for claim, numbers in together.items()}
    others = {claim: _elsewhere(claim, library) for claim, each in judged.items() if each.standing == "not found"}
    cited = [
        Cited(each, found, claim, judged.get(claim), others.get(claim, ""))
        if claim is not None and found.found
        else Cited(each, found, claim)
        for (each, found), claim in zip(resolved, beside, strict=True)
    ]
    quoted = list(quotations(body))
    said = [_said(quote, cited, library, body) for quote in quoted[:MOST_QUOTES]]
    used = {each.key for each in every} | {found.entry for _, found in resolved}
    unused = tuple(entry for entry in references(text) if entry.key not in used)
    left = max(0, len(every) - MOST_CITED) + max(0, len(quoted) - MOST_QUOTES)
    return Attributed(tuple(cited), tuple(said), unused, len(places.sources), left)


def _elsewhere(claim: Claim, library: Library) -> str:
    """Where a passage that is not cited says it."""
    found = judge(claim, library)
    return found.excerpt.source.where if found.standing == "supported" and found.excerpt is not None else ""


def _beside(citation: Citation, claims: Sequence[Claim], body: str) -> Claim | None:
    """The statement around a citation, else the one that ends just before it, else the one that begins just after."""
    before = after = None
    for claim in claims:
        if claim.start < citation.end and citation.start < claim.end:
            return claim
        if claim.end <= citation.start:
            before = claim
        elif claim.start >= citation.end:
            after = claim
            break
    if before is not None and not any(c.isalnum() or c == "\n" for c in body[before.end : citation.start]):
        return before
    if after is not None and not body[citation.end : after.start].strip(" \t:,–-"):
        return after
    return None


def _said(quote: Quotation, cited: Sequence[Cited], library: Library, body: str) -> Said:
    """First where it is cited: by the citation that follows it closely."""
    near = [c for c in cited if c.resolved.found and -1 <= c.citation.start - quote.end <= 60]
    only = near[0].resolved.found if near else None
    found = find_quote(quote.text, library, only)
    if only is not None and (found is None or not found.exact):
        anywhere = find_quote(quote.text, library)
        if anywhere is not None and anywhere.exact:
            return Said(quote, "elsewhere", anywhere)
        found = found or anywhere
    if found is None:
        return Said(quote, "not found", told=bool(library.sources) and (bool(near) or _told(quote, body)))
    return Said(quote, "verbatim" if found.exact else "altered", found)


def _told(quote: Quotation, body: str) -> bool:
    """True if the words before or after a quotation say that somebody said so, or it is a block of its own."""
    before, after = body[max(0, quote.start - 80) : quote.start], body[quote.end : quote.end + 40]
    return bool(SAYING.search(before) or SAID_AFTER.match(after) or before.rstrip(" ").endswith(("\n>", "\n >")))
