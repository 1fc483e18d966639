"""Are the patterns of `edit` and `protect` patterns, and do those of `edit` match anything?"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

__all__ = ["Problem", "malformed", "unmatched"]

Problem = tuple[str, str]
"""What is wrong, and what to do about it."""

PASSED_OVER = frozenset({".git", ".hg", ".svn", ".revet", ".venv", "venv", "node_modules", "__pycache__"})
"""Folders that hold nothing for a draft to change, and often very many files."""


def malformed(patterns: Sequence[str]) -> dict[int, Problem]:
    """The problem of each pattern that is not one, by its position."""
    problems = {}
    for index, pattern in enumerate(patterns):
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError:
            hint = "write a path, a name, or a pattern like src/*.py"
            problems[index] = f"{pattern!r} is not a .gitignore-style pattern", hint
    return problems


def unmatched(workspace: Path, patterns: Sequence[str]) -> dict[int, Problem]:
    """The problem of each pattern that matches no file of the workspace, by its position.

    Comments and patterns that only take away (``!x``) match nothing by nature, and are well.
    """
    specs = {i: GitIgnoreSpec.from_lines([p]) for i, p in enumerate(patterns) if p.strip() and p[0] not in "#!"}
    known = []
    for path in _files(workspace) if specs else ():
        known.append(path)
        specs = {index: spec for index, spec in specs.items() if not spec.match_file(path)}
        if not specs:
            return {}
    return {
        index: (f"no file of {workspace} matches {patterns[index]!r}", _near(patterns[index], known)) for index in specs
    }


def _files(workspace: Path) -> Iterator[str]:
    """Every file, relative to the workspace, as patterns see it."""
    for folder, below, names in os.walk(workspace):
        below[:] = sorted(name for name in below if name not in PASSED_OVER)
        yield from ((Path(folder) / name).relative_to(workspace).as_posix() for name in sorted(names))


def _near(pattern: str, known: Sequence[str]) -> str:
    wanted = pattern.strip("/")
    by_name = {path.rpartition("/")[2]: path for path in known}
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    near += [by_name[n] for n in difflib.get_close_matches(wanted.rpartition("/")[2], by_name, n=3, cutoff=0.6)]
    found = ", ".join(list(dict.fromkeys(near))[:3])
    return (
        f"nearest: {found}"
        if found
        else "patterns are relative to the workspace; leave `edit` out to allow every source"
    )
