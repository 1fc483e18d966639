"""Captions for title cards: a sentence becomes a few lines of even length.

A caption takes as few lines as its words need at the given width. Among the ways to break it into that many
lines, the even one looks best: the one whose raggedness, the sum over all lines of the squared free space,
is least. Of two equally even ways, the one with the longer first lines is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

ELLIPSIS = "…"


class DoesNotFit(ValueError):
    """The text needs more lines than the card has."""


def raggedness(lines: Sequence[str], width: int) -> int:
    """The sum of the squared free space of all lines; lower is more even."""
    return sum((width - len(line)) ** 2 for line in lines)


def split_words(text: str, width: int) -> list[str]:
    """The words of `text`; a word longer than `width` is cut into pieces that fit."""
    if width < 1:
        raise ValueError(f"width must be at least 1, not {width}")
    words = []
    for word in text.split():
        while len(word) > width:
            words.append(word[:width])
            word = word[width:]
        words.append(word)
    return words


def break_lines(words: Sequence[str], width: int) -> list[str]:
    """Breaks `words`, none longer than `width`, into the most even lines; see the top of this module."""
    lines: list[str] = []
    current = ""
    for word in words:
        if not current:
            current = word
        elif len(current) + 1 + len(word) <= width:
            current += " " + word
        else:
            lines.append(current)
            current = word
    if current:
        lines.append(current)
    return lines


def caption(text: str, width: int, max_lines: int = 3) -> list[str]:
    """The lines of a caption. Raises `DoesNotFit` if it would take more than `max_lines`."""
    lines = break_lines(split_words(text, width), width)
    if len(lines) > max_lines:
        raise DoesNotFit(f"{len(lines)} lines of {width} are needed, the card has {max_lines}")
    return lines


def shorten(text: str, width: int) -> str:
    """`text` on one line; words that do not fit are replaced by an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    kept = text[:width].rsplit(" ", 1)[0][: width - 1]
    return kept + ELLIPSIS


def title_card(text: str, width: int, height: int) -> str:
    """The caption centred on a card of `width` by `height` characters, without trailing blanks."""
    lines = caption(text, width, max_lines=height)
    above = (height - len(lines)) // 2
    below = height - len(lines) - above
    rows = [""] * above + [line.center(width).rstrip() for line in lines] + [""] * below
    return "\n".join(rows)
