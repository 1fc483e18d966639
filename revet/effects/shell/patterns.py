"""Patterns of the shell (``*``, ``?``, ``[…]``, extended ones) as regular expressions, for ``${x#…}`` and ``case``."""

from __future__ import annotations

import re

__all__ = ["is_pattern", "matcher"]

_GLOB = re.compile(r"[*?]|[@!+]\(")
_EXTENDED = {"?": "?", "*": "*", "+": "+", "@": ""}
_CLASSES = {
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:alnum:]": "A-Za-z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:blank:]": r" \t",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:xdigit:]": "0-9A-Fa-f",
}


def is_pattern(unquoted: str) -> bool:
    """Whether a word whose unquoted characters are these may become other words."""
    opened = unquoted.find("[")
    return _GLOB.search(unquoted) is not None or (opened >= 0 and "]" in unquoted[opened + 2 :])


def matcher(pieces: list[tuple[str, bool]], *, greedy: bool = True) -> re.Pattern[str] | None:
    """The expression for a pattern given as (text, quoted) pieces; None for what is not understood."""
    text = "".join(re.sub(r"(.)", r"\\\1", t, flags=re.DOTALL) if quoted else t for t, quoted in pieces)
    try:
        source, end = _translate(text, 0, greedy, nested=False)
        return re.compile(source, re.DOTALL) if end == len(text) and len(text) < 500 else None
    except (re.error, ValueError):
        return None


def _translate(text: str, at: int, greedy: bool, *, nested: bool) -> tuple[str, int]:
    out: list[str] = []
    while at < len(text):
        char = text[at]
        if nested and char in "|)":
            break
        if char in "?*+@" and text[at + 1 : at + 2] == "(":
            inner, at = _alternatives(text, at + 2, greedy)
            out.append(f"(?:{inner}){_EXTENDED[char]}")
            continue
        if char == "!" and text[at + 1 : at + 2] == "(":
            raise ValueError("a negated pattern")
        if char == "*":
            out.append(".*" if greedy else ".*?")
        elif char == "?":
            out.append(".")
        elif char == "[" and (found := _bracket(text, at)):
            source, at = found
            out.append(source)
            continue
        elif char == "\\" and at + 1 < len(text):
            at += 1
            out.append(re.escape(text[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out), at


def _alternatives(text: str, at: int, greedy: bool) -> tuple[str, int]:
    found: list[str] = []
    while True:
        source, at = _translate(text, at, greedy, nested=True)
        found.append(source)
        if at >= len(text):
            raise ValueError("a pattern is not closed")
        at += 1
        if text[at - 1] == ")":
            return "|".join(found), at


def _bracket(text: str, at: int) -> tuple[str, int] | None:
    start = at + 1
    negated = text[start : start + 1] in ("!", "^")
    start += negated
    inside = start
    body: list[str] = []
    while inside < len(text) and (text[inside] != "]" or inside == start):
        name = next((n for n in _CLASSES if text.startswith(n, inside)), "")
        if name:
            body.append(_CLASSES[name])
            inside += len(name)
            continue
        if text[inside] == "\\" and inside + 1 < len(text):
            inside += 1
            body.append(re.escape(text[inside]))
        else:
            body.append("-" if text[inside] == "-" else re.escape(text[inside]))
        inside += 1
    if inside >= len(text):
        return None
    return f"[{'^' if negated else ''}{''.join(body)}]", inside + 1
