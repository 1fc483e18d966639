"""URLs of databases, as they may be kept and shown."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["without_password"]

FILES = ("sqlite", "sqlite3", "duckdb")
SECRET = re.compile(r"passw|secret|token", re.IGNORECASE)
PAIR = re.compile(r"(\b\w*(?:passw|secret|token)\w*\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE)


def without_password(url: str) -> str:
    """`url` without the password of its user and without parameters that hold one. Never raises: of what cannot be
    read, rather too much is left out. URLs of files hold none.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return PAIR.sub(r"\1***", url)
    if scheme.partition("+")[0].lower() in FILES:
        return url
    authority, slash, path = rest.partition("/")
    if "@" in path.partition("?")[0]:  # a slash in the password, not escaped
        authority, slash, path = rest, "", ""
    user, at, after = authority.rpartition("@")
    place, mark, query = ((user.partition(":")[0] + at if at else "") + after + slash + path).partition("?")
    kept = "&".join(each for each in query.split("&") if not SECRET.search(unquote(each.partition("=")[0])))
    return f"{scheme}://{place}{mark if kept else ''}{kept}"
