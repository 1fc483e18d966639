"""Who is at work on what: one holder at a time for each key, on whatever machine it is.

A key is the id of a run, or what `Store.task_key` makes of a task. With the runs in a folder a lease is a lock of a
file (see `working`), which ends with its process. With the runs in PostgreSQL it is a row that its holder renews, and
that counts no more when it has not done so for some time (see `postgres.leases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from revet.errors import StoreError
from revet.store.working import locked, place_of, worked_on

__all__ = ["FileLeases", "Leases", "taken_over"]


class Leases(Protocol):
    """Can be used from any thread."""

    def hold(self, key: str, busy: StoreError) -> AbstractContextManager[None]:
        """Hold it inside. Raises `busy` at once if somebody else does, in this process or in another one."""
        ...

    def holder(self, key: str) -> bool | None:
        """True if somebody holds it now; None where that cannot be known."""
        ...

    def lost(self, key: str) -> bool:
        """True if it is held here and does not count any more. Asks nobody: cheap, and a moment behind."""
        ...

    def check(self, *keys: str) -> None:
        """Before something is done that cannot be taken back: raises `StoreError` if one of the keys is held here and
        does not count any more. Asks the database, and all of the lease lies ahead when it returns. Keys that are not
        held here are passed over.
        """
        ...


def taken_over(*keys: str) -> StoreError:
    """What is raised where one of these keys was held here and does not count any more."""
    return StoreError(
        f"{', '.join(keys)}: this process was stopped, or cut off from the store, for longer than its lease, so another"
        " one may have taken over",
        hint="nothing was committed by this one; `revet show` says what the other one makes of it",
    )


class FileLeases:
    """Locks in the folder of a store. `make` makes the folder, and raises `StoreError` if that cannot be."""

    def __init__(self, folder: Path, make: Callable[[], None]) -> None:
        self.folder, self._make = folder, make

    @contextmanager
    def hold(self, key: str, busy: StoreError) -> Iterator[None]:
        self._make()
        with locked(place_of(self.folder, key), busy):
            yield

    def holder(self, key: str) -> bool | None:
        return worked_on(self.folder, key)

    def lost(self, key: str) -> bool:
        return False  # the kernel keeps a lock as long as its process lives

    def check(self, *keys: str) -> None:
        pass
