"""Looks for the traces that a candidate leaves when it changes what judges it.

`Snapshot` remembers the functions of the test framework and of the builtins, before any code of the
workspace runs, and says later which were replaced or given other code.
"""

from __future__ import annotations

import builtins
import gc
import os
import signal
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

FRAMEWORK = (
    "_pytest.runner",
    "_pytest.reports",
    "_pytest.python",
    "_pytest.main",
    "_pytest.nodes",
    "_pytest.unittest",
    "_pytest.skipping",
    "_pytest.outcomes",
    "_pytest.python_api",
    "_pytest.raises",
    "_pytest.assertion",
    "_pytest.assertion.rewrite",
    "unittest.case",
    "unittest.suite",
    "unittest.result",
    "unittest.loader",
    "unittest.main",
    "json.encoder",
    "hmac",
)
SYSTEM = {
    os: ("_exit", "write", "fork", "getpid", "abort", "kill"),
    sys: ("exit", "exc_info", "settrace", "setprofile"),
    signal: ("signal", "setitimer"),
    gc: ("get_objects", "get_referrers"),
}


class Snapshot:
    """The functions that judge, as they were when this was made."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any, str, Any, Any]] = []
        self._system: list[tuple[str, Any, str, Any, Any]] = []
        for name, value in vars(builtins).items():
            self._add(self._system, "builtins." + name, vars(builtins), name, value)
        for module, names in SYSTEM.items():
            space = vars(module)
            for name in names:
                if name in space:
                    self._add(self._system, f"{module.__name__}.{name}", space, name, space[name])
        for name, loaded in list(sys.modules.items()):
            if name in FRAMEWORK or name.split(".")[0] == "pluggy":
                self._add_module(name, vars(loaded))

    @staticmethod
    def _add(to: list[Any], label: str, space: Any, name: str, value: Any) -> None:
        if name != "_":
            to.append((label, space, name, value, getattr(value, "__code__", None)))

    def _add_module(self, module: str, space: dict[str, Any]) -> None:
        for name, value in list(space.items()):
            if isinstance(value, types.FunctionType):
                self._add(self._items, f"{module}.{name}", space, name, value)
            elif isinstance(value, type) and value.__module__ == module:
                inside = vars(value)
                for inner, member in list(inside.items()):
                    if isinstance(member, (types.FunctionType, staticmethod, classmethod, property)):
                        self._add(self._items, f"{module}.{name}.{inner}", inside, inner, member)

    def changed(self, everything: bool = False) -> list[str]:
        """Sentences naming what was replaced. Without `everything`, only the framework is looked at."""
        items: Iterable[Any] = self._items + self._system if everything else self._items
        found = []
        for label, space, name, value, code in items:
            now = space.get(name)
            if now is not value or (code is not None and now.__code__ is not code):
                found.append(f"{label} was replaced while the tests ran")
        return found


def canary() -> list[str]:
    """Sentences if a false assertion no longer fails."""
    try:
        exec(compile("assert 1 == 2", "<canary>", "exec"), {"__builtins__": builtins})
    except AssertionError:
        return []
    return ["a false assertion did not fail (assertions are switched off)"]
