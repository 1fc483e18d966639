"""The citations and quotations of a text as evidence: does what is cited exist, and does it say so? No model.

Numbers, footnotes, links, files with a line, bare addresses, and authors with a year are followed to the passages of
this run, the task's sources, the text's own list of references and the files of the workspace. The statement beside a
citation is held against the passages that it leads to, as `Claims` does it. Quotations must be there word for word.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Collection, Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.schema import Evidence, Location, Outcome, Severity, digest
from revet.tools._claims.attributing import Attributed, Cited, Said, attribute
from revet.tools._claims.citing import citations, references
from revet.tools._claims.quotes import difference, quotations
from revet.tools._claims.resolve import Places
from revet.tools._claims.sources import any_source, gathered
from revet.tools._claims.words import STOP
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.constraints import text_of
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["CheckCitations", "Citations"]

EMPTY = re.compile(r"\s?[(\[]\s{0,400}[)\]]")
BEFORE_MARK = re.compile(r" (?=[.,;:!?](?: |\Z))")
MOST_OBSERVED = 7_000
MOST_PROBLEMS, MOST_KEPT = 200, 200
MOST_DATA = 1_000_000
SHORT = 160


class CheckCitations(BaseModel):
    """Follow the citations of a text and look for its quotations, in what was found so far."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, description="the text to check; null for the draft's answer")


class Citations:
    """Follows the citations of the draft's answer, and checks its quotations word for word.

    The passages are those of `Claims`. It fails if a citation leads nowhere, if what is cited says another value, or
    if a quotation is not the wording of the passage; it passes if everything was found where it is said to be, and is
    inconclusive otherwise. With `required`, an answer that does not pass is not accepted.
    """

    name = "citations"
    arguments: type[BaseModel] | None = CheckCitations

    def __init__(self, *, also: Collection[str] = (), required: bool = False, seconds: float = 120.0) -> None:
        self.also, self.required = frozenset(also), required
        self.terms = Terms(seconds=seconds)

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft whose answer cites or quotes."""
        text = text_of(view.draft) if view.draft is not None else None
        if text is None or not _refers(text, passages=any_source(view, self.also)):
            return []
        return [ToolCall(tool=self.name, request=f"citations of the answer {digest(text)}", required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """Each citation in ``data["citations"]``, each quotation in ``data["quotations"]``."""
        start = time.monotonic()
        try:
            wanted = CheckCitations.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not checked: {error.errors()[0]['msg']}")
        draft = text_of(view.draft) if view.draft is not None else None
        text = draft if wanted.text is None else wanted.text
        if text is None or not _refers(text):
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: the text neither cites nor quotes")
        found = await asyncio.to_thread(self._follow, text, view)
        problems = list(_problems(found, located=text == draft))
        outcome = _outcome(found, problems)
        lines = [f"- {p.severity.value}: {p.claim}" for p in sorted(problems, key=lambda p: -p.severity.rank)]
        good = sum(each.judgement is not None and each.judgement.standing == "supported" for each in found.cited)
        verbatim = sum(each.standing == "verbatim" for each in found.said)
        head = f"{outcome.value}: {good} of {len(found.cited)} citations say what they are cited for"
        head += f", {verbatim} of {len(found.said)} quotations are word for word; {found.sources} passages"
        head += f"; {found.left} more were not looked at" if found.left else ""
        return evidence_for(
            call,
            view,
            outcome,
            clip("\n".join([head, *lines]), MOST_OBSERVED),
            problems=problems[:MOST_PROBLEMS],
            data={
                "citations": [_told_citation(each) for each in found.cited[:MOST_KEPT]],
                "quotations": [_told_quotation(each) for each in found.said[:MOST_KEPT]],
                "unused": [entry.key for entry in found.unused[:MOST_KEPT]],
                "left": found.left,
            },
            seconds=time.monotonic() - start,
        )

    def _follow(self, text: str, view: View) -> Attributed:
        earlier = [e for attempt in view.attempts for e in attempt.evidence]
        evidence = [e for e in (*view.evidence, *view.baseline.values(), *earlier) if _from_outside(e, self.also)]
        places = Places(
            gathered(view, self.also),
            references(text),
            task=view.task,
            evidence=evidence,
            workspace=view.workspace,
            written=[p for action in (view.draft.actions if view.draft else ()) if (p := getattr(action, "path", ""))],
        )
        return attribute(text, places)


def _from_outside(evidence: Evidence, also: Collection[str]) -> bool:
    """True for what was looked up. What a tool says of the draft repeats the draft's own addresses."""
    return "passages" in evidence.data or "results" in evidence.data or evidence.tool in also


def _refers(text: str, *, passages: bool = True) -> bool:
    """True if the text cites, or quotes where there are passages to quote. A program's data do neither."""
    if _is_data(text):
        return False
    if any(True for _ in citations(text)) or references(text):
        return True
    return passages and any(True for _ in quotations(text))


def _is_data(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")) or len(text) > MOST_DATA:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _outcome(found: Attributed, problems: Sequence[Problem]) -> Outcome:
    if any(problem.severity.rank >= Severity.major.rank for problem in problems):
        return Outcome.failed
    proved = all(each.judgement is not None and each.judgement.standing == "supported" for each in found.cited)
    verbatim = all(each.standing == "verbatim" for each in found.said)
    looked_at = bool(found.cited or found.said) and not found.left
    return Outcome.passed if proved and verbatim and looked_at else Outcome.inconclusive


def _problems(found: Attributed, *, located: bool) -> Iterator[Problem]:
    def at(start: int, end: int) -> Location | None:
        return Location(span=(start, end)) if located else None

    for cited in found.cited:
        if (problem := _of_citation(cited)) is not None:
            yield problem.model_copy(update={"location": at(cited.citation.start, cited.citation.end)})
    for said in found.said:
        if (problem := _of_quotation(said)) is not None:
            yield problem.model_copy(update={"location": at(said.quotation.start, said.quotation.end)})
    for entry in found.unused:
        claim = f"nothing cites reference {entry.key}: {_short(entry.text)}"
        yield Problem(claim=claim, severity=Severity.info, category="citation/unused", location=at(*entry[:2]))


def _of_citation(cited: Cited) -> Problem | None:
    resolved, judgement = cited.resolved, cited.judgement
    if resolved.problem:
        grave = resolved.seen or not resolved.problem.endswith("nothing was looked up")
        return Problem(
            claim=resolved.problem,
            severity=Severity.major if grave else Severity.minor,
            category="citation/dangling" if resolved.seen else "citation/unseen",
            suggestion="cite a passage that was found, or leave the citation out",
            confidence=0.9 if resolved.seen else 0.8,
        )
    if judgement is None or judgement.standing == "supported" or cited.claim is None:
        return None
    said, excerpt = _short(cited.claim.text), judgement.excerpt
    if judgement.standing == "refuted" and excerpt is not None:
        return Problem(
            claim=f"{said!r} cites {excerpt.source.where}, which refutes it: {judgement.reason}",
            category="citation/refuted",
            suggestion=f"write {judgement.right!r}; it says: {_short(excerpt.text)!r}",
            confidence=judgement.confidence,
        )
    return Problem(
        claim=f"what is cited was not found to say {said!r}: {judgement.reason}",
        severity=Severity.minor,
        category="citation/not-found",
        suggestion=f"cite {cited.other}, which says so" if cited.other else "cite a passage that says so",
        confidence=judgement.confidence,
    )


def _of_quotation(said: Said) -> Problem | None:
    quoted = _short(said.quotation.text)
    if said.standing == "verbatim" or (said.standing == "not found" and not said.told):
        return None
    if said.standing == "not found" or said.found is None:
        return Problem(
            claim=f"no passage has the words {quoted!r}",
            severity=Severity.minor,
            category="quote/not-found",
            suggestion="quote what a passage says, or take the quotation marks away",
            confidence=0.5,
        )
    where = said.found.source.where
    if said.standing == "elsewhere":
        return Problem(
            claim=f"{quoted!r} is not in what is cited, but in {where}",
            severity=Severity.minor,
            category="quote/elsewhere",
            suggestion=f"cite {where}",
            confidence=0.7,
        )
    marked = difference(said.quotation.text, said.found.wording)
    changed = {word for part in marked.split("[")[1:] for word in part.partition("]")[0].lower().split()} - {"→"}
    return Problem(
        claim=f"{where} has other words than the quotation {quoted!r}: {clip(marked, 400)}",
        severity=Severity.minor if changed <= STOP else Severity.major,
        category="quote/altered",
        suggestion=f"quote it as it is: {clip(said.found.wording, 400)!r}",
        confidence=0.85,
    )


def _short(text: str, most: int = SHORT) -> str:
    """On one line, without the brackets and the space that a citation left."""
    return clip(BEFORE_MARK.sub("", " ".join(EMPTY.sub("", text).split())), most)


def _told_citation(cited: Cited) -> dict[str, JsonValue]:
    citation, judgement = cited.citation, cited.judgement
    excerpt = judgement.excerpt if judgement else None
    return {
        "kind": citation.kind,
        "key": citation.key,
        "line": citation.line,
        "span": [citation.start, citation.end],
        "problem": cited.resolved.problem or None,
        "claim": _short(cited.claim.text, 600) if cited.claim else None,
        "standing": judgement.standing if judgement else None,
        "source": excerpt.source.where if excerpt else None,
        "passage": clip(excerpt.text, 600) if excerpt else None,
    }


def _told_quotation(said: Said) -> dict[str, JsonValue]:
    return {
        "text": clip(said.quotation.text, 600),
        "span": [said.quotation.start, said.quotation.end],
        "standing": said.standing,
        "source": said.found.source.where if said.found else None,
        "wording": clip(said.found.wording, 600) if said.found and said.standing == "altered" else None,
    }
