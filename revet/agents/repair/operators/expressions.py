"""Operands dropped, doubled and added; an expression replaced by a part of itself or by another near by."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.operators.names import likeness
from revet.agents.repair.operators.swaps import BINARY as SYMBOL
from revet.agents.repair.syntax import Code

__all__: list[str] = []

_LEAVES = (ast.Constant, ast.Name, ast.Starred, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.Lambda)


_POWERS = (
    ("**", "2", 0.12), ("**", "3", 0.06), ("*", "2", 0.06), ("//", "2", 0.05), ("/", "2", 0.04),
    ("*", "-1", 0.03),
    ("/", "100", 0.02), ("*", "100", 0.02), ("%", "10", 0.015), ("//", "10", 0.015),
)  # fmt: skip


@on(ast.BinOp)
def operand_dropped(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """``a + b`` → ``a`` or ``b``; ``a * b ** c`` without the middle."""
    code = site.view.code
    small = 1.0 if isinstance(node.right, ast.Constant | ast.Name) else 0.7
    yield site.swap(node, code(node.left), "operand-drop", 0.3 * small)
    yield site.swap(node, code(node.right), "operand-drop", 0.22)
    if isinstance(node.left, ast.BinOp):
        inner = node.left
        yield site.swap(node, code(inner.left).binary(SYMBOL[type(inner.op)], code(node.right)), "operand-drop", 0.12)
        if type(inner.op) is not type(node.op):
            yield site.swap(
                node, code(inner.left).binary(SYMBOL[type(node.op)], code(node.right)), "operand-drop", 0.08
            )


@on(ast.BinOp, ast.Call, ast.Subscript, ast.IfExp, ast.ListComp)
def hoisted(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """An expression replaced by a part that lies two or more levels inside it."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    kind = site.kind(node)
    level = list(ast.iter_child_nodes(node))
    for depth in (2, 3, 4):
        level = [g for child in level for g in ast.iter_child_nodes(child)]
        for inner in level:
            if isinstance(inner, ast.expr) and _liftable(site, inner, node):
                prior = 0.1 * likeness(kind, site.kind(inner)) / depth
                yield site.swap(node, site.view.code(inner), "hoist", prior)


def _liftable(site: Site, inner: ast.expr, node: ast.expr) -> bool:
    if isinstance(inner, ast.Constant | ast.Starred | ast.Slice) or site.in_fstring(inner):
        return False
    return isinstance(getattr(inner, "ctx", ast.Load()), ast.Load) and site.usable(inner, node)


@on(ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript)
def powers(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``a`` → ``a ** 2``, ``a ** 3``, ``a * 2``, ``a // 2``, ``a / 2``, ``a % 10`` for numbers."""
    parent = site.view.parents[node]
    if not _computed(site, node) or site.kind(node) not in ("int", "float", ""):
        return
    known = 1.0 if site.kind(node) else 0.5
    likely = known * (1.0 if isinstance(parent, ast.BinOp | ast.Compare | ast.Return | ast.Assign) else 0.5)
    code = site.view.code(node)
    for symbol, operand, prior in _POWERS:
        yield site.swap(node, code.binary(symbol, Code(operand)), "operand-add", prior * likely)


def _computed(site: Site, node: ast.expr) -> bool:
    """True where a value is read and arithmetic on it makes sense."""
    parent = site.view.parents[node]
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return False
    if isinstance(parent, ast.Attribute | ast.Expr | ast.For | ast.comprehension | ast.Starred | ast.keyword):
        return False
    return not (
        (isinstance(parent, ast.Call) and parent.func is node)
        or (isinstance(parent, ast.Subscript) and parent.value is node)
    )


@on(ast.Name, ast.BinOp, ast.Call, ast.ListComp, ast.List, ast.Subscript, ast.Attribute)
def operand_added(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``k`` → ``k - n``; ``xs`` → ``rest + xs``, with the names in scope."""
    if not _computed(site, node):
        return
    kind = site.kind(node)
    if kind in ("dict", "bool", "function", "class", "module"):
        return
    parent = site.view.parents[node]
    place = 1.0 if isinstance(parent, ast.Call | ast.Return | ast.Subscript | ast.Assign | ast.Slice) else 0.5
    code = site.view.code(node)
    textual = kind in ("str", "list", "tuple")
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    rank = 0
    for binding in site.values_in_scope(node):
        alike = likeness(kind, binding.kind)
        if binding.name == "self" or alike < 0.5 or (binding.name in used and not textual):
            continue
        other = Code(binding.name)
        factor = place * alike / (1 + 0.25 * rank) * (0.6 if binding.name in used else 1.0)
        rank += 1
        if textual or (kind == "" and binding.kind in ("str", "list")):
            yield site.swap(node, other.binary("+", code), "operand-add", 0.12 * factor)
            yield site.swap(node, code.binary("+", other), "operand-add", 0.12 * factor)
        elif kind != "set":
            for symbol, prior in (
                ("-", 0.12),
                ("+", 0.12),
                ("*", 0.06),
                ("//", 0.02),
                ("%", 0.03),
                ("/", 0.02),
            ):
                yield site.swap(node, code.binary(symbol, other), "operand-add", prior * factor)
            yield site.swap(node, other.binary("-", code), "operand-add", 0.05 * factor)


@on(ast.expr)
def reused(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """Another expression of the same function pasted here."""
    view = site.view
    if isinstance(node, ast.Starred | ast.Slice | ast.JoinedStr | ast.Lambda) or isinstance(
        getattr(node, "ctx", None), ast.Store | ast.Del
    ):
        return
    parent, place = view.parents[node], view.places[node][0]
    if place == "func" or isinstance(parent, ast.Expr | ast.Attribute):
        return
    kind = site.kind(node)
    own = set(map(id, ast.walk(node)))
    shape = type(node)
    for rank, other in enumerate(site.expressions(node)):
        if (
            id(other) in own
            or isinstance(other, ast.Lambda | ast.Yield | ast.YieldFrom | ast.Await)
            or not site.usable(other, node)
        ):
            continue
        alike = likeness(kind, site.kind(other))
        if alike < 0.5 and not (kind == "" or isinstance(node, ast.Constant)):
            continue
        around = (
            1.3 if view.places.get(other, ("",))[0] == place and type(view.parents.get(other)) is type(parent) else 1.0
        )
        same = 1.3 if type(other) is shape else 0.7
        length = 1 / (1 + len(view.text(other)) / 40)
        prior = 0.14 * alike * around * same * length / (1 + 0.03 * rank)
        yield site.swap(node, view.code(other), "reuse", prior)


@on(ast.Call, ast.BinOp, ast.Subscript, ast.Attribute)
def replaced_by_name(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """A whole expression replaced by a variable in scope, or by its opposite."""
    parent, place = site.view.parents[node], site.view.places[node][0]
    if (
        isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        or place == "func"
        or isinstance(parent, ast.Expr | ast.Attribute)
    ):
        return
    kind = site.kind(node)
    statement = site.view.statement(node)
    targets = [site.view.text(t) for t in statement.targets] if isinstance(statement, ast.Assign) else []
    rank = 0
    for binding in site.values_in_scope(node):
        alike = likeness(kind, binding.kind)
        if alike >= 0.5 and binding.name != "self" and binding.name not in targets:
            prior = 0.14 * alike / (1 + 0.2 * rank)
            rank += 1
            yield site.swap(node, binding.name, "name", prior)
            if binding.kind in ("int", "float", "") and isinstance(parent, ast.Assign | ast.Return):
                yield site.swap(node, Code(binding.name).minus(), "name", prior * 0.3)


@on(ast.IfExp)
def ternary(site: Site, node: ast.IfExp) -> Iterator[Proposal]:
    """The branches of ``a if c else b`` exchanged, or one of them always taken."""
    code = site.view.code
    body, test, other = code(node.body), code(node.test), code(node.orelse)
    yield site.swap(node, Code(f"{other.at(3)} if {test.at(3)} else {body.at(2)}", 2), "branch-swap", 0.4)
    yield site.swap(node, body, "branch-drop", 0.15)
    yield site.swap(node, other, "branch-drop", 0.15)


@on(ast.Yield, ast.YieldFrom)
def yielded(site: Site, node: ast.Yield | ast.YieldFrom) -> Iterator[Proposal]:
    """``yield x`` ↔ ``yield from x``."""
    if node.value is None:
        return
    value = site.view.code(node.value)
    if isinstance(node, ast.Yield):
        yield site.swap(node, Code(f"yield from {value.at(2)}", 0), "yield", 0.35)
    else:
        yield site.swap(node, Code(f"yield {value.text}", 0), "yield", 0.35)


@on(ast.BinOp)
def format_text(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """The precision in ``"%.2f" % x`` one more or less."""
    if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
        yield from _precisions(site, node.left)


@on(ast.Call)
def format_call(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """The precision in ``"{:.2f}".format(x)`` and ``format(x, ".2f")`` one more or less."""
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in ("format", "strftime")
        and isinstance(node.func.value, ast.Constant)
    ):
        yield from _precisions(site, node.func.value)
    if (
        isinstance(node.func, ast.Name)
        and node.func.id == "format"
        and len(node.args) == 2
        and isinstance(node.args[1], ast.Constant)
    ):
        yield from _precisions(site, node.args[1])


def _precisions(site: Site, node: ast.Constant) -> Iterator[Proposal]:
    text = site.view.text(node)
    for i, char in enumerate(text):
        if char.isdecimal() and i and text[i - 1] in ".:0%<>^,":
            for digit in (int(char) + 1, int(char) - 1):
                if 0 <= digit <= 9:
                    yield site.swap(node, text[:i] + str(digit) + text[i + 1 :], "format", 0.3)
        if char in "dfgeExXbos" and i and (text[i - 1] in "%:" or text[i - 1].isdecimal()):
            for rival in "dfgs":
                if rival != char:
                    yield site.swap(node, text[:i] + rival + text[i + 1 :], "format", 0.06)
