"""`Agent`: the loop with its roles, a store and a sandbox. Asynchronous inside, with one thin synchronous wrapper."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command
from pydantic import JsonValue, PrivateAttr

from revet import actions, sandboxes
from revet.agents import Critic, Judge, Proposer, Reviser
from revet.errors import InputError, StoreError
from revet.graphs import core, events
from revet.graphs.bench import Bench
from revet.graphs.casting import Speaker, cast_team
from revet.graphs.nodes import run_of
from revet.graphs.persistence import Graph, Memory, compiled, open_memory
from revet.graphs.state import Context, State, initial_state
from revet.models import Library, Replies, as_model
from revet.policy import Policy
from revet.sandboxes import Sandbox
from revet.schema import Decision, DecisionKind, Receipt, Run, RunOutcome, Task, new_id, utcnow
from revet.store import Store
from revet.tools.adapters import ToolLike

__all__ = ["Agent", "AgentRun"]

T = TypeVar("T")


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

    `model` names who proposes and revises: ``"builtin:repair"``, a language model as ``"provider:name"``, a chat model
    of LangChain's, a `LanguageModel`, or an object with `propose` and `revise`. `reviser`, `critic` and `judge` are
    models (or roles) of their own; without them nobody but the evidence judges. `recipe` is the method, with its
    `options`; `critics` and `tools`, where given, replace those of the method, and `extra_tools` come besides (one
    with the name of another takes its place). Plain functions, tools of LangChain's and MCP servers are tools too (see
    `revet.tools.adapters`). `prompts` is a folder whose files replace prompts. `base_url`, `record` and `library` say
    where models come from (see `revet.models.Library`).

    `sandbox` is a name or an object; None runs without one, for tasks that need no tools. `store` keeps runs and
    checkpoints (default: ``.revet`` in the current folder). One agent can run many tasks at the same time. Close it
    to free the models that it loaded.
    """

    def __init__(
        self,
        model: Speaker | Proposer = "builtin:repair",
        *,
        reviser: Speaker | Reviser | None = None,
        critic: Speaker | Critic | None = None,
        critics: Sequence[Critic] | None = None,
        judge: Speaker | Judge | None = None,
        tools: Sequence[ToolLike] | None = None,
        extra_tools: Sequence[ToolLike] = (),
        sandbox: str | Sandbox | None = "local",
        policy: Policy | None = None,
        store: Store | Path | str | None = None,
        seed: int = 0,
        recipe: str = "core",
        options: Mapping[str, JsonValue] | None = None,
        prompts: Path | str | None = None,
        base_url: str | None = None,
        record: Path | str | None = None,
        library: Library | None = None,
    ) -> None:
        if library is not None and (base_url is not None or record is not None):
            raise InputError("base_url and record are settings of the library", hint="give them to the library")
        self._own = None if library is not None else Library(base_url=base_url, record=record)
        models = library or self._own
        assert models is not None
        self.team = cast_team(
            recipe,
            load=lambda given: as_model(given, models),
            model=model,
            reviser=reviser,
            critic=critic,
            critics=critics,
            judge=judge,
            tools=tools,
            extra_tools=extra_tools,
            policy=policy,
            options=options,
            prompts=None if prompts is None else str(prompts),
        )
        self.tools = {tool.name: tool for tool in self.team.tools}
        self.policy = self.team.policy
        self.sandbox = sandboxes.get(sandbox) if isinstance(sandbox, str) else sandbox
        self.store = store if isinstance(store, Store) else Store(Path(store or ".revet"))
        self.seed = seed

    async def aclose(self) -> None:
        """Free the models that this agent loaded itself. Can be called twice."""
        if self._own is not None:
            await self._own.close()

    def close(self) -> None:
        """`aclose`, for programs that are not asynchronous."""
        _wait(self.aclose)

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

    def astream(self, task: Task, *, run_id: str | None = None) -> AsyncGenerator[events.Event, None]:
        """Run `task`, saying what happens; the last event is `Finished`.

        A `run_id` that the store knows is continued where it stopped (without repeating a committed effect), or
        reported again if it has ended. Raises `WorkspaceError` and `SandboxUnavailable` before anything is done.
        """
        if run_id is None:
            return self._stream(task, new_id(task.id), None, new=True)
        return self._continued(task, run_id)

    async def _continued(self, task: Task, run_id: str) -> AsyncGenerator[events.Event, None]:
        done = await asyncio.to_thread(self.store.find, run_id)
        if done is not None and done.task != task:
            raise InputError(f"run {run_id} was another task", hint="take a new run_id, or the task as it was")
        if done is not None and done.outcome not in (RunOutcome.asked, RunOutcome.failed):
            async with open_memory(self.store) as memory:  # the process may have ended before it had tidied up
                await memory.forget(done.id)
            yield events.Started(run=done.id, task=done.task)
            yield events.Finished(run=done)
            return
        async with aclosing(self._stream(task, run_id, None)) as stream:
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
        return compiled(checkpointer)

    def context(self, bench: Bench, replies: Replies | None = None) -> Context:
        """The roles of this agent, at `bench`."""
        team = self.team
        return Context(
            proposer=team.proposer,
            reviser=team.reviser,
            critics=team.critics,
            tools=self.tools,
            policy=self.policy,
            bench=bench,
            seed=self.seed,
            judge=team.judge,
            replies=replies,
        )

    async def _stream(
        self, task: Task, run: str, answer: Command[Any] | None, *, new: bool = False
    ) -> AsyncGenerator[events.Event, None]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with (
            Bench(task, self.sandbox, self.policy.sandbox_features) as bench,
            open_memory(self.store) as memory,
        ):
            await memory.begin(run, task)
            yield events.Started(run=run, task=task, recovered=tuple(bench.recovered))
            config: Any = {"configurable": {"thread_id": run}, "recursion_limit": core.recursion_limit(self.policy)}
            state = {} if new else await _known(memory, config)
            if state and state["task"] != task:
                raise InputError(f"run {run} was another task", hint="take a new run_id, or the task as it was")
            if answer is not None and not state:
                raise StoreError(
                    f"run {run} waits for an answer, and {self.store.checkpoints} does not say where it stopped",
                    hint="start the task anew",
                )
            begin: Any = answer
            if answer is None and not state:
                begin = initial_state(task, run, utcnow())
            context = self.context(bench, await memory.replies_of(run, new=new))
            stream = memory.graph.astream(begin, config, context=context, stream_mode="custom", durability="sync")
            record: Run | None = None
            try:
                async with aclosing(cast(AsyncGenerator[Any, None], stream)) as said:
                    async for event in said:
                        if isinstance(event, events.Finished):
                            record = event.run
                        else:
                            yield event.model_copy(update={"at": loop.time() - start})
            except Exception as error:
                await memory.save(_failed(cast(State, await _known(memory, config) or begin), error))
                raise
            if record is None:
                record = _paused(cast(State, await _known(memory, config)))
            await memory.save(record)
            at = loop.time() - start
            if record.outcome is RunOutcome.asked:
                diff = record.best.diff if record.best else ""
                yield events.Asked(run=run, decision=record.decision, diff=diff, at=at)
            else:
                await memory.forget(run)
            yield events.Finished(run=record, at=at)


async def _known(memory: Memory, config: Any) -> Mapping[str, Any]:
    """The state at which a run stopped; empty for one that has not begun."""
    if await memory.checkpoints.aget_tuple(config) is None:
        return {}
    return (await memory.graph.aget_state(config)).values


def _paused(state: State) -> Run:
    """The record of a run whose graph has nothing to do: it waits, or it ended before its record was saved."""
    return state["result"] or _waiting(state)


def _waiting(state: State) -> Run:
    """The record of a run that waits for a person: what is proposed stands as its best."""
    decision = state["decision"] or Decision(kind=DecisionKind.ask)
    record = run_of(state, RunOutcome.asked, decision)
    return record.model_copy(update={"best": state["attempts"][-1] if state["attempts"] else None})


def _failed(state: State, error: Exception) -> Run:
    """The record of a run that broke off. It can be continued from its last checkpoint."""
    decision = Decision(kind=DecisionKind.abstain, reasons=(str(error) or type(error).__name__,))
    return run_of(state, RunOutcome.failed, decision, error=f"{type(error).__name__}: {error}")


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
