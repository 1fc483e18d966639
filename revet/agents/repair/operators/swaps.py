"""Operators exchanged for others, operands with each other; signs and negations added or dropped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.patch import Edit
from revet.agents.repair.syntax import Code, precedence

__all__ = ["BINARY", "replace_symbol"]

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_RIVALS: dict[str, dict[str, float]] = {
    "<": {"<=": 0.75, ">": 0.65, ">=": 0.4, "!=": 0.2, "==": 0.25},
    "<=": {"<": 0.75, ">=": 0.6, ">": 0.4, "==": 0.2, "!=": 0.15},
    ">": {">=": 0.75, "<": 0.65, "<=": 0.4, "!=": 0.2, "==": 0.25},
    ">=": {">": 0.75, "<=": 0.6, "<": 0.4, "==": 0.2, "!=": 0.15},
    "==": {"!=": 0.6, "<=": 0.35, ">=": 0.35, "<": 0.3, ">": 0.3, "in": 0.12, "is": 0.05},
    "!=": {"==": 0.6, "<": 0.3, ">": 0.3, "<=": 0.15, ">=": 0.15, "not in": 0.1, "is not": 0.05},
    "is": {"is not": 0.6, "==": 0.4},
    "is not": {"is": 0.6, "!=": 0.4},
    "in": {"not in": 0.6, "==": 0.15},
    "not in": {"in": 0.6, "!=": 0.15},
}
BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
_ARITHMETIC: dict[str, dict[str, float]] = {
    "+": {"-": 0.55, "*": 0.3, "|": 0.08, "%": 0.06, "//": 0.05, "/": 0.05},
    "-": {"+": 0.55, "%": 0.2, "*": 0.15, "//": 0.15, "/": 0.12, "&": 0.05},
    "*": {"+": 0.3, "/": 0.3, "**": 0.3, "//": 0.2, "-": 0.1, "%": 0.05},
    "/": {"//": 0.5, "*": 0.4, "%": 0.2, "-": 0.08},
    "//": {"/": 0.4, "%": 0.4, "*": 0.2, "-": 0.1, ">>": 0.05},
    "%": {"//": 0.4, "/": 0.15, "*": 0.12, "-": 0.15, "+": 0.1},
    "**": {"*": 0.4, "+": 0.08, "^": 0.02},
    "<<": {">>": 0.5, "*": 0.15, "**": 0.1},
    ">>": {"<<": 0.5, "//": 0.15, "/": 0.05},
    "&": {"|": 0.5, "^": 0.4, "%": 0.05, "-": 0.1},
    "|": {"&": 0.5, "^": 0.4, "+": 0.1, "-": 0.1},
    "^": {"&": 0.5, "|": 0.5, "**": 0.3, "-": 0.05, "+": 0.05},
    "@": {"*": 0.3},
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMMENT = re.compile(r"#[^\r\n]*")


def replace_symbol(gap: str, old: str, new: str) -> str | None:
    """The text between two operands with the operator exchanged; None if it is not found there."""
    masked = _COMMENT.sub(lambda m: " " * len(m.group()), gap)
    pattern = r"\s+".join(re.escape(word) for word in old.split())
    match = re.search(pattern, masked)
    if match is None:
        return None
    before, after = gap[: match.start()], gap[match.end() :]
    if new[0].isalpha():
        before = before if before[-1:].isspace() or before.endswith(")") else before + " "
        after = after if after[:1].isspace() or after.startswith("(") else " " + after
    return before + new + after


def _between(site: Site, left: ast.expr, right: ast.expr, old: str, new: str) -> str | None:
    gap = site.view.source[site.view.span(left)[1] : site.view.span(right)[0]]
    return replace_symbol(gap, old, new)


@on(ast.Compare)
def comparison(site: Site, node: ast.Compare) -> Iterator[Proposal]:
    """Another comparison operator, at each place of a chain."""
    view = site.view
    operands = [node.left, *node.comparators]
    start = view.span(node)[0]
    for i, op in enumerate(node.ops):
        left, right = operands[i], operands[i + 1]
        symbol = _COMPARE[type(op)]
        numeric = isinstance(right, ast.Constant) and isinstance(right.value, int | float)
        for rival, prior in _RIVALS[symbol].items():
            if (rival == "in" and numeric) or (rival in ("is", "is not") and not _singleton(left, right)):
                continue
            ordering = rival in ("<", "<=", ">", ">=") and "str" in (site.kind(left), site.kind(right))
            if (middle := _between(site, left, right, symbol, rival)) is not None:
                text = (
                    view.source[start : view.span(left)[1]]
                    + middle
                    + view.source[view.span(right)[0] : view.span(node)[1]]
                )
                yield site.swap(node, Code(text, precedence(node)), "comparison", prior * (0.3 if ordering else 1.0))
    if len(operands) > 2:
        for kept in (operands[:-1], operands[1:]):
            text = view.source[view.span(kept[0])[0] : view.span(kept[-1])[1]]
            yield site.swap(node, Code(text, precedence(node)), "condition-drop", 0.15)


def _singleton(*operands: ast.expr) -> bool:
    return any(isinstance(o, ast.Constant) and (o.value is None or isinstance(o.value, bool)) for o in operands)


@on(ast.Compare)
def compared_operands(site: Site, node: ast.Compare) -> Iterator[Proposal]:
    """``a < b`` → ``b < a``, ``a in b`` → ``b in a``."""
    if len(node.ops) != 1:
        return
    symbol = _COMPARE[type(node.ops[0])]
    left, right = site.view.code(node.left), site.view.code(node.comparators[0])
    constant = isinstance(node.comparators[0], ast.Constant)
    if symbol in ("in", "not in"):
        yield site.swap(node, right.compare(symbol, left), "operand-swap", 0.05 if constant else 0.4)
    elif symbol in _MIRRORED:
        yield site.swap(node, right.compare(symbol, left), "operand-swap", 0.02 if constant else 0.4)


@on(ast.BinOp)
def arithmetic(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """Another arithmetic or bitwise operator."""
    symbol = BINARY[type(node.op)]
    left, right = site.view.code(node.left), site.view.code(node.right)
    texts = {site.kind(node.left), site.kind(node.right)} & {"str", "list", "tuple", "dict"}
    if texts and symbol == "%" and "str" in texts:
        return
    for rival, prior in _ARITHMETIC[symbol].items():
        factor = 0.1 if texts and rival in ("-", "/", "//", "%", "**") else 1.0
        plain = _between(site, node.left, node.right, symbol, rival)
        new = left.binary(rival, right)
        bracketed = plain is not None and any(c in plain for c in "()")
        if plain is not None and (bracketed or new.text == f"{left.text} {rival} {right.text}"):
            new = Code(left.text + plain + right.text, new.level)
        yield site.swap(node, new, "arithmetic", prior * factor)


@on(ast.BinOp)
def binary_operands(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """``a - b`` → ``b - a``; ``x + a`` → ``a + x`` where order may matter."""
    symbol = BINARY[type(node.op)]
    kinds = {site.kind(node.left), site.kind(node.right)}
    if symbol in ("*", "|", "&", "^"):
        return
    if symbol == "+":
        prior = 0.02 if kinds & {"int", "float"} else 0.4
    elif symbol == "%" and "str" in kinds:
        return
    else:
        prior = 0.3
    swapped = site.view.code(node.right).binary(symbol, site.view.code(node.left))
    yield site.swap(node, swapped, "operand-swap", prior)


@on(ast.BinOp)
def association(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """``a + b / c`` → ``(a + b) / c`` and back: parentheses in the wrong place."""
    code, symbol = site.view.code, BINARY[type(node.op)]
    if isinstance(node.right, ast.BinOp):
        inner, b, c = BINARY[type(node.right.op)], node.right.left, node.right.right
        if {symbol, inner} != {"+"} and {symbol, inner} != {"*"}:
            yield site.swap(node, code(node.left).binary(symbol, code(b)).binary(inner, code(c)), "parentheses", 0.2)
    if isinstance(node.left, ast.BinOp):
        inner, a, b = BINARY[type(node.left.op)], node.left.left, node.left.right
        if {symbol, inner} != {"+"} and {symbol, inner} != {"*"}:
            yield site.swap(node, code(a).binary(inner, code(b).binary(symbol, code(node.right))), "parentheses", 0.2)


@on(ast.AugAssign)
def augmented(site: Site, node: ast.AugAssign) -> Iterator[Proposal]:
    """Another augmented operator, or a plain assignment."""
    view = site.view
    symbol = BINARY[type(node.op)]
    start, end = view.span(node.target)[1], view.span(node.value)[0]
    gap = view.source[start:end]
    text = site.kind(node.value) in ("str", "list")
    for rival, prior in _ARITHMETIC[symbol].items():
        if (new := replace_symbol(gap, symbol + "=", rival + "=")) is not None:
            yield site.edit(node, Edit(start, end, new), "arithmetic", prior * (0.1 if text else 1.0))
    if (new := replace_symbol(gap, symbol + "=", "=")) is not None:
        yield site.edit(node, Edit(start, end, new), "assignment", 0.2)
        swapped = view.code(node.value).binary(symbol, view.code(node.target))
        if symbol != "*" and (symbol != "+" or site.kind(node.value) not in ("int", "float")):
            whole = f"{view.text(node.target)} = {swapped.text}"
            yield site.edit(node, Edit(*view.span(node), whole), "operand-swap", 0.3)


@on(ast.BoolOp)
def boolean(site: Site, node: ast.BoolOp) -> Iterator[Proposal]:
    """``and`` ↔ ``or``, in all of the chain; one operand dropped; one negated is the operand's own affair."""
    view = site.view
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    codes = [view.code(v) for v in node.values]
    joined = codes[0]
    for code in codes[1:]:
        joined = joined.binary(new, code)
    yield site.swap(node, joined, "boolean", 0.5)
    for i in range(len(codes)):
        rest = codes[:i] + codes[i + 1 :]
        kept = rest[0]
        for code in rest[1:]:
            kept = kept.binary(old, code)
        yield site.swap(node, kept, "condition-drop", 0.3)
    if len(codes) > 2:
        for i in range(1, len(codes)):
            left, right = codes[0], codes[i]
            for code in codes[1:i]:
                left = left.binary(old, code)
            for code in codes[i + 1 :]:
                right = right.binary(old, code)
            yield site.swap(node, left.binary(new, right), "boolean", 0.2)


@on(ast.UnaryOp)
def unary(site: Site, node: ast.UnaryOp) -> Iterator[Proposal]:
    """A ``not``, ``-`` or ``~`` dropped."""
    operand = site.view.code(node.operand)
    if isinstance(node.op, ast.Not):
        yield site.swap(node, operand, "negation", 0.5)
    elif isinstance(node.op, ast.USub):
        yield site.swap(node, operand, "sign", 0.35)
        yield site.swap(node, Code(f"~{operand.at(13)}", 13), "sign", 0.02)
    else:
        yield site.swap(node, operand, "sign", 0.3)
        yield site.swap(node, operand.minus(), "sign", 0.2)


@on(ast.Name, ast.Call, ast.BinOp, ast.Subscript, ast.Attribute)
def sign(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``x`` → ``-x`` for numbers."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    kind = site.kind(node)
    parent = site.view.parents[node]
    if kind in ("str", "list", "dict", "set", "tuple", "bool", "function", "class", "module"):
        return
    if isinstance(parent, ast.Attribute | ast.Call | ast.UnaryOp) and getattr(parent, "args", None) != [node]:
        return
    place = isinstance(parent, ast.Return | ast.Assign | ast.BinOp | ast.Subscript)
    yield site.swap(node, site.view.code(node).minus(), "sign", 0.1 if place and kind in ("int", "float") else 0.04)
