"""What is known of a function before anybody writes it: signature, type hints, examples, tests.

It is read from the text that the author of a draft was given (a stub with a docstring, or prose) and from visible
tests. Nothing is executed here. Examples are found as doctests (``>>> f(1)``), as ``f(1) == 2`` with any of the
arrows people write, and as a list in prose is told: ``For [1, 2] the result should be 3``.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Example", "Spec", "calls_in", "literal", "parsed", "spec_of"]

SIGNS = ("==>", "=>", "->", "➞", "→", "⇒", "➔", "==", "=", "returns", "should return", "# returns", "# =>", "#")
MOST = 64
LONGEST = 20_000
DEEPEST, WIDEST = 200, 4096


@dataclass(frozen=True)
class Example:
    """A call as source, the source of what it should give, and where it was told: ``test`` or ``text``."""

    call: str
    expected: str
    told: str = "text"

    @property
    def test(self) -> str:
        return f"assert {self.call} == {self.expected}"


@dataclass(frozen=True)
class Spec:
    """A function to be written. `prelude` is the source that stands above it in the stub (imports, helpers)."""

    entry: str
    text: str = ""
    parameters: tuple[str, ...] = ()
    hints: tuple[str | None, ...] = ()
    returns: str | None = None
    docstring: str = ""
    prelude: str = ""
    examples: tuple[Example, ...] = ()
    tests: tuple[str, ...] = field(default=())

    @property
    def trusted_examples(self) -> tuple[Example, ...]:
        """The examples whose results are of a type that the tests show, too: ``f(2) = 1 + f(1)`` in prose is none."""
        shown = {type(value) for value in self.expected if value is not None}
        if not shown:
            return self.examples
        return tuple(
            e for e in self.examples if literal(e.expected)[1] is None or type(literal(e.expected)[1]) in shown
        )

    @property
    def expected(self) -> tuple[Any, ...]:
        """The plain values that the tests compare calls of the function with."""
        return tuple(value for test in self.tests for value in _compared(test, self.entry))


def spec_of(text: str, tests: Sequence[str] = (), *, entry: str | None = None) -> Spec:
    """What `text` (a stub, or prose) and `tests` (statements) say of the function `entry`.

    Without `entry`, or where no test calls it, it is the function that the tests call; without tests the last one that
    the stub defines.
    """
    text = text[:LONGEST]
    tests = [*tests, *(line for line in _assert_lines(text) if line not in tests)] if _is_prose(text) else list(tests)
    tested = _called(tests)
    stub, prelude = _stub(text, entry or tested)
    name = tested if tested and not _tested(tests, entry) else entry or (stub.name if stub is not None else "")
    mine = stub if stub is not None and stub.name == name else None
    docstring = (ast.get_docstring(stub, clean=True) or "") if stub is not None else text
    parameters = tuple(a.arg for a in _arguments(mine))
    return Spec(
        entry=name,
        text=text,
        parameters=parameters,
        hints=tuple(ast.unparse(a.annotation) if a.annotation else None for a in _arguments(mine)),
        returns=ast.unparse(mine.returns) if mine is not None and mine.returns is not None else None,
        docstring=docstring,
        prelude=prelude,
        examples=tuple(reversed([*_examples(docstring, name, parameters)]))[:MOST],
        tests=tuple(dict.fromkeys(tests)),
    )


def parsed(source: str, mode: str = "exec") -> Any:
    """The syntax tree, None for what is no Python, or is too deep or holds too long a number to be written again."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if _is_writable(tree) else None


def literal(source: str) -> tuple[bool, Any]:
    """Whether the expression is a plain value, and which. `set()`, `tuple()` and the like of literals are, too."""
    tree = parsed(source.strip(), "eval")
    if tree is None:
        return False, None
    try:
        return True, _value(tree.body)
    except (ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        return False, None


def calls_in(source: str, entry: str) -> Iterator[ast.Call]:
    """The calls of `entry` in a statement, outermost first."""
    tree = parsed(source)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry:
            yield node


def _is_writable(tree: ast.AST) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        if any(isinstance(n, ast.Constant) and type(n.value) is int and n.value.bit_length() > WIDEST for n in level):
            return False
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        made = {"set": set, "tuple": tuple, "list": list, "dict": dict, "frozenset": frozenset}.get(node.func.id)
        if made is not None and len(node.args) <= 1:
            return made(*(_value(each) for each in node.args))
    return ast.literal_eval(node)


def _stub(text: str, entry: str | None) -> tuple[ast.FunctionDef | None, str]:
    """The function that `text` is the stub of, and the source above it."""
    for source in _sources(text):
        tree = parsed(source)
        if tree is None:
            continue
        found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        if not found:
            continue
        stub = next((f for f in reversed(found) if f.name == entry), found[-1])
        above = [node for node in tree.body if node.lineno < stub.lineno]
        return stub, "\n".join(ast.unparse(node) for node in above)
    return None, ""


def _sources(text: str) -> Iterator[str]:
    """The text as Python; without what stands above the first line of code; with a body where it has none."""
    lines = text.splitlines()
    code = next((n for n, line in enumerate(lines) if re.match(r"(def|from|import|class|@)\b|@", line)), None)
    if code is None:
        return
    for start in dict.fromkeys((0, code)):
        body = "\n".join(lines[start:])
        yield body
        yield body.rstrip() + "\n    pass\n"


def _compared(test: str, entry: str) -> Iterator[Any]:
    tree = parsed(test)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Compare) and len(node.comparators) == 1 and _is_called(node.left, entry):
            is_plain, value = literal(ast.unparse(node.comparators[0]))
            if is_plain:
                yield value


def _is_called(node: ast.expr, entry: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry


def _tested(tests: Sequence[str], entry: str | None) -> bool:
    return entry is not None and any(next(calls_in(test, entry), None) is not None for test in tests)


def _arguments(stub: ast.FunctionDef | None) -> list[ast.arg]:
    if stub is None or stub.args.vararg is not None:
        return []
    return [*stub.args.posonlyargs, *stub.args.args]


def _called(tests: Sequence[str]) -> str | None:
    """The function that most tests call: the first name called in each, a built-in's only where there is no other."""
    names: dict[str, int] = {}
    for test in tests:
        tree = parsed(test)
        nodes = ast.walk(tree) if tree is not None else ()
        called = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        own = [name for name in called if not hasattr(builtins, name)]
        for name in (own or called)[:1]:
            names[name] = names.get(name, 0) + 1
    return max(names, key=lambda name: names[name]) if names else None


def _is_prose(text: str) -> bool:
    return _stub(text, None)[0] is None


def _assert_lines(text: str) -> Iterator[str]:
    """The lines of prose that are tests."""
    for line in text.splitlines():
        if line.strip().startswith("assert ") and parsed(line.strip()) is not None:
            yield line.strip()


def _examples(docstring: str, entry: str, parameters: Sequence[str]) -> Iterator[Example]:
    if not entry:
        return
    found = [*_doctests(docstring, entry), *_arrows(docstring, entry)]
    found = found or list(_misnamed(docstring, entry, len(parameters))) or list(_told(docstring, entry, parameters))
    yield from {example.call: example for example in reversed(found)}.values()


def _doctests(docstring: str, entry: str) -> Iterator[Example]:
    lines = [line.strip() for line in docstring.splitlines()]
    for number, line in enumerate(lines):
        if not line.startswith(">>>"):
            continue
        call = line[3:].split(" # ")[0].strip()
        told = lines[number + 1] if number + 1 < len(lines) else ""
        if not _is_call(call, entry) or told.startswith(">>>") or isinstance(parsed(call, "eval").body, ast.Compare):
            continue
        expected = _expected(told) if told else "None"
        if expected is not None:
            yield Example(call, expected)


def _arrows(docstring: str, name: str, entry: str = "") -> Iterator[Example]:
    """``f(1) => 2``, in which the function may be called by another `name` than `entry`."""
    text = textwrap.dedent(docstring)
    for found in itertools.islice(re.finditer(rf"(?<![\w.]){re.escape(name)}\(", text), MOST):
        end = _closing(text, found.end() - 1)
        if end is None:
            continue
        call = " ".join(text[found.start() : end].split())
        rest = text[end:].split("\n")[0].strip().strip("`").strip()
        sign = next((each for each in SIGNS if rest.startswith(each)), None)
        if sign is None or not _is_call(call, name):
            continue
        expected = _expected(rest[len(sign) :])
        if expected is not None:
            yield Example(entry + call[len(name) :] if entry else call, expected)


def _misnamed(docstring: str, entry: str, parameters: int) -> Iterator[Example]:
    """Examples under another name, where only one such name is called, with as many arguments."""
    names = {name for name in re.findall(r"(?<![\w.])([a-z_]\w*)\(", docstring) if not hasattr(builtins, name)}
    if len(names) != 1 or not parameters:
        return
    for example in _arrows(docstring, names.pop(), entry):
        if len(parsed(example.call, "eval").body.args) == parameters:
            yield example


def _told(docstring: str, entry: str, parameters: Sequence[str]) -> Iterator[Example]:
    """``For n = 3 the output should be 6`` and ``Input: n = 3 … Output: 6``, with a value for every parameter."""
    text = " ".join(docstring.split())
    starts = [
        found.end() for found in re.finditer(r"\b(?:[Ii]nput|[Ff]or|[Ii]f|[Gg]iven|[Ww]ith|[Ee]xample \d)\b:?", text)
    ]
    for start, end in itertools.pairwise([*starts, len(text)]):
        values = [_given(text[start:end], name) for name in parameters]
        result = re.search(
            r"(?:[Oo]utput|[Rr]esult|[Rr]eturns?)(?: (?:should|will|must) be| is)?\s*:?\s*", text[start:end]
        )
        # The last such word before a value: "the sum will be 1 the output should be '1'".
        if not values or None in values or result is None:
            continue
        expected = _expected(text[start:end][result.end() :])
        if expected is not None:
            yield Example(f"{entry}({', '.join(v for v in values if v)})", expected)


def _given(text: str, name: str) -> str | None:
    """The source of the value that `text` gives the parameter."""
    found = re.search(rf"\b{re.escape(name)}\s*(?:=|:|is)\s*", text, re.IGNORECASE)
    value = _first_value(text[found.end() :]) if found is not None else ""
    return value if value and literal(value)[0] else None


def _closing(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at `start`, strings respected; None if it is not closed soon."""
    depth, quote = 0, ""
    for place in range(start, min(len(text), start + 2000)):
        char = text[place]
        if quote:
            if char == quote and text[place - 1] != "\\":
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return place + 1
    return None


def _is_call(source: str, entry: str) -> bool:
    tree = parsed(source, "eval")
    if tree is None:
        return False
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", None) == entry]
    return len(calls) == 1 and all(literal(ast.unparse(each))[0] for each in calls[0].args)


def _expected(text: str) -> str | None:
    """The value at the beginning of `text`; of ``1 + 9 = 10`` the last. None if there is none."""
    text = text.split(" # ")[0].strip().strip("`").strip()
    for part in (text, text.rstrip(".,;"), text.rsplit("=", 1)[-1].strip(), _first_value(text)):
        if part and literal(part)[0]:
            return part
    named = {"true": "True", "false": "False", "none": "None", "null": "None"}
    first = re.match(r"[A-Za-z]+", text)
    return named.get(first[0].lower()) if first is not None else None


def _first_value(text: str) -> str:
    if text[:1] in ("[", "(", "{"):
        end = _closing(text, 0)
        return text[:end] if end is not None else ""
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        return text[: end + 1] if end > 0 else ""
    found = re.match(r"-?\d+(\.\d+)?(?![\w.]*\w)", text)
    return found[0] if found else ""
