"""Chooses among candidates without a model: by what was shown to hold first, then by agreement.

In this order: it can be loaded, visible tests, examples of the text, metamorphic relations, what the notion named in
the text allows (`notions`), and then a score that adds, each between 0 and 1:
the size of the candidate's group (AlphaCode's clusters), its agreement with the others input by input, and the dual
agreement with tests that a model wrote (CodeT: the root of how many candidates pass just these tests, times how many
tests). Only candidates that pass everything before are counted as voters. What is still equal is decided by how much
the code leaves unexplained (`oddities`), and then at random by the seed.
"""

from __future__ import annotations

import ast
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from revet.tools._behaviour.comparison import EXAMPLE, MODEL, RELATION, VISIBLE, Comparison
from revet.tools._behaviour.notions import Notion, notion_of, violations
from revet.tools._behaviour.spec import Spec, parsed
from revet.tools._behaviour.values import decode, plain

__all__ = ["Ranked", "oddities", "rank"]

FAILURES = ("error", "timeout", "died", "skipped")
DIGITS = 6
MANY = 5


@dataclass(frozen=True)
class Ranked:
    """A candidate's place. `merits` are compared in order; equal ones are a tie, which the seed decided."""

    number: int
    name: str
    merits: tuple[float, ...]
    visible: float | None
    examples: float | None
    group: int
    agreement: float


def rank(comparison: Comparison, *, seed: int = 0) -> list[Ranked]:
    """The candidates, best first."""
    numbers = range(len(comparison.candidates))
    voters = _voters(comparison)
    size = {n: sum(m in voters for m in group) for group in comparison.groups for n in group}
    dual = _dual_agreement(comparison)
    agreement = {n: comparison.agreement(n, [v for v in voters if v != n]) for n in numbers}
    most = [max([*each.values(), 0.0]) or 1.0 for each in (size, dual, agreement)]
    notion = notion_of(comparison.spec)
    drawn = random.Random(seed)
    chance = {n: drawn.random() for n in numbers}
    ranked = []
    for n in numbers:
        visible, examples = _share(comparison.passed(n, VISIBLE)), _share(comparison.passed(n, EXAMPLE))
        together = size[n] / most[0] + dual[n] / most[1] + agreement[n] / most[2]
        relations = _share(comparison.passed(n, RELATION))
        merits = (
            float(not comparison.broken_for_good(n)),
            1.0 if visible is None else visible,
            1.0 if examples is None else examples,
            1.0 if relations is None else relations,
            -float(_improper(comparison, notion, n)),
            round(together, DIGITS),
            -float(oddities(comparison.candidates[n].code, comparison.spec) > MANY),
        )
        ranked.append(Ranked(n, comparison.candidates[n].name, merits, visible, examples, size[n], agreement[n]))
    return sorted(ranked, key=lambda r: (*(-m for m in r.merits), chance[r.number]))


def oddities(code: str, spec: Spec) -> int:
    """How many numbers and texts stand in the code that the text and the tests do not explain (0, 1, 2 and 10 need no
    explanation). A table of answers has many.
    """
    tree = parsed(code)
    function = (
        next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == spec.entry), None)
        if tree is not None
        else None
    )
    if function is None:
        return 0
    known = spec.text + "\n".join(spec.tests)
    prose = {id(n.value) for n in ast.walk(function) if isinstance(n, ast.Expr)}
    literals = [n.value for n in ast.walk(function) if isinstance(n, ast.Constant) and id(n) not in prose]
    return sum(
        type(value) in (int, float, str)
        and value not in (0, 1, 2, 10, "", " ", "inf", "-inf")
        and str(value) not in known
        for value in literals
    )


def _improper(comparison: Comparison, notion: Notion | None, number: int) -> int:
    """On how many inputs the candidate gives what the notion does not allow."""
    if notion is None:
        return 0
    told = zip(comparison.inputs, comparison.outcomes[number], strict=True)
    calls = [(i.arguments, decode(o.value)) for i, o in told if o.value is not None and plain(o.value)]
    return sum(1 for _ in violations(notion, calls))


def _voters(comparison: Comparison) -> set[int]:
    """Those that pass the visible tests and examples; all that can be loaded if none does."""
    sound = [n for n in range(len(comparison.candidates)) if not comparison.broken_for_good(n)]
    for kinds in ((VISIBLE, EXAMPLE), (VISIBLE,)):
        good = {n for n in sound if all(comparison.passes(n, kind) for kind in kinds)}
        if good:
            return good
    return set(sound)


def _dual_agreement(comparison: Comparison) -> dict[int, float]:
    """CodeT's score. A candidate that passes no model-written test has 0."""
    passed = {
        n: frozenset(t for t, said in enumerate(comparison.passed(n, MODEL)) if said)
        for n in range(len(comparison.candidates))
    }
    alike = Counter(passed.values())
    return {n: math.sqrt(alike[tests]) * len(tests) for n, tests in passed.items()}


def _share(verdicts: Sequence[bool | None]) -> float | None:
    told = [v for v in verdicts if v is not None]
    return sum(told) / len(told) if told else None
