"""One expression, equation or inequality that somebody asks about."""

from __future__ import annotations

from dataclasses import dataclass, field

from revet.tools._calculate.chains import links
from revet.tools._calculate.equations import NotSolvable, solve
from revet.tools._calculate.judge import Verdict, judge
from revet.tools._calculate.numbers import said
from revet.tools._calculate.parse import NotReadable, read_whole
from revet.tools._calculate.terms import Term, Undefined, evaluate, names_in
from revet.tools._calculate.tokens import tokens

__all__ = ["Asked", "compute"]


@dataclass(frozen=True)
class Asked:
    """`holds`: a value was found or the relation holds; None: that cannot be said. `told` says it in words."""

    holds: bool | None
    told: str
    value: str | None = None
    solutions: tuple[str, ...] = field(default=())


def compute(text: str) -> Asked:
    """The value of an expression, whether an equation or inequality holds, or the solutions for its one unknown."""
    found = [token for token in tokens(text) if token.kind != "break" or not token.text.isspace()]
    if any(token.kind == "relation" for token in found):
        return _relation(text)
    try:
        term = read_whole(found)
        value = evaluate(term)
    except (NotReadable, Undefined) as error:
        return Asked(None, f"{text!r} cannot be computed: {error}")
    shown = said(value.number)
    exact = "" if value.exact else " (to 40 digits)"
    return Asked(True, f"{text.strip()} = {shown}{exact}", shown)


def _relation(text: str) -> Asked:
    found = links(text)
    if not found:
        return Asked(None, f"{text!r} is no relation between two expressions that can be read")
    told: list[str] = []
    for link in found:
        written = text[link.span[0] : link.span[1]]
        if names_in(link.left.term) or names_in(link.right.term):
            return _solved(text, link.left.term, link.right.term) if len(found) == 1 else _several(text)
        judged = judge(link)
        if judged.verdict is Verdict.unknown:
            return Asked(None, f"whether {written} holds cannot be said")
        if judged.verdict is Verdict.wrong:
            return Asked(False, f"{written} does not hold: the left side is {judged.true}", judged.true)
        told.append(f"{written} holds")
    return Asked(True, "; ".join(told), said(evaluate(found[0].left.term).number))


def _several(text: str) -> Asked:
    return Asked(None, f"{text!r} holds several equations in unknowns: ask about one at a time")


def _solved(text: str, left: Term, right: Term) -> Asked:
    try:
        solutions = solve(left, right)
    except NotSolvable as error:
        return Asked(None, f"{text!r} is not solved: {error}")
    shown = tuple(said(solution) for solution in solutions)
    if not shown:
        return Asked(False, f"no real number solves {text.strip()}")
    return Asked(True, f"{text.strip()} is solved by {' and '.join(shown)}", None, shown)
