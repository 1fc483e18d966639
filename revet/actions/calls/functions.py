"""Which functions calls may name: those of an agent while it works, and all that were declared, for recovery and
undo, which know a call only by its name.
"""

from __future__ import annotations

import contextlib
import contextvars
import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from revet.actions.calls.function import MARK, Function
from revet.errors import InputError, UnsupportedAction

__all__ = ["Functions", "find", "publish", "use"]


class Functions:
    """Functions by their names. Made of decorated functions (see `action`) and of `Function` objects."""

    def __init__(self, functions: Iterable[Any] = ()) -> None:
        self._by_name: dict[str, Function] = {}
        for each in functions:
            self.add(each)

    def add(self, given: Any) -> None:
        """InputError for what declares no effects, or has the name of another."""
        made = given if isinstance(given, Function) else getattr(given, MARK, None)
        if not isinstance(made, Function):
            raise InputError(
                f"{given!r:.200} does not declare what it does to the world",
                hint='decorate it: @revet.actions.action(effects=["send"])',
            )
        if self._by_name.get(made.name, made) is not made:
            raise InputError(f"there are two actions {made.name}", hint='give one another name: action(name="…")')
        self._by_name[made.name] = made

    def get(self, name: str) -> Function:
        """UnsupportedAction, naming those that there are, if there is none of that name."""
        if name in self._by_name:
            return self._by_name[name]
        near = difflib.get_close_matches(name, self._by_name, 1)
        known = f"the nearest is {near[0]}; " if near else ""
        known += f"there are: {', '.join(sorted(self._by_name)) or 'none'}"
        raise UnsupportedAction(f"there is no function {name!r} that a draft may call; {known}")

    def publish(self) -> None:
        """Let recovery and undo find all of them."""
        for each in self:
            publish(each)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Function]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)


_declared: dict[str, Function] = {}
_used: contextvars.ContextVar[Functions | None] = contextvars.ContextVar("revet_functions", default=None)


def publish(function: Function) -> None:
    """Let recovery and undo find it; of two with one name the one that was declared last."""
    _declared[function.name] = function


@contextlib.contextmanager
def use(functions: Functions | None) -> Iterator[None]:
    """Inside, `find` knows these before all others."""
    token = _used.set(functions)
    try:
        yield
    finally:
        _used.reset(token)


def find(name: str) -> Function:
    """The function of that name: one in use, or one that was declared. UnsupportedAction if there is none."""
    used = _used.get()
    if used is not None and name in used:
        return used.get(name)
    return Functions(_declared.values()).get(name)
