"""Off by one: indices, slice bounds, range arguments, comparison operands, returned values."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.syntax import ARITH, Code

__all__: list[str] = []

_NOT_NUMBERS = ("str", "list", "dict", "set", "tuple", "bool", "function", "class", "module", "object")


@on(ast.Name, ast.BinOp, ast.Call, ast.Attribute, ast.Subscript, ast.UnaryOp)
def off_by_one(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``e`` → ``e + 1`` and ``e - 1``, most of all where bounds stand."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    kind = site.kind(node)
    if kind in _NOT_NUMBERS or (kind == "float" and not isinstance(node, ast.Name)):
        return
    if isinstance(node, ast.UnaryOp) and (isinstance(node.op, ast.Not) or isinstance(node.operand, ast.Constant)):
        return
    if (place := _place(site, node)) == 0.0:
        return
    if kind == "":
        place *= 0.45
    code = site.view.code(node)
    one = Code("1")
    yield site.swap(node, code.binary("+", one), "off-by-one", place)
    yield site.swap(node, code.binary("-", one), "off-by-one", place)


def _place(site: Site, node: ast.expr) -> float:
    """How common an off-by-one is where the node stands."""
    parent = site.view.parents[node]
    name = site.view.places[node][0]
    match parent:
        case ast.Call(func=ast.Name(id="range")) if name == "args":
            return 0.6
        case ast.Slice():
            return 0.5
        case ast.Subscript() if name == "slice":
            return 0.5
        case ast.Tuple() if isinstance(site.view.parents.get(parent), ast.Subscript):
            return 0.4
        case ast.Compare():
            operator = parent.ops[0]
            return 0.35 if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) else 0.2
        case ast.Return():
            return 0.35
        case ast.Call() if name == "args":
            return 0.3
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return 0.12
        case ast.BinOp():
            return 0.3
        case ast.Assign() | ast.AugAssign() if name == "value":
            return 0.25
        case ast.keyword() | ast.IfExp() | ast.List() | ast.Tuple():
            return 0.15
        case _:
            return 0.0


@on(ast.BinOp)
def offset_dropped(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """``e + 1`` → ``e``; also ``e + 1`` → ``e - 1`` is an operator swap."""
    if isinstance(node.op, ast.Add | ast.Sub) and isinstance(node.right, ast.Constant) and node.right.value == 1:
        yield site.swap(node, site.view.code(node.left), "off-by-one", 0.55)


@on(ast.Slice)
def slice_bounds(site: Site, node: ast.Slice) -> Iterator[Proposal]:
    """Bounds and step dropped, added, exchanged, turned negative."""
    view = site.view
    subscript = view.parents[node]
    if not isinstance(subscript, ast.Subscript):
        return
    base = view.code(subscript.value)
    low, high, step = ("" if part is None else view.text(part) for part in (node.lower, node.upper, node.step))
    forms = [*_fewer(low, high, step), *_turned(low, high, step), *_more(low, high, step)]
    for rank, name in enumerate(_integers(site, node)[:4]):
        prior = 0.06 / (1 + 0.2 * rank)
        forms += [(low, name, step, prior)] if not high else []
        forms += [(name, high, step, prior)] if not low else []
    for first, last, by, prior in forms:
        text = f"{first}:{last}" + (f":{by}" if by else "")
        yield site.swap(subscript, base.then(f"[{text}]"), "slice", prior)
    if bool(low) != bool(high):
        yield site.swap(subscript, base.then(f"[{low or high}]"), "slice", 0.1)


Form = tuple[str, str, str, float]


def _fewer(low: str, high: str, step: str) -> Iterator[Form]:
    if low:
        yield "", high, step, 0.35
    if high:
        yield low, "", step, 0.35
    if step:
        yield low, high, "", 0.3


def _turned(low: str, high: str, step: str) -> Iterator[Form]:
    """Bounds exchanged, signs changed: ``[n:]`` → ``[:n]``, ``[-n:]``, ``[:-n]``."""
    if step:
        yield low, high, _minus(step), 0.15
    if low and high:
        yield high, low, step, 0.08
    elif low:
        yield "", low, step, 0.25
        yield _minus(low), "", step, 0.2
        yield "", _minus(low), step, 0.1
    elif high:
        yield high, "", step, 0.25
        yield "", _minus(high), step, 0.2
        yield _minus(high), "", step, 0.1


def _more(low: str, high: str, step: str) -> Iterator[Form]:
    if not low:
        yield "1", high, step, 0.25
    if not high:
        yield low, "-1", step, 0.2
    if not step:
        yield low, high, "-1", 0.12
        yield low, high, "2", 0.04


def _minus(text: str) -> str:
    if text.startswith("-"):
        return text[1:]
    return f"-{text}" if text.isalnum() else f"-({text})"


def _integers(site: Site, node: ast.AST) -> list[str]:
    return [b.name for b in site.values_in_scope(node) if b.kind == "int"]


def _literal_index(node: ast.expr) -> bool:
    """True for ``0`` and ``-1``, not for names and strings."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


@on(ast.Subscript)
def subscripts(site: Site, node: ast.Subscript) -> Iterator[Proposal]:
    """Indices exchanged, the subscript dropped, the whole aggregated instead of one element taken."""
    view = site.view
    base = view.code(node.value)
    loaded = isinstance(node.ctx, ast.Load)
    if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
        first, second = (view.text(e) for e in node.slice.elts)
        yield site.swap(node, base.then(f"[{second}, {first}]"), "index-swap", 0.4)
    if isinstance(node.value, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        inner = node.value
        if not isinstance(inner.slice, ast.Slice):
            swapped = view.code(inner.value).then(f"[{view.text(node.slice)}][{view.text(inner.slice)}]")
            yield site.swap(node, swapped, "index-swap", 0.3)
    if not loaded:
        return
    yield site.swap(node, base, "subscript-drop", 0.15)
    if isinstance(node.slice, ast.Slice):
        return
    index = view.text(node.slice)
    if _literal_index(node.slice):
        for function in ("sum", "max", "min", "len"):
            yield site.swap(node, base.called_by(function), "subscript-drop", 0.05)
    if not _literal_index(node.slice):
        yield site.swap(node, base.then(f".get({index})"), "subscript-get", 0.05)
        yield site.swap(node, base.then(f".get({index}, 0)"), "subscript-get", 0.08)
    else:
        yield site.swap(node, base.then(f"[{index}:]"), "slice", 0.06)
        yield site.swap(node, base.then(f"[:{index}]"), "slice", 0.06)
    if site.kind(node.slice) in ("int", "") and not isinstance(node.slice, ast.Constant | ast.UnaryOp):
        code = view.code(node.slice)
        if code.level >= ARITH:
            yield site.swap(node.slice, code.minus(), "sign", 0.05)
        yield site.swap(node, base.then(f"[{code.binary('%', Code(f'len({base.text})')).text}]"), "index-wrap", 0.04)


@on(ast.Name, ast.Call, ast.ListComp, ast.BinOp, ast.Attribute, ast.Subscript)
def slice_added(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``xs`` → ``xs[1:]``, ``xs[:-1]``, ``xs[::-1]``, ``xs[0]``, ``xs[-1]``."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    parent = site.view.parents[node]
    if isinstance(parent, ast.Attribute | ast.Subscript | ast.Slice) or (
        isinstance(parent, ast.Call) and parent.func is node
    ):
        return
    kind = site.kind(node)
    if kind not in ("list", "str", "tuple", ""):
        return
    likely = 1.0 if kind else 0.25
    if kind == "" and isinstance(node, ast.BinOp):
        return
    if isinstance(parent, ast.Return | ast.For | ast.comprehension | ast.Call):
        likely *= 1.5
    code = site.view.code(node)
    for suffix, prior in (("[1:]", 0.14), ("[:-1]", 0.12), ("[::-1]", 0.12), ("[0]", 0.05), ("[-1]", 0.05)):
        yield site.swap(node, code.then(suffix), "slice-add", prior * likely)
