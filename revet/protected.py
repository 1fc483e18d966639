"""Which files a draft does not get to change, by their names: one table for the staging area and for the tests tool.

Patterns are those of `fnmatch` and hold for every part of a path, so `tests` protects all that lies below a
folder of that name. Case does not count: on some file systems ``Conftest.PY`` is ``conftest.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

__all__ = ["ALWAYS", "BUILD", "TESTS", "is_always_protected", "is_test_or_build", "matches", "named"]

ALWAYS = (
    ".git",
    ".hg",
    ".svn",
    ".revet",
    ".revet-*",
    ".venv",
    "venv",
    "pyvenv.cfg",
    "*.pth",
    "sitecustomize.py",
    "usercustomize.py",
)
"""What no task can open for change: what runs on the host or before the tests, or keeps the history."""

TESTS = (
    "test_*.py",
    "*_test.py",
    "test.py",
    "tests.py",
    "test",
    "tests",
    "testing",
    "conftest.py",
)
"""Tests, and what is loaded with them. A draft may change one only where the task's `edit` names it."""

BUILD = (
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "tox.toml",
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "requirements*.txt",
    "uv.lock",
    "poetry.lock",
    "pipfile",
    "pipfile.lock",
    ".coveragerc",
    "makefile",
    "gnumakefile",
    "noxfile.py",
    ".github",
    ".gitlab-ci.yml",
    ".ci",
    "node_modules",
)
"""What decides how the project is built and its tests are found. Opened as `TESTS` are."""

_WILD = frozenset("*?[]\\!")


def matches(path: str, patterns: Iterable[str]) -> bool:
    """True if some part of `path` (POSIX, relative) matches one of `patterns`, whatever the case."""
    parts = path.casefold().split("/")
    return any(fnmatchcase(part, pattern) for pattern in patterns for part in parts)


def is_always_protected(path: str) -> bool:
    """True for what no task can open for change."""
    return matches(path, ALWAYS)


def is_test_or_build(path: str) -> bool:
    """True for a file that decides what is tested or how the project is built."""
    return matches(path, (*TESTS, *BUILD, *ALWAYS))


def named(path: str, edit: Iterable[str]) -> bool:
    """True if one of the patterns `edit` is `path` itself, written out from the workspace's folder."""
    return any(pattern.strip().lstrip("/") == path for pattern in edit if not _WILD.intersection(pattern))
