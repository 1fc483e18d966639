"""Builtins of the shell that run code, leave, or change what programs are run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.redirects import contents
from revet.effects.shell.wrappers import joined_code, unwrap

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["CODE_BUILTINS", "Builtin", "operands", "options_of", "record"]

Builtin = Callable[["Walker", Invocation, "Context"], "str | None"]

_SETTINGS = re.compile(
    r"(?:\$\(|`)\s*(?:ssh-agent|gpg-agent|keychain|dbus-launch|direnv|(?:\S*/)?brew shellenv|minikube|podman machine"
    r"|docker-machine env|(?:py|rb|nod|j|go)env init|nodenv|conda shell\.\w+|(?:\S*/)?conda|mamba|fnm env|opam|mise|rtx"
    r"|asdf|dircolors|lesspipe|resize|starship|zoxide|thefuck|luarocks|register-python-argcomplete"
    r"|perl -I\S* -Mlocal::lib)\b[^;|&`$<>]*(?:\)|`)"
)
"""Programs whose output is made to be evaluated: it sets variables."""


def record(walker: Walker, invocation: Invocation) -> None:
    walker.record(replace(invocation, kind="builtin"))


def operands(invocation: Invocation) -> list[Word]:
    """The words after the options."""
    words = list(invocation.argv[1:])
    while words and re.fullmatch(r"[-+][A-Za-z@]+|--", words[0].text):
        words.pop(0)
    return words


def options_of(invocation: Invocation) -> str:
    """The letters of all options."""
    return "".join(w.text[1:] for w in invocation.argv[1:] if re.fullmatch(r"-[A-Za-z@]+", w.text))


def _eval(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    from revet.effects.shell.calls import run_code

    state = walker.state
    words = invocation.argv[1:]
    words = words[1:] if words and words[0].text == "--" else words
    if not words:
        return ""
    code = joined_code(words)
    changed = state.functions or state.aliases or state.suspicions
    if not code.known and _SETTINGS.fullmatch(code.text) and not changed:
        record(walker, invocation)
        return ""
    if not code.known:
        record(walker, invocation)
    return run_code(walker, code, replace(context, via=(*context.via, "eval")), new=False)


def _source(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    from revet.effects.shell.calls import run_code

    record(walker, invocation)
    if len(invocation.argv) < 2:
        return ""
    file = invocation.argv[1]
    inner = replace(context, via=(*context.via, "source"))
    positional = invocation.argv[2:] or walker.state.positional
    if file.text in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        if invocation.stdin is None or not invocation.stdin.known:
            walker.doubt("What comes on standard input is run, and it cannot be told from the text.")
            return None
        return run_code(walker, invocation.stdin, replace(inner, stdin=None), new=False, positional=positional)
    ours, text = contents(walker, file.text)
    if text is not None:
        return run_code(walker, Word(text), inner, new=False, positional=positional)
    if ours or file.glob or (not file.known and "$(" in file.text):
        walker.doubt(f"“{file.text[:80]}” is run, and what stands in it cannot be told.")
    return None


def _exec(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    found = unwrap(invocation)
    if found is None:
        record(walker, invocation)
        walker.state.muffled = walker.state.muffled or any(r.operator[0] != "<" for r in invocation.redirections)
        if any(r.operator[0] == "<" and r.fd in (None, 0) and r.target.text != "-" for r in invocation.redirections):
            walker.doubt("The shell's own input is replaced, so that what it reads and runs cannot be told.")
        return ""
    from revet.effects.shell.calls import call

    inner = found.inner[0]
    printed = call(walker, replace(invocation, argv=inner.argv, via=(*context.via, "exec")), context)
    walker.state.left = True
    return printed


def _trap(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    from revet.effects.shell.calls import run_code

    record(walker, invocation)
    words = [w for w in invocation.argv[1:] if w.text not in ("--", "-l", "-p")]
    if len(words) < 2 or words[0].text in ("", "-"):
        return ""
    sure = {"EXIT", "0", "DEBUG", "ERR", "RETURN", "SIGEXIT"} & {w.text.upper() for w in words[1:]}
    inner = replace(context, via=(*context.via, "trap"), conditional=context.conditional or not sure)
    walker.state.muffled = True
    with walker.within(walker.state.copy()) as state:
        run_code(walker, words[0], inner, new=False)
    names = (state.variables.keys() | walker.state.variables.keys()) - {"_"}
    if any(state.variables.get(n, n) != walker.state.variables.get(n, n) for n in names):
        walker.doubt("A trap changes variables, at moments that cannot be told.")
    return ""


def _alias(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    if "g" in options_of(invocation):
        walker.doubt("An alias is to be expanded anywhere in a command.")
    for word in operands(invocation):
        name, equals, value = word.text.partition("=")
        if equals:
            walker.state.aliases[name] = value if word.known else None
    return ""


def _unalias(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    for word in operands(invocation):
        walker.state.aliases.pop(word.text, None)
    return ""


def _leave(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    if invocation.argv[0].text in ("break", "continue", "return"):
        walker.exits.append(walker.state.copy())
    walker.state.left = walker.state.muffled = True
    return ""


_LOADING = {
    "enable": ("fn", "enable changes what builtins do."),
    "hash": ("p", "hash gives a name to another program."),
    "bind": ("x", "bind gives a key a command."),
    "complete": ("C", "complete gives a completion a command."),
    "fc": ("se", "fc runs commands of the history again."),
    "history": ("s", "history is given a command."),
    "compgen": ("C", "compgen runs a command."),
    "r": ("", "A command of the history is run again."),
}


def _loading(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    letters, sentence = _LOADING[invocation.argv[0].text]
    options = options_of(invocation)
    runs = set(letters) & set(options)
    if invocation.argv[0].text == "fc" and "l" not in options:
        runs = {"s"}
    if invocation.argv[0].text == "compgen" and any(re.search(r"\$\(|`", w.text) for w in invocation.argv[1:]):
        runs = {"W"}
    if runs:
        walker.doubt(sentence)
    return None


CODE_BUILTINS: dict[str, Builtin] = {
    **dict.fromkeys((".", "source"), _source),
    **dict.fromkeys(("break", "continue", "exit", "return", "logout"), _leave),
    **dict.fromkeys(("bind", "compgen", "complete", "enable", "fc", "hash", "history"), _loading),
    "alias": _alias,
    "eval": _eval,
    "exec": _exec,
    "trap": _trap,
    "unalias": _unalias,
}
