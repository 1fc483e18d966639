"""A PostgreSQL server for tests: one of Debian's, started for the session on a socket in a folder of its own.

A test module gets it with ``from tests.tools.postgres import postgres``; the fixture is the URL of an empty database.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["postgres", "server"]

# Waits for a line from whoever started it, or for its end, however it comes (kill -9): then nothing is left.
GUARD = 'read -r _; "$1" -D "$2/data" -w -m immediate stop >/dev/null 2>&1; rm -rf "$2"'
INSTALL = "sudo apt-get install -y postgresql"
USERS = ("postgres", "nobody")


def programs() -> Path | None:
    """The folder of the newest server's programs."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").is_file()]
    on_path = shutil.which("initdb")
    newest = max(found, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, default=None)
    return newest or (Path(on_path).parent if on_path else None)


def unprivileged() -> dict[str, Any]:
    """How to start what refuses to run as root: as one of `USERS` that exists."""
    if os.geteuid() != 0:
        return {}
    for name in USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip(f"PostgreSQL does not run as root, and there is none of the users {', '.join(USERS)}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


@contextmanager
def server() -> Iterator[str]:
    """A server while it is needed; its URL. Skips where there is none."""
    folder = programs()
    if folder is None:
        pytest.skip(f"no PostgreSQL server here: {INSTALL}")
    pytest.importorskip("psycopg", reason="pip install 'revet[postgres]'")
    who = unprivileged()
    # Not below pytest's folder: another user must get in, and the path of a socket may have about 100 characters.
    place = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    data = place / "data"
    if who:
        os.chown(place, who["user"], who["group"])
    guard = subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", str(folder / "pg_ctl"), str(place)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
        **who,
    )
    try:

        def do(program: str, *words: str) -> None:
            done = subprocess.run(
                [str(folder / program), *words],
                cwd=place,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
                **who,
            )
            assert done.returncode == 0, done.stderr

        do("initdb", "-D", str(data), "-U", "revet", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {place} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
        do("pg_ctl", "-D", str(data), "-w", "-t", "50", "-l", str(place / "log"), "-o", options, "start")
        yield f"postgresql://revet@/postgres?host={place}"
    finally:
        guard.communicate(b"\n", timeout=60)
