"""What looks like a wrong calculation and is none: the ways in which people write numbers that are not meant so.

A text quotes a false calculation to reject it, rounds, counts in another base, gives a range or a score with a dash,
sets a scale (*1 inch = 10 miles*), converts by the customary ratio, or is a program. Whatever is excused is left
alone: it is neither right nor wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from revet.tools._calculate.chains import LEADS, Link, links
from revet.tools._calculate.judge import Judged, Verdict, judge, shown_of
from revet.tools._calculate.parse import calculates, unit_of
from revet.tools._calculate.terms import Binary, Call, Literal_, Undefined, evaluate
from revet.tools._calculate.units import kinds_of, metric

__all__ = ["Context", "assumed", "excused"]

STOP = re.compile(r"\n|[.?!;]\s")
FENCE = re.compile(r"^[ \t]*```(?P<language>[^\n`]*)\n(?P<body>.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
PLAIN = {"", "text", "txt", "math", "latex", "tex", "markdown", "md"}
PROGRAM = re.compile(
    r"[;{]\s*$|^\s*(?:def|import|from|class|return|print|assert|const|var|#include)\b|==|:=|\w\(\)", re.MULTILINE
)
STATEMENT = re.compile(
    r"\s*(?:assert\b|def\b|elif\b|import\b|const\b|var\b|return\b|print\(|SELECT\b|>>>|\$ |#include)"
)
REJECTED = re.compile(
    r"\b(?:wrong(?:ly)?|incorrect(?:ly)?|mistakes?|mistaken(?:ly)?|erroneous(?:ly)?|errors?|false|untrue|not true|myth|"
    r"fallacy|contradiction|absurd|should have been|should read|slogan|typo)\b",
    re.IGNORECASE,
)
REJECTED_NEXT = re.compile(
    r"[.!,;\s`\"'*)$]*(?:no\b|(?:does|is|can)(?:n't| ?not)\b|"
    r"(?:but )?(?:this|that|it|which)(?:'s| is| was) (?:wrong|incorrect|false|not|a mistake))",
    re.IGNORECASE,
)
REFUTED = re.compile(r"\b(?:contradiction|absurd)", re.IGNORECASE)
ASKED = re.compile(r"[\s`\"'$*)]*\?")
QUOTED = re.compile(
    r"\b(?:you|students?|pupils?|draft|author|text|answer|report|he|she|they|someone|some|people|many|original|table)"
    r" (?:\w+ )?(?:wrote|writes?|claim(?:s|ed)?|thinks?|thought|believed?s?|said|says?|stated?s?)\b",
    re.IGNORECASE,
)
SUPPOSED = re.compile(
    r"\b(?:replac|chang|correct|fix|edit)\w*\s+(?:the \w+ )?[`\"'“]$|"
    r"\b(?:if|whether|not|suppose|assum(?:e|ing)|pretend|imagine|claim)(?:\s+that)?[\s:`\"'$(]*$",
    re.IGNORECASE,
)
TRIED = re.compile(
    r"\b(?:try(?:ing)?|tried|at|when|for|if|let|suppose|vertex|axis|symmetry|where|plug\w*|substitut\w*|put(?:ting)?|set|"
    r"check\w*|test\w*|guess\w*|reject\w*|extraneous|minimum|maximum|point|with)\b[^.\n]{0,20}$",
    re.IGNORECASE,
)
OTHER_NUMBERS = re.compile(
    r"\b(?:binary|hex(?:adecimal)?|octal|in base|base-\d+|modulo|modular|modulus|mod|decibels?|dBm?|XOR|bitwise|"
    r"boolean|integer (?:division|arithmetic)|strings?|concatenat\w*)\b|\\p?mod\b|≡",
)
ABOUT = r"(?:about|approx(?:imately|\.)?|roughly|around|nearly|almost|circa|ca\.|estimated?|~|≈|≃)"
ABOUT_BEFORE = re.compile(rf"(?:\b|(?=[~≈])){ABOUT}[^\d\n.;]{{0,25}}$", re.IGNORECASE)
ABOUT_WITHIN = re.compile(rf"(?:\b|(?=[~≈])){ABOUT}", re.IGNORECASE)
ABOUT_AFTER = re.compile(rf"[^\n.;,]{{0,20}}(?:\b(?:{ABOUT}|or so|rounded|rounding|rounds)\b)", re.IGNORECASE)
ROUND = re.compile(r"\bround", re.IGNORECASE)
RANGE = re.compile(r"[(\[]?\s*\$?[\d.,]+[-–—]\$?[\d.,]+(?!\d)")
SCALE = re.compile(r"\b(?:scale|map|model|drawing|blueprint|represents?|legend)\b", re.IGNORECASE)
LARGE = re.compile(r"\b(?:hundred|thousand|million|billion|trillion|dozen|bn|mn|[kKMB]{1,2}|mod)\b")
GOES_ON = re.compile(r"[^\s\w()\[\]{}]\d|\s*:\s*\d|\s*[\[(]?\s*mod\b|\s+r(?:\.|em\w*)?\s*\d", re.IGNORECASE)
COMES_ON = re.compile(r"(?:\d[^\s\w()\[\]{}*/×÷]|[.#@&^]|\S\*\*|\d\s+:\s*)$")
CLOSED = tuple(".:;,(!?-–—*|>\"'`$\\=&[")
BEFORE_BARE = re.compile(r"(?P<amount>[\d.]\s*[a-z.]+,?\s+(?:and\s+)?)$|(?P<word>[^\W\d_]+)\s*$", re.IGNORECASE)
NEGATIVE = re.compile(r"(?:^|[-+−]\s*)\(\$?\d[\d,.]*\)\s*(?:$|[-+−a-z])", re.IGNORECASE)
VERSIONS = re.compile(r"\b(?:version|release|package|pip|python|install|upgrade|v\d)", re.IGNORECASE)
DOTTED = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")
CLOCK = re.compile(r"(?<![a-z])(?:[ap]\.?m\b|o'clock)|(?P<turn>°|\bdegrees?\b)", re.IGNORECASE)
NEAR, ABOUT_SHARE, CUSTOMARY, CALENDAR = Fraction(1, 200), Fraction(1, 20), Fraction(6, 100), Fraction(1, 100)
DAYS = {"day", "days", "week", "weeks", "month", "months", "year", "years"}


@dataclass(frozen=True)
class Context:
    """A text in which calculations stand, and what holds for all of it."""

    text: str

    @cached_property
    def code(self) -> list[tuple[int, int]]:
        """Where fenced blocks of programs are."""
        return [
            match.span()
            for match in FENCE.finditer(self.text)
            if match["language"].strip().lower() not in PLAIN or PROGRAM.search(match["body"])
        ]

    def sentence(self, start: int, end: int) -> tuple[str, str]:
        """What stands before and after a place in its sentence."""
        before, after = self.text[max(0, start - 300) : start], self.text[end : end + 300]
        return STOP.split(before)[-1], STOP.split(after, maxsplit=1)[0]

    def paragraph(self, start: int, end: int) -> str:
        begin = max(self.text.rfind("\n\n", 0, start), start - 1000, 0)
        close = self.text.find("\n\n", end)
        return self.text[begin : min(close if close >= 0 else len(self.text), end + 1000)]


@dataclass(frozen=True)
class Case:
    """One relation that does not hold as it stands."""

    context: Context
    link: Link
    true: Fraction
    before: str
    after: str

    @property
    def left(self) -> str:
        return self.context.text[self.link.left.start : self.link.left.end]

    @property
    def right(self) -> str:
        return self.context.text[self.link.right.start : self.link.right.end]

    @cached_property
    def claimed(self) -> Fraction | None:
        try:
            return evaluate(self.link.right.term).number
        except Undefined:
            return None

    def off(self, share: Fraction) -> bool:
        """Whether the claim is further from the true value than that share of it."""
        return self.claimed is None or abs(self.claimed - self.true) > share * abs(self.true)


def excused(context: Context, link: Link, judged: Judged) -> bool:
    """Whether a relation that was judged wrong may well be meant otherwise."""
    if judged.value is None:
        return False
    start, end = link.span
    case = Case(context, link, judged.value, *context.sentence(start, end))
    return any(excuse(case) for excuse in EXCUSES)


def assumed(context: Context, start: int, end: int) -> bool:
    """Whether an equation in an unknown is tried, taken or rejected at this place, not concluded."""
    before, after = context.sentence(start, end)
    return TRIED.search(context.text[max(0, start - 60) : start]) is not None or _disowned(context, before, end, after)


def _code(case: Case) -> bool:
    start = case.link.left.start
    line = case.context.text[case.context.text.rfind("\n", 0, start) + 1 : start + 1]
    inside = any(begin <= start < end for begin, end in case.context.code)
    between = case.context.text[case.link.left.end : case.link.right.start]
    return inside or "==" in between or STATEMENT.match(line) is not None


def _rejected(case: Case) -> bool:
    refuted = REFUTED.search(case.context.paragraph(*case.link.span)) is not None
    return refuted or _disowned(case.context, case.before, case.link.right.end, case.after)


def _disowned(context: Context, before: str, end: int, after: str) -> bool:
    """Whether what stands between `before` and `after` in a sentence is quoted, asked, supposed or called wrong."""
    following = context.text[end : end + 80]
    said = [mark.search(before) for mark in (REJECTED, QUOTED, SUPPOSED)]
    told = [REJECTED.search(after), REJECTED_NEXT.match(following), ASKED.match(following)]
    return any([*said, *told])


def _other_numbers(case: Case) -> bool:
    return OTHER_NUMBERS.search(case.context.paragraph(*case.link.span)) is not None


def _cut_off(case: Case) -> bool:
    """Whether the numerals at either end are parts of something longer: 1'500, 2:1, 3,50, 10 thousand."""
    text = case.context.text
    rest = text[case.link.right.end :][:12]
    large = LARGE.search(text[case.link.right.start : case.link.right.end] + rest.split("\n")[0][:9])
    return (
        GOES_ON.match(rest) is not None
        or COMES_ON.search(text[max(0, case.link.left.start - 4) : case.link.left.start]) is not None
        or large is not None
    )


def _about(case: Case) -> bool:
    between = case.context.text[case.link.left.end : case.link.right.start]
    said = ABOUT_BEFORE.search(case.before) or ABOUT_WITHIN.search(between) or ABOUT_AFTER.match(case.after)
    return said is not None and not case.off(ABOUT_SHARE)


def _rounded(case: Case) -> bool:
    """Rounded to tens or hundreds: the zeros at the end need not be digits."""
    shown = shown_of(case.link.right.term)
    if shown is None or shown.decimals or not shown.value:
        return False
    between = case.context.text[case.link.left.end : case.link.right.start]
    digits = str(abs(shown.value.numerator))
    zeros = len(digits) - len(digits.rstrip("0"))
    gap, step = abs(shown.value - case.true), Fraction(10) ** zeros
    if ABOUT_WITHIN.search(case.before + between) and zeros:
        return gap <= step / 2
    if ROUND.search(case.before + case.after):
        return zeros >= 1 and gap < step
    return zeros >= 2 and gap <= step / 2 and not case.off(NEAR)


def _range(case: Case) -> bool:
    """A dash between two numbers is no minus: 10-20, a record of 12-4, 1939-1945."""
    left = case.link.left.term
    if not (isinstance(left, Binary) and left.operator == "-"):
        return False
    a, b = shown_of(left.left), shown_of(left.right)
    if a is None or b is None or case.claimed is None or case.claimed < 0:
        return False
    years = all(1000 <= each.value <= 2100 and not each.decimals for each in (a, b))
    glued = RANGE.match(case.left) is not None
    return (a.value < b.value and (glued or years)) or (
        glued and case.claimed.denominator > 1 and not a.decimals and not b.decimals
    )


def _compounded(case: Case) -> bool:
    """Percentages one after the other: 20% + 20% off = 36%."""
    left = case.link.left.term
    if not (isinstance(left, Binary) and left.operator in "+-"):
        return False
    a, b = shown_of(left.left), shown_of(left.right)
    if a is None or b is None or not (a.percent and b.percent) or case.claimed is None:
        return False
    return abs(case.claimed - case.true) == a.value * b.value / 10000


def _shares(case: Case) -> bool:
    """A name such as *60/40 portfolio* is no quotient."""
    return calculates(case.link.right.term) and re.match(r"\d+/\d+\s+[a-z]", case.left) is not None


def _customary(case: Case) -> bool:
    """Conversions as people use them, working days, and the scale of a map."""
    left, right = case.link.left.term, case.link.right.term
    mine, other = unit_of(left), unit_of(right)
    if calculates(left) or mine is None or other is None or case.claimed is None:
        return False
    given = evaluate(left).number
    trues = [
        given * size / another
        for kind, size in kinds_of(mine)
        for other_kind, another in kinds_of(other)
        if kind == other_kind
    ]
    for true in trues:
        gap = abs(case.claimed - true)
        if (metric(mine) != metric(other) and gap <= CUSTOMARY * abs(true)) or gap <= true / 10**6:
            return True
        if mine in DAYS and other in DAYS and gap <= CALENDAR * abs(true):
            return True
        stipulated = given and (case.claimed / given).denominator == 1 and 0 < case.claimed < true
        if mine in DAYS and stipulated:
            return True
        if case.claimed > 2 * true and abs(true) < abs(given) and (given == 1 or SCALE.search(case.context.text)):
            return True
    return False


def _bare(case: Case) -> bool:
    """Two amounts where the first belongs to what stands before: *20% off $50 = $40*, *2 hours 30 minutes = …*."""
    if calculates(case.link.left.term) or unit_of(case.link.left.term) is None:
        return False
    found = BEFORE_BARE.search(case.before)
    if found is None:
        return bool(case.before.strip()) and not case.before.rstrip().endswith(CLOSED)
    return found["amount"] is not None or found["word"].lower() not in LEADS - {"and"}


def _prefixed(case: Case) -> bool:
    """A thousand times off with a unit: 0.024 kW for 24, 2.07 MP."""
    if unit_of(case.link.right.term) is None or not case.claimed or not case.true:
        return False
    share = case.claimed / case.true
    scales = [Fraction(base) ** power for base in (1000, 1024) for power in (-3, -2, -1, 1, 2, 3)]
    return any(abs(share * scale - 1) <= NEAR for scale in scales)


def _negatives(case: Case) -> bool:
    """Numbers in brackets are negative in accounts."""
    return any(NEGATIVE.search(side.strip()) is not None for side in (case.left, case.right))


def _versions(case: Case) -> bool:
    calculated = calculates(case.link.left.term) or calculates(case.link.right.term)
    return not calculated and case.link.relation != "=" and VERSIONS.search(case.context.text) is not None


def _dotted(case: Case) -> bool:
    """Dots between thousands: 1.200 + 300 = 1.500."""
    start, end = case.link.span
    written = case.context.text[start:end]
    plain = DOTTED.sub(lambda match: match[0].replace(".", ""), written)
    return plain != written and [judge(link).verdict for link in links(plain)] == [Verdict.right]


def _turned(case: Case) -> bool:
    """Hours and angles start again."""
    marks = CLOCK.search(case.left) or CLOCK.search(case.right + case.after[:8])
    hours = RANGE.match(case.left) is not None and "hour" in case.right
    if case.claimed is None or not (marks or hours):
        return False
    turn = 360 if marks is not None and marks["turn"] else 12
    return (case.claimed - case.true) % turn == 0 or (case.claimed + case.true) % turn == 0


def _exclaimed(case: Case) -> bool:
    """The sign at the end is no factorial: *that makes 3 + 4 = 7!*"""
    match case.link.right.term:
        case Call("factorial", (Literal_(shown),)):
            return shown.value == case.true
        case _:
            return False


EXCUSES: tuple[Callable[[Case], bool], ...] = (
    _code, _rejected, _other_numbers, _cut_off, _about, _rounded, _range, _compounded, _shares, _customary, _bare,
    _prefixed, _negatives, _versions, _dotted, _turned, _exclaimed,
)  # fmt: skip
