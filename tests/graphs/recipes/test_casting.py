"""What no recipe can be cast from is told in words, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent, Recipe
from revet.graphs.team import Options, Roles, Team
from revet.policy import Policy
from revet.schema import Draft
from revet.tools.base import View


class Half:
    """A strategy that cannot choose."""

    name, selects = "half", True

    async def drafts(self, view: View) -> Sequence[Draft]:
        return []


def half(roles: Roles, options: Options, policy: Policy) -> Team:
    someone = Scripted([])
    strategy: Any = Half()
    return Team(proposer=someone, reviser=someone, critics=(), tools=(), policy=policy, strategy=strategy)


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (7, {}, "7 is no recipe"),
        ("vot", {}, "did you mean vote"),
        ("vote", ["samples"], "is no mapping"),
        (Recipe(name="half", summary="", cast=half, without_model=True), {}, "half has no `wants_more`, `choose`"),
    ],
)
def test_what_cannot_be_cast_is_told(recipe: Any, options: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        Agent(Scripted([]), recipe=recipe, options=options, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
