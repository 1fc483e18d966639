"""Verifies the steps of putting things in an order from clues: who is left of whom, second-newest, finished last.

All orders that satisfy every clue of the question are listed (seven things have 5040). A placement that a step claims
must hold in each of them; what it rules out must hold in none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["verify_arrangement"]

MOST_THINGS, LONGEST = 7, 5000
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
ORDINAL = "|".join(ORDINALS)
LISTED = re.compile(r"there (?:are|were) \w+ [\w ]+?: (.+?)\.|sells \w+ [\w ]+?: (.+?)\.", re.IGNORECASE)
BEFORE = re.compile(
    r"to the left of|older than|less expensive than|cheaper than|finished above|finished before|ahead of"
)
AFTER = re.compile(r"to the right of|newer than|more expensive than|finished below|finished after|behind")
START = r"left(?:most)?|oldest|cheapest|least expensive|first"
END = r"right(?:most)?|newest|most expensive|last"
DIRECTION = re.compile(rf"from (?:the )?(?P<a>{START}|{END}) to (?:the )?(?P<b>{START}|{END})", re.IGNORECASE)
ASSIGNED = re.compile(
    rf"\b(?P<nth>{ORDINAL}|(?:{ORDINAL}) (?:{ORDINAL}) ) (?:bird |book |fruit |golfer |vehicle )?is (?P<what>[^,.;]+)"
)
CLAIM = re.compile(r"\b(?P<how>must be|cannot be|can't be|could not be)\b")

Order = tuple[str, ...]
Clue = Callable[[Order], bool]


def verify_arrangement(question: str, steps: Sequence[str]) -> Traced | None:
    """The first step that claims what need not be so, None where the question is no such puzzle or has no solution."""
    things = _things(question)
    if things is None:
        return None
    lines = [line.strip("- .").lower() for line in question.splitlines() if line.strip().startswith("-")]
    clues = {line: clue for line in lines if (clue := _clue(line, things)) is not None}
    possible: list[Order] = list(itertools.permutations(things))
    orders = [order for order in possible if all(clue(order) for clue in clues.values())]
    if not clues or not orders:
        return None
    read = 0
    for number, step in enumerate(steps):
        said = step.lower()
        cited = [line for line in clues if line in said]
        possible = [order for order in possible if all(clues[line](order) for line in cited)]
        for claim, holds in _claims(step, things, len(things)):
            read += 1
            if not all(map(holds, possible)):
                never = not any(map(holds, orders))
                why = "contradicts the clues" if never else "does not follow from the clues so far"
                return Traced("arrangement", Mistake(number, f"{claim!r} {why}", _suggested(orders)))
        left_out = _left_out(step, cited, things)
        if left_out is not None:
            read += 1
            return Traced("arrangement", Mistake(number, f"{left_out!r} is not carried over", _suggested(orders)))
    return Traced("arrangement") if read else None


def _left_out(step: str, cited: Sequence[str], things: Sequence[str]) -> str | None:
    """A clue of this step that gives a place, where the order that the step lists does not hold the thing at all."""
    direction = DIRECTION.search(step)
    if direction is None:
        return None
    listed = _named(step[direction.end() :], things)
    for line in cited:
        named = _named(line, things)
        if len(named) == 1 and named[0] not in listed:
            return line
    return None


def _suggested(orders: Sequence[Order]) -> str | None:
    return "in order: " + ", ".join(orders[0]) if len(orders) == 1 else None


def _things(question: str) -> list[str] | None:
    listed = LISTED.search(question)
    if listed is None or len(question) > LONGEST:
        return None
    parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", listed[1] or listed[2])
    things = [re.sub(r"^(?:an?|the)\s+", "", part.strip(), flags=re.IGNORECASE).lower() for part in parts]
    return things if 2 <= len(things) <= MOST_THINGS and len(set(things)) == len(things) else None


def _named(text: str, things: Sequence[str]) -> list[str]:
    """The things that a text names, in order."""
    found = [
        (match.start(), thing) for thing in things for match in re.finditer(rf"\b{re.escape(thing)}\b", text.lower())
    ]
    return [thing for _, thing in sorted(found)]


def _clue(line: str, things: Sequence[str]) -> Clue | None:
    named = _named(line, things)
    text = line.lower()
    if len(named) == 2:
        a, b = named
        if BEFORE.search(text):
            return lambda order: order.index(a) < order.index(b)
        if AFTER.search(text):
            return lambda order: order.index(a) > order.index(b)
    if len(named) == 1:
        place = _place(text, len(things))
        if place is not None:
            thing, index = named[0], place
            return lambda order: order[index] == thing
    return None


def _place(text: str, count: int) -> int | None:
    """The index of `the second from the right`, `third-newest`, `finished last`."""
    finished = re.search(rf"finished (?P<nth>{ORDINAL})(?:-to-(?P<last>last))?\b", text)
    if finished is not None:
        index = ORDINALS.index(finished["nth"])
        return count - 1 - index if finished["last"] else index
    match = re.search(
        rf"(?:\b(?P<nth>{ORDINAL})(?: from the |-to-|-| ))?\b(?P<end>most expensive|least expensive|{START}|{END})\b",
        text,
    )
    if match is None:
        return None
    index = ORDINALS.index(match["nth"]) if match["nth"] else 0
    last = re.fullmatch(END, match["end"]) is not None
    index = count - 1 - index if last else index
    return index if 0 <= index < count else None


def _claims(step: str, things: Sequence[str], count: int) -> Iterator[tuple[str, Clue]]:
    for sentence in re.split(r"(?<=[.;])\s+", step):
        yield from _assigned(sentence, things, count)
        if CLAIM.search(sentence):
            yield from _must(sentence, things, count)


def _assigned(sentence: str, things: Sequence[str], count: int) -> Iterator[tuple[str, Clue]]:
    """``from left to right: first is the owl, then second …``: each thing that is put somewhere."""
    direction = DIRECTION.search(sentence)
    if direction is None:
        return
    backwards = re.fullmatch(END, direction["a"].lower()) is not None
    for match in ASSIGNED.finditer(sentence[direction.end() :]):
        what = match["what"].lower()
        named = set(_named(what, things))
        if not named or " any " in f" {what} " or "unknown" in what:
            continue
        index = ORDINALS.index(match["nth"].split()[0])
        if index >= count:
            yield match[0], lambda order: False
            continue
        place = count - 1 - index if backwards else index
        yield match[0], lambda order, place=place, named=named: order[place] in named  # type: ignore[misc]


def _must(sentence: str, things: Sequence[str], count: int) -> Iterator[tuple[str, Clue]]:
    """``the owl must be the leftmost``, ``the owl cannot be the rightmost``."""
    for part in re.split(r",\s+|\s+(?:so|and|because|since)\s+", sentence):
        claim = CLAIM.search(part)
        named = _named(part[: claim.start()], things) if claim is not None else []
        if claim is None or len(named) != 1 or _named(part[claim.end() :], things):
            continue
        place = _place(part[claim.end() :].lower(), count)
        if place is None:
            continue
        thing, must = named[0], claim["how"] == "must be"
        yield part, lambda order, place=place, thing=thing, must=must: (order[place] == thing) == must  # type: ignore[misc]
