"""Asks an object that took part in a comparison whether it would also have equalled values nobody expects.

Any object whose `__eq__` is written in Python is asked, wherever its class comes from: a candidate can return
somebody else's object that equals everything (`unittest.mock.ANY`). One that the test's own file knows by name is
the test's own; another one counts against the run only if the untouched workspace compared no such object.
"""

from __future__ import annotations

import random
import sys
import types
from typing import TYPE_CHECKING, Any

from .origins import Origins
from .sources import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = frozenset({int, float, str, bytes, bool, type(None), complex})
DEPTH, WIDTH, ASKED = 6, 50, 400
BUILT_IN = (types.WrapperDescriptorType, types.MethodWrapperType)


class Equality:
    """`caught` are sentences on objects of suspect classes, `borrowed` on those of others; `sides` are those of the
    last comparison.
    """

    def __init__(self, workspace: Workspace, origins: Origins) -> None:
        self._workspace = workspace
        self._origins = origins
        self._random = random.Random()
        self._left = ASKED
        self.caught: dict[str, None] = {}
        self.borrowed: dict[str, None] = {}
        self.sides: tuple[str, str] | None = None

    def probe(self, left: Any, right: Any) -> None:
        """Never raises, whatever the objects do (TestTimeout and its like pass through)."""
        if type(left) in PLAIN and type(right) in PLAIN:
            return
        self._left = ASKED
        self._probe(left, right, 0)

    def _probe(self, left: Any, right: Any, depth: int) -> None:
        self._ask(left, right)
        self._ask(right, left)
        if depth < DEPTH:
            for one, other in pairs(left, right):
                if self._left <= 0:
                    return
                if type(one) not in PLAIN or type(other) not in PLAIN:
                    self._left -= 1
                    self._probe(one, other, depth + 1)

    def _ask(self, value: Any, other: Any) -> None:
        kind = type(value)
        if kind in PLAIN:
            return
        method = next((vars(base)["__eq__"] for base in kind.__mro__ if "__eq__" in vars(base)), None)
        if isinstance(method, BUILT_IN):
            return
        code: Any = getattr(method, "__code__", None)
        suspect = code is None or bool(self._origins.suspect(code.co_filename))
        if code is None and is_mock(value):
            return
        frame = self._frame()
        if not self._claims(value, other, frame, suspect):
            return
        if suspect:
            where = "code without a file" if code is None else self._origins.where(code)
            self.caught[f"an object of class {kind.__name__} ({where}) claims to equal any value"] = None
        elif self._workspace.relative(code.co_filename) is None and not known(value, frame):
            self.borrowed[f"an object of class {kind.__name__} ({kind.__module__}) claims to equal any value"] = None

    def _frame(self) -> Any:
        """The innermost frame of a file of the workspace: that of the test, or of a helper it compares with."""
        frame: Any = sys._getframe(2)
        while frame is not None and self._workspace.relative(frame.f_code.co_filename) is None:
            frame = frame.f_back
        return frame

    def _claims(self, value: Any, other: Any, frame: Any, suspect: bool) -> bool:
        """True if `value` equals something that nothing equals, or (from suspect code) all neighbours of `other`."""
        equal = disguised(frame)
        strangers = [_Stranger(), *self._like(other)]
        neighbours = list(near(other)) if suspect else []
        return any(asked(equal, value, s) for s in strangers) or (
            bool(neighbours) and all(asked(equal, value, n) for n in neighbours)
        )

    def _like(self, value: Any) -> Iterator[Any]:
        """Values of the same plain type which nobody can have expected."""
        number = self._random.getrandbits(62)
        if type(value) in (int, float):
            yield type(value)(number)
        elif type(value) is str:
            yield f"{number:x}"
        elif type(value) in (list, tuple, set):
            yield type(value)([number])
        elif type(value) is dict:
            yield {number: number}


def pairs(left: Any, right: Any) -> Iterator[tuple[Any, Any]]:
    """The parts of both sides that belong together, or the parts of one side with None."""
    if type(left) in (list, tuple) and type(right) in (list, tuple) and len(left) == len(right):
        yield from [(left[n], right[n]) for n in range(min(len(left), WIDTH))]
        return
    if type(left) is dict and type(right) is dict:
        yield from [(left[key], right.get(key)) for key in list(left)[:WIDTH]]
        return
    for value in (left, right):
        parts = list(value.values()) if type(value) is dict else value
        if type(value) in (list, tuple, set, frozenset, dict):
            yield from ((part, None) for part in list(parts)[:WIDTH])


def near(value: Any) -> Iterator[Any]:
    """Values beside `value`, which nothing equals that equals it by some honest tolerance, all of them together."""
    if type(value) in (int, float):
        for step in (1, 3, 17):
            yield value + step
            yield value - step
    elif type(value) is str:
        yield "~" + value + "~"
        yield value[1:] + "\u2603"
        yield "" if value else "~"
    elif type(value) in (list, tuple):
        yield value + type(value)([0])
        yield value[1:] if value else type(value)([0, 0])


def asked(equal: Any, value: Any, other: Any) -> bool:
    try:
        return bool(equal(value, other))
    except Exception:  # noqa: BLE001 (the comparison is the candidate's code)
        return False


def disguised(frame: Any) -> Any:
    """``==`` as a function that looks, to who asks for the name and file of its caller, as the test does."""
    plain = compare.__code__
    code = frame.f_code if frame is not None else plain
    return types.FunctionType(plain.replace(co_filename=code.co_filename, co_name=code.co_name), {})


def compare(value: Any, other: Any) -> Any:
    return value == other


def is_mock(value: Any) -> bool:
    """True for a mock: it would remember that it was asked."""
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(value, mock.NonCallableMock)


def known(value: Any, frame: Any) -> bool:
    """True if the file of `frame` has `value` or its class under some name, or in a module that it imported."""
    if frame is None:
        return False
    spaces = [vars(item) for item in list(frame.f_globals.values()) if isinstance(item, types.ModuleType)]
    for space in (frame.f_globals, *spaces):
        for item in list(space.values()):
            if item is value or item is type(value):
                return True
    return False


class _Stranger:
    """Equals nothing but itself."""
