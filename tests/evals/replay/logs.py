"""Plays a suite on rows that a test wrote."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from revet.evals import Source
from revet.evals.estimate import Estimate
from revet.evals.suite import Opens
from revet.evals.trial import Trial


async def played(
    opens: Opens, source: Source, most: int | None = None, **options: JsonValue
) -> tuple[dict[str, Trial], dict[str, Estimate]]:
    """The trials by case, and the figures by name."""
    player = await opens(source, options)
    try:
        trials = await asyncio.gather(*map(player.play, player.cases[:most]))
    finally:
        await player.close()
    return {trial.case: trial for trial in trials}, {each.name: each for each in player.figures(trials)}


async def of_nothing(opens: Opens, source: Source) -> list[Estimate]:
    """The figures of no trials."""
    player = await opens(source, {})
    await player.close()
    return player.figures([])


def said(trial: Trial) -> list[tuple[bool | None, bool | None]]:
    """Of each draft, whether the loop accepted it, and whether it is right."""
    return [(turn.accepted, turn.correct) for turn in trial.turns]
