"""Inputs from type hints alone, drawn by hypothesis. The hints are read as text and never evaluated."""

from __future__ import annotations

import ast
import contextlib
import functools
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["from_hints", "hint_of", "strategy_of"]

LONGEST, DEEPEST = 8, 3
SEQUENCES = {"List": "list", "list": "list", "Sequence": "list", "Iterable": "list", "Collection": "list"}
PLAIN = ("int", "float", "str", "bool", "bytes", "None", "complex")


def strategy_of(hint: str) -> SearchStrategy[Any] | None:
    """The hypothesis strategy for a type hint: built-in types and their containers, unions, ``Optional``, ``Literal``.
    None for a hint that says nothing that can be made (a class, a callable).
    """
    try:
        tree = ast.parse(hint.strip().strip("'\""), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _strategy(tree)


@functools.lru_cache(maxsize=256)
def from_hints(hints: tuple[str | None, ...], *, count: int, seed: int = 0) -> tuple[tuple[Any, ...], ...]:
    """`count` tuples of arguments at most, hypothesis's own choice of small, usual and nasty ones. The same for a seed.

    None at all if a parameter has no hint that a strategy is known for.
    """
    if not hints or count <= 0:
        return ()
    strategies = [strategy_of(hint) if hint else None for hint in hints]
    if any(each is None for each in strategies):
        return ()
    import hypothesis
    from hypothesis import strategies as st

    drawn: list[tuple[Any, ...]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.tuples(*[each for each in strategies if each is not None]))
    def draw(arguments: tuple[Any, ...]) -> None:
        drawn.append(arguments)

    with _own_home(), _own_constants():
        draw()
    return tuple(drawn[:count])


@contextlib.contextmanager
def _own_home() -> Iterator[None]:
    """Hypothesis keeps notes (tables of characters, constants) in the working folder: here in one that is removed."""
    from hypothesis import configuration

    before = configuration.__dict__["__hypothesis_home_directory"]
    configuration.set_hypothesis_home_dir(_scratch().name)
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)


@contextlib.contextmanager
def _own_constants() -> Iterator[None]:
    """Hypothesis mixes in the numbers and texts of the program's own modules, those that happen to be loaded: what is
    drawn would differ from one program to the next, and reading them takes seconds. Here there are none."""
    from hypothesis.internal.conjecture import providers

    known = vars(providers)
    mine = {"_get_local_constants": lambda: known["Constants"](), "CONSTANTS_CACHE": {}}
    before = {name: known[name] for name in mine if name in known}  # older versions have none of it
    known.update({name: mine[name] for name in before})
    try:
        yield
    finally:
        known.update(before)


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="revet-", ignore_cleanup_errors=True)


def hint_of(value: Any, depth: int = 0) -> str | None:
    """The type hint that a plain value would have: ``list[int]`` of ``[1, 2]``. None for what says too little."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, complex)):
        return type(value).__name__ if value is not None else "None"
    if depth > DEEPEST:
        return None
    if isinstance(value, tuple):
        parts = [hint_of(each, depth + 1) for each in value]
        return f"tuple[{', '.join(p for p in parts if p)}]" if parts and all(parts) else None
    if isinstance(value, dict):
        keys, values = _union(list(value), depth), _union(list(value.values()), depth)
        return f"dict[{keys}, {values}]" if keys and values else "dict"
    if isinstance(value, (list, set, frozenset)):
        inner = _union(list(value), depth)
        kind = "list" if isinstance(value, list) else "set"
        return f"{kind}[{inner}]" if inner else kind
    return None


def _union(values: Sequence[Any], depth: int) -> str | None:
    hints = {hint_of(each, depth + 1) for each in values}
    return " | ".join(sorted(h for h in hints if h)) if hints and None not in hints else None


def _strategy(node: ast.expr) -> SearchStrategy[Any] | None:
    from hypothesis import strategies as st

    if isinstance(node, ast.Constant):
        return st.none() if node.value is None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _any_of([node.left, node.right])
    if isinstance(node, ast.Subscript):
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _container(_name(node.value), inner)
    return _plain(_name(node))


def _plain(name: str) -> SearchStrategy[Any] | None:
    from hypothesis import strategies as st

    text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=LONGEST)
    number = st.integers(-100, 100)
    simple: dict[str, SearchStrategy[Any]] = {
        "int": number,
        "float": st.floats(-1e4, 1e4, allow_nan=False).map(lambda x: round(x, 3)),
        "str": text,
        "bool": st.booleans(),
        "bytes": st.binary(max_size=LONGEST),
        "complex": st.complex_numbers(max_magnitude=100, allow_nan=False, allow_infinity=False),
        "Any": st.one_of(number, text, st.none()),
        "object": st.one_of(number, text, st.none()),
        "list": st.lists(number, max_size=LONGEST),
        "tuple": st.lists(number, max_size=LONGEST).map(tuple),
        "set": st.sets(number, max_size=LONGEST),
        "dict": st.dictionaries(text, number, max_size=LONGEST),
    }
    return simple.get(name if name in simple else name.lower())


def _container(name: str, inner: Sequence[ast.expr]) -> SearchStrategy[Any] | None:
    from hypothesis import strategies as st

    if name in ("Optional", "Union"):
        return _any_of([*inner, *([ast.Constant(None)] if name == "Optional" else [])])
    if name == "Literal":
        values = [each.value for each in inner if isinstance(each, ast.Constant)]
        return st.sampled_from(values) if values else None
    if name in ("tuple", "Tuple"):
        if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is Ellipsis:
            each = _strategy(inner[0])
            return st.lists(each, max_size=LONGEST).map(tuple) if each is not None else None
        parts = [_strategy(one) for one in inner]
        return st.tuples(*[p for p in parts if p is not None]) if None not in parts else None
    parts = [_strategy(one) for one in inner]
    if None in parts:
        return None
    known = [p for p in parts if p is not None]
    if name in SEQUENCES and len(known) == 1:
        return st.lists(known[0], max_size=LONGEST)
    if name in ("set", "Set", "frozenset", "FrozenSet") and len(known) == 1:
        return st.sets(known[0], max_size=LONGEST)
    if name in ("dict", "Dict", "Mapping") and len(known) == 2:
        return st.dictionaries(known[0], known[1], max_size=LONGEST)
    return None


def _any_of(nodes: Sequence[ast.expr]) -> SearchStrategy[Any] | None:
    from hypothesis import strategies as st

    parts = [_strategy(each) for each in nodes]
    known = [each for each in parts if each is not None]
    return st.one_of(*known) if known and len(known) == len(parts) else None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
