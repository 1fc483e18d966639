"""The methods that Revet can run, by name: one file each, read when the method is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module

from revet.errors import InputError
from revet.graphs.team import Options, Published, Recipe, Roles, Team, Unmet

__all__ = ["RECIPES", "Options", "Published", "Recipe", "Roles", "Team", "Unmet", "recipe_named"]

_FILES = (
    "core",
    "critic",
    "self_refine",
    "reflexion",
    "critic_cot",
    "ctrl",
    "refiner",
    "lyra",
    "checklist",
    "panel",
    "collective",
    "table_critic",
    "self_contrast",
    "recursive",
    "debiased_judge",
    "rethink_mcts",
    "swe_search",
    "thought_rollback",
    "cr_planner",
    "vote",
    "iad",
    "mini_n",
    "echo_trail",
    "critic_tool",
    "draft",
    "reseek",
)
"""In the order in which they are listed. A recipe's name has ``-`` where its file has ``_``, and is there in capitals:
``self-refine`` is ``SELF_REFINE`` in ``self_refine.py``."""


class _Recipes(Mapping[str, Recipe]):
    """The recipes by name. Their modules are imported one by one, when they are looked at."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = {file.replace("_", "-"): file for file in files}

    def __getitem__(self, name: str) -> Recipe:
        file = self._files[name]
        recipe: Recipe = getattr(import_module(f"{__name__}.{file}"), file.upper())
        return recipe

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


RECIPES: Mapping[str, Recipe] = _Recipes(_FILES)


def recipe_named(name: str, among: Mapping[str, Recipe] = RECIPES) -> Recipe:
    """The recipe of that name. Raises `InputError` that names the nearest."""
    if not isinstance(name, str):
        raise InputError(f"{name!r} is no recipe", hint='give a name, such as "vote", or a `Recipe`')
    if name in among:
        return among[name]
    near = get_close_matches(name.casefold().replace("_", "-"), among, n=3, cutoff=0.6)
    known = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(f"there is no recipe {name!r}", hint=f"{known}the recipes: {', '.join(among)}")
