"""What every sandbox promises. A failing program is a result; a broken sandbox raises `SandboxBroken`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from pydantic import Field, JsonValue

from revet.errors import InputError, SandboxUnavailable
from revet.sandboxes.network import Network
from revet.schema import Model

__all__ = [
    "Entry",
    "ExecResult",
    "ExecVerdict",
    "Feature",
    "Layer",
    "Limits",
    "Network",
    "PythonError",
    "PythonResult",
    "Refusal",
    "Sandbox",
    "Session",
    "Support",
    "demand",
]

MIB = 1024 * 1024
# What kernels can count, with something added.
MOST_BYTES, MOST_SECONDS, MOST_PROCESSES, MOST_FILES = 1 << 62, 1 << 40, 1 << 22, 1 << 20


class Limits(Model):
    """What one program may use. Every field must be positive.

    Where the sandbox has `Feature.memory_total`, `memory` bounds all processes together; elsewhere only each
    (RLIMIT_AS), so the whole is bounded by memory × processes.
    """

    wall_seconds: float = Field(default=60.0, gt=0, le=MOST_SECONDS, allow_inf_nan=False)
    cpu_seconds: int = Field(default=60, gt=0, le=MOST_SECONDS)
    memory: int = Field(
        default=2048 * MIB, gt=0, le=MOST_BYTES, description="bytes, for each process and (see above) for all"
    )
    processes: int = Field(default=256, gt=0, le=MOST_PROCESSES)
    file_size: int = Field(
        default=64 * MIB, gt=0, le=MOST_BYTES, description="bytes, the largest file that can be written"
    )
    disk: int = Field(
        default=256 * MIB,
        gt=0,
        le=MOST_BYTES,
        description="bytes written to the workspace's scratch, and to /tmp, each",
    )
    open_files: int = Field(default=512, gt=0, le=MOST_FILES)
    output: int = Field(default=1 * MIB, gt=0, le=MOST_BYTES, description="bytes kept of each of stdout and stderr")
    report: int = Field(default=32 * MIB, gt=0, le=MOST_BYTES, description="bytes kept of the report channel")


class ExecVerdict(StrEnum):
    ok = "ok"  # exit status 0; of Python code: it ran to its end
    exception = "exception"  # any other exit status; of Python code also: it ended before its end
    timeout = "timeout"  # wall or CPU time ran out; it was killed, partial output is kept
    oom = "oom"  # it used more memory than it may: killed for it, or Python's MemoryError
    signal = "signal"  # ended by a signal that we did not send
    output_limit = "output_limit"  # wrote more than the limit; it was killed, the first part is kept
    denied = "denied"  # it died of what the sandbox refused: a filtered call (SIGSYS), or Python's OSError of one
    crash = "crash"  # the sandbox died under it, and has been replaced


class Refusal(Model):
    """Something that a program left in the workspace and that was not kept, and why."""

    path: str
    reason: str


class ExecResult(Model):
    """What a program did. `stdout`, `stderr` and `report` are bytes, cut at their limits."""

    verdict: ExecVerdict
    exit_code: int | None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    report: bytes = b""
    truncated: bool = False
    seconds: float = 0.0
    touched: tuple[str, ...] = Field(
        default=(),
        description="workspace paths that the program created, changed or deleted, relative, sorted",
    )
    refused: tuple[Refusal, ...] = Field(default=(), description="of an `exec` with `keep`: what was not kept")

    @property
    def ok(self) -> bool:
        return self.verdict is ExecVerdict.ok


class PythonError(Model):
    """The exception that ended a piece of code. `line` counts from 1 in the code; None if it was not raised there."""

    type: str
    message: str
    line: int | None = None
    traceback: str = ""


class PythonResult(ExecResult):
    """What a piece of Python did. `value` is the JSON value of its result variable, None if it set none.

    `exit_code` is 0 if the code ran to its end, else the process's status.
    """

    value: JsonValue = None
    error: PythonError | None = None


class Layer(Model):
    """A staged difference, laid over a workspace: files under `root` replace or add, `deleted` paths vanish.

    `root` mirrors the workspace's folders (with their modes) for the changed paths only.
    """

    root: Path
    deleted: tuple[str, ...] = ()


class Entry(Model):
    """One thing in a folder of the workspace. `size` is in bytes, 0 for what is not a file; `mode` the permissions."""

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int = 0
    mode: int = 0


class Feature(StrEnum):
    """What not every sandbox has everywhere. `Support` says where it is missing and why; `demand` insists."""

    private_network = "private_network"  # with Network.none nothing is reached, the host's loopback included
    private_processes = "private_processes"  # sees and reaches no process but its own
    syscall_filter = "syscall_filter"
    memory_total = "memory_total"  # `Limits.memory` bounds all processes together
    cpu_total = "cpu_total"  # `Limits.cpu_seconds` bounds all processes together
    process_count = "process_count"  # `Limits.processes` counts this run alone
    capped_disk = "capped_disk"  # `Limits.disk` is kept
    no_copy = "no_copy"  # the workspace is seen through an overlay; starting takes no longer for a large one
    warm_python = "warm_python"  # `run_python` forks from a running interpreter
    sealed_result = "sealed_result"  # the program cannot write the result that the host reads
    own_kernel = "own_kernel"  # the host's kernel is not reachable: a virtual machine, or gVisor


class Support(Model):
    """What a sandbox can do here. Where `available` is false, `reason` and `hint` say why and what to do."""

    available: bool
    about: str = Field(default="", description="one line: what it is made of, versions")
    reason: str = ""
    hint: str = ""
    features: frozenset[Feature] = frozenset()
    missing: dict[Feature, str] = Field(default_factory=dict, description="why, for each feature that is not there")


def demand(sandbox: str, support: Support, features: Iterable[Feature | str]) -> None:
    """SandboxUnavailable, naming what is missing, unless all `features` are there. InputError for an unknown name."""
    for name in features:
        if name not in list(Feature):
            raise InputError(f"no sandbox has a feature {name!r}", hint=f"known: {', '.join(Feature)}")
        if name not in support.features:
            why = support.missing.get(Feature(name), "it is not supported")
            raise SandboxUnavailable(
                f"the sandbox {sandbox} lacks {name}, which was demanded: {why}",
                hint="mend that, choose another sandbox, or demand less",
            )


class Session(Protocol):
    """A workspace inside a sandbox. Each `exec` sees the workspace with the layer over it, in a fresh scratch
    copy on top: what the program writes is gone afterwards (unless kept), and never reaches the workspace or the
    layer.

    The workspace appears at its own absolute path (virtual environments and editable installs hold such
    paths).

    What `write` and an `exec` with `keep` change belongs to the session: later runs see it, `read` and `list` show
    it, `changes` gives the difference, and nothing of it reaches the workspace.
    """

    @property
    def workspace(self) -> Path: ...

    async def exec(
        self,
        argv: Sequence[str],
        *,
        layer: Layer | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cwd: str = ".",
        read_only: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        on_report: Callable[[bytes], None] | None = None,
        report: bool = False,
        keep: bool = False,
    ) -> ExecResult:
        """Run `argv` to its end, or to a limit (default: the session's).

        `cwd` and `read_only` are relative to the workspace; the `read_only` paths that exist cannot be
        written, not even in the scratch copy. Where a symlink leads to one, what it leads to cannot be written;
        the symlink itself can be replaced, and is then in `ExecResult.touched`. `files` appear read-only at their
        absolute paths inside (below ``/revet``). With `report`, the program finds in ``REVET_REPORT`` the number
        of a descriptor, open for writing, whose bytes come back in `ExecResult.report` and, as they arrive,
        through `on_report`.
        Nothing of the host's environment is passed in; `env` adds to a minimal one (PATH, HOME, LANG,
        TMPDIR).

        With `keep`, what the program changed becomes the session's, however the program ended, except what is
        listed in `ExecResult.refused`. With `keep` and a `layer`, a copy of the layer becomes the session's first, in
        place of what it had. Otherwise a `layer` cannot be combined with changes of the session's own: InputError.
        """
        ...

    async def run_python(
        self,
        code: str | bytes,
        data: JsonValue = None,
        *,
        returns: str = "result",
        layer: Layer | None = None,
        limits: Limits | None = None,
        stdin: bytes = b"",
    ) -> PythonResult:
        """Run a piece of Python, `data` in the variable ``data``, in a process of its own.

        The value of the variable `returns` comes back, if it is JSON; if it is not, that is an exception. Code that
        ends its process (``sys.exit(0)``, ``os._exit(0)``) has not run to its end and is an exception, too. What it
        writes is gone afterwards, and not every sandbox tells in `touched` what that was. It starts in the workspace.
        """
        ...

    async def read(self, path: str, *, most: int = 64 * MIB) -> bytes:
        """The content of a file of the workspace as the session has it. InputError if it is not a file, or larger."""
        ...

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file, folders above it included. InputError if the path leaves the workspace."""
        ...

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """What a folder holds, sorted by name, Revet's own ``.revet`` left out."""
        ...

    async def changes(self) -> Layer:
        """What the session changed. The layer is the session's: valid until its next change, or its end."""
        ...

    async def discard(self) -> None:
        """Drop what the session changed: it shows the workspace again."""
        ...

    async def close(self) -> None:
        """Kill what runs and remove what was made. Closing twice is harmless."""
        ...


class Sandbox(Protocol):
    """Makes sessions. `name` is what users write after ``--sandbox``."""

    name: str

    async def support(self) -> Support:
        """What works here, found by trying. Never raises for a sandbox that is not available."""
        ...

    async def open(
        self,
        workspace: Path | None = None,
        *,
        limits: Limits | None = None,
        network: Network = Network.none,
        python: Path | None = None,
        require: Iterable[Feature | str] = (),
    ) -> Session:
        """A session on `workspace` (None: an empty one). `limits` are the default of its runs. `python` is an
        interpreter of the host that must be usable inside; a sandbox with a file system of its own uses its own
        interpreter in its place, also where a command's first word names that path.

        Raises `SandboxUnavailable` with the reason and the remedy, also if a feature of `require` is missing; never
        falls back to running in-process.
        """
        ...


class AsyncClosing(ABC):
    """``async with`` for anything that has `close`."""

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
