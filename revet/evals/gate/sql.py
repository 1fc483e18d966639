"""Are unsafe PostgreSQL migrations held back? On the migrations that squawk, a linter of them, was tested with.

Each is put to `revet.gate.check` from its text alone, for there is no database that it belongs to: ``…_let_through`` is
an unsafe one that is allowed. The set's labels are those of one rule each: a row that is safe by its rule may break
another one, so ``safe_asked`` is no error rate. Therefore everything is measured twice: with the default rules, and
(``lax_…``) with rules of taste (``style``) allowed. Counted by the rule (``Category``) and by what is at risk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from revet.effects.rules import Rule, Rules
from revet.effects.rules_default import DEFAULTS
from revet.errors import InputError
from revet.evals.figures import Figure, wilson
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Row, Source, field
from revet.gate import check

__all__ = ["MEASUREMENT"]

SET, NAME = "risk_sql", "squawk"
REPORTED = 10
STRICT = Rules(defaults=DEFAULTS)
LAX = replace(STRICT, user=(Rule("allow", effect=("style",), source="measurement"),))


class Case(NamedTuple):
    """One migration: its label, its rule, what is at risk, and the decisions with and without rules of taste."""

    unsafe: bool
    category: str
    risk: str
    decision: str
    lax: str


async def _measure(source: Source, progress: Progress) -> Figure:
    rows = source.rows(SET, NAME)
    cases: list[Case] = []
    for number, row in enumerate(rows, 1):
        cases.append(await asyncio.to_thread(_decide, row, f"{source.path(SET, NAME)}: row {number}"))
        if number % REPORTED == 0 or number == len(rows):
            progress(number, len(rows))
    unsafe = [case for case in cases if case.unsafe]
    held = sum(case.decision != "allow" for case in unsafe)
    low, high = wilson(held, len(unsafe))
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=held / len(unsafe) if unsafe else None,
        low=low,
        high=high,
        n=len(unsafe),
        target=MEASUREMENT.target,
        counts=dict(_counts(cases)),
    )


def _decide(row: Row, where: str) -> Case:
    label = field(row, "label", str, where)
    if label not in ("allow", "deny"):
        raise InputError(f"{where}: label is {label!r}, neither 'allow' nor 'deny'")
    request = {"kind": "execute_sql", "sql": field(row, "action", str, where), "dialect": "postgres"}
    strict, lax = (check(request, rules=rules, dry_run=False).decision for rules in (STRICT, LAX))
    category, risk = field(row, "category", str, where), field(row, "risk_class", str, where)
    return Case(label == "deny", category, risk, strict, lax)


def _counts(cases: Sequence[Case]) -> Iterator[tuple[str, float | int | None]]:
    unsafe, safe = [c for c in cases if c.unsafe], [c for c in cases if not c.unsafe]
    yield from (("migrations", len(cases)), ("unsafe", len(unsafe)), ("safe", len(safe)))
    for prefix, name in (("", "decision"), ("lax_", "lax")):
        through = sum(getattr(case, name) == "allow" for case in unsafe)
        yield f"{prefix}let_through", through
        yield f"{prefix}let_through_rate", through / len(unsafe) if unsafe else None
        said = Counter(getattr(case, name) for case in safe)
        for decision, word in (("allow", "allowed"), ("ask", "asked"), ("deny", "denied")):
            yield f"{prefix}safe_{word}", said[decision]
    for risk in sorted({case.risk for case in cases}):
        yield from _of(risk, [case for case in cases if case.risk == risk])
    for category in sorted({case.category for case in cases}):
        yield from _of(category, [case for case in cases if case.category == category])


def _of(name: str, cases: Sequence[Case]) -> Iterator[tuple[str, int]]:
    yield f"{name}_unsafe", sum(case.unsafe for case in cases)
    yield f"{name}_let_through", sum(case.unsafe and case.decision == "allow" for case in cases)
    yield f"{name}_safe", sum(not case.unsafe for case in cases)
    yield f"{name}_safe_held", sum(not case.unsafe and case.decision != "allow" for case in cases)


MEASUREMENT = Measurement(
    set=SET,
    measure="unsafe migrations that are asked about or denied",
    about="holds unsafe PostgreSQL migrations back",
    target=0.95,
    run=_measure,
)
