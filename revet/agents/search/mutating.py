"""Search-based repair as the one who branches: a thought is a suspicious place and a family of changes there, the code
is the mutated program, and the trace of how that fails ranks the places anew. No model is asked.

Expanding a node screens the neighbourhood of its program, most suspicious places first (`revet.tools.screen`). What
passes there is thought of first, then what mends some tests and breaks none, then what mends some, then the likeliest
change of each place and family that shows no effect yet: a fault in two places may need it. Where all of those single
steps are blind, the plain repair's pairs are as well; here the evidence about each step directs the next.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from revet.agents.evidence import SUSPICIOUS
from revet.agents.repair import Candidate, Edit, Repair, apply, candidates, merged
from revet.agents.repair.minimise import minimised
from revet.agents.repair.sieve import Search
from revet.agents.repair.sources import Source, editable_sources, hints_from, read_source
from revet.agents.search.base import TRIED, Thought, Ways, thought_of, tried_in
from revet.agents.search.layers import staged
from revet.schema import Attempt, Check, Critique, Draft, Evidence, Outcome, WriteFile
from revet.tools import facts_of
from revet.tools.base import View
from revet.tools.screen import Mutant, screen

__all__ = ["Mutating"]

KEPT = 12
"""Ways that are kept of a node: those that are taken, and those in reserve."""
CHECKED = 48
"""Candidates that mend a part are screened for what else they break, this many at most."""
STEP_SECONDS = 8.0
PASSES, MENDS, BREAKS, SILENT = 16.0, 8.0, 3.0, 0.5
"""How reasonable a way is beside others, by what screening showed of it."""
RIVALRY = 0.5


@dataclass(frozen=True)
class _Way:
    """A candidate, how reasonable it is beside the others, and what screening showed of it: the tests it mends."""

    candidate: Candidate
    weight: float
    shows: str
    mends: tuple[str, ...] = ()


class Mutating:
    """`tries` are the candidates of one run, of which the root takes `root` and every other node at most `each`;
    `seconds` bounds one expansion.
    """

    name = "builtin:repair"

    def __init__(
        self,
        *,
        tries: int = 4000,
        root: float = 0.5,
        each: int = 240,
        seconds: float = 60.0,
        workers: int = 2,
        stop_after: int = 6,
    ) -> None:
        self.tries, self.root, self.each, self.seconds = tries, root, each, seconds
        self.workers, self.stop_after = workers, stop_after
        self.plain = Repair(seconds=seconds, tries=tries, workers=workers, stop_after=stop_after)

    # --- as one who thinks ---------------------------------------------------------------------------------------

    async def thoughts(self, view: View, line: Sequence[Attempt], most: int) -> Ways:
        check = _failing_check(view)
        if check is None:
            return Ways() if line else Ways((Thought("nothing says where to begin", 1.0, {"plain": True}),))
        with staged(view, _writes(line)) as now:
            found, tried = await self._found(now, check, left=self._left(view))
        ways = _varied(found, {t.text for t in _known(view.attempts, line[-1].round if line else None)})[:KEPT]
        total = sum(way.weight for way in ways)
        return Ways(tuple(_thought(way, total) for way in ways), tried)

    async def rethink(self, view: View, line: Sequence[Attempt], siblings: Sequence[Thought]) -> Thought | None:
        """The best way in reserve, by the places that the failed draft's trace suspects; None unless that draft fails
        more tests than what it was made from, for then it is better built upon.
        """
        before = line[-2].evidence if len(line) > 1 else tuple(view.baseline.values())
        if _failures(view, view.evidence) <= _failures(view, before) or self._left(view) < 1:
            return None
        failed = thought_of(line[-1].draft.data.get("thought"))
        used = {thought.text for thought in _known(view.attempts, _parent(line[-1]))}
        left = [thought for thought in siblings if thought.text not in used]
        suspects = _suspects(view.critique)
        return max(left, key=lambda thought: _again(thought, failed, suspects), default=None)

    async def draft(self, view: View, line: Sequence[Attempt], thoughts: Sequence[Thought]) -> Draft:
        thought = thoughts[-1]
        if thought.data.get("plain"):
            return await self.plain.propose(view)
        if thought.data.get("shows") != "passes" and self._left(view) < 1:
            return Draft(author=self.name, notes=f"the {self.tries:,} candidates are spent, and none passes")
        with staged(view, _writes(line)) as now:
            path, text = _applied(now, thought)
            if text is None:
                return Draft(author=self.name, problem=f"{path} is no longer what the change was made for")
            writes = {**_writes(line), path: text}
            if thought.data.get("shows") == "passes" and path in _writes(line):
                writes[path] = await self._shortened(now, path, text)
        actions = tuple(WriteFile.of(path, text.encode("utf-8")) for path, text in writes.items())
        return Draft(author=self.name, actions=actions, notes=thought.text, data={"chosen": thought.text})

    # --- as one who acts -----------------------------------------------------------------------------------------

    async def branch(
        self, view: View, line: Sequence[Attempt], siblings: Sequence[Attempt], told: Critique | None
    ) -> Draft:
        """The next way from here. They are found for the first child, in whose data the others read them."""
        kept = next((s.draft.data["ways"] for s in siblings if "ways" in s.draft.data), None)
        if isinstance(kept, list):
            ways = Ways(tuple(thought_of(each) for each in kept))
        else:
            ways = await self.thoughts(view, line, KEPT)
        used = {thought_of(s.draft.data.get("thought")).text for s in siblings}
        thought = next((t for t in ways.thoughts if t.text not in used), None)
        if thought is None:
            why = "no change of the suspicious places shows an effect" if not ways.thoughts else "all was tried here"
            return Draft(author=self.name, notes=why, data={TRIED: ways.tried})
        draft = await self.draft(view, line, [thought])
        data: dict[str, JsonValue] = {**draft.data, "thought": thought.told(), TRIED: ways.tried + tried_in(draft)}
        if kept is None:
            data["ways"] = [each.told() for each in ways.thoughts]
        return draft.model_copy(update={"data": data})

    def _left(self, view: View) -> int:
        """Candidates that may still be screened in this run: without any, a step on the way is of no use."""
        return self.tries - sum(tried_in(attempt.draft) for attempt in view.attempts)

    # --- screening -----------------------------------------------------------------------------------------------

    async def _found(self, view: View, check: Check, *, left: int) -> tuple[list[_Way], int]:
        """What the neighbourhood of the staged program holds, and how many candidates were screened."""
        most = min(left, self.each if view.layer is not None else int(self.tries * self.root))
        critique = view.critique
        suspects = _suspects(critique)
        failing = [e for e in view.evidence if e.check == check.id]
        sources, _ = editable_sources(view, suspects)
        if most < 1 or not sources:
            return [], 0
        until = time.monotonic() + max(0.5, min(self.seconds, view.remaining - 3.0 * sum(e.seconds for e in failing)))
        search = Search(view, check, _failing_ids(failing, check), until, self.workers, self.stop_after)
        passing = await search.through(_neighbours(view, sources, suspects, failing), sources, share=1.0, most=most)
        ways = [_Way(candidate, PASSES / (1 + n), "passes") for n, candidate in enumerate(passing)]
        if not passing:
            part = {c: len(fixed) / len(search.failing) for c, fixed in search.mended}
            steps = await self._steps(view, check, search)
            for c, fixed in search.mended:
                value, shows = (MENDS, "mends") if c in steps else (BREAKS, "breaks")
                ways.append(_Way(c, value * part[c] * _promise(c), shows, fixed))
            ways += [_Way(c, SILENT * c.weight, "nothing") for c in search.refused if c not in part]
        return ways, search.tried

    async def _steps(self, view: View, check: Check, search: Search) -> set[Candidate]:
        """The candidates that mend some failing tests and break no other."""
        fixed = dict(search.mended)
        promising = search.promising()[:CHECKED]
        kept: set[Candidate] = set()
        until = time.monotonic() + STEP_SECONDS
        for tests in dict.fromkeys(fixed[c] for c in promising):
            group = [c for c in promising if fixed[c] == tests]
            seconds = min(until, search.until + STEP_SECONDS) - time.monotonic()
            if seconds <= 0:
                break
            mutants = [_mutant(c) for c in group]
            results = await screen(
                view, check, mutants, failing=tests, workers=self.workers, stop_after=len(group), seconds=seconds
            )
            kept |= {group[result.index] for result in results if result.outcome == "passed"}
        return kept

    async def _shortened(self, view: View, path: str, text: str) -> str:
        """`text` without what earlier steps changed and the last one made superfluous."""
        assert view.workspace is not None
        first = replace(view, layer=None, evidence=tuple(view.baseline.values()))
        check = _failing_check(first)
        if check is None:
            return text
        failing = _failing_ids(tuple(first.baseline.values()), check)
        search = Search(first, check, failing, time.monotonic() + STEP_SECONDS, self.workers, 1)
        source = read_source(path, (view.workspace / path).read_bytes())
        kept = await minimised(source.text, text, lambda rest: search.passes(path, rest))
        return apply(source.text, [Edit(start, end, new) for start, end, new in kept])


def _neighbours(
    view: View, sources: dict[str, Source], suspects: dict[str, dict[int, float]], failing: Sequence[Evidence]
) -> Iterator[Candidate]:
    """Every small change of the sources, the likeliest at the most suspicious places first."""
    hints = hints_from(view, failing)
    return merged(
        [candidates(path, source.text, suspects.get(path) or None, hints=hints) for path, source in sources.items()]
    )


def _varied(ways: Sequence[_Way], used: set[str]) -> list[_Way]:
    """The best way of each place, family and set of mended tests, best first. Of those that mend the same tests each
    counts less than the one before it: what mends others leads elsewhere.
    """
    best: dict[object, _Way] = {}
    rivals: Counter[tuple[str, ...]] = Counter()
    for way in sorted(ways, key=lambda w: -w.weight):
        candidate = way.candidate
        place = (candidate.path, candidate.line, candidate.operator, way.mends)
        if _text(candidate) in used or (way.shows != "passes" and place in best):
            continue
        share = 1 / (1 + RIVALRY * rivals[way.mends]) if way.mends else 1.0
        rivals[way.mends] += 1
        best[candidate if way.shows == "passes" else place] = replace(way, weight=way.weight * share)
    return sorted(best.values(), key=lambda w: -w.weight)


def _thought(way: _Way, total: float) -> Thought:
    candidate = way.candidate
    edits: list[JsonValue] = [[edit.start, edit.end, edit.text] for edit in candidate.edits]
    data: dict[str, JsonValue] = {"path": candidate.path, "line": candidate.line, "operator": candidate.operator}
    return Thought(_text(candidate), way.weight / total, {**data, "edits": edits, "shows": way.shows})


def _promise(candidate: Candidate) -> float:
    """How likely such a change is meant, whatever it mends: it is from 0 to 1, and less for larger ones."""
    return candidate.prior / (1 + 0.1 * (candidate.size - 1))


def _text(candidate: Candidate) -> str:
    return f"{candidate.path}:{candidate.line} ({candidate.operator}): {candidate.description}"


def _again(thought: Thought, failed: Thought, suspects: dict[str, dict[int, float]]) -> float:
    """How promising a way in reserve is after another failed: elsewhere, where the new trace points, other changes."""
    path, line = str(thought.data.get("path")), thought.data.get("line")
    suspicion = suspects.get(path, {}).get(line, 0.1) if isinstance(line, int) else 0.1
    elsewhere = 1.0 if line != failed.data.get("line") else 0.5
    other = 1.0 if thought.data.get("operator") != failed.data.get("operator") else 0.7
    return thought.prior * suspicion * elsewhere * other


def _applied(view: View, thought: Thought) -> tuple[str, str | None]:
    """The path of the file that a thought changes, and its text with the change made; None if it does not fit."""
    path, edits = str(thought.data.get("path")), thought.data.get("edits")
    sources, _ = editable_sources(view, {path: {1: 1.0}})
    if path not in sources or not isinstance(edits, list):
        return path, None
    text = sources[path].text
    changes = list(_edits(edits))
    if len(changes) < len(edits) or any(change.end > len(text) for change in changes):
        return path, None
    return path, apply(text, changes)


def _edits(kept: Sequence[JsonValue]) -> Iterator[Edit]:
    for each in kept:
        match each:
            case [int(start), int(end), str(text)]:
                yield Edit(start, end, text)


def _writes(line: Sequence[Attempt]) -> dict[str, str]:
    """What the last draft of the line writes, by path. It holds all that those before it did."""
    actions = line[-1].draft.actions if line else ()
    return {a.path: a.to_bytes().decode("utf-8") for a in actions if isinstance(a, WriteFile)}


def _known(attempts: Sequence[Attempt], parent: int | None) -> list[Thought]:
    """The thoughts that were followed from the node whose last attempt was in the round `parent`."""
    return [thought_of(a.draft.data.get("thought")) for a in attempts if _parent(a) == parent]


def _parent(attempt: Attempt) -> int | None:
    number = attempt.draft.data.get("parent")
    return number if isinstance(number, int) else None


def _failures(view: View, evidence: Sequence[Evidence]) -> int:
    """How many tests of the required checks fail."""
    return sum(len(_failing_ids(evidence, check)) for check in view.task.checks if check.required)


def _failing_check(view: View) -> Check | None:
    """The first required check that fails with tests that could guide a repair."""
    failed = {e.check: e for e in view.evidence if e.required and e.outcome is not Outcome.passed}
    checks = [check for check in view.task.checks if check.required and check.id in failed]
    return next((check for check in checks if _failing_ids([failed[check.id]], check)), None)


def _failing_ids(failing: Sequence[Evidence], check: Check) -> tuple[str, ...]:
    facts = (facts_of(e) for e in failing if e.check == check.id)
    return tuple(test for each in facts if each for test in each.failing)


def _suspects(critique: Critique | None) -> dict[str, dict[int, float]]:
    suspects: dict[str, dict[int, float]] = {}
    for finding in critique.findings if critique else ():
        place = finding.location
        if finding.category == SUSPICIOUS and place and place.path and place.line:
            suspects.setdefault(place.path, {})[place.line] = finding.confidence
    return suspects


def _mutant(candidate: Candidate) -> Mutant:
    edits = tuple((edit.start, edit.end, edit.text) for edit in candidate.edits)
    return Mutant(path=candidate.path, edits=edits, function=candidate.function)
