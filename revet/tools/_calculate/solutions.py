"""Checks of a worked solution as a whole, against its question: what its calculations and its answer cannot both be.

Single calculations may all be right and the solution still wrong. What is told here holds for word problems in
general: a count of things is whole, money has no parts of a cent, what is left is not negative, an answer comes from
somewhere, and prices and percentages that a question names are used. Each doubt is `sure` where it decides by itself;
of the others it takes two of different kinds. What precision that has is measured (`revet eval evidence`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from revet.tools._calculate.answers import Final, final_answer
from revet.tools._calculate.customs import Context, assumed
from revet.tools._calculate.equations import followed
from revet.tools._calculate.judge import literals
from revet.tools._calculate.numbers import said
from revet.tools._calculate.parse import calculates
from revet.tools._calculate.quantities import near, numbers_in, quantities, readings
from revet.tools._calculate.review import Checked, review
from revet.tools._calculate.tokens import tokens
from revet.tools._calculate.units import kinds_of

__all__ = ["Doubt", "Examined", "examine"]

ASKS = re.compile(r"\b(?:how|what|find|calculate|determine|compute)\b", re.IGNORECASE)
FORMULA = re.compile(r"[\\^_{}=`;|]|\$[^\d\s.]|\(A\)|\bA\.\s|\d\s*\$\s|Choices:")
NO_STORY = re.compile(
    r"\b(?:python|java\w*|sql|code|function|program|script|implement|file|repository|report|summar\w+|essay|explain|"
    r"list|table|write|compare|convert|version|database|quer(?:y|ies))\b",
    re.IGNORECASE,
)
LEAST_NUMBERS, LONGEST_QUESTION = 2, 2000
HOW_MANY = re.compile(
    r"how many (?:(?:more|fewer|less|total|extra|additional|other|whole|full|of|the|his|her|their)\s+)*([a-z]+)"
)
MEASURED = {
    "times", "percent", "percentage", "calories", "servings", "acres", "square", "cubic", "degrees", "points", "more",
    "units", "liters", "laps", "percents", "parts",
}  # fmt: skip
MONEY = re.compile(r"\$|\bdollars?\b|\bcents?\b", re.IGNORECASE)
BELOW_ZERO = re.compile(
    r"(?<![\w)])[-−–]\s?\d|negative|below zero|temperature|degrees|elevation|debt|owe|lose|loss", re.IGNORECASE
)
LESS = re.compile(r"\b(?:less|fewer|lower|shorter|under|below|off|younger|decrease|loss|debt)\b", re.IGNORECASE)
RATE = re.compile(r"/\s*[a-z]|\bper\b", re.IGNORECASE)
ROUGH = re.compile(
    r"average|mean|round|nearest|probab|chance|fraction|decimal|percent|ratio|approximate|about", re.IGNORECASE
)
ENDS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 40, 50, 100)


@dataclass(frozen=True)
class Doubt:
    """A reason to think that the solution is wrong, with its place in the text.

    Unless it `bears` on the answer, it is only told: a slip whose right value is the answer, a step that does not come
    out even.
    """

    kind: str
    claim: str
    sure: bool
    start: int
    end: int
    suggestion: str | None = None
    bears: bool = True


@dataclass(frozen=True)
class Examined:
    """The calculations of a solution, its final answer and the doubts about it, the surest first."""

    calculations: tuple[Checked, ...]
    final: Final | None
    doubts: tuple[Doubt, ...]

    @property
    def slipped(self) -> bool:
        """Whether a calculation is wrong that the answer may depend on."""
        return any(doubt.kind == "slip" and doubt.bears for doubt in self.doubts)

    @property
    def wrong(self) -> bool:
        """Whether the doubts together say that the final answer is wrong."""
        bearing = [doubt for doubt in self.doubts if doubt.bears]
        return any(doubt.sure for doubt in bearing) or len({doubt.kind for doubt in bearing}) > 1


def examine(question: str, text: str) -> Examined:
    """The calculations of `text` judged, and, where it answers a question, the doubts about it as a solution."""
    context = Context(text)
    checked = [
        each
        for each in followed(review(text))
        if not (each.symbolic and each.wrong and assumed(context, each.start, each.end))
    ]
    final = final_answer(text)
    doubts = [*_slips(checked, final)]
    if final is not None and _is_word_problem(question):
        steps = [each for each in checked if each.claimed is not None and calculates(each.left) and not each.symbolic]
        doubts += _of_answer(question, text, final, checked, steps)
        doubts += _ignored(question, text, steps, final)
        dropped = list(_dropped(text, steps, final))
        doubts += dropped
        doubts += _strange(question, text, steps, {doubt.start for doubt in dropped})
    doubts.sort(key=lambda doubt: (not doubt.sure, doubt.start, doubt.kind != "slip"))
    return Examined(tuple(checked), final, tuple(doubts))


def _is_word_problem(question: str) -> bool:
    """Whether the question tells of amounts in words and asks for another: no formulas, no choices, no writing."""
    if len(question) > LONGEST_QUESTION or ASKS.search(question) is None or FORMULA.search(question):
        return False
    return NO_STORY.search(question) is None and len(numbers_in(question)) >= LEAST_NUMBERS


def _slips(checked: Sequence[Checked], final: Final | None) -> Iterator[Doubt]:
    """Calculations that do not come out. One whose right value is the answer does not bear on that."""
    for each in checked:
        if not each.wrong:
            continue
        bears = final is None or each.judged.value != final.value
        claim = f"`{each.text}` is wrong: {'from before, ' if each.symbolic else 'it is '}{each.judged.true}"
        plain = each.claimed is not None and "%" not in each.text
        yield Doubt("slip", claim, plain, each.start, each.end, each.judged.true, bears)


def _of_answer(
    question: str, text: str, final: Final, checked: Sequence[Checked], steps: Sequence[Checked]
) -> Iterator[Doubt]:
    value, place = final.value, (final.start, final.end)
    counted: list[str] = HOW_MANY.findall(question.lower())
    whole = counted and not any(kinds_of(word) or word in MEASURED for word in counted)
    if value.denominator != 1 and whole:
        yield Doubt("part", f"the answer counts {counted[0]}, but {said(value)} is not whole", True, *place)
    elif (
        value.denominator != 1
        and not counted
        and MONEY.search(question)
        and (value * 100).denominator != 1
        and not final.percent
    ):
        yield Doubt("part", f"the answer is money, but {said(value)} has parts of a cent", True, *place)
    elif value.denominator not in ENDS and not ROUGH.search(question):
        yield Doubt("endless", f"the answer does not come out even: {said(value)}", True, *place)
    if value < 0 and not BELOW_ZERO.search(question):
        yield Doubt("negative", f"the answer is negative: {said(value)}", True, *place)
    if steps and not _comes_from(value, steps[-1]):
        before = {abs(token.shown.value) for token in tokens(text[: final.start]) if token.shown is not None}
        computed = any(abs(each.claimed.value) == abs(value) for each in steps if each.claimed)
        if abs(value) not in before:
            yield Doubt("unsupported", f"the answer {said(value)} appears nowhere before it", True, *place)
        elif not computed and not any(each.symbolic for each in checked):
            yield Doubt("unsupported", f"the answer {said(value)} was not computed", False, *place)


def _comes_from(value: Fraction, step: Checked) -> bool:
    """Whether an answer is what a step came to, rounded, as a percentage or without its sign."""
    size = abs(value)
    for result in (step.claimed.value if step.claimed else None, step.judged.value):
        if result is None:
            continue
        result = abs(result)
        if size in (result, result * 100, result / 100, math.floor(result), math.ceil(result), round(result)):
            return True
        if abs(size - result) <= result / 100:
            return True
    return False


def _ignored(question: str, text: str, steps: Sequence[Checked], final: Final | None) -> Iterator[Doubt]:
    """Quantities of the question that the solution does not use."""
    if not steps:
        return
    leading = _leading(steps, final)
    idle = [each for each in steps if each not in leading]
    used: set[Fraction] = set()
    for token in tokens(text):
        if not any(each.start <= token.start < each.end for each in idle):
            used.update(readings(token))
    asked = quantities(question)
    missing = [each for each in asked if not near(each, used) and not each.total]
    if not missing:
        return
    surely = len({each.value for each in missing}) > 1 or any(each.kind in ("money", "percent") for each in missing)
    named = ", ".join(dict.fromkeys(each.text for each in missing))
    yield Doubt("ignored", f"the question says {named}, which the solution does not use", surely, 0, len(text))


def _leading(steps: Sequence[Checked], final: Final | None) -> list[Checked]:
    """The steps that lead to the answer: the last one that came to it, and those whose results were used on the way."""
    ends = [each for each in steps if final is not None and _comes_from(final.value, each)] or list(steps[-1:])
    leading = [ends[-1]]
    for step in reversed(steps[: steps.index(ends[-1])]):
        wanted = {literal.shown.value for each in leading for literal in literals(each.left)}
        assert step.claimed is not None
        value = abs(step.claimed.value)
        if any(value in (x, x * 100, x / 100) or abs(value - x) * 100 <= abs(x) for x in wanted):
            leading.append(step)
    return leading


def _dropped(text: str, steps: Sequence[Checked], final: Final | None) -> Iterator[Doubt]:
    """Results that no later step uses; surely a doubt if what went into them is not used again either."""
    unread = _unread(text, steps)
    for index, step in enumerate(steps[:-1]):
        assert step.claimed is not None
        value = abs(step.claimed.value)
        inputs = {literal.shown.value for each in steps[index + 1 :] for literal in literals(each.left)}
        later = [*inputs, *(abs(each.claimed.value) for each in steps[index + 1 :] if each.claimed is not None)]
        later += [abs(final.value)] if final is not None else []
        later += [amount for start, amount in unread if start >= step.end]
        if step.wrong or any(value in (x, x * 100, x / 100) or abs(value - x) * 100 <= x for x in later):
            continue
        lost = not any(literal.shown.value in inputs for literal in literals(step.left))
        yield Doubt("dropped", f"the result of `{step.text}` is not used", lost, step.start, step.end)


def _unread(text: str, steps: Sequence[Checked]) -> list[tuple[int, Fraction]]:
    """The numbers of the lines that hold an equation which could not be read, with their places.

    Where there is an annotation, it says what was computed.
    """
    left_over: list[tuple[int, Fraction]] = []
    at = 0
    for line in text.split("\n"):
        inside = [(step.start - at, step.end - at) for step in steps if at <= step.start < at + len(line)]
        free = [token for token in tokens(line) if not any(start <= token.start < end for start, end in inside)]
        if "<<" not in line and any(token.kind == "relation" for token in free):
            left_over += [(at + token.start, token.shown.value) for token in free if token.shown is not None]
        at += len(line) + 1
    return left_over


def _strange(question: str, text: str, steps: Sequence[Checked], unused: Collection[int]) -> Iterator[Doubt]:
    """Results that quantities of a word problem hardly have."""
    for step in steps:
        assert step.claimed is not None
        value = step.claimed.value
        if value < 0 and not BELOW_ZERO.search(question) and not RATE.search(step.text):
            said_less = LESS.search(text[step.end : step.end + 40].split("\n", 1)[0]) is not None
            sure = not said_less and step.start not in unused
            if sure:
                yield Doubt("negative", f"`{step.text}` comes to less than nothing", True, step.start, step.end)
        elif step.start not in unused and not step.wrong and (step.judged.value or value).denominator not in ENDS:
            yield Doubt("endless", f"`{step.text}` does not come out even", False, step.start, step.end, bears=False)
