"""One search: candidates go through the sieve in batches, and what came of each is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from revet.agents.repair.patch import Candidate
from revet.agents.repair.sources import Source
from revet.schema import Check, WriteFile
from revet.tools.base import View
from revet.tools.screen import Mutant, Screened, screen

__all__ = ["SECONDS_PER_STEP", "Search", "preference"]

FIRST_BATCH, BATCH = 60, 240
MOST_STEPS, SECONDS_PER_STEP = 6, 5.0


@dataclass
class Search:
    """One search: what was tried so far and what came of it."""

    view: View
    check: Check
    failing: tuple[str, ...]
    until: float
    workers: int
    stop_after: int
    started: float = field(default_factory=time.monotonic)
    tried: int = 0
    first_pass: int | None = None
    refused: list[Candidate] = field(default_factory=list)
    mended: list[tuple[Candidate, tuple[str, ...]]] = field(default_factory=list)

    async def through(
        self, stream: Iterator[Candidate], sources: dict[str, Source], *, share: float, most: int
    ) -> list[Candidate]:
        """Screen the stream in batches until something passes, it ends, `most` candidates have been tried in all, or
        this share of the time is spent.
        """
        until = self.started + (self.until - self.started) * share
        size = FIRST_BATCH
        while time.monotonic() < until and self.tried < most:
            batch = list(islice(self._untried(stream, sources), min(size, most - self.tried)))
            if not batch:
                break
            passing = await self._screen(batch, until)
            if passing:
                return sorted(passing, key=preference)
            size = BATCH
        return []

    async def _screen(self, batch: list[Candidate], until: float) -> list[Candidate]:
        before = self.tried
        mutants = [mutant(c) for c in batch]
        seen = 0

        def heard(result: Screened) -> None:
            nonlocal seen
            seen += 1
            self._tell(before + seen, batch[result.index])

        self._tell(before, batch[0])
        results = await self._run(mutants, self.failing, until - time.monotonic(), heard)
        self.tried += len(results)
        # What was in flight when enough had passed depends on the clock, and must not decide.
        passing = sorted(r.index for r in results if r.outcome == "passed")[: self.stop_after]
        for result in results:
            if result.outcome != "passed":
                self.refused.append(batch[result.index])
                if result.fixed and not result.broken:
                    self.mended.append((batch[result.index], result.fixed))
        if passing and self.first_pass is None:
            self.first_pass = before + passing[0] + 1
        return [batch[index] for index in passing]

    async def _run(
        self,
        mutants: Sequence[Mutant],
        failing: Sequence[str],
        seconds: float,
        heard: Callable[[Screened], None] | None = None,
    ) -> list[Screened]:
        return await screen(
            self.view,
            self.check,
            mutants,
            failing=failing,
            workers=self.workers,
            stop_after=self.stop_after,
            seconds=max(0.5, seconds),
            on_result=heard,
        )

    async def passes(self, path: str, edits: Sequence[tuple[int, int, str]]) -> bool:
        """True if the file with these edits passes everything."""
        results = await self._run([Mutant(path=path, edits=tuple(edits))], self.failing, self.until - time.monotonic())
        return any(r.outcome == "passed" for r in results)

    def promising(self) -> list[Candidate]:
        """Candidates that mend some failing tests, those that mend most first; what else they break is not known."""
        ranked = sorted(self.mended, key=lambda entry: (-len(entry[1]), preference(entry[0])))
        return [candidate for candidate, _ in ranked]

    async def progress(self) -> Candidate | None:
        """A candidate that mends some failing tests and breaks no other: a step towards mending several faults."""
        best = {c: fixed for c, fixed in self.mended if len(fixed) < len(self.failing)}
        for candidate in self.promising()[:MOST_STEPS]:
            left = self.until - time.monotonic()
            if left <= 0:
                break
            if candidate in best:
                result = await self._run([mutant(candidate)], best[candidate], min(left, SECONDS_PER_STEP))
                if result and result[0].outcome == "passed":
                    return candidate
        return None

    def _untried(self, stream: Iterator[Candidate], sources: dict[str, Source]) -> Iterator[Candidate]:
        """Without the candidates whose file some earlier draft already held: they were examined and refused."""
        refused = {
            (a.path, a.to_bytes()) for t in self.view.attempts for a in t.draft.actions if isinstance(a, WriteFile)
        }
        for candidate in stream:
            if not refused or (candidate.path, sources[candidate.path].encode(candidate)) not in refused:
                yield candidate

    def _tell(self, tried: int, now: Candidate) -> None:
        best = max((len(fixed) for _, fixed in self.mended), default=0)
        self.view.emit(
            "repair.search",
            {
                "tried": tried,
                "total": None,
                "best": f"{best} of {len(self.failing)} failing tests fixed" if best else None,
                "suspects": [f"{now.path}:{now.line}"],
                "now": now.description,
            },
        )


def mutant(candidate: Candidate) -> Mutant:
    edits = tuple((e.start, e.end, e.text) for e in candidate.edits)
    return Mutant(path=candidate.path, edits=edits, function=candidate.function)


def preference(candidate: Candidate) -> tuple[float, int]:
    """Smallest first; of equals, the likelier fix. A deletion is small, but rarely the fix that is meant."""
    return (candidate.size + (1.0 - candidate.prior) * 4.0, candidate.size)
