"""On a worker: the whole loop of one task on a copy of its workspace, and what a commit would leave, as data.

Nothing is committed here, and nothing outlives the task but models that are loaded (they stay for the next one) and the
archives of the node (see `revet.batch.ray.kept`).
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from contextlib import aclosing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.actions.disk import snapshot
from revet.actions.registry import handler_of
from revet.batch.agents import SharedAgents
from revet.batch.ray.archive import unpack
from revet.batch.ray.kept import fetched
from revet.batch.ray.lessons import take_along, taught
from revet.batch.ray.wire import Fault, Order, Returned, brought_home, moved
from revet.errors import CommitError, UnsupportedAction
from revet.graphs import Agent
from revet.graphs.bench import Bench
from revet.sandboxes.scratch import Scratch, no_room
from revet.schema import Changes, Draft, Receipt, Run, Task, utcnow
from revet.schema.base import to_json
from revet.store import Store

if TYPE_CHECKING:
    from revet.graphs.events import Event
    from revet.taskfile import Settings

__all__ = ["Copies", "CopyBench", "OnCopy", "done"]

LOCAL = "run it with --engine local"


def done(node: str, order: bytes, archives: dict[str, list[Any]]) -> bytes:
    """Do the order; the JSON of what it came to. In the thread of Ray's task, which `ray.cancel` interrupts."""
    from ray.exceptions import RayError

    told = Order.model_validate_json(order)
    try:
        returned = _run(_done(node, told, archives))
    except RayError:
        raise  # an archive cannot be had: Ray tells the driver, which puts it into the cluster again
    except Exception as error:  # noqa: BLE001 - told to the driver, which raises it
        returned = Returned(node=node, fault=Fault.of(error))
    return to_json(returned).encode()


async def _done(node: str, order: Order, archives: dict[str, list[Any]]) -> Returned:
    with Scratch() as folder:
        # A scratch folder is locked, and nobody may work inside a folder of this user's alone that another holds.
        # Nobody gains by this mode: to write into a folder takes the right to search it, too.
        folder.chmod(0o702)
        places = await asyncio.to_thread(_laid_out, order, archives, folder)
        task = Task.model_validate(moved(order.task.model_dump(mode="json"), places))
        settings = _settings(moved(order.settings, places))
        record = folder / "recorded.jsonl" if order.record else None
        store = Store(folder / "store")
        await asyncio.to_thread(take_along, store.folder, order.notes)
        agents, own = _agents(order, record)
        try:
            run, fault, contents = await _followed(agents, settings, store, task, order)
        finally:
            if own:
                await agents.close()
        back = {there: here for here, there in places.items()}
        return Returned(
            node=node,
            run=run and brought_home(run, back, order.task),
            fault=fault and _home_fault(fault, back),
            contents=contents,
            notes=await asyncio.to_thread(taught, store.folder, order.run),
            recorded=record.read_bytes() if record is not None and record.is_file() else b"",
        )


def _laid_out(order: Order, archives: dict[str, list[Any]], folder: Path) -> dict[str, str]:
    """Unpack what came along below `folder`. Where each path of the driver lies here."""
    places = {}
    try:
        if order.supplies is not None:
            with fetched(order.supplies, archives[order.supplies]) as file:
                unpack(file, folder / "supplies")
            places = {path: str(folder / "supplies" / name) for path, name in order.carried.items()}
        if order.workspace is not None:
            home = order.task.workspace
            assert home is not None
            copy = folder / "copy" / (Path(home).name or "workspace")
            copy.parent.mkdir()
            with fetched(order.workspace, archives[order.workspace]) as file:
                unpack(file, copy)
            places |= {order.named or home: str(copy), home: str(copy)}
    except OSError as error:
        raise no_room(error, folder) from error
    return places


def _settings(given: dict[str, Any]) -> Settings:
    from revet.taskfile import settings_from

    return settings_from(given)


async def _followed(
    agents: SharedAgents, settings: Settings, store: Store, task: Task, order: Order
) -> tuple[Run | None, Fault | None, dict[str, bytes]]:
    """The run to its end, with the error that ended it, and the contents that a commit, now or later, would leave."""
    contents: dict[str, bytes] = {}
    try:
        await agents.ready(settings)
        agent = agents(settings, store)
        assert isinstance(agent, OnCopy)
        agent.most_bytes = order.most_bytes
        try:
            async with aclosing(agent.astream(task, run_id=order.run)) as events:
                async for event in events:
                    contents = await _seen(agent, event) or contents
        finally:
            await agents.done(agent)
    except Exception as error:  # noqa: BLE001 - told to the driver, with the record of how far it came
        return store.find(order.run), Fault.of(error), {}
    return store.find(order.run), None, contents


async def _seen(agent: OnCopy, event: Event) -> dict[str, bytes] | None:
    """The contents that belong to a run that waits for approval, or is committed."""
    bench = agent.at
    if event.type != "finished" or bench is None:
        return None
    run = event.run
    if run.receipt is not None:
        return bench.contents
    if run.outcome == "asked" and not run.question and run.best is not None and run.best.changes is not None:
        return bench.read(await bench.restage(run.best.draft, run.best.changes))
    return None


class CopyBench(Bench):
    """A bench on a copy. Its commit changes nothing: it keeps the `contents` that one at home needs.

    Drafts whose actions reach beyond files are refused: what they do here could not be done, or undone, at home.
    """

    most_bytes = 0
    contents: dict[str, bytes] | None = None

    async def stage(self, draft: Draft) -> Changes:
        for action in draft.actions:
            if not handler_of(action).files_only:
                raise UnsupportedAction(f"{action.kind} acts beyond files, which no worker of a cluster may: {LOCAL}")
        return await super().stage(draft)

    async def commit(self, changes: Changes, run: str) -> Receipt:
        self.contents = self.read(changes)
        return Receipt(
            id=self.transaction(changes, run),
            workspace=str(self.workspace),
            fingerprint=changes.fingerprint,
            files=changes.files,
            folders=changes.folders,
            committed_at=utcnow(),
        )

    def read(self, changes: Changes) -> dict[str, bytes]:
        """What the files of these changes, which are staged, are to hold. CommitError if that is too much to send."""
        size = sum(file.after.size for file in changes.files if file.after is not None)
        if size > self.most_bytes:
            raise CommitError(
                f"what would be committed takes {size:,} bytes, and a worker sends back at most {self.most_bytes:,}",
                hint=LOCAL,
            )
        layer = self.layer
        assert layer is not None
        found = {}
        for file in changes.files:
            if file.after is not None:
                data = snapshot(layer.root, file.path, limit=self.most_bytes).data
                if data is None:
                    raise CommitError(f"the staged {file.path} cannot be read")
                found[file.path] = data
        return found


class OnCopy(Agent):
    """An agent whose bench is on a copy: `at`, the newest."""

    at: CopyBench | None = None
    most_bytes = 0

    def bench(self, task: Task) -> CopyBench:
        self.at = CopyBench(task, self.sandbox, self.policy.sandbox_features, functions=self.functions)
        self.at.most_bytes = self.most_bytes
        return self.at


class Copies(SharedAgents):
    """Agents that work on copies."""

    def kind(self) -> type[Agent]:
        return OnCopy


def _agents(order: Order, record: Path | None) -> tuple[SharedAgents, bool]:
    """The agents for the order, and whether they are its own: what is recorded, or bounded, is for one task alone."""
    if record is None and order.tokens is None and order.cost is None:
        return _shared(order.model_jobs, order.model_rate), False
    from revet.models.purse import Purse

    bounded = order.tokens is not None or order.cost is not None
    purse = Purse(order.tokens, order.cost) if bounded else None
    return Copies(record, purse=purse, model_jobs=order.model_jobs, model_rate=order.model_rate), True


@cache
def _shared(model_jobs: int | None, model_rate: float | None) -> SharedAgents:
    """Those of this process, so that a model is loaded once for all of its tasks."""
    agents = Copies(model_jobs=model_jobs, model_rate=model_rate)
    atexit.register(lambda: _run(agents.close()))
    return agents


def _home_fault(fault: Fault, places: dict[str, str]) -> Fault:
    text, hint = fault.text, fault.hint
    for there, here in places.items():
        text, hint = text.replace(there, here), hint and hint.replace(there, here)
    return fault.model_copy(update={"text": text, "hint": hint})


# --- the event loop of this process ----------------------------------------------------------------------


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all tasks of the process, in a thread: what models and sandboxes keep open belongs to it."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="revet worker", daemon=True).start()
    return loop


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` returns. An interrupt of this thread cancels it, and is raised once it has cleaned up."""
    loop, over = _loop(), threading.Event()
    tasks: list[asyncio.Task[Any]] = []

    def begin() -> None:
        tasks.append(loop.create_task(work))
        tasks[0].add_done_callback(lambda _: over.set())

    loop.call_soon_threadsafe(begin)
    try:
        over.wait()
    except BaseException:
        loop.call_soon_threadsafe(lambda: tasks[0].cancel())
        over.wait()
        raise
    return tasks[0].result()
