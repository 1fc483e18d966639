"""The parts of a claim: sentences with their spans, numerals, dates and names by value."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.tools._claims.citing import citations, references
from revet.tools._claims.dates import Moment, dates, match_dates
from revet.tools._claims.facts import facts_of
from revet.tools._claims.names import Name, names, same_name
from revet.tools._claims.numbers import Match, Quantity, match_quantities, quantities
from revet.tools._claims.quotes import quotations
from revet.tools._claims.split import claims_of, sentences

PAGE = """# Nick Park

Nick Park (born 6 December 1958) is a British animator, e.g. of Mr. Bean vs. J. K. Rowling in the U.S. He won four
awards, and he was born in Preston; Creature Comforts was released in 1989. Is that so?

- Paris is in France.

```python
x = 1  # This is not a claim about anything.
```

| City | Population |
|---|---|
| Paris | 2,100,000 |

> The quick brown fox jumped over 13 dogs.

Das war am 5. März 2020 in Berlin. 东京是日本的首都。大阪不是首都。
"""


def said(text: str) -> list[str]:
    return [claim.text for claim in claims_of(text)]


def quantity(text: str) -> Quantity:
    (found,) = quantities(text)
    return found.quantity


def moment(text: str) -> Moment:
    (found,) = dates(text)
    return found.moment


# --- claims ------------------------------------------------------------------------------------------------------


def test_a_page_is_split_into_its_statements() -> None:
    first = "Nick Park (born 6 December 1958) is a British animator, e.g. of Mr. Bean vs. J. K. Rowling in the U.S."
    assert said(PAGE) == [
        first,
        "He won four\nawards",
        "he was born in Preston",
        "Creature Comforts was released in 1989.",
        "Paris is in France.",
        "| Paris | 2,100,000 |",
        "The quick brown fox jumped over 13 dogs.",
        "Das war am 5. März 2020 in Berlin.",
        "东京是日本的首都。",
        "大阪不是首都。",
    ]


def test_a_claim_knows_what_it_is_about() -> None:
    about = {claim.text: claim.about for claim in claims_of(PAGE)}
    assert about["he was born in Preston"] == "Nick Park"
    assert "Population" in about["| Paris | 2,100,000 |"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It costs 3.5 dollars. Yes!", 2),
        ("Dr. Smith met Prof. Jones at 5 p.m. on Monday.", 1),
        ("He works for Sony Inc. He likes it.", 2),
        ("Wait... what? Really!", 2),
        ('He said "stop." Then he left.', 2),
        ("It ended in 2005.He left.", 2),
        ("Siehe Abb. 3, z. B. hier. Ende.", 2),
        ("", 0),
        ("   \n ", 0),
    ],
)
def test_sentences_end_where_they_end(text: str, count: int) -> None:
    assert len(list(sentences(text))) == count


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=400))
def test_spans_slice_back_to_the_claims_whatever_the_text(text: str) -> None:
    for claim in claims_of(text):
        assert text[claim.start : claim.end] == claim.text
        assert claim.text.strip() == claim.text != ""
    for quote in quotations(text):
        assert text[quote.start : quote.end] == quote.text
    list(citations(text))
    references(text)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="0123456789 .,-/$%€°'\"[](){}:;¹½ſıK\nabkmМарт年月日A1stundJan", max_size=120))
def test_nothing_crashes_on_figures_and_marks(text: str) -> None:
    facts = facts_of(text)
    for token in facts.tokens:
        assert 0 <= token.start < token.end <= len(text)
    assert all(a.end <= b.start or a.start == b.start for a, b in zip(facts.tokens, facts.tokens[1:], strict=False))
    list(claims_of(text))
    list(citations(text))


# --- numerals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("3.5 million", 3_500_000, ""),
        ("3,500,000", 3_500_000, ""),
        ("1.234.567", 1_234_567, ""),
        ("1'234'567", 1_234_567, ""),
        ("1 234 567", 1_234_567, ""),
        ("1.234,5", Fraction(24690, 20), ""),
        ("three hundred and five thousand", 305_000, ""),
        ("twenty-one", 21, ""),
        ("a dozen", 12, ""),
        ("35%", Fraction(7, 20), ""),
        ("35 percent", Fraction(7, 20), ""),
        ("two-thirds", Fraction(2, 3), ""),
        ("$3.5bn", 3_500_000_000, "USD"),
        ("20 Millionen Euro", 20_000_000, "EUR"),
        ("3½ hours", Fraction(7, 2), "h"),
        ("-5 °C", -5, "°C"),
        ("21st", 21, ""),
        ("8,849 m", 8849, "m"),
        ("10 m", 10, "m"),
    ],
)
def test_a_numeral_is_read_by_its_value(text: str, value: Fraction, unit: str) -> None:
    assert (quantity(text).value, quantity(text).unit) == (value, unit)


@pytest.mark.parametrize(
    ("claim", "passage", "match"),
    [
        ("3.5 million", "3,500,000", Match.equal),
        ("1.234", "1,234", Match.equal),
        ("0.35", "35%", Match.equal),
        ("3.5 million", "3,512,345", Match.near),
        ("3 million", "3,212,345", Match.unknown),
        ("10 km", "10 miles", Match.different),
        ("680 miles", "1,094 km", Match.near),
        ("32 °F", "0 °C", Match.near),
        ("about 500", "512", Match.near),
        ("more than 500", "512", Match.near),
        ("more than 500", "499", Match.different),
        ("more than 500", "more than 600", Match.different),
        ("12", "13", Match.different),
        ("12 km", "12 kg", Match.unknown),
        ("third", "3", Match.unknown),
    ],
)
def test_quantities_are_compared_exactly(claim: str, passage: str, match: Match) -> None:
    assert match_quantities(quantity(claim), quantity(passage)) is match


@settings(deadline=None)
@given(st.integers(min_value=2101, max_value=10**12))
def test_an_integer_is_the_same_however_it_is_written(number: int) -> None:
    plain, commas, spaces = (
        quantity(f"{number}"),
        quantity(f"{number:,}"),
        quantity(f"{number:,}".replace(",", "\u202f")),
    )
    assert plain.value == commas.value == spaces.value == number
    assert match_quantities(plain, commas) is match_quantities(commas, spaces) is Match.equal


# --- dates -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.dates(min_value=date(1000, 1, 1), max_value=date(2099, 12, 31)))
def test_a_day_is_the_same_however_it_is_written(day: date) -> None:
    month, year = f"{day:%B}", f"{day.year:04}"
    forms = (
        f"{year}-{day:%m-%d}",
        f"{month} {day.day}, {year}",
        f"{day.day} {month} {year}",
        f"{day:%b}. {day.day}, {year}",
        f"{day.day}.{day.month}.{year}",
        f"{year}年{day.month}月{day.day}日",
    )
    read = [moment(form) for form in forms]
    for each in read:
        assert match_dates(each, read[0]) is Match.equal, forms


@pytest.mark.parametrize(
    ("claim", "passage", "match"),
    [
        ("1958", "6 December 1958", Match.equal),
        ("December 1958", "6 December 1958", Match.equal),
        ("6 December 1958", "1958", Match.unknown),
        ("7 December 1958", "6 December 1958", Match.different),
        ("the 1950s", "1958", Match.equal),
        ("1958", "the 1950s", Match.unknown),
        ("the 20th century", "1958", Match.equal),
        ("03/05/2024", "5 March 2024", Match.equal),
        ("03/05/2024", "6 March 2024", Match.different),
        ("44 BC", "AD 44", Match.different),
        ("c. 1508", "1510", Match.near),
        ("5. März 2024", "March 5, 2024", Match.equal),
        ("5 de marzo de 2024", "2024-03-05", Match.equal),
    ],
)
def test_dates_are_compared_as_finely_as_both_are(claim: str, passage: str, match: Match) -> None:
    assert match_dates(moment(claim), moment(passage)) is match


def test_a_range_of_years_is_two_dates_and_a_count_is_none() -> None:
    assert [each.moment.year for each in dates("1914–18, and 2001-2005")] == [1914, 1918, 2001, 2005]
    assert not list(dates("1500 people paid $1990 for 1914 miles"))


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Nick Park", "Nicholas Wulstan Park", True),
        ("J. K. Rowling", "Joanne Kathleen Rowling", True),
        ("Dr. Müller", "Muller", True),
        ("BBC", "British Broadcasting Corporation", True),
        ("the U.S.", "United States of America", True),
        ("PARK", "Park", True),
        ("Bill Clinton", "William Clinton", True),
        ("North Carolina", "South Carolina", False),
        ("Paris", "Lyon", False),
        ("Ann Park", "Nick Park", False),
    ],
)
def test_names_are_the_same_in_other_forms(one: str, other: str, same: bool) -> None:
    assert same_name(Name(one), Name(other)) is same_name(Name(other), Name(one)) is same


def test_a_capital_alone_makes_no_name() -> None:
    found = names("In Paris he met Nick. Released by the Bank of England, it won.")
    assert [(each.name.text, each.name.weak) for each in found] == [
        ("Paris", False),
        ("Nick", False),
        ("Released", True),
        ("Bank of England", False),
    ]
