"""What simple programs print, where that can be computed from their words and their known input."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
import zlib
from collections.abc import Callable

from revet.effects.shell.ansi import echo_escapes
from revet.effects.shell.model import Invocation

__all__ = ["formatted", "printed_by", "succeeds", "together"]

_MOST = 1_000_000
_SURE = frozenset({"echo", "printf", "true", ":"})
_SETS = {
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:digit:]": "0123456789",
    "[:space:]": " \t\n\r\v\f",
    "[:blank:]": " \t",
}


def printed_by(invocation: Invocation, cwd: str | None) -> str | None:
    """What the invocation prints on standard output; None if that is not known."""
    producer = _PRODUCERS.get(invocation.argv[0].text)
    if producer is None or any(not w.known or w.glob or w.split for w in invocation.argv) or invocation.appended:
        return None
    stdin = invocation.stdin.text if invocation.stdin is not None and invocation.stdin.known else None
    if invocation.argv[0].text == "pwd":
        return None if cwd is None else cwd + "\n"
    try:
        found = producer([w.text for w in invocation.argv[1:]], stdin)
    except (ValueError, OSError, EOFError, binascii.Error, zlib.error, OverflowError):
        return None
    return found if found is not None and len(found) <= _MOST else None


def together(printed: list[str | None]) -> str | None:
    """What commands print one after the other."""
    texts = [p for p in printed if p is not None]
    return "".join(texts) if len(texts) == len(printed) and sum(map(len, texts)) < _MOST else None


def succeeds(invocation: Invocation) -> bool:
    """Whether what comes after ``&&`` is surely reached."""
    return (invocation.kind == "assignment" and not invocation.redirections) or (
        bool(invocation.argv) and invocation.kind == "builtin" and invocation.argv[0].text in _SURE
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _echo(args: list[str], stdin: str | None) -> str | None:
    newline, escapes = "\n", False
    while args and re.fullmatch(r"-[neE]+", args[0]):
        newline = "" if "n" in args[0] else newline
        escapes = args[0].rfind("e") > args[0].rfind("E") if set("eE") & set(args[0]) else escapes
        args = args[1:]
    text = " ".join(args)
    plain, escaped = text, echo_escapes(text)
    if escapes:
        return escaped + newline
    # Some shells see escapes without -e, too: then nobody can tell which it is.
    return plain + newline if plain == escaped else None


def _printf(args: list[str], stdin: str | None) -> str | None:
    args = args[1:] if args[:1] == ["--"] else args
    if not args or args[0] == "-v":
        return None
    return formatted(args[0], args[1:])


_FORMAT = re.compile(r"%(?P<flags>[-+ 0#]*)(?P<width>\d{0,4})(?:\.(?P<precision>\d{1,4}))?(?P<kind>[bcdiosuxXq%])")


def formatted(pattern: str, args: list[str]) -> str | None:
    """``printf pattern args…`` as bash does it: the format is used again while arguments are left."""
    pieces = re.split(r"(%[-+ 0#]*\d{0,4}(?:\.\d{1,4})?[bcdiosuxXq%])", pattern)
    directives = [p for p in pieces[1::2] if p[-1] != "%"]
    if any("%" in p for p in pieces[::2]) or len(args) > 10_000:
        return None
    out: list[str] = []
    left = list(args)
    while True:
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                out.append(echo_escapes(re.sub(r"\\([1-7][0-7]{0,2})", r"\\0\1", piece).replace('\\"', '"')))
            elif piece[-1] == "%":
                out.append("%")
            else:
                value = _directive(piece, left.pop(0) if left else None)
                if value is None:
                    return None
                out.append(value)
        if not left or not directives:
            return "".join(out)
        if sum(map(len, out[-len(pieces) :])) * len(left) > _MOST * 10 or len(out) > _MOST:
            return None


def _directive(piece: str, argument: str | None) -> str | None:
    found = _FORMAT.fullmatch(piece)
    if found is None:
        return None
    kind = found["kind"]
    text = argument or ""
    if kind == "q":
        return None
    if kind == "b":
        text, kind = echo_escapes(re.sub(r"\\([1-7][0-7]{0,2})", r"\\0\1", text)), "s"
    if kind == "c":
        text, kind = text[:1], "s"
    if kind == "s":
        return f"%{found['flags']}{found['width']}{'.' + found['precision'] if found['precision'] else ''}s" % text
    if text[:1] in ("'", '"') and len(text) > 1:
        number = ord(text[1])
    else:
        number = int(text, 8 if re.fullmatch(r"0[0-7]+", text) else 0) if text else 0
    return f"%{found['flags']}{found['width']}{kind.replace('i', 'd').replace('u', 'd')}" % number


def _cat(args: list[str], stdin: str | None) -> str | None:
    return stdin if all(a in ("-", "-u", "--", "/dev/stdin") for a in args) else None


def _base64(args: list[str], stdin: str | None) -> str | None:
    if stdin is None or any(not a.startswith("-") for a in args if a != "0"):
        return None
    if any(re.fullmatch(r"-[iw0]*[dD][i]*|--decode|-id|-di", a) for a in args):
        clean = re.sub(r"[^A-Za-z0-9+/]", "", stdin)
        return _text(base64.b64decode(clean[: len(clean) - (len(clean) % 4 == 1)] + "=" * (-len(clean) % 4)))
    return base64.encodebytes(_bytes(stdin)).decode("ascii") if not args else None


def _base32(args: list[str], stdin: str | None) -> str | None:
    if stdin is None or not any(a in ("-d", "--decode", "-di", "-D") for a in args):
        return None
    return _text(base64.b32decode("".join(stdin.split())))


def _openssl(args: list[str], stdin: str | None) -> str | None:
    if stdin is None or not ({"base64", "-base64", "-a"} & set(args)) or "-d" not in args:
        return None
    return _base64(["-d"], stdin) if not {"-k", "-pass", "-in"} & set(args) else None


def _xxd(args: list[str], stdin: str | None) -> str | None:
    letters = "".join(a[1:] for a in args if a.startswith("-"))
    if stdin is None or "r" not in letters or "p" not in letters or any(not a.startswith("-") for a in args):
        return None
    return _text(bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", stdin)))


def _rev(args: list[str], stdin: str | None) -> str | None:
    if stdin is None or args:
        return None
    return "".join(line.rstrip("\n")[::-1] + "\n" * line.endswith("\n") for line in stdin.splitlines(keepends=True))


def _tac(args: list[str], stdin: str | None) -> str | None:
    return None if stdin is None or args else "".join(reversed(stdin.splitlines(keepends=True)))


def _characters(text: str) -> str:
    if len(text) > 200:
        raise ValueError("a set that is too long")
    for name, members in _SETS.items():
        text = text.replace(name, members)
    text = echo_escapes(re.sub(r"\\([0-7]{1,3})", r"\\0\1", text))
    if "[" in text and (":" in text or "=" in text or "*" in text):
        raise ValueError("a class that is not known")

    def run(found: re.Match[str]) -> str:
        return "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1)))

    return re.sub(r"(.)-(.)", run, text, flags=re.DOTALL)


def _tr(args: list[str], stdin: str | None) -> str | None:
    if stdin is None:
        return None
    options = "".join(a[1:] for a in args if re.fullmatch(r"-[dscC]+", a))
    sets = [_characters(a) for a in args if not re.fullmatch(r"-[dscC]+", a)]
    if options == "d" and len(sets) == 1:
        return stdin.translate(dict.fromkeys(map(ord, sets[0])))
    if options or len(sets) != 2 or not sets[1]:
        return None
    second = sets[1].ljust(len(sets[0]), sets[1][-1])
    table: dict[int, str] = {}
    for old, new in zip(sets[0], second, strict=False):
        table[ord(old)] = new
    return stdin.translate(table)


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _MOST)


def _bunzipped(data: bytes) -> bytes:
    import bz2

    return bz2.BZ2Decompressor().decompress(data, _MOST)


def _unxzed(data: bytes) -> bytes:
    import lzma

    try:
        return lzma.LZMADecompressor().decompress(data, _MOST)
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from None


def _unpacking(decode: Callable[[bytes], bytes], always: bool) -> Callable[[list[str], str | None], str | None]:
    def produce(args: list[str], stdin: str | None) -> str | None:
        letters = "".join(a[1:] for a in args if a.startswith("-"))
        if stdin is None or any(not a.startswith("-") for a in args) or not (always or "d" in letters):
            return None
        return _text(decode(_bytes(stdin)))

    return produce


def _named(function: Callable[[str], str]) -> Callable[[list[str], str | None], str | None]:
    return lambda args, stdin: function(args[0]) + "\n" if len(args) == 1 and not args[0].startswith("-") else None


def _head(args: list[str], stdin: str | None) -> str | None:
    if stdin is None:
        return None
    count = re.fullmatch(r"-(?:n\s?)?(\d{1,6})", " ".join(args)) if args else None
    if args and count is None:
        return None
    return "".join(stdin.splitlines(keepends=True)[: int(count[1]) if count else 10])


def _which(args: list[str], stdin: str | None) -> str | None:
    names = [a for a in args if not a.startswith("-")]
    return f"/usr/bin/{names[0]}\n" if len(names) == 1 and re.fullmatch(r"[\w.+-]+", names[0]) else None


def _found(args: list[str], stdin: str | None) -> str | None:
    return _which(args[1:], stdin) if args[:1] in (["-v"], ["-p"], ["-P"]) else None


def _nothing(args: list[str], stdin: str | None) -> str | None:
    return ""


def _dirname(path: str) -> str:
    return posixpath.dirname(path.rstrip("/")) or ("/" if path.startswith("/") else ".")


_GUNZIP = _unpacking(_inflated, True)
_PRODUCERS: dict[str, Callable[[list[str], str | None], str | None]] = {
    ":": _nothing,
    "base32": _base32,
    "base64": _base64,
    "basename": _named(lambda path: posixpath.basename(path.rstrip("/")) or "/"),
    "bunzip2": _unpacking(_bunzipped, True),
    "bzcat": _unpacking(_bunzipped, True),
    "cat": _cat,
    "command": _found,
    "dirname": _named(_dirname),
    "echo": _echo,
    "false": _nothing,
    "gunzip": _GUNZIP,
    "gzip": _unpacking(_inflated, False),
    "head": _head,
    "openssl": _openssl,
    "printf": _printf,
    "pwd": _nothing,
    "rev": _rev,
    "tac": _tac,
    "tee": lambda args, stdin: stdin,
    "tr": _tr,
    "true": _nothing,
    "type": _found,
    "unxz": _unpacking(_unxzed, True),
    "which": _which,
    "xxd": _xxd,
    "xzcat": _unpacking(_unxzed, True),
    "zcat": _GUNZIP,
}
