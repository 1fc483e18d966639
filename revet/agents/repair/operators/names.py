"""Names and attributes exchanged: variables in scope, methods commonly confused, ``self.`` forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from revet.agents.repair.operators.base import Proposal, Site, on, similarity
from revet.agents.repair.scope import Kind, is_builtin
from revet.agents.repair.syntax import Code

__all__: list[str] = []

_METHODS = (
    ("upper", "lower", "swapcase", "title", "capitalize", "casefold"),
    ("isupper", "islower", "istitle"),
    ("isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal", "isspace"),
    ("startswith", "endswith"),
    ("append", "extend", "insert", "add", "appendleft"),
    ("pop", "popleft", "remove", "popitem"),
    ("floor", "ceil", "trunc"),
    ("find", "rfind", "index", "rindex", "count"),
    ("strip", "lstrip", "rstrip"),
    ("split", "rsplit", "splitlines", "partition"),
    ("partition", "rpartition"),
    ("ljust", "rjust", "center", "zfill"),
    ("keys", "values", "items"),
    ("update", "setdefault"),
    ("discard", "remove", "add"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset", "isdisjoint"),
    ("sort", "reverse"),
    ("get", "pop", "setdefault"),
    ("removeprefix", "removesuffix", "lstrip", "rstrip"),
    ("search", "match", "fullmatch", "findall"),
    ("sub", "subn", "split"),
    ("read", "readline", "readlines"),
    ("encode", "decode"),
    ("sin", "cos", "tan"),
    ("log", "log2", "log10", "exp", "sqrt"),
    ("year", "month", "day"),
    ("hour", "minute", "second"),
    ("days", "seconds", "total_seconds"),
    ("weekday", "isoweekday"),
    ("date", "datetime"),
    ("utcnow", "now", "today"),
    (
        "ROUND_HALF_UP",
        "ROUND_HALF_EVEN",
        "ROUND_DOWN",
        "ROUND_UP",
        "ROUND_FLOOR",
        "ROUND_CEILING",
        "ROUND_HALF_DOWN",
    ),
    ("left", "right"),
    ("first", "last"),
    ("start", "end", "stop"),
    ("next", "prev", "previous"),
    ("width", "height"),
    ("min", "max"),
    ("x", "y"),
)
_FUNCTIONS = (
    ("min", "max"),
    ("any", "all"),
    ("sum", "len", "max", "min"),
    ("sorted", "reversed", "list", "set"),
    ("floor", "ceil", "round", "int"),
    ("round", "int", "float", "abs"),
    ("str", "repr", "int"),
    ("list", "tuple", "set", "sorted"),
    ("zip", "enumerate"),
    ("zip", "zip_longest"),
    ("ord", "chr", "int"),
    ("bin", "hex", "oct"),
    ("map", "filter"),
    ("heappush", "heappop"),
    ("bisect_left", "bisect_right", "bisect"),
    ("permutations", "combinations", "product"),
    ("divmod", "pow"),
    (
        "ROUND_HALF_UP",
        "ROUND_HALF_EVEN",
        "ROUND_DOWN",
        "ROUND_UP",
        "ROUND_FLOOR",
        "ROUND_CEILING",
        "ROUND_HALF_DOWN",
    ),
    ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError"),
)
_NUMERIC = ("int", "float")


def _rivals(name: str, sets: tuple[tuple[str, ...], ...]) -> list[str]:
    return list(dict.fromkeys(other for each in sets if name in each for other in each if other != name))


def likeness(left: Kind, right: Kind) -> float:
    """How readily a name of one kind was meant where one of another kind stands."""
    if left == right:
        return 1.0 if left else 0.7
    if not left or not right:
        return 0.6
    if left in _NUMERIC and right in _NUMERIC:
        return 0.8
    if {left, right} <= {"list", "tuple", "set", "dict", "str"}:
        return 0.4
    return 0.15


@on(ast.Name)
def other_name(site: Site, node: ast.Name) -> Iterator[Proposal]:
    """Another variable in scope, of the same kind first."""
    view, scope = site.view, site.visible(node)
    stored = isinstance(node.ctx, ast.Store)
    if isinstance(node.ctx, ast.Del):
        return
    parent = view.parents[node]
    if stored and not isinstance(parent, ast.AugAssign | ast.Assign):
        return
    here = scope.get(node.id)
    called = isinstance(parent, ast.Call) and parent.func is node
    if called or (here is not None and here.kind in ("function", "class", "module")):
        return
    if here is None and is_builtin(node.id):
        return
    rivals = [b for b in site.values_in_scope(node) if b.name != node.id]
    kind: Kind = here.kind if here else ""
    for rank, other in enumerate(rivals):
        prior = 0.4 * likeness(kind, other.kind) / (1 + 0.12 * rank)
        if other.line > node.lineno and other.origin != "loop":
            prior *= 0.4
        if other.name == "self":
            prior *= 0.05
        if similarity(other.name, node.id) > 0.6:
            prior *= 1.3
        yield site.swap(node, other.name, "name", min(prior * (0.6 if stored else 1.0), 0.9))
    if not stored:
        for binding in scope.values():
            if (
                binding.origin == "global"
                and binding.kind not in ("function", "class", "module")
                and binding.name != node.id
            ):
                yield site.swap(node, binding.name, "name", 0.1 * likeness(kind, binding.kind))


@on(ast.Name)
def other_function(site: Site, node: ast.Name) -> Iterator[Proposal]:
    """A function commonly confused with the one called, or another one of the module."""
    if not isinstance(node.ctx, ast.Load):
        return
    parent = site.view.parents[node]
    called = isinstance(parent, ast.Call) and parent.func is node
    scope = site.visible(node)
    for rival in _rivals(node.id, _FUNCTIONS):
        if rival in scope or is_builtin(rival):
            yield site.swap(node, rival, "function-name", 0.45 if called else 0.3)
        elif (owner := _module_of(rival)) in scope:
            yield site.swap(node, f"{owner}.{rival}", "function-name", 0.25)
    if called:
        for binding in scope.values():
            if binding.kind in ("function", "class") and binding.name != node.id and not is_builtin(node.id):
                yield site.swap(node, binding.name, "function-name", 0.15)


def _module_of(name: str) -> str:
    return "math" if name in ("floor", "ceil", "trunc", "sqrt") else ""


@on(ast.Attribute)
def other_attribute(site: Site, node: ast.Attribute) -> Iterator[Proposal]:
    """A method commonly confused; an attribute that this file or its tests use; one spelled nearly so."""
    view = site.view
    base = view.code(node.value)
    parent = view.parents[node]
    called = isinstance(parent, ast.Call) and parent.func is node
    confused = _rivals(node.attr, _METHODS)
    for rival in confused:
        yield site.swap(node, base.then(f".{rival}"), "attribute", 0.4 / (1 + 0.05 * len(confused)))
    for name, is_called in site.attributes.items():
        if name != node.attr and name not in confused and is_called == called:
            alike = similarity(name, node.attr)
            same = 0.1 if (base.text, name) in site.dotted else 0.0
            yield site.swap(node, base.then(f".{name}"), "attribute", 0.05 + same + 0.2 * max(0.0, alike - 0.4))
    words = node.attr.strip("_").split("_")
    for name in sorted(site.hints.names):
        if name != node.attr and name not in site.attributes and name.isidentifier():
            shared = len(set(words) & set(name.split("_"))) / len(words)
            alike = similarity(name, node.attr)
            if alike >= 0.6 or (shared >= 0.5 and len(words) > 1):
                yield site.swap(node, base.then(f".{name}"), "attribute", 0.1 + 0.25 * alike)
    if (
        called
        and isinstance(node.value, ast.Name)
        and node.value.id == "math"
        and node.attr in ("floor", "ceil", "trunc")
    ):
        yield site.swap(node, "round", "function-name", 0.1)
        yield site.swap(node, "int", "function-name", 0.05)


@on(ast.Attribute)
def attribute_base(site: Site, node: ast.Attribute) -> Iterator[Proposal]:
    """``self.x`` ↔ ``x``; an attribute forgotten at the end."""
    if not isinstance(node.ctx, ast.Load):
        return
    if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and node.attr in site.visible(node):
        yield site.swap(node, node.attr, "self", 0.25)
    parent = site.view.parents[node]
    if not (isinstance(parent, ast.Call) and parent.func is node):
        yield site.swap(node, site.view.code(node.value), "attribute-drop", 0.06)


@on(ast.Name)
def attribute_added(site: Site, node: ast.Name) -> Iterator[Proposal]:
    """``x`` → ``self.x``; ``x`` → ``x.attribute`` as elsewhere in the file."""
    view = site.view
    parent = view.parents[node]
    if (
        isinstance(node.ctx, ast.Del)
        or isinstance(parent, ast.Attribute)
        or (isinstance(parent, ast.Call) and parent.func is node)
    ):
        return
    scope = site.visible(node)
    if "self" in scope and site.attributes.get(node.id) is False:
        yield site.swap(node, f"self.{node.id}", "self", 0.3)
    if isinstance(node.ctx, ast.Store) or node.id == "self":
        return
    seen = {
        each.attr: each
        for each in site.expressions(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == node.id
    }
    for name, each in seen.items():
        holder = view.parents[each]
        called = isinstance(holder, ast.Call) and holder.func is each
        suffix = f".{name}()" if called and not holder.args else f".{name}"  # type: ignore[attr-defined]
        if not called or suffix.endswith("()"):
            yield site.swap(node, Code(node.id).then(suffix), "attribute-add", 0.06)
    if node.id not in scope and not is_builtin(node.id) and "self" in scope:
        yield site.swap(node, f"self.{node.id}", "self", 0.4)
