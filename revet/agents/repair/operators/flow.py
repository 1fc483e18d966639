"""Branches, loops, handlers and signatures."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.patch import Edit

__all__: list[str] = []

_EXCEPTIONS = {
    "KeyError": ("IndexError", "AttributeError", "LookupError", "ValueError"),
    "IndexError": ("KeyError", "ValueError", "LookupError"),
    "ValueError": ("TypeError", "KeyError"),
    "TypeError": ("ValueError", "AttributeError"),
    "AttributeError": ("TypeError", "KeyError"),
    "ZeroDivisionError": ("ArithmeticError", "ValueError"),
    "StopIteration": ("ValueError", "IndexError"),
    "OSError": ("ValueError", "FileNotFoundError"),
    "Exception": ("ValueError", "KeyError", "TypeError"),
}
_OPPOSITES = {"+=": "-=", "-=": "+="}


@on(ast.If)
def branches(site: Site, node: ast.If) -> Iterator[Proposal]:
    """``if``/``else`` branches exchanged; ``elif`` → ``if``; ``if`` → ``elif``."""
    view = site.view
    start = view.span(node)[0]
    if view.source.startswith("elif", start):
        yield site.edit(node, Edit(start, start + 4, "if"), "elif", 0.2)
    elif view.source.startswith("if", start):
        block, index = view.block(node)
        if index and isinstance(block[index - 1], ast.If) and site.own_lines(node) is not None:
            yield site.edit(node, Edit(start, start + 2, "elif"), "elif", 0.12)
    if node.orelse and not (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
        yield from _exchanged(site, node)


def _exchanged(site: Site, node: ast.If) -> Iterator[Proposal]:
    view = site.view
    first = view.span(node.body[0])[0], view.span(node.body[-1])[1]
    second = view.span(node.orelse[0])[0], view.span(node.orelse[-1])[1]
    edits = (Edit(*first, view.source[slice(*second)]), Edit(*second, view.source[slice(*first)]))
    prior = 0.3 if len(node.body) == len(node.orelse) == 1 else 0.15
    yield site.edit(node, edits, "branch-swap", prior)


@on(ast.If)
def missing_else(site: Site, node: ast.If) -> Iterator[Proposal]:
    """``else:`` with the mirror image of the branch: ``else: other += 1``."""
    view = site.view
    if node.orelse or len(node.body) > 3 or any(site.own_lines(s) is None for s in node.body):
        return
    indent, tab = site.indent(node), site.tab
    place = view.line_end(view.span(node)[1])
    for text, prior in _mirrored(site, node.body[-1]):
        new = f"{view.newline}{indent}else:{view.newline}{indent}{tab}{text}"
        yield site.edit(node, Edit(place, place, new), "else", prior)
    for text, prior in (
        ("return False", 0.03),
        ("return True", 0.02),
        ("return None", 0.02),
        ("break", 0.06),
        ("continue", 0.01),
    ):
        new = f"{view.newline}{indent}else:{view.newline}{indent}{tab}{text}"
        yield site.edit(node, Edit(place, place, new), "else", prior)


def _mirrored(site: Site, statement: ast.stmt) -> Iterator[tuple[str, float]]:
    view = site.view
    names = [b for b in site.values_in_scope(statement) if b.name not in ("self", "cls") and b.origin != "parameter"]
    match statement:
        case ast.AugAssign(target=ast.Name(id=own)):
            rest = view.source[view.span(statement.target)[1] : view.span(statement)[1]]
            for rank, binding in enumerate(b for b in names if b.name != own):
                yield f"{binding.name}{rest}", 0.25 / (1 + 0.4 * rank)
            for old, new in _OPPOSITES.items():
                if old in rest:
                    yield f"{own}{rest.replace(old, new, 1)}", 0.1
            yield f"{own} = 0", 0.1
            yield f"{own} = 1", 0.06
        case ast.Assign(targets=[ast.Name(id=own)], value=value):
            rest = view.source[view.span(statement.targets[0])[1] : view.span(statement)[1]]
            for rank, binding in enumerate(b for b in names if b.name != own):
                yield f"{binding.name}{rest}", 0.12 / (1 + 0.4 * rank)
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                yield f"{own} = {not value.value}", 0.25
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=own)))):
            text = view.text(statement)
            for rank, binding in enumerate(b for b in names if b.name != own and b.kind in ("list", "set", "dict")):
                yield binding.name + text[len(own) :], 0.2 / (1 + 0.4 * rank)


@on(ast.For, ast.comprehension)
def iterables(site: Site, node: ast.For | ast.comprehension) -> Iterator[Proposal]:
    """``reversed``, ``sorted``, ``enumerate``, ``.items()`` around the iterable; ``range(len(xs))``."""
    view = site.view
    code = view.code(node.iter)
    call = node.iter if isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) else None
    name = call.func.id if call is not None and isinstance(call.func, ast.Name) else ""
    if name != "reversed":
        yield site.swap(node.iter, code.called_by("reversed"), "iterable", 0.12)
    if name not in ("range", "sorted"):
        yield site.swap(node.iter, code.called_by("sorted"), "iterable", 0.12)
        yield site.swap(node.iter, code.called_by("sorted", "reverse=True"), "iterable", 0.05)
    if (
        name == "enumerate"
        and call is not None
        and isinstance(node.target, ast.Tuple)
        and len(node.target.elts) == 2
        and call.args
    ):
        inner = view.code(call.args[0])
        kept = Edit(*view.span(node.target), view.text(node.target.elts[1]))
        yield site.edit(node.iter, (kept, Edit(*view.span(node.iter), inner.text)), "iterable", 0.1)
    if isinstance(node.target, ast.Tuple):
        if isinstance(node.iter, ast.Name | ast.Attribute):
            yield site.swap(node.iter, code.then(".items()"), "iterable", 0.3)
            yield site.swap(node.iter, code.called_by("enumerate"), "iterable", 0.25)
    else:
        if (
            name == "range"
            and call is not None
            and len(call.args) == 1
            and isinstance(call.args[0], ast.Call)
            and len(call.args[0].args) == 1
        ):
            yield site.swap(node.iter, view.code(call.args[0].args[0]), "iterable", 0.1)
        if name != "range":
            yield site.swap(node.iter, f"range({code.at(2)})", "iterable", 0.04)
            yield site.swap(node.iter, f"range(len({code.at(2)}))", "iterable", 0.08)
            if isinstance(node.iter, ast.Name | ast.Attribute) and site.kind(node.iter) != "str":
                yield site.swap(node.iter, code.called_by("list"), "iterable", 0.12)
                yield site.swap(node.iter, code.then(".copy()"), "iterable", 0.06)


@on(ast.For)
def loop_targets(site: Site, node: ast.For) -> Iterator[Proposal]:
    """``for a, b in …`` → ``for b, a in …``."""
    view = site.view
    if isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2:
        first, second = node.target.elts
        edits = (Edit(*view.span(first), view.text(second)), Edit(*view.span(second), view.text(first)))
        yield site.edit(node.iter, edits, "element-swap", 0.15)


@on(ast.While)
def loops(site: Site, node: ast.While) -> Iterator[Proposal]:
    """``while c`` → ``if c``; the names the test reads are handled as a condition."""
    start = site.view.span(node)[0]
    if not node.orelse:
        yield site.edit(node.test, Edit(start, start + len("while"), "if"), "loop", 0.06)


@on(ast.If)
def if_to_while(site: Site, node: ast.If) -> Iterator[Proposal]:
    """``if c`` → ``while c``: done once where it must be repeated."""
    start = site.view.span(node)[0]
    if not node.orelse and site.view.source.startswith("if", start):
        yield site.edit(node.test, Edit(start, start + 2, "while"), "loop", 0.1)


@on(ast.ExceptHandler)
def handlers(site: Site, node: ast.ExceptHandler) -> Iterator[Proposal]:
    """Another exception caught, or one more."""
    anchor = node.body[0]
    if not isinstance(node.type, ast.Name):
        return
    own = node.type.id
    span = site.view.span(node.type)
    hinted = [e for e in site.hints.exceptions if e != own and e.isidentifier()]
    rivals = (
        dict.fromkeys(hinted, 0.35)
        | dict.fromkeys(_EXCEPTIONS.get(own, ("ValueError", "KeyError")), 0.15)
        | {"Exception": 0.06}
    )
    for rival, prior in rivals.items():
        if rival != own:
            yield site.edit(anchor, Edit(*span, rival), "exception", prior)
            if own != "Exception" and rival != "Exception":
                yield site.edit(anchor, Edit(*span, f"({own}, {rival})"), "exception", prior * 1.2)


@on(ast.Raise)
def raised(site: Site, node: ast.Raise) -> Iterator[Proposal]:
    """Another exception raised."""
    name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(name, ast.Name):
        rivals = dict.fromkeys(site.hints.exceptions, 0.4) | dict.fromkeys(
            _EXCEPTIONS.get(name.id, ("ValueError",)), 0.2
        )
        for rival, prior in rivals.items():
            if rival != name.id and rival.isidentifier():
                yield site.swap(name, rival, "exception", prior)


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def mutable_defaults(site: Site, node: ast.FunctionDef) -> Iterator[Proposal]:
    """``def f(x=[])`` → ``def f(x=None)`` with ``if x is None: x = []``."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None]
    body = node.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1
    first = body[1] if documented else body[0]
    for argument, default in pairs:
        text = site.view.text(default)
        if isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call):
            guard = site.insertion(first, (f"if {argument.arg} is None:", f"{site.tab}{argument.arg} = {text}"))
            if guard is not None:
                yield site.edit(default, (Edit(*site.view.span(default), "None"), guard), "default", 0.6)


@on(ast.Try)
def unguarded(site: Site, node: ast.Try) -> Iterator[Proposal]:
    """A handler's body replaced: ``pass`` → ``raise`` and the other way round."""
    for handler in node.handlers:
        last = handler.body[-1]
        if isinstance(last, ast.Pass):
            yield site.edit(last, Edit(*site.view.span(last), "raise"), "exception", 0.1)
        elif isinstance(last, ast.Raise) and last.exc is None:
            yield site.edit(last, Edit(*site.view.span(last), "pass"), "exception", 0.06)
