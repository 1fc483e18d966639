"""Where a store is: a folder, or the URL of a database; and how a URL is shown, for it may hold a password."""

from __future__ import annotations

import os
import re
from pathlib import Path

from revet.errors import InputError

__all__ = ["SCHEMES", "VARIABLE", "from_environment", "is_url", "shown_url", "url_of"]

SCHEMES = ("postgresql", "postgres")
VARIABLE = "REVET_STORE"
"""The variable of the environment that names a store where no option does."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_SECRETS = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*&?")


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


def shown_url(url: str) -> str:
    """The URL without its password. Where it is too odd to say what of it is one, more is left out."""
    found = _URL.fullmatch(url)
    if found is None:
        return url
    scheme, rest = found.groups()
    head, mark, query = rest.partition("?")
    if "@" in query and ":" in head and "@" not in head:  # perhaps a password that holds a question mark
        return f"{scheme}://{rest.partition(':')[0]}@{rest.rpartition('@')[2]}"
    user, at, where = head.rpartition("@")
    asked = _SECRETS.sub("", mark + query).rstrip("?&")
    return f"{scheme}://{user.partition(':')[0]}{at}{where}{asked}"


def from_environment(url: str) -> bool:
    """True if this URL is what the environment names."""
    return os.environ.get(VARIABLE) == url
