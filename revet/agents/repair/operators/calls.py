"""Arguments exchanged, added, dropped, renamed; the forms of ``range``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on
from revet.agents.repair.patch import Edit
from revet.agents.repair.syntax import TEST, Code

__all__: list[str] = []


@on(ast.Call)
def arguments_swapped(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """Two positional arguments exchanged; two keyword values exchanged."""
    view = site.view
    for values, prior in ((node.args, 0.45), ([k.value for k in node.keywords], 0.2)):
        for i in range(min(len(values), 5)):
            for j in range(i + 1, min(len(values), 5)):
                if not isinstance(values[i], ast.Starred) and not isinstance(values[j], ast.Starred):
                    (a, b), (c, d) = view.span(values[i]), view.span(values[j])
                    start, end = view.span(node)
                    text = (
                        view.source[start:a]
                        + view.source[c:d]
                        + view.source[b:c]
                        + view.source[a:b]
                        + view.source[d:end]
                    )
                    yield site.swap(node, text, "argument-swap", prior / (1 + 0.3 * (j - i - 1)))


@on(ast.Call)
def arguments_dropped(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """One argument or keyword dropped."""
    arguments: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    total = len(arguments)
    if total == 0 or (total == 1 and isinstance(node.func, ast.Name)):
        return
    for i in range(total):
        kept = [a for j, a in enumerate(arguments) if j != i]
        prior = 0.2 if i >= len(node.args) else 0.15
        yield site.swap(node, _rebuilt(site, node, [_argument(site, a) for a in kept]), "argument-drop", prior)


def _argument(site: Site, node: ast.expr | ast.keyword) -> str:
    return site.view.text(node) if isinstance(node, ast.keyword) else site.view.code(node).at(0)


def _rebuilt(site: Site, node: ast.Call, arguments: list[str]) -> str:
    return f"{site.view.code(node.func).at(16)}({', '.join(arguments)})"


_EXTRA: dict[str, tuple[tuple[str, float], ...]] = {
    "round": (("2", 0.25), ("1", 0.05)),
    "split": (("1", 0.1),),
    "rsplit": (("1", 0.1),),
    "get": (("0", 0.15), ("[]", 0.15), ('""', 0.15), ("False", 0.15)),
    "enumerate": (("1", 0.3),),
    "sum": (("[]", 0.04),),
}
_KEYED = (
    ("key=len", 0.2),
    ("key=str.lower", 0.05),
    ("key=abs", 0.05),
    ("key=lambda item: item[0]", 0.05),
    ("key=lambda item: item[1]", 0.05),
)
_CLOSED = frozenset(
    ("len", "range", "sorted", "sum", "str", "int", "set", "list", "print", "enumerate", "reversed", "abs")
)


@on(ast.Call)
def arguments_added(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """What calls of this name often take: ``reverse=True``, ``key=len``, digits, a default."""
    arguments: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    texts = [_argument(site, a) for a in arguments]
    name, present = _called(node), {k.arg for k in node.keywords}
    extra: list[tuple[str, float]] = []
    if name in ("sorted", "sort") and "reverse" not in present:
        extra.append(("reverse=True", 0.3))
    if name in ("sorted", "sort", "min", "max") and "key" not in present:
        extra += _KEYED
    if len(texts) == 1:
        extra += _EXTRA.get(name, ())
    if not texts and name == "split":
        extra += [(separator, 0.15) for separator in ('" "', '","', '"\\n"')]
    for argument, prior in extra:
        yield site.swap(node, _rebuilt(site, node, [*texts, argument]), "argument-add", prior)
    if name == "split" and len(texts) == 1:
        yield site.swap(node, _rebuilt(site, node, []), "argument-drop", 0.2)


@on(ast.Call)
def names_passed(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """A name in scope as a further argument."""
    texts = [_argument(site, a) for a in node.args]
    name = _called(node)
    if node.keywords or name in _CLOSED:
        return
    own = name in site.visible(node) or name in ("min", "max") or isinstance(node.func, ast.Attribute)
    for rank, binding in enumerate(site.values_in_scope(node)[:8]):
        if binding.name not in texts and binding.name != "self":
            prior = (0.1 if own else 0.03) / (1 + 0.2 * rank)
            yield site.swap(node, _rebuilt(site, node, [*texts, binding.name]), "argument-add", prior)


def _called(node: ast.Call) -> str:
    """The last part of the name of what is called."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@on(ast.Call)
def range_forms(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """Start, stop and step of ``range``: added, dropped, one off, counted down."""
    if not (isinstance(node.func, ast.Name) and node.func.id == "range") or node.keywords:
        return
    args = [site.view.code(a) for a in node.args]
    one = Code("1")

    def made(prior: float, *parts: Code | str) -> Proposal:
        texts = [p if isinstance(p, str) else p.at(TEST) for p in parts]
        return site.swap(node, f"range({', '.join(texts)})", "range", prior)

    if len(args) == 1:
        stop = args[0]
        yield made(0.35, "1", stop)
        yield made(0.25, "1", stop.binary("+", one))
        yield made(0.15, "2", stop)
        yield made(0.1, "2", stop.binary("+", one))
        yield made(0.08, "1", stop.binary("-", one))
        yield made(0.08, stop.binary("-", one), "-1", "-1")
        yield made(0.05, stop, "0", "-1")
        yield made(0.04, "0", stop, "2")
        for rank, binding in enumerate(b for b in site.values_in_scope(node) if b.kind == "int"):
            yield made(0.1 / (1 + rank), binding.name, stop)
            yield made(0.08 / (1 + rank), Code(binding.name).binary("+", one), stop)
    elif len(args) == 2:
        start, stop = args
        if start.text != "0":
            yield made(0.3, stop)
        yield made(0.12, start.binary("+", one) if start.text != "0" else one, stop.binary("+", one))
        yield made(0.08, start, stop, "2")
        yield made(0.08, start, stop, "-1")
        yield made(0.08, stop.binary("-", one), start.binary("-", one) if start.text != "0" else "-1", "-1")
    elif len(args) == 3:
        start, stop, step = args
        yield made(0.25, start, stop)
        yield made(0.2, start, stop, step.minus() if not step.text.startswith("-") else step.text[1:])
        if step.text == "-1":
            yield made(0.25, start, "-1", step)
            yield made(0.1, start.binary("-", one), "-1", "-1")


@on(ast.Call)
def keyword_arguments(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """``timedelta(days=n)`` → ``timedelta(hours=n)`` and the other keywords commonly confused."""
    for keyword in node.keywords:
        if keyword.arg is None:
            continue
        rivals = next((group for group in _KEYWORDS if keyword.arg in group), ())
        start = site.view.span(keyword)[0]
        for rival in rivals:
            if rival != keyword.arg:
                yield site.edit(keyword.value, Edit(start, start + len(keyword.arg), rival), "keyword", 0.15)


_KEYWORDS = (
    ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds"),
    ("year", "month", "day"),
    ("hour", "minute", "second", "microsecond"),
)
