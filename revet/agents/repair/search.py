"""`builtin:repair`: program repair by search, with no model.

The critique says where; mutation operators propose what; the sandbox disposes. A search screens candidates in
batches (`revet.tools.screen`), and the draft it returns is then staged, examined and criticised like any other: what
the sieve let through proves nothing.

In the family of GenProg (Weimer et al. 2009) and PraPR (Ghanbari et al. 2019): generate and validate, guided by
spectrum-based fault localisation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import JsonValue

from revet.agents.evidence import SUSPICIOUS
from revet.agents.repair.minimise import minimised
from revet.agents.repair.mutate import candidates, pairs
from revet.agents.repair.operators import Hints
from revet.agents.repair.order import Order, merged
from revet.agents.repair.patch import Candidate, Edit, apply
from revet.agents.repair.sieve import SECONDS_PER_STEP, Search
from revet.agents.repair.sources import Source, editable_sources, hints_from, python_files, read_source
from revet.schema import Check, Critique, Draft, Evidence, Outcome, WriteFile
from revet.tools import facts_of
from revet.tools.base import View

__all__ = ["Repair"]

MOST_ALTERNATIVES = 8
# The rest of the time is for judging what mended a part.
SHARE_OF_SINGLES, SHARE = 0.7, 0.9


class Repair:
    """Proposes the smallest mutation that passes; of several, says so.

    `order` is for ablations: ``localised`` tries suspicious lines first, ``unlocalised`` ignores the critique,
    ``random`` shuffles (by the run's seed). `seconds` bounds one search, `tries` the candidates of one search;
    `stop_after` is how many passing candidates of a batch are enough to choose from.
    """

    name = "builtin:repair"

    def __init__(
        self,
        *,
        order: Literal["localised", "unlocalised", "random"] = "localised",
        seconds: float = 60.0,
        tries: int = 4000,
        stop_after: int = 6,
        workers: int = 2,
        combine: bool = True,
    ) -> None:
        self.order, self.seconds, self.tries = order, seconds, tries
        self.stop_after, self.workers, self.combine = stop_after, workers, combine

    async def propose(self, view: View) -> Draft:
        failing = _failing(view, view.evidence)
        if not failing:
            return self._nothing_to_repair(view)
        return await self._search(_from_scratch(view), failing, view.diagnosis, ())

    async def revise(self, view: View, critique: Critique) -> Draft:
        """Go on from the current draft if it is the best so far and better than nothing; else from the start."""
        best = view.best
        onward = view.draft is not None and best is not None and best.draft.id == view.draft.id and _progress(view)
        failing = _failing(view, view.evidence if onward else tuple(view.baseline.values()))
        if onward and failing and view.draft is not None:
            done = tuple(a for a in view.draft.actions if isinstance(a, WriteFile))
            return await self._search(view, failing, critique, done)
        return await self._search(_from_scratch(view), failing, view.diagnosis, ())

    # --- the search ------------------------------------------------------------------------------------------

    async def _search(
        self, view: View, failing: Sequence[Evidence], critique: Critique | None, done: tuple[WriteFile, ...]
    ) -> Draft:
        check = next((c for c in view.task.checks for e in failing if c.id == e.check), None)
        if check is None or view.session is None:
            return Draft(author=self.name, notes="there is no failing check that could guide a repair")
        suspects = _suspects(critique) if self.order == "localised" else {}
        sources, problems = editable_sources(view, suspects or _everywhere(view, self.order, critique))
        if not sources:
            why = "; ".join(problems) or "no editable Python file is run by the failing tests"
            return Draft(author=self.name, notes=f"nothing to repair with: {why}")
        if (unloaded := _cannot_guide(view, failing, check)) is not None:
            return Draft(author=self.name, notes="; ".join([*problems, unloaded]))
        search = self._sieve(view, check, _failing_ids(failing, check), self._limit(view, failing))
        hints = hints_from(view, failing) if self.order == "localised" else None
        singles = self._singles(sources, suspects, hints, view.seed)
        share, most = (SHARE_OF_SINGLES, int(self.tries * SHARE_OF_SINGLES)) if self.combine else (SHARE, self.tries)
        found = await search.through(singles, sources, share=share, most=most)
        alone = search.tried
        if not found and self.combine:
            found = await search.through(self._pairs(sources, search), sources, share=SHARE, most=self.tries)
        chosen = found[0] if found else await search.progress()
        draft = self._draft(search, found, chosen, sources, done, alone)
        return await self._shortened(draft, view, check) if found and done else draft

    async def _shortened(self, draft: Draft, view: View, check: Check) -> Draft:
        """Without the edits of earlier drafts that the last one made superfluous."""
        fresh = _from_scratch(view)
        failing = _failing_ids(tuple(view.baseline.values()), check)
        search = self._sieve(fresh, check, failing, time.monotonic() + SECONDS_PER_STEP)
        writes = [a for a in draft.actions if isinstance(a, WriteFile)]
        if len(writes) != 1 or view.workspace is None:  # a mutant changes one file, so only then can parts be left out
            return draft
        path = writes[0].path
        source = read_source(path, (view.workspace / path).read_bytes())
        final = writes[0].to_bytes().decode("utf-8")
        kept = await minimised(source.text, final, lambda rest: search.passes(path, rest))
        text = apply(source.text, [Edit(start, end, new) for start, end, new in kept])
        return draft.model_copy(update={"actions": (WriteFile.of(path, text.encode("utf-8")),)})

    def _singles(
        self,
        sources: dict[str, Source],
        suspects: dict[str, dict[int, float]],
        hints: Hints | None,
        seed: int,
    ) -> Iterator[Candidate]:
        order: Order = "random" if self.order == "random" else "ranked"
        streams = [
            candidates(
                path,
                source.text,
                suspects.get(path) if suspects else None,
                hints=hints,
                order=order,
                seed=seed,
            )
            for path, source in sources.items()
        ]
        return merged(streams, seed=seed if self.order == "random" else None)

    def _pairs(self, sources: dict[str, Source], search: Search) -> Iterator[Candidate]:
        """Combinations of what was tried alone, those that mended something first."""
        streams = [
            pairs(
                path,
                source.text,
                [c for c in search.refused if c.path == path],
                first=[c for c in search.promising() if c.path == path],
            )
            for path, source in sources.items()
        ]
        return merged(streams)

    def _sieve(self, view: View, check: Check, failing: tuple[str, ...], until: float) -> Search:
        return Search(view, check, failing, until, self.workers, self.stop_after)

    def _limit(self, view: View, failing: Sequence[Evidence]) -> float:
        """When to stop searching (monotonic): early enough to examine the winner within the run's budget."""
        examination = 2.0 + 3.0 * sum(e.seconds - _hung(e) for e in failing)
        return time.monotonic() + max(1.0, min(self.seconds, view.remaining - examination))

    # --- drafts ----------------------------------------------------------------------------------------------

    def _draft(
        self,
        search: Search,
        found: list[Candidate],
        chosen: Candidate | None,
        sources: dict[str, Source],
        done: tuple[WriteFile, ...],
        alone: int,
    ) -> Draft:
        data: dict[str, JsonValue] = {
            "tried": search.tried,
            "single_changes": alone,
            "passing": len(found),
            "first_pass": search.first_pass,
            "search_seconds": round(time.monotonic() - search.started, 3),
        }
        if chosen is None:
            both = f" ({alone:,} single changes, {search.tried - alone:,} pairs)" if search.tried > alone else ""
            spent = time.monotonic() - search.started
            why = f"{search.tried:,} candidates tried{both} in {spent:.0f} s, none makes the failing tests pass"
            if time.monotonic() >= search.until:
                why += "; the time was spent, and more of it may help"
            return Draft(author=self.name, notes=why, data=data)
        others = [f"{c.path}:{c.line}: {c.description}" for c in found[1 : 1 + MOST_ALTERNATIVES]]
        data |= {"chosen": f"{chosen.path}:{chosen.line}: {chosen.description}", "operator": chosen.operator}
        data["also_passing"] = list[JsonValue](others)
        actions = _with(done, sources[chosen.path], chosen)
        return Draft(author=self.name, actions=actions, notes=_account(search, found, chosen), data=data)

    def _nothing_to_repair(self, view: View) -> Draft:
        if not any(check.required for check in view.task.checks):
            return Draft(author=self.name, notes="the task names no required check, so nothing says what is wrong")
        return Draft(author=self.name, answer="Nothing to repair: every required check passes as it is.")


def _with(done: tuple[WriteFile, ...], source: Source, chosen: Candidate) -> tuple[WriteFile, ...]:
    write = WriteFile.of(chosen.path, source.encode(chosen))
    return (*(w for w in done if w.path != chosen.path), write)


def _account(search: Search, found: Sequence[Candidate], chosen: Candidate) -> str:
    where = f"{chosen.path}:{chosen.line}: {chosen.description}"
    if not found:
        return f"{where} (mends some of the failing tests; {search.tried:,} candidates tried)"
    count = len(found) - 1
    others = f"; {count} other candidate{'s' if count > 1 else ''} passed too" if count else ""
    return f"{where} ({search.tried:,} candidates tried{others})"


def _from_scratch(view: View) -> View:
    """The workspace as it was found, with what is known of it."""
    evidence = view.evidence if view.draft is None else tuple(view.baseline.values())
    return replace(view, layer=None, evidence=evidence)


def _failing(view: View, evidence: Sequence[Evidence]) -> list[Evidence]:
    required = {c.id for c in view.task.checks if c.required}
    return [e for e in evidence if e.check in required and e.outcome is not Outcome.passed]


def _failing_ids(failing: Sequence[Evidence], check: Check) -> tuple[str, ...]:
    facts = (facts_of(e) for e in failing if e.check == check.id)
    return tuple(test for each in facts if each for test in each.failing)


def _cannot_guide(view: View, failing: Sequence[Evidence], check: Check) -> str | None:
    """Why no change of an editable file can help: the check cannot run, no test ran, or the suite does not load."""
    evidence = next((e for e in failing if e.check == check.id), None)
    facts = facts_of(evidence) if evidence is not None else None
    if evidence is None or facts is None or facts.failing:
        return None
    said = next((line.strip() for line in evidence.observation.splitlines() if line.strip()), "it says nothing")
    if facts.kind == "command":
        return f"`{check}` cannot be run: {said}" if facts.exit_code in (126, 127) else None
    if not facts.collect_errors:
        return f"`{check}` did not pass, and yet no test failed that could guide a repair: {said}"
    if any(error.path and view.allows(error.path) for error in facts.collect_errors):
        return None
    first = facts.collect_errors[0]
    last = first.message.strip().splitlines()[-1:] or ["it says nothing"]
    return f"the tests cannot be loaded, and not because of a file that may be changed: {first.id}: {last[0]}"


def _hung(evidence: Evidence) -> float:
    """Seconds that went into tests that never ended: what passes will not spend them."""
    facts = facts_of(evidence)
    return sum(t.seconds for t in facts.tests if t.outcome == "timeout") if facts else 0.0


def _progress(view: View) -> bool:
    """True if the staged draft fails fewer tests than the workspace as it was."""
    now = sum(len(_failing_ids([e], c)) for e in view.evidence for c in view.task.checks if e.check == c.id)
    then = sum(len(_failing_ids([e], c)) for e in view.baseline.values() for c in view.task.checks if e.check == c.id)
    return now < then


def _suspects(critique: Critique | None) -> dict[str, dict[int, float]]:
    suspects: dict[str, dict[int, float]] = {}
    for finding in critique.findings if critique else ():
        place = finding.location
        if finding.category == SUSPICIOUS and place and place.path and place.line:
            suspects.setdefault(place.path, {})[place.line] = finding.confidence
    return suspects


def _everywhere(view: View, order: str, critique: Critique | None) -> dict[str, dict[int, float]]:
    """Where to look when no line is suspected: where the failures point, else every file that may be changed."""
    places: dict[str, dict[int, float]] = {}
    for finding in critique.findings if critique and order == "localised" else ():
        if finding.location and finding.location.path and finding.location.line:
            places.setdefault(finding.location.path, {})[finding.location.line] = 0.5
    if any(view.allows(path) for path in places):
        return places
    return {path: {1: 0.5} for path in python_files(view)}
