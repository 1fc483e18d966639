"""The same slip made several times: a constant or a name changed at all its places in a function at once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.operators.literals import literal, spelled
from revet.agents.repair.patch import Edit
from revet.agents.repair.scope import Kind
from revet.agents.repair.syntax import FunctionNode

__all__: list[str] = []

_CASES: tuple[tuple[Callable[[str], str], float], ...] = (
    (str.lower, 0.12),
    (str.upper, 0.1),
    (str.capitalize, 0.12),
    (str.title, 0.03),
    (str.strip, 0.1),
)
_ALIKE: tuple[Kind, ...] = ("int", "float")


def _constants(site: Site, function: FunctionNode) -> list[ast.Constant]:
    """The constants of a function's body that can be edited: no docstrings, nothing inside f-strings."""
    found: list[ast.Constant] = []
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Constant) and not isinstance(site.view.parents[node], ast.Expr):
            found.append(node)
        elif not isinstance(node, ast.JoinedStr | ast.pattern):
            stack.extend(c for c in ast.iter_child_nodes(node) if c in site.view.parents)
    return sorted(found, key=site.view.span)


def _plain(site: Site, node: ast.Constant) -> bool:
    text = site.view.text(node)
    return isinstance(node.value, str) and text[:1] in ("'", '"') and "\n" not in text


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def strings_recased(site: Site, node: FunctionNode) -> Iterator[Proposal]:
    """All strings of a function in other case or without blanks at their ends: ``"yes"`` → ``"Yes"``."""
    strings = [c for c in _constants(site, node) if _plain(site, c) and any(ch.isalpha() for ch in str(c.value))]
    if not 2 <= len(strings) <= 20:
        return
    for change, prior in _CASES:
        edits = [
            Edit(*site.view.span(c), spelled(change(c.value), site.view.text(c)).text)
            for c in strings
            if isinstance(c.value, str) and change(c.value) != c.value
        ]
        if len(edits) > 1:
            yield site.edit(strings[0], edits, "repeat", prior)


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def constant_everywhere(site: Site, node: FunctionNode) -> Iterator[Proposal]:
    """A constant that stands twice or more in a function, changed everywhere."""
    groups: dict[tuple[type, object], list[ast.Constant]] = {}
    for constant in _constants(site, node):
        groups.setdefault((type(constant.value), constant.value), []).append(constant)
    for (kind, value), members in groups.items():
        if not 2 <= len(members) <= 8 or kind not in (int, float, str):
            continue
        if isinstance(value, str) and not all(_plain(site, m) for m in members):
            continue
        for new, prior in _replacements(value):
            edits = [
                Edit(
                    *site.view.span(m),
                    (spelled(new, site.view.text(m)) if isinstance(new, str) else literal(new)).text,
                )
                for m in members
            ]
            yield site.edit(members[0], edits, "repeat", prior)


def _replacements(value: object) -> list[tuple[object, float]]:
    if isinstance(value, str):
        found = [
            (value.strip(), 0.15),
            (value.lower(), 0.08),
            (value.upper(), 0.08),
            (value.capitalize(), 0.08),
        ]
        found += [("", 0.08)] if len(value) == 1 else []
        return [(new, prior) for new, prior in dict(reversed(found)).items() if new != value]
    if isinstance(value, int | float):
        return [(value + 1, 0.08), (value - 1, 0.08), (-value, 0.03)] if value else [(1, 0.06), (-1, 0.03)]
    return []


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def name_everywhere(site: Site, node: FunctionNode) -> Iterator[Proposal]:
    """A variable read twice or more, replaced by another one of its kind wherever it is read."""
    reads: dict[str, list[ast.Name]] = {}
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and site.view.function(each) is node:
            reads.setdefault(each.id, []).append(each)
    bindings = [b for b in site.values_in_scope(node.body[0]) if b.name not in ("self", "cls")][:8]
    for binding in bindings:
        places = reads.get(binding.name, [])
        if not 2 <= len(places) <= 6 or any(site.in_fstring(p) for p in places):
            continue
        for other in bindings:
            if other.name != binding.name and (other.kind == binding.kind or {other.kind, binding.kind} <= set(_ALIKE)):
                edits = [Edit(*site.view.span(p), other.name) for p in places]
                yield site.edit(places[0], edits, "repeat", 0.03)
