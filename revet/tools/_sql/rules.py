"""All rules, and how they are applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import conditions, grain, outputs, shape, values
from .finding import Finding
from .query import Query

__all__ = ["RULES", "findings"]

RULES: tuple[Callable[[Query], Iterator[Finding]], ...] = (
    *shape.RULES,
    *values.RULES,
    *grain.RULES,
    *outputs.RULES,
    *conditions.RULES,
)
ASKED = frozenset((*outputs.RULES, *conditions.RULES))
MOST = 12


def findings(query: Query) -> tuple[list[Finding], list[str]]:
    """What the rules find, the surest first; and the names of rules that could not deal with this query.

    Without a question, no query is held against one.
    """
    found: dict[tuple[str, str], Finding] = {}
    failed = []
    for rule in RULES:
        if query.question or rule not in ASKED:
            try:
                found.update({(each.category, each.claim): each for each in rule(query)})
            except Exception as error:  # noqa: BLE001 - a tree that a rule did not foresee costs that rule, no more
                failed.append(f"{rule.__name__}: {type(error).__name__}")
    return sorted(found.values(), key=lambda each: -each.confidence)[:MOST], failed
