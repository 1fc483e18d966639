"""The claims of a text as evidence: each is supported, refuted or not found, with the passage. No model.

Numerals, dates and names are compared exactly, as the fine-grained critics of MisMitiFact do (numerals, entities,
topics). The passages are those that other tools found in this run, those that the task gives, and those that a search
tool finds for the claims that are still open.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Evidence, Outcome, digest
from revet.tools._claims.checking import MOST_CLAIMS, Checked, any_claim, check, counted, listed, problem_of, told
from revet.tools._claims.library import Library
from revet.tools._claims.sources import Source, any_source, from_evidence, gathered
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for
from revet.tools.constraints import text_of
from revet.tools.observation import clip

__all__ = ["CheckClaims", "Claims", "outcome_of"]

MOST_OBSERVED = 7_000
MOST_QUERY = 300
CORPUS = "corpus"
"""The tool of a run that is searched where no other is named. The web is asked only where a user says so."""

SECONDS = 60.0


class CheckClaims(BaseModel):
    """Hold the statements of a text against the passages that were found. Each is supported, refuted or not found."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, description="the statements to check; null for the draft's answer")


class Claims:
    """Judges each claim of the draft's answer by the passages that are known in this run.

    The passages: ``inputs["sources"]`` of the task (texts, files of the workspace, or objects with title, url and
    text), ``data["passages"]`` or ``data["results"]`` of the run's evidence, and the whole observation of the tools
    named in `also`. With `search` (a tool such as `CorpusSearch`, or the name of one of the run's tools), at most
    `searches` claims that were not found are searched for; without it, with the run's tool ``corpus`` if it has one. At
    most `most` claims are judged, in at most `seconds`.

    It fails if a claim is refuted, passes if all are supported, and is inconclusive otherwise. With `required`, an
    answer that does not pass is not accepted, nor is one that claims something where there is nothing to hold it
    against.
    """

    name = "claims"
    arguments: type[BaseModel] | None = CheckClaims

    def __init__(
        self,
        search: Tool | str | None = None,
        *,
        searches: int = 8,
        also: Collection[str] = (),
        most: int = MOST_CLAIMS,
        seconds: float = SECONDS,
        required: bool = False,
    ) -> None:
        if searches < 0 or most < 1 or seconds <= 0:
            raise InputError("searches must be at least 0, most at least 1, seconds above 0")
        self.search, self.searches, self.also = search, searches, frozenset(also)
        self.most, self.seconds, self.required = most, seconds, required
        self.terms = Terms(seconds=4 * seconds)

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that says something, where there is anything to hold it against.

        Where there is nothing, only if it is `required` and the draft claims something, and after all other tools: what
        they find may be a passage.
        """
        text = text_of(view.draft) if view.draft is not None else None
        if text is None or not text.strip():
            return []
        held = self._searcher(view) is not None or any_source(view, self.also)
        if not held and (not self.required or not any_claim(text) or self._others_plan(view)):
            return []
        return [ToolCall(tool=self.name, request=f"claims of the answer {digest(text)}", required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """Every claim with its standing in ``data["claims"]``; what is wrong is told as problems."""
        start = time.monotonic()
        try:
            wanted = CheckClaims.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not checked: {error.errors()[0]['msg']}")
        draft = text_of(view.draft) if view.draft is not None else None
        text = draft if wanted.text is None else wanted.text
        if text is None or not text.strip():
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: there is no text to check")
        sources = await asyncio.to_thread(gathered, view, self.also)
        searching = self._searcher(view) is not None
        if not sources and not searching:
            why = "inconclusive: nothing to hold the claims against: no passage was found or given, nothing is searched"
            return evidence_for(call, view, Outcome.inconclusive, why)
        checked = await asyncio.to_thread(self._check, text, sources, view)
        searched = 0
        if searching and checked.of("not found"):
            more, searched = await self._searched(checked, view)
            if new := [source for source in more if source not in sources]:
                sources = [*sources, *new]
                checked = await asyncio.to_thread(self._check, text, sources, view)
        return self._judged(call, view, checked, located=text == draft, told_of=(len(sources), searched), start=start)

    def _searcher(self, view: View) -> Tool | str | None:
        """What is searched with: what the user names, else the run's corpus."""
        if self.search is None and self.searches and CORPUS in view.tools:
            return CORPUS
        return self.search

    def _others_plan(self, view: View) -> bool:
        """Whether another tool of the run has a call still to make."""
        made = {(each.tool, each.request) for each in view.evidence}
        alone = replace(view, tools={})  # so that no two tools wait for each other
        others = [tool for name, tool in view.tools.items() if name != self.name]
        return any((call.tool, call.request) not in made for tool in others for call in tool.plan(alone))

    def _check(self, text: str, sources: Sequence[Source], view: View) -> Checked:
        seconds = min(self.seconds, view.remaining)
        return check(text, Library(sources), goal=view.task.goal, most=self.most, seconds=seconds)

    async def _searched(self, checked: Checked, view: View) -> tuple[list[Source], int]:
        """What the search tool finds for the claims that are open, and how many were searched for."""
        found: list[Source] = []
        wanted = checked.of("not found")[: self.searches]
        for judgement in wanted:
            query = f"{judgement.claim.about} {judgement.claim.text}"
            evidence = await self._search(clip(" ".join(query.split()), MOST_QUERY), view)
            found += from_evidence([evidence])
        return found, len(wanted)

    async def _search(self, query: str, view: View) -> Evidence:
        """By `view.use` where the run has the tool, so that it is counted and kept with the evidence."""
        search = self._searcher(view)
        name = search if isinstance(search, str) else getattr(search, "name", "search")
        call = ToolCall(tool=name, request=query, arguments={"query": query})
        if name in view.tools:
            return await view.use(call)
        if search is None or isinstance(search, str):
            known = ", ".join(view.tools) or "none"
            raise InputError(f"claims: there is no tool {name!r} to search with", hint=f"the tools are: {known}")
        return await search.run(call, view)

    def _judged(
        self, call: ToolCall, view: View, checked: Checked, *, located: bool, told_of: tuple[int, int], start: float
    ) -> Evidence:
        problems = [problem for each in checked.judgements if (problem := problem_of(each, located=located))]
        outcome = outcome_of(checked)
        passages, searched = told_of
        head = f"{outcome.value}: {counted(checked)}; held against {passages} passages"
        head += f", {searched} claims searched for" if searched else ""
        counts: dict[str, JsonValue] = {s: len(checked.of(s)) for s in ("supported", "refuted", "not found")}
        first = next((each.excerpt for each in checked.of("refuted") if each.excerpt), None)
        return evidence_for(
            call,
            view,
            outcome,
            clip("\n".join([head, *listed(checked.judgements)]), MOST_OBSERVED),
            problems=problems[:MOST_CLAIMS],
            data={"claims": told(checked.judgements), "standings": counts, "left": checked.left, "held": passages},
            source=first.source.where if first else None,
            seconds=time.monotonic() - start,
        )


def outcome_of(checked: Checked) -> Outcome:
    """Failed if any claim is refuted, passed if all are supported and none was left out."""
    if checked.of("refuted"):
        return Outcome.failed
    if checked.judgements and not checked.left and not checked.of("not found"):
        return Outcome.passed
    return Outcome.inconclusive
