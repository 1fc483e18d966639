"""Candidates for one function, run on the same tests and inputs, and grouped by what they do.

After CodeT (Chen et al. 2022, arXiv 2207.10397) and AlphaCode (Li et al. 2022, arXiv 2203.07814): samples that behave
alike on generated inputs are one answer. Tests are judged apart from the candidates (see `judge`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from revet.sandboxes.base import ExecVerdict, Layer, Limits, Session
from revet.tools._behaviour.inputs import Input, inputs_for
from revet.tools._behaviour.running import Call, Candidate, Outcome, Ran, Statement, run_cases
from revet.tools._behaviour.spec import Spec

__all__ = ["Comparison", "Difference", "TestKind", "compare"]

TestKind = str
VISIBLE, EXAMPLE, MODEL, RELATION = "visible", "example", "model", "relation"
MOST_TESTS = 200
JUDGED = 20.0
BORDER = 0.25


@dataclass(frozen=True)
class Test:
    """A statement that a right function satisfies, as `kind` of source has it."""

    __test__ = False

    source: str
    kind: TestKind


@dataclass(frozen=True)
class Difference:
    """An input on which two candidates differ."""

    input: Input
    one: Outcome
    other: Outcome


@dataclass(frozen=True)
class Comparison:
    """What each candidate did. The rows of `verdicts` (of the tests) and `outcomes` (on the inputs) are in the order
    of `candidates`. A verdict is ``pass``, ``fail``, ``error:TYPE``, ``unknown`` (it cannot be told) or how it was cut
    short. `groups` are the candidates, by number, that behave alike on all near inputs, largest group first.
    """

    spec: Spec
    candidates: tuple[Candidate, ...]
    broken: tuple[str, ...]
    lines: tuple[int | None, ...]
    tests: tuple[Test, ...]
    verdicts: tuple[tuple[str, ...], ...]
    calls: tuple[tuple[Outcome, ...], ...]
    inputs: tuple[Input, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]

    @functools.cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = []
        for number in range(len(self.candidates)):
            alike = next((g for g in found if not self._differ(g[0], number)), None)
            if alike is None:
                found.append([number])
            else:
                alike.append(number)
        return tuple(tuple(g) for g in sorted(found, key=lambda g: (-len(g), g[0])))

    def differences(self, one: int, other: int) -> Iterator[Difference]:
        """The inputs on which the two differ, near ones first. What was not run is no difference."""
        for each in sorted(range(len(self.inputs)), key=lambda n: not self.inputs[n].near):
            first, second = self.outcomes[one][each], self.outcomes[other][each]
            if _comparable(first, second) and not first.same(second):
                yield Difference(self.inputs[each], first, second)

    def distance(self, one: int, other: int) -> float | None:
        """The share of near inputs on which the two differ; None if they have none in common."""
        pairs = [p for p in self._pairs(one, other) if p[0].near]
        return sum(not a.same(b) for _, a, b in pairs) / len(pairs) if pairs else None

    def agreement(self, one: int, others: Sequence[int]) -> float:
        """How much the candidate agrees with the others, 0 … 1; borders count a quarter, a failure agrees with none."""
        total = weight = 0.0
        for other in others:
            for each, a, b in self._pairs(one, other):
                counts = 1.0 if each.near else BORDER
                weight += counts
                total += counts * (a.kind == "value" and a.same(b))
        return total / weight if weight else 0.0

    def passed(self, number: int, kind: TestKind) -> list[bool | None]:
        """The verdicts of the tests of one kind, None for those that cannot be told."""
        told = zip(self.tests, self.verdicts[number], strict=True)
        return [None if v == "unknown" else v == "pass" for t, v in told if t.kind == kind]

    def passes(self, number: int, kind: TestKind) -> bool:
        """Whether no test of that kind fails; a candidate that cannot be loaded passes none."""
        return not self.broken_for_good(number) and False not in self.passed(number, kind)

    def broken_for_good(self, number: int) -> bool:
        """Whether the candidate has no function at all."""
        return bool(self.broken[number]) and all(o.kind == "skipped" for o in self.all_outcomes(number))

    def all_outcomes(self, number: int) -> tuple[Outcome, ...]:
        return self.calls[number] + self.outcomes[number]

    def _pairs(self, one: int, other: int) -> Iterator[tuple[Input, Outcome, Outcome]]:
        for each, a, b in zip(self.inputs, self.outcomes[one], self.outcomes[other], strict=True):
            if _comparable(a, b):
                yield each, a, b

    def _differ(self, one: int, other: int) -> bool:
        if bool(self.broken[one]) != bool(self.broken[other]) and (
            self.broken_for_good(one) or self.broken_for_good(other)
        ):
            return True
        return any(d.input.near for d in self.differences(one, other))


async def compare(
    candidates: Sequence[Candidate],
    spec: Spec,
    session: Session,
    *,
    inputs: Sequence[Input] | None = None,
    model_tests: Sequence[str] = (),
    relations: Sequence[str] = (),
    count: int = 64,
    seed: int = 0,
    seconds: float = 0.5,
    budget: float = 4.0,
    layer: Layer | None = None,
) -> Comparison:
    """Run all `candidates` on the tests and examples of `spec`, on `model_tests` and `relations` (statements that may
    be wrong), and on `inputs`, by default `count` generated ones.

    `seconds` bounds one call, `budget` one candidate. Raises SandboxBroken, and nothing for what candidates do.
    """
    tests = _tests(spec, model_tests, relations)
    if inputs is None:
        codes = [candidate.code for candidate in candidates]
        inputs = inputs_for(spec, count=count, seed=seed, more=model_tests, codes=codes)
    cases: list[Call | Statement] = [
        *(Statement(test.source) for test in tests),
        *(Call(each.source) for each in inputs),
    ]
    rans = await run_cases(session, candidates, cases, seconds=seconds, budget=budget, layer=layer)
    verdicts = await _verdicts(session, spec, tests, rans)
    kept = [n for n in range(len(inputs)) if not any(r.outcomes[len(tests) + n].kind == "bad" for r in rans)]
    return Comparison(
        spec=spec,
        candidates=tuple(candidates),
        broken=tuple(ran.broken for ran in rans),
        lines=tuple(ran.line for ran in rans),
        tests=tuple(tests),
        verdicts=tuple(verdicts),
        calls=tuple(ran.outcomes[: len(tests)] for ran in rans),
        inputs=tuple(inputs[n] for n in kept),
        outcomes=tuple(tuple(ran.outcomes[len(tests) + n] for n in kept) for ran in rans),
    )


def _comparable(one: Outcome, other: Outcome) -> bool:
    return one.kind != "skipped" and other.kind != "skipped"


def _tests(spec: Spec, model_tests: Sequence[str], relations: Sequence[str]) -> list[Test]:
    """Each statement once, by its most trusted source."""
    sources = (
        (VISIBLE, spec.tests),
        (EXAMPLE, [e.test for e in spec.trusted_examples]),
        (MODEL, model_tests),
        (RELATION, relations),
    )
    found: dict[str, Test] = {}
    for kind, statements in sources:
        for each in statements:
            found.setdefault(each, Test(each, kind))
    return list(found.values())[:MOST_TESTS]


async def _verdicts(session: Session, spec: Spec, tests: Sequence[Test], rans: Sequence[Ran]) -> list[tuple[str, ...]]:
    """What a process without the candidates says of each test, by the values that they returned."""
    table: list[list[str]] = [[_cut_short(outcome) for outcome in ran.outcomes[: len(tests)]] for ran in rans]
    open_cases = [(r, t) for r, row in enumerate(table) for t, said in enumerate(row) if not said]
    runs = [
        {"entry": spec.entry, "source": tests[t].source, "got": [_record(o) for o in rans[r].outcomes[t].got]}
        for r, t in open_cases
    ]
    judged = await _judged(session, spec.prelude, runs) if runs else []
    for (r, t), said in zip(open_cases, judged, strict=True):
        table[r][t] = said
    return [tuple(row) for row in table]


async def _judged(session: Session, prelude: str, runs: list[dict[str, Any]]) -> list[str]:
    order: Any = {"prelude": prelude, "seconds": 1.0, "runs": runs}
    limits = Limits(wall_seconds=JUDGED + len(runs) / 50, cpu_seconds=int(JUDGED + len(runs) / 50) + 1)
    result = await session.run_python(_judge(), order, limits=limits)
    if result.verdict is ExecVerdict.ok and isinstance(result.value, list) and len(result.value) == len(runs):
        return [str(said) for said in result.value]
    if len(runs) == 1:
        return ["unknown"]
    half = len(runs) // 2
    return await _judged(session, prelude, runs[:half]) + await _judged(session, prelude, runs[half:])


@functools.cache
def _judge() -> str:
    return resources.files("revet.tools").joinpath("_behaviour", "judge.py").read_text("utf-8")


def _cut_short(outcome: Outcome) -> str:
    """The verdict of a test whose run did not end by itself, '' of one that did."""
    if outcome.kind in ("timeout", "died", "skipped"):
        return outcome.kind
    return ""


def _record(outcome: Outcome) -> dict[str, Any]:
    if outcome.value is not None:
        return {"value": outcome.value}
    return {"error": [outcome.error, outcome.message]}
