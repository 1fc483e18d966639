"""`Agent`: the loop with its roles, a store and a sandbox. Asynchronous inside, with one thin synchronous wrapper."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import PrivateAttr

from revet import actions, agents, sandboxes
from revet.agents import Critic, EvidenceCritic, Proposer, Reviser
from revet.errors import InputError
from revet.graphs import core, events
from revet.graphs.bench import Bench
from revet.graphs.nodes import run_of
from revet.graphs.persistence import open_checkpoints
from revet.graphs.state import Context, State, initial_state
from revet.policy import Policy
from revet.sandboxes import Sandbox
from revet.schema import Decision, DecisionKind, Receipt, Run, RunOutcome, Task, new_id, utcnow
from revet.store import Store
from revet.tools import Coverage, Tests, Tool

__all__ = ["Agent", "AgentRun"]

T = TypeVar("T")
Graph = CompiledStateGraph[State, Context, State, State]


class AgentRun(Run):
    """A finished run that can be taken back."""

    _store: Store = PrivateAttr()

    @classmethod
    def of(cls, run: Run, store: Store) -> AgentRun:
        """The same run, tied to the store that remembers it."""
        live = cls.model_validate(dict(run))
        live._store = store
        return live

    def undo(self) -> Receipt:
        """Restore the workspace byte for byte. Raises `UndoConflict` if a committed file was edited since."""
        receipt = actions.undo_run(Run.model_validate(dict(self)), self._store).run.receipt
        assert receipt is not None
        return receipt


class Agent:
    """Proves before it commits.

    `model` names who proposes and revises (``"builtin:repair"``), or is an object with `propose` and `revise`.
    `critics` and `tools` default to the evidence critic, and to tests with coverage. `sandbox` is a name or an
    object; None runs without one, for tasks that need no tools. `store` keeps runs and checkpoints (default:
    ``.revet`` in the current folder).
    """

    def __init__(
        self,
        model: str | Proposer = "builtin:repair",
        *,
        reviser: Reviser | None = None,
        critics: Sequence[Critic] | None = None,
        tools: Sequence[Tool] | None = None,
        sandbox: str | Sandbox | None = "local",
        policy: Policy | None = None,
        store: Store | Path | str | None = None,
        seed: int = 0,
    ) -> None:
        self.proposer: Proposer = agents.proposer(model) if isinstance(model, str) else model
        self.reviser: Reviser = reviser or _as_reviser(self.proposer)
        self.critics: tuple[Critic, ...] = tuple(critics) if critics is not None else (EvidenceCritic(),)
        given: Sequence[Tool] = tools if tools is not None else (Tests(), Coverage())
        self.tools = {tool.name: tool for tool in given}
        self.sandbox = sandboxes.get(sandbox) if isinstance(sandbox, str) else sandbox
        self.policy = policy or Policy()
        self.store = store if isinstance(store, Store) else Store(Path(store or ".revet"))
        self.seed = seed

    # --- running ---------------------------------------------------------------------------------------------

    def run(self, task: Task, *, run_id: str | None = None) -> AgentRun:
        """`arun`, for programs that are not asynchronous. Works inside a notebook's running loop too."""
        return _wait(lambda: self.arun(task, run_id=run_id))

    async def arun(self, task: Task, *, run_id: str | None = None) -> AgentRun:
        """Run `task` to its end and return the record. See `astream`."""
        last: Run | None = None
        async with aclosing(self.astream(task, run_id=run_id)) as stream:
            async for event in stream:
                last = event.run if isinstance(event, events.Finished) else last
        assert last is not None
        return AgentRun.of(last, self.store)

    async def astream(self, task: Task, *, run_id: str | None = None) -> AsyncGenerator[events.Event, None]:
        """Run `task`, saying what happens; the last event is `Finished`.

        A `run_id` that the store knows is continued where it stopped (without repeating a committed effect), or
        reported again if it has ended. Raises `WorkspaceError` and `SandboxUnavailable` before anything is done.
        """
        done = self.store.find(run_id) if run_id else None
        if done is not None and done.task != task:
            raise InputError(f"run {run_id} was another task", hint="take a new run_id, or the task as it was")
        if done is not None and done.outcome not in (RunOutcome.asked, RunOutcome.failed):
            yield events.Started(run=done.id, task=done.task)
            yield events.Finished(run=done)
            return
        run = run_id or new_id(task.id)
        async with aclosing(self._stream(task, run, None)) as stream:
            async for event in stream:
                yield event

    async def aresume(self, run_id: str, approve: bool) -> AsyncGenerator[events.Event, None]:
        """Give a person's answer to a run that asked, and continue it."""
        run = self.store.get(run_id)
        if run.outcome is not RunOutcome.asked:
            raise InputError(f"run {run.id} does not wait for an answer: it ended {run.outcome}")
        async with aclosing(self._stream(run.task, run.id, Command(resume=approve))) as stream:
            async for event in stream:
                yield event

    def undo(self, run: Run | str) -> Receipt:
        """Take a commit back. Raises `UndoConflict`, naming the files, if they were edited since."""
        record = self.store.get(run if isinstance(run, str) else run.id)
        receipt = actions.undo_run(record, self.store).run.receipt
        assert receipt is not None
        return receipt

    # --- the graph -------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The compiled loop, for use as a subgraph or with another checkpointer: see `compile`."""
        return self.compile()

    def compile(self, checkpointer: BaseCheckpointSaver[str] | None = None) -> Graph:
        """The loop, compiled. Invoke it with ``context=`` from `context` and a state from
        `initial_state`."""
        return core.build().compile(checkpointer=checkpointer, name="revet")

    def context(self, bench: Bench) -> Context:
        """The roles of this agent, at `bench`."""
        return Context(
            proposer=self.proposer,
            reviser=self.reviser,
            critics=self.critics,
            tools=self.tools,
            policy=self.policy,
            bench=bench,
            seed=self.seed,
        )

    async def _stream(self, task: Task, run: str, answer: Command[Any] | None) -> AsyncGenerator[events.Event, None]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with (
            Bench(task, self.sandbox, self.policy.sandbox_features) as bench,
            open_checkpoints(self.store.checkpoints) as checkpoints,
        ):
            self.store.begin(run, task)
            yield events.Started(run=run, task=task, recovered=tuple(bench.recovered))
            graph = self.compile(checkpoints)
            config: Any = {"configurable": {"thread_id": run}, "recursion_limit": core.recursion_limit(self.policy)}
            known = await graph.aget_state(config)
            if known.values and known.values["task"] != task:
                raise InputError(f"run {run} was another task", hint="take a new run_id, or the task as it was")
            begin: Any = answer
            if answer is None and not known.values:
                begin = initial_state(task, run, utcnow())
            stream = graph.astream(begin, config, context=self.context(bench), stream_mode="custom", durability="sync")
            try:
                async with aclosing(cast(AsyncGenerator[Any, None], stream)) as said:
                    async for data in said:
                        event = events.parse_event(data)
                        yield event.model_copy(update={"at": loop.time() - start})
            except Exception as error:
                state = await graph.aget_state(config)
                self.store.save(_failed(cast(State, state.values), error))
                raise
            state = await graph.aget_state(config)
            values = cast(State, state.values)
            record = values["result"] or _waiting(values)
            self.store.save(record)
            at = loop.time() - start
            if record.outcome is RunOutcome.asked:
                diff = record.best.diff if record.best else ""
                yield events.Asked(run=run, decision=record.decision, diff=diff, at=at)
            else:
                await checkpoints.adelete_thread(run)
            yield events.Finished(run=record, at=at)


def _waiting(state: State) -> Run:
    """The record of a run that waits for a person: what is proposed stands as its best."""
    decision = state["decision"] or Decision(kind=DecisionKind.ask)
    record = run_of(state, RunOutcome.asked, decision)
    return record.model_copy(update={"best": state["attempts"][-1]})


def _failed(state: State, error: Exception) -> Run:
    """The record of a run that broke off. It can be continued from its last checkpoint."""
    decision = Decision(kind=DecisionKind.abstain, reasons=(str(error) or type(error).__name__,))
    return run_of(state, RunOutcome.failed, decision, error=f"{type(error).__name__}: {error}")


def _as_reviser(proposer: Proposer) -> Reviser:
    if not hasattr(proposer, "revise"):
        raise InputError(
            f"{proposer!r} has no `revise`",
            hint="give the agent a `reviser=`, or add `async def revise(view, critique)`",
        )
    return cast(Reviser, proposer)


def _wait(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from synchronous code, whether or not this thread already runs an event loop.

    An interrupt (Ctrl-C, a notebook's stop button) cancels it, and is raised again when it has wound up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    box: list[T | BaseException] = []
    begun: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = queue.Queue()

    async def main() -> T:
        task = asyncio.ensure_future(make())
        begun.put((asyncio.get_running_loop(), task))
        return await task

    def work() -> None:
        try:
            box.append(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            box.append(error)

    thread = threading.Thread(target=work, name="revet-run")
    thread.start()
    loop, task = begun.get()
    try:
        thread.join()
    except BaseException:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    result = box[0]
    if isinstance(result, BaseException):
        raise result
    return result
