"""The host's side of a supervisor: the program to start inside, what it is told, and what its answers mean.

For sandboxes with a file system of their own. Start `program()` with a Python inside, send it `head(...)`, packs of
the workspace (`revet.sandboxes.packs`) as ``W`` frames, the program's standard input as ``I`` frames and `order(...)`;
`feed` an `Account` with all that comes back. ``_guest/supervisor.py`` lists the frames.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import secrets
import signal
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from revet.errors import DiskFull, InputError, SandboxBroken
from revet.sandboxes._guest.frames import FRAME, MAX_FRAME, TAG, seal
from revet.sandboxes._guest.staging import MAX_PATH_BYTES
from revet.sandboxes.base import ExecResult, ExecVerdict, Limits
from revet.sandboxes.request import FILES

__all__ = ["FILES", "Account", "Corrupt", "Left", "frame", "frames", "head", "judge", "new_key", "order", "program"]

PARTS = ("frames", "staging", "supervisor")
PIECE = 1 << 18
MOST_PATHS = 250_000
KEY_BYTES = 32
OUTPUTS = (b"1", b"2", b"3")
ENDED = ("status", "cause", "error", "seconds", "oom", "cpu")
CPU_GRACE = 0.5

Cause = Literal["timeout", "closed", "callback"]


class Corrupt(Exception):
    """What came back is not the supervisor's: nothing of it may be believed."""


@cache
def program() -> str:
    """The supervisor as one Python program, to be started with ``-I -S -X utf8``."""
    folder = resources.files("revet.sandboxes").joinpath("_guest")
    sources = {part: folder.joinpath(f"{part}.py").read_text("utf-8") for part in PARTS}
    return (
        "import sys, types\n"
        "sys.modules['revet_guest'] = types.ModuleType('revet_guest')\n"
        "sys.modules['revet_guest'].__path__ = []\n"
        f"for name, source in {sources!r}.items():\n"
        "    module = types.ModuleType('revet_guest.' + name)\n"
        "    module.__package__ = 'revet_guest'\n"
        "    sys.modules[module.__name__] = module\n"
        "    exec(compile(source, name + '.py', 'exec'), module.__dict__)\n"
        "sys.modules['revet_guest.supervisor'].main()\n"
    )


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame for the supervisor. InputError if the payload has more than `MAX_FRAME` bytes."""
    if len(payload) > MAX_FRAME:
        raise InputError(
            f"a program's arguments and environment come to {len(payload)} bytes; they may have {MAX_FRAME}",
            hint="hand large data to the program on its standard input, or in files",
        )
    return FRAME.pack(kind, len(payload)) + payload


def frames(kind: bytes, data: bytes) -> Iterator[bytes]:
    """`data` as frames of one kind, as many as it takes."""
    for start in range(0, len(data), PIECE):
        yield frame(kind, data[start : start + PIECE])


def head(
    workspace: Path,
    key: bytes,
    *,
    user: int | None = None,
    watch: bool = True,
    files: str = FILES,
    links: Mapping[str, str | None] | None = None,
) -> bytes:
    """The first frame. `user`: the uid of programs, if the supervisor is root's; `watch`: end when its input ends.

    `links`: paths that are to lead elsewhere; None: to the supervisor's interpreter.
    """
    told = {"key": key.hex(), "workspace": str(workspace), "files": files, "user": user, "watch": watch}
    return frame(b"H", json.dumps({**told, "links": dict(links or {})}).encode())


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def order(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    limits: Limits,
    rlimits: Mapping[str, int],
    python: str | None,
    report: bool,
    keep: bool,
    seccomp: bytes | None,
    alone: bool = True,
) -> bytes:
    """The frame that starts a program. `rlimits` go by their names without ``RLIMIT_``; `cwd` is absolute.

    `alone`: what is counted inside (processor time, deaths for memory) is of this program and what it starts. Where
    others are counted with it, only what the program's own process has used is looked at.
    InputError if `argv` and `env` are too long for a frame.
    `python` is a path of the host's that stands for the supervisor's own interpreter where it is missing inside.
    """
    told: dict[str, Any] = {
        "argv": list(argv),
        "env": {**env, **({"REVET_REPORT": "3"} if report else {})},
        "cwd": cwd,
        "python": python,
        "wall": limits.wall_seconds,
        "alone": alone,
        "cpu": limits.cpu_seconds + CPU_GRACE if alone else None,  # RLIMIT_CPU, which says more, comes first
        "output": limits.output,
        "report": limits.report if report else None,
        "rlimits": dict(rlimits),
        "seccomp": None if seccomp is None else base64.b64encode(seccomp).decode(),
        "keep": keep,
        "file_size": limits.file_size,
        "disk": limits.disk,
    }
    return frame(b"G", json.dumps(told).encode())


@dataclass(frozen=True)
class Left:
    """Something that a program left: its content lies in the account's spool, if `sent`."""

    path: str
    kind: Literal["file", "folder", "link", "other"]
    mode: int
    size: int
    modified: int
    target: str | None
    sent: bool
    spool: IO[bytes] | None
    start: int

    def chunks(self) -> Iterator[bytes]:
        """The content of a file that was sent. OSError if it was too large to be."""
        if self.spool is None or not self.sent:
            raise OSError(errno.EFBIG, "it was too large to be brought along")
        done = 0
        while done < self.size:
            piece = os.pread(self.spool.fileno(), min(PIECE, self.size - done), self.start + done)
            if not piece:
                raise SandboxBroken(f"what was kept of {self.path!r} is not there any more")
            done += len(piece)
            yield piece


@dataclass
class Account:
    """All that a supervisor told. `feed` it bytes as they come; it raises `Corrupt` when they are not its own.

    `on_report` is called with each part of the report; what it raises, `feed` raises. `began` says whether a program
    was started: if not, the end of all this says nothing about it. Close it (it is a context manager) when what was
    left is taken.
    """

    key: bytes
    limits: Limits
    on_report: Callable[[bytes], None] | None = None
    ready: dict[str, Any] | None = None
    synced: int = 0
    began: bool = False
    ended: dict[str, Any] | None = None
    done: bool = False
    trouble: tuple[str, str] | None = None
    touched: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    left_out: int = 0
    _streams: dict[bytes, bytearray] = field(
        default_factory=lambda: {b"1": bytearray(), b"2": bytearray(), b"3": bytearray()}
    )
    _buffer: bytearray = field(default_factory=bytearray)
    _number: int = 0
    _spool: IO[bytes] | None = None
    _spooled: int = 0
    _wanted: int = 0
    _path_bytes: int = 0

    def __enter__(self) -> Account:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.done or self.trouble is not None

    def output(self, kind: Literal[b"1", b"2", b"3"]) -> bytes:
        """What arrived of stdout (1), stderr (2), the report (3)."""
        return bytes(self._streams[kind])

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= FRAME.size:
            kind, size = FRAME.unpack_from(self._buffer)
            if size > MAX_FRAME:
                raise Corrupt("a frame is too long")
            end = FRAME.size + size
            if len(self._buffer) < end + TAG:
                return
            payload, tag = bytes(self._buffer[FRAME.size : end]), bytes(self._buffer[end : end + TAG])
            if not secrets.compare_digest(tag, seal(self.key, self._number, kind, payload)):
                raise Corrupt("a frame is not the supervisor's")
            del self._buffer[: end + TAG]
            self._number += 1
            self._take(kind, payload)

    def _take(self, kind: bytes, payload: bytes) -> None:
        """What one genuine frame says. It is checked all the same: the machine that sent it ran a hostile program."""
        if self.over:
            raise Corrupt("more came after the end")
        try:
            if kind in self._streams:
                self._hear(kind, payload)
            elif kind == b"D":
                self._spool_more(payload)
            elif kind in (b"S", b"B"):
                self.synced += kind == b"S"
                self.began = self.began or kind == b"B"
            else:
                self._told(kind, json.loads(payload))
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise Corrupt(f"a frame makes no sense: {error}") from None
        if kind == b"3" and self.on_report is not None:
            self.on_report(payload)

    def _hear(self, kind: bytes, payload: bytes) -> None:
        stream = self._streams[kind]
        stream += payload
        if len(stream) > (self.limits.report if kind == b"3" else self.limits.output):
            raise Corrupt("more output came than was asked for")

    def _told(self, kind: bytes, what: Any) -> None:
        if kind == b"R":
            self.ready = dict(what)
        elif kind == b"E":
            self.ended = {name: what[name] for name in ENDED}
        elif kind in (b"T", b"V"):
            paths = self.touched if kind == b"T" else self.deleted
            paths += [self._path(path) for path in what]
            if len(paths) > MOST_PATHS:
                raise Corrupt("more paths came than are told")
        elif kind == b"A":
            self._artefact(what)
        elif kind == b"X":
            self.trouble = (str(what["kind"]), str(what["words"]))
        elif kind == b"Q" and self.ended is not None and not self._wanted:
            self.left_out, self.done = int(what["left_out"]), True
        else:
            raise Corrupt(f"an unknown frame, or one out of place: {kind!r}")

    def _path(self, told: Any) -> str:
        path = str(told)
        self._path_bytes += len(os.fsencode(path))
        if self._path_bytes > 3 * MAX_PATH_BYTES:  # what was changed, what was deleted, what was left
            raise Corrupt("more paths came than are told")
        return path

    def _artefact(self, what: dict[str, Any]) -> None:
        size, sent = int(what["size"]), bool(what["sent"])
        if self._wanted or len(self.left) > MOST_PATHS or what["kind"] not in ("file", "folder", "link", "other"):
            raise Corrupt("what was left is not told as it should be")
        if sent and size > min(self.limits.file_size, self.limits.disk - self._spooled):
            raise Corrupt("a file came that is too large to be sent")
        if sent and self._spool is None:
            self._spool = TemporaryFile(prefix="revet-kept-")  # noqa: SIM115 - closed by close()
        target = None if what["target"] is None else str(what["target"])
        mode, modified = int(what["mode"]), int(what["modified"])
        path = self._path(what["path"])
        left = Left(path, what["kind"], mode, size, modified, target, sent, self._spool, self._spooled)
        self.left.append(left)
        self._wanted = size if sent else 0

    def _spool_more(self, payload: bytes) -> None:
        if len(payload) > self._wanted or self._spool is None:
            raise Corrupt("content came that belongs to nothing")
        self._spool.write(payload)
        self._spool.flush()
        self._spooled += len(payload)
        self._wanted -= len(payload)


def judge(
    account: Account, argv: Sequence[str], *, cause: Cause | None, died: ExecVerdict, seconds: float
) -> ExecResult:
    """The result. `cause`: why the host ended it, if it did; `died`: the verdict if the supervisor said nothing.

    Raises what is the sandbox's fault: `SandboxBroken`, or `DiskFull`.
    """
    if cause == "closed":
        raise SandboxBroken("the session was closed while the program ran")
    if account.trouble is not None:
        kind, words = account.trouble
        if kind == "full":
            raise DiskFull(f"the sandbox has no room for the workspace: {words}", hint="give it more memory, or disk")
        raise SandboxBroken(f"the sandbox could not do its work: {words}")
    stdout, stderr = account.output(b"1"), account.output(b"2")
    verdict, code, number, truncated = died, None, None, False
    ended = account.ended if account.done else None  # half an account is none
    if cause == "timeout" and ended is None:
        verdict = ExecVerdict.timeout
    elif ended is not None:
        seconds, truncated = float(ended["seconds"]), ended["cause"] == "output"
        if ended["error"] is not None:
            code, stderr = not_started(ended["error"], argv[0])
            verdict = ExecVerdict.exception
        else:
            verdict, code, number = how_it_ended(ended, account.limits)
    return ExecResult(
        verdict=verdict,
        exit_code=code,
        signal=number,
        stdout=stdout,
        stderr=stderr,
        report=account.output(b"3"),
        truncated=truncated,
        seconds=seconds,
        touched=legible({*account.touched, *account.deleted}),
    )


def not_started(error: Sequence[Any], program: str) -> tuple[int, bytes]:
    """The exit code and message of a program that cannot be run."""
    step, number, words = error
    if step != "exec":
        raise SandboxBroken(f"the program's limits could not be set up: {words}")
    return 127 if number in (errno.ENOENT, errno.ENOTDIR) else 126, f"{program}: {words}\n".encode()


def how_it_ended(ended: Mapping[str, Any], limits: Limits) -> tuple[ExecVerdict, int | None, int | None]:
    """The verdict, the exit code and the signal, from the raw wait status and what the supervisor counted."""
    if ended["cause"] == "output":
        return ExecVerdict.output_limit, None, None
    if ended["cause"] is not None:
        return ExecVerdict.timeout, None, None
    status = ended["status"]
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        if code == 0:
            return ExecVerdict.ok, 0, None
        return ExecVerdict.oom if ended["oom"] else ExecVerdict.exception, code, None
    number = os.WTERMSIG(status)
    verdict = ExecVerdict.signal
    spent = ended["cpu"] or 0.0
    if number == signal.SIGXCPU or (number == signal.SIGKILL and not ended["oom"] and spent >= limits.cpu_seconds):
        verdict = ExecVerdict.timeout
    elif ended["oom"]:
        verdict = ExecVerdict.oom
    elif number == signal.SIGSYS:
        verdict = ExecVerdict.denied
    return verdict, 128 + number, number


def legible(paths: set[str]) -> tuple[str, ...]:
    """Sorted, and with bytes that are not UTF-8 written as backslash escapes."""
    return tuple(sorted(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths))
