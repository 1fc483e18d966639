"""Redirections: where standard input comes from, and which files a text writes and may then run itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from revet.effects.shell.model import Redirection, Word
from revet.effects.shell.state import Value, joined
from revet.effects.shell.syntax import Redirect

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["contents", "printed_to", "redirected", "written"]

_UNKNOWN = Word("", known=False)
_DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd/1", "/dev/fd/2"})


def redirected(walker: Walker, redirects: list[Redirect], context: Context) -> tuple[tuple[Redirection, ...], Context]:
    """The redirections, expanded, and the context with the standard input that they make."""
    if not redirects:
        return (), context
    expander = walker.expander(context)
    found: list[Redirection] = []
    for redirect in redirects:
        fd = int(redirect.fd[:4]) if redirect.fd and redirect.fd.isdigit() else None
        if redirect.operator in ("<<", "<<-"):
            value = expander.value(redirect.target.parts)
            target = Word(value.text, value.known)
        else:
            target = expander.single(redirect.target)
        found.append(Redirection(redirect.operator, target, fd))
        if redirect.fd and fd is None:
            walker.state.assign(redirect.fd.strip("{}"), Value("$" + redirect.fd.strip("{}"), False))
        if redirect.operator[0] != "<" or fd not in (None, 0):
            continue
        context = replace(context, piped_from=None, stdin=_stdin(walker, redirect.operator, target))
    return tuple(found), context


def _stdin(walker: Walker, operator: str, target: Word) -> Word | None:
    if operator in ("<<", "<<-"):
        return target
    if operator == "<<<":
        return Word(target.text + "\n", target.known)
    if operator == "<&":
        return _UNKNOWN
    ours, text = contents(walker, target.text, run=False)
    if not ours:
        return None
    return _UNKNOWN if text is None else Word(text)


def contents(walker: Walker, path: str, *, run: bool = True) -> tuple[bool, str | None]:
    """Whether the text itself writes that file, and what stands in it (None: that cannot be told). `run`: it is going
    to be run, so that it is doubted if others may have changed it in between."""
    for name in (path, joined(walker.state.cwd, path)):
        if name is not None and name in walker.state.files:
            if walker.written.get(name, walker.changes) != walker.changes:
                if not run:
                    return True, None
                walker.doubt(f"“{path}” is written and then run, and other programs may have changed it in between.")
            return True, walker.state.files[name]
    if path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/tcp/", "/dev/udp/")):
        return True, None
    return False, None


def printed_to(walker: Walker, printed: str | None, redirections: tuple[Redirection, ...]) -> str | None:
    """What is left on standard output after the redirections; what went to files is remembered."""
    rest = None if walker.state.muffled else printed
    for redirection in redirections:
        operator, target, fd = redirection.operator, redirection.target, redirection.fd
        if operator in ("<<", "<<-", "<<<") or target.text == "-":
            continue
        if operator[0] == "<":
            rest = None  # where the file is missing nothing is run
            continue
        if operator == ">&" and target.text.isdigit():
            if fd in (None, 1):
                rest = "" if target.text == "2" else None
            continue
        if target.text in _DEVICES:
            rest = printed if target.text in ("/dev/stdout", "/dev/fd/1") else "" if fd in (None, 1) else rest
            continue
        output = fd in (None, 1)
        written(walker, target, printed if output and fd != 2 else None, add=operator in (">>", "&>>"))
        rest = "" if output else None
    return rest


def written(walker: Walker, target: Word, text: str | None, *, add: bool = False) -> None:
    """Remembers that the text itself writes a file, which it may run later."""
    path = joined(walker.state.cwd, target.text) if target.known else None
    name = path or target.text
    if add and text is not None:
        before = walker.state.files.get(name, "")
        text = None if before is None else before + text
    walker.state.files[name] = text
    walker.written[name] = walker.changes
