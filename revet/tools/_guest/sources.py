"""How the workspace's modules are read: always from source, with overrides, and with asserts made observable.

A stale or planted ``.pyc`` must not decide what is tested, so bytecode is never read for files of the
workspace.
"""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH109, PTH118, PTH123, PTH206
from __future__ import annotations

import ast
import builtins
import importlib.machinery
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Compare = Callable[[Any, Any], Any]
    Note = Callable[[Any, str], None]

SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "site-packages", "__pycache__", ".revet"}
)


class Workspace:
    """Maps file names to workspace paths, and says which of them a draft may change."""

    def __init__(self, root: str, editable: Any, overrides: dict[str, str] | None = None) -> None:
        self.root = os.path.realpath(root)
        self.base = os.getcwd()
        self.editable = frozenset(editable)
        self.overrides: dict[str, str] = dict(overrides or {})
        self._cache: dict[str, str | None] = {}

    def relative(self, filename: str) -> str | None:
        """The path relative to the workspace; None outside it, and in an environment inside it."""
        try:
            return self._cache[filename]
        except KeyError:
            found = self._cache[filename] = self._relative(filename)
            return found

    def _relative(self, filename: str) -> str | None:
        if not filename or filename.startswith("<"):
            return None
        path = os.path.realpath(os.path.join(self.base, filename))
        if not path.startswith(self.root + os.sep):
            return None
        relative = path[len(self.root) + 1 :]
        return None if SKIPPED.intersection(relative.split(os.sep)) else relative

    def is_editable(self, filename: str) -> bool:
        return self.relative(filename) in self.editable

    def read(self, path: str) -> bytes:
        """The source of `path` as the tests are to see it."""
        override = self.overrides.get(self.relative(path) or "")
        if override is not None:
            return override.encode("utf-8")
        with open(path, "rb") as file:
            return file.read()


def install(workspace: Workspace, compare: Compare | None, note: Note | None = None) -> None:
    """Change the source loader: no bytecode for workspace files, overrides, and `compare` in the asserts of
    tests.

    `compare` is None where the test framework observes asserts by itself (pytest). `note` gets the code of each file
    of the workspace, and its path.
    """
    loader = importlib.machinery.SourceFileLoader
    path_stats, get_data, source_to_code = loader.path_stats, loader.get_data, loader.source_to_code

    def stats(self: Any, path: str) -> Any:
        if workspace.relative(path) is not None:
            raise OSError("bytecode is not read for files of the workspace")
        return path_stats(self, path)

    def data(self: Any, path: str) -> bytes:
        if workspace.overrides and workspace.relative(path) in workspace.overrides:
            return workspace.read(path)
        return get_data(self, path)

    def code(self: Any, source: Any, path: Any, **options: Any) -> Any:
        relative = workspace.relative(os.fspath(path)) if compare is not None else None
        if relative is not None and relative not in workspace.editable and isinstance(source, bytes):
            made = compile_observed(source, os.fspath(path), "exec")
        else:
            made = source_to_code(self, source, path, **options)
        if note is not None:
            note(made, os.fspath(path))
        return made

    loader.path_stats = stats  # type: ignore[method-assign]
    loader.get_data = data  # type: ignore[method-assign]
    loader.source_to_code = code  # type: ignore[assignment, method-assign]
    if compare is not None:
        setattr(builtins, HOOK, compare)


HOOK = "__revet_equal__"


def compile_observed(source: bytes, path: str, mode: str) -> Any:
    """Compile `source` with ``assert a == b`` handing both sides to the hook, which compares and remembers
    them.
    """
    tree = Observe().visit(ast.parse(source, path, mode))
    return compile(ast.fix_missing_locations(tree), path, mode, dont_inherit=True)


class Observe(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            hook = ast.copy_location(ast.Name(HOOK, ast.Load()), test)
            node.test = ast.copy_location(ast.Call(hook, [test.left, test.comparators[0]], []), test)
        return node
