"""A long run's page stays small: each content stands once, and what is too much is cut, and said to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from revet.report.html import run_page
from tests.report.html.samples import long_run
from tests.report.samples import abstained


def test_the_same_content_stands_once() -> None:
    run = long_run(40)
    same = run.model_copy(update={"attempts": run.attempts[:1] * 40})
    assert len(run_page(same)) < len(run_page(run)) / 3
    trace = "compute(value, 39)"
    assert run_page(same).count(trace) <= 2 * run_page(long_run(1)).count(trace)


def test_a_long_run_is_small() -> None:
    page = run_page(long_run(200))
    assert len(page.encode()) < 2_500_000


def test_texts_that_are_too_much_are_cut_alike() -> None:
    """200 rounds with 100 kB of distinct output each: 20 MB of text, and still a page of less than 5 MB."""
    run = long_run(200)
    attempts = tuple(
        each.model_copy(
            update={"evidence": (each.evidence[0].model_copy(update={"observation": f"line {each.round}\n" * 10_000}),)}
        )
        for each in run.attempts
    )
    page = run_page(run.model_copy(update={"attempts": attempts}))
    assert len(page.encode()) < 5_000_000
    assert "characters of long texts are left out" in page
    assert "line 0\n" in page and "line 199\n" in page


def test_drafts_for_which_there_is_no_room_keep_their_line(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_page(long_run(30))
    monkeypatch.setattr("revet.report.html.run.MOST_MARKUP", 50_000)
    page = run_page(long_run(30))
    assert len(page) < len(whole) / 2
    assert page.count('class="fold draft-fold"') == 30
    assert "There is no room for more of it" in page
    last = page.rindex('id="draft-30"')
    assert "There is no room" not in page[last:] and "attempt 29" in page[last:]


def test_more_attempts_than_a_page_shows() -> None:
    few = abstained()
    page = run_page(few.model_copy(update={"attempts": few.attempts[:1] * 2_005}))
    assert "and 5 more drafts" in page


def test_a_link_opens_what_is_folded(page_of: Callable[..., Any]) -> None:
    opened = page_of(run_page(long_run(100)))
    target = opened.locator("#draft-20")
    assert not target.is_visible()
    opened.locator("nav summary").click()
    opened.locator("nav a[href='#draft-20']").click()
    assert target.is_visible()
