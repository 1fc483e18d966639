"""A parsed file with exact positions, and pieces of code that know their precedence.

`View` answers where a node lies in the text, what holds it, and which statement and function it belongs to.
Positions of `ast` count UTF-8 bytes within a line; here everything is an offset into the str.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from revet.errors import InputError

__all__ = ["ATOM", "SIMPLE", "TEST", "Code", "FunctionNode", "Unit", "View", "parse", "precedence"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
SIMPLE = ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Raise | ast.Assert | ast.Delete

_NEWLINE = re.compile(r"\r\n|\r|\n")

TEST, OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND, SHIFT, ARITH, TERM, FACTOR, POWER, AWAIT, ATOM = range(2, 17)
_BINARY: dict[type[ast.operator], int] = {
    ast.BitOr: BIT_OR,
    ast.BitXor: BIT_XOR,
    ast.BitAnd: BIT_AND,
    ast.LShift: SHIFT,
    ast.RShift: SHIFT,
    ast.Add: ARITH,
    ast.Sub: ARITH,
    ast.Mult: TERM,
    ast.Div: TERM,
    ast.FloorDiv: TERM,
    ast.Mod: TERM,
    ast.MatMult: TERM,
    ast.Pow: POWER,
}
SYMBOLS: dict[str, tuple[str, int]] = {
    "+": ("+", ARITH), "-": ("-", ARITH), "*": ("*", TERM), "/": ("/", TERM), "//": ("//", TERM),
    "%": ("%", TERM), "@": ("@", TERM), "**": ("**", POWER), "<<": ("<<", SHIFT), ">>": (">>", SHIFT),
    "&": ("&", BIT_AND),
    "|": ("|", BIT_OR), "^": ("^", BIT_XOR), "and": ("and", AND), "or": ("or", OR),
}  # fmt: skip


def parse(text: str) -> ast.Module:
    """`ast.parse` without its warnings. Raises only SyntaxError, also for null bytes and lone surrogates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes, lone surrogates, too deep
            raise SyntaxError(str(error)) from error


def precedence(node: ast.AST) -> int:
    """How tightly the node's outermost syntax binds: `TEST` for ``a if b else c``, `ATOM` for a name."""
    match node:
        case ast.Tuple() | ast.Yield() | ast.YieldFrom() | ast.Starred():
            return 0
        case ast.NamedExpr():
            return 1
        case ast.IfExp() | ast.Lambda():
            return TEST
        case ast.BoolOp():
            return OR if isinstance(node.op, ast.Or) else AND
        case ast.UnaryOp():
            return NOT if isinstance(node.op, ast.Not) else FACTOR
        case ast.Compare():
            return COMPARE
        case ast.BinOp():
            return _BINARY[type(node.op)]
        case ast.Await():
            return AWAIT
        case ast.Constant(value=int() | float() | complex()) if not isinstance(node.value, bool):
            return POWER + 1  # an integer needs parentheses before a dot
        case _:
            return ATOM


@dataclass(frozen=True, slots=True)
class Code:
    """The text of an expression and how tightly it binds. Its methods add parentheses where needed."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text for a place that needs at least this level."""
        return self.text if self.level >= level else f"({self.text})"

    def binary(self, symbol: str, other: Code) -> Code:
        """``self symbol other``, for arithmetic, bitwise and boolean operators."""
        text, level = SYMBOLS[symbol]
        if symbol == "**":
            return Code(f"{self.at(POWER + 1)} ** {other.at(FACTOR)}", POWER)
        right = level if symbol in ("and", "or") else level + 1
        return Code(f"{self.at(level)} {text} {other.at(right)}", level)

    def compare(self, symbol: str, other: Code) -> Code:
        return Code(f"{self.at(BIT_OR)} {symbol} {other.at(BIT_OR)}", COMPARE)

    def negated(self) -> Code:
        return Code(f"not {self.at(NOT)}", NOT)

    def minus(self) -> Code:
        return Code(f"-{self.at(FACTOR)}", FACTOR)

    def called_by(self, function: str, *more: str) -> Code:
        """``function(self, *more)``."""
        return Code(f"{function}({', '.join((self.at(TEST), *more))})")

    def then(self, suffix: str) -> Code:
        """``self`` followed by ``.name``, ``.name()``, ``[index]``."""
        return Code(self.at(ATOM) + suffix)


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest part of the file that parses alone: the lines of a function, method or statement."""

    start: int
    end: int
    prefix: str
    root: ast.AST

    def extract(self, text: str) -> ast.AST:
        """Parses the unit's text after a change; the node that corresponds to `root`. Raises SyntaxError."""
        tree = parse(self.prefix + text)
        if isinstance(self.root, ast.Module):
            return tree
        body = tree.body[0].body if self.prefix and isinstance(tree.body[0], ast.If) else tree.body
        if len(body) != 1 or (self.prefix and len(tree.body) != 1):
            raise SyntaxError("the change splits its unit")
        return body[0]


class View:
    """A source file, parsed. Raises `InputError` if it does not parse."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = path, source
        self._bom = source.startswith("\ufeff")
        try:
            self.tree = parse(source[1:] if self._bom else source)
        except SyntaxError as error:
            raise InputError(
                f"{path}:{error.lineno or 1}: not valid Python: {error.msg}",
                hint="mend the syntax first: a repair starts from code that parses",
            ) from error
        self.starts = [0, *(m.end() for m in _NEWLINE.finditer(source))]
        self._ascii = source.isascii()
        newline = _NEWLINE.search(source)
        self.newline = newline.group() if newline else "\n"
        self.parents: dict[ast.AST, ast.AST] = {}
        self.places: dict[ast.AST, tuple[str, int | None]] = {}
        self.order: list[ast.AST] = []
        self._index(self.tree)
        self._units: dict[ast.AST, Unit] = {}
        self._functions: dict[ast.AST, FunctionNode | None] = {}
        self._outermost: dict[ast.AST, ast.AST] = {}
        self._module = Unit(int(self._bom), len(source), "", self.tree)

    def _index(self, root: ast.AST) -> None:
        stack = [root]
        while stack:
            node = stack.pop()
            self.order.append(node)
            children: list[ast.AST] = []
            for name, value in ast.iter_fields(node):
                for i, child in enumerate(value if isinstance(value, list) else [value]):
                    if isinstance(child, ast.AST) and not isinstance(
                        child, ast.expr_context | ast.operator | ast.boolop | ast.cmpop | ast.unaryop
                    ):
                        self.parents[child] = node
                        self.places[child] = (name, i if isinstance(value, list) else None)
                        children.append(child)
            stack.extend(reversed(children))

    # --- positions ---

    def offset(self, line: int, column: int) -> int:
        """The offset of a line (from 1) and a column in UTF-8 bytes, as `ast` counts."""
        start = self.starts[line - 1] + (1 if self._bom and line == 1 else 0)
        if self._ascii:
            return start + column
        stop = self.starts[line] if line < len(self.starts) else len(self.source)
        return start + len(self.source[start:stop].encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Offsets of the node's text, without parentheses around it."""
        assert isinstance(
            node, ast.expr | ast.stmt | ast.keyword | ast.arg | ast.ExceptHandler | ast.alias | ast.pattern
        )
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None and end_column is not None
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def code(self, node: ast.expr) -> Code:
        return Code(self.text(node), precedence(node))

    def line_start(self, offset: int) -> int:
        return max(self.source.rfind("\n", 0, offset), self.source.rfind("\r", 0, offset)) + 1

    def line_end(self, offset: int) -> int:
        """The offset just before the line's newline."""
        match = _NEWLINE.search(self.source, offset)
        return match.start() if match else len(self.source)

    def next_line(self, offset: int) -> int:
        match = _NEWLINE.search(self.source, offset)
        return match.end() if match else len(self.source)

    # --- structure ---

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around it, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that is or holds the node."""
        for each in (node, *self.ancestors(node)):
            if isinstance(each, ast.stmt):
                return each
        return None

    def function(self, node: ast.AST) -> FunctionNode | None:
        """The innermost function around the node."""
        if node not in self._functions:
            parent = self.parents.get(node)
            if parent is None or isinstance(parent, FunctionNode):
                self._functions[node] = parent
            else:
                self._functions[node] = self.function(parent)
        return self._functions[node]

    def block(self, statement: ast.stmt) -> tuple[list[ast.stmt], int]:
        """The list of statements that holds it, and its index there."""
        name, index = self.places[statement]
        assert index is not None
        block: list[ast.stmt] = getattr(self.parents[statement], name)
        return block, index

    def qualified(self, unit: ast.AST) -> str | None:
        """``Class.method`` for a function that lies in the module or in classes only, else None."""
        if not isinstance(unit, FunctionNode):
            return None
        names = [unit.name]
        for parent in self.ancestors(unit):
            if isinstance(parent, ast.ClassDef):
                names.append(parent.name)
            elif not isinstance(parent, ast.Module):
                return None
        return ".".join(reversed(names))

    def outermost(self, node: ast.AST) -> ast.AST:
        """The function in the module or in a class, else the top-level statement, that holds the node."""
        if node not in self._outermost:
            self._outermost[node] = self._find_outermost(node)
        return self._outermost[node]

    def _find_outermost(self, node: ast.AST) -> ast.AST:
        chain = [node, *self.ancestors(node)]
        for each in reversed(chain):
            if isinstance(each, FunctionNode):
                return each
            if not isinstance(each, ast.Module | ast.ClassDef):
                break
        return chain[-2] if len(chain) > 1 else node

    def unit(self, node: ast.AST) -> Unit:
        """The part of the file to parse again when the node's function or top-level statement changes."""
        root = self.outermost(node)
        if root not in self._units:
            self._units[root] = self._make_unit(root, self._module)
        return self._units[root]

    def small_unit(self, node: ast.AST) -> Unit:
        """The part to parse again when only an expression changes: its statement, if that is a simple one."""
        root = self.statement(node)
        if root is None or not isinstance(root, SIMPLE):
            return self.unit(node)
        if root not in self._units:
            self._units[root] = self._make_unit(root, self.unit(node))
        return self._units[root]

    def _make_unit(self, root: ast.AST, larger: Unit) -> Unit:
        if not isinstance(root, ast.stmt):
            return larger
        start, end = self.span(root)
        if isinstance(root, FunctionNode | ast.ClassDef) and root.decorator_list:
            start = min(start, self.span(root.decorator_list[0])[0])
        start = max(self.line_start(start), int(self._bom))
        end = self.line_end(end)
        indented = self.source[start : start + 1] in (" ", "\t", "\f")
        unit = Unit(start, end, "if 1:\n" if indented else "", root)
        try:
            same = ast.dump(unit.extract(self.source[start:end])) == ast.dump(root)
        except SyntaxError:
            same = False
        return unit if same else larger

    def path_to(self, node: ast.AST, root: ast.AST) -> list[tuple[str, int | None]]:
        """The fields that lead from `root` down to `node`."""
        steps: list[tuple[str, int | None]] = []
        while node is not root:
            steps.append(self.places[node])
            node = self.parents[node]
        return steps[::-1]
