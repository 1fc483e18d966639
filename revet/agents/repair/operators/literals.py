"""Constants: numbers near by, truth values, strings in other case or spelling, elements of displays."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TypeGuard

from revet.agents.repair.operators.base import Proposal, Site, on, similarity
from revet.agents.repair.patch import Edit
from revet.agents.repair.syntax import FACTOR, POWER, Code

__all__: list[str] = []

_OPPOSITES = dict(zip("()[]{}<>+-/\\\"'.,:;", ")(][}{><-+\\/'\",.;:", strict=True)) | {
    "\n": "",
    "_": "-",
    "&": "|",
    "*": "/",
}
_EMPTY = {"0": 0.2, "[]": 0.2, "''": 0.15, "False": 0.15, "True": 0.1, "{}": 0.1, "1": 0.08, "-1": 0.06}
_NUMERIC = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FAMILIES = ("([{<", ")]}>", ".,;:", "+-*/", "_-", "\n\r\t ", "\"'`")


def literal(value: object) -> Code:
    """A constant as source."""
    text = repr(value)
    if isinstance(value, str) and "'" not in text[1:-1] and '"' not in text and "\\" not in text:
        text = f'"{value}"'
    negative = isinstance(value, int | float) and not isinstance(value, bool) and text.startswith("-")
    return Code(text, FACTOR if negative else POWER + 1)


def spelled(value: str, like: str) -> Code:
    """A string constant in the quotes of another."""
    if like[:1] == "'" and like[:3] != "'''":
        return Code(repr(value))
    return literal(value)


def _in_docstring(site: Site, node: ast.AST) -> bool:
    return isinstance(site.view.parents[node], ast.Expr)


@on(ast.Constant)
def number(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    """Numbers near by, powers of ten and two, and the other numbers of the function and of the tests."""
    value = node.value
    if not is_number(value):
        return
    parent = site.view.parents[node]
    found: dict[tuple[type, int | float], float] = {}
    near = _near_int(value, parent) if isinstance(value, int) else _near_float(value)
    for new, prior in (*near, *_numbers_at_hand(site, node, value)):
        if (new != value or type(new) is not type(value)) and is_number(new):
            found[type(new), new] = max(prior, found.get((type(new), new), 0.0))
    signed = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)
    factor = 0.5 if isinstance(parent, ast.List | ast.Tuple | ast.Set | ast.Dict) else 1.0
    for (_, new), prior in found.items():
        if new >= 0 or not signed:
            yield site.swap(node, literal(new), "constant", prior * factor)
    if isinstance(parent, ast.Return | ast.Assign | ast.keyword):
        yield site.swap(node, "None", "constant", 0.06)
        if value in (0, 1):
            yield site.swap(node, str(bool(value)), "constant", 0.04)


def is_number(value: object) -> TypeGuard[int | float]:
    """True for numbers of a size that people write; not for True and False."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _near_int(value: int, parent: ast.AST) -> list[tuple[int | float, float]]:
    boundary = isinstance(parent, ast.Call | ast.Compare | ast.Subscript | ast.Slice | ast.BinOp)
    step = 0.5 if boundary else 0.4
    found: list[tuple[int | float, float]] = [
        (value + 1, step),
        (value - 1, step),
        (0, 0.25),
        (1, 0.25),
        (-1, 0.15),
    ]
    found += [(2, 0.15), (10, 0.04), (100, 0.02), (-value, 0.15), (value + 2, 0.12), (value - 2, 0.12)]
    found += [
        (value * 2, 0.06),
        (value * 10, 0.06),
        (value // 10, 0.06),
        (value // 2, 0.06),
        (float(value), 0.03),
    ]
    if abs(value) >= 10:
        found += [(value + delta, 0.03) for delta in (10, -10, 5, -5)]
    return found


def _near_float(value: float) -> list[tuple[int | float, float]]:
    found: list[tuple[int | float, float]] = [
        (value + 1, 0.15),
        (value - 1, 0.15),
        (-value, 0.1),
        (0.0, 0.1),
        (1.0, 0.1),
    ]
    found += [
        (value / 2, 0.1),
        (value * 2, 0.1),
        (value * 10, 0.1),
        (value / 10, 0.1),
        (value * 100, 0.05),
        (value / 100, 0.05),
    ]
    if value:
        found.append((1 / value, 0.3))
    if value.is_integer():
        found.append((int(value), 0.1))
    return [(new if isinstance(new, int) else round(new, 12), prior) for new, prior in found]


def _numbers_at_hand(site: Site, node: ast.AST, value: int | float) -> Iterator[tuple[int | float, float]]:
    for rank, other in enumerate(c.value for c in site.constants(node)):
        if is_number(other):
            yield other, 0.15 / (1 + 0.3 * rank)
    for rank, hinted in enumerate(site.hints.values[:40]):
        if is_number(hinted):
            near = abs(hinted - value) <= max(3, abs(value) * 0.2)
            yield hinted, (0.1 if near else 0.04) / (1 + 0.1 * rank)


@on(ast.Constant)
def truth(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    """``True`` ↔ ``False``; ``None`` and the empty values."""
    if isinstance(node.value, bool):
        yield site.swap(node, str(not node.value), "constant", 0.5)
        yield site.swap(node, "None", "constant", 0.06)
    elif node.value is None and not isinstance(site.view.parents[node], ast.Compare):
        for new, prior in _EMPTY.items():
            yield site.swap(node, new, "constant", prior)


@on(ast.Constant)
def string(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    """Other case, blanks, one character more, less or other, the strings at hand, those spelled nearly so."""
    value = node.value
    if not isinstance(value, str) or _in_docstring(site, node) or len(value) > 200:
        return
    like = site.view.text(node)
    if like[:1] not in "\"'" or "\n" in like:
        return  # prefixed, implicitly joined or long strings
    proposals: dict[str, float] = {}
    for new, prior in _variants(value, site, node):
        if new != value:
            proposals[new] = max(prior, proposals.get(new, 0.0))
    for new, prior in proposals.items():
        yield site.swap(node, spelled(new, like), "string", prior)
    if value.isidentifier() and value in site.visible(node):
        yield site.swap(node, value, "name", 0.4)
        yield site.swap(node, f"{value}.encode()", "call-wrap", 0.2)


def _variants(value: str, site: Site, node: ast.AST) -> Iterator[tuple[str, float]]:
    yield from _recased(value)
    yield from _reshaped(value)
    yield from _respelled(value)
    yield from _strings_at_hand(value, site, node)


def _recased(value: str) -> Iterator[tuple[str, float]]:
    yield from ((value.lower(), 0.25), (value.upper(), 0.25), (value.capitalize(), 0.25))
    yield from ((value.title(), 0.1), (value.swapcase(), 0.1))
    if len(value) > 1 and value.isalpha() and (value.islower() or value.isupper()):
        yield value + value.swapcase(), 0.25


def _reshaped(value: str) -> Iterator[tuple[str, float]]:
    """Blanks at the ends, nothing at all, turned round, words and digits changed."""
    yield value.strip(), 0.3
    yield value + " ", 0.12 if value else 0.3
    yield " " + value, 0.12
    yield value + "\n", 0.05
    yield "", 0.25 if len(value) == 1 else 0.08
    if len(value) == 1:
        yield value * 2, 0.12
    if 1 < len(value) <= 40:
        yield value[1:] + value[0], 0.15 if len(value) == 2 else 0.02
        yield value[::-1], 0.1 if len(value) <= 3 else 0.03
        yield value[:-1] + value[-1] * 2, 0.02
    words = value.split(" ")
    if len(words) > 1:
        yield from ((" ".join(words[:i] + words[i + 1 :]), 0.06) for i in range(min(len(words), 12)))
    if _NUMERIC.fullmatch(value):
        yield from ((other, 0.2) for other in _numeric(value))


def _respelled(value: str) -> Iterator[tuple[str, float]]:
    """One character dropped, or exchanged for its opposite or for one of its family."""
    for i, char in enumerate(value[:24]):
        before, after = value[:i], value[i + 1 :]
        likely = i in (0, len(value) - 1) or value.count(char) > 1
        yield before + after, (0.2 if likely else 0.06) / (1 + 0.1 * len(value))
        if char in _OPPOSITES:
            yield before + _OPPOSITES[char] + after, 0.2
        for other in (o for family in _FAMILIES if char in family for o in family):
            yield before + other + after, 0.12


def _strings_at_hand(value: str, site: Site, node: ast.AST) -> Iterator[tuple[str, float]]:
    others = [c.value for c in site.constants(node) if isinstance(c.value, str) and 0 < len(c.value) <= 60]
    for rank, other in enumerate(others[:30]):
        yield other, 0.2 / (1 + 0.3 * rank)
        if len(other) <= 2:
            yield value + other, 0.04
            yield other + value, 0.03
    for hint in site.hints.strings[:300]:
        if hint and hint != value and (prior := _nearness(hint, value)):
            yield hint, prior


def _nearness(hint: str, value: str) -> float:
    """How readily a string of the tests was meant where another one stands; 0 when nothing speaks for it."""
    if hint.lower() == value.lower() or hint.strip() == value.strip():
        return 0.5
    if len(value) >= 3 and similarity(hint, value) >= 0.75:
        return 0.5
    if len(value) <= 2 and len(hint) <= 2:
        return 0.06
    return 0.04 if value and value in hint else 0.0


def _numeric(value: str) -> list[str]:
    """``"0.01"`` → ``"0.001"``, ``"0.1"``, ``"0.02"``: as for ``Decimal``."""
    if "." not in value:
        return [str(int(value) + 1), str(int(value) - 1), value + "0", value + ".0"]
    whole, digits = value.split(".")
    last = int(digits[-1])
    shorter = f"{whole}.{digits[:-2]}{last}" if len(digits) > 1 else str(last)
    return [
        f"{whole}.{digits[:-1]}0{last}",
        shorter,
        f"{whole}.{digits[:-1]}{(last + 1) % 10}",
        f"{whole}.{digits[:-1]}{(last - 1) % 10}",
        str(int(whole) + 1) + "." + digits,
    ]


@on(ast.List, ast.Tuple, ast.Set)
def elements(site: Site, node: ast.List | ast.Tuple | ast.Set) -> Iterator[Proposal]:
    """An element of a display dropped, added, or exchanged with its neighbour."""
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    view, items = site.view, node.elts
    start, end = view.span(node)
    constant = all(isinstance(e, ast.Constant) for e in items)
    for i in range(len(items) - 1):
        (a, b), (c, d) = view.span(items[i]), view.span(items[i + 1])
        text = view.source[start:a] + view.source[c:d] + view.source[b:c] + view.source[a:b] + view.source[d:end]
        prior = 0.35 if len(items) == 2 and not constant else 0.06 if constant else 0.15
        yield site.swap(
            node,
            Code(text, 0 if isinstance(node, ast.Tuple) and not text.startswith("(") else 16),
            "element-swap",
            prior,
        )
    if isinstance(node, ast.List) and not items:
        for binding in site.values_in_scope(node)[:6]:
            yield site.swap(node, f"[{binding.name}]", "element", 0.04)
        yield site.swap(node, "[0]", "element", 0.05)
        yield site.swap(node, "[[]]", "element", 0.05)
        yield site.swap(node, "None", "constant", 0.05)
        return
    if len(items) > 1:
        for i in range(min(len(items), 30)):
            kept = [view.text(e) for j, e in enumerate(items) if j != i]
            inner = ", ".join(kept) + ("," if len(kept) == 1 and isinstance(node, ast.Tuple) else "")
            around = {ast.List: "[]", ast.Set: "{}", ast.Tuple: "()"}[type(node)]
            yield site.swap(node, f"{around[0]}{inner}{around[1]}", "element", 0.15 if constant else 0.06)
    if items and isinstance(node, ast.List) and len(items) == 1:
        yield site.swap(node, "[]", "element", 0.1)
    yield from _added(site, node)


def _added(site: Site, node: ast.List | ast.Tuple | ast.Set) -> Iterator[Proposal]:
    view, items = site.view, node.elts
    values = [e.value for e in items if isinstance(e, ast.Constant)]
    if not values or len(values) != len(items):
        return
    kind = type(values[0])
    found = [v for v in site.hints.values if type(v) is kind]
    found += [c.value for c in site.constants(node) if type(c.value) is kind]
    if kind is int:
        numbers = sorted(v for v in values if isinstance(v, int))
        found = [numbers[-1] + 1, numbers[0] - 1, *found]
    for rank, value in enumerate(dict.fromkeys(v for v in found if v not in values)):
        if rank >= 12:
            return
        end = view.span(items[-1])[1]
        last = view.code(items[-1]).text
        yield site.edit(
            node,
            Edit(end - len(last), end, f"{last}, {literal(value).text}"),
            "element",
            0.08 / (1 + 0.2 * rank),
        )


@on(ast.Dict)
def entries(site: Site, node: ast.Dict) -> Iterator[Proposal]:
    """Two values of a dict display exchanged; one entry dropped."""
    view, start = site.view, site.view.span(node)[0]
    end = view.span(node)[1]
    for i in range(len(node.values) - 1):
        (a, b), (c, d) = view.span(node.values[i]), view.span(node.values[i + 1])
        text = view.source[start:a] + view.source[c:d] + view.source[b:c] + view.source[a:b] + view.source[d:end]
        yield site.swap(node, text, "element-swap", 0.06)
    for i, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
        if key is not None and len(node.keys) > 1:
            first, last = view.span(key)[0], view.span(value)[1]
            following = node.keys[i + 1] if i + 1 < len(node.keys) else None
            if following is not None:
                yield site.edit(node, Edit(first, view.span(following)[0], ""), "element", 0.04)
            elif i:
                yield site.edit(node, Edit(view.span(node.values[i - 1])[1], last, ""), "element", 0.04)
