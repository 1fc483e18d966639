"""What every sandbox promises. A failing program is a result; a broken sandbox raises `SandboxBroken`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pydantic import Field

from revet.schema import Model

__all__ = ["ExecResult", "ExecVerdict", "Layer", "Limits", "Sandbox", "Session"]

MIB = 1024 * 1024


class Limits(Model):
    """What one program may use. Every field must be positive.

    Without a cgroup, `memory` bounds each process (RLIMIT_AS), so the whole is bounded by memory × processes.
    """

    wall_seconds: float = Field(default=60.0, gt=0)
    cpu_seconds: int = Field(default=60, gt=0)
    memory: int = Field(default=2048 * MIB, gt=0, description="bytes of address space for each process")
    processes: int = Field(default=256, gt=0)
    file_size: int = Field(default=64 * MIB, gt=0, description="bytes, the largest file that can be written")
    open_files: int = Field(default=512, gt=0)
    output: int = Field(default=1 * MIB, gt=0, description="bytes kept of each of stdout and stderr")
    report: int = Field(default=32 * MIB, gt=0, description="bytes kept of the report channel")
    tmp: int = Field(default=256 * MIB, gt=0, description="bytes of the private /tmp")


class ExecVerdict(StrEnum):
    ok = "ok"  # exit status 0
    exception = "exception"  # any other exit status
    timeout = "timeout"  # wall or CPU time ran out; it was killed, partial output is kept
    signal = "signal"  # ended by a signal that we did not send
    output_limit = "output_limit"  # wrote more than the limit; it was killed, the first part is kept


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

    @property
    def ok(self) -> bool:
        return self.verdict is ExecVerdict.ok


class Layer(Model):
    """A staged difference, laid over a workspace: files under `root` replace or add, `deleted` paths vanish.

    `root` mirrors the workspace's folders (with their modes) for the changed paths only.
    """

    root: Path
    deleted: tuple[str, ...] = ()


class Session(Protocol):
    """A workspace inside a sandbox. Each `exec` sees the workspace with the layer over it, in a fresh scratch
    copy on top: what the program writes is gone afterwards, and never reaches the workspace or the layer.

    The workspace appears at its own absolute path (virtual environments and editable installs hold such
    paths).
    """

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
    ) -> ExecResult:
        """Run `argv` to its end, or to a limit.

        `cwd` and `read_only` are relative to the workspace; the `read_only` paths that exist cannot be
        written, not even in the scratch copy. Where a symlink leads to one, what it leads to cannot be written;
        the symlink itself can be replaced, and is then in `ExecResult.touched`. `files` appear read-only at their
        absolute paths inside (below ``/revet``). With `report`, the program finds in ``REVET_REPORT`` the number
        of a descriptor, open for writing, whose bytes come back in `ExecResult.report` and, as they arrive,
        through `on_report`.
        Nothing of the host's environment is passed in; `env` adds to a minimal one (PATH, HOME, LANG,
        TMPDIR).
        """
        ...

    async def close(self) -> None: ...


class Sandbox(Protocol):
    """Makes sessions. `name` is what users write after ``--sandbox``."""

    name: str

    async def open(self, workspace: Path | None, *, python: Path | None = None) -> Session:
        """A session on `workspace` (None: an empty one). `python` is an interpreter that must be usable
        inside.

        Raises `SandboxUnavailable` with the reason and the remedy; never falls back to running in-process.
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
