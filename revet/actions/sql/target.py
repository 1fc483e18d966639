"""Which database a URL names: where it is, how it is shown (without its password), how it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from revet.errors import InputError
from revet.schema.urls import without_password

__all__ = ["Target", "target_of"]

FORMS = "sqlite:///PATH, duckdb:///PATH or postgresql://USER@HOST/NAME"
FILES = {"sqlite": "sqlite", "sqlite3": "sqlite", "duckdb": "duckdb"}
SERVERS = ("postgresql", "postgres")


@dataclass(frozen=True)
class Target:
    """`shown` is the URL without a password: it names the database, in changes and messages alike."""

    kind: str
    shown: str
    path: str = ""
    url: str = ""

    def request(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": self.path, "url": self.url, "shown": self.shown}


def target_of(url: str, folder: Path | None = None) -> Target:
    """The database that `url` names; a relative path is one in `folder`. InputError if it names none that is known."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.split("+", 1)[0].lower()
    if not separator:
        raise InputError(f"the database {without_password(url)!r} is no URL", hint=f"use {FORMS}")
    if scheme in FILES:
        place = rest.partition("?")[0]
        path = unquote(place[1:] if place.startswith("/") else place)
        if not path or path == ":memory:":
            raise InputError(f"the database {url!r} names no file", hint=f"use {FORMS}")
        where = Path(path)
        full = where if where.is_absolute() else (folder or Path.cwd()) / where
        full = Path(os.path.abspath(full))  # noqa: PTH100 - a link to a database stays the link that was named
        return Target(FILES[scheme], f"{FILES[scheme]}:///{quote(str(full))}", path=str(full))
    if scheme in SERVERS:
        return _server(url)
    raise InputError(f"databases of the kind {scheme!r} are not known", hint=f"use {FORMS}")


def _server(url: str) -> Target:
    try:
        parts = urlsplit(without_password(url))
        name = parts.username or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise InputError(f"the URL of the database cannot be read: {error}", hint=f"use {FORMS}") from None
    at = f"{quote(unquote(name))}@" if name else ""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    shown = urlunsplit(("postgresql", f"{at}{host}{port}", parts.path, parts.query, ""))
    if not at and not host and not shown.startswith("postgresql://"):
        shown = shown.replace("postgresql:", "postgresql://", 1)
    return Target("postgresql", shown, url="postgresql://" + url.partition("://")[2])
