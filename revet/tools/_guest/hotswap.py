"""Gives live functions the code of a mutated source text, without importing anything again.

Function objects keep their identity, so decorators, caches, properties and ``from x import f`` all see the
new code. What cannot be done this way is refused: functions that ran during the import (their results are
already part of the module's state), changed free variables, code that became or ceased to be a generator,
functions nobody holds.
"""

from __future__ import annotations

import gc
import types
from typing import TYPE_CHECKING, Any

from .sources import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    Key = tuple[str, ...]

KINDS = 0x20 | 0x80 | 0x100 | 0x200  # generator, coroutine, iterable coroutine, asynchronous generator


def walk(code: types.CodeType, names: Key = ()) -> Iterator[tuple[Key, types.CodeType]]:
    """Every code object inside `code` with the names that lead to it, numbered where they repeat."""
    seen: dict[str, int] = {}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            count = seen[constant.co_name] = seen.get(constant.co_name, -1) + 1
            key = (*names, f"{constant.co_name}#{count}")
            yield key, constant
            yield from walk(constant, key)


def within(key: Key, function: list[str]) -> bool:
    return len(key) >= len(function) and all(key[i].rpartition("#")[0] == name for i, name in enumerate(function))


class Swapper:
    """Made once the tests are collected. `called` are the (file name, first line, name) of code that ran
    till then.
    """

    def __init__(self, workspace: Workspace, bases: dict[str, str], called: set[tuple[str, int, str]]) -> None:
        self._called = called
        self._live: dict[str, list[types.FunctionType]] = {}
        self._trees: dict[str, tuple[str, dict[Key, types.CodeType]]] = {}
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType):
                path = workspace.relative(thing.__code__.co_filename)
                if path in bases:
                    self._live.setdefault(str(path), []).append(thing)
        for path, functions in self._live.items():
            filename = functions[0].__code__.co_filename
            try:
                self._trees[path] = (
                    filename,
                    dict(walk(compile(bases[path], filename, "exec", dont_inherit=True))),
                )
            except (SyntaxError, ValueError):
                continue

    def swap(self, path: str, source: str, function: str) -> bool:
        """True if all live code of `function` in `path` is now that of `source`; else nothing was changed."""
        if path not in self._trees:
            return False
        filename, old = self._trees[path]
        new = dict(walk(compile(source, filename, "exec", dont_inherit=True)))
        names = [name for name in function.split(".") if name != "<locals>"]
        plan: list[tuple[types.FunctionType, types.CodeType]] = []
        for key, code in old.items():
            if not within(key, names):
                continue
            if (filename, code.co_firstlineno, code.co_name) in self._called:
                return False
            for live in self._holders(path, code):
                if not self._fits(code, new.get(key)):
                    return False
                plan.append((live, new[key]))
        for live, code in plan:
            live.__code__ = code
        return bool(plan)

    def _holders(self, path: str, code: types.CodeType) -> Iterator[types.FunctionType]:
        for live in self._live[path]:
            own = live.__code__
            if (
                own.co_firstlineno == code.co_firstlineno
                and own.co_name == code.co_name
                and own.co_code == code.co_code
            ):
                yield live

    @staticmethod
    def _fits(old: types.CodeType, new: Any) -> bool:
        return (
            new is not None
            and new.co_freevars == old.co_freevars
            and new.co_flags & KINDS == old.co_flags & KINDS
            and new.co_varnames[: new.co_argcount + new.co_kwonlyargcount]
            == old.co_varnames[: old.co_argcount + old.co_kwonlyargcount]
        )


class CallWatch:
    """A profile function that remembers which code of the mutated files is called."""

    def __init__(self, workspace: Workspace, bases: dict[str, str]) -> None:
        self.called: set[tuple[str, int, str]] = set()
        self._workspace, self._bases = workspace, bases
        self._known: dict[str, bool] = {}

    def __call__(self, frame: Any, event: str, _argument: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        known = self._known.get(code.co_filename)
        if known is None:
            known = self._known[code.co_filename] = self._workspace.relative(code.co_filename) in self._bases
        if known:
            self.called.add((code.co_filename, code.co_firstlineno, code.co_name))
