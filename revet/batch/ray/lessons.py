"""What earlier runs taught, taken along to a worker; and what a run taught there, brought home."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from revet.schema import Note
from revet.schema.base import to_json
from revet.store import Corrections

__all__ = ["MOST", "known", "learn", "take_along", "taught"]

MOST = 4 * 1024 * 1024
"""Bytes of notes that travel with a task: the newest."""


def known(home: Path | str) -> tuple[Note, ...]:
    """The notes of the store whose `home` this is, as far as they travel, in the order in which they were learnt."""
    found: list[Note] = []
    size = 0
    for note in reversed(Corrections(home).all()):
        size += len(to_json(note))
        if size > MOST:
            break
        found.append(note)
    return tuple(reversed(found))


def take_along(home: Path, notes: Iterable[Note]) -> None:
    """Make them known in a worker's own store."""
    corrections = Corrections(home)
    for note in notes:
        corrections.add([note], run=note.run)


def taught(home: Path, run: str) -> tuple[Note, ...]:
    """What `run` taught in a worker's own store."""
    corrections = Corrections(home)
    return tuple(note for note in corrections.all() if run in corrections.runs(note.id))


def learn(home: Path | str, run: str, notes: Iterable[Note], recalled: Iterable[Note]) -> None:
    """Keep at home what `run` taught, and count what it `recalled`."""
    corrections = Corrections(home)
    corrections.add(notes, run=run)
    corrections.used([note.id for note in recalled], run=run)
