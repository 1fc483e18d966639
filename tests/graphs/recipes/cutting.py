"""Runs that are cut off at every question to a model in turn, and gone on with: they end as they would have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.graphs import Agent
from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from revet.schema import Run, Task

__all__ = ["ends_alike_wherever_it_is_cut"]


class Cut(Exception):
    """The process ended here, as far as the run can tell."""


async def ends_alike_wherever_it_is_cut(
    recipe: str, task: Task, by: Callable[[Request], Any], folder: Path, **more: Any
) -> Run:
    """The run as it goes through. `by` answers by what is asked alone. Nobody is asked again who has answered."""

    async def run(place: Path, at: int | None) -> tuple[Run, int]:
        asked = 0

        def answer(request: Request) -> Any:
            nonlocal asked
            asked += 1
            if asked == at:
                raise Cut
            return by(request)

        model = LanguageModel(ScriptedModel(answer))
        agent = Agent(model, recipe=recipe, store=place, sandbox=None, **more)
        return await agent.arun(task, run_id="r-1"), asked

    whole, count = await run(folder / "whole", None)
    for at in range(1, count + 1):
        with pytest.raises(Cut):
            await run(folder / str(at), at)
        again, asked = await run(folder / str(at), None)
        assert [a.draft for a in again.attempts] == [a.draft for a in whole.attempts], f"cut at question {at}"
        assert (again.outcome, again.answer) == (whole.outcome, whole.answer)
        assert asked <= count - at + 1, f"cut at question {at}, and {asked} were asked after that"
    return whole
