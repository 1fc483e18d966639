"""The words of a shell: ``sh -c code name words``, ``sh file words``, ``sh -s words``."""

from __future__ import annotations

from dataclasses import dataclass, field

from revet.effects.shell.model import Invocation, Word

__all__ = ["SHELLS", "ShellCall", "shell_call"]

SHELLS = frozenset(
    [
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "ksh93",
        "mksh",
        "ash",
        "hush",
        "rbash",
        "yash",
        "posh",
        "fish",
        "csh",
        "tcsh",
        "elvish",
        "xonsh",
        "nu",
    ]
)
_VALUES = frozenset({"-o", "+o", "-O", "+O", "--init-file", "--rcfile"})
_STDIN = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


@dataclass(slots=True)
class ShellCall:
    """`code` of ``-c``, or the `file` that is run, or neither: then what comes on standard input. `loads` are files
    that are read first. `unknown`: the code is said in words that are not known here."""

    code: Word | None = None
    file: Word | None = None
    positional: tuple[Word, ...] = ()
    loads: list[Word] = field(default_factory=list)
    unknown: bool = False


def shell_call(invocation: Invocation) -> ShellCall:
    """What the words of a shell make it run."""
    argv = invocation.argv
    found = ShellCall()
    command = stdin = False
    at = 1
    while at < len(argv):
        word = argv[at]
        text = word.text
        if text in ("--", "-") or len(text) < 2 or text[0] not in "-+" or not word.known:
            at += text in ("--", "-")
            break
        at += 1
        if text in _VALUES:
            if text in ("--init-file", "--rcfile") and at < len(argv):
                found.loads.append(argv[at])
            at += 1
        elif text.startswith("--"):
            command = command or text.startswith(("--command", "--init-command"))
            if command and "=" in text:
                found.code = Word(text.partition("=")[2])
        elif text.startswith("-"):
            command = command or "c" in text
            stdin = stdin or "s" in text[1:]
            at += sum(letter in "oO" for letter in text)
    rest = argv[at:]
    if any(w.text in ("--version", "--help") for w in argv[1:at]):
        found.file = Word("/dev/null")
    elif command:
        _commanded(found, rest, appended=invocation.appended)
    elif stdin or not rest or (rest[0].text in _STDIN and rest[0].known):
        found.positional = rest[not stdin :]
        found.unknown = invocation.appended and not rest and not stdin
    else:
        found.file, found.positional = rest[0], rest[1:]
    return found


def _commanded(found: ShellCall, rest: tuple[Word, ...], *, appended: bool) -> None:
    """The code is said in the words: ``-c`` has been seen."""
    if found.code is not None:
        found.positional = rest
    elif not rest or (appended and rest[0].split):
        found.unknown = True
    else:
        found.code, found.positional = rest[0], rest[2:]
