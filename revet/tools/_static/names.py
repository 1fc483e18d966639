"""Does a program stop at a name that nothing defines? Not where the name is only written and never looked up."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from functools import cached_property

__all__ = ["Names"]

GIVEN = frozenset({"_", "display", "get_ipython", "reveal_type"})
"""Names that surroundings put among the builtins: translations (gettext.install), notebooks, type checkers."""

ANY = 0
"""In the place of a line."""


class Names:
    """The names of one file's source that are looked up when it runs: none in text, none in postponed annotations."""

    def __init__(self, source: bytes) -> None:
        self._source = source

    def stop(self, message: str, line: int) -> bool:
        """Whether a program stops at the name in backquotes in `message`, which ruff finds undefined in `line`."""
        found = re.search(r"`([^`]+)`", message)
        if found is None:
            return True
        looked_up, name = self._looked_up, found[1]
        return name not in GIVEN and (looked_up is None or not looked_up.isdisjoint({(line, name), (ANY, name)}))

    @cached_property
    def _looked_up(self) -> frozenset[tuple[int, str]] | None:
        """Each with its line; None for what is no Python."""
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(self._source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return frozenset(_lookups(tree))


def _lookups(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in _evaluated(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.JoinedStr):  # before Python 3.12 the lines in it are told wrongly
            yield from ((ANY, inner.id) for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _evaluated(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes, less annotations where ``from __future__ import annotations`` postpones those (PEP 563)."""
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__")
    postponed = any(alias.name == "annotations" for node in imports for alias in node.names)
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if not (postponed and name in ("annotation", "returns")):
                left += [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]
