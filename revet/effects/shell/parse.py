"""A shell text, read without running it: which programs it would run, with which words, in which folder."""

from __future__ import annotations

from collections.abc import Mapping

from revet.effects.shell.grammar import read
from revet.effects.shell.model import Parsed
from revet.effects.shell.state import State
from revet.effects.shell.syntax import Unreadable
from revet.effects.shell.walk import Context, Walker

__all__ = ["parse"]

_LONGEST = 1_000_000


def parse(text: str, *, cwd: str = ".", env: Mapping[str, str] | None = None, home: str | None = None) -> Parsed:
    """The invocations that `text` would make, in the order of execution, and what could not be told.

    `cwd` is the folder it starts in, `env` the variables that are known (TMPDIR, PATH …), `home` what ``~`` and
    ``$HOME`` stand for. Never raises: what cannot be read, and what is longer than a million characters, is a doubt.
    """
    if len(text) > _LONGEST:
        return Parsed((), (f"The command is longer than {_LONGEST} characters.",))
    walker = Walker(State.of(cwd, env or {}, home))
    if "\0" in text:
        walker.doubt("The command holds NUL characters, which a shell drops or stops at.")
        text = text.replace("\0", "")
    try:
        walker.sequence(read(text, walker.budget), Context())
        walker.uncalled()
    except Unreadable as error:
        walker.doubt(str(error))
    except RecursionError:
        walker.doubt("The command is nested too deep to be read.")
    return Parsed(tuple(walker.found), tuple(walker.doubts))
