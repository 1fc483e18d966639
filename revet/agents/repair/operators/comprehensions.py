"""Comprehensions: the filter added, dropped or changed, the element changed, list or generator."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.operators.conditions import atoms
from revet.agents.repair.patch import Edit
from revet.agents.repair.scope import free_names
from revet.agents.repair.syntax import Code

__all__: list[str] = []


@on(ast.comprehension)
def filters(site: Site, node: ast.comprehension) -> Iterator[Proposal]:
    """``for x in xs`` → ``for x in xs if …``; a filter dropped."""
    view = site.view
    end = view.span(node.ifs[-1])[1] if node.ifs else view.span(node.iter)[1]
    for present in node.ifs:
        first = view.source.rfind("if", 0, view.span(present)[0])
        yield site.edit(
            node.iter,
            Edit(_trailing_space(view.source, first), view.span(present)[1], ""),
            "condition-drop",
            0.25,
        )
    if node.ifs:
        return
    loop = frozenset(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    holder = view.parents[node]
    inside = holder.elt if isinstance(holder, ast.ListComp | ast.SetComp | ast.GeneratorExp) else None
    for test, prior in atoms(site, inside or node.iter, loop):
        if _reads(test) & loop:
            yield site.edit(node.iter, Edit(end, end, f" if {test.text}"), "condition-add", prior * 0.3)
    for other in site.conditions(node.iter):
        free = free_names(other)
        if free & loop and free <= loop | site.visible(node.iter).keys():
            yield site.edit(node.iter, Edit(end, end, f" if {view.text(other)}"), "condition-add", 0.08)
    for other_name in (
        b.name for b in site.values_in_scope(node.iter) if b.kind in ("list", "set", "dict", "str", "tuple")
    ):
        for name in sorted(loop):
            for word in ("in", "not in"):
                yield site.edit(node.iter, Edit(end, end, f" if {name} {word} {other_name}"), "condition-add", 0.03)


def _trailing_space(source: str, offset: int) -> int:
    """Where the white space before an offset begins."""
    while offset and source[offset - 1] in " \t":
        offset -= 1
    return offset


def _reads(test: Code) -> frozenset[str]:
    return free_names(ast.parse(test.text, mode="eval"))


@on(ast.comprehension)
def filter_conjunct(site: Site, node: ast.comprehension) -> Iterator[Proposal]:
    """A further condition in a filter that is there, negated forms of the simple ones included."""
    loop = frozenset(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    for test in node.ifs:
        code = site.view.code(test)
        for name in sorted(loop):
            binding = site.visible(test).get(name)
            if binding is not None and binding.kind in ("int", "float", ""):
                parity = Code(f"{name} % 2", 12)
                for symbol in ("==", "!="):
                    extra = parity.compare(symbol, Code("0"))
                    yield site.swap(test, code.binary("and", extra), "condition-add", 0.05)
                    yield site.swap(test, extra.binary("and", code), "condition-add", 0.02)


@on(ast.ListComp, ast.SetComp, ast.GeneratorExp)
def brackets(site: Site, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Iterator[Proposal]:
    """``[…]`` ↔ ``(…)`` ↔ ``{…}``; the element replaced by another of the loop's names."""
    view = site.view
    text = view.text(node)
    if text[:1] not in "([{" or (isinstance(node, ast.GeneratorExp) and text[:1] != "("):
        return
    for pair, kind, prior in (
        ("[]", ast.ListComp, 0.12),
        ("{}", ast.SetComp, 0.12),
        ("()", ast.GeneratorExp, 0.06),
    ):
        if not isinstance(node, kind):
            yield site.swap(node, pair[0] + text[1:-1] + pair[1], "comprehension", prior)
    for generator in node.generators:
        for each in ast.walk(generator.target):
            if isinstance(each, ast.Name) and each.id != view.text(node.elt):
                yield site.swap(node.elt, each.id, "comprehension", 0.15)
    if len(node.generators) == 1:
        yield site.swap(node, view.code(node.generators[0].iter), "comprehension", 0.03)


@on(ast.comprehension)
def targets(site: Site, node: ast.comprehension) -> Iterator[Proposal]:
    """``for a, b in …`` → ``for b, a in …``; ``enumerate`` dropped."""
    view = site.view
    if isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2:
        first, second = node.target.elts
        (a, b), (c, d) = view.span(first), view.span(second)
        swapped = (Edit(a, b, view.text(second)), Edit(c, d, view.text(first)))
        yield site.edit(node.iter, swapped, "element-swap", 0.15)
