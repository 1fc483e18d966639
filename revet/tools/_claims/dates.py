"""Dates of a text as exact values, as coarse or fine as they were written: day, month, year, decade, century.

A date of numerals that can be read in two ways (``03/05/2024``) keeps both readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from revet.tools._claims.numbers import Match
from revet.tools._claims.units import UNITS, folded

__all__ = ["MONTHS", "Dated", "Moment", "dates", "match_dates", "say_date"]


@dataclass(frozen=True)
class Moment:
    """A day, month, year, decade or century; `year` is negative before Christ, and None for a day of any year.

    `other` is the second reading of the day and month. `span` is how many years it lasts: 1, 10 or 100. `bare` is a
    year that might be a plain number.
    """

    year: int | None
    month: int | None = None
    day: int | None = None
    other: tuple[int, int] | None = None
    span: int = 1
    hedge: bool = False
    bare: bool = False


class Dated(NamedTuple):
    """A date and where it stands."""

    start: int
    end: int
    moment: Moment


_NAMES = (
    "january jan januar janvier enero gennaio janeiro januari",
    "february feb februar février fevrier febrero febbraio fevereiro februari",
    "march mar märz mars marzo março maart",
    "april apr avril abril aprile",
    "may mai mayo maggio maio mei",
    "june jun juni juin junio giugno junho",
    "july jul juli juillet julio luglio julho",
    "august aug août aout agosto augustus",
    "september sep sept septembre septiembre settembre setembro",
    "october oct oktober okt octobre octubre ottobre outubro",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre decembre diciembre dicembre dezembro",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
NAMES = ("", *(names.split()[0].capitalize() for names in _NAMES))
_MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?:1\d{3}|20\d{2}|[1-9]\d{2})"
_ORD = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
_ORD += "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first"
CENTURIES = {word: number for number, word in enumerate(_ORD.split(), 1)}

_DAY = r"(?P<{0}>0?[1-9]|[12]\d|3[01])"
FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\w.-])(?P<y>\d{4})[-/.](?P<m>0[1-9]|1[0-2])[-/.](?P<d>0[1-9]|[12]\d|3[01])(?!\d)",
        r"(?<!\d)(?P<y>\d{4})年(?:(?P<m>1[0-2]|[1-9])月(?:(?P<d>[12]\d|3[01]|[1-9])日)?)?",
        rf"(?<!\w)(?P<name>{_MONTH})\s{_DAY.format('d')}(?:st|nd|rd|th)?(?:,\s?|\s)(?P<y>{_YEAR})(?![\d,]\d|\d)",
        rf"(?<![\w.,]){_DAY.format('d')}(?:st|nd|rd|th|\.|er)?(?:\s(?:of|de))?\s(?P<name>{_MONTH})"
        rf"(?:,?\s(?:de\s|del\s)?(?P<y>{_YEAR})(?!\d))?",
        rf"(?<!\w)(?P<name>{_MONTH})(?:\sof)?,?\s(?:de\s|of\s)?(?P<y>{_YEAR})(?!\d)",
        rf"(?<!\w)(?P<name>{_MONTH})\s{_DAY.format('d')}(?:st|nd|rd|th)?(?![\w:]|,\d)",
        r"(?<![\w./])(?P<a>\d{1,2})[./](?P<b>\d{1,2})[./](?P<y>\d{4})(?!\d)",
        r"(?<![\w.,])(?:AD\s(?P<y>\d{1,4})|(?P<z>\d{1,4})\s(?P<era>BCE?|CE|AD|B\.C\.|A\.D\.|v\.\s?Chr\.))(?!\w)",
        r"(?<![\w.,])(?P<decade>1\d|20)(?P<ten>\d)0(?:['’]?s|er)\b",
        rf"(?<!\w)(?P<century>\d{{1,2}}(?:st|nd|rd|th)|{'|'.join(CENTURIES)})[\s-]centur(?:y|ies)\b",
        r"(?<![\w.,/-])(?P<y>1\d{3}|20\d{2})\s?[-–—/]\s?(?P<to>\d{4}|\d{2})(?![\w.,]?\d)",
        r"(?<![\w.,])(?:(?<=mid-)|(?<=early-)|(?<=late-)|(?<![^\W\d_]-))(?P<bare>1\d{3}|20\d{2})(?![\d%])(?![.,]\d)(?!\w)",
    )
)
HEDGE = re.compile(r"(?:about|around|circa|ca?\.|approximately|roughly|um|vers|hacia)\s$", re.IGNORECASE)
MONEY = re.compile(r"[$€£¥₹#]\s?$")
COUNTED = re.compile(rf"[\s-](?:{'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))})(?!\w)")
MORE_COUNTED = re.compile(
    r"\s(?:people|persons|men|women|children|students|soldiers|troops|inhabitants|residents|copies|votes|points|seats|"
    r"dollars|euros|pounds|percent|per cent|million|billion|thousand|members|employees|words|pages|items)\b"
)


def dates(text: str) -> Iterator[Dated]:
    """Every date of the text, in order. A range of years is two dates; a bare four-digit number is a year."""
    found = [
        (match.start(), -match.end(), rank, match) for rank, form in enumerate(FORMS) for match in form.finditer(text)
    ]
    end = 0
    for start, _, _, match in sorted(found, key=lambda each: each[:3]):
        if start < end:
            continue
        read = _read(text, match)
        yield from read
        end = max((each.end for each in read), default=end)


def match_dates(claim: Moment, passage: Moment) -> Match:
    """How the claim's date stands to the passage's. A coarser claim agrees; a finer one goes beyond the passage."""
    readings = [(claim.month, claim.day), *([claim.other] if claim.other else [])]
    theirs = [(passage.month, passage.day), *([passage.other] if passage.other else [])]
    order = list(Match)
    return min((_compared(claim, ours, passage, them) for ours in readings for them in theirs), key=order.index)


def say_date(moment: Moment) -> str:
    """The date for a reader."""
    if moment.span == 100 and moment.year is not None:
        return f"century from {moment.year}"
    if moment.span == 10:
        return f"{moment.year}s"
    era = " BC" if moment.year is not None and moment.year < 0 else ""
    parts = [str(moment.day) if moment.day else "", NAMES[moment.month] if moment.month else ""]
    parts.append(str(abs(moment.year)) + era if moment.year is not None else "")
    return " ".join(filter(None, parts))


Inner = tuple[int | None, int | None]


def _compared(claim: Moment, ours: Inner, passage: Moment, theirs: Inner) -> Match:
    years = _years(claim, passage)
    if years not in (Match.equal, Match.near):
        return years
    for mine, its in zip(ours, theirs, strict=True):
        if mine is not None and its is None:
            return Match.unknown
        if mine is not None and mine != its:
            return Match.different
    return years


def _years(claim: Moment, passage: Moment) -> Match:
    if claim.year is None:
        return Match.equal
    if passage.year is None:
        return Match.unknown
    if passage.year <= claim.year < passage.year + passage.span:
        if claim.span < passage.span:
            return Match.unknown
        return Match.equal if claim.year == passage.year or claim.span == passage.span else Match.unknown
    if claim.year <= passage.year < claim.year + claim.span:
        return Match.equal
    if not (claim.hedge or passage.hedge) or abs(claim.year - passage.year) > 2:
        return Match.different
    return Match.unknown if claim.hedge == passage.hedge else Match.near


def _read(text: str, match: re.Match[str]) -> list[Dated]:
    groups = {name: value for name, value in match.groupdict().items() if value}
    start, end = match.span()
    hedge = bool(HEDGE.search(text[max(0, start - 16) : start]))
    if "to" in groups or "end" in groups:
        return _range(groups, start, end, hedge)
    if "bare" in groups:
        counted = MONEY.search(text[max(0, start - 2) : start]) or COUNTED.match(text, end)
        if counted or MORE_COUNTED.match(text, end):
            return []
        return [Dated(start, end, Moment(int(groups["bare"]), hedge=hedge, bare=True))]
    moment = _moment(groups, hedge)
    return [Dated(start, end, moment)] if moment else []


def _range(groups: dict[str, str], start: int, end: int, hedge: bool) -> list[Dated]:
    first, second = groups["y"], groups.get("to") or groups["end"]
    year = int(second) if len(second) == 4 else int(first[:2] + second)
    if not int(first) <= year < int(first) + 1000:
        return [Dated(start, start + 4, Moment(int(first), hedge=hedge, bare=True))]
    return [
        Dated(start, start + 4, Moment(int(first), hedge=hedge)),
        Dated(end - len(second), end, Moment(year, hedge=hedge)),
    ]


def _moment(groups: dict[str, str], hedge: bool) -> Moment | None:
    if "decade" in groups:
        return Moment(int(groups["decade"] + groups["ten"] + "0"), span=10, hedge=hedge)
    if "century" in groups:
        word = folded(groups["century"])
        number = CENTURIES.get(word) or int(re.sub(r"\D", "", word))
        return Moment((number - 1) * 100, span=100, hedge=hedge) if 0 < number < 30 else None
    if "era" in groups:
        before = groups["era"].startswith(("B", "b", "v"))
        return Moment(-int(groups["z"]) if before else int(groups["z"]), hedge=hedge)
    year = int(groups["y"]) if "y" in groups else None
    if "a" in groups:
        return _of_numerals(int(groups["a"]), int(groups["b"]), year)
    month = int(groups["m"]) if "m" in groups else MONTHS.get(folded(groups.get("name", "")).rstrip("."))
    day = int(groups["d"]) if "d" in groups else None
    if year is None and day is None:
        return None
    return Moment(year, month, day, hedge=hedge)


def _of_numerals(first: int, second: int, year: int | None) -> Moment | None:
    """Day before month, as most of the world writes it, or month before day."""
    readings = [(m, d) for d, m in ((first, second), (second, first)) if 1 <= m <= 12 and 1 <= d <= 31]
    if not readings:
        return None
    other = readings[1] if len(readings) > 1 and readings[1] != readings[0] else None
    return Moment(year, *readings[0], other=other)
