"""What the tests of the suites about critics share: rows in files, suites played to figures, scripted models."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from revet.evals.estimate import Estimate
from revet.evals.source import Source
from revet.evals.suite import Player
from revet.evals.trial import Trial

__all__ = ["opened", "played", "scripted", "written"]

Rows = Sequence[Mapping[str, Any]]


def written(folder: Path, name: str, rows: Rows) -> None:
    """Rows as ``SET/NAME.dev.jsonl`` (or the name as it is, with its ending)."""
    path = folder / (name if name.endswith(".jsonl") else f"{name}.dev.jsonl")
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def opened(suite: str, folder: Path, **options: Any) -> Player:
    module = importlib.import_module(f"revet.evals.critics.{suite}")
    player: Player = asyncio.run(module.open_suite(Source(folder), options))
    return player


def played(suite: str, folder: Path, **options: Any) -> tuple[list[Trial], dict[str, Estimate]]:
    """Every case in order, and the figures by name. Of no trials each has no value, and says so."""
    player = opened(suite, folder, **options)

    async def play() -> list[Trial]:
        try:
            return [await player.play(case) for case in player.cases]
        finally:
            await player.close()

    trials = asyncio.run(play())
    assert [trial.case for trial in trials] == list(player.cases)
    assert len(set(player.cases)) == len(player.cases)
    nothing = player.figures([])
    assert nothing and all(each.value is None and each.note for each in nothing)
    broken = player.figures([Trial(case="x", task="x", error="broke")])
    assert all(each.value is None or each.value == each.value for each in broken)
    found = player.figures(trials)
    assert found[0].name == nothing[0].name
    assert len({each.name for each in found}) == len(found)
    return trials, {each.name: each for each in found}


def scripted(folder: Path, *rules: Mapping[str, Any]) -> str:
    """The name of a model with these rules."""
    path = folder / "model.json"
    path.write_text(json.dumps(list(rules)), encoding="utf-8")
    return f"scripted:{path}"
