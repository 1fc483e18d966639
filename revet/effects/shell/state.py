"""What is known while a text is read from its first command to its last: variables, functions, aliases, the folder."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from revet.effects.shell.model import Word
from revet.effects.shell.syntax import Command

__all__ = ["State", "Value", "Variable", "joined", "unknown"]


@dataclass(frozen=True, slots=True)
class Value:
    """A text that a variable holds, or, where that is not known, how it was written."""

    text: str
    known: bool = True


Variable: TypeAlias = "Value | tuple[Value, ...] | None"
"""One value, an array, or None for a variable that is surely not set."""


def unknown(value: Variable | str) -> bool:
    """Whether it is a text that nobody can tell."""
    return isinstance(value, Value) and not value.known


def joined(folder: str | None, path: str) -> str | None:
    """`path` as seen from `folder`; None if that is not known."""
    if path.startswith("/"):
        return posixpath.normpath(path)
    if path.startswith("~"):
        return path
    if folder is None:
        return None
    if folder.startswith("~"):
        return folder.rstrip("/") + "/" + path if ".." not in path else None
    return posixpath.normpath(posixpath.join(folder, path))


@dataclass(slots=True)
class State:
    """`variables` lacks what may come from the environment. `positional` is None where nobody can tell. `functions` are
    all bodies that a name may have. `files` are files written by the text itself, None for contents that are not known.
    `left`: the shell has ended by here. `suspicions` become doubts when a program is run: variables that make programs
    load other code. `muffled`: what is printed from here on cannot be told, because the shell may have left, or its
    output gone elsewhere. `posix`: the shell may be one without the additions of bash. `unsettled` are variables whose
    assignments do something else (readonly, name references), `local` those declared in the function being called."""

    variables: dict[str, Variable] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    functions: dict[str, tuple[Command, ...]] = field(default_factory=dict)
    aliases: dict[str, str | None] = field(default_factory=dict)
    positional: tuple[Word, ...] | None = None
    cwd: str | None = "."
    before: str | None = None
    home: str | None = None
    files: dict[str, str | None] = field(default_factory=dict)
    left: bool = False
    suspicions: tuple[str, ...] = ()
    muffled: bool = False
    posix: bool = False
    unsettled: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()

    @classmethod
    def of(cls, cwd: str, env: Mapping[str, str], home: str | None) -> State:
        """The state at the start of a text."""
        variables: dict[str, Variable] = {"IFS": Value(" \t\n"), "PWD": Value(cwd)}
        variables.update((name, Value(text)) for name, text in env.items())
        if home is not None:
            variables["HOME"] = Value(home)
        return cls(variables, set(env) | {"HOME", "PWD"}, cwd=cwd, home=home or env.get("HOME"))

    def copy(self) -> State:
        return State(
            dict(self.variables),
            set(self.exported),
            dict(self.functions),
            dict(self.aliases),
            self.positional,
            self.cwd,
            self.before,
            self.home,
            self.files,  # the file system is shared by all shells
            self.left,
            self.suspicions,
            self.muffled,
            self.posix,
            self.unsettled,
            self.local,
        )

    def child(self) -> State:
        """The state of a new shell: what is not surely exported is not known there."""
        found = self.copy()
        for name, value in self.variables.items():
            if name not in self.exported and name not in ("IFS", "PWD", "OLDPWD"):
                text = value.text if isinstance(value, Value) else "$" + name
                found.variables[name] = Value(text, False)
        found.variables["IFS"] = Value(" \t\n")
        found.functions = {}
        found.aliases = {}
        found.positional = ()
        found.left = False
        return found

    def adopt(self, other: State) -> None:
        """Take over everything of `other`."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def merge(self, other: State) -> None:
        """What holds whether it went this way or the way of `other`."""
        if other.left:
            return
        if self.left:
            self.adopt(other)
            return
        if self.variables != other.variables:
            for name in self.variables.keys() | other.variables.keys():
                if self.variables.get(name, name) != other.variables.get(name, name):
                    self.variables[name] = Value("$" + name, False)
        self.exported &= other.exported
        for name, bodies in other.functions.items():
            own = self.functions.get(name, ())
            self.functions[name] = own + tuple(b for b in bodies if not any(b is o for o in own))
        for name, alias in other.aliases.items():
            self.aliases[name] = alias if self.aliases.get(name, alias) == alias else None
        self.positional = self.positional if self.positional == other.positional else None
        self.cwd = self.cwd if self.cwd == other.cwd else None
        self.before = self.before if self.before == other.before else None
        self.suspicions = tuple(dict.fromkeys(self.suspicions + other.suspicions))
        self.muffled = self.muffled or other.muffled
        self.unsettled |= other.unsettled
        self.local |= other.local

    def join(self, others: list[State]) -> None:
        """What holds whether it went this way or one of theirs; they are taken from the list."""
        while others:
            self.merge(others.pop())

    def suspect(self, sentence: str) -> None:
        self.suspicions = tuple(dict.fromkeys((*self.suspicions, sentence)))

    def assign(self, name: str, value: Variable) -> None:
        if name in self.unsettled:
            value, self.muffled = Value("$" + name, False), True
        self.variables[name] = value
        if name == "HOME":
            self.home = value.text if isinstance(value, Value) and value.known else None

    def go(self, folder: str | None) -> None:
        """Change the folder."""
        self.before, self.cwd = self.cwd, folder
        self.variables["OLDPWD"] = Value(self.before) if self.before is not None else Value("$OLDPWD", False)
        self.variables["PWD"] = Value(folder) if folder is not None else Value("$PWD", False)
