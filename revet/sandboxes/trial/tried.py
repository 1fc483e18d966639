"""What a command did when it was tried on a copy of the workspace: no pydantic, for the gate is in a hurry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from revet.schema import CommandRun

__all__ = ["GRACE", "SHOWN", "Folder", "Left", "Outside", "Tried"]

GRACE = 10_000_000
"""Nanoseconds."""
SHOWN = 8_000
"""Of each of stdout and stderr, so many characters are told, the ends before the middle."""


@dataclass(frozen=True, slots=True)
class Left:
    """A file or symlink that the command created or changed, as it left it.

    `data` are its bytes, or the text of a symlink's target; None where contents were not asked for. `new`: nothing, or
    a folder, was there before.
    """

    path: str
    kind: Literal["file", "symlink"]
    mode: int
    size: int
    data: bytes | None
    new: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was made, with its permissions."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that was done outside the workspace, on a stand-in for what is there. `path` is absolute."""

    path: str
    what: Literal["create", "write", "delete", "read"]

    @property
    def is_passing(self) -> bool:
        """Something made where temporary files go, or in a cache."""
        return self.what == "create" and (self.path.startswith(("/tmp/", "/var/tmp/")) or "/.cache/" in self.path)


@dataclass(frozen=True, slots=True)
class Tried:
    """The difference that a command made to the workspace, and what else of it was seen.

    Paths are relative to the workspace, sorted, one for each file; `made` and `removed` are folders. `exit_code` is
    None if it was ended by force, and `verdict` says why (as `revet.sandboxes.ExecVerdict`). `outside` is what it did
    outside the workspace, `refused` are words about what it was not allowed to, `network` its attempts to reach a
    machine or a service, `unseen` the reasons why there may be more to it than was seen. `unkept` is what of the
    difference cannot be written down here (a pipe, the permissions of a folder). `processes` is how many it started,
    None if not known; `started` is when, in nanoseconds since 1970.
    """

    command: str
    cwd: str = "."
    exit_code: int | None = None
    verdict: str = "ok"
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    files: tuple[Left, ...] = ()
    deleted: tuple[str, ...] = ()
    made: tuple[Folder, ...] = ()
    removed: tuple[str, ...] = ()
    outside: tuple[Outside, ...] = ()
    refused: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()
    processes: int | None = None
    started: int = 0

    @property
    def ended(self) -> bool:
        """It came to its end by itself, whatever its exit status."""
        return self.verdict in ("ok", "exception")

    @property
    def complete(self) -> bool:
        """Everything that it does was seen: it ended by itself, and asked for nothing that the sandbox withholds.

        What it makes in the folders for temporary files and in caches is seen, and no reason for doubt.
        """
        withheld = [place for place in self.outside if not place.is_passing]
        return self.ended and not (withheld or self.refused or self.network or self.unseen or self.unkept)

    @property
    def paths(self) -> list[str]:
        """All that would be another."""
        return [*(f.path for f in self.files), *self.deleted, *(f.path for f in self.made), *self.removed]

    def moved(self, workspace: Path) -> list[str]:
        """What of that somebody else changed on disk while the command ran, or since then.

        The command may have seen it as it was, or as it is: nobody can know. Files that were changed up to
        `GRACE` before count, too: file systems keep time no finer than that.
        """
        found = []
        for path in self.paths:
            try:
                info = (workspace / path).lstat()
            except OSError:
                continue
            folder = info.st_mode & 0o170000 == 0o040000  # whose content is listed by itself
            if not folder and info.st_ctime_ns >= self.started - GRACE:
                found.append(path)
        return found

    def __bool__(self) -> bool:
        """It changes something in the workspace."""
        return bool(self.files or self.deleted or self.made or self.removed)

    def run(self) -> CommandRun:
        """The account of it that `Changes.commands` keeps."""
        from revet.schema import CommandRun  # costs more than the trial

        outside = [f"{seen.what} {seen.path}" for seen in self.outside]
        unseen = [f"not seen: {reason}" for reason in (*self.unkept, *self.unseen)]
        return CommandRun(
            command=self.command,
            exit_code=self.exit_code,
            verdict=self.verdict,
            stdout=told(self.stdout),
            stderr=told(self.stderr),
            refused=(*outside, *self.refused, *unseen)[:50],
            network=self.network[:50],
            seconds=self.seconds,
        )


def told(output: bytes) -> str:
    """Output as text, cut in its middle."""
    text = output.decode("utf-8", "backslashreplace")
    if len(text) <= SHOWN:
        return text
    half = SHOWN // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
