"""The tree of critique templates: its inner nodes are kinds of errors, its leaves hold critiques to learn from.

A template is a note of the kind ``template`` whose ``data["path"]`` leads to its node. The tree is what the paths say,
so it needs no store of its own: a leaf is split by giving its templates longer paths. A note with the id of a seed
takes the seed's place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from revet.schema import Note, digest
from revet.store.corrections import alike

__all__ = ["SEEDS", "TEMPLATE", "Tree", "path_of", "seeds"]

TEMPLATE = "template"
SEEDS = Path(__file__).resolve().parent / "seed.json"
"""Our templates to begin with, in the three leaves that the publication begins with."""
OTHER = ("other error",)
MOST_DEPTH, MOST_NAME = 6, 60


@cache
def seeds() -> tuple[Note, ...]:
    """The templates that every tree begins with."""
    return tuple(
        Note(
            id="seed-" + digest(each["goal"], each["text"], length=12),
            kind=TEMPLATE,
            text=each["text"],
            goal=each["goal"],
            data={"path": each["path"]},
        )
        for each in json.loads(SEEDS.read_text(encoding="utf-8"))
    )


def path_of(note: Note) -> tuple[str, ...]:
    """Where the template hangs. What is in no usable form hangs under "other error"."""
    path = note.data.get("path")
    names = [str(name).strip()[:MOST_NAME] for name in path] if isinstance(path, list) else []
    return tuple(name for name in names if name)[:MOST_DEPTH] or OTHER


class Tree:
    """The templates among `notes`, and the seeds that they do not replace."""

    def __init__(self, notes: Iterable[Note] = ()) -> None:
        known = {note.id: note for note in seeds()}
        known.update({note.id: note for note in notes if note.kind == TEMPLATE})
        self.templates: tuple[Note, ...] = tuple(known.values())

    @property
    def leaves(self) -> tuple[tuple[str, ...], ...]:
        """The paths of the leaves, in the order in which they came to be: no other path begins with one of them."""
        paths = dict.fromkeys(path_of(note) for note in self.templates)
        return tuple(p for p in paths if not any(len(q) > len(p) and q[: len(p)] == p for q in paths))

    def outline(self) -> str:
        """The tree without its templates, one node a line, indented."""
        lines: dict[tuple[str, ...], str] = {}
        for path in sorted({path_of(note) for note in self.templates}):
            for depth in range(len(path)):
                lines.setdefault(path[: depth + 1], f"{'  ' * depth}- {path[depth]}")
        return "\n".join(lines.values())

    def find(self, route: Sequence[str]) -> tuple[str, ...] | None:
        """The node that `route` leads to, whatever its case and spaces; as far as it can be followed, None from the
        beginning."""
        found: tuple[str, ...] = ()
        paths = {path_of(note) for note in self.templates}
        for name in route:
            here = {path[len(found)] for path in paths if len(path) > len(found) and path[: len(found)] == found}
            same = sorted(known for known in here if _plain(known) == _plain(name))
            if not same:
                break
            found = (*found, same[0])
        return found or None

    def at(self, path: Sequence[str]) -> tuple[Note, ...]:
        """The templates at this node and below it."""
        return tuple(note for note in self.templates if path_of(note)[: len(path)] == tuple(path))

    def examples(self, path: Sequence[str] | None, goal: str, most: int) -> tuple[Note, ...]:
        """At most `most` templates of the node, of the whole tree for None: those whose tasks read most like `goal`."""
        among = self.at(path) if path is not None else self.templates
        return tuple(sorted(among, key=lambda note: -alike(note.goal, goal))[: max(0, most)])


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
