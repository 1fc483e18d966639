"""The page around any body: self-contained, and able to do nothing but to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from markupsafe import Markup

from revet.report.html import page, render
from tests.browser_support import axe, wider_than_screen

BODY = Markup("<h1>A title</h1><p>Some words, and a <a href='#main'>link</a>.</p>")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_is_accessible(page_of: Callable[..., Any], width: int, dark: bool) -> None:
    opened = page_of(page("A title", BODY), width=width, dark=dark)
    assert opened.title() == "A title"
    assert axe(opened) == []
    assert not wider_than_screen(opened)


def test_only_its_own_script_runs(page_of: Callable[..., Any]) -> None:
    opened = page_of(page("A title", BODY, script="document.title = 'ran'"))
    assert opened.title() == "ran"


def test_markup_that_slipped_in_could_still_do_nothing(browser: Any, tmp_path: Any) -> None:
    """The policy stops what no template of ours would let through."""
    slipped = Markup("<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">")
    file = tmp_path / "page.html"
    file.write_text(page("A title", slipped))
    opened = browser.new_page()
    opened.goto(file.as_uri())
    assert opened.title() == "A title"
    opened.close()


def test_what_is_shown_is_text(page_of: Callable[..., Any]) -> None:
    hostile = "<script>1</script>\x00\x1b[31m\u202e\ud800</title><img src=x>"
    text = page(hostile, render("page.html", title="", body=hostile, style="", script="", csp=""))
    text.encode("utf-8")
    assert "<script>1" not in text and "<img" not in text
    assert "⟨U+202E⟩" in text and "⟨U+D800⟩" in text


def test_a_script_that_would_end_early_is_refused() -> None:
    with pytest.raises(ValueError, match="inline script"):
        page("A title", BODY, script="'</script>'")
