"""What keeps a page small, however long a run was: each content stands once, and all texts together fit.

A search repeats itself: a hundred rounds see the same failing test with the same traceback. Whatever is long is put on
the shelf when it is shown first; where it comes again, a link leads there. And where the distinct texts are too much
for one page, the longest are cut first, all to the same length, so that no short one loses anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from revet.report.html.words import bounded, told

__all__ = ["ROOM", "Place", "Shelf", "fair_limit", "weight"]

ROOM = 2_400_000
"""Bytes for the texts of a page, which may have 5 MB in all; escapes and the markup of lines need the rest."""

LONGEST = 60_000
"""Bytes of one text on a page that has room enough."""

PICTURES = 1_800_000
"""Characters for all pictures of a page, as base64."""

SHORT = 240
"""A text that is not longer is shown again rather than linked to."""


@dataclass(frozen=True)
class Place:
    """Where a content stands on the page: the `anchor` of its first showing, in `where`; `again` if this is not it."""

    anchor: str
    where: str
    again: bool


@dataclass
class Shelf:
    """The contents that a page shows. `prefix` keeps anchors apart where several fragments stand on one page.

    `limit` bounds each text, in bytes of UTF-8 with the weight of its lines; `pictures` are those that fit; `whole` is
    the command that shows all that is left out, if there is one.
    `where` names the part of the page that is being written, for the links that lead back to it.
    """

    prefix: str = ""
    limit: int = LONGEST
    pictures: frozenset[str] | None = None
    where: str = ""
    whole: str = ""
    left: int = 0
    _known: dict[Hashable, Place] = field(default_factory=dict, repr=False)
    _evidence: dict[str, str] = field(default_factory=dict, repr=False)

    def anchor(self, name: str) -> str:
        """The id of an element of this fragment."""
        return f"{self.prefix}{name}"

    def put(self, content: Hashable, stem: str = "c") -> Place:
        """The place of `content`, made now if it is new."""
        known = self._known.get(content)
        if known is not None:
            return Place(known.anchor, known.where, again=True)
        place = Place(self.anchor(f"{stem}{len(self._known) + 1}"), self.where, again=False)
        self._known[content] = place
        return place

    def put_text(self, text: str) -> Place:
        """`put` of a text; of a short one always a new place, since a link would be as long."""
        return Place("", self.where, again=False) if len(text) <= SHORT else self.put(("text", text), "t")

    def shows(self, evidence_id: str, anchor: str) -> None:
        """Evidence with this id is shown at `anchor`, for the findings that cite it."""
        self._evidence[evidence_id] = anchor

    def cited(self, evidence_id: str) -> str | None:
        """The anchor of the evidence, None where the page does not show it."""
        return self._evidence.get(evidence_id)

    def fit(self, text: str) -> str:
        """`text` as far as there is room for it, exactly as it is."""
        return self._cut(text, exact=True)

    def output(self, text: str) -> str:
        """What a program wrote, as far as there is room for it, without colours and cursor movements."""
        return self._cut(text, exact=False)

    def _cut(self, text: str, *, exact: bool) -> str:
        size = weight(text)
        limit = len(text) if size <= self.limit else max(200, len(text) * self.limit // size)
        self.left += len(text) - limit if limit < len(text) else 0
        return bounded(text, limit)[0] if exact else told(text, limit)

    def has_room_for(self, picture: str) -> bool:
        return self.pictures is None or picture in self.pictures


def weight(text: str) -> int:
    """Bytes that a text takes on a page, about: its UTF-8, and some markup for each line."""
    if text.isascii():
        return len(text) + 40 * text.count("\n")
    return len(text.encode("utf-8", "replace")) + 40 * text.count("\n")


def fair_limit(weights: Iterable[int], room: int = ROOM, longest: int = LONGEST) -> int:
    """The greatest limit, up to `longest`, at which texts of these weights, each cut to it, fit into `room`.

    Max-min fairness ("water-filling"): a text shorter than the limit is never cut.
    """
    left, ordered = room, sorted(weights)
    for index, size in enumerate(ordered):
        share = left // (len(ordered) - index)
        if size > share:
            return min(longest, share)
        left -= size
    return longest
