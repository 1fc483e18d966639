"""Whatever tools and models write is text: no page holds an element, an attribute or an address that is not ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revet.report.html import run_page
from revet.report.html.seen import link
from revet.report.html.words import bounded, shown, told
from revet.schema import Run
from tests.browser_support import axe, wider_than_screen
from tests.report.html.samples import hostile_run
from tests.report.html.weird import foreign, runs, texts


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(runs)
def test_any_run_is_a_page_of_ours(run: Run) -> None:
    page = run_page(run)
    page.encode("utf-8")
    assert foreign(page) == []
    closed = _Nesting()
    closed.feed(page)
    assert closed.wrong == []


def test_a_hostile_run_is_only_text(page_of: Callable[..., Any]) -> None:
    page = run_page(hostile_run())
    assert foreign(page) == []
    assert len(page) < 1_000_000
    for width in (360, 1280):
        opened = page_of(page, width=width)
        assert not wider_than_screen(opened)
    assert opened.locator("script, svg, img, iframe, form").count() == 0
    assert axe(opened) == []
    hosts = opened.locator("a[href^=http]").evaluate_all("links => links.map(each => new URL(each.href).host)")
    assert set(hosts) == {"ok.example"}
    assert set(opened.locator("a[href^=http]").evaluate_all("links => links.map(each => each.rel)")) == {
        "noopener noreferrer"
    }
    assert "⟨U+202E⟩" in opened.content()


def test_links_lead_to_the_web_only() -> None:
    good = ["https://example.org", "http://example.org:80/a?b=c#d"]
    bad = ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//example.org", "https://", "https://[", 7]
    bad += [
        "HTTPS ://x",
        "https://a b",
        "https://a\nb",
        "https://a\u202eb",
        "https://" + "a" * 3000,
        None,
        "mailto:a@b",
    ]
    assert [link(url) for url in good] == good
    assert [link(url) for url in bad] == [None] * len(bad)


@settings(deadline=None)
@given(texts, st.integers(10, 200))
def test_what_is_shown_can_be_seen(text: str, limit: int) -> None:
    for out in (shown(text), told(text, limit)):
        out.encode("utf-8")
        kinds = {unicodedata.category(each) for each in out if each not in "\n\t"}
        assert not kinds & {"Cc", "Cs"}
        assert not set(out) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert shown(shown(text)) == shown(text)
    short, left = bounded(text, limit)
    assert (short == text) == (left == 0)
    assert len(short) <= limit + 60


class _Nesting(HTMLParser):
    """Elements that must be closed are, in the order in which they were opened."""

    LEFT_OPEN = frozenset(("meta", "br", "img", "col", "td", "th", "tr", "tbody", "thead", "colgroup"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.LEFT_OPEN:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.LEFT_OPEN and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)
