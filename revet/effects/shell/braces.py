"""Brace expansion: ``{a,b}`` and ``{1..5}`` (bash manual 3.5.1), over the parts of a word."""

from __future__ import annotations

import re
from typing import TypeAlias

from revet.effects.shell.syntax import Literal, Parameter, Part

__all__ = ["TooMany", "braces"]

_MOST = 1_000
_MARKS = re.compile(r"([{},])")
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?|([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d+))?")

_NAMED = re.compile(r"\$[A-Za-z_]\w*")
_MORE = re.compile(r"\w+")
_NEW = re.compile(r"\$[\w@*#?({'\"]")

Token: TypeAlias = "str | Part"


class TooMany(Exception):
    """The braces stand for more words than are looked at, or make expansions that were not there."""


def braces(parts: tuple[Part, ...]) -> list[tuple[Part, ...]]:
    """The words that `parts` stands for, before any other expansion. Raises TooMany."""
    if not any(isinstance(p, Literal) and not p.quoted and "{" in p.text for p in parts):
        return [parts]
    tokens: list[Token] = []
    for part in parts:
        if isinstance(part, Literal) and not part.quoted:
            tokens.extend(t for t in _MARKS.split(part.text) if t)
        else:
            tokens.append(part)
    return [_parts(found) for found in _expand(tokens, 0)]


def _parts(tokens: list[Token]) -> tuple[Part, ...]:
    """Braces are expanded before all else, as text: ``$x{a,b}`` stands for ``$xa $xb``."""
    found: list[Part] = []
    for token in tokens:
        last = found[-1] if found else None
        if not isinstance(token, str):
            found.append(token)
        elif isinstance(last, Literal) and not last.quoted:
            found[-1] = Literal(last.text + token)
        elif (
            isinstance(last, Parameter)
            and not last.quoted
            and _NAMED.fullmatch(last.raw)
            and (more := _MORE.match(token))
        ):
            found[-1] = Parameter(last.name + more[0], last.raw + more[0], False)
            if token[more.end() :]:
                found.append(Literal(token[more.end() :]))
        else:
            found.append(Literal(token))
    if any(isinstance(p, Literal) and not p.quoted and _NEW.search(p.text) for p in found):
        raise TooMany
    return tuple(found)


def _expand(tokens: list[Token], depth: int) -> list[list[Token]]:
    if depth > 20:
        raise TooMany
    for at, token in enumerate(tokens):
        if token != "{":
            continue
        group = _group(tokens, at)
        if group is None:
            continue
        alternatives, end = group
        before = tokens[:at]
        after = _expand(tokens[end + 1 :], depth + 1)
        found: list[list[Token]] = []
        for alternative in alternatives:
            for inner in _expand(alternative, depth + 1):
                found.extend([*before, *inner, *rest] for rest in after)
                if len(found) > _MOST:
                    raise TooMany
        return found
    return [tokens]


def _group(tokens: list[Token], start: int) -> tuple[list[list[Token]], int] | None:
    """The alternatives of the braces that open at `start` and the place of their end; None if they are no group."""
    depth = 0
    pieces: list[list[Token]] = [[]]
    for at in range(start + 1, len(tokens)):
        token = tokens[at]
        if token == "}" and depth == 0:
            if len(pieces) > 1:
                return pieces, at
            series = _series(pieces[0])
            return (series, at) if series else None
        if token == "," and depth == 0:
            pieces.append([])
            continue
        depth += (token == "{") - (token == "}")
        pieces[-1].append(token)
    return None


def _series(tokens: list[Token]) -> list[list[Token]] | None:
    text = "".join(t for t in tokens if isinstance(t, str))
    found = _RANGE.fullmatch(text) if all(isinstance(t, str) for t in tokens) else None
    if found is None:
        return None
    if found[1] is not None:
        first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    else:
        first, last, step = ord(found[4]), ord(found[5]), int(found[6] or 1)
    step = abs(step) or 1
    if abs(last - first) // step >= _MOST:
        raise TooMany
    numbers = range(first, last + 1, step) if last >= first else range(first, last - 1, -step)
    if found[1] is None:
        return [[chr(n)] for n in numbers]
    padded = any(re.match(r"-?0\d", found[n]) for n in (1, 2))
    width = max(len(found[1]), len(found[2])) if padded else 0
    return [[str(n).zfill(width)] for n in numbers]
