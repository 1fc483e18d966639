"""Which lines of the editable files ran, from one point to another.

Python 3.12 and later use `sys.monitoring`, which stops reporting a line once it was seen. Before that
`sys.settrace` is used, and it goes quiet after `BUDGET` line events, so that an endless loop does not take
the time of all tests.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from .sources import Workspace

BUDGET = 400_000


class Settrace:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._files: dict[str, str | None] = {}
        self._lines: dict[str, set[int]] = {}
        self._left = BUDGET

    def start(self) -> None:
        self._lines, self._left = {}, BUDGET
        threading.settrace(self._call)
        sys.settrace(self._call)

    def stop(self) -> dict[str, list[int]]:
        sys.settrace(None)
        threading.settrace(None)
        return {path: sorted(lines) for path, lines in self._lines.items()}

    def _call(self, frame: Any, _event: str, _argument: Any) -> Any:
        filename = frame.f_code.co_filename
        try:
            path = self._files[filename]
        except KeyError:
            relative = self._workspace.relative(filename)
            path = self._files[filename] = relative if relative in self._workspace.editable else None
        if path is None or self._left <= 0:
            return None
        add = self._lines.setdefault(path, set()).add

        def local(inner: Any, event: str, _argument: Any) -> Any:
            if event == "line":
                add(inner.f_lineno)
                self._left -= 1
                if self._left <= 0:
                    inner.f_trace_lines = False
                    sys.settrace(None)
            return local

        return local


if sys.version_info >= (3, 12):

    class Monitor:
        def __init__(self, workspace: Workspace) -> None:
            self._workspace = workspace
            self._lines: dict[str, set[int]] = {}
            self._tool = sys.monitoring.COVERAGE_ID

        def start(self) -> None:
            events = sys.monitoring.events
            self._lines = {}
            sys.monitoring.use_tool_id(self._tool, "revet")
            sys.monitoring.register_callback(self._tool, events.LINE, self._line)
            sys.monitoring.set_events(self._tool, events.LINE)
            sys.monitoring.restart_events()

        def stop(self) -> dict[str, list[int]]:
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.register_callback(self._tool, sys.monitoring.events.LINE, None)
            sys.monitoring.free_tool_id(self._tool)
            return {path: sorted(lines) for path, lines in self._lines.items()}

        def _line(self, code: Any, line: int) -> Any:
            relative = self._workspace.relative(code.co_filename)
            if relative in self._workspace.editable:
                self._lines.setdefault(str(relative), set()).add(line)
            return sys.monitoring.DISABLE


def tracer(workspace: Workspace) -> Any:
    """The best tracer this interpreter has; `start` and `stop` bracket what is traced."""
    if sys.version_info >= (3, 12) and sys.monitoring.get_tool(sys.monitoring.COVERAGE_ID) is None:
        return Monitor(workspace)
    return Settrace(workspace)
