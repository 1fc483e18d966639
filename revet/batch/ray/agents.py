"""The agents of a batch on a Ray cluster: each task is sent out, and what it comes to is committed at home."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, cast

from revet.batch.agents import SharedAgents
from revet.batch.ray.archive import MOST_BYTES
from revet.batch.ray.cluster import Cluster
from revet.batch.ray.run import RayRun
from revet.batch.ray.shelf import Shelf
from revet.errors import InputError, RevetError
from revet.models.purse import Purse

if TYPE_CHECKING:
    from revet.batch.course import Reply, Runner
    from revet.graphs.events import Event
    from revet.schema import Run, Task
    from revet.store import Store
    from revet.taskfile import Settings

__all__ = ["RayAgents"]


class RayAgents:
    """`revet.batch.Agents` on the cluster at `address`: ``auto`` (or None: the one of this machine, or RAY_ADDRESS),
    ``local`` (one of its own), ``HOST:PORT`` or ``ray://HOST:PORT``.

    `most_bytes` bounds the files of a workspace that is sent, and what comes back of a task. `record`, `purse`,
    `model_jobs` and `model_rate` are as for `SharedAgents`; the last three are shares of the workers. `start` joins the
    cluster, and must be awaited first.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        record: Path | None = None,
        purse: Purse | None = None,
        model_jobs: int | None = None,
        model_rate: float | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        if most_bytes < 1:
            raise InputError(f"most_bytes must be above 0, but is {most_bytes}")
        self.cluster = Cluster(address)
        self.at_home = SharedAgents(record, purse=purse, model_jobs=model_jobs, model_rate=model_rate)
        """The agents of runs that were begun on this machine: they go on here."""
        self.record, self.purse = record, purse
        self.model_jobs, self.model_rate, self.most_bytes = model_jobs, model_rate, most_bytes
        self.slots = 0
        self._shelf: Shelf | None = None

    async def start(self) -> int:
        """Join the cluster; how many tasks fit at once (its CPUs). Raises `InputError` for one that cannot be joined,
        within seconds, and `MissingDependency`.
        """
        self.slots = await self.cluster.connect()
        self._shelf = Shelf(self.cluster, self.most_bytes)
        return self.slots

    @property
    def shelf(self) -> Shelf:
        """The archives that the cluster holds."""
        if self._shelf is None:
            raise RevetError("the cluster was not joined", hint="await start() first")
        return self._shelf

    async def ready(self, settings: Settings) -> None:
        """Nothing is needed here: the workers make the agents."""

    def __call__(self, settings: Settings, store: Store) -> Runner:
        return _RayAgent(self, settings, store)

    async def done(self, agent: Runner) -> None:
        """Nothing is an agent's own."""

    async def close(self) -> None:
        """Leave the cluster. What still runs there is nobody's: the batch has cancelled it."""
        await self.at_home.close()
        await self.cluster.close()


class _RayAgent:
    """The runner of tasks with the same settings: the run goes where it was begun."""

    def __init__(self, agents: RayAgents, settings: Settings, store: Store) -> None:
        self._agents, self._settings, self._store = agents, settings, store

    async def astream(self, task: Task, *, run_id: str | None = None) -> AsyncIterator[Event]:
        run = RayRun(self._agents, self._settings, self._store, task, run_id)
        if run_id is not None and await run.is_local():
            stream = self._local(lambda agent: agent.astream(task, run_id=run_id))
        else:
            stream = run.stream()
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def aresume(self, run: Run, answer: Reply) -> AsyncIterator[Event]:
        """Give a person's answer: see `RayRun.answered`."""
        remote = RayRun(self._agents, self._settings, self._store, run.task, run.id)
        if remote.is_waiting():
            stream = remote.answered(run, answer)
        else:
            stream = self._local(lambda agent: agent.aresume(run, answer))
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def _local(self, begin: Callable[[Runner], AsyncIterator[Event]]) -> AsyncGenerator[Event, None]:
        """What an agent on this machine says, where the run was begun here."""
        agents = self._agents.at_home
        await agents.ready(self._settings)
        agent = agents(self._settings, self._store)
        try:
            async with aclosing(cast("AsyncGenerator[Event, None]", begin(agent))) as events:
                async for event in events:
                    yield event
        finally:
            await agents.done(agent)
