from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from revet.cli import app
from tests.cli.fakes import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Fake agents behind the command line, in an empty current folder."""
    world = World()
    monkeypatch.setattr("revet.batch.SharedAgents", world.opened)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return world


@pytest.fixture
def revet() -> Callable[..., Result]:
    """Runs `revet` with these words and gives its exit code, stdout and stderr."""

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return run
