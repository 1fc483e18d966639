"""Code in other languages that stands in the words of an interpreter, or comes on its standard input."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from revet.effects.shell.model import Invocation, Word
from revet.effects.shell.prefixes import Prefix, after_option, operand, option_values

__all__ = ["Embedded", "embedded"]

_LANGUAGES = (
    ("python", re.compile(r"i?python[\d.]*|pypy[\d.]*|jython")),
    ("javascript", re.compile(r"node|nodejs|bun|deno|ts-node|tsx")),
    ("perl", re.compile(r"perl[\d.]*")),
    ("ruby", re.compile(r"j?ruby[\d.]*")),
    ("php", re.compile(r"php[\d.]*")),
    ("lua", re.compile(r"lua[\d.]*|luajit")),
    ("awk", re.compile(r"[gmn]?awk")),
    ("sed", re.compile(r"g?sed")),
    ("applescript", re.compile(r"osascript")),
    ("powershell", re.compile(r"(?:pwsh|powershell)(?:\.exe)?")),
)
_OTHER = {
    "Rscript": ("e",),
    "R": ("e",),
    "clojure": ("e",),
    "elixir": ("e",),
    "emacs": ("eval", "-eval"),
    "erl": ("eval",),
    "ghc": ("e",),
    "groovy": ("e",),
    "guile": ("c",),
    "julia": ("e", "E"),
    "raku": ("e",),
    "sbcl": ("-eval",),
    "scala": ("e",),
    "tclsh": (),
    "jshell": (),
}
"""Languages that are not read here: code in them is a doubt."""

_FLAGS = {
    "python": Prefix("WXQcm"),
    "javascript": Prefix("rep", "eval print require import loader input-type"),
    "perl": Prefix("eEIMmFi0lx"),
    "ruby": Prefix("erICEFKTW"),
    "php": Prefix("rdfBREcz"),
    "lua": Prefix("el"),
}
_CODE = {
    "python": re.compile(r"-[bBdEhiIOPqsSuvx]*c(.*)", re.DOTALL),
    "javascript": re.compile(r"-(?:e|p|pe|ep|-eval|-print)()|--(?:eval|print)=(.*)", re.DOTALL),
    "perl": re.compile(r"-(?:[acflnpsStTuUvwWX]|0[0-7]*|l[0-7]*|i[.\w]*(?=e)|F[^\s]*(?=e))*[eE](.*)", re.DOTALL),
    "ruby": re.compile(r"-[aclnpsSUvw]*e(.*)", re.DOTALL),
    "php": re.compile(r"-[n]*[rBRE](.*)", re.DOTALL),
    "lua": re.compile(r"-e(.*)", re.DOTALL),
}


_NOTHING_KNOWN = re.compile(r"(?:\$\{?\w*\}?|\$\(.*\)|`.*`)", re.DOTALL)


@dataclass(slots=True)
class Embedded:
    """Shell commands that stand for what the code does, and what could not be told of it."""

    via: str = ""
    commands: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def embedded(invocation: Invocation, contents: Callable[[str], tuple[bool, str | None]]) -> Embedded:
    """`contents` tells whether the text itself writes a file, and what stands in it."""
    name = invocation.argv[0].text
    language = next((language for language, names in _LANGUAGES if names.fullmatch(name)), "")
    if not language:
        return _other(invocation)
    from revet.effects.shell.embedded import embedded_commands, embedded_doubts  # loaded for those who need it

    found = Embedded(f"{name} code")
    for code in _codes(language, invocation, contents):
        if not code.known and (language not in ("awk", "sed") or _NOTHING_KNOWN.fullmatch(code.text)):
            found.doubts.append(f"The code that {name} runs cannot be told.")
        if code.text:
            found.commands += embedded_commands(language, code.text)
            found.doubts += embedded_doubts(language, code.text)
    return found


def _other(invocation: Invocation) -> Embedded:
    name = invocation.argv[0].text
    found = Embedded()
    flags = _OTHER.get(name)
    if flags is not None:
        given = any(
            w.text.lstrip("-") in flags or w.text.lstrip("-").split("=")[0] in flags for w in invocation.argv[1:]
        )
        if given or (invocation.stdin is not None and len(invocation.argv) == 1):
            found.doubts.append(f"The code that {name} is given is not read.")
    return found


def _codes(language: str, invocation: Invocation, contents: Callable[[str], tuple[bool, str | None]]) -> list[Word]:
    argv = invocation.argv
    if language in ("awk", "sed"):
        return _script_operand(language, argv)
    if language == "applescript":
        return option_values(argv, "e")
    if language == "powershell":
        at = next((n for n, w in enumerate(argv) if re.fullmatch(r"(?i)[-/](c(ommand)?|e(nc\w*)?|ec)", w.text)), 0)
        return [Word(" ".join(w.text for w in argv[at:]), False)] if at else []
    if argv[0].text == "deno" and len(argv) > 2 and argv[1].text == "eval":
        return [argv[-1]]
    found, at = _flagged(language, invocation)
    if found or at < 0:
        return found
    return _from_file(invocation, argv[at] if at < len(argv) else None, contents)


def _flagged(language: str, invocation: Invocation) -> tuple[list[Word], int]:
    """The code after ``-c`` or ``-e``, and the place of the first operand, -1 if that is no program file."""
    argv = invocation.argv
    found: list[Word] = []
    at = 1
    while at < len(argv):
        word = argv[at]
        match = _CODE[language].fullmatch(word.text)
        if match:
            attached = next((g for g in match.groups() if g), "")
            if attached:
                found.append(Word(attached, word.known))
            else:
                at += 1
                found.append(argv[at] if at < len(argv) else Word("", not invocation.appended))
            if language in ("python", "php"):
                return found, -1
        elif word.text.startswith("-") and word.text != "-":
            if language == "python" and word.text.startswith("-m"):
                return found, -1
            at = after_option(argv, _FLAGS[language], at) - 1
        else:
            break
        at += 1
    return found, at


def _from_file(
    invocation: Invocation, file: Word | None, contents: Callable[[str], tuple[bool, str | None]]
) -> list[Word]:
    if file is None or file.text in ("-", "/dev/stdin"):
        if invocation.appended and file is None:
            return []
        return [invocation.stdin] if invocation.stdin is not None else []
    ours, text = contents(file.text)
    return [Word(text or "", text is not None)] if ours else []


def _script_operand(language: str, argv: tuple[Word, ...]) -> list[Word]:
    if language == "awk":
        given = option_values(argv, "e", ("--source",))
        if any(w.text == "-f" or w.text.startswith("--file") for w in argv):
            return given
        at = operand(argv, Prefix("Fvi", "field-separator assign include"))
        return given or list(argv[at : at + 1])
    given = option_values(argv, "e", ("--expression",))
    if given or any(w.text in ("-f", "--file") for w in argv):
        return given
    at = operand(argv, Prefix("efl", "expression file line-length"))
    return list(argv[at : at + 1])
