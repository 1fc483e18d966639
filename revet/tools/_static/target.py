"""Which version of Python an interpreter is, told by what lies beside it: it is not run."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

__all__ = ["required_by", "version_of"]

NAMED = re.compile(r"python3\.(\d+)")
REQUIRED = re.compile(r"^requires-python\s*=.*?>=?\s*3\.(\d+)", re.MULTILINE)
RECORDED = re.compile(r"^version(?:_info)?\s*=\s*3\.(\d+)", re.MULTILINE)


def version_of(python: Path) -> int:
    """The minor version of the Python 3 at `python`; this process's own where nothing says.

    An environment's ``pyvenv.cfg`` says it (PEP 405), else the name of the program that a link leads to.
    """
    if python == Path(sys.executable):
        return sys.version_info.minor
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if found := RECORDED.search((python.parent.parent / "pyvenv.cfg").read_text("utf-8")):
            return int(found[1])
    with contextlib.suppress(OSError, RuntimeError):
        if found := NAMED.fullmatch(python.resolve().name):
            return int(found[1])
    return sys.version_info.minor


def required_by(workspace: Path) -> int:
    """The least minor version of Python 3 that the workspace's ``pyproject.toml`` asks for; 0 where it does not say."""
    place = workspace / "pyproject.toml"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if place.is_file() and (found := REQUIRED.search(place.read_text("utf-8"))):
            return int(found[1])
    return 0
