"""The methods in families, as the publications are grouped: for whoever lists them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["FAMILIES", "OTHERS", "by_family"]

FAMILIES = {
    "The plain loop": ("core",),
    "One critic, one loop": (
        "critic",
        "self-refine",
        "critic-cot",
        "ctrl",
        "refiner",
        "lyra",
        "checklist",
    ),
    "Several critics": ("panel", "collective", "table-critic", "self-contrast", "recursive", "debiased-judge"),
    "Search": ("rethink-mcts", "swe-search", "thought-rollback", "cr-planner"),
    "Sampling and voting": ("vote", "iad", "mini-n"),
    "Memory": ("reflexion", "echo-trail"),
    "Tools that fail": ("critic-tool", "draft", "reseek"),
}
OTHERS = "Others"


def by_family(names: Iterable[str]) -> dict[str, list[str]]:
    """The names in their families, in the families' order and within one in the order given; no family is empty."""
    given = list(names)
    known = {name for members in FAMILIES.values() for name in members}
    found = {family: [name for name in given if name in members] for family, members in FAMILIES.items()}
    found[OTHERS] = [name for name in given if name not in known]
    return {family: members for family, members in found.items() if members}
