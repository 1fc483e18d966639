"""Values that a text states and that stand nowhere else: identifiers, addresses, amounts, measured quantities."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Known", "Value", "values"]

NUMBER = r"\d(?:[\d,]{0,20}\d)?(?:\.\d{1,20})?"
UNITS = (
    "percent miles? km kilometers? minutes? mins? hours? GB? MB? KB? TB? stars? points? shares? units? items? results? "
    "files? tasks? emails? messages? tweets? rows? records?"
).replace(" ", "|")
KINDS = {
    "address": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,64}(?:\.[\w-]{1,64})+|https?://[^\s)>\]\"'`]{1,300}"),
    "amount": re.compile(
        rf"[$€£¥][ ]?(?>{NUMBER})(?![a-z\d]{{0,9}}\s?[$\\^_{{}}=+*<>])"
        rf"|(?<![\w.,]){NUMBER}\s?(?:USD|EUR|GBP|BTC|ETH|dollars|euros)\b"
    ),
    "telephone": re.compile(r"(?<![\w-])(?:\+?\d{1,3}[ -])?\(?\d{3}\)?[ -]\d{3}[ -]\d{4}\b|\+\d{9,14}\b"),
    "identifier": re.compile(
        r"\b(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Za-z])(?!\d{1,4}-?(?:am|pm|th|st|nd|rd|[a-z]+)\b)"
        r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*\b|(?<![\d.,$€£+-])\d{6,80}(?![\d.,]\d)"
    ),
    "quantity": re.compile(rf"(?<![\w.,]){NUMBER}\s?(?:%|(?:{UNITS})\b)"),
}
FIGURE = re.compile(NUMBER)
RESULT = re.compile(
    rf"[-+*/×÷x%]\s*[$€£]?\s?\d[\d.,]{{0,20}}\)?\s?(?:=|is)\s?(?:<<[^<>\n]{{0,80}}>>)?[$€£]?\s?({NUMBER})"
)
"""What an equation comes to."""
UNITS_OF_UNITS = (60, 24, 7, 12, 100, 365, 1000)
DATE = re.compile(r"^\d{4}-\d\d(?:-\d\d.*)?$|^\d{1,2}(?::\d\d)?(?:am|pm)?$|^(?:utc|gmt)", re.IGNORECASE)
MOST_TEXT = 400_000
MOST_FIGURES = 120
MOST_VALUES = 200


class Value(NamedTuple):
    kind: str
    text: str
    span: tuple[int, int]

    @property
    def minted(self) -> bool:
        """True for an identifier that looks made by a system, and not a term ("base-10", "x_1")."""
        return bool(re.search(r"\d{3}", self.text)) or (self.text.upper() == self.text and len(self.text) > 3)


class Known:
    """What a value may come from: texts that were seen, and figures that can be worked out of theirs."""

    def __init__(self, texts: Iterable[str]) -> None:
        joined = "\n".join(texts)[:MOST_TEXT]
        self.text = _plain(joined)
        self.digits = re.sub(r"[ ()+.-]", "", joined)
        figures = {_figure(match[0]) for match in itertools.islice(FIGURE.finditer(joined), 5000)}
        self._worked: list[float] = []
        self._derived = {round(figure, 2) for figure in figures}
        for figure in sorted(figures)[:MOST_FIGURES]:
            self._learn(figure)

    def holds(self, value: Value) -> bool:
        if _plain(value.text) in self.text:
            return True
        if value.kind == "telephone":
            return re.sub(r"\D", "", value.text)[-10:] in self.digits
        if value.kind in ("amount", "quantity"):
            match = FIGURE.search(value.text)
            return match is None or round(_figure(match[0]), 2) in self._derived
        return False

    def work_out(self, passage: str) -> None:
        """Learn what `passage` works out: results of equations, and figures that come of two known ones."""
        results = {_figure(match[1]) for match in itertools.islice(RESULT.finditer(passage), MOST_FIGURES)}
        for match in itertools.islice(FIGURE.finditer(passage), MOST_FIGURES):
            figure = _figure(match[0])
            if figure in results or round(figure, 2) in self._derived:
                self._learn(figure)

    def _learn(self, figure: float) -> None:
        """Count the figure as known, and with it what comes of it and another: sums, differences, products, quotients,
        percentages, other units."""
        if figure in self._worked or len(self._worked) >= MOST_FIGURES:
            return
        self._worked.append(figure)
        made = [figure, *(each for unit in UNITS_OF_UNITS for each in (figure * unit, figure / unit))]
        for a, b in ((a, b) for other in self._worked for a, b in ((figure, other), (other, figure))):
            made += [
                a + b,
                a - b,
                a * b,
                a * b / 100,
                a * (100 - b) / 100,
                a * (100 + b) / 100,
                *([a / b] if b else []),
            ]
        self._derived.update(round(each, 2) for each in made)


def values(text: str) -> list[Value]:
    """The telling values of `text`, in order. Dates and times are none: they are said in too many ways."""
    found: list[Value] = []
    for kind, pattern in KINDS.items():
        for match in itertools.islice(pattern.finditer(text), MOST_VALUES):
            inside = any(a < match.end() and match.start() < b for a, b in (each.span for each in found))
            if not inside and (kind != "identifier" or _identifies(match[0])):
                found.append(Value(kind, match[0], match.span()))
    return sorted(found, key=lambda value: value.span)[:MOST_VALUES]


def _identifies(text: str) -> bool:
    """Whether it looks like the name of one thing: neither a date nor a word with a version ("python3")."""
    digits = sum(character.isdigit() for character in text)
    return not DATE.match(text) and (digits > 2 or (digits > 0 and (text.isupper() or "_" in text or "-" in text)))


def _plain(text: str) -> str:
    """Without case, thousands separators and marks of emphasis."""
    return re.sub(r"(?<=\d),(?=\d{3})", "", text.casefold()).replace("\\_", "_").replace("*", "").replace("`", "")


def _figure(text: str) -> float:
    return float(text.replace(",", "") or 0)
