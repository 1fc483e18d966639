"""Running small programs in a session, whatever the backend."""

from __future__ import annotations

import sys
from typing import Any

from revet.sandboxes.base import ExecResult, Limits, PythonResult, Session

__all__ = ["LONG", "MIB", "python", "shell", "snippet"]

MIB = 1024 * 1024
LONG = Limits(wall_seconds=60, cpu_seconds=30)
"""For programs that end by themselves, on a machine that may be busy."""


async def shell(session: Session, script: str, **options: Any) -> ExecResult:
    return await session.exec(["/bin/sh", "-c", script], **{"limits": LONG, **options})


async def python(session: Session, source: str, **options: Any) -> ExecResult:
    """The interpreter that the session was opened with, by its path on the host."""
    return await session.exec([sys.executable, "-I", "-S", "-c", source], **{"limits": LONG, **options})


async def snippet(session: Session, code: str | bytes, data: Any = None, **options: Any) -> PythonResult:
    return await session.run_python(code, data, **{"limits": LONG, **options})
