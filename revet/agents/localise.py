"""Where is the fault? Ranks lines by how the passing and the failing tests ran over them.

Formulas, with *ef*, *ep* the (weighted) failing and passing tests that run a line, *F*, *P* all of them:

- Ochiai: ``ef / sqrt(F * (ef + ep))`` (Abreu, Zoeteweij, van Gemund 2007)
- Tarantula: ``(ef/F) / (ef/F + ep/P)`` (Jones, Harrold 2005)
- D*: ``ef² / (ep + F - ef)`` (Wong, Debroy, Gao, Li 2014), squeezed into 0..1 by ``x / (1 + x)``
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from revet.errors import InputError

__all__ = ["Method", "Suspicion", "TestRun", "by_path", "rank"]

Method = Literal["ochiai", "tarantula", "dstar"]


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test: did it pass, and which lines (from 1) of which files did it run?

    `weight` counts the test that many times, e.g. less for a test that fails for an unrelated reason.
    """

    __test__ = False  # pytest would take the name for a test class

    id: str
    passed: bool
    lines: Mapping[str, Collection[int]] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How suspicious a line is, 0 (no failing test runs it) to 1."""

    path: str
    line: int
    score: float


def rank(tests: Sequence[TestRun], method: Method = "ochiai") -> list[Suspicion]:
    """Every line that some test runs, most suspicious first.

    Equal scores are ordered by: run by more failing tests, by fewer passing ones, by fewer lines in the
    smallest failing test that runs it (a short test says more), then by path and line. Empty if none failed.
    Raises `InputError` for an unknown method or a weight that is not positive.
    """
    if method not in ("ochiai", "tarantula", "dstar"):
        raise InputError(f"unknown localisation method {method!r}", hint="use ochiai, tarantula or dstar")
    failing, passing = _counts(tests, passed=False), _counts(tests, passed=True)
    failed, passed = (sum(t.weight for t in tests if t.passed is side) for side in (False, True))
    if not failed:
        return []
    shortest = _shortest_failing(tests)
    ranked: list[tuple[tuple[float, float, float, float, str, int], Suspicion]] = []
    for key in failing.keys() | passing.keys():
        ef, ep = failing.get(key, 0.0), passing.get(key, 0.0)
        score = _score(method, ef, ep, failed, passed)
        path, line = key
        ranked.append(((-score, -ef, ep, shortest.get(key, math.inf), path, line), Suspicion(path, line, score)))
    return [suspicion for _, suspicion in sorted(ranked, key=lambda pair: pair[0])]


def by_path(suspicions: Sequence[Suspicion]) -> dict[str, dict[int, float]]:
    """The scores as path → line → score, which `candidates` takes one file at a time."""
    result: dict[str, dict[int, float]] = {}
    for s in suspicions:
        result.setdefault(s.path, {})[s.line] = s.score
    return result


def _counts(tests: Sequence[TestRun], *, passed: bool) -> dict[tuple[str, int], float]:
    counts: dict[tuple[str, int], float] = {}
    for test in tests:
        if not (test.weight > 0 and math.isfinite(test.weight)):
            raise InputError(f"test {test.id!r} has weight {test.weight}", hint="weights are positive numbers")
        if test.passed is passed:
            for path, lines in test.lines.items():
                for line in set(lines):
                    counts[path, line] = counts.get((path, line), 0.0) + test.weight
    return counts


def _shortest_failing(tests: Sequence[TestRun]) -> dict[tuple[str, int], float]:
    shortest: dict[tuple[str, int], float] = {}
    for test in tests:
        if not test.passed:
            length = float(sum(len(set(lines)) for lines in test.lines.values()))
            for path, lines in test.lines.items():
                for line in set(lines):
                    shortest[path, line] = min(length, shortest.get((path, line), math.inf))
    return shortest


def _score(method: Method, ef: float, ep: float, failed: float, passed: float) -> float:
    if not ef:
        return 0.0
    if method == "ochiai":
        return ef / math.sqrt(failed * (ef + ep))
    if method == "tarantula":
        ratio = ef / failed
        return ratio / (ratio + (ep / passed if passed else 0.0))
    rest = ep + failed - ef
    return 1.0 if not rest else (ef * ef / rest) / (1.0 + ef * ef / rest)
