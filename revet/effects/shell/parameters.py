"""``${name operator argument}``: what the operators of a parameter expansion make of a value (bash manual 3.5.3)."""

from __future__ import annotations

import ast
import operator as op
import re
import shlex
from collections.abc import Callable

from revet.effects.shell.ansi import ansi_c
from revet.effects.shell.patterns import matcher

__all__ = ["calculate", "remove", "replace", "sliced", "transformed"]

Pieces = list[tuple[str, bool]]

_WORK = 1_000_000  # bounds what a pattern may cost: the length of the text to the power of its stars

_OPERATIONS: dict[type, Callable[[int, int], int]] = {
    ast.Add: op.add,
    ast.Sub: op.sub,
    ast.Mult: op.mul,
    ast.BitAnd: op.and_,
    ast.BitOr: op.or_,
    ast.BitXor: op.xor,
    ast.FloorDiv: lambda a, b: int(a / b),
    ast.Mod: lambda a, b: a - b * int(a / b),
}


def _compiled(pieces: Pieces, text: str, *, greedy: bool = True) -> re.Pattern[str] | None:
    unquoted = "".join(t for t, quoted in pieces if not quoted)
    stars = unquoted.count("*") + 2 * unquoted.count("(")
    if len(text) ** max(stars, 1) > _WORK:
        return None
    return matcher(pieces, greedy=greedy)


def remove(text: str, operator: str, pieces: Pieces) -> str | None:
    """``#``, ``##``, ``%``, ``%%``; None if it cannot be told."""
    found = _compiled(pieces, text)
    if found is None:
        return None
    ends = range(len(text) + 1)
    if operator[0] == "#":
        order = ends if operator == "#" else reversed(ends)
        return next((text[n:] for n in order if found.fullmatch(text, 0, n)), text)
    order = reversed(ends) if operator == "%" else iter(ends)
    return next((text[:n] for n in order if found.fullmatch(text, n)), text)


def replace(text: str, operator: str, pieces: Pieces, new: str) -> str | None:
    """``/``, ``//``, ``/#``, ``/%``; None if it cannot be told."""
    found = _compiled(pieces, text)
    if found is None or "&" in new or len(text) * len(new) > _WORK:
        return None
    if not pieces or not "".join(t for t, _ in pieces):
        return text
    if operator == "/#":
        hit = found.match(text)
        return new + text[hit.end() :] if hit else text
    if operator == "/%":
        at = next((n for n in range(len(text) + 1) if found.fullmatch(text, n)), None)
        return text if at is None else text[:at] + new
    return found.sub(lambda _: new, text, count=0 if operator == "//" else 1)


def sliced(text: str, start: int, length: int | None) -> str:
    """``${x:start:length}``."""
    if start < 0:
        start += len(text)
        if start < 0:
            return ""
    if length is None:
        return text[start:]
    return text[start : start + length] if length >= 0 else text[start : len(text) + length]


def transformed(text: str, operator: str) -> str | None:
    """``^ ^^ , ,,`` without a pattern and ``@U @u @L @Q @E``; None for the others."""
    match operator:
        case "^" | "@u":
            return text[:1].upper() + text[1:]
        case "^^" | "@U":
            return text.upper()
        case ",":
            return text[:1].lower() + text[1:]
        case ",," | "@L":
            return text.lower()
        case "@Q":
            return shlex.quote(text)
        case "@E":
            return ansi_c(text)
    return None


def calculate(text: str) -> int | None:
    """The value of an arithmetic expression of plain numbers; None for anything else."""
    if len(text) > 100 or "**" in text or not re.fullmatch(r"[0-9a-fA-Fx#\s+*/%()&|^-]*", text):
        return None
    text = re.sub(r"(\d+)#([0-9a-fA-F]+)", _based, text)
    text = re.sub(r"\b0([0-7]+)\b", r"0o\1", text).replace("/", "//").strip()
    if not text:
        return 0
    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None


def _based(found: re.Match[str]) -> str:
    base = int(found[1])
    return str(int(found[2], base)) if 2 <= base <= 36 else "?"


def _value(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        value = _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
        if abs(value) < 2**63:
            return value
    raise ValueError("not plain arithmetic")
