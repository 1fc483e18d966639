"""The task of mending one project, without a task file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from revet.errors import InputError, WorkspaceError
from revet.schema import Check, Task
from revet.taskfile._patterns import malformed, unmatched
from revet.taskfile._settings import REPAIR, command_problem, workspace_problem

__all__ = ["find_python", "is_id", "path_problem", "project_task", "safe_id"]


def project_task(
    path: Path, tests: Sequence[str], edit: Sequence[str] = (), python: str | None = None, *, model: str = REPAIR
) -> Task:
    """Make `tests` pass in the folder `path`, or by changing the file `path` alone.

    Relative paths are taken from the current folder. Raises `InputError`.
    """
    file = path.is_file()
    if file and edit:
        raise InputError(f"{path} is a file, so only it may be changed", hint="name its folder to use --edit")
    workspace = (path.parent if file else path).resolve()
    if problem := workspace_problem(workspace):
        raise WorkspaceError(problem[0], hint=problem[1])
    interpreter = None
    if python is not None:
        interpreter = find_python(python, Path.cwd())
        if interpreter is None:
            raise InputError(f"--python: there is no interpreter {python!r}", hint="name a python that runs here")
    checks = [_check(test) for test in tests]
    for test in tests:
        if tests.count(test) > 1:
            raise InputError(f"--test: {test!r} is given twice", hint="give it once")
    return Task(
        id=safe_id(path.stem if file else workspace.name),
        workspace=str(workspace),
        edit=(_literally(path.name),) if file else _editable(workspace, edit, model),
        checks=tuple(checks),
        python=interpreter,
    )


def safe_id(name: str) -> str:
    """`name` as a task's id: what an id may not hold becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._")[:80] or "task"


def is_id(name: str) -> bool:
    """True for what may be a task's id."""
    try:
        return bool(Task(id=name))
    except ValidationError:
        return False


def path_problem(written: str) -> tuple[str, str] | None:
    """Why no system can look for a path, or what names one (``replay:FILE``), and what to do; None if it can."""
    if "\0" in written:
        return "holds a NUL character, which no path can", "remove it"
    try:
        written.encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate), which no path can", "write the whole character"
    home = re.match(r"(?:\w+:)?(~[\w.-]+)(?:/|$)", written)
    if home:
        try:
            Path(home[1]).expanduser()
        except RuntimeError:
            return f"there is no home of {home[1]!r} here", "write the path out"
    return None


def find_python(name: str, folder: Path) -> str | None:
    """An interpreter's absolute path, or None. Links are kept: the python of a virtual environment is one."""
    if "/" not in name:
        return shutil.which(name)
    found = Path(os.path.normpath(folder / Path(name).expanduser()))
    return str(found) if found.is_file() and os.access(found, os.X_OK) else None


def _check(command: str) -> Check:
    if not command.strip():
        raise InputError("--test: the command is empty", hint='write one, such as --test "pytest -q"')
    check = Check(command=command)
    if problem := command_problem(check):
        raise InputError(f"--test: {problem[0]}", hint=problem[1])
    return check


def _editable(workspace: Path, patterns: Sequence[str], model: str) -> tuple[str, ...]:
    """The patterns, if they are such, and (where a draft makes no files) match something."""
    found = malformed(patterns) or (unmatched(workspace, patterns) if model == REPAIR else {})
    for problem, hint in found.values():
        raise InputError(f"--edit: {problem}", hint=hint)
    return tuple(patterns)


def _literally(name: str) -> str:
    """A pattern that matches this file of the workspace's top folder and nothing else."""
    return "/" + re.sub(r"([\\*?\[\]! #])", r"\\\1", name)
