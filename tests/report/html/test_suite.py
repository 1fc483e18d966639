"""Pages of suites: what they say of an evaluation and of two, in a browser too, and that no content breaks them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from revet.evals.comparing import contrast
from revet.evals.estimate import Estimate
from revet.evals.trial import Trial, Turn
from revet.report.html.played import KINDS, kind_of
from revet.report.html.suite import MOST_CASES, comparison_page, suite_page
from tests.browser_support import PHONE, axe, wider_than_screen
from tests.report.html.suites import HOSTILE, KNOWN, critics, evaluation, picture, trials

SETTLED = 400
"""Milliseconds after which a filter that was typed has been applied."""


def text_of(html: str) -> str:
    """The words of a page, without its head."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


@pytest.fixture(scope="module")
def played() -> str:
    found = trials(120)
    return suite_page(evaluation(found), found, known=KNOWN, picture=picture(found))


@pytest.fixture(scope="module")
def small() -> str:
    """With all its parts, but few cases: looking for what is inaccessible takes its time."""
    found = trials(20)
    return suite_page(evaluation(found), found, known=KNOWN, picture=picture(found))


@pytest.fixture(scope="module")
def compared() -> str:
    one, other = trials(40), trials(40, seed=5)
    a, b = evaluation(one), evaluation(other, id="ldb-b", options={"condition": "all"})
    return comparison_page(a, b, one, other, contrast(a, b, one, other))


def test_a_suite_says_what_was_played_and_what_came_of_it(played: str) -> None:
    text = text_of(played)
    for said in (
        "the gate on recorded repair runs",
        "misses the target of at least 0.600",
        "revet eval ldb --data DATA --split test --limit 500 --option condition=alone",
        "120 of 120 played",
        "a paper, table 3",
        "not a number: no case has an answer",
        "all tasks are alike: no interval",
        "What it does not show: that our critique improves the next draft",
        "Accuracy by round",
        "Risk and coverage",
        "From the first draft to the end",
        "Accuracy, by group",
        "Seconds of a case",
        "revet show r-5",
        "pytest -q: 2 of 5 tests fail",
    ):
        assert said in text
    assert text.index("Committed, and wrong") < text.index("Broke off") < text.index("Committed, and right")


def test_without_what_is_known_of_it_a_suite_is_shown_all_the_same() -> None:
    found = trials(3)
    text = text_of(suite_page(evaluation(found), found))
    assert "accuracy" in text and "What others reached" not in text and "target" not in text


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_case(count: int) -> None:
    found = trials(count)
    unended = evaluation(found, ended_at=None, figures=())
    text = text_of(suite_page(unended, found, known=KNOWN, picture=picture(found)))
    assert "it has not ended" in text and ("No case has been played" in text) == (count == 0)
    shown = suite_page(evaluation(found), found, known=KNOWN, picture=picture(found))
    assert ("nobody can say whether it reaches" in text_of(shown)) == (count == 0)
    empty = evaluation([], id="ldb-none")
    comparison_page(empty, evaluation(found), [], found, contrast(empty, evaluation(found), [], found))


def test_figures_by_round_of_the_evaluation_itself_are_drawn() -> None:
    told = [Estimate(name=f"recall_by_turn/{n}", value=n / 4, n=9) for n in range(3)]
    assert "Recall by turn" in suite_page(evaluation([], figures=told), [])


@pytest.mark.parametrize(
    ("trial", "commits", "name"),
    [
        (Trial(case="c", task="c", error="no"), True, "broke"),
        (Trial(case="c", task="c"), True, "abstained"),
        (Trial(case="c", task="c", asked=True), True, "asked"),
        (Trial(case="c", task="c", chosen=0), True, "unjudged"),
        (Trial(case="c", task="c", chosen=0, correct=True), True, "right"),
        (Trial(case="c", task="c", chosen=0, correct=False), True, "wrong"),
        (Trial(case="c", task="c"), False, "unjudged"),
        (Trial(case="c", task="c", turns=(Turn(round=0, correct=True, accepted=True),)), False, "passed"),
        (Trial(case="c", task="c", turns=(Turn(round=0, correct=True, accepted=False),)), False, "blocked"),
        (Trial(case="c", task="c", turns=(Turn(round=0, correct=False, accepted=True),)), False, "missed"),
        (Trial(case="c", task="c", turns=(Turn(round=0, correct=False, accepted=False),)), False, "caught"),
    ],
)
def test_how_a_case_ended(trial: Trial, commits: bool, name: str) -> None:
    kind = kind_of(trial, commits=commits)
    assert kind.name == name and kind in KINDS


def test_a_suite_of_critics_tells_what_was_missed_and_what_was_blocked() -> None:
    found = critics(40)
    text = text_of(suite_page(evaluation(found), found))
    assert "Wrong, and nothing spoke against it" in text and "Right, and something spoke against it" in text
    assert "Ended with no draft" not in text and "From the first draft" not in text


def test_what_a_figure_of_drafts_is_about_is_not_called_cases() -> None:
    told = [Estimate(name="critic_f1", value=0.5, low=0.4, high=0.6, n=7926)]
    text = text_of(suite_page(evaluation([], figures=told), []))
    assert "n = 7,926" in text and "7,926 cases" not in text


def test_many_drafts_of_a_case_are_told_from_both_ends() -> None:
    turns = tuple(Turn(round=n, correct=False, accepted=False) for n in range(100))
    text = text_of(suite_page(evaluation([]), [Trial(case="long", task="long", turns=turns, why="x" * 5000)]))
    assert "1 ✗ wrong, objected to" in text and "88 more" in text and "100 ✗ wrong" in text
    assert "x" * 200 in text and "x" * 250 not in text


def test_a_comparison_says_what_differs_and_which_cases_flipped(compared: str) -> None:
    text = text_of(compared)
    for said in ("the options differ: condition (alone and all)", "Right in which", "Gained: wrong in A, right in B"):
        assert said in text
    counts = re.search(r"A right ([\d,]+) ([\d,]+) lost A not right ([\d,]+) gained ([\d,]+)", text)
    assert counts is not None and sum(int(each) for each in counts.groups()) == 40
    assert f"{counts[3]} cases gained, {counts[2]} lost" in text


def test_hostile_content_is_text(page_of: Callable[..., Any]) -> None:
    found = [
        each.model_copy(update={"case": f"{HOSTILE}{n}", "group": f"{HOSTILE}{n}", "why": HOSTILE, "error": HOSTILE})
        for n, each in enumerate(trials(4))
    ]
    more: dict[str, Any] = {"id": HOSTILE, "suite": HOSTILE, "split": HOSTILE, "options": {HOSTILE: HOSTILE}}
    hostile = [Estimate(name=HOSTILE, value=0.5, n=1), Estimate(name=f"a/{HOSTILE}", value=0.5, n=1)]
    shown = evaluation(found, figures=(*hostile, Estimate(name="a/b", value=None, n=0, note=HOSTILE)), **more)
    known = KNOWN.model_copy(update={"about": HOSTILE, "note": HOSTILE, "headline": HOSTILE})
    other = shown.model_copy(update={"id": "other"})
    for html in (
        suite_page(shown, found, known=known, picture=picture(found)),
        comparison_page(shown, other, found, found, contrast(shown, other, found, found)),
    ):
        assert "<script>alert" not in html and "\u202e" not in html and "\x1b" not in html
        page = page_of(html)
        assert page.locator("script").count() == 1 and page.locator("[onload]").count() == 0


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (PHONE, False)])
@pytest.mark.parametrize("which", ["small", "compared"])
def test_pages_are_legible_and_accessible(
    which: str, width: int, dark: bool, page_of: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    page = page_of(request.getfixturevalue(which), width=width, dark=dark)
    assert not wider_than_screen(page)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert axe(page) == []
    assert not wider_than_screen(page)


def test_cases_are_found_by_words(played: str, page_of: Callable[..., Any]) -> None:
    page = page_of(played)
    page.get_by_label("Find cases").fill("task/7 ")
    page.wait_for_timeout(SETTLED)
    assert "found" in page.locator(".filter output").inner_text()
    shown = page.locator("table.cases tbody tr:not([hidden])").all_inner_texts()
    assert shown and all("task/7" in each for each in shown)
    page.get_by_label("Find cases").fill("")
    page.wait_for_timeout(SETTLED)
    assert page.locator("table.cases tbody tr:not([hidden])").count() == 120


def test_without_a_script_the_cases_are_there_and_the_search_is_not(played: str, page_of: Callable[..., Any]) -> None:
    page = page_of(played, script=False)
    assert not page.get_by_label("Find cases").is_visible()
    page.locator("details.ends summary").first.click()
    assert page.locator("table.cases").first.is_visible()


def test_thousands_of_cases_open_and_are_searched_without_lag(page_of: Callable[..., Any]) -> None:
    found = trials(6000)
    html = suite_page(evaluation(found, figures=()), found)
    assert len(html) < 2_000_000 and f"{MOST_CASES:,} are shown" in html
    begun = time.monotonic()
    page = page_of(html)
    assert time.monotonic() - begun < 5
    seconds = page.evaluate(
        """() => { const input = document.querySelector('.filter input'), begun = performance.now();
        input.value = 'task/7'; input.form.requestSubmit(); document.body.offsetHeight;
        return (performance.now() - begun) / 1000 }"""
    )
    assert seconds < 1
