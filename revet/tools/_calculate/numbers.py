"""Numbers as they are written and as they are meant: exact values, and the rounding that shown digits allow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["NUMBER_WORDS", "Shown", "read_number", "said"]

# Numbers that are longer hold no calculation of a person or a model, and would only cost time.
LONGEST = 80

UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
 seventeen eighteen nineteen twenty"""
OTHERS = """thirty 30 forty 40 fifty 50 sixty 60 seventy 70 eighty 80 ninety 90 hundred 100 thousand 1000
 million 1000000 half 1/2 halves 1/2 third 1/3 thirds 1/3 quarter 1/4 quarters 1/4
 fourth 1/4 fourths 1/4 fifth 1/5 fifths 1/5 sixth 1/6
 eighth 1/8 eighths 1/8 tenth 1/10 tenths 1/10 once 1 single 1 twice 2 double 2 doubled 2 couple 2 pair 2 both 2
 thrice 3 triple 3 tripled 3 quadruple 4 dozen 12 dozens 12"""

NUMBER_WORDS: dict[str, Fraction] = {
    **{word: Fraction(value) for value, word in enumerate(UNITS.split())},
    **{word: Fraction(value) for word, value in zip(OTHERS.split()[::2], OTHERS.split()[1::2], strict=True)},
}


@dataclass(frozen=True)
class Shown:
    """A numeral: its value, how many decimals it shows, and whether a percent sign follows it."""

    value: Fraction
    decimals: int = 0
    percent: bool = False

    @property
    def step(self) -> Fraction:
        """One unit in the last place."""
        return Fraction(10) ** -self.decimals

    def shows(self, true: Fraction, *, cut: bool = True) -> bool:
        """Whether `true` may be written like this: exactly, rounded to the digits shown or (with `cut`) cut to them.

        A whole number shows a fraction only if that is rounded to the nearest.
        """
        gap = abs(true - self.value)
        return gap <= self.step / 2 or (cut and self.decimals > 0 and gap < self.step and abs(self.value) < abs(true))


def read_number(text: str) -> Shown | None:
    """The numeral `text` (digits, separators of thousands, a decimal point), None for what is none."""
    digits = re.sub(r"[,_ ]", "", text)
    if not re.fullmatch(r"\d*\.?\d+|\d+\.", digits, re.ASCII) or len(digits) > LONGEST:
        return None
    return Shown(Fraction(digits.rstrip(".") or "0"), len(digits.rpartition(".")[2]) if "." in digits else 0)


def said(value: Fraction) -> str:
    """The value for people: whole, as a decimal where that ends soon, else as a fraction with its decimal."""
    if value.denominator == 1:
        return str(value.numerator) if abs(value.numerator) < 10**LONGEST else "a number of over 80 digits"
    for places in range(1, 7):
        scaled = value * 10**places
        if scaled.denominator == 1:
            whole, part = divmod(abs(scaled.numerator), 10**places)
            return f"{'-' if value < 0 else ''}{whole}.{part:0{places}d}"
    about = f"about {float(value):.6g}" if abs(value) < 10**300 else "a very large fraction"
    exact = f"{value.numerator}/{value.denominator}"
    return f"{exact} ({about})" if len(exact) <= 30 else about
