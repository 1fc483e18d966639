"""Which blocks of the editable files one test runs, one after another, with the values of the variables after each.

A block is a stretch of statements without a branch (LDB: Zhong et al. 2024, arXiv 2402.16906). Only the chosen test is
followed, only inside functions, and no more than `MOST` blocks are kept: the first and the last.
"""

from __future__ import annotations

import ast
import re
import reprlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sources import Workspace

MOST, LAST = 60, 24
VARIABLES, LONGEST = 8, 80
EVENTS = 100_000
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Stepper:
    """`start` and `stop` bracket a test, as a tracer's do; `stop` gives ``{"blocks": […], "skipped": n}``."""

    def __init__(self, workspace: Workspace, wanted: Callable[[], bool]) -> None:
        self._workspace, self._wanted = workspace, wanted
        self._blocks: dict[str, dict[int, tuple[int, int]]] = {}
        self._files: dict[str, str | None] = {}
        self._seen: list[dict[str, Any]] = []
        self._skipped = self._events = 0
        self._repr = reprlib.Repr()
        self._repr.maxstring = self._repr.maxother = LONGEST

    def start(self) -> None:
        self._seen, self._skipped, self._events = [], 0, 0
        if self._wanted():
            sys.settrace(self._call)

    def stop(self) -> dict[str, Any]:
        sys.settrace(None)
        return {"blocks": self._seen, "skipped": self._skipped}

    def _call(self, frame: Any, _event: str, _argument: Any) -> Any:
        path = self._path(frame.f_code.co_filename)
        if path is None or frame.f_code.co_name == "<module>" or self._events >= EVENTS:
            return None
        blocks = self._blocks[path]
        current: list[Any] = [None]

        def leave(inner: Any, result: str | None = None) -> None:
            if current[0] is not None:
                self._keep(path, inner, current[0], result)
                current[0] = None

        def local(inner: Any, event: str, argument: Any) -> Any:
            self._events += 1
            if event == "line":
                block = blocks.get(inner.f_lineno, (inner.f_lineno, inner.f_lineno))
                if block != current[0] or inner.f_lineno == block[0]:
                    leave(inner)
                    current[0] = block
            elif event == "exception":
                leave(inner, "raises " + getattr(argument[0], "__name__", str(argument[0])))
            elif event == "return":
                leave(inner, "returns " + self._shown(argument))
            return local if self._events < EVENTS else None

        return local

    def _keep(self, path: str, frame: Any, block: tuple[int, int], result: str | None) -> None:
        entry = {
            "path": path,
            "function": frame.f_code.co_name,
            "first": block[0],
            "last": block[1],
            "values": {n: self._shown(v) for n, v in list(frame.f_locals.items())[:VARIABLES]},
            "result": result,
        }
        self._seen.append(entry)
        if len(self._seen) > MOST:
            del self._seen[MOST - LAST]
            self._skipped += 1

    def _shown(self, value: Any) -> str:
        try:
            return ADDRESS.sub("", self._repr.repr(value))[:LONGEST]
        except Exception as error:  # noqa: BLE001 (what an object of the candidate says of itself may do anything)
            return "<" + type(error).__name__ + " in its repr>"

    def _path(self, filename: str) -> str | None:
        if filename not in self._files:
            relative = self._workspace.relative(filename)
            path = relative if relative in self._workspace.editable else None
            if path is not None and path not in self._blocks:
                self._blocks[path] = blocks_of(self._workspace.read(filename))
            self._files[filename] = path
        return self._files[filename]


def blocks_of(source: bytes) -> dict[int, tuple[int, int]]:
    """The block of each line: first and last line of the stretch of simple statements that it stands in, or the header
    of a compound statement alone.
    """
    blocks: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(source)):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                gather(statements, blocks)
    return blocks


def gather(statements: list[Any], blocks: dict[int, tuple[int, int]]) -> None:
    """Put the stretches of one list of statements into `blocks`."""
    stretch: list[Any] = []
    for statement in [*statements, None]:
        simple = statement is not None and not hasattr(statement, "body")
        if simple:
            stretch.append(statement)
            continue
        if stretch:
            note(stretch[0].lineno, stretch[-1].end_lineno or stretch[-1].lineno, blocks)
            stretch = []
        if statement is not None and isinstance(getattr(statement, "body", None), list):
            note(statement.lineno, max(statement.lineno, statement.body[0].lineno - 1), blocks)


def note(first: int, last: int, blocks: dict[int, tuple[int, int]]) -> None:
    for line in range(first, last + 1):
        blocks[line] = (first, last)
