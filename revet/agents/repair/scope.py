"""Which names can be used where, and what kind of value each seems to hold.

Kinds are guessed from how a name is bound and used: they order candidates and never rule on correctness.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from revet.agents.repair.syntax import FunctionNode

__all__ = ["Binding", "Kind", "Scope", "free_names", "function_scope", "kind_of", "module_scope"]

Kind = Literal[
    "int", "float", "str", "bool", "list", "dict", "set", "tuple", "function", "class", "module", "object", ""
]

Origin = Literal["parameter", "local", "loop", "global", "import"]
Vote = tuple[ast.AST, Kind, int]

_METHOD_NAMES: tuple[tuple[Kind, str], ...] = (
    (
        "str",
        "upper lower strip lstrip rstrip split rsplit startswith endswith isupper islower isdigit isalpha "
        "isalnum isspace swapcase title capitalize join format encode splitlines zfill ljust rjust center "
        "partition casefold",
    ),
    ("list", "append extend insert sort reverse"),
    ("dict", "items keys values setdefault"),
    ("set", "add discard union intersection difference issubset issuperset"),
)
_METHODS: dict[Kind, frozenset[str]] = {kind: frozenset(names.split()) for kind, names in _METHOD_NAMES}
_CALL_KINDS: dict[str, Kind] = {
    "len": "int", "int": "int", "ord": "int", "sum": "int", "round": "int", "abs": "int", "hash": "int",
    "float": "float",
    "str": "str", "repr": "str", "chr": "str", "bin": "str", "hex": "str", "input": "str", "list": "list",
    "sorted": "list", "dict": "dict", "Counter": "dict", "defaultdict": "dict", "OrderedDict": "dict",
    "set": "set",
    "frozenset": "set", "tuple": "tuple", "bool": "bool", "any": "bool", "all": "bool", "isinstance": "bool",
    "range": "list", "reversed": "list", "deque": "list", "Decimal": "float", "Fraction": "float",
}  # fmt: skip
_ANNOTATIONS: dict[str, Kind] = {
    "int": "int", "float": "float", "str": "str", "bool": "bool", "list": "list", "List": "list",
    "Sequence": "list", "Iterable": "list", "dict": "dict", "Dict": "dict", "Mapping": "dict", "set": "set",
    "Set": "set", "tuple": "tuple", "Tuple": "tuple", "Callable": "function", "Decimal": "float",
}  # fmt: skip


_TYPES: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "str"}
_FIXED: dict[type, Kind] = {
    ast.JoinedStr: "str", ast.List: "list", ast.ListComp: "list", ast.Dict: "dict", ast.DictComp: "dict",
    ast.Set: "set", ast.SetComp: "set", ast.Tuple: "tuple", ast.Compare: "bool", ast.Lambda: "function",
}  # fmt: skip


@dataclass(slots=True)
class Binding:
    """A name, where it is first bound, and what it seems to hold."""

    name: str
    line: int
    origin: Origin
    votes: Counter[Kind] = field(default_factory=Counter)

    @property
    def kind(self) -> Kind:
        return self.votes.most_common(1)[0][0] if self.votes else ""


Scope = dict[str, Binding]


def free_names(node: ast.AST) -> frozenset[str]:
    """The names that an expression reads and does not bind itself."""
    loaded: set[str] = set()
    bound: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            (loaded if isinstance(each.ctx, ast.Load) else bound).add(each.id)
        elif isinstance(each, ast.arg):
            bound.add(each.arg)
    return frozenset(loaded - bound)


def kind_of(node: ast.expr | None, scope: Scope) -> Kind:
    """What an expression seems to hold; "" when nothing tells."""
    if isinstance(node, ast.Constant):
        return _TYPES.get(type(node.value), "")
    if (fixed := _FIXED.get(type(node))) is not None:
        return fixed
    match node:
        case ast.UnaryOp():
            return "bool" if isinstance(node.op, ast.Not) else kind_of(node.operand, scope)
        case ast.Name(id=name):
            return scope[name].kind if name in scope else ""
        case ast.Call(func=ast.Name(id=name)):
            return _CALL_KINDS.get(name, "")
        case ast.Call(func=ast.Attribute(attr=name)):
            return _method_result(name)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary_kind(kind_of(left, scope), op, kind_of(right, scope))
        case ast.Subscript(value=value, slice=index):
            base = kind_of(value, scope)
            return base if base == "str" or isinstance(index, ast.Slice) else ""
        case ast.IfExp(body=body, orelse=orelse):
            return kind_of(body, scope) or kind_of(orelse, scope)
    return ""


def _method_result(name: str) -> Kind:
    if name in (
        "upper",
        "lower",
        "strip",
        "lstrip",
        "rstrip",
        "join",
        "format",
        "replace",
        "swapcase",
        "title",
        "capitalize",
    ):
        return "str"
    if name in ("split", "rsplit", "splitlines"):
        return "list"
    if name in ("count", "index", "find", "rfind", "bit_length", "toordinal", "weekday"):
        return "int"
    if name.startswith(("is", "has")) or name in ("startswith", "endswith"):
        return "bool"
    return ""


def _binary_kind(left: Kind, op: ast.operator, right: Kind) -> Kind:
    if isinstance(op, ast.Div):
        return "float"
    if isinstance(op, ast.Mod) and left == "str":
        return "str"
    if isinstance(op, ast.Add | ast.Mult):
        for kind in ("str", "list", "tuple"):
            if kind in (left, right):
                return kind
    if "float" in (left, right):
        return "float"
    if left in ("set", "dict"):
        return left
    return "int" if "int" in (left, right) or isinstance(op, ast.FloorDiv | ast.Mod) else ""


def function_scope(function: FunctionNode | ast.Lambda, outer: Scope) -> Scope:
    """The names visible in a function: its parameters and locals over those around it."""
    scope = dict(outer)
    arguments = function.args
    for arg in (
        *arguments.posonlyargs,
        *arguments.args,
        arguments.vararg,
        *arguments.kwonlyargs,
        arguments.kwarg,
    ):
        if arg is not None:
            binding = scope[arg.arg] = Binding(arg.arg, arg.lineno, "parameter")
            if (kind := _annotation_kind(arg.annotation)) is not None:
                binding.votes[kind] += 3
    body: list[ast.AST] = list(function.body) if isinstance(function, FunctionNode) else [function.body]
    for node in _own(body):
        _bind(node, scope, "local", outer)
    for node in _own(body):
        _vote(node, scope)
    return scope


def module_scope(tree: ast.Module) -> Scope:
    """The names that a module binds at its top level."""
    scope: Scope = {}
    nodes = list(_own(tree.body))
    for node in nodes:
        _bind(node, scope, "global", {})
    for node in nodes:
        _vote(node, scope)
    return scope


def is_builtin(name: str) -> bool:
    return hasattr(builtins, name)


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a body; of nested functions, classes and lambdas only the node itself."""
    stack = list(body)[::-1]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _annotation_kind(node: ast.expr | None) -> Kind | None:
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return _ANNOTATIONS.get(node.attr)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _ANNOTATIONS.get(node.value)
    return _ANNOTATIONS.get(node.id) if isinstance(node, ast.Name) else None


def _bind(node: ast.AST, scope: Scope, origin: Origin, outer: Scope) -> None:
    """Adds the names that a node binds, unless the scope has them already."""
    for name, kind, how in _bound(node, origin):
        if name not in scope or scope[name] is outer.get(name):
            scope[name] = Binding(name, getattr(node, "lineno", 1), how)
        if kind:
            scope[name].votes[kind] += 3


def _bound(node: ast.AST, origin: Origin) -> Iterator[tuple[str, Kind, Origin]]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, "function", origin
        case ast.ClassDef():
            yield node.name, "class", origin
        case ast.Import():
            for alias in node.names:
                yield (alias.asname or alias.name).split(".")[0], "module", "import"
        case ast.ImportFrom():
            for name in (a.asname or a.name for a in node.names if a.name != "*"):
                yield name, "class" if name[:1].isupper() else "function", "import"
        case ast.For() | ast.AsyncFor():
            for each in ast.walk(node.target):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    yield each.id, "", "loop"
        case ast.Name(ctx=ast.Store()):
            yield node.id, "", origin
        case ast.ExceptHandler(name=str() as name):
            yield name, "object", origin


def _vote(node: ast.AST, scope: Scope) -> None:
    """Notes what a node says about the kinds of the names in it."""
    votes = (
        _votes_of_binding(node, scope) if isinstance(node, ast.stmt | ast.comprehension) else _votes_of_use(node, scope)
    )
    for target, kind, count in votes:
        if kind and isinstance(target, ast.Name) and target.id in scope:
            scope[target.id].votes[kind] += count


def _votes_of_binding(node: ast.AST, scope: Scope) -> Iterator[Vote]:
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            for left, right in zip(targets, values, strict=True):
                yield left, kind_of(right, scope), 2
        case ast.Assign(targets=[target], value=value):
            yield target, kind_of(value, scope), 2
        case ast.AnnAssign(target=target, annotation=annotation):
            yield target, _annotation_kind(annotation) or "", 3
        case ast.AugAssign(target=target, value=value):
            yield target, kind_of(value, scope), 1
        case ast.For(target=target, iter=iterable) | ast.comprehension(target=target, iter=iterable):
            yield iterable, "list", 1
            called = iterable.func.id if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) else ""
            if called == "range":
                yield target, "int", 3
            elif called == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
                yield target.elts[0], "int", 3


def _votes_of_use(node: ast.AST, scope: Scope) -> Iterator[Vote]:
    match node:
        case ast.Attribute(value=value, attr=attr):
            yield value, _owner_kind(attr), 1
        case ast.Subscript(value=value, slice=ast.Constant(value=str())):
            yield value, "dict", 1
        case ast.Subscript(value=value):
            yield value, "list", 1
        case ast.Call(func=ast.Name(id="len"), args=[argument]):
            yield argument, "list", 1
        case ast.Call(func=ast.Name(id="range"), args=arguments):
            yield from ((argument, "int", 1) for argument in arguments)
        case ast.Call(func=function):
            yield function, "function", 1
        case ast.BinOp(left=left, op=op, right=right):
            if isinstance(op, ast.Sub | ast.FloorDiv | ast.Mod | ast.Mult):
                yield right, "int", 1
            if isinstance(op, ast.Sub | ast.FloorDiv | ast.Div | ast.Pow):
                yield left, "int", 1
            yield left, kind_of(right, scope) if isinstance(right, ast.Constant) else "", 1
            yield right, kind_of(left, scope) if isinstance(left, ast.Constant) else "", 1
        case ast.Compare(left=left, ops=[op], comparators=[right]) if not isinstance(
            op, ast.In | ast.NotIn | ast.Is | ast.IsNot
        ):
            yield left, kind_of(right, scope), 1
            yield right, kind_of(left, scope), 1


def _owner_kind(attribute: str) -> Kind:
    return next((kind for kind, methods in _METHODS.items() if attribute in methods), "object")
