"""One run on a cluster, from the driver's side.

::

    workspace ─► archive ─► worker: the whole loop on a copy ─► record, contents ─► spool ─► commit ─► store
        ▲                                                                             │
        └──────────────── it is another one by now: sent again, a few times ◄─────────┘

The workspace is locked for as long, as for a run on this machine. All that a crash leaves half-done is told by two
things: the spool has what came back, and the journal of the workspace knows whether it is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.batch.ray.carried import carried, check, settings_to_send
from revet.batch.ray.cluster import Lost
from revet.batch.ray.home import commit, to_its_end
from revet.batch.ray.lessons import known, learn
from revet.batch.ray.recorded import append
from revet.batch.ray.spool import Spool, Spooled
from revet.batch.ray.wire import Order
from revet.errors import CommitError, HostError, InputError, StoreError, WorldMoved
from revet.graphs import events, records
from revet.graphs.bench import Bench
from revet.graphs.persistence import Memory, open_memory
from revet.graphs.questions import Approve, Expire, Reject, response
from revet.graphs.setup import without_secrets
from revet.graphs.turn import alone
from revet.models.wire import Reply as Answer
from revet.models.wire import Tokens
from revet.schema import Decision, DecisionKind, Run, RunOutcome, Task, new_id, utcnow

if TYPE_CHECKING:
    from revet.batch.course import Reply
    from revet.batch.ray.agents import RayAgents
    from revet.store import Store
    from revet.taskfile import Settings

__all__ = ["RayRun"]

SENDS = 3
"""How often a task is sent because its workspace was another one when it came back."""
LOCAL = "run it with --engine local"


class RayRun:
    """`run_id` is that of a run that goes on; None begins a new one."""

    def __init__(
        self, agents: RayAgents, settings: Settings, store: Store, task: Task, run_id: str | None = None
    ) -> None:
        self._agents, self._settings, self._store, self._task = agents, settings, store, task
        self._known = run_id is not None
        self.id = run_id or new_id(task.id)
        self._spool = Spool(store.folder)
        self._begun = time.monotonic()
        self._partial: Run | None = None

    async def is_local(self) -> bool:
        """True if the run was begun on this machine, and stopped where it can go on only here."""
        config: Any = {"configurable": {"thread_id": self.id}}
        async with open_memory(self._store) as memory:
            return await memory.checkpoints.aget_tuple(config) is not None

    def is_waiting(self) -> bool:
        """True if what a worker proposes is here, and may be committed."""
        return self._spool.find(self.id) is not None

    async def stream(self) -> AsyncGenerator[events.Event, None]:
        """What `Agent.astream` does: the run to its end, or to where it waits for approval."""
        if self._known:
            done = await asyncio.to_thread(self._store.find, self.id)
            if done is not None and done.task != self._task:
                raise InputError(f"run {self.id} was another task", hint="take a new run_id, or the task as it was")
            if done is not None and done.outcome not in (RunOutcome.asked, RunOutcome.failed):
                self._spool.drop(self.id)
                yield events.Started(run=self.id, task=self._task)
                yield events.Finished(run=done)
                return
        check(self._task, self._settings)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(alone(self._store, self.id))
            bench = await stack.enter_async_context(Bench(self._task, None))
            memory = await stack.enter_async_context(open_memory(self._store))
            await memory.begin(self.id, self._task)
            yield events.Started(run=self.id, task=self._task, recovered=tuple(bench.recovered))
            try:
                record = await self._ended(bench, memory)
            except Exception as error:
                await memory.save(self._broken(error))
                if not isinstance(error, StoreError):  # what came back is as good as before, and may be committed
                    self._spool.drop(self.id)
                raise
            for event in self._said(record):
                yield event

    async def answered(self, seen: Run, answer: Reply) -> AsyncGenerator[events.Event, None]:
        """What `Agent.aresume` does, for what a worker proposed: to approve it commits it, here.

        InputError for another draft or a word to the reviser, whom only a run on this machine can hear.
        """
        said = response(answer)
        if not isinstance(said, Approve | Reject | Expire):
            raise InputError(f"{said.type} cannot be answered to a run that was on a cluster", hint=LOCAL)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(alone(self._store, self.id, seen))
            bench = await stack.enter_async_context(Bench(self._task, None))
            memory = await stack.enter_async_context(open_memory(self._store))
            yield events.Started(run=self.id, task=self._task, recovered=tuple(bench.recovered))
            spooled = self._spool.find(self.id)
            until = self._settings.ask_seconds
            late = (
                until is not None and seen.asked_at is not None and (utcnow() - seen.asked_at).total_seconds() > until
            )
            if late or isinstance(said, Expire):
                why = f"no approval came within {until:.4g} s" if late else "no approval came in time"
                record = _decided(seen, RunOutcome.abstained, DecisionKind.abstain, why)
            elif isinstance(said, Reject):
                why = "a person rejected it" + (f": {said.reason.strip()}" if said.reason.strip() else "")
                record = _decided(seen, RunOutcome.rejected, DecisionKind.ask, why)
            else:
                approved = _decided(seen, RunOutcome.committed, DecisionKind.ask, "a person approved it")
                record = await self._approved(bench, memory, spooled, approved)
            if record.outcome is not RunOutcome.asked:
                await self._keep(memory, record, spooled)
            for event in self._said(record):
                yield event

    # --- to the end ----------------------------------------------------------------------------------------

    async def _ended(self, bench: Bench, memory: Memory) -> Run:
        """The record of the run, which is kept; what it commits is committed."""
        spooled = self._spool.find(self.id)
        if spooled is None and self._known and (done := await asyncio.to_thread(bench.committed, self.id)) is not None:
            known_by_journal = records.committed(self._task, self.id, done)
            await self._keep(memory, known_by_journal, None)
            return known_by_journal
        for last in (False,) * (SENDS - 1) + (True,):
            if spooled is None:
                spooled = await self._sent(bench)
            record = spooled.returned.run
            assert record is not None
            if record.outcome is RunOutcome.asked and record.question:
                said = "a role or tool of this task asks a person, who is not on the cluster"
                raise InputError(said, hint=LOCAL)
            try:
                if record.outcome is RunOutcome.committed:
                    record = await self._committed(bench, spooled, record)
            except WorldMoved:
                self._spool.drop(self.id)
                if last:
                    raise
                spooled = None
                continue
            if spooled.returned.fault is not None:
                self._partial = record
                raise spooled.returned.fault.error(spooled.returned.node)
            await self._keep(memory, record, spooled)
            return record
        raise AssertionError("the last try returns or raises")

    async def _approved(self, bench: Bench, memory: Memory, spooled: Spooled | None, approved: Run) -> Run:
        """Commit what was approved. If the workspace is another one by now, the task is done again, and may ask."""
        if spooled is not None:
            try:
                return await self._committed(bench, spooled, approved)
            except WorldMoved:
                self._spool.drop(self.id)
        return await self._ended(bench, memory)

    async def _committed(self, bench: Bench, spooled: Spooled, record: Run) -> Run:
        changes = record.best.changes if record.best is not None else None
        if changes is None or bench.workspace is None:
            raise CommitError("a worker says that it would commit, and does not say what")

        def turn() -> None:
            self._store.leases.check(self.id, self._store.task_key(self._task))

        contents = spooled.returned.contents
        receipt = await commit(bench, self._task, changes, contents, spooled.world, self.id, turn)
        return record.model_copy(update={"receipt": receipt})

    async def _keep(self, memory: Memory, record: Run, spooled: Spooled | None) -> None:
        """Record it, and what it taught; then what came back is not needed any more, unless it waits for approval."""
        setup = record.setup
        if setup is not None:
            kept = without_secrets(settings_to_send(self._settings))
            record = record.model_copy(update={"setup": setup.model_copy(update={"settings": kept})})
        if record.outcome is not RunOutcome.asked:
            notes, home = spooled.returned.notes if spooled is not None else (), self._store.home
            await asyncio.to_thread(learn, home, self.id, notes, record.notes)
        await memory.save(record)
        if record.outcome is not RunOutcome.asked:
            self._spool.drop(self.id)

    def _said(self, record: Run) -> list[events.Event]:
        at = time.monotonic() - self._begun
        said: list[events.Event] = []
        if record.receipt is not None:
            said.append(events.Committed(receipt=record.receipt, at=at))
        if record.outcome is RunOutcome.asked:
            diff = record.best.diff if record.best else ""
            said.append(events.Asked(run=self.id, decision=record.decision, diff=diff, at=at))
        return [*said, events.Finished(run=record, at=at)]

    def _broken(self, error: Exception) -> Run:
        """The record of a run that broke off: that of the worker, as far as it came, or one that says only why."""
        if self._partial is not None:
            return self._partial
        decision = Decision(kind=DecisionKind.abstain, reasons=(str(error) or type(error).__name__,))
        said = f"{type(error).__name__}: {error}"
        return Run(id=self.id, task=self._task, outcome=RunOutcome.failed, decision=decision, error=said)

    # --- there and back ------------------------------------------------------------------------------------

    async def _sent(self, bench: Bench) -> Spooled:
        """Have a worker do it; what came back, which is kept where it is needed again."""
        for last in (False,) * (SENDS - 1) + (True,):
            try:
                spooled = await self._sent_once(bench)
                break
            except Lost as error:
                if last:
                    raise HostError(f"the cluster lost the archive of the workspace: {error}") from error
        returned = spooled.returned
        self._account(spooled)
        if returned.run is None:
            if returned.fault is None:
                raise HostError(f"a worker on {returned.node} ended without a result")
            raise returned.fault.error(returned.node)
        if returned.run.outcome in (RunOutcome.committed, RunOutcome.asked):
            await to_its_end(lambda: self._spool.keep(self.id, spooled))
        return spooled

    async def _sent_once(self, bench: Bench) -> Spooled:
        agents, shelf = self._agents, self._agents.shelf
        settings = settings_to_send(self._settings)
        luggage = carried(settings, bench.workspace)
        purse = agents.purse
        spent = purse.taken if purse is not None else (0, 0.0)
        async with AsyncExitStack() as stack:
            archives = {}
            supplies = workspace = None
            if luggage:
                roots = {name: Path(path) for path, name in luggage.items()}
                supplies = await stack.enter_async_context(shelf.parcel(roots, waits=False))
                archives[supplies.digest] = supplies.pieces
            world = await asyncio.to_thread(bench.world)
            if bench.workspace is not None:
                workspace = await stack.enter_async_context(shelf.parcel({"": bench.workspace}))
                archives[workspace.digest] = workspace.pieces
            order = Order(
                run=self.id,
                task=self._task if bench.workspace is None else self._at(bench.workspace),
                settings=settings,
                named=self._task.workspace,
                workspace=workspace and workspace.digest,
                supplies=supplies and supplies.digest,
                carried=luggage,
                most_bytes=agents.most_bytes,
                tokens=None if purse is None or purse.tokens is None else max(1, purse.tokens - spent[0]),
                cost=None if purse is None or purse.cost is None else max(1e-9, purse.cost - spent[1]),
                model_jobs=agents.model_jobs and max(1, agents.model_jobs // agents.slots),
                model_rate=agents.model_rate and agents.model_rate / agents.slots,
                record=agents.record is not None,
                notes=await asyncio.to_thread(known, self._store.home),
            )
            try:
                returned = await agents.cluster.run(order, archives)
            except Lost:
                for parcel in (workspace, supplies):
                    if parcel is not None:
                        shelf.forget(parcel)
                raise
        run = returned.run
        home = run and run.model_copy(update={"id": self.id, "task": self._task})  # whatever the worker says
        return Spooled(returned=returned.model_copy(update={"run": home}), world=world)

    def _at(self, workspace: Path) -> Task:
        """The task with its workspace's real path, which the record's paths are told by."""
        return self._task.model_copy(update={"workspace": str(workspace)})

    def _account(self, spooled: Spooled) -> None:
        """Count what it took of the batch's budget, and add what models were asked to the recording."""
        purse, run, record = self._agents.purse, spooled.returned.run, self._agents.record
        if purse is not None and run is not None:
            spent = run.usage.roles.values()
            tokens = Tokens(input=sum(s.input_tokens for s in spent), output=sum(s.output_tokens for s in spent))
            purse.add(Answer(tokens=tokens, cost=run.usage.cost))
        if record is not None and spooled.returned.recorded:
            append(record, spooled.returned.recorded)


def _decided(seen: Run, outcome: RunOutcome, kind: DecisionKind, why: str) -> Run:
    """The record of a run that waited, with the decision that a person's answer made of it."""
    decision = Decision(kind=kind, reasons=(why, *seen.decision.reasons), draft=seen.decision.draft)
    return seen.model_copy(update={"outcome": outcome, "decision": decision, "asked_at": None})
