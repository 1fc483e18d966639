"""Pages in a real browser: headless Chromium, with no network, that fails a test when a page does what it may not.

A module of tests that looks at pages makes the fixtures its own (in its ``conftest.py``)::

    from tests.browser_support import browser, page_of

    __all__ = ["browser", "page_of"]

and holds no asynchronous test: Playwright's synchronous interface occupies the event loop of its thread.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["CHROMIUM", "axe", "browser", "page_of", "wider_than_screen"]

CHROMIUM = os.environ.get("CHROMIUM") or next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)

PHONE, DESKTOP = 360, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, started once for the tests of a module."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install it, or name its program in $CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (extra `dev`)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page_of(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``page_of(html, width=1280, dark=False, script=True)`` opens a page from a file, offline, and returns it.

    The test fails if any page asked for something else, or if the browser said an error (a breach of the page's
    Content-Security-Policy is one).
    """
    contexts, told = [], []

    def opened(html: str, *, width: int = DESKTOP, dark: bool = False, script: bool = True) -> Any:
        context = browser.new_context(
            offline=True,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: (told.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: _request(asked.url, file, told))
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert told == []


def _request(url: str, file: Path, told: list[str]) -> None:
    if url.partition("#")[0] != file.as_uri() and not url.startswith("data:"):
        told.append(f"asked for {url}")


def axe(page: Any) -> list[str]:
    """What axe-core finds serious or critical, a line for each place."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['target']}: {node['failureSummary']}" for each in grave for node in each["nodes"]]


def wider_than_screen(page: Any) -> bool:
    """True if the page itself, and not something that scrolls inside it, is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
