"""What can be read off a function's code and its specification without running it: signs that it was made to fit.

Nothing here proves a draft wrong; `examination` says how probable each sign makes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from revet.tools._behaviour.spec import Spec, parsed

__all__ = ["Sign", "function_in", "invented_texts", "unexplained_numbers", "unordered_returns"]

SHORTEST = 4
ORDINARY = (0, 1, 2, 3, 10, 100, 0.5)
SET_METHODS = ("intersection", "union", "difference", "symmetric_difference", "copy")
ORDERS = ("list", "tuple")


@dataclass(frozen=True)
class Sign:
    """What was found, and on which line of the code."""

    what: str
    line: int


def function_in(code: str, entry: str) -> ast.FunctionDef | None:
    """The last definition of the function at the top of the module, as Python would take it."""
    tree = parsed(code)
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry] if tree is not None else []
    return found[-1] if found else None


def invented_texts(function: ast.FunctionDef, spec: Spec) -> list[Sign]:
    """The texts that the function returns as they stand and that neither the description nor the tests mention.

    A caller cannot know such an answer (``"No match!"`` where the tests show ``"Not matched!"``).
    """
    known = spec.text + "\n" + "\n".join(spec.tests)
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            for leaf in _leaves(node.value):
                text = leaf.value if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) else ""
                if len(text) >= SHORTEST and text not in known:
                    found.append(Sign(text, leaf.lineno))
    return found


def unexplained_numbers(function: ast.FunctionDef, spec: Spec) -> list[Sign]:
    """The numbers in the code that neither the description nor the tests mention."""
    known = spec.text + "\n" + "\n".join(spec.tests)
    return [
        Sign(repr(node.value), node.lineno)
        for node in ast.walk(function)
        if isinstance(node, ast.Constant)
        and type(node.value) in (int, float)
        and node.value not in ORDINARY
        and repr(node.value) not in known
    ]


def unordered_returns(function: ast.FunctionDef, sets: Sequence[str] = ()) -> list[Sign]:
    """Returned lists and tuples whose order is that of a set: it depends on hashes, and no test can rely on it.

    `sets` are the parameters that are sets.
    """
    flow = _Flow(function, sets)
    return [
        Sign(ast.unparse(node.value)[:80], node.lineno)
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None and flow.is_unordered(node.value)
    ]


class _Flow:
    """Which names of a function hold sets, and which hold sequences made of a set and never sorted."""

    def __init__(self, function: ast.FunctionDef, sets: Sequence[str]) -> None:
        self.sets, self.unordered = set(sets), set[str]()
        self.sorted = {
            node.func.value.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "sort"
            and isinstance(node.func.value, ast.Name)
        }
        values: dict[str, list[ast.expr]] = {}
        for name, value in _assignments(function):
            values.setdefault(name, []).append(value)
        for _ in range(3):
            for name, given in values.items():
                if all(self.is_set(value) for value in given):
                    self.sets.add(name)
                if all(self.is_unordered(value) for value in given) and name not in self.sorted:
                    self.unordered.add(name)
            self.sets -= {name for name, given in values.items() if not all(self.is_set(value) for value in given)}

    def is_set(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.sets
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.Sub, ast.BitXor)):
            return self.is_set(node.left) or self.is_set(node.right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("set", "frozenset")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr in SET_METHODS and self.is_set(node.func.value)
        return False

    def is_unordered(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.unordered
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDERS:
            return len(node.args) == 1 and (self.is_set(node.args[0]) or self.is_unordered(node.args[0]))
        if isinstance(node, ast.ListComp):
            return self.is_set(node.generators[0].iter)
        return False


def _assignments(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _leaves(node: ast.expr) -> Iterator[Any]:
    """The values that an expression can be: the branches of a conditional."""
    if isinstance(node, ast.IfExp):
        yield from _leaves(node.body)
        yield from _leaves(node.orelse)
    else:
        yield node
