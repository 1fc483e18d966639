"""Where a path lies: in the workspace, in a folder for temporary files, in a home folder, in the system, elsewhere.

Everything is told from the text alone, as the kernel would walk it if there were no symbolic links: ``..`` takes one
step back, a pattern stands for names in its folder, ``~`` and ``$HOME`` are the home folder, ``$TMPDIR`` is a folder
for temporary files. What cannot be told is `unknown`, never `workspace`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from revet.effects.model import Place
from revet.effects.shell.model import Word

__all__ = ["Located", "Where", "harmless_sink", "is_device"]

_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp", "/dev/shm", "/var/folders")
_TMPDIR = re.compile(r"^\$(?:\{(?:TMPDIR|TMP|TEMP)(?::?[-=?][^}]*)?\}|(?:TMPDIR|TMP|TEMP)(?![A-Za-z0-9_]))")
_SURE = re.compile(r"^\$\{[A-Z]+:[-=?]")
_HOME = re.compile(r"^(?:~(?=/|$)|\$\{HOME\}|\$HOME(?![A-Za-z0-9_]))")
_OTHER_HOME = re.compile(r"^~[A-Za-z0-9_.-]+(?=/|$)")
_PWD = re.compile(r"^\$(?:\{PWD\}|PWD(?![A-Za-z0-9_])|\(pwd\))|^`pwd`")
_HOMES = re.compile(r"^/(?:home|Users)/[^/]+(?=/|$)|^/(?:var/)?root(?=/|$)|^[A-Za-z]:/Users/[^/]+(?=/|$)")
_SYSTEM = frozenset(
    {
        "/",
        "/Applications",
        "/Library",
        "/System",
        "/Users",
        "/bin",
        "/boot",
        "/dev",
        "/efi",
        "/etc",
        "/home",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/lost+found",
        "/media",
        "/mnt",
        "/nix",
        "/opt",
        "/private",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/snap",
        "/srv",
        "/sys",
        "/usr",
        "/var",
    }
)
_WHOLE = frozenset({"/", "/Users", "/home", "/media", "/mnt", "/private", *_TEMPORARY})
"""As a whole they are the system's; what lies in them may be somebody's."""
_WORK = ("/opt/", "/srv/", "/usr/src/", "/usr/local/src/", "/var/www/", "/var/lib/jenkins/", "/run/media/")
"""Folders of the system below which people keep what they work on."""
_GLOB = re.compile(r"[*?\[]")
_EXPANSION = re.compile(r"[$`]")
_NUMBER = re.compile(r"\$\$|\$\{?(?:RANDOM|UID|EUID|BASHPID|PPID|SECONDS)\b\}?")
_DATED = re.compile(
    r"(?:\$\(|`)\s*(?:date(?:\s+(?:-u|--utc))?\s+(?!\S*\.\.)[\"']?\+[\"']?[%\w.:+-]*[\"']?"
    r"|git\s+(?:rev-parse(?:\s+--(?:short(?:=\d+)?|abbrev-ref|verify))*\s+HEAD|branch\s+--show-current"
    r"|describe(?:\s+--(?:tags|always|dirty|long|all|abbrev=\d+))*))\s*[`)]"
)
"""A date or the name of a commit: part of a name that never holds ``..``, nor begins with a slash."""
_DRIVE = re.compile(r"^[A-Za-z]:(?=[\\/])")
_SINKS = frozenset(
    {
        "/dev/null",
        "/dev/tty",
        "/dev/stdout",
        "/dev/stderr",
        "/dev/stdin",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
    }
)
_DEVICE = re.compile(
    r"^/dev/(?:[shv]d[a-z]|xvd|nvme|mmcblk|disk|r?disk\d|mapper/|md\d|dm-|loop\d|sr\d|sg\d|mem$|kmem$|port$|mtd|nbd|vg|zvol/|ram\d)"
)


@dataclass(frozen=True, slots=True)
class Located:
    """A path and its place. `path` is absolute or relative to the workspace, without ``.`` and ``..`` as far as that
    can be told. `wide`: it stands for more than one file. `inside` is the path within the workspace ('.': all of it).
    `within`: where something lies that is put into this folder, if that is another place than the folder's own."""

    path: str
    place: Place
    wide: bool = False
    inside: str | None = None
    within: Place | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """Where a command runs. `workspace` and `home` are absolute, None if not known; `cwd` is absolute or relative to
    the workspace, None if not known. `temporary` are more folders for temporary files."""

    cwd: str | None = "."
    workspace: str | None = None
    home: str | None = None
    temporary: tuple[str, ...] = ()

    def locate(self, word: Word) -> Located:
        """The place of what a program is given as a path."""
        text = word.text
        wide = word.glob or word.split or (not word.known and bool(_GLOB.search(text)))
        if not text:
            return Located("", "unknown", wide)
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if not word.known:
            return self._symbolic(_DATED.sub("0", _NUMBER.sub("0", text)), wide)
        if text.startswith("~") and (found := _HOME.match(text) or _OTHER_HOME.match(text)):
            return self._at_home(text[found.end() :], wide)
        return self._plain(text, wide)

    def _symbolic(self, text: str, wide: bool) -> Located:
        """A word with expansions that are not known: only some leading ones have a meaning."""
        if found := _TMPDIR.match(text):
            return _below_temporary(text, text[found.end() :], wide, sure=bool(_SURE.match(text)))
        if found := _PWD.match(text):
            rest = text[found.end() :]
            if not _EXPANSION.search(rest):
                return (
                    self._plain("." + rest, wide)
                    if rest.startswith("/") or not rest
                    else Located(text, "unknown", wide)
                )
            return Located(text, "unknown", wide)
        if found := _HOME.match(text) or _OTHER_HOME.match(text):
            return self._at_home(text[found.end() :], wide)
        if _EXPANSION.search(text):
            return self._partly(text, wide)
        return self._plain(text, wide)

    def _partly(self, text: str, wide: bool) -> Located:
        """The beginning is plain. What follows may be empty or hold ``..``, so that only the system's folders are sure
        enough: whatever it is, it is nothing of ours."""
        folder = self._plain(_EXPANSION.split(text, maxsplit=1)[0].rpartition("/")[0] or ".", wide)
        if text.startswith("/") and folder.place == "system" and folder.within is None:
            return Located(text, "system", wide)
        return Located(text, "unknown", wide)

    def _at_home(self, rest: str, wide: bool) -> Located:
        """`rest` follows the home folder (ours, or another's)."""
        shown = "~" + rest
        if _EXPANSION.search(rest) or (rest and not rest.startswith("/")):
            return Located(shown, "unknown", wide)
        if self.home is not None:
            return self._plain(self.home.rstrip("/") + rest, wide)
        parts = _walk(rest.strip("/"))
        if parts is None or not parts or all(_GLOB.search(part) for part in parts):
            return Located(shown, "system", wide, within="home")
        return Located(shown, "home", wide)

    def _plain(self, text: str, wide: bool) -> Located:
        text = _DRIVE.sub("", text).replace("\\", "/") if _DRIVE.match(text) else text
        if text.startswith("/"):
            return self._absolute(text, wide)
        if self.cwd is None:
            return Located(text, "unknown", wide)
        if self.cwd.startswith("/"):
            return self._absolute(self.cwd.rstrip("/") + "/" + text, wide)
        if self.workspace is not None:
            return self._absolute(f"{self.workspace.rstrip('/')}/{self.cwd}/{text}", wide)
        parts = _walk(f"{self.cwd}/{text}")
        if parts is None:
            return Located(text, "elsewhere", True)
        return self._in_workspace("/".join(parts), wide)

    @property
    def is_workspace(self) -> bool:
        """Whether what is called the workspace can be one."""
        return self._root() is not None

    def _root(self) -> str | None:
        """The workspace, if it can be one: a folder of the system is nobody's to work in, nor is a home as a whole."""
        if self.workspace is None:
            return None
        root = "/" + "/".join(_walk(self.workspace, root=True) or ())
        if root == "/" or (not root.startswith(_WORK) and _place(root, self) == "system" and root not in _TEMPORARY):
            return None
        return root

    def _absolute(self, text: str, wide: bool) -> Located:
        path = "/" + "/".join(_walk(text, root=True) or ())
        root = self._root()
        if root is not None:
            if path == root or path.startswith(root + "/"):
                return self._in_workspace(path[len(root) + 1 :], wide)
            if root.startswith(path.rstrip("/") + "/") and _place(path, self) not in ("system", "home"):
                return Located(path, "elsewhere", True)  # a folder that holds the workspace
        place = _place(path, self)
        within: Place | None = None
        if place == "system" and path != "/":
            below = _place(path + "/x", self)
            within = below if below != "system" else None
        return Located(path, place, wide, within=within)

    def _in_workspace(self, inside: str, wide: bool) -> Located:
        if any(_climbs(part) for part in inside.split("/")) and wide:
            return Located(inside, "elsewhere", True)  # `.*` may stand for `..`
        return Located(inside or ".", "workspace", wide, inside or ".")


def _climbs(part: str) -> bool:
    """Whether a pattern stands for ``..`` too."""
    return part in (".*", "..*", ".?", ".??", ".[.]", ".?*")


def _walk(path: str, *, root: bool = False) -> list[str] | None:
    """The names on the way, ``..`` taken back; None if it leads out above the start (at the root that is the root)."""
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        elif not root:
            return None
    return parts


def _below_temporary(text: str, rest: str, wide: bool, *, sure: bool) -> Located:
    """`rest` follows ``$TMPDIR``. Where the variable is not set, ``$TMPDIR/`` alone would be the root."""
    if _EXPANSION.search(rest) or (rest and not rest.startswith("/")):
        return Located(text, "unknown", wide)
    parts = _walk(rest.strip("/"))
    if parts is None:
        return Located(text, "elsewhere", True)
    if not sure and all(_GLOB.search(part) for part in parts):
        return Located(text, "unknown", True)
    return Located(text, "temporary", wide)


def _place(path: str, where: Where) -> Place:
    """The place of an absolute path outside the workspace."""
    named = path
    while named and _GLOB.search(named.rpartition("/")[2]):
        named = named.rpartition("/")[0]
    home = where.home.rstrip("/") if where.home else None
    # A home below /tmp, as build machines have them, is still somebody's whole home.
    if home and (named == home or (home.startswith(named + "/") and named not in _TEMPORARY)):
        return "system"
    for folder in (*_TEMPORARY, *where.temporary):
        if path.startswith(folder.rstrip("/") + "/"):
            return "temporary"
    if (named or "/") in _WHOLE:
        return "system"
    if home and path.startswith(home + "/"):
        return "home"
    if found := _HOMES.match(named):
        return "system" if found.end() == len(named) else "home"
    top = "/" + named.split("/", 2)[1]
    if top in _SYSTEM and top not in ("/mnt", "/media"):
        return "system"
    return "elsewhere" if not _GLOB.search(top) else "system"


def harmless_sink(path: str) -> bool:
    """Whether what is written there goes nowhere, or to who is watching."""
    return path in _SINKS or path.startswith(("/dev/fd/", "/dev/pts/", "/proc/self/fd/"))


def is_device(path: str) -> bool:
    """Whether a raw device: a disk, a partition, memory."""
    return bool(_DEVICE.match(path))
