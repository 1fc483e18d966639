"""Assignments: inserted, given another target, accumulating or plain; values added to collections."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.operators.conditions import atoms
from revet.agents.repair.operators.names import likeness
from revet.agents.repair.patch import Edit
from revet.agents.repair.syntax import FunctionNode

__all__: list[str] = []

_LOOPS = ast.For | ast.While | ast.AsyncFor


def _inserted(site: Site, node: ast.stmt, text: str, prior: float, *, after: bool) -> Iterator[Proposal]:
    if (edit := site.insertion(node, [text], after=after)) is not None:
        yield site.edit(node, edit, "insert", prior)


@on(ast.stmt)
def assignment_inserted(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """``a = b`` behind a statement, for the names of the function: a step of the loop forgotten."""
    if site.view.function(node) is None or isinstance(
        node, FunctionNode | ast.ClassDef | ast.Return | ast.Break | ast.Continue | ast.Raise
    ):
        return
    if site.view.source.startswith("elif", site.view.span(node)[0]):
        return
    looped = any(isinstance(a, _LOOPS) for a in site.view.ancestors(node))
    bindings = [b for b in site.values_in_scope(node) if b.name not in ("self", "cls")][:7]
    base = 0.09 if looped else 0.03
    for i, target in enumerate(bindings):
        for j, value in enumerate(bindings):
            alike = likeness(target.kind, value.kind)
            if i == j or alike < 0.5 or target.origin == "loop":
                continue
            prior = base * alike / (1 + 0.15 * (i + j))
            yield from _inserted(site, node, f"{target.name} = {value.name}", prior, after=True)
    for target in bindings:
        prior = base * 0.6
        if target.kind in ("int", "float"):
            for text in (f"{target.name} += 1", f"{target.name} -= 1", f"{target.name} = 0"):
                yield from _inserted(site, node, text, prior, after=True)
        elif target.kind == "list" and looped and target.origin != "parameter":
            yield from _inserted(site, node, f"{target.name} = []", prior * 0.5, after=True)
        elif target.kind == "bool" and looped:
            for text in ("True", "False"):
                yield from _inserted(site, node, f"{target.name} = {text}", prior * 0.6, after=True)


@on(ast.Assign, ast.AugAssign)
def entry_inserted(site: Site, node: ast.Assign | ast.AugAssign) -> Iterator[Proposal]:
    """``table[key] = value`` behind an assignment in a loop: a table not kept up to date."""
    if not any(isinstance(a, _LOOPS) for a in site.view.ancestors(node)):
        return
    bindings = [b for b in site.values_in_scope(node) if b.name not in ("self", "cls")][:9]
    tables = [b for b in bindings if b.kind in ("dict", "list") and b.origin != "loop"]
    rank = 0
    for table in tables[:4]:
        for key in bindings[:6]:
            for value in bindings[:6]:
                if len({table.name, key.name, value.name}) == 3 and key.kind not in ("dict", "list", "set"):
                    text = f"{table.name}[{key.name}] = {value.name}"
                    yield from _inserted(site, node, text, 0.05 / (1 + 0.1 * rank), after=True)
                    rank += 1


@on(ast.For, ast.While, ast.If)
def flagged(site: Site, node: ast.For | ast.While | ast.If) -> Iterator[Proposal]:
    """``if x == 1: flag = True`` before a block that sets the flag: a special case forgotten."""
    if site.view.source.startswith("elif", site.view.span(node)[0]) or site.view.function(node) is None:
        return
    settings = {
        site.view.text(each)
        for each in ast.walk(node)
        if isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.targets[0], ast.Name)
    }
    for text in sorted(settings):
        for test, prior in atoms(site, node):
            if (edit := site.insertion(node, (f"if {test.text}:", f"{site.tab}{text}"))) is not None:
                yield site.edit(node, edit, "guard", 0.15 * prior)


@on(ast.stmt)
def collected(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """``xs.append(x)`` at the end of a block or before a ``return``: a value forgotten."""
    view = site.view
    function = view.function(node)
    if (
        function is None
        or isinstance(node, FunctionNode | ast.ClassDef)
        or view.source.startswith("elif", view.span(node)[0])
    ):
        return
    block, index = view.block(node)
    final = isinstance(node, ast.Return)
    if not final and (index != len(block) - 1 or isinstance(node, ast.Break | ast.Continue | ast.Raise)):
        return
    bindings = [b for b in site.values_in_scope(node) if b.name not in ("self", "cls")]
    methods = _growing(function)
    for name, method in methods.items():
        rank = 0
        for value in bindings:
            if value.name == name:
                continue
            likely = 1.3 if value.kind in ("str", "int", "") else 0.6
            prior = (0.2 if final else 0.14) * likely / (1 + 0.25 * rank)
            rank += 1
            yield from _inserted(site, node, f"{name}.{method}({value.name})", min(prior, 0.5), after=not final)


def _growing(function: ast.AST) -> dict[str, str]:
    """Names of lists and sets that the function adds to, with the method it uses."""
    found: dict[str, str] = {}
    for each in ast.walk(function):
        match each:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr=("append" | "add" | "appendleft") as method)
            ):
                found.setdefault(name, method)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=[])):
                found.setdefault(name, "append")
    return found


@on(ast.Assign, ast.AugAssign)
def other_target(site: Site, node: ast.Assign | ast.AugAssign) -> Iterator[Proposal]:
    """Another target: a subscript or an attribute of the function, or the value's own base."""
    view = site.view
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(target, ast.Tuple | ast.List):
        return
    own = view.text(target)
    spot = view.span(target)
    seen: dict[str, float] = {}
    for each in site.expressions(node):
        if isinstance(each, ast.Subscript | ast.Attribute) and not isinstance(getattr(each, "slice", None), ast.Slice):
            seen.setdefault(view.text(each), 0.1 if isinstance(target, type(each)) else 0.04)
            if isinstance(each, ast.Subscript) and isinstance(target, ast.Subscript):
                for index in _indices(target):
                    seen.setdefault(f"{view.text(each.value)}[{view.text(index)}]", 0.12)
    for rank, (text, prior) in enumerate((t, p) for t, p in seen.items() if t != own):
        if text.startswith(("self.", *site.visible(node))):
            yield site.edit(node, Edit(*spot, text), "target", prior / (1 + 0.08 * rank))
    if isinstance(target, ast.Subscript):
        for binding in site.values_in_scope(node):
            if binding.kind in ("list", "dict") and binding.name != view.text(target.value):
                for index in _indices(target):
                    yield site.edit(node, Edit(*spot, f"{binding.name}[{view.text(index)}]"), "target", 0.1)


def _indices(node: ast.Subscript) -> list[ast.expr]:
    """The index of a subscript and, when it is a tuple, its parts."""
    return [node.slice, *node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]


@on(ast.Assign)
def accumulated(site: Site, node: ast.Assign) -> Iterator[Proposal]:
    """``x = e`` → ``x += e``, ``x -= e`` …: the old value forgotten."""
    if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name | ast.Subscript | ast.Attribute):
        return
    target, value = node.targets[0], node.value
    gap = site.view.span(target)[1], site.view.span(value)[0]
    text = site.view.source[slice(*gap)]
    if text.count("=") != 1:
        return
    looped = any(isinstance(a, _LOOPS) for a in site.view.ancestors(node))
    for symbol, prior in (("+=", 0.15), ("-=", 0.06), ("*=", 0.05), ("|=", 0.02), ("//=", 0.02)):
        yield site.edit(node, Edit(*gap, text.replace("=", symbol)), "assignment", prior if looped else prior * 0.4)


@on(ast.Assign)
def element_order(site: Site, node: ast.Assign) -> Iterator[Proposal]:
    """``a, b = x, y``: the targets exchanged; taken apart into two statements in either order."""
    view = site.view
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
        return
    first, second = (view.text(e) for e in target.elts)
    spans = view.span(target.elts[0]), view.span(target.elts[1])
    yield site.edit(node, (Edit(*spans[0], second), Edit(*spans[1], first)), "element-swap", 0.3)
    if isinstance(value, ast.Tuple) and len(value.elts) == 2 and site.own_lines(node):
        left, right = (view.text(e) for e in value.elts)
        separator = view.newline + site.indent(node)
        for parts in (
            (f"{first} = {left}", f"{second} = {right}"),
            (f"{second} = {right}", f"{first} = {left}"),
        ):
            yield site.edit(node, Edit(*view.span(node), separator.join(parts)), "assignment", 0.05)


@on(ast.stmt)
def joined(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """``a = x`` and ``b = y`` → ``a, b = x, y``: a value overwritten before it was used."""
    view = site.view
    block, index = view.block(node)
    if index + 1 >= len(block):
        return
    match node, block[index + 1]:
        case ast.Assign(targets=[ast.Name() as a], value=x), ast.Assign(targets=[ast.Name() as b], value=y) if (
            not isinstance(x, ast.Tuple)
        ):
            start, end = view.span(node)[0], view.span(block[index + 1])[1]
            text = f"{view.text(a)}, {view.text(b)} = {view.code(x).at(2)}, {view.code(y).at(2)}"
            yield site.edit(node, Edit(start, end, text), "assignment", 0.1)


@on(ast.Expr)
def call_to_assignment(site: Site, node: ast.Expr) -> Iterator[Proposal]:
    """``x.update(y)`` ↔ ``x = y``, ``x.append(y)`` → ``x = y`` and ``x += y``."""
    match node.value:
        case ast.Call(func=ast.Attribute(value=owner, attr=method), args=[argument], keywords=[]) if method in (
            "update",
            "append",
            "extend",
            "add",
        ):
            left, right = site.view.text(owner), site.view.text(argument)
            yield site.edit(
                node,
                Edit(*site.view.span(node), f"{left} = {right}"),
                "assignment",
                0.2 if method == "update" else 0.05,
            )
            if method == "append":
                yield site.edit(node, Edit(*site.view.span(node), f"{left} += {right}"), "assignment", 0.06)


@on(ast.Assign)
def assignment_to_call(site: Site, node: ast.Assign) -> Iterator[Proposal]:
    """``x[k] = v`` → ``x[k].append(v)``, ``x = y`` → ``x.update(y)``."""
    target = node.targets[0]
    if isinstance(target, ast.Tuple | ast.List) or len(node.targets) != 1:
        return
    kind = site.kind(node.value)
    base, value = site.view.text(target), site.view.text(node.value)
    span = site.view.span(node)
    for method, kinds, prior in (
        ("append", ("int", "str", "tuple", "float"), 0.06),
        ("update", ("dict", "set"), 0.15),
        ("extend", ("list",), 0.06),
    ):
        likely = 1.0 if kind in kinds else 0.3
        if isinstance(target, ast.Subscript) or kind in kinds:
            yield site.edit(node, Edit(*span, f"{base}.{method}({value})"), "assignment", prior * likely)
