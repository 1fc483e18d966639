"""Shows both sides of every comparison that a test asserts to a probe, and keeps those of one that failed.

For pytest this goes through its own assertion rewriting. pytest turns ``assert a == b`` into ``@py_assertN
= a == b`` with plain names on both sides, among other statements. After it has done so, a call of the probe
is put behind each such statement. pytest's explanations are unaffected. Rewritten modules of the workspace
are not read from pytest's own bytecode cache, where the call would be missing.
"""

from __future__ import annotations

import ast
import unittest
from typing import TYPE_CHECKING, Any

from .equality import Equality
from .failure import show
from .sources import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sources import Note

NAME = "_revet_probe"
__unittest = True  # unittest and pytest leave frames of modules that say so out of their tracebacks


def install(rewrite: Any, workspace: Workspace, probe: Callable[[Any, Any], None], note: Note) -> None:
    """Wrap pytest's rewriter (the module `rewrite`). `note` gets the code of each file that it compiled, and its
    path.
    """
    original, read_pyc = rewrite.rewrite_asserts, getattr(rewrite, "_read_pyc", None)
    rewrite_test = rewrite._rewrite_test

    def rewrite_asserts(tree: ast.Module, source: bytes, path: Any = None, config: Any = None) -> None:
        original(tree, source, path, config)
        if path is None or workspace.relative(str(path)) is not None:
            _Insert().visit(tree)

    def no_pyc(source: Any, *rest: Any, **options: Any) -> Any:
        inside = workspace.relative(str(source)) is not None
        return None if inside or read_pyc is None else read_pyc(source, *rest, **options)

    def compiled(path: Any, config: Any) -> Any:
        made = rewrite_test(path, config)
        note(made[1], str(path))
        return made

    setattr(rewrite, NAME, probe)
    rewrite._rewrite_test = compiled
    rewrite.rewrite_asserts = rewrite_asserts
    if read_pyc is not None:
        rewrite._read_pyc = no_pyc


def observe_unittest(equality: Equality) -> None:
    """Let `assertEqual` show its arguments."""
    original = unittest.TestCase.assertEqual

    def assertEqual(self: Any, first: Any, second: Any, msg: Any = None) -> None:
        try:
            original(self, first, second, msg)
        except BaseException:
            equality.sides = (show(first), show(second))
            raise
        equality.probe(first, second)

    unittest.TestCase.assertEqual = assertEqual  # type: ignore[method-assign]


def comparison(equality: Equality) -> Callable[[Any, Any], Any]:
    """What stands for ``==`` in the asserts of unittest files and scripts."""

    def compare(left: Any, right: Any) -> Any:
        result = left == right
        if result:
            equality.probe(left, right)
        else:
            equality.sides = (show(left), show(right))
        return result

    return compare


class _Insert(ast.NodeTransformer):
    def visit_Assign(self, node: ast.Assign) -> Any:
        target, value = node.targets[0], node.value
        if not (isinstance(target, ast.Name) and target.id.startswith("@py_assert") and isinstance(value, ast.Compare)):
            return node
        sides = [value.left, *value.comparators]
        if len(value.ops) != 1 or not isinstance(value.ops[0], (ast.Eq, ast.In)):
            return node
        if not all(isinstance(side, (ast.Name, ast.Constant)) for side in sides):
            return node
        function = ast.Attribute(ast.Name("@pytest_ar", ast.Load()), NAME, ast.Load())
        fresh: list[ast.expr] = [ast.Name(s.id, ast.Load()) if isinstance(s, ast.Name) else s for s in sides]
        call = ast.copy_location(ast.Expr(ast.Call(function, fresh, [])), value)
        return [node, ast.fix_missing_locations(call)]
