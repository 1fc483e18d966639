"""Tests of ``if``, ``while``, ternaries and filters: negated, fixed, strengthened, replaced; guards."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.patch import Edit
from revet.agents.repair.scope import Binding
from revet.agents.repair.syntax import Code

__all__ = ["atoms"]

_NEGATED = {
    ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


def is_condition(site: Site, node: ast.expr) -> bool:
    """True for an expression in whose place only its truth counts."""
    parent, place = site.view.parents[node], site.view.places[node][0]
    if place in ("test", "ifs") or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)):
        return True
    if isinstance(parent, ast.BoolOp):
        return is_condition(site, parent) or site.kind(node) == "bool"
    return isinstance(parent, ast.Return) and site.kind(node) == "bool"


def negation(site: Site, node: ast.expr) -> Code:
    """The opposite, as a person would write it."""
    code = site.view.code(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return site.view.code(node.operand)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return site.view.code(node.left).compare(_NEGATED[type(node.ops[0])], site.view.code(node.comparators[0]))
    return code.negated()


def atoms(site: Site, node: ast.AST, own: frozenset[str] = frozenset()) -> list[tuple[Code, float]]:
    """Simple tests on the variables at hand: ``not x``, ``x is None``, ``x < 0`` …, each with its share.

    Names in `own` are those of the condition itself; they come first.
    """
    found: list[tuple[Code, float]] = []
    bindings = [b for b in site.values_in_scope(node) if b.name not in ("self", "cls")]
    bindings.sort(key=lambda b: b.name not in own)
    for rank, binding in enumerate(bindings[:8]):
        weight = 1 / (1 + 0.4 * rank)
        found += [(code, prior * weight) for code, prior in _tests(binding)]
    return found


def _tests(binding: Binding) -> list[tuple[Code, float]]:
    name, kind = Code(binding.name), binding.kind
    length = name.called_by("len")
    if kind in ("list", "str", "dict", "set", "tuple"):
        return [
            (name.negated(), 0.35),
            (length.compare("==", Code("1")), 0.12),
            (length.compare("<", Code("2")), 0.08),
            (length.compare(">", Code("1")), 0.05),
            (name.compare("is", Code("None")), 0.1),
            (name, 0.15),
        ]
    if kind in ("int", "float"):
        two = name.binary("%", Code("2"))
        return [
            (name.compare("==", Code("0")), 0.2),
            (name.compare("<", Code("0")), 0.2),
            (name.compare("<=", Code("0")), 0.15),
            (name.compare(">", Code("0")), 0.12),
            (name.compare("==", Code("1")), 0.12),
            (name.compare("<", Code("2")), 0.08),
            (name.compare("!=", Code("0")), 0.06),
            (two.compare("==", Code("1")), 0.06),
            (two.compare("==", Code("0")), 0.06),
        ]
    if kind == "bool":
        return [(name.negated(), 0.3), (name, 0.3)]
    if kind in ("function", "class", "module"):
        return []
    loose = [
        (name.compare("is", Code("None")), 0.25),
        (name.negated(), 0.25),
        (name.compare("is not", Code("None")), 0.1),
        (name, 0.1),
    ]
    if kind == "object":
        return loose
    return [
        *loose,
        (name.compare("==", Code("0")), 0.08),
        (name.compare("<", Code("0")), 0.06),
        (name.compare(">", Code("0")), 0.05),
        (name.compare("<=", Code("0")), 0.04),
        (name.compare("==", Code("1")), 0.03),
        (length.compare("==", Code("1")), 0.03),
        (name.binary("%", Code("2")).compare("==", Code("1")), 0.04),
        (name.binary("%", Code("2")).compare("==", Code("0")), 0.04),
    ]


@on(ast.expr)
def negated(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """The opposite condition; always; never."""
    if not is_condition(site, node) or isinstance(site.view.parents[node], ast.UnaryOp):
        return
    if not isinstance(node, ast.Constant | ast.Compare):
        yield site.swap(node, negation(site, node), "negation", 0.4)
    top = site.view.places[node][0] in ("test", "ifs")
    if not isinstance(node, ast.Constant):
        yield site.swap(node, "True", "condition-fixed", 0.06 if top else 0.02)
        yield site.swap(node, "False", "condition-fixed", 0.06 if top else 0.02)


@on(ast.expr)
def strengthened(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """``c`` → ``c or not x``, ``c and x > 0``, ``x is None or c``: a case forgotten."""
    place = site.view.places[node][0]
    returned = isinstance(site.view.parents[node], ast.Return) and site.kind(node) == "bool"
    if place not in ("test", "ifs") and not returned:
        return
    code = site.view.code(node)
    own = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
    likely = 0.6 if returned else 1.0
    for test, prior in atoms(site, node, own):
        yield from _joined(site, node, code, test, prior * 0.28 * likely)
    for dotted in _attribute_bases(node):
        base = site.view.code(dotted)
        yield from _joined(site, node, code, base.compare("is", Code("None")), 0.12, first=True)
        yield from _joined(site, node, code, base.compare("is not", Code("None")), 0.1, first=True)
    mine = set(map(id, ast.walk(node)))
    for rank, other in enumerate(site.conditions(node)):
        if id(other) not in mine and site.usable(other, node):
            prior = 0.07 / (1 + 0.2 * rank)
            yield from _joined(site, node, code, site.view.code(other), prior * likely)
            yield from _joined(site, node, code, negation(site, other), prior * 0.5 * likely)


def _attribute_bases(node: ast.AST) -> list[ast.expr]:
    """What must not be None for the condition's attributes and subscripts to work."""
    bases: dict[str, ast.expr] = {}
    for each in ast.walk(node):
        base = each.value if isinstance(each, ast.Attribute | ast.Subscript) else None
        if isinstance(base, ast.Attribute) or (isinstance(base, ast.Name) and base.id not in ("self", "cls")):
            bases.setdefault(ast.dump(base), base)
    return list(bases.values())


def _joined(
    site: Site, node: ast.expr, code: Code, test: Code, prior: float, *, first: bool = False
) -> Iterator[Proposal]:
    for word in ("or", "and"):
        both = test.binary(word, code) if first else code.binary(word, test)
        yield site.swap(node, both, "condition-add", prior)
        if not first:
            yield site.swap(node, test.binary(word, code), "condition-add", prior * 0.4)


@on(ast.expr)
def replaced_condition(site: Site, node: ast.expr) -> Iterator[Proposal]:
    """A condition replaced by a simple one, or by another of the function, or by its opposite."""
    if site.view.places[node][0] not in ("test", "ifs") and not isinstance(site.view.parents[node], ast.BoolOp):
        return
    own = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
    for test, prior in atoms(site, node, own):
        yield site.swap(node, test, "condition-replace", prior * 0.12)
    for rank, other in enumerate(site.conditions(node)):
        if other is not node and site.usable(other, node):
            yield site.swap(node, negation(site, other), "condition-replace", 0.03 / (1 + 0.2 * rank))


@on(ast.Return)
def returned_condition(site: Site, node: ast.Return) -> Iterator[Proposal]:
    """``return True`` → ``return depth == 0``: the answer still depends on something."""
    if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool)):
        return
    for test, prior in atoms(site, node.value):
        yield site.swap(node.value, test, "return-condition", prior * 0.6)
    for rank, other in enumerate(site.conditions(node)):
        if site.usable(other, node.value):
            yield site.swap(node.value, site.view.code(other), "return-condition", 0.1 / (1 + 0.2 * rank))
            yield site.swap(node.value, negation(site, other), "return-condition", 0.07 / (1 + 0.2 * rank))


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def guards(site: Site, node: ast.FunctionDef) -> Iterator[Proposal]:
    """``if not x: return …`` at the start of a function: a base case forgotten."""
    first = _first_real(node.body)
    if first is None:
        return
    parameters = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    bindings = [b for b in site.values_in_scope(first) if b.name in parameters and b.name not in ("self", "cls")]
    results = _results(site, node, sorted(b.name for b in bindings))
    generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(node))
    seen: set[str] = set()
    for rank, binding in enumerate(bindings[:5]):
        for test, prior in _tests(binding):
            if test.text in (
                binding.name,
                f"{binding.name} > 0",
                f"{binding.name} is not None",
                f"len({binding.name}) > 1",
            ):
                continue
            for result, share in (("", 1.0),) if generator else results:
                text = f"return {result}".strip()
                if (key := f"{test.text}:{text}") not in seen:
                    seen.add(key)
                    edit = site.insertion(first, (f"if {test.text}:", f"{site.tab}{text}"))
                    if edit is not None:
                        yield site.edit(first, edit, "guard", 0.2 * prior * share / (1 + 0.3 * rank))


def _first_real(body: list[ast.stmt]) -> ast.stmt | None:
    """The first statement after a docstring."""
    documented = (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
    rest = body[1:] if documented else body
    return rest[0] if rest else None


def _results(site: Site, node: ast.AST, parameters: list[str]) -> tuple[tuple[str, float], ...]:
    """What a guard may return: what the function returns elsewhere first, then the empty values."""
    found: dict[str, float] = {}
    for each in ast.walk(node):
        if isinstance(each, ast.Return) and isinstance(each.value, ast.Constant):
            found[site.view.text(each.value)] = 0.5
    for text, share in (
        ("None", 0.25),
        ("0", 0.3),
        ("[]", 0.3),
        ("False", 0.25),
        ("True", 0.15),
        ("1", 0.15),
        ('""', 0.2),
        ("{}", 0.1),
    ):
        found.setdefault(text, share)
    for name in parameters:
        found.setdefault(name, 0.25)
    return tuple(sorted(found.items(), key=lambda pair: -pair[1]))


@on(ast.stmt)
def guarded_statement(site: Site, node: ast.stmt) -> Iterator[Proposal]:
    """A statement done only under a condition; an ``if`` whose branch always runs."""
    view = site.view
    if isinstance(node, ast.If) and not node.orelse and not _is_elif(site, node):
        edit = _unindented(site, node)
        if edit is not None:
            yield site.edit(node, edit, "condition-fixed", 0.06)
    if (
        not isinstance(node, ast.Expr | ast.Assign | ast.AugAssign)
        or view.function(node) is None
        or site.own_lines(node) is None
    ):
        return
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
        return
    start, end = view.span(node)
    text = view.source[start:end]
    if "\n" in text:
        return
    own = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
    indent = site.indent(node)
    tests = [(t, p * 0.08) for t, p in atoms(site, node, own) if own & _words(t.text)]
    tests += [(view.code(c), 0.03) for c in site.conditions(node) if site.usable(c, node)]
    for test, prior in tests:
        edit = Edit(start, end, f"if {test.text}:{view.newline}{indent}{site.tab}{text}")
        yield site.edit(node, edit, "guard", prior)


def _words(text: str) -> frozenset[str]:
    return frozenset(n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name))


def _is_elif(site: Site, node: ast.If) -> bool:
    return site.view.source[site.view.span(node)[0] :].startswith("elif")


def _unindented(site: Site, node: ast.If) -> Edit | None:
    """The edit that replaces ``if c: body`` by its body."""
    extent = site.own_lines(node)
    extents = [site.own_lines(s) for s in node.body]
    if extent is None or any(e is None for e in extents) or any("\n" in site.view.text(s) for s in node.body):
        return None
    indent = site.indent(node)
    text = "".join(f"{indent}{site.view.text(s)}{site.view.newline}" for s in node.body)
    return Edit(*extent, text)
