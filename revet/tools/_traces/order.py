"""Verifies the steps of sorting: keys that are read off, groups that are still to be sorted, orders that are claimed.

Each step is held against the words themselves and against what the steps before it left open: a letter must be the
word's, an order must be true, a group must be sorted before the next, and the order of all must follow from its parts.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["verify_sorting"]

POSITIONS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
WORD = r"\"([^\"]*)\"|“([^”]*)”"
KEY = re.compile(r"\"(?P<word>[^\"]+)\": \"(?P<letter>[^\"]*)\"(?: \((?P<number>\d+)\))?")
POSITION = re.compile(rf"\b({'|'.join(POSITIONS)}) letter", re.IGNORECASE)
ITEM = re.compile(r"(?:\((?P<number>\d+)\)\s*)?(?:\"(?P<word>[^\"]+)\"|\[(?P<group>[^\]]*)\])")
LINK = re.compile(r"\s*(?P<sign>[<=?])\s*")
QUOTED = re.compile(r"\"([^\"]+)\"")
ANSWER = re.compile(r"(?:answer is|sorted (?:list|order) is):?\s*(?P<words>.+)", re.DOTALL | re.IGNORECASE)
SUBPART = re.compile(r"subpart\s*\[([^\]]*)\]")
HENCE = re.compile(r"\b(?:Hence|Therefore|Thus|So),?\b")
LONGEST, MOST_WORDS = 5000, 100
ALIKE = 0.8

Group = tuple[str, ...]


@dataclass
class State:
    """What the steps so far have established: the order of groups, and which of them are still open."""

    words: list[str]
    groups: list[Group] = field(default_factory=list)
    position: int = 0
    current: Group = ()
    pending: list[Group] = field(default_factory=list)


class Broken(Exception):
    """A step does not hold: what is wrong and what is true."""

    def __init__(self, claim: str, suggestion: str | None = None) -> None:
        super().__init__(claim)
        self.claim, self.suggestion = claim, suggestion


def verify_sorting(question: str, steps: Sequence[str]) -> Traced | None:
    """The first step that does not hold, None where the steps are no sorting of the words of the question."""
    words = _words(question)
    if not 2 <= len(words) <= MOST_WORDS or len(question) > LONGEST:
        return None
    quoted = {word for step in steps for word in QUOTED.findall(step)}
    if len(quoted & set(words)) * 2 < len(words) or not any(KEY.search(step) or _chains(step) for step in steps):
        return None
    state = State(words)
    for number, step in enumerate(steps):
        try:
            _check(_spelt(step, state.words), state)
        except Broken as broken:
            return Traced("sorting", Mistake(number, broken.claim, broken.suggestion))
    return Traced("sorting")


def _words(question: str) -> list[str]:
    listed = question.rsplit(":", 1)[-1]
    return re.findall(r"[^\s,;]+", listed)


def _spelt(step: str, words: Sequence[str]) -> str:
    """The step with words that are misspelt as they are in the question: a slip of the pen is no step of sorting."""

    def right(match: re.Match[str]) -> str:
        word = match[1]
        if word in words or len(word) < 4:
            return match[0]
        near = difflib.get_close_matches(word, words, n=1, cutoff=ALIKE)
        return f'"{near[0]}"' if near else match[0]

    return QUOTED.sub(right, step)


def _chains(text: str) -> list[list[Group]]:
    """The orders that are claimed: runs of words and groups between signs."""
    found: list[list[Group]] = []
    at = 0
    while (match := ITEM.search(text, at)) is not None:
        run = [_group(match)]
        at = match.end()
        signs = []
        while (link := LINK.match(text, at)) is not None and (following := ITEM.match(text, link.end())) is not None:
            run.append(_group(following))
            signs.append(link["sign"])
            at = following.end()
        if signs and set(signs) != {"<"}:
            run = _joined(run, signs)
        if len(run) > 1 or match["group"] is not None or signs:
            found.append(run)
    return found


def _joined(run: list[Group], signs: list[str]) -> list[Group]:
    """Items with no order between them (`a ? b`) are one group."""
    joined = [run[0]]
    for group, sign in zip(run[1:], signs, strict=True):
        if sign == "<":
            joined.append(group)
        else:
            joined[-1] = joined[-1] + group
    return joined


def _group(match: re.Match[str]) -> Group:
    return (match["word"],) if match["word"] is not None else tuple(QUOTED.findall(match["group"]))


def _check(step: str, state: State) -> None:
    subpart = SUBPART.search(step)
    if subpart is not None:
        _taken_up(tuple(QUOTED.findall(subpart[1])), state)
    keys = list(KEY.finditer(step))
    if keys:
        _keys(step, keys, state)
        return
    if not state.groups:
        _numbered(step, state)
    hence = HENCE.search(step)
    parts = [step[: hence.start()], step[hence.start() :]] if hence is not None else [step]
    for number, part in enumerate(parts):
        for run in _chains(part):
            _order(run, state, whole=number > 0 or not state.groups)
    answer = ANSWER.search(step)
    if answer is not None:
        _answer(answer["words"], state)


def _taken_up(group: Group, state: State) -> None:
    """A group that is sorted next must be one that is still open; one that was just split goes first."""
    opened = [each for each in state.pending or state.groups if len(each) > 1]
    if sorted(group) not in [sorted(each) for each in state.groups]:
        raise Broken(f"[{', '.join(group)}] is no group that is still to be sorted", _named(opened))
    if opened and sorted(group) not in [sorted(each) for each in opened]:
        raise Broken(f"[{', '.join(opened[0])}] is not sorted yet", f"sort {_named(opened[:1])} first")
    state.current = group


def _named(groups: Sequence[Group]) -> str | None:
    return "; ".join(f"[{', '.join(each)}]" for each in groups) or None


def _keys(step: str, keys: Sequence[re.Match[str]], state: State) -> None:
    named = POSITION.search(step)
    position = POSITIONS.index(named[1].lower()) if named is not None else state.position
    state.position = position
    for key in keys:
        word, letter = key["word"], key["letter"]
        if word not in state.words:
            raise Broken(f"{word!r} is not among the words")
        if word[position : position + 1].lower() != letter.lower():
            raise Broken(
                f"the {POSITIONS[position]} letter of {word!r} is {word[position : position + 1]!r}, not {letter!r}"
            )
        if key["number"] and letter.isascii() and letter.isalpha() and int(key["number"]) != ord(letter.lower()) - 96:
            raise Broken(f"{letter!r} is letter {ord(letter.lower()) - 96} of the alphabet, not {key['number']}")
    expected = state.current or tuple(state.words)
    missing = [word for word in expected if word not in {key["word"] for key in keys}]
    if missing:
        raise Broken(f"{missing[0]!r} was left out")


def _numbered(step: str, state: State) -> None:
    """Where the words are first put in groups, each group's number must be that of its words' letter."""
    for item in ITEM.finditer(step):
        for word in _group(item):
            letter = word[state.position : state.position + 1].lower()
            if item["number"] and "a" <= letter <= "z" and int(item["number"]) != ord(letter) - 96:
                raise Broken(f"{word!r} does not belong under ({item['number']})", f"({ord(letter) - 96}) {word}")


def _order(run: list[Group], state: State, *, whole: bool) -> None:
    """A claimed order: of all words, or of the group that is being sorted."""
    expected = sorted(state.words if whole or not state.current else state.current)
    given = sorted(word for group in run for word in group)
    if given != expected:
        odd = [word for word in given if word not in expected] or [
            word for word in given if given.count(word) > expected.count(word)
        ]
        if odd:
            raise Broken(f"{odd[0]!r} does not belong there")
        raise Broken(f"{next(word for word in expected if word not in given)!r} was left out")
    for before, after in itertools.pairwise(run):
        if max(before) > min(after):
            raise Broken(f"{max(before)!r} does not come before {min(after)!r}", " ".join(sorted(given)))
    for group in run if not (whole and state.groups) else ():
        if len({word[: state.position + 1] for word in group}) > 1:
            raise Broken(f"[{', '.join(group)}] is in order already by the letters that were looked at")
    if whole:
        _kept(run, state)
        state.groups = run
        state.current = ()
    else:
        state.pending = [group for group in run if len(group) > 1]
        replaced = [each for group in state.groups for each in (run if sorted(group) == expected else [group])]
        state.groups = replaced


def _kept(run: list[Group], state: State) -> None:
    """The order of all must hold what was found for its parts: no group may be open that was sorted before."""
    known = {frozenset(group) for group in state.groups}
    for group in run:
        if state.groups and len(group) > 1 and frozenset(group) not in known:
            true = [" < ".join(each) for each in state.groups if set(each) & set(group)]
            raise Broken(f"[{', '.join(group)}] was split before", " < ".join(true))
    claimed = {frozenset(group) for group in run}
    for each in state.groups:
        if len(each) > 1 and frozenset(each) not in claimed:
            raise Broken(f"[{', '.join(each)}] is not sorted yet", " ".join(sorted(each)))


def _answer(said: str, state: State) -> None:
    words = re.findall(r"[^\s,;\"]+", said.strip().rstrip("."))
    true = sorted(state.words)
    opened = [group for group in state.groups if len(group) > 1]
    if opened:
        raise Broken(f"[{', '.join(opened[0])}] is not sorted yet", " ".join(sorted(opened[0])))
    if words != true:
        raise Broken(
            "the answer is not in order" if sorted(words) == true else "the answer does not hold the words",
            " ".join(true),
        )
