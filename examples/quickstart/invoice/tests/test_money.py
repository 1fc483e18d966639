from decimal import Decimal

import pytest

from billing import cents, format_amount, parse_amount


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("1.004", "1.00"), ("1.005", "1.01"), ("2.675", "2.68"), ("-1.005", "-1.01"), ("7", "7.00")],
)
def test_cents_rounds_half_away_from_zero(exact, rounded):
    assert str(cents(Decimal(exact))) == rounded


def test_parse_amount_reads_thousands_and_currency():
    assert parse_amount("€ 1,234.50") == Decimal("1234.50")


def test_parse_amount_keeps_fractions_of_a_cent():
    assert parse_amount(" 0.0375 ") == Decimal("0.0375")


@pytest.mark.parametrize("text", ["", "twelve", "1.2.3", "NaN", "Infinity"])
def test_parse_amount_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount(text)


def test_format_amount():
    assert format_amount(Decimal("1234.5")) == "€1,234.50"
    assert format_amount(Decimal("-5")) == "-€5.00"
