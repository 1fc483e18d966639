"""Notes as they are kept, whatever keeps them: how long they may be, which words say something, which say the same."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from revet.errors import StoreError
from revet.schema import Note, utcnow

__all__ = [
    "COLUMNS",
    "MOST_TEXT",
    "MOST_WORDS",
    "alike",
    "among",
    "bounded",
    "clean",
    "data_of",
    "duplicates",
    "note_of",
    "now",
    "words_of",
]

MOST_TEXT, MOST_GOAL, MOST_DATA = 4_000, 1_000, 20_000
"""Characters that a note keeps of its text and its goal, and that its data may take as JSON."""
MOST_WORDS = 64
"""Words of a text that is searched for; the first ones count."""
COLUMNS = "n.id, n.kind, n.text, n.goal, n.run, n.uses, n.data"
"""What `note_of` makes a note of, followed by its score."""

# Words that nearly every text has: a note that shares nothing else with the task is not about it.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a about all also an and any are as at be been but by can did do does for from had has have how i if in into is"
        " it its make more no not of on one only or our should so such than that the their them then there these they"
        " this to was we were what when where which who why will with you your",
    )
)


def words_of(text: str) -> tuple[str, ...]:
    """The different words of `text` that say something, in their order and lower case."""
    said = dict.fromkeys(word.lower() for word in re.findall(r"\w+", text))
    return tuple(word for word in said if word not in _COMMON)


def alike(one: str, other: str) -> float:
    """How much of their words two texts have in common: the Jaccard index, 1 for equal texts."""
    first, second = frozenset(words_of(one)), frozenset(words_of(other))
    return _jaccard(first, second) if first or second else float(one == other)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def duplicates(notes: Sequence[Note], similarity: float) -> list[list[Note]]:
    """Groups of near duplicates of one kind, each with the note that stays first.

    Texts whose Jaccard index is `similarity` or more share one of their rarest words: of n words, one of the first
    n - ceil(similarity n) + 1 by rarity (prefix filtering: Chaudhuri et al., ICDE 2006). So only these are looked up.
    """
    bags = [frozenset(words_of(f"{note.goal} {note.text}")) for note in notes]
    common = Counter(word for bag in bags for word in bag)
    groups: list[tuple[frozenset[str], list[Note]]] = []
    by_word: dict[tuple[str, str], list[int]] = {}
    by_text: dict[tuple[str, str, str], int] = {}
    for note, bag in zip(notes, bags, strict=True):
        rare = sorted(bag, key=lambda word: (common[word], word))
        telling = rare[: len(bag) - math.ceil(similarity * len(bag) - 1e-9) + 1]
        near = sorted({place for word in telling for place in by_word.get((note.kind, word), ())})
        same = by_text.get((note.kind, note.goal, note.text))
        known = next((place for place in near if _jaccard(groups[place][0], bag) >= similarity), same)
        if known is not None:
            groups[known][1].append(note)
            continue
        by_text[note.kind, note.goal, note.text] = len(groups)
        for word in telling:
            by_word.setdefault((note.kind, word), []).append(len(groups))
        groups.append((bag, [note]))
    return [group for _, group in groups if len(group) > 1]


def among(kinds: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The condition on the kind of `n`, with its values; none for no kinds."""
    return (f" AND n.kind IN ({', '.join('?' * len(kinds))})", tuple(kinds)) if kinds else ("", ())


def bounded(note: Note) -> Note:
    """The note, cut to what is kept. Raises `StoreError` where its data are too many."""
    if len(data_of(note)) > MOST_DATA:
        raise StoreError(f"the data of the note {note.id} take more than {MOST_DATA:,} characters")
    text, goal = (clean(said)[:most] for said, most in ((note.text, MOST_TEXT), (note.goal, MOST_GOAL)))
    return note.model_copy(update={"text": text, "goal": goal})


def data_of(note: Note) -> str:
    """A note's data as they are kept: JSON in ASCII."""
    return json.dumps(note.data, separators=(",", ":"))


def clean(text: str) -> str:
    """Text that a database and UTF-8 can hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def note_of(row: Sequence[Any]) -> Note:
    """The note of a row with `COLUMNS` and a score."""
    id, kind, text, goal, run, uses, data, score = row
    known = {"id": id, "kind": kind, "text": text, "goal": goal, "run": run, "uses": uses, "score": score}
    return Note.model_validate({**known, "data": json.loads(str(data))})


def now() -> str:
    """The time as it is kept: texts of it are in the order of the times."""
    return utcnow().isoformat()
