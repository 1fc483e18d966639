"""The places that a goal names (paths, globs, file names, plain words) and whether a target is one of them or below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import normpath

__all__ = ["Named", "is_whole", "named"]

_ABSENT = re.compile(r"[$`{}]|^-$|^<.*>$")
_EDGES = "\"'`()[]<>,;:“”‘’"
_WHOLE = re.compile(
    r"^(/|/(bin|boot|dev|etc|home|lib|lib32|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|usr|var|Users|System|Library|"
    r"Applications|Volumes)|/(home|Users)/[^/]+|/usr/(bin|lib|sbin|share|local)|/var/(lib|log)|~[^/]*|\$\{?HOME\}?|"
    r"[A-Za-z]:[\\/]*|\.\.(/\.\.)*)$"
)
_EXCEPT = re.compile(
    r"\b(?:except(?: for| of)?|excluding|exclude|but not|other than|apart from|besides|keep(?:ing)?|leave|leaving|"
    r"preserve|preserving|skip(?:ping)?|ignore|ignoring|save for|spare)\s+(.{1,120})",
    re.IGNORECASE,
)
_HERE = re.compile(
    r"\b(current|this|working|present|here|local)\b.{0,12}\b(dir\w*|folder|path|tree|repo\w*)\b|\bhere\b|\bcwd\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a goal names. `rooted`: paths from the root, home or a variable; `names`: other paths, file names and globs;
    `words`: every word, in small letters; `spared`: names and globs that are to be left alone."""

    rooted: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    spared: tuple[str, ...] = ()
    here: bool = False

    def covers(self, target: str, place: str) -> bool | None:
        """Whether `target` is named, or lies below what is named. None where the words do not tell."""
        target = _known(target)
        if not target:
            return None
        if place in ("remote", "database"):
            return True if _tokens(target) & self.words else None
        path = _tidy(target)
        if any(_below(path, name) for name in self.rooted):
            return True
        if any(_matches(path, name) for name in self.names) or _last(path).lower() in self.words:
            return True
        if path.startswith(("/", "~")):
            if self.rooted:
                return False
            return True if place in ("workspace", "temporary") or ("home" in self.words and place == "home") else None
        if self.here or not (self.rooted or self.names):
            return True if place in ("workspace", "temporary", "unknown") else None
        return None if any(c in path for c in "*?[") or path == "." else False

    def by_name(self, target: str) -> bool:
        """Whether `target`, or a folder that it lies in, is named itself: not only that nothing speaks against it."""
        path = _tidy(_known(target))
        if not path:
            return False
        named = any(_below(path, name) for name in self.rooted) or any(_matches(path, name) for name in self.names)
        return named or bool(({_last(path).lower(), path.split("/", 1)[0].lower()} - {""}) & self.words)

    def spares(self, target: str) -> str | None:
        """The name that is to be left alone and that `target` is, or includes by its pattern."""
        path = _tidy(target)
        for name in self.spared:
            last = name.rsplit("/", 1)[-1]
            if path == name or fnmatchcase(_last(path), last):
                return name
            if "/" not in name and any(c in _last(path) for c in "*?[") and fnmatchcase(name, _last(path)):
                return name
        return None


def named(goal: str) -> Named:
    """The places that `goal` names. Never raises."""
    goal = goal[:4000]
    rooted, names = _places(goal)
    if re.search(r"\bhome (dir\w*|folder)\b", goal, re.IGNORECASE):
        rooted = (*rooted, "~")
    spared: tuple[str, ...] = ()
    for found in _EXCEPT.finditer(goal):
        clause = re.split(
            r"[;!?]|\.\s|\b(?:from|under|in|inside|below|then|to|into|modified|older)\b", found.group(1), maxsplit=1
        )[0]
        spared += tuple(name for name in sum(_places(clause), ()) if len(name) > 2)
    kept = set(spared)
    return Named(
        tuple(p for p in rooted if p not in kept),
        tuple(p for p in names if p not in kept),
        _tokens(goal),
        spared,
        here=bool(_HERE.search(goal)) or "." in goal.split() or "./" in goal.split(),
    )


def is_whole(target: str) -> bool:
    """Whether `target` is the root, a home folder or a folder of the system as a whole, or all that is in it."""
    return bool(_WHOLE.match(_tidy(target)))


def _places(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rooted: list[str] = []
    names: list[str] = []
    quoted = [a or b or c for a, b, c in re.findall(r"\"([^\"]+)\"|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)", text)]
    for word in [*quoted, *text.split()]:
        word = word.strip(_EDGES).rstrip(".,!?") if word not in (".", "..", "/") else word
        if not word or len(word) > 300:
            continue
        if word.startswith(("/", "~", "$HOME", "${HOME}")):
            rooted.append(_tidy(word))
        elif word in quoted or re.search(r"[*?]|^\.?[\w-]+\.[A-Za-z]\w{0,9}$|^\.\w|^\.{0,2}/|\w/(?:\w|$)|_", word):
            names.append(_tidy(word))
    return tuple(dict.fromkeys(rooted)), tuple(dict.fromkeys(names))


def _known(target: str) -> str:
    """The folder up to which a target is known: ``/srv/data`` of ``/srv/data/$name``; empty if nothing is."""
    target = target.replace("${HOME}", "~").replace("$HOME", "~")
    absent = _ABSENT.search(target)
    return target if absent is None else target[: absent.start()].rpartition("/")[0]


def _tidy(path: str) -> str:
    """Normal form: no quotes, no ``//``, ``/./`` or ``./`` in front; ``folder/*`` is the folder; $HOME is ~."""
    path = path.strip().strip("\"'").replace("${HOME}", "~").replace("$HOME", "~")
    while path.endswith(("/*", "/.*")) and len(path) > 2:
        path = path.rsplit("/", 1)[0] or "/"
    if path in ("/*", "/.*"):
        return "/"
    normal = normpath(path) if path else ""
    return "/" + normal.lstrip("/") if normal.startswith("//") else normal


def _below(path: str, name: str) -> bool:
    """`path` is `name` or below it; a relative path may be the end of an absolute name. The root is only itself."""
    if name in ("/", "~"):
        return path == name or (name == "~" and path.startswith("~/"))
    if path == name or path.startswith(name + "/") or fnmatchcase(path, name) or fnmatchcase(path, name + "/*"):
        return True
    if not path.startswith(("/", "~")):
        parts = name.strip("/").split("/")
        return any(_under(path, "/".join(parts[k:])) for k in range(1, len(parts)))
    return False


def _under(path: str, name: str) -> bool:
    return path == name or path.startswith(name + "/")


def _matches(path: str, name: str) -> bool:
    last = _last(path)
    if name.startswith(".") and "/" not in name and fnmatchcase(last, "*" + name):
        return True
    if fnmatchcase(last, name) or fnmatchcase(path, name) or _under(path, name) or path.endswith("/" + name):
        return True
    return any(part == name for part in path.split("/"))


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1] if path != "/" else "/"


def _tokens(text: str) -> frozenset[str]:
    """The words of a text, in small letters, each also without the s of the plural."""
    words = {word.lower() for word in re.findall(r"[A-Za-z0-9_]+", text) if len(word) > 1}
    words |= {part for word in tuple(words) for part in word.split("_") if len(part) > 2}
    return frozenset(words | {word[:-1] for word in words if word.endswith("s") and len(word) > 3})
