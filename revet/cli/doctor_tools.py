"""The part of `revet doctor` about tools: whether what some of them need besides Revet is there, and how it is got."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from revet.cli.doctor_models import Found

__all__ = ["needs_found"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "headless_shell")
"""The names under which `render` looks for a Chromium in its sandbox."""

PACKAGES = (
    ("static", "types are checked", "mypy", "types"),
    ("mcp", "servers of tools are asked", "mcp", "mcp"),
    ("sql", "DuckDB is asked", "duckdb", "duckdb"),
    ("sql", "PostgreSQL is asked", "psycopg", "postgres"),
)
"""The tool, what it does with the package, the package, and the extra of Revet that brings it."""


def needs_found() -> Iterator[Found]:
    """What each of the tools needs that asks for more than Revet itself brings. Nothing is started or reached."""
    yield _browser()
    for tool, does, package, extra in PACKAGES:
        if importlib.util.find_spec(package) is None:
            yield Found(False, tool, f"not installed: {package}, with which {does}", f"pip install 'revet[{extra}]'")
        else:
            yield Found(True, tool, f"{does} with {package} {_version(package)}")


def _browser() -> Found:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        hint = "apt-get install -y chromium; in another sandbox than local, in its image"
        return Found(False, "render", "no Chromium is on the PATH, with which pages are shown", hint)
    return Found(True, "render", f"pages are shown with {found}; another sandbox than local needs its own")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of an unknown version"
