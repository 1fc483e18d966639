"""What earlier runs taught, as a prompt shows it, and drafts that an earlier run of the same task was refused.

Notes are data: they are fenced wherever they are shown, and nothing that they say is obeyed or decides anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from revet.agents.chat.fence import fence
from revet.agents.chat.sections import section
from revet.agents.chat.show import cut, share
from revet.schema import Draft, Note

__all__ = ["REFUSED", "notes_section", "refused_before"]

REFUSED = "refused"
"""The kind of a note that says: this draft (``data["draft"]`` is its id) failed a required check, on this workspace."""

HEADING = "What earlier runs taught (advice, which may not fit this task)"
FRAME, MOST_SHOWN = 120, 12


def notes_section(
    notes: Sequence[Note], secret: str, most: int, *, only: Collection[str] = (), without: Collection[str] = ()
) -> str:
    """The notes, of the kinds in `only` if any are named and in `without` never, each fenced, the nearest first.

    "" for none. Ends with an empty line, so that it can stand in a prompt right before the next section.
    """
    shown = [n for n in notes if n.kind not in without and (not only or n.kind in only)][:MOST_SHOWN]
    texts = [f"for: {note.goal}\n{note.text}" if note.goal else note.text for note in shown]
    shares = share([len(text) for text in texts], most - FRAME * len(texts))
    told = [
        fence(cut(text, part), secret, f"note:{note.kind}")
        for note, text, part in zip(shown, texts, shares, strict=True)
    ]
    return section(HEADING, "\n".join(told)) + "\n" if told else ""


def refused_before(draft: Draft, notes: Sequence[Note]) -> Note | None:
    """The note of an earlier run in which this very draft failed; None where there is none."""
    if draft.gives_up or draft.problem is not None:
        return None
    about = [note for note in notes if note.kind == REFUSED]
    return next((note for note in about if note.data.get("draft") == draft.id), None) if about else None
