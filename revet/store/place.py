"""Where a store is: a folder, or the URL of a database; and how a URL is shown, for it may hold a password."""

from __future__ import annotations

import os
import re
from pathlib import Path

from revet.errors import InputError

__all__ = ["SCHEMES", "VARIABLE", "from_environment", "is_plain", "is_url", "shown_url", "url_of"]

SCHEMES = ("postgresql", "postgres")
VARIABLE = "REVET_STORE"
"""The variable of the environment that names a store where no option does."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_PLAIN = re.compile(r"[^@/?#]*(@[^@/?#]*)?(/[^@?#]*)?(\?[^@#]*)?")
_TOLD = frozenset({"host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "target_session_attrs"})
"""Parameters of a URL that are shown. What is none of these may be a password, or a slip in the name of one."""


def is_url(place: Path | str) -> bool:
    return isinstance(place, str) and _URL.fullmatch(place) is not None


def url_of(place: Path | str) -> str | None:
    """The URL of a database, None for a folder. Raises `InputError` for a URL of something else."""
    found = _URL.fullmatch(place) if isinstance(place, str) else None
    if found is None:
        return None
    if found[1] not in SCHEMES:
        hint = "a store is a folder (SQLite), or postgresql://USER@HOST:PORT/NAME"
        raise InputError(f"there is no store of the kind {found[1]}://", hint=hint)
    return found[0]


def is_plain(url: str) -> bool:
    """False for a URL that can be read in several ways: a password with an @ or a / that is not written as %XX."""
    found = _URL.fullmatch(url)
    return found is not None and _PLAIN.fullmatch(found[2]) is not None


def shown_url(url: str) -> str:
    """The URL without its password; nothing of one that does not say surely what of it that is."""
    found = _URL.fullmatch(url)
    if found is None:
        return url
    scheme, rest = found.groups()
    if not is_plain(url):
        return f"{scheme}://…"
    head, _, query = rest.partition("?")
    asked = "&".join(each for each in query.split("&") if each.partition("=")[0] in _TOLD)
    user, at, where = head.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{where}{'?' * bool(asked)}{asked}"


def from_environment(url: str) -> bool:
    """True if this URL is what the environment names."""
    return os.environ.get(VARIABLE) == url
