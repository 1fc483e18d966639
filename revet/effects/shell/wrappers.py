"""Wrappers taken off: the programs and the code that a program would run because its words say so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.prefixes import PREFIXES, SUBCOMMANDS, Prefix, operand, option_values

__all__ = ["Inner", "Unwrapped", "unwrap"]


@dataclass(frozen=True, slots=True)
class Inner:
    """What is run inside: `argv`, or `code` for a shell. `item` is the mark that stands for words not known here.
    `remote`: elsewhere, so that neither folder nor variables are those of here. `stdin`: it reads what the wrapper
    would have read. `new`: code in a shell of its own, with `positional` as its parameters."""

    via: str
    argv: tuple[Word, ...] = ()
    code: Word | None = None
    env: tuple[tuple[str, Word], ...] = ()
    appended: bool = False
    item: str | None = None
    remote: bool = False
    stdin: bool = True
    new: bool = True
    positional: tuple[Word, ...] | None = None
    conditional: bool = False
    cwd: Word | None = None


@dataclass(slots=True)
class Unwrapped:
    """`keep`: the wrapper itself is an invocation as well."""

    inner: list[Inner] = field(default_factory=list)
    keep: bool = False
    doubts: list[str] = field(default_factory=list)


Special = Callable[[Invocation], "Unwrapped | None"]

_SH = Word("sh")
_GLOBAL = Prefix("HlcnfpC", "host context config log-level namespace file project-name kubeconfig cluster user profile")


def unwrap(invocation: Invocation) -> Unwrapped | None:
    """What the invocation runs inside; None for a program that is no wrapper, or runs nothing with these words."""
    name = invocation.argv[0].text
    special = _SPECIAL.get(name)
    if special is not None:
        return special(invocation)
    if name in SUBCOMMANDS:
        found = _subcommand(invocation, SUBCOMMANDS[name])
        if found is not None or name not in PREFIXES:
            return found
    prefix = PREFIXES.get(name)
    return _prefixed(invocation, prefix, name, 1) if prefix is not None else None


def _prefixed(invocation: Invocation, prefix: Prefix, via: str, start: int) -> Unwrapped | None:
    argv = invocation.argv
    if prefix.dashes:
        marks = [n for n, w in enumerate(argv) if n >= start and w.text == "--"]
        if not marks and not prefix.skip:
            return None
        at = marks[0] + 1 if marks else operand(argv, prefix, start) + prefix.skip
    else:
        at = operand(argv, prefix, start) + prefix.skip
        if prefix.skip:  # `setarch x86_64 -R program`
            at = operand(argv, prefix, at)
    env: list[tuple[str, Word]] = []
    if prefix.assignments:
        for word in argv[start:at]:
            variable, equals, value = word.text.partition("=")
            if equals and variable.isidentifier():
                env.append((variable, Word(value, word.known)))
    inner = argv[at:]
    if not inner:
        return None
    entry = option_values(argv[start:at], "", ("--entrypoint",)) if prefix.remote else []
    if entry:
        inner = (entry[0], *inner)
    if via == "uv run" and inner[0].text.endswith(".py"):
        inner = (Word("python"), *inner)
    found = Inner(via, inner, env=tuple(env), appended=invocation.appended, remote=prefix.remote)
    return Unwrapped([found], keep=prefix.keep)


def _subcommand(invocation: Invocation, table: dict[str, Prefix]) -> Unwrapped | None:
    argv = invocation.argv
    at = operand(argv, _GLOBAL)
    if at < len(argv) and argv[at].text in ("compose", "container", "kubectl"):
        at = operand(argv, _GLOBAL, at + 1)
    if at >= len(argv) or argv[at].text not in table:
        return None
    return _prefixed(invocation, table[argv[at].text], f"{argv[0].text} {argv[at].text}", at + 1)


def _one(via: str, argv: tuple[Word, ...], **more: object) -> Unwrapped:
    return Unwrapped([replace(Inner(via, argv), **more)])  # type: ignore[arg-type]


def joined_code(words: tuple[Word, ...]) -> Word:
    """Words that a program joins by spaces and hands to a shell."""
    return Word(" ".join(w.text for w in words), all(w.known and not w.glob for w in words))


# -- privileges ----------------------------------------------------------------------------------------------------


def _sudo(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    name = argv[0].text
    prefix = PREFIXES[name]
    at = operand(argv, prefix)
    flags = "".join(w.text[1:] for w in argv[1:at] if w.text.startswith("-") and not w.text.startswith("--"))
    words = [w.text for w in argv[1:at]]
    if "--edit" in words or (name == "sudo" and re.match(r"[A-Zbkn]*e", flags)):
        return None
    found = _prefixed(invocation, prefix, name, 1)
    shell = "--login" in words or "--shell" in words or "i" in flags or "s" in flags
    if found is None and shell:
        return _one(name, (_SH,))
    folder = option_values(argv[:at], "D", ("--chdir",))
    if found is not None and folder:
        found.inner = [replace(inner, cwd=folder[-1]) for inner in found.inner]
    return found


def _su(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    name = argv[0].text
    if name == "runuser" and any(w.text in ("-u", "--user") or w.text.startswith("--user=") for w in argv):
        return _prefixed(invocation, Prefix("ugGw", "user group supp-group whitelist-environment"), name, 1)
    codes = option_values(argv, "c", ("--command", "--session-command"))
    if codes:
        return Unwrapped([Inner(name, code=code) for code in codes])
    return _one(name, (_SH,))


# -- the shell's own -----------------------------------------------------------------------------------------------


def _command(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    at = operand(argv, Prefix())
    if any(set(w.text[1:]) & {"v", "V"} for w in argv[1:at] if w.text.startswith("-") and w.text != "--"):
        return None
    return _one("command", argv[at:]) if argv[at:] else None


def _exec(invocation: Invocation) -> Unwrapped | None:
    at = operand(invocation.argv, Prefix("a"))
    return _one("exec", invocation.argv[at:]) if invocation.argv[at:] else None


def _env(invocation: Invocation) -> Unwrapped | None:
    argv = list(invocation.argv)
    env: list[tuple[str, Word]] = []
    cwd: Word | None = None
    at = 1
    while at < len(argv):
        text = argv[at].text
        split = re.match(r"-[i0v]*S(.*)|--split-string=?(.*)", text, re.DOTALL)
        if split:
            code = split[1] or split[2]
            rest = at + 1
            if not code and rest < len(argv):
                code, rest = argv[rest].text, rest + 1
            try:
                words = [Word(w, "${" not in w) for w in shlex.split(code.replace("\\_", " "))]
            except ValueError:
                return Unwrapped(doubts=["What “env -S” runs cannot be told."], keep=True)
            argv[at:rest] = words if argv[at].known else [Word(w.text, False) for w in words]
        elif text in ("-u", "--unset", "-C", "--chdir"):
            cwd = argv[at + 1] if text in ("-C", "--chdir") and at + 1 < len(argv) else cwd
            at += 2
        elif text.startswith("--chdir="):
            cwd = Word(text[8:], argv[at].known)
            at += 1
        elif text == "--":
            at += 1
            break
        elif text.startswith("-"):
            at += 1
        elif re.match(r"[^=\s]+=", text):
            variable, _, value = text.partition("=")
            env.append((variable, Word(value, argv[at].known)))
            at += 1
        else:
            break
    while at < len(argv) and re.match(r"[A-Za-z_]\w*=", argv[at].text):
        variable, _, value = argv[at].text.partition("=")
        env.append((variable, Word(value, argv[at].known)))
        at += 1
    if at >= len(argv):
        return None
    return _one("env", tuple(argv[at:]), env=tuple(env), cwd=cwd, appended=invocation.appended)


# -- one program for many things -----------------------------------------------------------------------------------

_XARGS = Prefix("adEIiLlnPsR", "arg-file delimiter max-args max-chars max-procs max-lines process-slot-var replace eof")


def _xargs(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    at = operand(argv, replace(_XARGS, short="adEILnPsRJ"))
    options = argv[1:at]
    marks = option_values(options, "I", ("--replace",)) + option_values(options, "J")
    item = marks[-1].text if marks else None
    if item is None and any(w.text.startswith(("-i", "--replace")) for w in options):
        item = next((w.text[2:] for w in options if w.text.startswith("-i") and len(w.text) > 2), "{}")
    inner = argv[at:] or (Word("echo"),)
    items = _items(invocation.stdin, options, item)
    if items is not None:
        return _over(inner, items, item, "xargs")
    return Unwrapped([Inner("xargs", inner, appended=item is None, item=item, stdin=False)])


def _items(stdin: Word | None, options: tuple[Word, ...], item: str | None) -> list[str] | None:
    """The words that xargs reads, if they are known."""
    if stdin is None or not stdin.known or any(w.text.startswith(("-a", "--arg-file", "-E")) for w in options):
        return None
    if any(w.text in ("-0", "--null") or re.match(r"-[rtpox]*0", w.text) for w in options):
        return [i for i in stdin.text.split("\0") if i]
    delimiters = option_values(options, "d", ("--delimiter",))
    if delimiters:
        mark = {"\\n": "\n", "\\0": "\0", "\\t": "\t"}.get(delimiters[-1].text, delimiters[-1].text)
        return [i for i in stdin.text.rstrip("\n").split(mark) if i] if len(mark) == 1 else None
    if item is not None:
        return [line.strip() for line in stdin.text.splitlines() if line.strip()]
    try:
        return shlex.split(stdin.text)
    except ValueError:
        return None


def _over(inner: tuple[Word, ...], items: list[str], item: str | None, via: str) -> Unwrapped:
    if item is None:
        return Unwrapped([Inner(via, (*inner, *map(Word, items)), stdin=False)])
    found = [Inner(via, tuple(replace(w, text=w.text.replace(item, i)) for w in inner), stdin=False) for i in items]
    return Unwrapped(found[:100], doubts=[] if len(items) <= 100 else ["xargs is given more items than are looked at."])


_PARALLEL = Prefix(
    "ajSIdNnLsPCXmk",
    "jobs sshlogin arg-file delimiter max-args max-replace-args colsep joblog results timeout delay tmpdir workdir "
    "retries load memfree tagstring env halt sshloginfile basefile return profile rpl shuf block recstart recend",
)
_PARALLEL_MARKS = re.compile(r"\{(?:[.#%/]|//|/\.|\d+[./]*)?\}")


def _parallel(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    at = operand(argv, replace(_PARALLEL, short="ajSIdNnLsPC"))
    end = next((n for n in range(1, len(argv)) if re.fullmatch(r":::\+?|::::\+?", argv[n].text)), len(argv))
    template = argv[at:end] if at < end else ()
    given = [w for w in argv[end + 1 :] if w.text not in (":::", ":::+")]
    listed = end < len(argv) and "::::" not in [w.text for w in argv] and len(given) <= 100
    items: list[Word] | None = given if listed else None
    if items is None and end == len(argv) and invocation.stdin is not None and invocation.stdin.known:
        items = [Word(line) for line in invocation.stdin.text.splitlines() if line.strip()][:200]
    if not template:
        if items is None:
            return Unwrapped(keep=True, doubts=["The commands that parallel runs cannot be told."])
        return Unwrapped([Inner("parallel", code=i, stdin=False) for i in items])
    code = joined_code(template)
    placed = _PARALLEL_MARKS.search(code.text) is not None
    if items is None:
        text = code.text if placed else code.text + " {}"
        return Unwrapped([Inner("parallel", code=replace(code, text=text), item="{}", stdin=False)])
    found: list[Inner] = []
    for i in items:
        text = _PARALLEL_MARKS.sub(lambda _, i=i: i.text, code.text) if placed else f"{code.text} {i.text}"  # type: ignore[misc]
        found.append(Inner("parallel", code=Word(text, code.known and i.known), stdin=False))
    return Unwrapped(found)


_FIND_RUNS = {"-exec": "find -exec", "-execdir": "find -execdir", "-ok": "find -ok", "-okdir": "find -okdir"}


def _find(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    found: list[Inner] = []
    at = 1
    while at < len(argv):
        via = _FIND_RUNS.get(argv[at].text)
        at += 1
        if via is None:
            continue
        end = at
        while end < len(argv) and argv[end].text != ";" and not (argv[end].text == "+" and argv[end - 1].text == "{}"):
            end += 1
        inner = argv[at:end]
        if inner:
            found.append(Inner(via, inner, item="{}", stdin=False))
        at = end
    return Unwrapped(found, keep=True) if found else None


def _fd(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    for at, word in enumerate(argv):
        if word.text in ("-x", "--exec", "-X", "--exec-batch") and at + 1 < len(argv):
            end = next((n for n in range(at, len(argv)) if argv[n].text == ";"), len(argv))
            inner = argv[at + 1 : end]
            placed = any("{" in w.text for w in inner)
            return Unwrapped([Inner("fd -x", inner, item="{}", appended=not placed, stdin=False)], keep=True)
    return None


# -- shells elsewhere and code in words ----------------------------------------------------------------------------


def _ssh(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    prefix = Prefix("BbcDEeFIiJLlmOopQRSWw")
    host = operand(argv, prefix)
    found = Unwrapped(keep=True)
    for option in option_values(argv[:host], "o"):
        setting = re.match(r"\s*(\w+)\s*[= ]\s*(.*)", option.text, re.DOTALL)
        name, value = (setting[1], setting[2]) if setting else ("", "")
        if name.lower() in ("proxycommand", "localcommand", "knownhostscommand") and value.lower() != "none":
            found.inner.append(Inner(f"ssh {name}", code=Word(value, option.known), stdin=False))
    rest = operand(argv, prefix, host + 1) if host + 1 < len(argv) else len(argv)
    if argv[rest:]:
        found.inner.append(Inner("ssh", code=joined_code(argv[rest:]), remote=True))
    elif invocation.stdin is not None and host < len(argv):
        found.inner.append(Inner("ssh", (_SH,), remote=True))
    return found if found.inner else None


def _watch(invocation: Invocation) -> Unwrapped | None:
    at = operand(invocation.argv, Prefix("nq", "interval equexit"))
    inner = invocation.argv[at:]
    return Unwrapped([Inner("watch", code=joined_code(inner), stdin=False)]) if inner else None


def _flock(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    at = operand(argv, Prefix("wE", "timeout conflict-exit-code")) + 1
    inner = argv[at:]
    if inner and inner[0].text in ("-c", "--command") and len(inner) > 1:
        return Unwrapped([Inner("flock", code=inner[1])])
    return _one("flock", inner) if inner else None


def _busybox(invocation: Invocation) -> Unwrapped | None:
    argv = invocation.argv
    return _one(argv[0].text, argv[1:]) if len(argv) > 1 and not argv[1].text.startswith("--") else None


def _sg(invocation: Invocation) -> Unwrapped | None:
    """``sg GROUP -c COMMAND``; another program of that name searches code."""
    argv = invocation.argv
    codes = [argv[at + 1] for at in (2, 3) if at + 1 < len(argv) and argv[at].text == "-c"]
    return Unwrapped([Inner("sg", code=code) for code in codes], keep=True) if codes else None


def _nix(invocation: Invocation) -> Unwrapped | None:
    """``nix develop -c PROGRAM WORDS``, ``nix shell … --command PROGRAM WORDS``."""
    argv = invocation.argv
    at = next((n for n, word in enumerate(argv) if word.text in ("-c", "--command")), len(argv))
    return Unwrapped([Inner("nix", argv[at + 1 :])], keep=True) if argv[at + 1 :] else None


_SPECIAL: dict[str, Special] = {
    "sudo": _sudo,
    "doas": _sudo,
    "su": _su,
    "runuser": _su,
    "command": _command,
    "exec": _exec,
    "env": _env,
    "genv": _env,
    "xargs": _xargs,
    "gxargs": _xargs,
    "parallel": _parallel,
    "find": _find,
    "gfind": _find,
    "fd": _fd,
    "fdfind": _fd,
    "ssh": _ssh,
    "autossh": _ssh,
    "mosh": _ssh,
    "nix": _nix,
    "plink": _ssh,
    "sg": _sg,
    "slogin": _ssh,
    "watch": _watch,
    "flock": _flock,
    "busybox": _busybox,
    "toybox": _busybox,
}
