"""Expressions wrapped in a call, taken out of one, or moved across one applied too early or too late."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.operators.swaps import BINARY
from revet.agents.repair.scope import Kind
from revet.agents.repair.syntax import TEST, Code

__all__: list[str] = []

_WRAPS: dict[str, tuple[tuple[Kind, ...], float]] = {
    "abs": (("int", "float"), 0.22),
    "len": (("list", "str", "dict", "set", "tuple"), 0.12),
    "set": (("list", "str", "tuple"), 0.18),
    "sorted": (("list", "set", "dict", "tuple"), 0.22),
    "list": (("list", "str", "set", "tuple", "dict"), 0.1),
    "int": (("int", "float", "str"), 0.15),
    "float": (("int", "float", "str"), 0.05),
    "str": (("int", "float", "bool"), 0.15),
    "sum": (("list", "set", "tuple"), 0.1),
    "round": (("float", "int"), 0.1),
    "bool": (("bool", "int", "list", "str"), 0.04),
    "tuple": (("list",), 0.06),
    "reversed": (("list", "str", "tuple"), 0.08),
    "max": (("list",), 0.05),
    "min": (("list",), 0.05),
    "any": (("list",), 0.03),
    "all": (("list",), 0.03),
    "dict": (("dict",), 0.03),
}
_METHODS: dict[str, tuple[tuple[Kind, ...], float]] = {
    ".lower()": (("str",), 0.22),
    ".upper()": (("str",), 0.12),
    ".strip()": (("str",), 0.15),
    ".split()": (("str",), 0.06),
    '.encode("ascii")': (("str",), 0.05),
    ".items()": (("dict",), 0.2),
    ".values()": (("dict",), 0.12),
    ".keys()": (("dict",), 0.05),
    ".copy()": (("list", "dict", "set"), 0.12),
}


@on(ast.expr)
def wrapped(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``x`` → ``abs(x)``, ``sorted(x)``, ``x.lower()`` and the like."""
    view = site.view
    if isinstance(
        node,
        ast.Constant
        | ast.Slice
        | ast.Starred
        | ast.Lambda
        | ast.JoinedStr
        | ast.Yield
        | ast.YieldFrom
        | ast.NamedExpr
        | ast.Compare
        | ast.BoolOp,
    ):
        return
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    parent, place = view.parents[node], view.places[node][0]
    if place in ("func", "annotation", "returns", "type") or (
        isinstance(parent, ast.Attribute) and isinstance(node, ast.Name) and node.id == "self"
    ):
        return
    kind = site.kind(node)
    if kind in ("function", "class", "module") or (isinstance(node, ast.Name) and node.id == "self"):
        return
    code = view.code(node)
    outer = (
        parent.func.id
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and node in parent.args
        else ""
    )
    inner = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    deep = 0.5 if isinstance(parent, ast.Attribute | ast.Subscript) else 1.0
    for function, (kinds, prior) in _WRAPS.items():
        if function in (outer, inner) or (
            outer in ("len", "set", "sum") and function in ("sorted", "list", "tuple", "reversed")
        ):
            continue
        if isinstance(node, ast.GeneratorExp) and function not in (
            "list",
            "sum",
            "any",
            "all",
            "sorted",
            "set",
            "tuple",
            "max",
            "min",
            "dict",
        ):
            continue
        factor = 1.0 if kind in kinds else 0.35 if kind in ("", "object") else 0.08
        text = (
            Code(f"{function}{code.at(0)}")
            if isinstance(node, ast.GeneratorExp) and code.text.startswith("(")
            else code.called_by(function)
        )
        yield site.swap(node, text, "call-wrap", prior * factor * deep)
    if kind in ("int", "float", "bool") or isinstance(node, ast.GeneratorExp):
        return
    if isinstance(parent, ast.Return | ast.Assign | ast.For) and "sorted" not in (outer, inner):
        factor = 1.0 if kind in ("list", "set", "dict") else 0.3 if kind == "" else 0.05
        yield site.swap(node, code.called_by("sorted", "reverse=True"), "call-wrap", 0.08 * factor)
        yield site.swap(node, code.called_by("sorted", "key=len"), "call-wrap", 0.05 * factor)
    for method, (kinds, prior) in _METHODS.items():
        if code.text.endswith(method) or (isinstance(parent, ast.Attribute) and f".{parent.attr}()" == method):
            continue
        factor = 1.0 if kind in kinds else 0.3 if kind in ("", "object") else 0.05
        yield site.swap(node, code.then(method), "call-wrap", prior * factor * deep)


@on(ast.Name, ast.BinOp, ast.Call, ast.Subscript)
def bounded(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``x`` → ``max(0, x)``, ``max(target, x)``, ``min(…)``, where a value is assigned or returned."""
    view = site.view
    parent = view.parents[node]
    if (
        not isinstance(parent, ast.Assign | ast.Return | ast.AugAssign | ast.AnnAssign)
        or view.places[node][0] != "value"
    ):
        return
    if site.kind(node) in ("str", "list", "dict", "set", "tuple", "bool"):
        return
    code = view.code(node)
    targets = (
        [view.text(parent.targets[0])]
        if isinstance(parent, ast.Assign) and not isinstance(parent.targets[0], ast.Tuple)
        else []
    )
    for target in targets:
        yield site.swap(node, Code(target).called_by("max", code.text), "bound", 0.22)
        yield site.swap(node, Code(target).called_by("min", code.text), "bound", 0.18)
    yield site.swap(node, Code("0").called_by("max", code.text), "bound", 0.2)
    yield site.swap(node, Code("0").called_by("min", code.text), "bound", 0.04)
    for rank, binding in enumerate(b for b in site.values_in_scope(node) if b.kind in ("int", "float")):
        if binding.name not in (code.text, *targets) and rank < 6:
            for function in ("max", "min"):
                yield site.swap(node, code.called_by(function, binding.name), "bound", 0.06 / (1 + 0.3 * rank))


@on(ast.Call)
def extremes(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """``max(xs)`` → ``max(best, x)``: the wrong things compared."""
    if not (isinstance(node.func, ast.Name) and node.func.id in ("min", "max")) or node.keywords:
        return
    statement = site.view.statement(node)
    target = ""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        target = statement.targets[0].id
    names = [b.name for b in site.values_in_scope(node) if b.kind not in ("list", "dict", "set", "tuple", "bool")][:6]
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            pair = (second, first) if second == target else (first, second)
            yield site.swap(
                node, f"{node.func.id}({', '.join(pair)})", "argument-swap", 0.2 if target in pair else 0.03
            )


@on(ast.Call)
def unwrapped(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """``f(x)`` → ``x``; ``x.method(…)`` → ``x``."""
    view = site.view
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        module = isinstance(owner, ast.Name) and site.kind(owner) == "module"
        if not module:
            yield site.swap(node, view.code(owner), "call-unwrap", 0.2)
    if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        argument = node.args[0]
        text = (
            f"({view.text(argument)})"
            if isinstance(argument, ast.GeneratorExp) and not view.text(argument).startswith("(")
            else None
        )
        yield site.swap(node, Code(text) if text else view.code(argument), "call-unwrap", 0.25)
    elif 1 < len(node.args) <= 3:
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                yield site.swap(node, view.code(argument), "call-unwrap", 0.06)


@on(ast.BinOp)
def call_widened(site: Site, node: ast.BinOp) -> Iterator[Proposal]:
    """``round(a, 2) * b`` → ``round(a * b, 2)``; ``a.strip() + b`` → ``(a + b).strip()``."""
    view, symbol = site.view, BINARY[type(node.op)]
    for call, left in ((node.left, True), (node.right, False)):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute) and site.kind(call.func.value) != "module":
            inner: ast.expr = call.func.value
        elif call.args and not isinstance(call.args[0], ast.Starred | ast.GeneratorExp):
            inner = call.args[0]
        else:
            continue
        parts = (view.code(inner), view.code(node.right)) if left else (view.code(node.left), view.code(inner))
        joined = parts[0].binary(symbol, parts[1])
        text = joined.at(16 if isinstance(call.func, ast.Attribute) and inner is call.func.value else TEST)
        (start, end), (a, b) = view.span(call), view.span(inner)
        yield site.swap(node, view.source[start:a] + text + view.source[b:end], "call-move", 0.2)


@on(ast.Call)
def call_narrowed(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """``round(a * b, 2)`` → ``round(a, 2) * b`` and ``a * round(b, 2)``: applied too late."""
    if not node.args or not isinstance(node.args[0], ast.BinOp):
        return
    view, inner = site.view, node.args[0]
    (start, end), (a, b) = view.span(node), view.span(inner)
    head, tail, symbol = view.source[start:a], view.source[b:end], BINARY[type(inner.op)]
    left, right = view.code(inner.left), view.code(inner.right)
    yield site.swap(node, Code(f"{head}{left.text}{tail}").binary(symbol, right), "call-move", 0.12)
    yield site.swap(node, left.binary(symbol, Code(f"{head}{right.text}{tail}")), "call-move", 0.1)


@on(ast.Compare)
def both_wrapped(site: Site, node: ast.Compare) -> Iterator[Proposal]:
    """``a == b`` → ``set(a) == set(b)``: both sides brought to one form before they are compared."""
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        return
    view = site.view
    right = node.comparators[0]
    if isinstance(node.left, ast.Constant) or isinstance(right, ast.Constant):
        return
    a, b = view.code(node.left), view.code(right)
    gap = view.source[view.span(node.left)[1] : view.span(right)[0]]
    if any(c in gap for c in "()"):
        return
    kinds = {site.kind(node.left), site.kind(right)}
    for function, prior in (
        ("set", 0.12),
        ("sorted", 0.15),
        ("len", 0.06),
        ("str", 0.04),
        ("int", 0.04),
        ("abs", 0.03),
    ):
        factor = 0.2 if kinds & {"int", "float"} and function in ("set", "sorted", "len") else 1.0
        yield site.swap(
            node,
            Code(f"{a.called_by(function).text}{gap}{b.called_by(function).text}", 6),
            "call-wrap",
            prior * factor,
        )
    for method, prior in ((".lower()", 0.15), (".strip()", 0.06)):
        factor = 0.1 if kinds & {"int", "float", "list", "dict", "bool"} else 1.0
        yield site.swap(node, Code(f"{a.then(method).text}{gap}{b.then(method).text}", 6), "call-wrap", prior * factor)
