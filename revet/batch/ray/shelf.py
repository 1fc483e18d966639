"""The archives that the cluster holds: each put there once, as many at a time as it has room for."""

from __future__ import annotations

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from revet.batch.ray.archive import Listing, listing, pack
from revet.batch.ray.cluster import Cluster
from revet.errors import WorkspaceChanged
from revet.schema import digest

__all__ = ["Parcel", "Shelf"]

TRIES = 3
AT_ONCE = 2
"""Archives that are made at the same time."""
IN_MEMORY = 4 * 1024 * 1024
SHARE = 0.4
"""Of the cluster's room for objects, what archives may take."""


@dataclass
class Parcel:
    """An archive in the cluster. It stays there while `users` need it, and longer if there is room."""

    digest: str
    size: int
    pieces: list[Any]
    users: int = 0
    known: set[str] = field(default_factory=set)
    """Digests of the listings that it was made of."""


class Shelf:
    """Of one cluster, for one event loop."""

    def __init__(self, cluster: Cluster, most_bytes: int) -> None:
        self._cluster, self._most_bytes = cluster, most_bytes
        self._parcels: OrderedDict[str, Parcel] = OrderedDict()
        self._turns, self._putting = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
        self._freed = asyncio.Condition()

    @property
    def size(self) -> int:
        """Bytes that the cluster holds of archives."""
        return sum(parcel.size for parcel in self._parcels.values())

    @asynccontextmanager
    async def parcel(self, roots: Mapping[str, Path], *, waits: bool = True) -> AsyncIterator[Parcel]:
        """The archive of what lies below the roots now, in the cluster for as long as it is used here.

        Where there is no room for it, this `waits` until others are not used any more; whoever uses one already must
        not wait for another.
        WorkspaceChanged if that changes each time it is read; WorkspaceError if it cannot travel.
        """
        parcel = await self._placed(roots, waits)
        try:
            yield parcel
        finally:
            parcel.users -= 1
            async with self._freed:
                self._freed.notify_all()

    def forget(self, parcel: Parcel) -> None:
        """The cluster does not hold it any more."""
        self._parcels.pop(parcel.digest, None)

    async def _placed(self, roots: Mapping[str, Path], waits: bool) -> Parcel:
        """The parcel, with one user more."""
        async with self._turns:
            for last in (False,) * (TRIES - 1) + (True,):
                try:
                    listed = await asyncio.to_thread(listing, roots, self._most_bytes)
                    return await self._packed(roots, listed, waits)
                except WorkspaceChanged:
                    if last:
                        raise
            raise AssertionError("the last try returns or raises")

    async def _packed(self, roots: Mapping[str, Path], listed: Listing, waits: bool) -> Parcel:
        name = digest(sorted(map(str, roots.items())), list(listed.items()), length=32)
        for parcel in self._parcels.values():
            if name in parcel.known:
                return self._used(parcel)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            made = await asyncio.to_thread(pack, roots, listed, file)
            async with self._putting:
                parcel = self._parcels.get(made) or await self._put(made, file, waits)
                parcel.known.add(name)
                return self._used(parcel)

    async def _put(self, made: str, file: IO[bytes], waits: bool) -> Parcel:
        size = file.tell()
        await self._make_room(size, waits)
        parcel = self._parcels[made] = Parcel(made, size, await self._cluster.put(file))
        return parcel

    def _used(self, parcel: Parcel) -> Parcel:
        parcel.users += 1
        self._parcels.move_to_end(parcel.digest)
        return parcel

    async def _make_room(self, size: int, waits: bool) -> None:
        """Let go of what nobody needs, the longest unused first; wait for those who need the rest."""
        most = max(int(self._cluster.room * SHARE), size)
        async with self._freed:
            while self.size + size > most:
                idle = next((parcel for parcel in self._parcels.values() if not parcel.users), None)
                if idle is not None:
                    del self._parcels[idle.digest]
                elif waits:
                    await self._freed.wait()
                else:
                    break
