"""Where a text says its final answer, and what number that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from revet.tools._calculate.tokens import Token, tokens

__all__ = ["Final", "final_answer"]

SAID = re.compile(
    r"(?:^|\n)\s*(?:A|Answer|ANSWER|Final [Aa]nswer)\s*:|####"
    r"|\b(?:[Tt]he|[Ff]inal|[Mm]y|[Oo]ur)\s+(?:final\s+)?answer\s+(?:is|:)\s*:?|\\boxed\s*(?=\{)"
)


@dataclass(frozen=True)
class Final:
    """The number of the final answer and its place."""

    value: Fraction
    start: int
    end: int
    percent: bool = False


def final_answer(text: str) -> Final | None:
    """The first number after the last place where the text says that now comes its answer, None without one."""
    said = list(SAID.finditer(text))
    if not said:
        return None
    begin = said[-1].end()
    line = text[begin : begin + 200].lstrip()
    begin = text.index(line, begin) if line else begin
    line = line.split("\n", 1)[0]
    found = tokens(line)
    for index, token in enumerate(found):
        if token.shown is not None:
            return _final(found, index, begin)
    return None


def _final(found: list[Token], index: int, begin: int) -> Final:
    token = found[index]
    assert token.shown is not None
    value, end = token.shown.value, token.end
    if index + 2 < len(found) and found[index + 1].text == "/" and found[index + 2].shown is not None:
        bottom = found[index + 2].shown
        if bottom is not None and bottom.value:
            value, end = value / bottom.value, found[index + 2].end
    if index and found[index - 1].text == "-":
        value = -value
    return Final(value, begin + token.start, begin + end, token.shown.percent)
