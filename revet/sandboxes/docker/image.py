"""`revet sandbox image`: an image made of files of this machine, for engines that can pull none.

It holds the interpreter that runs Revet and its environment, at their own paths, the shared libraries that they need,
a shell with the usual tools, and a small made-up ``/etc``. No home, no configuration, no secret of this machine.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from revet.errors import DiskFull, InputError, SandboxUnavailable
from revet.sandboxes.docker.container import USER
from revet.sandboxes.docker.engine import explained
from revet.sandboxes.local.profile import ETC, SYSTEM
from revet.sandboxes.local.python import Interpreter, find_interpreter, is_environment, trace

__all__ = ["ELSEWHERE", "MOVED", "build", "default_tag"]

LABEL = "revet.image"
MOVED = "revet.moved"
"""The label that lists, between colons, the paths that lie below `ELSEWHERE` in the image."""
ELSEWHERE = Path("/opt/revet")
# What a container has mounted over what the image has there.
HIDDEN = tuple(map(Path, ("/tmp", "/run", "/dev", "/proc", "/sys", "/revet")))
TOOLS = (
    *("sh", "bash", "env", "ls", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "ln", "touch", "chmod", "mkfifo", "mknod"),
    *("echo", "printf", "true", "false", "test", "[", "sleep", "seq", "yes", "tee", "timeout", "nohup", "setsid"),
    *("head", "tail", "sort", "uniq", "wc", "cut", "tr", "od", "expr", "date", "id", "whoami", "uname", "hostname"),
    *("pwd", "basename", "dirname", "realpath", "readlink", "stat", "mktemp", "dd", "df", "du", "nproc", "truncate"),
    *("sha256sum", "md5sum", "base64", "cmp", "diff", "patch", "grep", "egrep", "fgrep", "sed", "awk", "mawk", "find"),
    *("xargs", "tar", "gzip", "gunzip", "make", "kill", "ps", "which", "git"),
)
# Of the system, besides programs: what they look for at fixed places.
DATA = (
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs/ca-certificates.crt", "/etc/mime.types"),
    *("/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/usr/lib/git-core/git", "/usr/share/git-core/templates"),
)
FOLDERS = {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "etc": 0o755, "tmp": 0o1777, "var/tmp": 0o1777}
# Of an installation that others are based on, only what a program needs.
NEEDLESS = re.compile(r"(^|/)(site-packages|dist-packages|test|tests|idlelib|turtledemo|config-[^/]*|ensurepip)$|\.a$")
BASE_PARTS = ("bin/python*", "lib/python3*", "lib64/python3*", "lib/libpython3*", "lib/*-linux-gnu*/libpython3*")
# Of an environment: not what else lies in its folder, which may be a project's.
ENVIRONMENT_PARTS = ("bin", "lib*", "include", "share", "pyvenv.cfg")
SECRETS = ("pip.conf", ".netrc", ".pypirc", ".env")
OWN_ETC = {
    **ETC,
    "passwd": f"root:x:0:0:root:/:/bin/false\nuser:x:{USER}:{USER}:user:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\nuser:x:{USER}:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",  # the engine gives a resolv.conf
}
NAME = re.compile(r"([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?")
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def default_tag() -> str:
    """The image that `Docker()` uses, and that `build` makes: one for each environment."""
    import revet

    major, minor = sys.version_info[:2]
    which = hashlib.sha256(os.fsencode(sys.prefix)).hexdigest()[:8]
    return f"revet-sandbox:{revet.__version__}-py{major}.{minor}-{which}"


def build(client: Any, tag: str | None = None, *, told: Callable[[str], None] = lambda _: None) -> str:
    """Make the image and give it to the engine; its tag. `told` hears what is being done.

    InputError for a bad tag. SandboxUnavailable where this machine's files make no image; else the engine's trouble.
    """
    name = tag or default_tag()
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is not the name of an image", hint="write NAME or NAME:TAG, in lower case")
    repository, _, version = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
    if sys.platform != "linux":
        raise SandboxUnavailable(
            f"an image can be made of a Linux machine's files only, and this is {sys.platform}",
            hint="name an image that has Python 3: --sandbox docker:python:3.12-slim",
        )
    interpreter = find_interpreter(Path(sys.executable))
    with TemporaryDirectory(prefix="revet-image-") as folder:
        place = Path(folder) / "image.tar"
        told("collecting files")
        try:
            with Collector(place) as files:
                collect(files, interpreter.shown, [*interpreter.links])
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull(f"no space left in {folder} for the image", hint="free some, or set TMPDIR") from None
        told(f"giving {place.stat().st_size / 2**20:.0f} MiB to the engine")
        search = ":".join([*(str(moved(path)) for path in interpreter.path), "/usr/local/bin", "/usr/bin", "/bin"])
        elsewhere = ":".join(str(path) for path in interpreter.shown if moved(path) != path)
        changes = [
            f'ENV PATH="{search}"',
            "ENV LANG=C.UTF-8",
            f'LABEL {LABEL}=1 {MOVED}="{elsewhere}"',
            'CMD ["/bin/sh"]',
        ]
        with explained(f"make the image {name}"):
            client.api.import_image_from_file(str(place), repository=repository, tag=version, changes=changes)
            # The image that had the name before has none now.
            client.api.prune_images(filters={"dangling": True, "label": LABEL})
    return name


class Collector:
    """Writes a tar: each path once, with the links on the way to it, as root's, readable by all."""

    def __init__(self, place: Path) -> None:
        self.tar = tarfile.open(place, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by __exit__
        self.seen: set[str] = set()
        self.binaries: list[str] = []

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self.tar.close()

    def add(self, path: Path) -> None:
        """A file, a link with what it leads to, or a folder without its content."""
        met = Interpreter(path)
        real = trace(path, met)
        for link, target in met.links.items():
            self.above(link)
            self.put(link, tarfile.SYMTYPE, 0o777, target=target)
        if real.exists():
            self.above(real)
            self.leaf(real)

    def above(self, path: Path) -> None:
        for folder in reversed(moved(path).parents[:-1]):
            self.put(folder, tarfile.DIRTYPE, 0o755)

    def leaf(self, real: Path) -> None:
        info = real.lstat()
        executable = 0o111 if info.st_mode & stat.S_IXUSR else 0
        if stat.S_ISDIR(info.st_mode):
            self.put(real, tarfile.DIRTYPE, 0o755)
        elif stat.S_ISREG(info.st_mode) and os.access(real, os.R_OK):
            with real.open("rb") as stream:
                if stream.read(4) == b"\x7fELF":
                    self.binaries.append(str(real))
                stream.seek(0)
                self.put(real, tarfile.REGTYPE, 0o444 | executable, content=stream, size=info.st_size, at=info.st_mtime)

    def put(
        self, path: Path, kind: bytes, mode: int, *, target: str = "", content: Any = None, size: int = 0, at: float = 0
    ) -> None:
        name = str(moved(path)).lstrip("/")
        if not name or name in self.seen:
            return
        self.seen.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.size, entry.mtime = kind, mode, target, size, int(at)
        self.tar.addfile(entry, content)

    def text(self, path: str, content: str) -> None:
        data = content.encode()
        self.put(Path("/") / path, tarfile.REGTYPE, 0o444, content=io.BytesIO(data), size=len(data))


def moved(path: Path) -> Path:
    """Where the path lies in the image: at its own place, unless nothing would be seen there."""
    return ELSEWHERE / path.relative_to("/") if hidden(path) else path


def hidden(path: Path) -> bool:
    return any(path.is_relative_to(place) and path != place for place in HIDDEN)


def collect(files: Collector, prefixes: list[Path], links: list[Path]) -> None:
    """Put everything into the tar; the libraries last, when it is known who needs them."""
    for name, mode in FOLDERS.items():
        files.above(Path("/") / name)
        files.put(Path("/") / name, tarfile.DIRTYPE, mode)
    for name, text in OWN_ETC.items():
        files.text(f"etc/{name}", text)
    for path in (*links, *(folder for folder in map(Path, SYSTEM) if folder.is_symlink())):
        files.add(path)
    for prefix in prefixes:
        for part in parts(prefix):
            for path in below(part):
                if not secret(path, prefix):
                    files.add(path)
    found = [Path(tool) for name in TOOLS if (tool := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin"))]
    for path in [*found, *map(Path, DATA)]:
        for each in below(path) if path.exists() else ():
            files.add(each)
    for path in libraries(files.binaries):
        files.add(path)


def parts(prefix: Path) -> Iterator[Path]:
    """What of an interpreter's prefix is needed."""
    if is_environment(prefix.parent):  # it is such a part already
        yield prefix
        return
    if is_environment(prefix):
        for pattern in ENVIRONMENT_PARTS:
            yield from prefix.glob(pattern)
        return
    for pattern in BASE_PARTS:
        yield from prefix.glob(pattern)
    if sys.prefix == sys.base_prefix:  # no environment: what is installed lies in the installation
        yield from (Path(place) for place in sys.path if NEEDLESS.search(place) and Path(place).is_dir())


def secret(path: Path, prefix: Path) -> bool:
    """Whether a file is one of this machine's alone: of an environment, what only its owner may read.

    The mode says nothing where the owner lets nobody read anything, ``pyvenv.cfg`` included.
    """
    if path.name in SECRETS:
        return True
    marker = prefix / "pyvenv.cfg"
    return marker.is_file() and others_read(marker) and path.is_file() and not others_read(path)


def others_read(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)


def below(top: Path) -> Iterator[Path]:
    """The path, and of a folder what it holds."""
    yield top
    if not top.is_dir() or top.is_symlink():
        return
    environment = is_environment(top.parent) or top.name in ("site-packages", "dist-packages")
    for folder, folders, names in os.walk(top):
        inside = environment or "site-packages" in Path(folder).parts
        folders[:] = [name for name in folders if inside or not NEEDLESS.search(name)]
        yield from (Path(folder) / name for name in (*folders, *names) if inside or not NEEDLESS.search(name))


def libraries(binaries: list[str]) -> Iterator[Path]:
    """The shared libraries that the programs and modules need, and the loader."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise SandboxUnavailable(
            "the libraries of the interpreter cannot be found: there is no `ldd`", hint="install libc-bin"
        )
    for start in range(0, len(binaries), 200):
        command = [ldd, *binaries[start : start + 200]]
        told = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.defpath})
        yield from (Path(path) for path in dict.fromkeys(LIBRARY.findall(told.stdout)))
