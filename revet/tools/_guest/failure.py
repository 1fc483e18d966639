"""An exception as a record: what was said, where in the workspace, what was expected and what came."""

from __future__ import annotations

import reprlib
import traceback
from typing import Any

from .sources import Workspace

TEXT = 4000
VALUE = 300
OWN = ("_revet_guest", "unittest/case.py", "unittest/loader.py")


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = 24
        self.maxstring = self.maxother = self.maxlong = VALUE
        self.maxlevel = 6


_repr = _Repr()


def show(value: Any) -> str:
    """A bounded repr that never raises."""
    try:
        return _repr.repr(value)[:VALUE]
    except Exception as error:  # noqa: BLE001 (whatever a repr raises)
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


def clip(text: str, limit: int = TEXT) -> str:
    """`text` with its middle cut out, the cut marked."""
    if len(text) <= limit:
        return text
    head = limit // 3
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters cut …]\n{text[-tail:]}"


def locate(trace: Any, workspace: Workspace) -> tuple[str | None, int | None]:
    """Path and line of the innermost frame in the workspace's own code."""
    path, line = None, None
    while trace is not None:
        relative = workspace.relative(trace.tb_frame.f_code.co_filename)
        if relative is not None:
            path, line = relative, trace.tb_lineno
        trace = trace.tb_next
    return path, line


def describe(error: BaseException, workspace: Workspace, sides: tuple[str, str] | None = None) -> dict[str, Any]:
    """The fields of a record for `error`. `sides` are (actual, expected) where a comparison failed."""
    trace = error.__traceback__
    path, line = locate(trace, workspace)
    sides = sides if isinstance(error, AssertionError) else None
    try:
        said = str(error)
    except Exception as other:  # noqa: BLE001 (whatever a str raises)
        said = f"(its text raised {type(other).__name__})"
    if not said and sides is not None:
        said = f"{sides[0]} != {sides[1]}"
    fields: dict[str, Any] = {
        "exception": type(error).__name__,
        "message": clip(f"{type(error).__name__}: {said}" if said else type(error).__name__, 1500),
        "path": path,
        "line": line,
    }
    if sides is not None:
        fields["actual"], fields["expected"] = sides
    return fields


def text_of(error: BaseException, workspace: Workspace) -> str:
    """The traceback as Python prints it, without the frames of the test runner, bounded."""
    frames = traceback.extract_tb(error.__traceback__)
    kept = [f for f in frames if not any(own in f.filename for own in OWN)] or list(frames)
    if len(kept) > 24:
        kept = kept[:4] + kept[-20:]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(kept)]
    lines += traceback.format_exception_only(type(error), error)
    return clip("".join(lines))
