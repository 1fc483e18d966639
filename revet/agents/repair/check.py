"""Is a proposal what its operator meant? Parses as little as possible and compares trees."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

from revet.agents.repair.operators import Proposal
from revet.agents.repair.patch import Edit, apply, overlap, trim
from revet.agents.repair.syntax import Unit, View, parse

__all__ = ["Checker", "compiles"]

_JUMPS = ("yield", "await", "return", "break", "continue", ":=")


class Checker:
    """Turns proposals into edits that are right, or rejects them."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._dumps: dict[ast.AST, str] = {}
        self._paths: dict[tuple[ast.AST, ast.AST], list[tuple[str, int | None]]] = {}

    def settle(self, proposal: Proposal) -> tuple[Edit, ...] | None:
        """The trimmed edits, with parentheses where needed; None for what is wrong or changes nothing."""
        if proposal.code is None:
            return self._settle_text(proposal)
        try:
            expected = parse(f"(\n{proposal.code.text}\n)").body[0]
        except SyntaxError:
            return None
        assert isinstance(expected, ast.Expr)
        intended = _dump(expected.value)
        if intended == self._dump_of(proposal.node):
            return None
        main = proposal.edits[0]
        for text in (main.text, f"({main.text})"):
            edit = trim(self.view.source, Edit(main.start, main.end, text))
            if self._means(proposal.node, edit, intended):
                return (edit,)
        return None

    def _settle_text(self, proposal: Proposal) -> tuple[Edit, ...] | None:
        edits = tuple(sorted(trim(self.view.source, e) for e in proposal.edits))
        edits = tuple(e for e in edits if e.start != e.end or e.text)
        if not edits or any(overlap(edits[i : i + 1], edits[i + 1 :]) for i in range(len(edits))):
            return None
        unit = self.view.unit(proposal.node)
        new = self._reparsed(unit, edits, compiled=True)
        return edits if new is not None and _dump(new) != self._dump_of(unit.root) else None

    def _means(self, node: ast.AST, edit: Edit, intended: str) -> bool:
        """True if the expression stands where it should, under the ancestors that it had."""
        risky = any(word in edit.text for word in _JUMPS)
        unit = self.view.unit(node) if risky else self.view.small_unit(node)
        new = self._reparsed(unit, [edit], compiled=risky)
        if new is None:
            return False
        old: ast.AST = unit.root
        for name, index in self._path(node, unit.root):
            if type(old) is not type(new):
                return False
            before, after = getattr(old, name), getattr(new, name)
            if index is not None:
                if len(before) != len(after):
                    return False
                before, after = before[index], after[index]
            if not isinstance(after, ast.AST):
                return False
            old, new = before, after
        return _dump(new) == intended

    def _path(self, node: ast.AST, root: ast.AST) -> list[tuple[str, int | None]]:
        if (node, root) not in self._paths:
            self._paths[node, root] = self.view.path_to(node, root)
        return self._paths[node, root]

    def _reparsed(self, unit: Unit, edits: Sequence[Edit], *, compiled: bool) -> ast.AST | None:
        """The unit with the edits made; None if it does not parse (or compile), or they reach beyond it."""
        if any(e.start < unit.start or e.end > self.view.next_line(unit.end) for e in edits):
            return None
        stop = max(unit.end, *(e.end for e in edits))
        text = apply(
            self.view.source[unit.start : stop],
            [Edit(e.start - unit.start, e.end - unit.start, e.text) for e in edits],
        )
        try:
            root = unit.extract(text)
        except SyntaxError:
            return None
        return None if compiled and not compiles(unit.prefix + text) else root

    def _dump_of(self, node: ast.AST) -> str:
        if node not in self._dumps:
            self._dumps[node] = _dump(node)
        return self._dumps[node]


def _dump(node: ast.AST) -> str:
    return ast.dump(node).replace("ctx=Store()", "ctx=Load()")


def compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<candidate>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return False
    return True
