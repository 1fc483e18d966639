"""Containers for a session's runs: one is always made ahead, with the workspace in it, so that a run need not wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from revet.errors import HostError, RevetError, SandboxBroken
from revet.sandboxes import packs
from revet.sandboxes.docker.container import Container, Setup, Shape
from revet.sandboxes.docker.engine import remove

__all__ = ["Need", "Supply"]


@dataclass(frozen=True)
class Need:
    """What a run needs its container to be and to hold."""

    shape: Shape
    manifest: packs.Manifest
    locks: packs.Locks | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class Supply:
    """Makes containers and removes them. `names` are the ids of those that there are."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.names: set[str] = set()
        self._spare: asyncio.Task[Container] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def take(self, need: Need) -> Container:
        """A container that holds what is needed; the caller discards it. WorkspaceChanged, HostError."""
        spare = await self._spare_for(need)
        if spare is not None:
            with contextlib.suppress(SandboxBroken):  # it ended while it waited; a new one will say what is wrong
                return await self._filled(spare, need)
        return await self._filled(await self._wait_for(self._spawn(self._make(need.shape))), need)

    def prepare(self, need: Need) -> None:
        """Make a spare for the next run, which may need the same. It is ready sooner or later."""
        if self._spare is None:
            self._spare = self._spawn(self._ahead(need))

    async def ready(self) -> Container:
        """The spare, which stays one. Raises what went wrong with it."""
        assert self._spare is not None, "it was prepared"
        return await asyncio.shield(self._spare)

    def discard(self, container: Container) -> None:
        """Kill it and remove it, in the background: see `settle`."""
        container.close()
        self._spawn(self._try_to_remove(container.id))

    async def settle(self) -> None:
        """Wait until what was discarded is gone."""
        while tasks := {task for task in self._tasks if task is not self._spare}:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Remove all containers. What the engine does not remove now is swept by the next session."""
        await self._give_up_spare()
        await self.settle()
        trouble: HostError | None = None
        for name in list(self.names):
            try:
                await self._remove(name)
            except HostError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    async def _filled(self, container: Container, need: Need) -> Container:
        try:
            await fill(container, need)
        except BaseException:
            self.discard(container)
            raise
        return container

    async def _make(self, shape: Shape) -> Container:
        return await Container.start(self.setup, shape, self.names)

    async def _ahead(self, need: Need) -> Container:
        container = await self._filled(await self._make(need.shape), need)
        try:
            await container.sync()
        except BaseException:
            self.discard(container)
            raise
        return container

    async def _spare_for(self, need: Need) -> Container | None:
        """The spare, if it can be used. It is removed if not."""
        task, self._spare = self._spare, None
        if task is None:
            return None
        try:
            container = await self._wait_for(task)
        except RevetError:  # made anew, it will say what is wrong
            return None
        difference = packs.delta(container.manifest, need.manifest)
        if container.fits(need.shape, need.locks, need.files, difference):
            return container
        self.discard(container)
        return None

    async def _give_up_spare(self) -> None:
        task, self._spare = self._spare, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                self.discard(task.result())

    async def _wait_for(self, task: asyncio.Task[Container]) -> Container:
        """The task's container. If the wait is cancelled, the container becomes the spare, or is removed."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._spare is None:
                self._spare = task
            else:
                task.add_done_callback(self._drop)
            raise

    def _drop(self, task: asyncio.Task[Container]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.discard(task.result())

    async def _remove(self, name: str) -> None:
        await asyncio.to_thread(remove, self.setup.client, name)
        self.names.discard(name)

    async def _try_to_remove(self, name: str) -> None:
        with contextlib.suppress(HostError):  # tried again by `close`, and then told
            await self._remove(name)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it


async def fill(container: Container, need: Need) -> None:
    await container.stage(need.manifest)
    await container.lock(need.locks, need.files)
