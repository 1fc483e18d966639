"""Connections to a PostgreSQL database: a few for each URL and process, shared by all threads, made when needed.

A statement that is lost with its connection (the server was restarted, the network broke) is done once more on a new
one: a query always, and what `Postgres.write` does, which must therefore come to the same when it is done twice.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, conninfo

from revet.errors import StoreError
from revet.store.place import is_plain, shown_url
from revet.store.postgres.migrations import MIGRATIONS, form_of, migrate
from revet.store.postgres.telling import telling, unusable_url

__all__ = ["MOST", "Postgres", "options"]

T = TypeVar("T")

MOST = 4
"""Connections of one process to one database; who needs one more waits, but for who has one `at_once`."""
CONNECT_SECONDS = 10
IDLE_SECONDS = 5.0
"""A connection that was not used for so long is tried before it is used: the server may have closed it."""
STOPPED_SECONDS = 30
PAUSE = 0.1
_BUSY = ("too many clients", "remaining connection slots", "too many connections", "starting up", "shutting down")
_DO_AGAIN = ("40001", "40P01", "57P01", "57P02", "57P03")
"""Transactions that met another one, and servers that go down: nothing of the transaction happened."""
_TRIES = 5


class Postgres:
    """The database at `url`. Making one touches nothing; all objects for one URL share their connections.

    Everything raises `StoreError` for what goes wrong with the database, and `InputError` for a URL that is none.
    All methods may be called from any thread, but not one inside `transaction` of the same thread.
    """

    def __init__(self, url: str) -> None:
        self.url, self.shown = url, shown_url(url)

    def prepare(self) -> None:
        """Make the schema, or bring one of an older version to this one, now."""
        with telling(self.url):
            self._again(lambda connection: self._made(connection))

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, with ``%s`` for each of the values. None where nothing was written yet."""

        def read(connection: Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
            if not self._ready(connection):
                return []
            return connection.execute(sql.encode(), values or None).fetchall()

        with telling(self.url):
            return self._again(read)

    def write(self, act: Callable[[Connection[tuple[Any, ...]]], T], *, at_once: bool = False) -> T:
        """What `act` gives, which is done in one transaction. It may be done twice, see above. `at_once` waits for
        nobody's connection.
        """

        def do(connection: Connection[tuple[Any, ...]]) -> T:
            self._made(connection)
            with connection.transaction():
                return act(connection)

        with telling(self.url):
            return self._again(do, at_once=at_once)

    @contextmanager
    def transaction(self) -> Iterator[Connection[tuple[Any, ...]]]:
        """A transaction, done once. If the connection is lost when it ends, it may have happened or not."""
        with telling(self.url):
            self._again(lambda connection: connection.execute("SELECT 1"))  # one that is lost is found before it begins
            with _pool(self.url).taken() as connection:
                self._made(connection)
                with connection.transaction():
                    yield connection

    def close(self) -> None:
        """Close the connections that nobody uses now. What is asked afterwards makes new ones."""
        _pool(self.url).close()

    # --- connections ---------------------------------------------------------------------------------------

    def _again(self, act: Callable[[Connection[tuple[Any, ...]]], T], *, at_once: bool = False) -> T:
        """What `act` gives on a connection; on another one, once more, if that one is lost; a few times if the
        transaction met another one.
        """
        pool, lost = _pool(self.url), False
        for tried in range(_TRIES):
            with pool.taken(at_once=at_once) as connection:
                try:
                    return act(connection)
                except psycopg.Error as error:
                    met = error.sqlstate in _DO_AGAIN
                    broken = connection.closed or connection.broken
                    if lost or not (met or broken) or tried == _TRIES - 1:
                        raise
                    lost = broken
            if lost:
                pool.close()  # the others are as old
            time.sleep(PAUSE)
        raise AssertionError("unreachable")

    def _ready(self, connection: Connection[Any]) -> bool:
        """True if there is something to read: the database is of the newest form then."""
        pool = _pool(self.url)
        if not pool.ready:
            form = form_of(connection)
            if 0 < form < len(MIGRATIONS):
                migrate(connection)
            pool.ready = form > 0
        return pool.ready

    def _made(self, connection: Connection[Any]) -> None:
        pool = _pool(self.url)
        if not pool.ready:
            if form_of(connection) < len(MIGRATIONS):
                migrate(connection)
            pool.ready = True


def options(url: str) -> dict[str, Any]:
    """The arguments of every connection to `url`, synchronous or not. Raises `InputError` if it cannot be read."""
    try:
        given = conninfo.conninfo_to_dict(url) if is_plain(url) else None
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        given = None
    if given is None:
        raise unusable_url(url)
    usual = {
        "connect_timeout": CONNECT_SECONDS,
        "fallback_application_name": "revet",
        # A server that is gone without a word is noticed in less than a minute, not in hours.
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 40_000,
    }
    return {
        "conninfo": url,
        **{name: value for name, value in usual.items() if name not in given},
        "client_encoding": "utf-8",
        "autocommit": True,
        "prepare_threshold": None,  # statements that are kept do not survive a pooler between us and the server
    }


# What it says of a connection that is lost in the middle of something is told as an error, too.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class _Pool:
    """The connections of this process to one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ready = False
        """Whether the database was seen to be of the newest form. A new connection looks again."""
        self._idle: list[tuple[float, Connection[tuple[Any, ...]]]] = []
        self._turn = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST)

    @contextmanager
    def taken(self, *, at_once: bool = False) -> Iterator[Connection[tuple[Any, ...]]]:
        """A connection, for this thread alone."""
        with nullcontext() if at_once else self._room:
            connection = self._kept() or self._connect()
            try:
                yield connection
            finally:
                self._give(connection)

    def close(self) -> None:
        with self._turn:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _kept(self) -> Connection[tuple[Any, ...]] | None:
        while True:
            with self._turn:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return connection
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
            else:
                return connection

    def _give(self, connection: Connection[tuple[Any, ...]]) -> None:
        idle = psycopg.pq.TransactionStatus.IDLE
        if connection.closed or connection.broken or connection.info.transaction_status != idle:
            connection.close()
            return
        with self._turn:
            self._idle.append((time.monotonic(), connection))

    def _connect(self) -> Connection[tuple[Any, ...]]:
        """A new connection. A server that is full or about to start is asked again for a while."""
        given, deadline = options(self.url), time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                connection = psycopg.connect(**given)
                break
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or not any(each in str(error) for each in _BUSY):
                    raise
                time.sleep(PAUSE)
        self.ready = False
        try:
            # A process that is stopped in the middle of a transaction does not hold others up for ever.
            connection.execute(f"SET idle_in_transaction_session_timeout = '{STOPPED_SECONDS}s'".encode())
        except psycopg.Error:
            connection.close()
            raise
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            name = connection.info.dbname
            connection.close()
            raise StoreError(
                f"the database {name} of {shown_url(self.url)} has the encoding {encoding}, and must have UTF8",
                hint=f"make another one: createdb -E UTF8 -T template0 {name}_utf8",
            )
        return connection


_pools: dict[str, _Pool] = {}
_left: list[Sequence[_Pool]] = []
_turn = threading.Lock()


def _pool(url: str) -> _Pool:
    with _turn:
        return _pools.setdefault(url, _Pool(url))


def _close_all() -> None:
    for pool in list(_pools.values()):
        pool.close()


def _after_fork() -> None:
    """The connections are the parent's: they are neither used nor closed here."""
    global _turn
    _left.append(tuple(_pools.values()))
    _pools.clear()
    _turn = threading.Lock()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)
