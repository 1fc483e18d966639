"""`revet show RUN --html FILE`: a run as one self-contained file."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.graphs.progress import SoFar
    from revet.schema import Run

__all__ = ["check_page", "page_of", "put_page", "write_page"]

STDOUT = "-"
OURS = b'<meta name="generator" content="revet">'
"""What stands near the beginning of every page that `revet` writes."""


def page_of(known: Run | SoFar, folder: str | None) -> str:
    """The page of a run; of one that has not ended, as far as it is known. `folder`: see `cli.common.folder_shown`."""
    from revet.report.html import run_page
    from revet.report.html.words import moment
    from revet.schema import Run

    if isinstance(known, Run):
        return run_page(known, folder=folder)
    parts = [{"at work": "a process is at work on it", "stopped": "no process works on it", "unknown": ""}[known.work]]
    parts += [f"last change {moment(known.changed_at)}"] if known.changed_at else []
    more = "; ".join(filter(None, parts))
    return run_page(
        known.run, folder=folder, doing=f"It has not ended: it {known.doing}" + (f" ({more})." if more else ".")
    )


def write_page(page: str, file: str) -> None:
    """`put_page` of a file (``-``: stdout), and say so on stderr."""
    if file == STDOUT:
        sys.stdout.buffer.write(page.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    size = put_page(page, Path(file))
    typer.echo(f"{file}: {size / 1000:,.0f} kB, opens in any browser, with no network", err=True)


def put_page(page: str, target: Path) -> int:
    """Write the page to a file as a whole or not at all, and give its size in bytes. See `check_page`."""
    data = page.encode("utf-8")
    check_page(target)
    with _told(target):
        _write(target.resolve(), data)
    return len(data)


def check_page(target: Path) -> None:
    """Raise `InputError` where no page can be written, and for a file that is no page: those alone are replaced."""
    with _told(target):
        _check(target)


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"--html: {target} cannot be written: {why}", hint="name another file") from error


def _write(target: Path, data: bytes) -> None:
    """Replace a file, or write into what is no regular file: a pipe or a device is not to be replaced by a file."""
    if target.exists() and not target.is_file():
        with target.open("wb") as special:
            special.write(data)
        return
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(data)
        beside.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _check(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(f"--html: there is no folder {target.parent}", hint=f"make it first: mkdir -p {target.parent}")
    if target.is_dir():
        raise InputError(f"--html: {target} is a folder", hint=f"name a file in it: {target / 'run.html'}")
    if not target.is_file():  # it is new, or a device or a pipe, which loses nothing
        return
    with target.open("rb") as old:
        head = old.read(2000)
    if head and OURS not in head:
        raise InputError(
            f"--html: {target} exists, and is no page that revet wrote",
            hint="name another file, or remove this one first",
        )
