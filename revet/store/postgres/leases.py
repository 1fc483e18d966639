"""Leases as rows of a PostgreSQL database, on the clock of that database.

Whoever holds one renews it every third of its time, in a thread of the process; if the process dies or is cut off, it
runs out, and the next who asks for it takes it over. A process that was only stopped for so long (a suspended machine,
a broken network) finds that out before it does anything that cannot be taken back (`check`), and the record of a run
that somebody else has taken over is not written over (`fence`).
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from revet.errors import StoreError
from revet.store.leases import taken_over
from revet.store.postgres.connection import Postgres
from revet.store.postgres.text import escaped

__all__ = ["PostgresLeases"]

_TAKE = """
INSERT INTO revet.leases AS l (key, holder, until)
VALUES (%(key)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE l.until <= clock_timestamp() OR l.holder = excluded.holder
RETURNING key
"""
# All who lock several rows do so in the order of the keys: they never wait for each other in a circle.
_MINE = (
    "SELECT key FROM revet.leases WHERE (key, holder) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY key"
)
_RENEW = f"""
WITH mine AS ({_MINE} FOR NO KEY UPDATE)
UPDATE revet.leases AS l SET until = clock_timestamp() + make_interval(secs => %s)
FROM mine WHERE l.key = mine.key RETURNING l.key
"""
_OURS = f"{_MINE} FOR SHARE"
_GIVE_BACK = "DELETE FROM revet.leases WHERE key = %s AND holder = %s"
_FORGET = "DELETE FROM revet.leases WHERE until < clock_timestamp() - interval '1 day'"
_HOLDER = "SELECT holder, until > clock_timestamp() FROM revet.leases WHERE key = %s"

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that goes on while the machine is suspended."""


@dataclass
class _Held:
    """A lease that is held here. `until` is on the clock of this machine, and not later than on the database's."""

    holder: str
    until: float
    taken_over: bool = False

    @property
    def lost(self) -> bool:
        return self.taken_over or time.clock_gettime(_CLOCK) > self.until


class PostgresLeases:
    """Leases of `seconds` in the database `db` (`revet.store.leases.Leases`)."""

    def __init__(self, db: Postgres, seconds: float) -> None:
        self.seconds = seconds
        self._db = db
        self._begin()

    def _begin(self) -> None:
        """Nothing is held: at first, and in a process that was forked, which has nothing of its parent's."""
        self._held: dict[str, _Held] = {}
        self._turn = threading.Condition()
        self._renewing: threading.Thread | None = None
        self._process = os.getpid()

    @contextmanager
    def hold(self, key: str, busy: StoreError) -> Iterator[None]:
        if self._process != os.getpid():
            self._begin()
        held, process = self._take(key, busy), self._process
        with self._turn:
            self._held[key] = held
            self._keep_renewing()
        try:
            yield
        finally:
            if process == os.getpid():  # and not in a child that was forked inside
                with self._turn:
                    if self._held.get(key) is held:  # it was lost, and this process took it again, otherwise
                        del self._held[key]
                    self._turn.notify_all()
                with suppress(StoreError):  # it runs out by itself
                    self._db.write(lambda connection: connection.execute(_GIVE_BACK, (escaped(key), held.holder)))

    def holder(self, key: str) -> bool | None:
        return self._who(key) is not None

    def lost(self, key: str) -> bool:
        held = self._held.get(key)
        return held is not None and held.lost

    def check(self, *keys: str) -> None:
        mine = {key: self._held[key] for key in keys if key in self._held}
        if not mine:
            return
        self._renew(mine)
        if lost := [key for key, held in mine.items() if held.taken_over]:
            raise taken_over(*lost)

    def fence(self, connection: Connection[Any], keys: Sequence[str]) -> None:
        """Inside a transaction: nobody else takes these leases over before it ends. Raises `StoreError` if somebody
        has done so.
        """
        mine = {key: self._held[key] for key in keys if key in self._held}
        if mine:
            ours = {key for (key,) in connection.execute(_OURS, _pairs(mine))}
            if lost := [key for key in mine if escaped(key) not in ours]:
                raise taken_over(*lost)

    # --- taking and renewing -------------------------------------------------------------------------------

    def _take(self, key: str, busy: StoreError) -> _Held:
        holder = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
        values = {"key": escaped(key), "holder": holder, "seconds": self.seconds}
        asked = time.clock_gettime(_CLOCK)
        if self._db.write(lambda connection: connection.execute(_TAKE, values).fetchall()):
            return _Held(holder, asked + self.seconds)
        who = self._who(key)
        said = str(busy).partition("\n")[0]
        raise type(busy)(f"{said}: {who} has it" if who else said, hint=busy.hint)

    def _who(self, key: str) -> str | None:
        """Who holds it now, for people."""
        found = self._db.query(_HOLDER, escaped(key))
        if not found or not found[0][1]:
            return None
        host, process, _ = str(found[0][0]).split(" ")
        return f"process {process} on {host}"

    def _keep_renewing(self) -> None:
        """Have a thread that renews what is held, for as long as there is something."""
        if self._renewing is None or not self._renewing.is_alive():
            self._renewing = threading.Thread(target=self._renew_all, name="revet leases", daemon=True)
            self._renewing.start()

    def _renew_all(self) -> None:
        with suppress(StoreError):
            self._db.write(lambda connection: connection.execute(_FORGET), at_once=True)
        while True:
            with self._turn:
                if self._turn.wait_for(lambda: not self._held, self.seconds / 3):
                    self._renewing = None
                    return
                mine = dict(self._held)
            with suppress(StoreError):  # tried again; what cannot be renewed in time is lost by the clock
                self._renew(mine, at_once=True)  # however long others wait for somebody's lock

    def _renew(self, mine: dict[str, _Held], *, at_once: bool = False) -> None:
        asked = time.clock_gettime(_CLOCK)
        values = (*_pairs(mine), self.seconds)
        found = self._db.write(lambda connection: connection.execute(_RENEW, values).fetchall(), at_once=at_once)
        ours = {key for (key,) in found}
        for key, held in mine.items():
            if escaped(key) in ours:
                held.until = asked + self.seconds
            else:
                held.taken_over = True


def _pairs(held: dict[str, _Held]) -> tuple[list[str], list[str]]:
    return [escaped(key) for key in held], [each.holder for each in held.values()]
