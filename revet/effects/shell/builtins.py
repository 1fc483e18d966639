"""Builtins of the shell that change what later words mean: variables, parameters, the folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from revet.effects.shell.code_builtins import CODE_BUILTINS, Builtin, operands, options_of, record
from revet.effects.shell.expand import hidden_command
from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.state import Value, Variable, joined
from revet.effects.shell.streams import formatted, printed_by
from revet.effects.shell.syntax import Literal
from revet.effects.shell.variables import check_variable

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["BUILTINS"]

_NAME = re.compile(r"[A-Za-z_]\w*")


def _plain(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    """Builtins that only look or print."""
    record(walker, invocation)
    if invocation.argv[0].text in ("test", "[", "wait", "compgen") and _hidden(invocation):
        walker.doubt("A subscript holds a command.")
    return printed_by(invocation, invocation.cwd)


def _hidden(invocation: Invocation) -> bool:
    return any(w.known and hidden_command(w.text) for w in invocation.argv[1:])


# -- the folder ----------------------------------------------------------------------------------------------------


def _cd(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    state = walker.state
    words = operands(invocation)
    if invocation.argv[0].text == "pushd" and words and re.fullmatch(r"[-+]\d+", words[0].text):
        state.go(None)
    elif not words:
        state.go((state.home or "~") if invocation.argv[0].text != "pushd" else None)
    elif words[0].text == "-":
        state.go(state.before)
    elif "CDPATH" in state.variables and not words[0].text.startswith(("/", "./", "../")):
        state.go(None)
    elif words[0].known and not words[0].glob and words[0].text:
        state.go(joined(state.cwd, words[0].text))
    else:
        state.go(words[0].text if words[0].text.startswith("~/") else None)
    return ""


def _popd(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    walker.state.go(walker.state.before if len(invocation.argv) == 1 else None)
    return None


# -- variables -----------------------------------------------------------------------------------------------------


def _declare(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    options = options_of(invocation)
    command = invocation.argv[0].text
    if "f" in options or "F" in options:
        return None
    exports = invocation.argv[0].text == "export" or "x" in options
    for word in operands(invocation):
        name, equals, value = word.text.partition("=")
        if word.known and hidden_command(word.text):
            walker.doubt("A declaration holds a subscript with a command in it.")
        if not _NAME.fullmatch(name):
            if not word.known:
                walker.state.muffled = True
            continue
        if command in ("local", "declare", "typeset") and "g" not in options:
            walker.state.local |= {name}
        if equals and walker.state.variables.get(name) != Value(value, word.known):
            if not isinstance(walker.state.variables.get(name), tuple):
                walker.state.assign(name, Value(value, word.known))
            check_variable(walker, name, Word(value, word.known), context)
        if exports:
            walker.state.exported.add(name)
        _attributes(walker, options + "r" * (command == "readonly"), name, Word(value, word.known))
    return ""


def _attributes(walker: Walker, options: str, name: str, value: Word) -> None:
    """Attributes that make assignments do something else than assign the text."""
    if "n" in options:
        walker.state.unsettled |= {name, value.text}
        walker.state.assign(name, Value("$" + name, False))
        walker.state.assign(value.text, Value("$" + value.text, False))
        if not value.known:
            walker.doubt("A name stands for a variable that cannot be told.")
    elif set(options) & {"i", "l", "u", "c"}:
        walker.state.unsettled |= {name}
        walker.state.assign(name, Value("$" + name, False))
    if "r" in options:
        walker.state.unsettled |= {name}


def _unset(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    if _hidden(invocation):
        walker.doubt("A subscript holds a command.")
    for word in operands(invocation):
        if "f" in options_of(invocation):
            walker.state.functions.pop(word.text, None)
        elif _NAME.fullmatch(word.text):
            walker.state.assign(word.text, None)
        elif found := _NAME.match(word.text):
            walker.state.assign(found[0], Value("$" + found[0], False))
    return ""


_READ_VALUES = frozenset("adinNptu")


def _read(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    words = list(invocation.argv[1:])
    letters, values = "", {}
    while words and words[0].text.startswith("-") and len(words[0].text) > 1:
        text = words.pop(0).text
        for at, letter in enumerate(text[1:], 2):
            letters += letter
            if letter in _READ_VALUES:
                values[letter] = text[at:] or (words.pop(0).text if words else "")
                break
    names = [w.text for w in words] or ["REPLY"]
    if any(hidden_command(n) for n in names):
        walker.doubt("A subscript holds a command.")
    known: Word | None = invocation.stdin
    line = known.text.split("\n", 1)[0] if known is not None and known.known else None
    if line is not None and (("\\" in line and "r" not in letters) or set(values) - {"a", "p"}):
        line = None
    if "a" in values:
        names = [values["a"]]
    fields = _split(walker, line, 0 if "a" in values else len(names)) if line is not None else None
    for at, name in enumerate(names):
        if not _NAME.fullmatch(name):
            continue
        value: Variable = Value("$" + name, False)
        if fields is not None and "a" in values:
            value = tuple(Value(f) for f in fields)
        elif fields is not None:
            value = Value(fields[at] if at < len(fields) else "")
        walker.state.assign(name, value)
    return ""


def _split(walker: Walker, line: str, most: int) -> list[str] | None:
    marks = walker.state.variables.get("IFS")
    text = marks.text if isinstance(marks, Value) and marks.known else None
    if text is None or (text.strip() and len(text) > 1):
        return None
    if not text:
        return [line]
    found = line.split(None, most - 1) if not text.strip() else line.split(text, most - 1)
    return [f.rstrip(" \t") for f in found] if not text.strip() else found


def _mapfile(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    words = operands(invocation)
    name = words[-1].text if words else "MAPFILE"
    stdin = invocation.stdin
    value: Variable = Value("$" + name, False)
    if stdin is not None and stdin.known and options_of(invocation) in ("t", ""):
        value = tuple(Value(line) for line in stdin.text.splitlines(keepends="t" not in options_of(invocation)))
    if any(w.text == "-C" for w in invocation.argv):
        walker.doubt("mapfile is given code to run.")
    if _NAME.fullmatch(name):
        walker.state.assign(name, value)
    return ""


def _printf(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    argv = invocation.argv
    if len(argv) > 3 and argv[1].text == "-v":
        if _hidden(invocation):
            walker.doubt("A subscript holds a command.")
        known = all(w.known and not w.glob and not w.split for w in argv[3:])
        try:
            text = formatted(argv[3].text, [w.text for w in argv[4:]]) if known else None
        except (ValueError, OverflowError):
            text = None
        if _NAME.fullmatch(argv[2].text):
            name = argv[2].text
            walker.state.assign(name, Value("$" + name, False) if text is None else Value(text))
        return ""
    return printed_by(invocation, invocation.cwd)


def _let(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    for word in invocation.argv[1:]:
        walker.expander(context).arithmetic((Literal(word.text, True),), word.text)
    return ""


def _getopts(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    for name in ("OPTARG", "OPTIND", invocation.argv[2].text if len(invocation.argv) > 2 else ""):
        if _NAME.fullmatch(name):
            walker.state.assign(name, Value("$" + name, False))
    return ""


def _set(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    words = list(invocation.argv[1:])
    if words and words[0].text[:1] in ("-", "+") and words[0].text not in ("--", "-"):
        walker.state.muffled = True  # with -e and -u the shell may leave at any command
        if any(w.text in ("history", "histexpand") for w in words) and words[0].text.startswith("-"):
            walker.state.suspect("Commands of the history may be run again.")
    while words and re.fullmatch(r"[-+][A-Za-z]+", words[0].text):
        takes = words.pop(0).text[-1] == "o"
        if takes and words and re.fullmatch(r"[a-z]+", words[0].text):
            words.pop(0)
    if not words:
        return ""
    words = words[1:] if words[0].text in ("--", "-") else words
    settled = not any(w.split or w.glob for w in words)
    walker.state.positional = tuple(words) if settled else None
    return ""


def _shift(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    record(walker, invocation)
    count = invocation.argv[1].text if len(invocation.argv) > 1 else "1"
    before = walker.state.positional
    settled = before is not None and count.isdigit() and int(count) <= len(before)
    walker.state.positional = before[int(count) :] if before is not None and settled else None
    return ""


BUILTINS: dict[str, Builtin] = {
    **CODE_BUILTINS,
    **dict.fromkeys(("cd", "chdir", "pushd"), _cd),
    **dict.fromkeys(("export", "declare", "typeset", "local", "readonly"), _declare),
    **dict.fromkeys(("mapfile", "readarray"), _mapfile),
    **dict.fromkeys(
        [
            ":",
            "[",
            "bg",
            "caller",
            "dirs",
            "disown",
            "echo",
            "false",
            "fg",
            "help",
            "jobs",
            "pwd",
            "shopt",
            "test",
            "times",
            "true",
            "type",
            "ulimit",
            "umask",
            "wait",
        ],
        _plain,
    ),
    "getopts": _getopts,
    "let": _let,
    "popd": _popd,
    "printf": _printf,
    "read": _read,
    "set": _set,
    "shift": _shift,
    "unset": _unset,
}
