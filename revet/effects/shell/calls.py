"""A program and its words: builtins are carried out, functions entered, wrappers taken off, code followed."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from revet.effects.shell.builtins import BUILTINS
from revet.effects.shell.hosts import hosted
from revet.effects.shell.interpreters import embedded
from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.prefixes import option_values
from revet.effects.shell.redirects import contents, written
from revet.effects.shell.shells import SHELLS, shell_call
from revet.effects.shell.state import State, Value, joined
from revet.effects.shell.streams import printed_by
from revet.effects.shell.variables import check_variable
from revet.effects.shell.wrappers import Inner, Unwrapped, unwrap

if TYPE_CHECKING:
    from revet.effects.shell.walk import Context, Walker

__all__ = ["call", "run_code"]

_FOLDERS = re.compile(r"^(?:/usr(?:/local)?|/opt/homebrew)?/s?bin/(?=[^/]+$)")
_SHELL_VARIABLES = frozenset({"$SHELL", "${SHELL}", "$BASH", "${BASH}"})
_HARMLESS = frozenset(
    {"basename", "cat", "chmod", "date", "dirname", "ls", "mkdir", "sh", "bash", "sleep", "tee", "which"}
)
_STRANGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")
_READ = frozenset({".", "mapfile", "parallel", "read", "readarray", "source", "xargs"})
_NOT_POSIX = ("bash", "zsh", "ksh", "mksh", "fish", "ssh", "su")
_ESCAPED_QUOTE = re.compile(r"\$'[^']*\\'")
_TEMPLATE = re.compile(r"\$\(|`|[<>]\(")
_NAMES = re.compile(r"\$\{?(\w+|[@*])")


def _program(word: Word) -> Word:
    """Without its folder, if that is a standard one."""
    text = word.text
    if text.startswith("/"):
        text = posixpath.normpath(re.sub(r"/+", "/", text))
        text = _FOLDERS.sub("", text)
    return word if text == word.text else replace(word, text=text)


def call(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    """Records what the invocation would run; what it prints, if that is known."""
    with walker.within(walker.state):
        walker.budget.spend()
        invocation = replace(invocation, argv=(_program(invocation.argv[0]), *invocation.argv[1:]))
        context = replace(
            context,
            via=invocation.via,
            stdin=invocation.stdin,
            piped_from=invocation.piped_from,
            conditional=invocation.conditional,
        )
        return _call(walker, invocation, context)


def _call(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    word = invocation.argv[0]
    name = word.text
    if not word.known and name in _SHELL_VARIABLES:
        invocation = replace(invocation, argv=(Word("sh"), *invocation.argv[1:]))
        name = "sh"
    elif not word.known or word.glob or word.split:
        walker.record(invocation)
        walker.doubt(f"The program is not named but computed: “{name[:80]}” cannot be told from the text.")
        return None
    if name in walker.state.functions and "command" not in invocation.via:
        return _function(walker, invocation, context)
    builtin = BUILTINS.get(name)
    if builtin is not None:
        return builtin(walker, _reading(walker, invocation) if name in _READ else invocation, context)
    for sentence in walker.state.suspicions:
        walker.doubt(sentence)
    if _STRANGE.search(name):
        walker.doubt(f"The name of the program holds characters that are not seen: {name[:80]!r}.")
    if name not in _HARMLESS:
        walker.changes += 1
    if name in _READ:
        invocation = _reading(walker, invocation)
    found = unwrap(invocation)
    if found is not None:
        return _unwrapped(walker, invocation, found, context)
    if name in SHELLS:
        return _shell(walker, _reading(walker, invocation), context)
    return _ordinary(walker, _reading(walker, invocation), context)


def _reading(walker: Walker, invocation: Invocation) -> Invocation:
    """What reads a known input first has it; what comes after may find nothing more of it."""
    stdin = invocation.stdin
    if stdin is None or not stdin.known:
        return invocation
    if any(stdin is used for used in walker.consumed):
        return replace(invocation, stdin=Word("", known=False))
    walker.consumed.append(stdin)
    return invocation


def _ordinary(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    walker.record(invocation)
    _own_file(walker, invocation.argv[0].text, invocation, context)
    code = embedded(invocation, lambda path: contents(walker, path))
    inner = [Inner(code.via, code=Word(text), stdin=False) for text in code.commands]
    found = hosted(invocation) or Unwrapped()
    found.inner += inner
    found.doubts += code.doubts
    found.keep = False
    if found.inner or found.doubts:
        _unwrapped(walker, invocation, found, context)
    _leaves_files(walker, invocation)
    return printed_by(invocation, invocation.cwd)


# -- code ----------------------------------------------------------------------------------------------------------


def _unwrapped(walker: Walker, invocation: Invocation, found: Unwrapped, context: Context) -> str | None:
    if found.keep or not found.inner:
        walker.record(invocation)
    for sentence in found.doubts:
        walker.doubt(sentence)
    printed: str | None = None
    for inner in found.inner:
        printed = _inner(walker, invocation, inner, context)
    return printed if len(found.inner) == 1 and not found.keep else None


def _inner(walker: Walker, invocation: Invocation, inner: Inner, context: Context) -> str | None:
    context = replace(context, via=(*context.via, inner.via), conditional=context.conditional or inner.conditional)
    if not inner.stdin:
        context = replace(context, stdin=None, piped_from=None)
    if inner.remote:
        state = State(home=None, cwd=None, positional=())
    else:
        state = walker.state if inner.via in ("command", "builtin", "noglob", "nocorrect") else walker.state.copy()
    if inner.remote:
        state.assign("IFS", Value(" \t\n"))
    if inner.cwd is not None:
        state.go(joined(state.cwd, inner.cwd.text) if inner.cwd.known else None)
    for name, value in inner.env:
        state.assign(name, Value(value.text, value.known))
        state.exported.add(name)
    start = len(walker.found)
    with walker.within(state):
        for name, value in inner.env:
            check_variable(walker, name, value, context)
        if inner.code is not None:
            printed = run_code(walker, inner.code, context, new=inner.new, positional=inner.positional)
        else:
            shown = replace(
                invocation,
                argv=tuple(_marked(w, inner.item) for w in inner.argv),
                via=context.via,
                env=invocation.env + inner.env,
                appended=inner.appended,
                piped_from=context.piped_from,
                stdin=context.stdin,
                conditional=context.conditional,
                cwd=state.cwd,
                kind="program",
            )
            if not inner.via.startswith(("sudo", "env", "command", "exec", "nohup", "time")) and not inner.stdin:
                shown = replace(shown, redirections=())
            printed = call(walker, shown, context)
    if inner.item is not None:
        _unmark(walker, start, inner.item)
    return printed


def _marked(word: Word, item: str | None) -> Word:
    """A word that holds the mark of an item; code for a shell stays readable."""
    if item is None or item not in word.text or re.search(r"\s", word.text.strip()):
        return word
    return replace(word, known=False)


def _unmark(walker: Walker, start: int, item: str) -> None:
    """Words of inner code that hold the mark are not known."""
    for at in range(start, len(walker.found)):
        found = walker.found[at]
        if any(item in w.text and w.known for w in found.argv):
            argv = tuple(replace(w, known=False) if item in w.text else w for w in found.argv)
            walker.found[at] = replace(found, argv=argv)
            if item in argv[0].text:
                walker.doubt(f"The program is not named but computed: “{argv[0].text[:80]}” cannot be told.")


def run_code(
    walker: Walker,
    code: Word,
    context: Context,
    *,
    new: bool,
    positional: tuple[Word, ...] | None = None,
) -> str | None:
    """Follows shell code. Where it holds unknown values it is read as written, and doubted if they may be code."""
    if not code.known and not _plain(walker, code.text):
        walker.doubt(f"The code that {context.via[-1] if context.via else 'the shell'} runs cannot be told.")
    state = walker.state.child() if new else walker.state
    if new:
        state.posix = not (context.via and context.via[-1].startswith(_NOT_POSIX))
        if state.posix and _ESCAPED_QUOTE.search(code.text):
            walker.doubt("A quote is written so that shells disagree where it ends.")
    if positional is not None:
        state.positional = positional
    with walker.within(state):
        return walker.script(code.text, context)


def _plain(walker: Walker, text: str) -> bool:
    """Whether what is unknown in the code are variables of the environment only, not made by the text itself."""
    if _TEMPLATE.search(text) or "$" not in text:
        return False
    return all(name not in walker.state.variables and name not in "@*" for name in _NAMES.findall(text))


def _own_file(walker: Walker, path: str, invocation: Invocation, context: Context) -> None:
    """``./script`` that the text has just written."""
    if "/" not in path:
        return
    ours, text = contents(walker, path)
    if not ours:
        return
    if text is None:
        walker.doubt(f"It runs “{path}”, which the command itself makes; what stands in it cannot be told.")
    elif re.match(r"#!.*\b(python|perl|ruby|node|php)", text):
        walker.doubt(f"It runs “{path}”, a program that the command itself writes.")
    else:
        inner = replace(context, via=(*context.via, path))
        run_code(walker, Word(text), inner, new=True, positional=invocation.argv[1:])


def _shell(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    name = invocation.argv[0].text
    found = shell_call(invocation)
    for path in found.loads:
        ours, text = contents(walker, path.text)
        if text is None:
            walker.doubt(f"{name} is told to read “{path.text}” first.")
        else:
            run_code(walker, Word(text), replace(context, via=(*context.via, name)), new=True)
    inner = replace(context, via=(*context.via, f"{name} -c" if found.code is not None else name))
    if found.code is not None:
        return run_code(walker, found.code, inner, new=True, positional=found.positional)
    if found.unknown:
        walker.record(invocation)
        walker.doubt(f"The code that {name} runs cannot be told.")
        return None
    inner = replace(inner, stdin=None, piped_from=None)
    if found.file is not None:
        walker.record(invocation)
        ours, text = contents(walker, found.file.text)
        if text is not None:
            return run_code(walker, Word(text), inner, new=True, positional=found.positional)
        if ours or not found.file.known or found.file.glob:
            walker.doubt(f"{name} runs “{found.file.text[:80]}”, and what stands in it cannot be told.")
        return None
    stdin = invocation.stdin
    if stdin is None:
        walker.record(invocation)
        return None
    if not stdin.known and not (stdin.text and _plain(walker, stdin.text)):
        walker.record(invocation)
        walker.doubt(f"{name} runs what comes on its standard input, and that cannot be told from the text.")
    return run_code(walker, stdin, inner, new=True, positional=found.positional) if stdin.text else None


def _function(walker: Walker, invocation: Invocation, context: Context) -> str | None:
    name = invocation.argv[0].text
    walker.called.add(name)
    walker.record(replace(invocation, kind="function"))
    if name in context.calls:
        walker.doubt(f"The function “{name}” calls itself.")
        return None
    state = walker.state
    before, rest = state.copy(), invocation.argv[1:]
    state.positional = None if any(w.split or w.glob for w in rest) or invocation.appended else rest
    state.local = frozenset()
    start, bodies = len(walker.exits), state.functions[name]
    printed: str | None = None
    context = replace(context, calls=(*context.calls, name), conditional=context.conditional or len(bodies) > 1)
    for body in bodies:
        printed = walker.command(body, context)
        state.left = before.left
    walker.settle(start)
    for variable in state.local:
        if state.variables.get(variable, variable) != before.variables.get(variable, variable):
            state.variables[variable] = Value("$" + variable, False)
    state.positional, state.local = before.positional, before.local
    return printed if len(bodies) == 1 else None


# -- files ---------------------------------------------------------------------------------------------------------


def _leaves_files(walker: Walker, invocation: Invocation) -> None:
    """Remembers files that programs leave and a later command may run."""
    argv = invocation.argv
    name = argv[0].text
    operands = [w for w in argv[1:] if not w.text.startswith("-")]
    if name == "tee":
        text = invocation.stdin.text if invocation.stdin is not None and invocation.stdin.known else None
        for target in operands:
            written(walker, target, text, add="-a" in [w.text for w in argv])
    elif name in ("curl", "wget"):
        named = option_values(argv, "o" if name == "curl" else "O", ("--output", "--output-document"))
        if not named:
            named = [Word(posixpath.basename(w.text.split("?")[0]), w.known) for w in operands]
        for target in named:
            written(walker, target, None)
    elif name in ("cp", "mv", "ln", "install") and len(operands) >= 2:
        for source in operands[:-1]:
            ours, text = contents(walker, source.text, run=False)
            if ours or re.match(r"/(usr/)?s?bin/|/usr/local/", source.text):
                written(walker, operands[-1], text)
                folder = operands[-1].text.rstrip("/")
                written(walker, Word(f"{folder}/{posixpath.basename(source.text)}", operands[-1].known), text)
