"""Calculations in any text at all: random expressions against fractions, hostile texts, spans, units and numbers."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import Draft, Outcome, Task
from revet.tools import Calculate, View
from revet.tools._calculate.asked import compute
from revet.tools._calculate.numbers import read_number, said
from revet.tools._calculate.parse import NotReadable, read_whole
from revet.tools._calculate.review import review
from revet.tools._calculate.solutions import examine
from revet.tools._calculate.terms import Undefined, evaluate
from revet.tools._calculate.tokens import tokens
from revet.tools._calculate.units import ratio
from revet.tools._traces.verify import verify
from revet.tools.calculate import Passage, problems_in

SOON = 20.0
"""Seconds: far more than any of these texts needs on a busy machine, far less than a hanging one takes."""

numerals = st.integers(0, 10**6).map(str) | st.decimals(0, 1000, places=3).map(str)


def grown(inner: st.SearchStrategy[tuple[str, Fraction | None]]) -> st.SearchStrategy[tuple[str, Fraction | None]]:
    def joined(parts: tuple[tuple[str, Fraction | None], str, tuple[str, Fraction | None]]) -> Any:
        (left, a), sign, (right, b) = parts
        text = f"({left}) {sign} ({right})"
        if a is None or b is None or (sign == "/" and b == 0):
            return text, None
        values = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}
        return text, values[sign]

    return st.tuples(inner, st.sampled_from("+-*/"), inner).map(joined)


expressions = st.recursive(numerals.map(lambda text: (text, Fraction(text))), grown, max_leaves=12)


@given(expressions)
@settings(deadline=None, max_examples=100)
def test_random_expressions_have_the_value_of_fractions(case: tuple[str, Fraction | None]) -> None:
    text, value = case
    term = read_whole(tokens(text), labels=False)
    if value is None:
        with pytest.raises(Undefined):
            evaluate(term)
    else:
        assert evaluate(term).number == value


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(-99, 99)), min_size=1, max_size=8), st.integers(-99, 99))
@settings(deadline=None)
def test_precedence_and_signs_are_those_of_python(parts: list[tuple[str, int]], first: int) -> None:
    text = str(first) + "".join(f" {sign} {number}" for sign, number in parts)
    assert evaluate(read_whole(tokens(text), labels=False)).number == eval(text)  # of digits and signs made above


@given(expressions, st.fractions(-3, 3, max_denominator=1000))
@settings(deadline=None, max_examples=60)
def test_a_written_value_is_right_exactly_if_it_is_the_value(case: tuple[str, Fraction | None], off: Fraction) -> None:
    text, value = case
    if value is None or not any(sign in text for sign in "+-*/"):
        return
    claimed = value + off
    shown = f"({claimed.numerator})/({claimed.denominator})"
    (checked,) = review(f"{text} = {shown}")
    assert not (off == 0 and checked.wrong)
    if abs(off) * 100 > abs(value) + abs(claimed) and checked.judged.verdict != "unknown":
        assert checked.wrong


@given(
    st.text(max_size=300)
    | st.text(alphabet="0123456789+-*/^=()<>.,%$ x\n", max_size=200)
    | st.text(alphabet='"[]?<>():; abcans wertigo123', max_size=200)
)
@settings(deadline=None, max_examples=250)
def test_any_text_is_read_with_spans_that_lie_in_it(text: str) -> None:
    for token in tokens(text):
        assert 0 <= token.start < token.end <= len(text)
    for checked in review(text):
        assert 0 <= checked.start < checked.end <= len(text)
        assert text[checked.start : checked.end] == checked.text
    examine(f"How many are {text}?", text)
    verify(text, text.split("\n"))
    compute(text[:200])
    found = problems_in(text or "?", [Passage(text, 0), Passage(text)])
    for problem in found.problems:
        if problem.location is not None and problem.location.span is not None:
            start, end = problem.location.span
            assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9 = 1",
        "factorial(factorial(300)) = 1",
        "2^" * 5000 + "2 = 1",
        "(" * 20_000 + "1" + ")" * 20_000 + " = 1",
        "1 + " * 20_000 + "1 = 3",
        "-" * 20_000 + "1 = 1",
        "1 = " * 20_000,
        "<<1+1=" * 9_000,
        "<<1+1=3>>" * 4_000,
        "9" * 90_000 + " + 1 = 2",
        "1," * 20_000 + "= 2",
        "1:" * 40_000,
        "x^2 = 2, " * 1_000,
        "12345 6789 " * 8_000 + "= 4",
        "\\frac{" * 15_000,
        "1! = 1 " * 12_000,
        " " * 99_000 + "= 1",
        "100! / 99! = 100, 0.1^300 = 1, 300!^300! = 2",
        '"a" < "b" < ' * 8_000,
        "how many " * 11_000,
        "so 1 inch = 9 feet. " * 5_000,
        "```\n1 + 1 = 3\n" * 7_000,
        "1.200 + 1 = 2 about\n" * 5_000,
        "2 + 2 == 5 < 4, v1 3 < 2\n" * 4_000,
    ],
    ids=lambda text: text[:12],
)
async def test_hostile_texts_take_no_time(text: str) -> None:
    started = time.monotonic()
    for goal in ("How many apples are 12 and 13?", text[:5000] or "?"):
        now = View(task=Task(goal=goal), run="r", draft=Draft(author="a", answer=text))
        for call in Calculate().plan(now):
            await Calculate().run(call, now)
    compute(text[:2000])
    assert time.monotonic() - started < SOON


async def test_a_text_that_is_too_long_is_inconclusive() -> None:
    now = View(task=Task(goal="?"), run="r", draft=Draft(author="a", answer="1 + 1 = 3\n" * 20_000))
    (call,) = Calculate().plan(now)
    evidence = await Calculate().run(call, now)
    assert evidence.outcome is Outcome.inconclusive and "100000 characters" in evidence.observation


async def test_many_wrong_calculations_stay_a_bounded_report() -> None:
    text = "\n".join(f"{n} + 1 = {n + 3}" for n in range(400))
    now = View(task=Task(goal="?"), run="r", draft=Draft(author="a", answer=text))
    (call,) = Calculate().plan(now)
    evidence = await Calculate().run(call, now)
    assert len(evidence.observation) < 4200
    problems = evidence.data["problems"]
    assert isinstance(problems, list) and len(problems) == 20
    assert evidence.data["calculations"] == 400


@pytest.mark.parametrize(
    ("unit", "other", "expected"),
    [
        ("hours", "minutes", Fraction(60)),
        ("feet", "inches", Fraction(12)),
        ("miles", "feet", Fraction(5280)),
        ("pounds", "ounces", Fraction(16)),
        ("gallon", "cups", Fraction(16)),
        ("cups", "tablespoons", Fraction(16)),
        ("dollars", "cents", Fraction(100)),
        ("years", "months", Fraction(12)),
        ("weeks", "days", Fraction(7)),
        ("hours", "miles", None),
        ("eggs", "eggs", None),
    ],
)
def test_units_have_the_ratios_of_their_definitions(unit: str, other: str, expected: Fraction | None) -> None:
    assert ratio(unit, other) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,234.50", "1234.5"), ("7", "7"), (".5", "0.5"), ("1 000", "1000"), ("1.2.3", None), ("", None), ("٣", None)],
)
def test_numerals(text: str, value: str | None) -> None:
    shown = read_number(text)
    assert (None if shown is None else said(shown.value)) == value


@pytest.mark.parametrize("text", ["", "1 +", "(1", "1)", "a b", "* 3", "1 2", "f(2)", "{1", "sqrt()", "1 % 0 2"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises((NotReadable, Undefined)):
        evaluate(read_whole(tokens(text)))
