"""kill -9 during commits of files, rows and calls together: nothing torn, nothing done twice, every undo exact."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from revet.actions.calls import functions
from tests.actions.action_worlds import scratch
from tests.actions.mixed_worlds import MixedBench
from tests.actions.test_crash import MODES, at_every_step, at_random_instants, steps_of, twice
from tests.tools.postgres import postgres as postgres


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[MixedBench]:
    monkeypatch.setattr(functions, "_declared", {})
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        yield MixedBench(Path(home))


@pytest.mark.parametrize("mode", MODES)
def test_killed_after_each_step(bench: MixedBench, mode: str) -> None:
    states = at_every_step(bench, mode)
    assert states["before"] and states["after" if mode == "commit" else "before"]
    assert states.keys() <= {"before", "after", "after, and nobody knows", "before, and nobody knows"}


@pytest.mark.parametrize("mode", MODES)
def test_killed_with_a_server(postgres: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_declared", {})
    with tempfile.TemporaryDirectory(dir=scratch()) as home:
        assert at_random_instants(MixedBench(Path(home), postgres), mode, 20)["killed"] == 20


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_random_instants(bench: MixedBench, mode: str) -> None:
    assert at_random_instants(bench, mode, 40)["killed"] == 40


@pytest.mark.parametrize(
    ("mode", "at"), [("commit", 'did mail "ann"'), ("commit", "about to"), ("undo", "undo effect")]
)
def test_killed_again_during_recovery(bench: MixedBench, mode: str, at: str) -> None:
    names = steps_of(bench, mode)
    first = next(number for number, name in enumerate(names, 1) if name.startswith(at.replace('"', "")))
    assert twice(bench, mode, first) >= 1
