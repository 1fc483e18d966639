"""What a check's command asks for: pytest, unittest, a script, or anything else (which goes to the shell).

Only plain words are taken apart, with what people write around them: assignments, ``env``, ``uv run``, an
environment's own ``bin/python`` or ``bin/pytest``, ``cd folder &&``, file patterns. A command that the shell
would have to interpret otherwise (``|``, ``$(…)``, redirections) is left to the shell, and counts by its exit
status.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from revet.errors import InputError, WorkspaceError
from revet.schema import Check, Model

__all__ = ["Command", "Kind", "interpreter_for", "parse_command"]

Kind = Literal["pytest", "unittest", "script", "command"]

WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL)
SHELL = re.compile(r"[|&;<>`{}()~!#\n]|\$")
PATTERN = re.compile(r"[*?\[]")
ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
PYTHON = re.compile(r"^python(3(\.\d+)?)?$")
PYTEST = ("pytest", "py.test")
RUNNERS = ("uv", "poetry", "pdm", "pipenv", "rye", "hatch")
# Options of the interpreter that change nothing about what is tested (-O would drop asserts, -I and -S paths).
OPTIONS, VALUED = ("-B", "-b", "-bb", "-u", "-q"), ("-W", "-X")


class Command(Model):
    """A check's command, understood. `args` are those of pytest, unittest or the script; `env` was set
    before it.

    `cwd` is the folder it runs in, relative to the workspace. `python` is the interpreter that it names, as
    written (None: the task's), `options` are for that interpreter. `patterns` are the positions in `args`
    of file patterns, which are expanded in `cwd`.
    """

    kind: Kind
    text: str
    args: tuple[str, ...] = ()
    script: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str = "."
    python: str | None = None
    options: tuple[str, ...] = ()
    patterns: tuple[int, ...] = ()


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
    if check.kind == "command":
        return Command(kind="command", text=text)
    found = _understand(text)
    if check.kind != "auto" and found.kind != check.kind:
        raise InputError(
            f"the check {check.command!r} is of kind {check.kind}, but its words say {found.kind}",
            hint="leave the kind out, or write a plain command without shell syntax",
        )
    return found


def _understand(text: str) -> Command:
    plain = Command(kind="command", text=text)
    cwd, rest = _folder(text)
    raw = WORD.findall(rest)
    words = [_value(word) for word in raw]
    if "\n" in rest or words != shlex.split(rest) or any(_needs_shell(word) for word in raw):
        return plain
    wild = [_is_pattern(word) for word in raw]
    found = _recognise(text, words)
    if found.kind == "command" or any(wild[: len(wild) - len(found.args)]):
        return plain
    own = wild[len(wild) - len(found.args) :]
    patterns = tuple(position for position, is_wild in enumerate(own) if is_wild)
    return found.model_copy(update={"cwd": cwd, "patterns": patterns})


def _folder(text: str) -> tuple[str, str]:
    """The folder and the rest of ``cd folder && rest``, for a plain folder inside the workspace."""
    found = re.match(r"cd\s+([\w./-]+)\s*&&\s*(.*)", text, re.DOTALL)
    if found is None:
        return ".", text
    path = PurePosixPath(found[1])
    if path.is_absolute() or ".." in path.parts or found[1].startswith("-"):
        return ".", text
    return str(path), found[2]


def _value(word: str) -> str:
    return "".join(shlex.split(word))


def _bare(word: str) -> str:
    """`word` without what is quoted."""
    return re.sub(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*\"""", "", word, flags=re.DOTALL)


def _needs_shell(word: str) -> bool:
    """True if a character means something to the shell (inside double quotes, ``$`` and backticks)."""
    inside = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r"'[^']*'", "", word)))
    return bool(SHELL.search(_before_id(_bare(word)))) or "$" in inside or "`" in inside


def _is_pattern(word: str) -> bool:
    return bool(PATTERN.search(_before_id(_bare(word)))) and "::" not in word


def _before_id(word: str) -> str:
    """A parametrised id such as test_a.py::test_b[1-2] is written without quotes by nearly everybody."""
    return word.partition("::")[0] if "::" in word else word


def _recognise(text: str, words: list[str]) -> Command:
    env: dict[str, str] = {}
    words = list(words)
    if words[:1] == ["env"] and len(words) > 1 and ASSIGNMENT.match(words[1]):
        del words[0]
    while words and ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if len(words) > 2 and words[0] in RUNNERS and words[1] == "run":
        del words[:2]
    if not words:
        return Command(kind="command", text=text)
    program, python = _program(words[0])
    rest = words[1:]
    if program in PYTEST:
        return Command(kind="pytest", text=text, args=tuple(rest), env=env, python=python)
    if not PYTHON.match(program):
        return Command(kind="command", text=text)
    options = _options(rest)
    common = {"text": text, "env": env, "python": python, "options": tuple(options)}
    match rest[len(options) :]:
        case ["-m", ("pytest" | "py.test"), *args]:
            return Command(kind="pytest", args=tuple(args), **common)
        case ["-m", "unittest", *args]:
            return Command(kind="unittest", args=tuple(args), **common)
        case [script, *args] if script.endswith(".py") and not script.startswith("-"):
            return Command(kind="script", args=tuple(args), script=script, **common)
    return Command(kind="command", text=text)


def _program(word: str) -> tuple[str, str | None]:
    """The name of the program, and the interpreter where `word` is a path: the one beside it."""
    folder, slash, name = word.rpartition("/")
    if not slash:
        return word, None
    return name, f"{folder}/python" if name in PYTEST else word


def _options(words: list[str]) -> list[str]:
    """The interpreter's options that `words` begin with."""
    taken = 0
    while taken < len(words):
        word = words[taken]
        if word in VALUED and taken + 1 < len(words):
            taken += 2
        elif word in OPTIONS or (word[:2] in VALUED and len(word) > 2):
            taken += 1
        else:
            break
    return words[:taken]


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
