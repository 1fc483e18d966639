"""The part of `revet doctor` about search: what is there, what is missing, and that nothing is asked unasked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from revet.cli.doctor_search import searches_found
from revet.tools import Found


def test_what_works_is_told_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REVET_HOME", str(tmp_path))
    found = {each.name: each for each in searches_found()}
    assert set(found) == {"corpus", "pdf", "web", "page"} and found["corpus"].works
    assert "SQLite" in found["corpus"].words and f"0 answers in the cache {tmp_path}" in found["web"].words
    assert "not tried" in found["web"].words and "revet doctor --search" in found["web"].hint
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = {each.name: each for each in searches_found()}
    assert (found["pdf"].works, found["pdf"].hint) == (False, "pip install 'revet[documents]'")
    assert (found["web"].works, found["web"].hint) == (False, "pip install ddgs")
    assert found["page"].works and "beautifulsoup4" in found["page"].words


def test_a_broken_cache_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REVET_HOME", str(tmp_path))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "web.sqlite").write_bytes(b"no database" * 999)
    assert "cannot be used" in next(each for each in searches_found() if each.name == "web").words


def test_trying_says_which_engines_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(self: Any, query: str, limit: int) -> Found:
        if self.backends == ("brave",):
            raise TimeoutError("timed out")
        return Found([{"title": "W"}] if self.backends == ("wikipedia",) else [])

    monkeypatch.setattr("revet.tools.engines.Ddgs.__call__", answer)
    found = {each.name: each for each in searches_found(tried=True)}
    assert found["web"].works and "found by wikipedia" in found["web"].words
    assert found["web/brave"].words == "timed out" and found["web/yahoo"].words == "found nothing"

    async def nobody(self: Any, query: str, limit: int) -> Found:
        raise ConnectionError("no route")

    monkeypatch.setattr("revet.tools.engines.Ddgs.__call__", nobody)
    web = next(each for each in searches_found(tried=True) if each.name == "web")
    assert not web.works and "HTTPS_PROXY" in web.hint
