"""Brackets: what closes a sequence, and the steps of following it with a stack, each held against the sequence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["closing", "verify_brackets"]

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
CLOSERS = {closer: opener for opener, closer in PAIRS.items()}
SEQUENCE = re.compile(
    r"(?:sequence|input|brackets?|parentheses)[^:\n]*:\s*([\s(){}\[\]<>]*[(){}\[\]<>])\s*$", re.I | re.M
)
STACK = re.compile(r"stack(?:\s+(?:is|now))?\s*:?\s*[\"“]?(?P<stack>empty|[\s(\[{<]+)[\"”]?\.?\s*$", re.IGNORECASE)
INPUT = re.compile(r"input\s*#?(?P<number>\d+):\s*(?P<sign>[(){}\[\]<>])", re.IGNORECASE)
ANSWER = re.compile(r"answer is:?\s*(?P<signs>[\s(){}\[\]<>]*)\.?\s*$", re.IGNORECASE)
LONGEST = 2000


def closing(sequence: str) -> str | None:
    """What closes the brackets that the sequence leaves open, None where a bracket closes what is not open."""
    stack: list[str] = []
    for sign in sequence:
        if sign in PAIRS:
            stack.append(sign)
        elif sign in CLOSERS and (not stack or stack.pop() != CLOSERS[sign]):
            return None
    return "".join(PAIRS[sign] for sign in reversed(stack))


def verify_brackets(question: str, steps: Sequence[str]) -> Traced | None:
    """The first step that does not hold, None where the question holds no sequence or the steps follow none."""
    found = SEQUENCE.search(question)
    if found is None or len(question) > LONGEST:
        return None
    signs = [sign for sign in found[1] if not sign.isspace()]
    rest = closing("".join(signs))
    if rest is None:
        return None
    follower, read = _Follower(signs, rest), 0
    for number, step in enumerate(steps):
        claim = follower.wrong(step)
        read += follower.read
        if claim is not None:
            return Traced("brackets", Mistake(number, claim[0], claim[1]))
    return Traced("brackets") if read else None


class _Follower:
    """The stack as it is, and how far the sequence was read."""

    def __init__(self, signs: list[str], rest: str) -> None:
        self.signs, self.rest = signs, rest
        self.at, self.read = 0, 0
        self.stack: list[str] = []

    def wrong(self, step: str) -> tuple[str, str] | None:
        """What is wrong with the step and what is true, None where it holds."""
        self.read = 0
        given = INPUT.search(step)
        if given is not None:
            self.read = 1
            if self.at >= len(self.signs) or self.signs[self.at] != given["sign"]:
                true = self.signs[self.at] if self.at < len(self.signs) else "the end"
                return f"input {self.at + 1} is not {given['sign']!r}", true
            self._next()
        said = STACK.search(step)
        if said is not None:
            self.read = 1
            stack = [] if said["stack"].lower() == "empty" else said["stack"].split()
            stack = [sign for part in stack for sign in part]
            if stack != self.stack:
                true = " ".join(self.stack) or "empty"
                return f"the stack is not {' '.join(stack) or 'empty'!r}", true
        answer = ANSWER.search(step)
        if answer is not None:
            self.read = 1
            if "".join(answer["signs"].split()) != self.rest:
                return "the answer does not close what is open", " ".join(self.rest)
        return None

    def _next(self) -> None:
        sign = self.signs[self.at]
        self.at += 1
        if sign in PAIRS:
            self.stack.append(sign)
        else:
            self.stack.pop()
