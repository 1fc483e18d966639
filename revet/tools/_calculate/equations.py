"""Equations in one unknown, step by step: whether each has the solutions of the one that it was made from.

Linear equations are solved in fractions; others of low degree by sympy, which is imported only then.
"""

from __future__ import annotations

import importlib
import operator as operators
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from revet.tools._calculate.judge import Judged, Verdict, shown_of
from revet.tools._calculate.numbers import said
from revet.tools._calculate.review import Checked
from revet.tools._calculate.terms import Binary, Call, Literal_, Name, Negative, Term, Undefined, evaluate, names_in

__all__ = ["NotSolvable", "followed", "solve"]

HIGHEST, MOST_NODES, MOST_BITS = 6, 200, 200
Known = dict[str, tuple[Checked, list[Fraction]]]
"""The last equation in each unknown, with its solutions."""

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operators.add,
    "-": operators.sub,
    "*": operators.mul,
    "/": operators.truediv,
    "^": operators.pow,
}
POINTS = (Fraction(0), Fraction(1), Fraction(2), Fraction(-7, 3))


class NotSolvable(ValueError):
    """An equation that is not solved here; the reason is for people."""


def followed(checked: Sequence[Checked]) -> list[Checked]:
    """The calculations with every equation judged that was made from another: wrong if it has other solutions."""
    before: Known = {}
    assigned: set[str] = set()
    judged = []
    for each in checked:
        judged.append(_next(each, before, assigned))
    return judged


def _next(each: Checked, before: Known, assigned: set[str]) -> Checked:
    """One more calculation. An unknown that was given a value first is a variable, and nothing is said of it."""
    name = _unknown(each)
    if name is None or name in assigned:
        return each
    try:
        solutions = solve(each.left, each.right)
    except NotSolvable:
        before.pop(name, None)
        return each
    known, stated = before.get(name), _stated(each, name)
    if each.left == Name(name) and not names_in(each.right) and stated is None:
        assigned.add(name)
        return each
    if not known:
        if stated is not None:
            assigned.add(name)
        else:
            before[name] = (each, solutions)
        return each
    made, values = known
    if any(_fits(value, stated, solutions) for value in values):
        if stated is None:
            before[name] = (each, solutions)
        elif len(values) == 1:
            before.pop(name)
        return replace(each, judged=Judged(Verdict.right))
    before.pop(name)
    if not values or (stated is None and (len(values) > 1 or len(solutions) > 1 or _size(each) >= _size(made))):
        return each
    true = f"{name} = {' or '.join(map(said, values))}"
    return replace(each, judged=Judged(Verdict.wrong, true, values[0] if len(values) == 1 else None))


def _size(equation: Checked) -> int:
    return _nodes(equation.left) + _nodes(equation.right)


def _unknown(checked: Checked) -> str | None:
    """The one unknown of an equation that nothing was said of yet."""
    names = names_in(checked.left) | names_in(checked.right)
    plain = checked.relation == "=" and checked.judged.verdict is Verdict.unknown
    return names.pop() if plain and len(names) == 1 else None


def _stated(checked: Checked, name: str) -> Fraction | None:
    """The value that an equation such as ``x = 4`` gives."""
    if checked.left == Name(name) and shown_of(checked.right) is not None:
        return evaluate(checked.right).number
    return None


def _fits(value: Fraction, stated: Fraction | None, solutions: Sequence[Fraction]) -> bool:
    size = abs(value) if abs(value) > 1 else Fraction(1)
    close = [abs(value - other) * 200 <= size for other in solutions]
    return any(close) if stated is not None else value in solutions or any(close)


def solve(left: Term, right: Term) -> list[Fraction]:
    """The real solutions of an equation in one unknown, those that are no fractions to 40 digits.

    Raises `NotSolvable` for any other equation, and for one that every or no number solves.
    """
    difference = Binary("-", left, right)
    names = names_in(difference)
    if len(names) != 1 or _nodes(difference) > MOST_NODES:
        raise NotSolvable("it is no equation in one unknown")
    name = names.pop()
    degree = _degree(difference)
    if degree is None or degree > HIGHEST:
        raise NotSolvable("it is no polynomial of low degree")
    if degree <= 1:
        return _linear(difference, name)
    return [*_polynomial(difference, name)]


def _linear(term: Term, name: str) -> list[Fraction]:
    try:
        values = [evaluate(term, {name: point}).number for point in POINTS]
    except Undefined as undefined:
        raise NotSolvable(str(undefined)) from None
    slope = values[1] - values[0]
    if slope == 0:
        raise NotSolvable("the unknown cancels out")
    return [-values[0] / slope]


def _nodes(term: Term) -> int:
    match term:
        case Negative(of):
            return 1 + _nodes(of)
        case Binary(_, left, right):
            return 1 + _nodes(left) + _nodes(right)
        case Call(_, arguments):
            return 1 + sum(map(_nodes, arguments))
        case _:
            return 1


def _degree(term: Term) -> int | None:
    """The degree as a polynomial, None for what is none."""
    match term:
        case Literal_():
            return 0
        case Name():
            return 1 if names_in(term) else 0
        case Negative(of):
            return _degree(of)
        case Call():
            return None if names_in(term) else 0
        case Binary(operator, left, right):
            a, b = _degree(left), _degree(right)
            if a is None or b is None:
                return None
            if operator in "+-":
                return max(a, b)
            if operator == "*":
                return a + b
            if operator == "/":
                return a if b == 0 else None
            exponent = shown_of(right)
            whole = exponent is not None and exponent.value.denominator == 1 and 0 <= exponent.value <= HIGHEST
            if a == 0 and b == 0:
                return 0
            return a * int(exponent.value) if exponent is not None and whole else None


@lru_cache(maxsize=512)
def _polynomial(term: Term, name: str) -> tuple[Fraction, ...]:
    sympy: Any = importlib.import_module("sympy")
    try:
        polynomial = sympy.Poly(_symbolic(term, name), sympy.Symbol(name))
    except (Undefined, sympy.PolynomialError) as error:
        raise NotSolvable(str(error)) from None
    if polynomial.degree() < 1 or polynomial.degree() > HIGHEST:
        raise NotSolvable("the unknown cancels out")
    if any(number.p.bit_length() + number.q.bit_length() > MOST_BITS for number in polynomial.all_coeffs()):
        raise NotSolvable("its coefficients are too large")
    roots = sympy.real_roots(polynomial, multiple=False)
    return tuple(_fraction(root) for root, _ in roots)


def _fraction(root: Any) -> Fraction:
    sympy: Any = importlib.import_module("sympy")
    if root.is_Rational:
        return Fraction(int(root.p), int(root.q))
    return Fraction(str(sympy.N(root, 40)))


def _symbolic(term: Term, name: str) -> Any:
    """The term for sympy: every part without the unknown is a rational number already."""
    sympy: Any = importlib.import_module("sympy")
    if not names_in(term):
        value = evaluate(term).number
        return sympy.Rational(value.numerator, value.denominator)
    match term:
        case Negative(of):
            return -_symbolic(of, name)
        case Binary(operator, left, right):
            a, b = _symbolic(left, name), _symbolic(right, name)
            if operator == "/" and b == 0:
                raise Undefined("it divides by zero")
            return OPERATIONS[operator](a, b)
        case _:
            return sympy.Symbol(name)
