"""The part of `revet doctor` about tools: what they need besides Revet, and the command that brings it."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

from revet.cli.doctor_tools import BROWSERS, PACKAGES, needs_found

HOME = Path(__file__).parents[2]


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    found = list(needs_found())
    assert not any(each.works for each in found)
    assert [(each.name, each.hint.partition(";")[0]) for each in found] == [
        ("render", "apt-get install -y chromium"),
        ("static", "pip install 'revet[types]'"),
        ("mcp", "pip install 'revet[mcp]'"),
        ("sql", "pip install 'revet[duckdb]'"),
        ("sql", "pip install 'revet[postgres]'"),
    ]
    assert "not installed: psycopg, with which PostgreSQL is asked" in found[-1].words


def test_what_is_there_is_told_with_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr("revet.cli.doctor_tools.version", lambda name: "9.8")
    found = list(needs_found())
    assert all(each.works and not each.hint for each in found)
    assert str(browser) in found[0].words and found[1].words == "types are checked with mypy 9.8"


def test_the_browsers_are_those_that_are_looked_for() -> None:
    guest = ast.parse((HOME / "revet/tools/_render/_guest/browse.py").read_text())  # it runs when it is imported
    given = [node for node in guest.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAMES"]
    assert ast.literal_eval(given[0].value) == BROWSERS


def test_the_extras_bring_the_packages() -> None:
    extras = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all(any(line.startswith(package) for line in extras[extra]) for _, _, package, extra in PACKAGES)
