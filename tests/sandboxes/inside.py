"""Running programs in a session, and looking at what the host has of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from revet.sandboxes import ExecResult, Limits
from revet.sandboxes.local import LocalSession

SHORT = Limits(wall_seconds=20, cpu_seconds=20)
MIB = 1024 * 1024


async def shell(session: LocalSession, script: str, **options: object) -> ExecResult:
    options.setdefault("limits", SHORT)
    return await session.exec(["/bin/sh", "-c", script], **options)  # type: ignore[arg-type]


async def python(session: LocalSession, source: str, **options: object) -> ExecResult:
    options.setdefault("limits", SHORT)
    return await session.exec(["python", "-I", "-S", "-c", source], **options)  # type: ignore[arg-type]


def snapshot(top: Path) -> dict[str, tuple[int, bytes | str]]:
    found: dict[str, tuple[int, bytes | str]] = {}
    for place in sorted(top.rglob("*")):
        info = place.lstat()
        content: bytes | str = ""
        if place.is_symlink():
            content = str(place.readlink())
        elif place.is_file():
            content = place.read_bytes()
        found[str(place.relative_to(top))] = (stat.S_IMODE(info.st_mode), content)
    return found


def command_lines() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


def alive(marker: str) -> bool:
    return any(marker.encode() in line for line in command_lines())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
