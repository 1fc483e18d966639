"""What a check's command asks for: pytest, unittest, a script, or anything else (which goes to the shell).

Only plain words are taken apart. A command that the shell would have to interpret (``&&``, ``|``, ``$(…)``,
globs, redirections) is left to the shell and counts by its exit status.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from revet.errors import InputError, WorkspaceError
from revet.schema import Check, Model

__all__ = ["Command", "Kind", "interpreter_for", "parse_command"]

Kind = Literal["pytest", "unittest", "script", "command"]

SHELL = re.compile(r"[|&;<>`*?\[\]{}()~!#\n]|\$")
ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
PYTHON = re.compile(r"^python(3(\.\d+)?)?$")
PYTEST = ("pytest", "py.test")


class Command(Model):
    """A check's command, understood. `args` are those of pytest, unittest or the script; `env` was set
    before it.
    """

    kind: Kind
    text: str
    args: tuple[str, ...] = ()
    script: str | None = None
    env: dict[str, str] = Field(default_factory=dict)


def parse_command(check: Check) -> Command:
    """The command of `check`, by its words and its `kind`.

    Raises `InputError` for bad quoting, and where `kind` names something that the command is not.
    """
    text = check.command.strip()
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"the check {check.command!r} cannot be read: {error}", hint="close the quotes") from None
    if not words:
        raise InputError("a check is empty", hint="give a command such as 'pytest -q'")
    plain = Command(kind="command", text=text)
    if check.kind == "command":
        return plain
    found = plain if _needs_shell(text) else _recognise(text, words)
    if check.kind != "auto" and found.kind != check.kind:
        raise InputError(
            f"the check {check.command!r} is of kind {check.kind}, but its words say {found.kind}",
            hint="leave the kind out, or write a plain command without shell syntax",
        )
    return found


def _needs_shell(text: str) -> bool:
    """True if an unquoted character means something to the shell (inside double quotes, ``$`` and
    backticks).
    """
    bare = re.sub(r"'[^']*'", "", text)
    inside = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', bare))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", bare)
    bare = re.sub(r"\\.", "", bare)
    # A parametrised id such as test_a.py::test_b[1-2] is written without quotes by nearly everybody.
    bare = re.sub(r"::[^\s*?]*", "", bare)
    return bool(SHELL.search(bare)) or "$" in inside or "`" in inside


def _recognise(text: str, words: list[str]) -> Command:
    env: dict[str, str] = {}
    while words and ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    match words:
        case [("pytest" | "py.test"), *args]:
            return Command(kind="pytest", text=text, args=tuple(args), env=env)
        case [python, "-m", ("pytest" | "py.test"), *args] if PYTHON.match(python):
            return Command(kind="pytest", text=text, args=tuple(args), env=env)
        case [python, "-m", "unittest", *args] if PYTHON.match(python):
            return Command(kind="unittest", text=text, args=tuple(args), env=env)
        case [python, script, *args] if PYTHON.match(python) and script.endswith(".py"):
            return Command(kind="script", text=text, args=tuple(args), script=script, env=env)
    return Command(kind="command", text=text)


def interpreter_for(workspace: Path | None, python: str | None) -> Path:
    """The interpreter of the checks: `python` if given, else the workspace's own environment, else this
    process's.

    Symlinks are kept: an environment is found by the path of its ``bin/python``. Raises `WorkspaceError`
    where `python` names nothing.
    """
    if python is not None:
        chosen = Path(python).expanduser()
        if not chosen.is_absolute() and workspace is not None:
            chosen = workspace / chosen
        if chosen.is_dir():
            chosen = chosen / "bin" / "python"
        if not chosen.is_file():
            raise WorkspaceError(
                f"the interpreter {python!r} does not exist (looked at {chosen})",
                hint="set 'python:' to an interpreter or an environment, or leave it out",
            )
        return chosen.absolute()
    for folder in (".venv", "venv") if workspace is not None else ():
        assert workspace is not None
        own = workspace / folder / "bin" / "python"
        if own.is_file():
            return own.absolute()
    return Path(sys.executable)
