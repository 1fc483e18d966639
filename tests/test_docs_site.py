"""The documentation site is whole: it builds without a warning, its links lead somewhere, it loads nothing from
elsewhere, and every public name is described.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import revet
from tests.browser_support import axe, browser, wider_than_screen
from tests.docs_support import ROOT, pages

__all__ = ["browser"]

ROOMS = (
    "revet",
    "revet.actions",
    "revet.agents",
    "revet.errors",
    "revet.evals",
    "revet.gate",
    "revet.graphs",
    "revet.models",
    "revet.policy",
    "revet.report",
    "revet.sandboxes",
    "revet.schema",
    "revet.store",
    "revet.taskfile",
    "revet.tools",
)
"""Where users import from."""
LOADED = (("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data"))
LOOKED_AT = ("index.html", "start.html", "tutorials/01_first_agent.html", "reference/policy.html", "methods/core.html")
REMOTE = re.compile(r"""@import|url\(\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout + done.stderr
    return folder


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def ids(path: Path) -> frozenset[str]:
    return frozenset(str(each["id"]) for each in parsed(path).find_all(id=True))


def html_of(site: Path) -> Iterator[Path]:
    return (path for path in sorted(site.rglob("*.html")) if path.name != "404.html")


def test_every_page_and_notebook_is_in_it(site: Path) -> None:
    for page in pages():
        if page.parent != ROOT:
            built = site / page.relative_to(ROOT / "docs").with_suffix(".html")
            assert (built.with_name("index.html") if page.name == "README.md" else built).is_file(), page
    for notebook in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
        assert (site / "tutorials" / f"{notebook.stem}.html").is_file(), notebook
    assert (site / "start.html").is_file()


def test_links_lead_somewhere(site: Path) -> None:
    wrong = []
    for page in html_of(site):
        for link in parsed(page).find_all("a", href=True):
            parts = urlsplit(str(link["href"]))
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            gone = not target.is_file() or (
                parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in ids(target)
            )
            if gone and not unquote(parts.fragment).startswith("__"):
                wrong.append(f"{page.relative_to(site)}: {link['href']}")
    assert not wrong


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    wrong = []
    for page in html_of(site):
        for name, attribute in LOADED:
            for element in parsed(page).find_all(name, attrs={attribute: True}):
                parts = urlsplit(str(element[attribute]))
                if parts.scheme not in ("", "data") or parts.netloc:
                    wrong.append(f"{page.relative_to(site)}: {str(element)[:200]}")
        wrong += [
            f"{page.name}: {s.string[:200]}" for s in parsed(page).find_all("style") if REMOTE.search(s.string or "")
        ]
    for sheet in site.rglob("*.css"):
        wrong += REMOTE.findall(sheet.read_text(encoding="utf-8"))
    assert not wrong


def test_every_public_name_is_described(site: Path) -> None:
    known = {anchor for page in (site / "reference").glob("*.html") for anchor in ids(page)}
    text = {page.stem: parsed(page).get_text() for page in (site / "reference").glob("*.html")}
    missing = []
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in module.__all__:
            full, page = f"{room}.{name}", text[room.rpartition(".")[2]]
            if full not in known and not (full in page and described_elsewhere(module, name, known)):
                missing.append(full)
    assert not missing


def described_elsewhere(module: ModuleType, name: str, known: set[str]) -> bool:
    """Whether the object is described under another of its names, or is a module with a page of its own."""
    value = getattr(module, name)
    if inspect.ismodule(value):
        return value.__name__ in ROOMS
    others = (importlib.import_module(room) for room in ROOMS)
    return any(getattr(o, name, None) is value and f"{o.__name__}.{name}" in known for o in others)


def test_the_rooms_are_those_of_the_package() -> None:
    assert {f"revet.{room}" for room in revet._ROOMS} <= set(ROOMS)


def test_no_page_holds_a_path_of_this_machine(site: Path) -> None:
    for page in html_of(site):
        assert str(ROOT) not in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_people_can_read_it_in_a_browser_and_nothing_is_asked_for(site: Path, browser: Any, dark: bool) -> None:
    context = browser.new_context(offline=True, color_scheme="dark" if dark else "light")
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for name in LOOKED_AT:
        page.set_viewport_size({"width": 1300, "height": 900})
        page.goto((site / name).as_uri())
        assert axe(page) == [], name
        page.set_viewport_size({"width": 360, "height": 800})
        assert not wider_than_screen(page), name
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
