"""Steps on a screen, compared in words: what kind of step a decision is, and whether two sentences mean the same."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

__all__ = ["majority_labels", "operation_of", "same_step"]

FOLDS = 10
ENOUGH = 0.5
"""The least F1 of the words that two sentences for one step share."""

_WORD = re.compile(r"[a-z0-9]+")
_KINDS = {
    "tap": "tap click press select choose pick open touch hit activate launch",
    "scroll": "scroll swipe slide drag flick pull",
    "type": "type enter input write fill search",
    "back": "back return exit close dismiss cancel",
    "end": "terminate finish complete completed stop end done answer",
    "wait": "wait",
    "switch": "switch navigate go move",
}
_KIND = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_FILLING = """
a an and as at be button by click for from icon in into is it its link more now of on onto option or page screen
section so tab tap that the then there this to up view with you your
"""
_EMPTY = frozenset(_FILLING.split())


def operation_of(decision: str) -> str:
    """What kind of step the text of a decision is: its operation, with what tells two steps of one operation apart
    whatever the screen (the button of the system, the status it ends with). No place, and no text that is entered."""
    from revet.agents.gui import parse_decision

    step = parse_decision(decision)
    told = step.target if step.target and re.fullmatch(r"[A-Za-z_ ]{1,20}", step.target) else ""
    return f"{step.operation.lower()[:40]} {told.lower()}".strip()


def majority_labels(operations: Sequence[str], labels: Sequence[bool], groups: Sequence[str]) -> list[bool]:
    """For each case the label that most cases of its operation have in other groups: what can be told without looking.

    Cross-validated in ten folds by group (steps of one task are alike). An operation that the other folds do not have
    gets their majority; a tie is True.
    """
    fold = [int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS for group in groups]
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)  # by operation: label, and per fold to take away
    for operation, label, part in zip(operations, labels, fold, strict=True):
        for name in (operation, ""):
            counts[name][-1] += 1 if label else -1
            counts[name][part] += 1 if label else -1
            counts[f"{name}/seen"][-1] += 1
            counts[f"{name}/seen"][part] += 1
    guessed = []
    for operation, part in zip(operations, fold, strict=True):
        seen = counts[f"{operation}/seen"][-1] - counts[f"{operation}/seen"][part]
        name = operation if seen else ""
        guessed.append(counts[name][-1] - counts[name][part] >= 0)
    return guessed


def same_step(one: str, other: str) -> bool:
    """Whether two sentences tell of the same step, by their words: the same kind of step, and mostly the same names.

    This is stricter and cruder than the judge of the published figures (a language model that is asked whether two
    sentences "describe a similar action"), so the figures cannot be compared.
    """
    first, second = _words(one), _words(other)
    if not first or not second:
        return False
    kinds = [next((_KIND[word] for word in words if word in _KIND), None) for words in (first, second)]
    if None not in kinds and kinds[0] != kinds[1]:
        return False
    names = [
        Counter(word for word in words if word not in _EMPTY and (kind is None or _KIND.get(word) != kind))
        for words, kind in zip((first, second), kinds, strict=True)
    ]
    if not names[0] and not names[1]:
        return kinds[0] == kinds[1]
    shared = sum((names[0] & names[1]).values())
    return 2 * shared >= ENOUGH * (sum(names[0].values()) + sum(names[1].values()))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("'", ""))
