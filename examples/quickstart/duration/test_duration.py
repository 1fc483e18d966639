from datetime import timedelta

import pytest

from duration import BadDuration, balance, parse, render


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("2d 4h", timedelta(hours=52)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected


def test_capitals_and_blanks_do_not_matter():
    assert parse("  1H 30 M ") == timedelta(minutes=90)


def test_fractions():
    assert parse("1.5h") == timedelta(minutes=90)
    assert parse("0.25s") == timedelta(milliseconds=250)


def test_plus_sign():
    assert parse("+45m") == timedelta(minutes=45)
    assert parse("+ 45m") == timedelta(minutes=45)


def test_minus_sign_applies_to_the_whole_duration():
    assert parse("-1h30m") == timedelta(minutes=-90)
    assert parse(" - 2d 4h") == timedelta(hours=-52)


@pytest.mark.parametrize("text", ["", "   ", "+", "-"])
def test_nothing_to_read(text):
    with pytest.raises(BadDuration, match="no duration"):
        parse(text)


@pytest.mark.parametrize("text", ["10", "5x", "h", "1h 30", "ten minutes", "1..5h", "--5m", "+-5m", "1h-5m"])
def test_unreadable(text):
    with pytest.raises(BadDuration, match="cannot read"):
        parse(text)


@pytest.mark.parametrize("text", ["30m 1h", "1h 2h", "5s 5s", "1m 1d"])
def test_units_go_from_large_to_small(text):
    with pytest.raises(BadDuration, match="out of order"):
        parse(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=90), "1h 30m"),
        (timedelta(days=2, seconds=5), "2d 5s"),
        (timedelta(minutes=-90), "-1h 30m"),
        (timedelta(seconds=7.9), "7s"),
    ],
)
def test_render(duration, text):
    assert render(duration) == text


@pytest.mark.parametrize("text", ["1d 2h 3m 4s", "59s", "23h 59m", "-3h 20m"])
def test_what_is_rendered_can_be_parsed(text):
    assert render(parse(text)) == text


def test_balance_of_a_time_sheet():
    assert balance(["+45m", "1h 30m", "", "15m"]) == "2h 30m"
    assert balance([]) == "0s"


def test_time_off_lowers_the_balance():
    assert balance(["+45m", "-1h", " ", "-10m"]) == "-25m"
