"""Which database is meant: a file in the workspace or elsewhere, a script that makes one, or a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from revet.errors import InputError
from revet.tools.base import View

__all__ = ["Target", "target_of"]

SERVER = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)
LARGEST_SCRIPT = 64 * 1024 * 1024
HINT = "give a SQLite or DuckDB file, a .sql script, :memory: with a script, or postgresql://…"


@dataclass(frozen=True)
class Target:
    """A database. `shown` is for people, and holds no password.

    Whether a file is of SQLite or DuckDB is found out by who examines it: this process must not even look into it, for
    closing a file drops the locks that a SQLite connection in the same process has on it (POSIX advisory locks).
    """

    kind: Literal["sqlite", "duckdb", "postgres", "file"]
    shown: str
    path: str | None = None
    script: str | None = None
    url: str | None = None

    def request(self) -> dict[str, str]:
        """As the examining process is told."""
        given = {"path": self.path, "script": self.script, "url": self.url}
        return {"kind": self.kind, **{key: value for key, value in given.items() if value is not None}}

    def is_called(self, name: str) -> bool:
        """Whether a draft that names a database means this one: by path, by file name, or by the name in the URL."""
        known = Path(self.path) if self.path else Path(re.sub(r"\?.*", "", self.shown))
        return name in (self.shown, self.path, self.url, known.name, known.stem) or Path(name).name == known.name


def target_of(named: str, view: View, *, script: str | None = None) -> Target:
    """The database called `named`. Raises `InputError` where there is none."""
    if SERVER.match(named):
        return Target("postgres", re.sub(r"//[^@/]*@", "//", named), url=named)
    prefix, _, rest = named.partition(":")
    kind = prefix.lower() if prefix.lower() in ("sqlite", "duckdb") and rest else None
    if kind is not None:
        named = re.sub(r"^//(?=/)|^///", "", rest) if rest.startswith("//") else rest
    elif re.match(r"[a-z][a-z0-9+.-]+://", named, re.IGNORECASE):
        raise InputError(f"{prefix}: databases of this kind cannot be asked", hint=HINT)
    if named == ":memory:":
        if script is None:
            raise InputError("a database in memory is empty without a script", hint="give Sql(':memory:', script=…)")
        return Target("duckdb" if kind == "duckdb" else "sqlite", ":memory:", script=script)
    path = _path(named, view)
    if path.suffix.lower() == ".sql":
        return Target("duckdb" if kind == "duckdb" else "sqlite", path.name, script=_script(path))
    return Target("duckdb" if kind == "duckdb" else "sqlite" if kind == "sqlite" else "file", path.name, path=str(path))


def _path(named: str, view: View) -> Path:
    try:
        path = Path(named).expanduser()
        if not path.is_absolute():
            staged = view.layer.root / path if view.layer is not None else None
            if staged is not None and staged.is_file():
                return staged.resolve()
            if view.workspace is None:
                raise InputError(
                    f"the database {named} is a relative path, and the task {view.task.id} has no workspace",
                    hint="give an absolute path",
                )
            path = view.workspace / path
        if not path.is_file():
            raise InputError(f"there is no database {path}", hint=HINT)
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"the database {named[:200]!r} cannot be found: {error}", hint=HINT) from None


def _script(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_SCRIPT:
            raise InputError(f"{path} is larger than {LARGEST_SCRIPT} bytes", hint="make a database file of it once")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the script {path} cannot be read: {error}", hint="it must be UTF-8 text") from None
