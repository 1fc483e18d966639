"""Expressions as trees, and their exact values. Bounded: no exponent or factorial can take long or much memory.

Values are fractions. Roots, logarithms and the like that are no fractions are taken to 40 digits and marked so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

from revet.tools._calculate.numbers import Shown

__all__ = [
    "FUNCTIONS",
    "Binary",
    "Call",
    "Literal_",
    "Name",
    "Negative",
    "Term",
    "Undefined",
    "Value",
    "evaluate",
    "names_in",
]

MOST_BITS = 4096
LARGEST_FACTORIAL = 300
DIGITS = Context(prec=40)
Percent = Literal["share", "points", "relative"]
"""How 20 % is read: as 0.2, as 20, or in ``50 + 20 %`` as a share of what stands before it."""


class Undefined(Exception):
    """An expression without a value that can be computed here; the reason is for people."""


@dataclass(frozen=True)
class Literal_:
    """A numeral, with the unit that was written after it."""

    shown: Shown
    unit: str | None = None


@dataclass(frozen=True)
class Name:
    """An unknown, or a constant such as pi."""

    name: str


@dataclass(frozen=True)
class Negative:
    of: Term


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Term
    right: Term


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Term, ...]


Term = Literal_ | Name | Negative | Binary | Call


@dataclass(frozen=True)
class Value:
    """`exact` is False for what was computed to 40 digits only."""

    number: Fraction
    exact: bool = True


def evaluate(term: Term, names: Mapping[str, Fraction] | None = None, percent: Percent = "share") -> Value:
    """The value of the expression. Raises `Undefined` for unknown names, division by zero and what is too large."""
    known = names or {}
    match term:
        case Literal_(shown):
            share = shown.percent and percent != "points"
            return Value(shown.value / 100 if share else shown.value)
        case Name(name):
            return _named(name, known)
        case Negative(of):
            value = evaluate(of, known, percent)
            return Value(-value.number, value.exact)
        case Binary(operator, left, right):
            return _binary(operator, left, right, known, percent)
        case Call(function, arguments):
            values = [evaluate(each, known, percent) for each in arguments]
            return _bounded(_call(function, values))


def names_in(term: Term) -> set[str]:
    """The unknowns of an expression."""
    match term:
        case Name(name):
            return set() if name in CONSTANTS else {name}
        case Negative(of):
            return names_in(of)
        case Binary(_, left, right):
            return names_in(left) | names_in(right)
        case Call(_, arguments):
            return set().union(*map(names_in, arguments)) if arguments else set()
        case _:
            return set()


def _named(name: str, known: Mapping[str, Fraction]) -> Value:
    if name in known:
        return Value(known[name])
    if name in CONSTANTS:
        return Value(CONSTANTS[name], exact=False)
    raise Undefined(f"the value of {name} is not known")


def _binary(operator: str, left: Term, right: Term, known: Mapping[str, Fraction], percent: Percent) -> Value:
    a, b = evaluate(left, known, percent), evaluate(right, known, percent)
    x, y, exact = a.number, b.number, a.exact and b.exact
    if percent == "relative" and operator in "+-" and isinstance(right, Literal_) and right.shown.percent:
        y = x * y
    match operator:
        case "+":
            return _bounded(Value(x + y, exact))
        case "-":
            return _bounded(Value(x - y, exact))
        case "*":
            return _bounded(Value(x * y, exact))
        case "/":
            if y == 0:
                raise Undefined("it divides by zero")
            return _bounded(Value(x / y, exact))
        case "%":
            if y == 0:
                raise Undefined("it divides by zero")
            return _bounded(Value(x % y, exact))
        case _:
            return _bounded(_power(a, b))


def _bounded(value: Value) -> Value:
    if value.number.numerator.bit_length() + value.number.denominator.bit_length() > 2 * MOST_BITS:
        raise Undefined("its value is too large to compute")
    return value


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _power(base: Value, exponent: Value) -> Value:
    x, y = base.number, exponent.number
    if x == 0 and y < 0:
        raise Undefined("it divides by zero")
    if x in (0, 1):
        return Value(Fraction(1) if y == 0 else x, base.exact and exponent.exact)
    if abs(y) * max(1, _bits(x) - 1) > MOST_BITS:
        raise Undefined("its value is too large to compute")
    if y.denominator == 1:
        return Value(x ** int(y), base.exact and exponent.exact)
    if x < 0:
        raise Undefined("it is the root of a negative number")
    if y.denominator <= 64 and (root := _exact_root(x, y.denominator)) is not None:
        return _power(Value(root, base.exact), Value(Fraction(y.numerator), exponent.exact))
    return Value(_fraction(DIGITS.power(_decimal(x), _decimal(y))), exact=False)


def _exact_root(x: Fraction, degree: int) -> Fraction | None:
    parts = [_integer_root(part, degree) for part in (x.numerator, x.denominator)]
    top, bottom = parts
    return Fraction(top, bottom) if top is not None and bottom is not None else None


def _integer_root(number: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(number)
    else:
        root = 1 << (-(-number.bit_length() // degree))
        while (nearer := ((degree - 1) * root + number // root ** (degree - 1)) // degree) < root:
            root = nearer
    return root if root**degree == number else None


def _decimal(number: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))


def _fraction(number: Decimal) -> Fraction:
    if not number.is_finite() or abs(number.adjusted()) > MOST_BITS // 4:
        raise Undefined("its value is too large to compute")
    return Fraction(number)


CONSTANTS = {
    "pi": Fraction(Decimal("3.141592653589793238462643383279502884197")),
    "π": Fraction(Decimal("3.141592653589793238462643383279502884197")),
}

FUNCTIONS = {
    "sqrt": (1, 1), "abs": (1, 1), "floor": (1, 1), "ceil": (1, 1), "round": (1, 2), "factorial": (1, 1),
    "gcd": (2, 8), "lcm": (2, 8), "min": (1, 64), "max": (1, 64), "sum": (1, 64), "log": (1, 2), "ln": (1, 1),
    "log10": (1, 1), "exp": (1, 1), "comb": (2, 2), "perm": (2, 2), "mean": (1, 64),
}  # fmt: skip
"""The functions that are known, with the least and the most arguments."""


def _call(function: str, values: list[Value]) -> Value:
    least, most = FUNCTIONS[function]
    if not least <= len(values) <= most:
        raise Undefined(f"{function} does not take {len(values)} arguments")
    numbers, exact = [value.number for value in values], all(value.exact for value in values)
    if function == "sqrt":
        return _power(values[0], Value(Fraction(1, 2)))
    if function in OF_NUMBERS:
        return Value(OF_NUMBERS[function](numbers), exact)
    if function in OF_WHOLE:
        most = 10**30 if function in ("gcd", "lcm") else LARGEST_FACTORIAL
        return Value(Fraction(OF_WHOLE[function](*(_whole(number, most) for number in numbers))))
    return _transcendental(function, numbers)


def _rounded(numbers: Sequence[Fraction]) -> Fraction:
    return Fraction(round(numbers[0], _whole(numbers[1], 30) if len(numbers) > 1 else 0))


def _total(numbers: Sequence[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0))


OF_NUMBERS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "abs": lambda numbers: abs(numbers[0]),
    "floor": lambda numbers: Fraction(math.floor(numbers[0])),
    "ceil": lambda numbers: Fraction(math.ceil(numbers[0])),
    "round": _rounded,
    "min": min,
    "max": max,
    "sum": _total,
    "mean": lambda numbers: _total(numbers) / len(numbers),
}
OF_WHOLE: dict[str, Callable[..., int]] = {
    "factorial": math.factorial,
    "comb": math.comb,
    "perm": math.perm,
    "gcd": math.gcd,
    "lcm": math.lcm,
}


def _whole(number: Fraction, most: int) -> int:
    if number.denominator != 1 or number < 0:
        raise Undefined(f"a whole number is needed, not {float(number):g}" if abs(number) < 10**300 else "too large")
    if number > most:
        raise Undefined("its value is too large to compute")
    return int(number)


def _transcendental(function: str, numbers: list[Fraction]) -> Value:
    x = numbers[0]
    if function == "exp":
        if abs(x) > MOST_BITS // 4:
            raise Undefined("its value is too large to compute")
        return Value(_fraction(DIGITS.exp(_decimal(x))), exact=False)
    if x <= 0 or any(number <= 0 for number in numbers):
        raise Undefined("it is the logarithm of a number that is not positive")
    if function == "log" and len(numbers) == 1:
        raise Undefined("the base of log is not said: log10(x), ln(x) or log(x, base)")
    natural = DIGITS.ln(_decimal(x))
    base = Decimal(10) if function == "log10" else None
    if len(numbers) == 2:
        base = _decimal(numbers[1])
    if base is None:
        return Value(_fraction(natural), exact=False)
    if base == 1:
        raise Undefined("it divides by zero")
    quotient = _fraction(DIGITS.divide(natural, DIGITS.ln(base)))
    nearest = Fraction(round(quotient))
    return Value(nearest if abs(quotient - nearest) < Fraction(1, 10**30) else quotient, exact=False)
