"""Plots: well-formed, with words and a table beside each, whatever the values and the names are."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.report.html.played import interval, number
from revet.report.html.plots import MOST_DOTS, TALL, WIDE, Dot, Mark, Plot, curve, dots, flows, histogram, rounds
from tests.report.html.suites import HOSTILE

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
values = st.floats(-1e6, 1e6, allow_nan=False) | st.none()
shares = st.floats(0, 1)
some_dots = st.lists(st.builds(Dot, name=st.text(), value=values, low=values, high=values, n=st.none() | st.just(3)))


def drawn(plot: Plot | None) -> ElementTree.Element:
    """The SVG as XML, with its names checked, and nothing in it out of its bounds."""
    assert plot is not None
    svg = ElementTree.fromstring(str(plot.svg))
    title, desc = svg.find("title"), svg.find("desc")
    assert svg.get("role") == "img" and title is not None and desc is not None and title.text and desc.text
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    height = float((svg.get("viewBox") or "").split()[3])
    for each in svg.iter():
        for name, top in (("x", WIDE), ("cx", WIDE), ("x1", WIDE), ("x2", WIDE), ("y", height), ("cy", height)):
            if each.get(name) is not None:
                assert -1 <= float(each.get(name) or 0) <= top + 1
    for line in svg.iter("polyline"):
        assert all(math.isfinite(float(part)) for part in NUMBER.findall(line.get("points") or ""))
    assert all(len(row) == len(plot.head) for row in plot.rows)
    assert "<table>" in plot.html()
    return svg


@settings(deadline=None, max_examples=40)
@given(some_dots)
def test_any_values_can_be_drawn_by_round(found: list[Dot]) -> None:
    if any(each.value is not None for each in found):
        drawn(rounds("Accuracy", found))
    else:
        assert rounds("Accuracy", found) is None


@settings(deadline=None, max_examples=40)
@given(some_dots, st.lists(st.builds(Mark, name=st.text(), value=st.floats(-10, 10)), max_size=4), st.booleans())
def test_any_values_can_be_drawn_as_dots(found: list[Dot], marks: list[Mark], zero: bool) -> None:
    plot = dots("By group", found, marks, zero=zero)
    if plot is not None:
        drawn(plot)
        assert len(plot.rows) == len(found)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(shares, shares)))
def test_any_curve_can_be_drawn(points: list[tuple[float, float]]) -> None:
    plot = curve("Risk and coverage", points, x="coverage", y="risk")
    assert (plot is None) == (not points)
    if plot is not None:
        drawn(plot)
        assert plot.rows[-1] == (number(points[-1][0]), number(points[-1][1]))


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["right", "wrong"]), st.sampled_from(["right", "wrong", "nothing"])),
        st.integers(0, 10_000),
    )
)
def test_flows_keep_every_case(counts: dict[tuple[str, str], int]) -> None:
    plot = flows("Flows", counts)
    assert (plot is None) == (not sum(counts.values()))
    if plot is not None:
        svg = drawn(plot)
        bands = [each for each in svg.iter("path") if "band" in (each.get("class") or "")]
        assert len(bands) == sum(count > 0 for count in counts.values())
        told = [int(cell.replace(",", "")) for row in plot.rows for cell in row[1:]]
        assert sum(told) == sum(counts.values())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1e9)))
def test_a_histogram_counts_every_positive_value_once(found: list[float]) -> None:
    plot = histogram("Seconds", found, unit="seconds")
    kept = [value for value in found if value > 0]
    assert (plot is None) == (not kept)
    if plot is not None:
        drawn(plot)
        assert sum(int(row[1].replace(",", "")) for row in plot.rows) == len(kept)


def test_what_is_no_number_is_said_in_the_table() -> None:
    plot = rounds("Accuracy", [Dot("0", 0.5, 0.4, 0.6, 9), Dot("1", None, note="no case has a verdict")])
    assert plot is not None
    assert plot.rows[1] == ("1", "not a number: no case has a verdict", "", "")
    assert "From 0.500 in round 0" in plot.says


def test_of_very_many_groups_the_rest_stand_in_the_table() -> None:
    plot = dots("By group", [Dot(f"g{n}", n / 100) for n in range(100)])
    svg = drawn(plot)
    assert plot is not None and len(plot.rows) == 100 and f"{100 - MOST_DOTS} more" in plot.says
    assert len(list(svg.iter("circle"))) == MOST_DOTS


def test_hostile_names_are_text() -> None:
    for plot in (rounds(HOSTILE, [Dot(HOSTILE, 0.5)]), dots(HOSTILE, [Dot(HOSTILE, 0.5)], [Mark(HOSTILE, 1.0)])):
        svg = drawn(plot)
        assert plot is not None and not list(svg.iter("script"))
        html = plot.html()
        assert "<script" not in html and "\u202e" not in html and "\x1b" not in html and "49" not in html
        assert not [name for each in svg.iter() for name in each.keys() if name.startswith("on")]  # noqa: SIM118


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.5, "0.500"), (0.0, "0.000"), (1.0, "1.000"), (12.0, "12"), (-1234.5, "-1,234.500")],
)
def test_numbers_are_told_as_on_the_terminal(value: float | None, text: str) -> None:
    assert number(value) == text
    assert interval(value, None) == ""


def test_the_same_plot_is_the_same_markup() -> None:
    first, second = (rounds("Accuracy", [Dot("0", 0.5), Dot("1", 0.75)]) for _ in range(2))
    assert first == second and TALL > 0
