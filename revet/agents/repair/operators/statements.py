"""Whole statements: deleted, exchanged, moved into and out of blocks, copied; jumps and returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.patch import Edit
from revet.agents.repair.syntax import FunctionNode

__all__: list[str] = []

_SIMPLE = (
    ast.Expr
    | ast.Assign
    | ast.AugAssign
    | ast.AnnAssign
    | ast.Return
    | ast.Break
    | ast.Continue
    | ast.Raise
    | ast.Assert
    | ast.Delete
)
_BLOCKS = ast.For | ast.While | ast.If | ast.With | ast.AsyncFor | ast.AsyncWith


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _movable(site: Site, node: ast.stmt) -> bool:
    return isinstance(node, _SIMPLE) and not _is_docstring(node) and site.own_lines(node) is not None


@on(ast.stmt)
def deleted(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """The statement gone (``pass`` where it was alone); it and the next one gone."""
    if isinstance(
        node, FunctionNode | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal
    ) or _is_docstring(node):
        return
    if site.view.function(node) is None:
        return
    block, index = site.view.block(node)
    prior = {ast.Return: 0.04, ast.If: 0.14, ast.For: 0.03, ast.While: 0.03, ast.Assign: 0.08}.get(type(node), 0.15)
    if _is_elif(site, node):
        return
    extent = site.own_lines(node)
    if len(block) == 1 or extent is None:
        yield site.edit(node, Edit(*site.view.span(node), "pass"), "delete", prior * 0.7)
        return
    yield site.edit(node, Edit(*extent, ""), "delete", prior)
    if index + 1 < len(block) - 1 and isinstance(node, _SIMPLE):
        following = site.own_lines(block[index + 1])
        if following is not None and type(block[index + 1]) is type(node):
            yield site.edit(node, Edit(extent[0], following[1], ""), "delete", prior * 0.35)


def _is_elif(site: Site, node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and site.view.source.startswith("elif", site.view.span(node)[0])


@on(ast.stmt)
def exchanged(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """Two neighbours exchanged; a simple statement moved two places on."""
    view = site.view
    block, index = view.block(node)
    if (
        isinstance(node, FunctionNode | ast.ClassDef | ast.Import | ast.ImportFrom)
        or _is_docstring(node)
        or _is_elif(site, node)
    ):
        return
    for distance, prior in ((1, 0.2), (2, 0.05)):
        if index + distance >= len(block):
            return
        other = block[index + distance]
        first, second = site.own_lines(node), site.own_lines(other)
        if first is None or second is None or isinstance(other, FunctionNode | ast.ClassDef | ast.Return):
            return
        if distance == 2 and not isinstance(node, _SIMPLE):
            return
        moved = _line_text(site, first) + (view.newline if not _line_text(site, first).endswith(("\n", "\r")) else "")
        rest = view.source[first[1] : second[1]]
        if not rest.endswith(("\n", "\r")):
            rest, moved = rest + view.newline, moved.rstrip("\r\n")
        yield site.edit(node, Edit(first[0], second[1], rest + moved), "move", prior)


def _line_text(site: Site, extent: tuple[int, int]) -> str:
    return site.view.source[extent[0] : extent[1]]


def _own_text(site: Site, node: ast.stmt) -> str | None:
    """The statement on one line without indentation; None when it has several lines."""
    text = site.view.text(node)
    return None if "\n" in text or "\r" in text else text


@on(ast.stmt)
def moved_out(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """The first or last statement of a block moved before or behind it: one step less indented."""
    if not _movable(site, node) or (text := _own_text(site, node)) is None:
        return
    block, index = site.view.block(node)
    holder = site.view.parents[node]
    extent = site.own_lines(node)
    if not isinstance(holder, _BLOCKS) or len(block) < 2 or extent is None or _is_elif(site, holder):
        return
    if index == len(block) - 1 and (edit := site.insertion(holder, [text], after=True)) is not None:
        if edit.start == site.view.line_end(site.view.span(node)[1]):
            yield site.edit(node, Edit(extent[0], site.view.span(node)[0], site.indent(holder)), "move", 0.2)
        else:
            yield site.edit(node, (Edit(*extent, ""), edit), "move", 0.12)
    if index == 0 and (edit := site.insertion(holder, [text])) is not None:
        yield site.edit(node, (edit, Edit(*extent, "")), "move", 0.1)


@on(ast.stmt)
def moved_in(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """A statement next to a block moved into it, at its end or its start."""
    if not _movable(site, node) or (text := _own_text(site, node)) is None:
        return
    block, index = site.view.block(node)
    extent = site.own_lines(node)
    if extent is None or len(block) < 2:
        return
    if index and isinstance(block[index - 1], _BLOCKS):
        for inner, prior in _ends(block[index - 1]):
            if (edit := site.insertion(inner, [text], after=True)) is not None and not isinstance(
                inner, ast.Return | ast.Break | ast.Continue | ast.Raise
            ):
                yield site.edit(node, (edit, Edit(*extent, "")), "move", prior)
    following = block[index + 1] if index + 1 < len(block) else None
    if isinstance(following, _BLOCKS) and (edit := site.insertion(following.body[0], [text])) is not None:
        yield site.edit(node, (Edit(*extent, ""), edit), "move", 0.12)


def _ends(node: ast.stmt) -> list[tuple[ast.stmt, float]]:
    """The last statements of a block and of the blocks that end it."""
    found: list[tuple[ast.stmt, float]] = []
    blocks = [(getattr(node, "body", []), 0.18), (getattr(node, "orelse", []), 0.1)]
    for body, prior in blocks:
        if body:
            last = body[-1]
            found.append((last, prior))
            if isinstance(last, _BLOCKS):
                found += [(inner, share * 0.5) for inner, share in _ends(last)]
    return found


@on(ast.stmt)
def copied(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """A small statement of the function, or of another method of the class, copied next to this one."""
    view = site.view
    function = view.function(node)
    if function is None or site.own_lines(node) is None or isinstance(node, FunctionNode | ast.ClassDef):
        return
    if _is_elif(site, node):
        return
    final = isinstance(node, ast.Return | ast.Break | ast.Continue | ast.Raise)
    block, index = view.block(node)
    for lines, prior in _ingredients(site, node, function):
        if not final and (edit := site.insertion(node, lines, after=True)) is not None:
            yield site.edit(node, edit, "copy", prior * (1.5 if index == len(block) - 1 else 1.0))
        if (final or index == 0) and (edit := site.insertion(node, lines)) is not None:
            yield site.edit(node, edit, "copy", prior * (1.5 if final else 1.0))


_COPIES: dict[type, float] = {ast.Expr: 0.09, ast.If: 0.03}


def _ingredients(site: Site, node: ast.stmt, function: FunctionNode) -> list[tuple[list[str], float]]:
    """Statements to copy next to a node, as lines without common indentation, each with its prior."""
    holder = site.view.parents[function]
    methods = holder.body if isinstance(holder, ast.ClassDef) else [function]
    found: dict[tuple[str, ...], float] = {}
    for method in methods:
        for other, lines in site.once("small", method, partial(_small_statements, site, method)):
            if other is not node and (method is function or site.usable(other, node)):
                near = 1 / (1 + 0.1 * abs(other.lineno - node.lineno)) if method is function else 0.6
                found.setdefault(tuple(lines), _COPIES.get(type(other), 0.05) * near)
    return [(list(lines), prior) for lines, prior in found.items()]


def _small_statements(site: Site, method: ast.stmt) -> list[tuple[ast.stmt, list[str]]]:
    found: list[tuple[ast.stmt, list[str]]] = []
    for each in ast.walk(method) if isinstance(method, FunctionNode) else ():
        if not isinstance(each, ast.Expr | ast.Assign | ast.AugAssign | ast.If) or _is_docstring(each):
            continue
        if (lines := _dedented(site, each)) is not None:
            found.append((each, lines))
    return found


def _dedented(site: Site, node: ast.stmt) -> list[str] | None:
    """The lines of a small statement without its indentation; None if they cannot be moved."""
    if (node.end_lineno or node.lineno) - node.lineno > 2 or _is_elif(site, node) or site.own_lines(node) is None:
        return None
    indent = site.indent(node)
    first, *rest = site.view.text(node).splitlines()
    strings = (n for n in ast.walk(node) if isinstance(n, ast.Constant | ast.JoinedStr))
    if any(not line.startswith(indent) for line in rest) or any(n.lineno != n.end_lineno for n in strings):
        return None
    return [first, *(line[len(indent) :] for line in rest)]


@on(ast.Break, ast.Continue)
def jumps(site: Site, node: ast.Break | ast.Continue) -> Iterator[Proposal]:
    """``break`` ↔ ``continue`` ↔ ``return``."""
    span = site.view.span(node)
    for new, prior in (("continue", 0.4), ("break", 0.4), ("return", 0.08), ("pass", 0.15)):
        if new != site.view.text(node):
            yield site.edit(node, Edit(*span, new), "jump", prior)


@on(ast.stmt)
def jumps_inserted(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """``break``, ``continue`` or ``return`` at the end of a branch inside a loop; a missing ``return``."""
    view = site.view
    block, index = view.block(node)
    if index != len(block) - 1 or isinstance(
        node, ast.Return | ast.Break | ast.Continue | ast.Raise | FunctionNode | ast.ClassDef
    ):
        return
    holder = view.parents[node]
    looped = next(
        (a for a in view.ancestors(node) if isinstance(a, ast.For | ast.While | ast.AsyncFor | FunctionNode)),
        None,
    )
    if isinstance(looped, ast.For | ast.While | ast.AsyncFor) and isinstance(
        holder, ast.If | ast.Try | ast.ExceptHandler | ast.For | ast.While
    ):
        words = (
            (("break", 0.12), ("continue", 0.08)) if not isinstance(holder, ast.For | ast.While) else (("break", 0.03),)
        )
        for word, prior in words:
            if (edit := site.insertion(node, [word], after=True)) is not None:
                yield site.edit(node, edit, "jump-insert", prior)
    function = view.function(node)
    if function is None:
        return
    results = {
        site.view.text(r.value): 0.5
        for r in ast.walk(function)
        if isinstance(r, ast.Return) and r.value and len(view.text(r.value)) < 60
    }
    for rank, binding in enumerate(site.values_in_scope(node)[:6]):
        results.setdefault(binding.name, 0.4 / (1 + 0.3 * rank))
    if holder is function and not results:
        results["None"] = 0.1
    for text, share in results.items():
        if (edit := site.insertion(node, [f"return {text}"], after=True)) is not None:
            yield site.edit(node, edit, "return-insert", share * (0.3 if holder is function else 0.06))


@on(ast.Expr)
def missing_return(site: Site, node: ast.Expr) -> Iterator[Proposal]:
    """``f(x)`` → ``return f(x)``; ``yield`` forgotten; the result kept: ``x.strip()`` → ``x = x.strip()``."""
    if _is_docstring(node) or isinstance(node.value, ast.Yield | ast.YieldFrom | ast.Await):
        return
    start = site.view.span(node)[0]
    block, index = site.view.block(node)
    yield site.edit(node, Edit(start, start, "return "), "return-insert", 0.2 if index == len(block) - 1 else 0.05)
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
        yield site.edit(node, Edit(start, start, f"{value.func.value.id} = "), "assignment", 0.15)


@on(ast.Return)
def returned(site: Site, node: ast.Return) -> Iterator[Proposal]:
    """Another value returned: a constant, a name in scope; the value only computed; ``yield`` instead."""
    if node.value is None:
        for binding in site.values_in_scope(node)[:6]:
            end = site.view.span(node)[1]
            yield site.edit(node, Edit(end, end, f" {binding.name}"), "return", 0.15)
        return
    value = site.view.text(node.value)
    constant = isinstance(node.value, ast.Constant)
    for text, prior in (
        ("True", 0.12),
        ("False", 0.12),
        ("None", 0.08),
        ("0", 0.06),
        ("[]", 0.06),
        ('""', 0.03),
        ("1", 0.03),
        ("-1", 0.03),
    ):
        if text != value:
            yield site.swap(node.value, text, "return", prior * (1.0 if constant else 0.25))
    for rank, binding in enumerate(site.values_in_scope(node)[:8]):
        if binding.name != value and binding.name != "self":
            yield site.swap(node.value, binding.name, "return", (0.2 if not constant else 0.12) / (1 + 0.25 * rank))
    if isinstance(node.value, ast.Tuple):
        return
    names = [b.name for b in site.values_in_scope(node)[:5] if b.name != "self"]
    for name in names:
        if name != value:
            yield site.swap(node.value, f"{value}, {name}", "return", 0.015)
