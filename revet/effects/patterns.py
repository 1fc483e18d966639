"""Patterns of rules against the targets of effects: paths in the manner of .gitignore, tables, commands.

A target may itself be a pattern (``rm *.sql``) or a folder that holds what a rule is about (``rm -rf .``). A rule that
forbids is read *loosely*: it matches where the two may overlap. A rule that allows is read strictly: it matches only
where all that the target may stand for lies within the pattern.
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from glob import iglob
from itertools import islice

from revet.effects.model import Effect

__all__ = ["Roots", "absolute", "command_matches", "path_matches", "table_matches", "usable"]

_GLOB = re.compile(r"[*?\[]")
MOST = 1000
"""So many files that a glob of a target stands for are looked at."""

_WHOLE = frozenset({"delete", "discard", "privilege"})
_PROBES = ("", "\x01", "\x01.\x02\x01")
"""What a glob in a target may stand for, in characters that no pattern names."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders that relative paths and ``~`` stand for, absolute.

    `cwds` has the folder that each command of an action runs in, absolute or relative to the workspace; None or absent
    where that is not known. Paths in rules, and those of what was measured, are relative to the workspace.
    """

    workspace: str = ""
    home: str = ""
    cwds: tuple[str | None, ...] = ()

    def of(self, effect: Effect) -> str:
        """The target of `effect`, absolute."""
        known = effect.command is not None and effect.command < len(self.cwds)
        measured = effect.basis == "dry run" and not effect.word
        cwd = self.cwds[effect.command or 0] if known and not measured else None
        return absolute(effect.target, self, base=posixpath.join(self.workspace or "/", cwd or ""))


def absolute(text: str, roots: Roots, *, base: str = "") -> str:
    """`text` as an absolute path with ``.`` and ``..`` worked out; relative ones lie in `base` or the workspace."""
    for prefix in ("~", "$HOME", "${HOME}"):
        if text == prefix or text.startswith(prefix + "/"):
            text = roots.home + text[len(prefix) :]
    # Two leading slashes are one to every system that this runs on, and posixpath would keep them.
    return "/" + posixpath.normpath(posixpath.join(base or roots.workspace or "/", text)).lstrip("/")


def usable(pattern: str) -> str | None:
    """What is wrong with a pattern; None if it can be used."""
    try:
        _glob(pattern)
        _path_glob(pattern)
    except re.error as error:
        return str(error)
    return "it holds a NUL byte" if "\0" in pattern else None


def table_matches(patterns: tuple[str, ...], target: str) -> bool:
    """Globs, whatever the case, on the name as written and on its last part (``users`` for ``public.users``)."""
    name = target.replace('"', "").replace("`", "").casefold()
    return any(_glob(p.casefold()).fullmatch(n) for p in patterns for n in (name, name.rpartition(".")[2]))


def command_matches(patterns: tuple[str, ...], text: str) -> bool:
    """A pattern without a wildcard is the beginning, in whole words: ``git push`` is ``git push origin main`` too."""
    said = " ".join(text.split())
    return bool(said) and any(_command_matches(" ".join(p.split()), said) for p in patterns)


def _command_matches(pattern: str, said: str) -> bool:
    if not _GLOB.search(pattern):
        return said == pattern or said.startswith(pattern + " ")
    return _glob(pattern).fullmatch(said) is not None


def path_matches(
    patterns: tuple[str, ...], effect: Effect, roots: Roots, *, loose: bool, literal: bool = False, there: bool = False
) -> bool:
    """Whether the effect's target is among `patterns`: one beginning with ``!`` takes away from those before it.

    `literal`: named without a wildcard. `there`: a target with globs stands for the files that there are, no others.
    """
    if not effect.target or effect.place in ("remote", "database"):
        return False
    told = roots.of(effect)
    if there and _GLOB.search(told):
        files = islice(iglob(told), MOST)  # noqa: PTH207 - as a shell does: no hidden names
        return any(path_matches(patterns, replace(effect, target=_plain(each)), roots, loose=loose) for each in files)
    # Links may lead elsewhere: forbidden if either way leads there, allowed only if both do.
    ways = {told, _real(told, itself=effect.kind == "delete" and not effect.target.endswith("/"))}
    whole = effect.wide and effect.kind in _WHOLE
    found = [_among(patterns, way, whole, roots, loose=loose, literal=literal) for way in ways]
    return any(found) if loose else all(found)


def _plain(path: str) -> str:
    """A name of a file as a pattern that stands for it alone."""
    return _GLOB.sub("\x01", path)


def _among(patterns: tuple[str, ...], path: str, whole: bool, roots: Roots, *, loose: bool, literal: bool) -> bool:
    found = False
    for pattern in patterns:
        taken = pattern.startswith("!")
        if taken and found:
            # An exception must cover all of the target for a rule that forbids to let go of it.
            found = not _one(pattern[1:], path, whole, roots, loose=not loose)
        elif not taken and not found:
            found = _literally(pattern, path, roots) if literal else _one(pattern, path, whole, roots, loose=loose)
    return found


def _literally(pattern: str, path: str, roots: Roots) -> bool:
    return not _GLOB.search(pattern) and "/" in pattern + "/" and absolute(pattern, roots) == path


def _one(pattern: str, path: str, whole: bool, roots: Roots, *, loose: bool) -> bool:
    full = _anchored(pattern, roots)
    if _GLOB.search(path):
        if not loose:
            return all(_path_glob(full).fullmatch(_GLOBS.sub(probe, path)) for probe in _PROBES)
        return _may_overlap(full, path, whole)
    if _path_glob(full).fullmatch(path):
        return True
    # A folder that goes as a whole takes with it what lies in it.
    return loose and whole and _below(_fixed(full), path)


_GLOBS = re.compile(r"\*+|\?|\[[^\]/]*\]")


def _anchored(pattern: str, roots: Roots) -> str:
    """Absolute: as it stands, or from the workspace; a name without a slash, at any depth of the workspace."""
    bare = pattern.rstrip("/") or "/"
    if bare.startswith(("/", "~", "$HOME", "${HOME}")) or "/" in bare:
        return absolute(bare, roots)
    return posixpath.join(roots.workspace or "/", "**", bare)


def _fixed(pattern: str) -> str:
    """The folder that a pattern begins with, as far as it holds no wildcard."""
    match = _GLOB.search(pattern)
    return pattern if match is None else pattern[: match.start()].rpartition("/")[0] or "/"


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _may_overlap(pattern: str, target: str, whole: bool) -> bool:
    """Whether a pattern and a target with globs may name the same file, name by name from the root.

    `whole`: what lies below the target goes with it. Where the pattern ends in a plain name and the target's last name
    alone is a glob, that file must be there.
    """
    if not _meet(pattern.split("/"), target.split("/"), whole):
        return False
    folder, name = target.rpartition("/")[0], posixpath.basename(pattern)
    return whole or bool(_GLOB.search(folder) or _GLOB.search(name)) or os.path.lexists(posixpath.join(folder, name))


def _meet(ours: list[str], theirs: list[str], whole: bool) -> bool:
    if not ours:
        return True
    if not theirs:
        return whole or ours == ["**"]
    if ours[0] == "**":
        return _meet(ours[1:], theirs, whole) or _meet(ours, theirs[1:], whole)
    if theirs[0] == "**":
        return _meet(ours, theirs[1:], whole) or _meet(ours[1:], theirs, whole)
    return _may_be(ours[0], theirs[0]) and _meet(ours[1:], theirs[1:], whole)


def _may_be(one: str, other: str) -> bool:
    """As in a shell, a glob of the target stands for a hidden name only if it begins with a dot itself."""
    if _GLOB.search(one):
        return bool(_GLOB.search(other)) or _glob(one).fullmatch(other) is not None
    if one.startswith(".") and not other.startswith("."):
        return False
    return one == other or _glob(other).fullmatch(one) is not None


def _real(path: str, *, itself: bool) -> str:
    """Where links on the way lead; `itself`: the last name is meant as it is, link or not (``rm link``)."""
    if _GLOB.search(path):
        return path
    try:
        if itself:
            folder, name = posixpath.split(path)
            return posixpath.join(os.path.realpath(folder), name)
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


@lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_piece(p, any_char=".") for p in _pieces(pattern)), re.DOTALL)


@lru_cache(maxsize=512)
def _path_glob(pattern: str) -> re.Pattern[str]:
    """``*`` stays within one name, ``**`` does not; what lies in a folder that matches, matches."""
    said = "".join(_piece(p, any_char="[^/]") for p in _pieces(pattern))
    return re.compile(said + ("" if pattern.endswith("/**") else r"(?:/.*)?"), re.DOTALL)


def _pieces(pattern: str) -> list[str]:
    return re.findall(r"/\*\*/|/\*\*$|\*\*+|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)


def _piece(piece: str, *, any_char: str) -> str:
    if piece == "/**/":
        return "/(?:.*/)?"
    if piece == "/**":
        return "(?:/.*)?"
    if piece.startswith("**"):
        return ".*"
    if piece == "*":
        return f"{any_char}*"
    if piece == "?":
        return any_char
    if len(piece) > 1:
        inside = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("&&", "&\\&").replace("||", "|\\|")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(piece)
