"""What a shell command consists of, after quoting, expansions and wrappers have been seen through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Invocation", "Parsed", "Redirection", "Word"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the shell would hand it to the program, as far as that can be told.

    `text` has quotes and escapes removed and known variables put in; what is not known stands as it was written.
    `known`: `text` is exactly what the program gets. `glob`: it holds an unquoted pattern, so it may become many words
    (or none). `split`: it holds an unquoted expansion, so it may become many words.
    """

    text: str
    known: bool = True
    glob: bool = False
    split: bool = False


@dataclass(frozen=True, slots=True)
class Redirection:
    """`operator` as written (``>``, ``>>``, ``<``, ``>&``, ``<<``, ``<<<`` …). `target` is the file, or the text of a
    heredoc or here-string. `fd` is the descriptor, None for the operator's default."""

    operator: str
    target: Word
    fd: int | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One program that would be run, wrappers taken off (``sudo``, ``env``, ``xargs``, ``sh -c``, ``find -exec`` …).

    `argv[0]` is the program as written, without its folder if the folder is a standard one for programs.
    `via` are the wrappers, outermost first. `appended`: more words, unknown here, are added to the end (by xargs, by
    find, by ``"$@"``). `stdin` says where its standard input comes from: a pipe from the invocation of that index, a
    text that is known, or unknown. `env` are assignments before it. `conditional`: it may not be reached (``||``, if,
    a loop, a function that is never called). `cwd` is the folder it runs in, as far as ``cd`` before it tells; None if
    that is not known. `script`: argv[0] runs the text that comes on its standard input or in a file (sh, python …).
    """

    argv: tuple[Word, ...]
    via: tuple[str, ...] = ()
    env: tuple[tuple[str, Word], ...] = ()
    redirections: tuple[Redirection, ...] = ()
    appended: bool = False
    piped_from: int | None = None
    stdin: Word | None = None
    conditional: bool = False
    background: bool = False
    cwd: str | None = "."
    kind: Literal["program", "builtin", "function", "assignment"] = "program"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole command line. `doubts` as in `revet.effects.model.Analysis`."""

    invocations: tuple[Invocation, ...] = ()
    doubts: tuple[str, ...] = ()
