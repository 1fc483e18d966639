"""What can be read off a function's code and its specification without running it: signs that it was made to fit.

Nothing here proves a draft wrong; `examination` says how probable each sign makes it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from revet.tools._behaviour.spec import Spec, parsed

__all__ = ["Sign", "function_in", "ignored_parameters", "invented_texts", "is_by_chance", "unordered_returns"]

OPPOSITES = (
    ("yes", "no"),
    ("true", "false"),
    ("even", "odd"),
    ("pass", "fail"),
    ("passed", "failed"),
    ("on", "off"),
    ("equal", "unequal"),
    ("success", "failure"),
    ("positive", "negative"),
)
NEGATIONS = ("not ", "no ", "non-", "non", "in", "un", "im", "dis")
CHANCE = frozenset(("random", "secrets", "uuid", "time", "datetime", "date", "os", "socket", "platform", "threading"))
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


def invented_texts(function: ast.FunctionDef, spec: Spec, also: str = "") -> list[Sign]:
    """The fixed answer that a two-way verdict gives and that neither the description nor a test mentions.

    A verdict returns one of two texts as they stand. Where a test shows one of them (``"Not matched!"``), a caller
    cannot know the other (``"Hit!"``), unless it is its plain opposite (``"Matched!"``). `also` is what else was said.
    """
    leaves = [leaf for node in _own_returns(function) for leaf in _leaves(node.value)]
    texts = [leaf for leaf in leaves if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]
    answers = {str(leaf.value) for leaf in texts}
    shown = answers & {value for value in spec.expected if isinstance(value, str)}
    if len(texts) < len(leaves) or len(answers) != 2 or len(shown) != 1:
        return []
    known = "\n".join((spec.text, also, *spec.tests))
    (told,), (other,) = shown, answers - shown
    if other in known or _opposite(told, other):
        return []
    return [Sign(leaf.value, leaf.lineno) for leaf in texts if leaf.value == other][:1]


def ignored_parameters(function: ast.FunctionDef, spec: Spec) -> list[Sign]:
    """The parameters that the description names and the code never mentions, as ``k`` in "repeated k times"."""
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    words = set(re.findall(r"\w+", spec.docstring))
    if {"locals", "vars"} & names or {"unused", "ignored", "ignores", "ignore"} & words:
        return []
    body = " ".join(ast.unparse(node) for node in function.body[:1])
    stub = len(function.body) == 1 and body in ("pass", "...", "raise NotImplementedError")
    prose = re.sub(r">>>.*|\bassert .*|\b\w+\(.*", "", spec.docstring)
    own = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [
        Sign(arg.arg, arg.lineno)
        for arg in own
        if not stub and arg.arg not in names and re.search(rf"(?<![\w'-]){re.escape(arg.arg)}(?![\w'-])", prose)
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


def is_by_chance(code: str, text: str) -> bool:
    """Whether another answer on another call is meant: the code asks a clock, a generator or the system."""
    tree = parsed(code)
    names: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return bool(CHANCE & names) or re.search(r"random|shuffle|unique id|now\b|any order", text.lower()) is not None


def _own_returns(function: ast.FunctionDef) -> Iterator[ast.Return]:
    """What the function itself returns, not what functions in it do."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.Return):
            yield node
        waiting += ast.iter_child_nodes(node)


def _opposite(one: str, other: str) -> bool:
    """Whether one text is the other with a negation, or with one word turned into its opposite."""
    first, second = one.lower().strip(" .!"), other.lower().strip(" .!")
    if any(a == negation + b for negation in NEGATIONS for a, b in ((first, second), (second, first))):
        return True
    words, others = first.split(), second.split()
    apart = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    if len(words) == len(others):
        return len(apart) == 1 and (_turned(*apart[0]) or _turned(*apart[0][::-1]))
    longer, shorter = sorted((words, others), key=len, reverse=True)
    return "not" in longer and [word for word in longer if word != "not"] == shorter


def _turned(one: str, other: str) -> bool:
    return (one, other) in OPPOSITES or any(one == negation.strip("- ") + other for negation in NEGATIONS)


def _assignments(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _leaves(node: ast.expr | None) -> Iterator[Any]:
    """The values that an expression can be: the branches of a conditional."""
    if isinstance(node, ast.IfExp):
        yield from _leaves(node.body)
        yield from _leaves(node.orelse)
    else:
        yield node
