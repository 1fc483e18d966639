"""An empty PostgreSQL database for each test, on the server of the session.

A test module gets it with ``from tests.store.databases import database`` and
``from tests.tools.postgres import postgres``; the fixture is its URL.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["database", "empty_database"]


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """A database while it is needed; its URL."""
    import psycopg

    from revet.store.postgres import Postgres

    name = f"t_{secrets.token_hex(6)}"
    url = server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield url
    finally:
        Postgres(url).close()
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
