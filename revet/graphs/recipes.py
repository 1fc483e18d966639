"""The methods that Revet can run, by name. Each is the core graph with its own roles or its own wiring."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from revet.schema import Model

__all__ = ["RECIPES", "Recipe"]


class Recipe(Model):
    """`source` is the publication that the method follows, or None for our own."""

    name: str
    summary: str
    source: str | None = None


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="core",
                summary="propose, stage, examine with tools, criticise on evidence, gate; revise until proved or spent",
            ),
        )
    }
)
