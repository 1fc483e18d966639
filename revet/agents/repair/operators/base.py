"""What mutation operators are made of: `on` registers one, `Site` is what it sees, `Proposal` what it yields.

An operator is a generator ``(site, node) -> proposals`` for one kind of node. It need not check its work:
proposals that do not parse, change nothing, or come out as another tree than intended are dropped later.
Its `prior` says how likely a proposal is a fix, given that the node is at fault.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import NoneType
from typing import Any, TypeVar

from revet.agents.repair.patch import Edit, trim
from revet.agents.repair.scope import (
    Binding,
    Kind,
    Scope,
    free_names,
    function_scope,
    is_builtin,
    kind_of,
    module_scope,
)
from revet.agents.repair.syntax import ATOM, Code, FunctionNode, View

__all__ = ["Hints", "Operator", "Proposal", "Site", "on", "operators_for", "similarity"]

T = TypeVar("T")
Operator = Callable[["Site", Any], Iterator["Proposal"]]
MOST_CONSTANTS = 60
_QUOTED = re.compile(r"'([A-Za-z_]\w*)'")
_Holder = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda
_LEAVES = ast.Constant | ast.Name | ast.Starred | ast.JoinedStr | ast.FormattedValue | ast.Slice
_REGISTRY: dict[type[ast.AST], list[Operator]] = {}


def on(*kinds: type[ast.AST]) -> Callable[[Operator], Operator]:
    """Registers an operator for nodes of these classes (and their subclasses)."""

    def register(operator: Operator) -> Operator:
        for kind in kinds:
            _REGISTRY.setdefault(kind, []).append(operator)
        return operator

    return register


def operators_for(node: ast.AST) -> Iterator[Operator]:
    for kind in type(node).__mro__:
        yield from _REGISTRY.get(kind, ())


@dataclass(frozen=True)
class Hints:
    """What the failing tests let slip. Used to order candidates and as ingredients, never to decide.

    `values` are constants of the tests, expected results first; `exceptions` names of exceptions that were
    raised or expected; `names` are names that tests and docstrings use; `strings` words.
    """

    values: tuple[object, ...] = ()
    exceptions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    strings: tuple[str, ...] = ()

    @classmethod
    def read(cls, tests: str, *, exceptions: Sequence[str] = (), messages: Sequence[str] = (), text: str = "") -> Hints:
        """Hints from a test file's source (none if it does not parse) and free text such as a docstring."""
        try:
            tree = ast.parse(tests)
        except (SyntaxError, ValueError):
            tree = ast.Module(body=[], type_ignores=[])
        expected: dict[object, None] = {}
        other: dict[object, None] = {}
        names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                for each in (n for c in node.comparators for n in ast.walk(c) if isinstance(n, ast.Constant)):
                    expected[each.value] = None
            elif isinstance(node, ast.Constant):
                other[node.value] = None
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.keyword | ast.arg) and node.arg:
                names.add(node.arg)
            elif isinstance(node, ast.Name):
                names.add(node.id)
        values = tuple({**expected, **other})
        words = dict.fromkeys(
            w.strip("\"'`.,;:()[]") for s in (text, *(v for v in values if isinstance(v, str))) for w in s.split()
        )
        strings = dict.fromkeys(v for v in values if isinstance(v, str) and len(v) <= 60)
        names.update(w for w in words if w.isidentifier())
        names.update(word for message in messages for word in _QUOTED.findall(message))
        return cls(values, tuple(exceptions), tuple(messages), frozenset(names), tuple({**strings, **words}))


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits that have not been checked. `node` is what they change and where they count as located.

    For an expression that is replaced, `code` is the new text before any parentheses, to be checked.
    """

    operator: str
    prior: float
    node: ast.AST
    edits: tuple[Edit, ...]
    code: Code | None = None


@dataclass
class Site:
    """The file as operators see it: the view, the names and expressions at hand, the hints."""

    view: View
    hints: Hints
    _scopes: dict[ast.AST | None, Scope] = field(default_factory=dict)
    _expressions: dict[ast.AST, list[ast.expr]] = field(default_factory=dict)
    _inner: dict[ast.AST, Scope] = field(default_factory=dict)
    _holders: dict[ast.AST, _Holder | None] = field(default_factory=dict)
    _memory: dict[tuple[str, ast.AST], Any] = field(default_factory=dict)
    _free: dict[ast.AST, frozenset[str]] = field(default_factory=dict)
    _constants: dict[ast.AST, list[ast.Constant]] = field(default_factory=dict)
    _conditions: dict[ast.AST, list[ast.expr]] = field(default_factory=dict)

    def once(self, key: str, node: ast.AST, make: Callable[[], T]) -> T:
        """What `make` gives, computed once for this key and node."""
        if (key, node) not in self._memory:
            self._memory[key, node] = make()
        result: T = self._memory[key, node]
        return result

    # --- building proposals ---

    def swap(self, node: ast.expr, code: Code | str, operator: str, prior: float) -> Proposal:
        """Replaces an expression."""
        new = Code(code, ATOM) if isinstance(code, str) else code
        return Proposal(operator, prior, node, (Edit(*self.view.span(node), new.text),), new)

    def edit(self, node: ast.AST, edits: Edit | Sequence[Edit], operator: str, prior: float) -> Proposal:
        """Edits text in any way; `node` says where it belongs."""
        each = (edits,) if isinstance(edits, Edit) else tuple(edits)
        return Proposal(operator, prior, node, tuple(trim(self.view.source, e) for e in each))

    # --- names ---

    def scope(self, node: ast.AST) -> Scope:
        """The names visible at a node, without those that comprehensions and lambdas around it bind."""
        function = self.view.function(node)
        if function not in self._scopes:
            if function is None:
                self._scopes[None] = module_scope(self.view.tree)
            else:
                self._scopes[function] = function_scope(function, self.scope(function))
        return self._scopes[function]

    def visible(self, node: ast.AST) -> Scope:
        """`scope`, with the names that comprehensions and lambdas around the node bind."""
        holder = self._holder(node)
        if holder is None:
            return self.scope(node)
        if holder not in self._inner:
            scope = dict(self.visible(holder))
            if isinstance(holder, ast.Lambda):
                scope = function_scope(holder, scope)
            else:
                for generator in holder.generators:
                    self._bind_comprehension(generator, scope)
            self._inner[holder] = scope
        return self._inner[holder]

    def _holder(self, node: ast.AST) -> _Holder | None:
        """The innermost comprehension or lambda around a node, within its function."""
        if node not in self._holders:
            parent = self.view.parents.get(node)
            if parent is None or isinstance(parent, ast.stmt):
                self._holders[node] = None
            else:
                self._holders[node] = parent if isinstance(parent, _Holder) else self._holder(parent)
        return self._holders[node]

    def _bind_comprehension(self, generator: ast.comprehension, scope: Scope) -> None:
        bound = [n for n in ast.walk(generator.target) if isinstance(n, ast.Name)]
        for i, name in enumerate(bound):
            scope[name.id] = Binding(name.id, name.lineno, "loop")
            called = generator.iter.func if isinstance(generator.iter, ast.Call) else None
            if isinstance(called, ast.Name) and (
                called.id == "range" or (called.id == "enumerate" and i == 0 and len(bound) > 1)
            ):
                scope[name.id].votes["int"] += 3

    def kind(self, node: ast.expr | None, at: ast.AST | None = None) -> Kind:
        if node is None:
            return ""
        return kind_of(node, self.visible(at or node))

    def values_in_scope(self, node: ast.AST) -> list[Binding]:
        """Names of values bound in the function around a node, nearest first."""
        line = getattr(node, "lineno", 1)
        own = [
            b
            for b in self.visible(node).values()
            if b.kind not in ("function", "class", "module") and b.origin not in ("global", "import")
        ]
        return sorted(own, key=lambda b: (b.line > line, abs(line - b.line), b.name))

    def usable(self, expression: ast.expr | ast.stmt, at: ast.AST) -> bool:
        """True if every name that the code reads can be read at the node."""
        if expression not in self._free:
            self._free[expression] = frozenset(n for n in free_names(expression) if not is_builtin(n))
        return self._free[expression] <= self.visible(at).keys()

    # --- ingredients ---

    def expressions(self, node: ast.AST) -> list[ast.expr]:
        """The distinct expressions, more than a constant or a name, of the function around a node."""
        unit = self.view.outermost(node)
        if unit not in self._expressions:
            found: dict[str, ast.expr] = {}
            for each in ast.walk(unit):
                loaded = isinstance(getattr(each, "ctx", ast.Load()), ast.Load)
                if not isinstance(each, ast.expr) or isinstance(each, _LEAVES) or not loaded:
                    continue
                if not self.in_fstring(each):
                    found.setdefault(ast.dump(each), each)
            self._expressions[unit] = [e for e in found.values() if len(self.view.text(e)) <= 80]
        return self._expressions[unit]

    def conditions(self, node: ast.AST) -> list[ast.expr]:
        """Those of `expressions` that are tests: comparisons, boolean expressions, predicates."""
        unit = self.view.outermost(node)
        if unit not in self._conditions:
            tests = (e for e in self.expressions(node) if not isinstance(e, ast.BoolOp))
            self._conditions[unit] = [e for e in tests if self.kind(e) == "bool"]
        return self._conditions[unit]

    def constants(self, node: ast.AST) -> list[ast.Constant]:
        """Every distinct constant of the file, those of the same function first; docstrings left out."""
        unit = self.view.outermost(node)
        if unit not in self._constants:
            found: dict[tuple[type, object], ast.Constant] = {}
            for each in (*ast.walk(unit), *self._all_constants):
                parent = self.view.parents.get(each)
                if isinstance(each, ast.Constant) and not isinstance(parent, ast.Expr | ast.JoinedStr | NoneType):
                    found.setdefault((type(each.value), each.value), each)
            self._constants[unit] = list(found.values())[:MOST_CONSTANTS]
        return self._constants[unit]

    @cached_property
    def _all_constants(self) -> list[ast.AST]:
        return [n for n in self.view.order if isinstance(n, ast.Constant)]

    @cached_property
    def attributes(self) -> dict[str, bool]:
        """Attribute names of the file → whether they are called there."""
        names: dict[str, bool] = {}
        for node in self.view.order:
            if isinstance(node, ast.Attribute):
                parent = self.view.parents[node]
                called = isinstance(parent, ast.Call) and parent.func is node
                names[node.attr] = names.get(node.attr, False) or called
        return names

    @cached_property
    def dotted(self) -> frozenset[tuple[str, str]]:
        """Pairs of an object's text and an attribute that the file reads from it."""
        attributes = (n for n in self.view.order if isinstance(n, ast.Attribute))
        return frozenset((self.view.text(n.value), n.attr) for n in attributes if not self.in_fstring(n))

    def in_fstring(self, node: ast.AST) -> bool:
        """True where positions cannot be trusted (before Python 3.12)."""
        return any(isinstance(a, ast.JoinedStr) for a in self.view.ancestors(node))

    # --- statements ---

    def own_lines(self, statement: ast.stmt) -> tuple[int, int] | None:
        """Offsets of the whole lines of a statement, newline included; None if it shares one with others."""
        view = self.view
        start, end = view.span(statement)
        if isinstance(statement, FunctionNode | ast.ClassDef) and statement.decorator_list:
            start = view.line_start(view.span(statement.decorator_list[0])[0])
        first, last = view.line_start(start), view.line_end(end)
        before, after = view.source[first:start], view.source[end:last]
        if before.strip(" \t\f@") or not (not after.strip() or after.lstrip().startswith("#")):
            return None
        return first, view.next_line(end)

    def indent(self, statement: ast.stmt) -> str:
        """The white space before a statement that starts its line."""
        start = self.view.span(statement)[0]
        prefix = self.view.source[self.view.line_start(start) : start]
        return prefix if not prefix.strip() else prefix[: len(prefix) - len(prefix.lstrip())]

    @cached_property
    def tab(self) -> str:
        """One step of indentation as the file does it."""
        for node in self.view.order:
            if isinstance(node, FunctionNode | ast.If | ast.For | ast.While) and self.own_lines(node.body[0]):
                outer, inner = self.indent(node), self.indent(node.body[0])
                if inner.startswith(outer) and inner != outer:
                    return inner[len(outer) :]
        return "    "

    def insertion(self, statement: ast.stmt, lines: Iterable[str], *, after: bool = False) -> Edit | None:
        """The edit that puts unindented lines before or after a statement; None where there is no room."""
        if (extent := self.own_lines(statement)) is None:
            return None
        indent, newline = self.indent(statement), self.view.newline
        if after:
            place = self.view.line_end(self.view.span(statement)[1])
            return Edit(place, place, "".join(f"{newline}{indent}{line}" for line in lines))
        return Edit(extent[0], extent[0], "".join(f"{indent}{line}{newline}" for line in lines))


@lru_cache(maxsize=20_000)
def similarity(left: str, right: str) -> float:
    """How alike two words are spelled, 0 to 1."""
    return difflib.SequenceMatcher(None, left, right).ratio()
