"""`Agent`: the loop with its roles, a store and a sandbox. Asynchronous inside, with one thin synchronous wrapper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command
from pydantic import JsonValue, PrivateAttr

from revet import sandboxes
from revet.actions import undo_run
from revet.actions.calls import Functions, use
from revet.actions.registry import with_database
from revet.agents import Critic, Judge, Proposer, Reviser
from revet.agents import Memory as Remembering
from revet.effects.rules import Rules
from revet.errors import InputError, StoreError
from revet.graphs import core, events, records, tracing
from revet.graphs.answering import Approver, answered, last_of
from revet.graphs.bench import Bench
from revet.graphs.casting import Speaker, cast_team, check_task
from revet.graphs.notebook import progress_of
from revet.graphs.persistence import Graph, Memory, compiled, open_memory
from revet.graphs.questions import Answering, question, response, to_role
from revet.graphs.setup import setup_of
from revet.graphs.state import Context, State, initial_state
from revet.graphs.team import Recipe
from revet.graphs.turn import alone
from revet.graphs.waiting import wait
from revet.models import LanguageModel, Library, Replies, as_model
from revet.models.purse import Purse
from revet.policy import Policy
from revet.sandboxes import Sandbox
from revet.schema import Receipt, Run, RunOutcome, Task, new_id, utcnow
from revet.store import Store
from revet.tools import Effects
from revet.tools.adapters import ToolLike
from revet.tools.base import KeepsAnswers

__all__ = ["Agent", "AgentRun"]


class AgentRun(Run):
    """A run that has ended, and can be taken back, or that waits for a person, and can be answered."""

    _store: Store = PrivateAttr()
    _agent: Agent | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, run: Run, store: Store, agent: Agent | None = None) -> AgentRun:
        """The same run, tied to the store that remembers it, and to the agent that can go on with it."""
        live = cls.model_validate(dict(run))
        live._store, live._agent = store, agent
        return live

    def resume(self, answer: Answering) -> AgentRun:
        """Give a person's answer to a run that asked, and go on with it. See `Agent.aresume`."""
        if self._agent is None:
            raise InputError("this run knows no agent", hint="resume it with Agent.resume(run.id, answer)")
        return self._agent.resume(self, answer)

    def undo(self, *, partial: bool = False) -> Receipt:
        """Restore the workspace byte for byte, and take back what was done beyond it. Raises `UndoConflict` if a file
        was edited since; `CommitError` if not all can be taken back, unless `partial` asks for the rest.
        """
        receipt = undo_run(Run.model_validate(dict(self)), self._store, partial=partial).run.receipt
        assert receipt is not None
        return receipt


class Agent:
    """Proves before it commits.

    `model` names who proposes and revises: ``"builtin:repair"``, a language model as ``"provider:name"``, a chat model
    of LangChain's, a `LanguageModel`, or an object with `propose` and `revise`. `reviser`, `critic` and `judge` are
    models (or roles) of their own; without them nobody but the evidence judges. `recipe` is the method, by its name
    or as a `Recipe` of your own, with its `options`; `critics` and `tools`, where given, replace those of the
    method, and `extra_tools` come besides (one with the name of another takes its place). Plain functions, tools of
    LangChain's and MCP servers are tools too (see `revet.tools.adapters`). `prompts` is a folder whose files
    replace prompts. `base_url`, `record` and `library` say where models come from (see `revet.models.Library`).
    `rules` (a file, or `Rules`) say what may be done beyond files; by default ``revet.toml`` and the built-in ones.
    `actions` are the functions that drafts may call (see `revet.actions.action`), `database` is the one of SQL that
    names none. `memory` recalls what earlier runs taught and learns from each, in place of the method's (a
    `TextMemory` with embeddings, say).

    `sandbox` is a name or an object; None runs without one, for tasks that need no tools. `store` keeps runs and
    checkpoints (default: ``.revet`` in the current folder). `settings` are those of a task file that the agent was made
    of: they are kept with its runs, without secrets, for the command line to make the same agent again (`Setup`).
    `purse` is a budget that its runs share with those of other agents: once it is spent, they end as at their own. One
    agent can run many tasks at the same time. Close it to free the models that it loaded.
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
        recipe: str | Recipe = "core",
        options: Mapping[str, JsonValue] | None = None,
        prompts: Path | str | None = None,
        base_url: str | None = None,
        record: Path | str | None = None,
        library: Library | None = None,
        rules: Rules | Path | str | None = None,
        actions: Sequence[Any] = (),
        database: str | None = None,
        memory: Remembering | None = None,
        settings: Mapping[str, JsonValue] | None = None,
        purse: Purse | None = None,
    ) -> None:
        if library is not None and (base_url is not None or record is not None):
            raise InputError("base_url and record are settings of the library", hint="give them to the library")
        self.store = store if isinstance(store, Store) else Store(store or ".revet")
        self._own = None if library is not None else Library(base_url=base_url, record=record)
        models = library or self._own
        assert models is not None
        self.purse = purse

        def load(given: Any) -> LanguageModel:
            loaded = as_model(given, models)
            if purse is not None:
                purse.admit(loaded.name, priced=loaded.priced)
            return loaded

        self.team = cast_team(
            recipe,
            load=load,
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
            home=self.store.home,
            memory=memory,
        )
        self.tools = {tool.name: tool for tool in self.team.tools}
        if self.store.url is not None:
            for tool in self.team.tools:
                if isinstance(tool, KeepsAnswers):
                    tool.keep_answers(self.store.url)
        if Effects.name in self.tools and rules is not None:
            raise InputError("rules= is for the agent's own tool effects", hint="give the rules to the tool you gave")
        # Nothing beyond files is committed unseen, whatever the tools.
        self._looking = {} if Effects.name in self.tools else {Effects.name: Effects(rules)}
        self.policy = self.team.policy
        self.sandbox = sandboxes.get(sandbox) if isinstance(sandbox, str) else sandbox
        self.seed = seed
        where = None if self.sandbox is None else str(sandbox if isinstance(sandbox, str) else self.sandbox.name)
        told = {"recipe": recipe, "options": options or {}, "sandbox": where, "seed": seed, "settings": settings}
        self.setup = setup_of(self.team, **cast(Any, told))
        self.functions, self.database = Functions(actions), database
        self.functions.publish()

    async def aclose(self) -> None:
        """Free the models that this agent loaded itself. Can be called twice."""
        if self._own is not None:
            await self._own.close()

    def close(self) -> None:
        """`aclose`, for programs that are not asynchronous."""
        wait(self.aclose)

    # --- running ---------------------------------------------------------------------------------------------

    def run(
        self, task: Task, *, run_id: str | None = None, approve: Approver | None = None, progress: bool = True
    ) -> AgentRun:
        """`arun`, for programs that are not asynchronous. Works inside a notebook's running loop too."""
        return wait(lambda: self.arun(task, run_id=run_id, approve=approve, progress=progress))

    async def arun(
        self, task: Task, *, run_id: str | None = None, approve: Approver | None = None, progress: bool = True
    ) -> AgentRun:
        """Run `task` to its end, or to where it waits for a person, and return the record. See `astream`.

        `approve` is asked in that person's place, as often as the run asks, in a thread of its own if it is no
        coroutine function. `Policy.ask_seconds` bounds how long it may take. In a notebook the cell shows how far the
        run is, unless `progress` is False.
        """
        with progress_of(task, progress) as hear:
            run, asked = await last_of(self.astream(task, run_id=run_id), hear)
            while approve is not None and asked is not None:
                answer = await answered(approve, asked, self.policy.ask_seconds)
                if answer is None:
                    break
                run, asked = await last_of(self.aresume(run, answer), hear)
        return AgentRun.of(run, self.store, self)

    def resume(self, run: Run | str, answer: Answering) -> AgentRun:
        """Give a person's answer to a run that asked, and go on to its end, or to the next question. See `aresume`."""
        last, _ = wait(lambda: last_of(self.aresume(run, answer)))
        return AgentRun.of(last, self.store, self)

    def astream(self, task: Task, *, run_id: str | None = None) -> AsyncGenerator[events.Event, None]:
        """Run `task`, saying what happens; the last event is `Finished`.

        A `run_id` that the store knows is continued where it stopped (without repeating a committed effect), or
        reported again if it has ended. Raises `InputError` for a task that the recipe cannot do, `WorkspaceError` and
        `SandboxUnavailable` before anything is done.
        """
        if run_id is None:
            check_task(self.team, task)
            return self._stream(task, new_id(task.id), None, new=True)
        return self._continued(task, run_id)

    async def _continued(self, task: Task, run_id: str) -> AsyncGenerator[events.Event, None]:
        done = await asyncio.to_thread(self.store.find, run_id)
        if done is not None and done.task != task:
            raise InputError(f"run {run_id} was another task", hint="take a new run_id, or the task as it was")
        if done is None:
            check_task(self.team, task)
        elif done.outcome not in (RunOutcome.asked, RunOutcome.failed):
            async with open_memory(self.store) as memory:  # the process may have ended before it had tidied up
                await memory.forget(done.id)
            yield events.Started(run=done.id, task=done.task)
            yield events.Finished(run=done)
            return
        async with aclosing(self._stream(task, run_id, None)) as stream:
            async for event in stream:
                yield event

    async def aresume(self, run: Run | str, approve: Answering) -> AsyncGenerator[events.Event, None]:
        """Give a person's answer to a run that asked, and continue it.

        True approves, False rejects; so do ``{"type": "approve"}`` and ``{"type": "reject", "reason": …}``.
        ``{"type": "edit", "actions": […]}`` puts another draft in its place, which is examined and then committed;
        ``{"type": "respond", "message": …}`` tells the reviser. `InputError` for anything else: the run waits on.
        Where a role or a tool asks (`Run.question`), the answer is what it asks for: a text, a number, a mapping.

        The answer is to what `run`, where that is a record, says is asked: `InputError` if another process has gone on
        with it since, or was stopped while it did.
        """
        kept = self.store.get(run if isinstance(run, str) else run.id)
        if kept.outcome is not RunOutcome.asked:
            raise InputError(f"run {kept.id} does not wait for an answer: it ended {kept.outcome}")
        seen = kept if isinstance(run, str) else run
        async with open_memory(self.store) as memory:
            own = await memory.asked(kept.id)
        told = response(approve).model_dump(mode="json") if own is None else to_role(approve)
        async with aclosing(self._stream(kept.task, kept.id, Command(resume=told), seen=seen)) as stream:
            async for event in stream:
                yield event

    def undo(self, run: Run | str, *, partial: bool = False) -> Receipt:
        """Take a commit back; of what cannot be taken back as a whole, the rest if `partial`. See `AgentRun.undo`."""
        record = self.store.get(run if isinstance(run, str) else run.id)
        with use(self.functions), with_database(self.database):
            receipt = undo_run(record, self.store, partial=partial).run.receipt
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

    def bench(self, task: Task) -> Bench:
        """What a run of `task` works on, with this agent's sandbox, functions and database."""
        features = self.policy.sandbox_features
        key = self.store.task_key(task)

        def turn(run: str) -> None:
            self.store.leases.check(run, key)

        return Bench(task, self.sandbox, features, functions=self.functions, database=self.database, turn=turn)

    def context(self, bench: Bench, replies: Replies | None = None) -> Context:
        """The roles of this agent, at `bench`."""
        team = self.team
        return Context(
            proposer=team.proposer,
            reviser=team.reviser,
            critics=team.critics,
            tools={**self.tools, **self._looking},
            policy=self.policy,
            bench=bench,
            seed=self.seed,
            judge=team.judge,
            strategy=team.strategy,
            memory=team.memory,
            replies=replies,
            purse=self.purse,
        )

    @tracing.run
    async def _stream(
        self, task: Task, run: str, answer: Command[Any] | None, *, new: bool = False, seen: Run | None = None
    ) -> AsyncGenerator[events.Event, None]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with (
            alone(self.store, run, seen),
            self.bench(task) as bench,
            open_memory(self.store) as memory,
            memory.at_work(run, new=new),
        ):
            await memory.begin(run, task, self.setup)
            yield events.Started(run=run, task=task, recovered=tuple(bench.recovered))
            config: Any = {"configurable": {"thread_id": run}, "recursion_limit": core.recursion_limit(self.policy)}
            state = {} if new else await self._stopped(memory, config, task, run, answered=answer is not None)
            if not new and not state and (receipt := await asyncio.to_thread(bench.committed, run)) is not None:
                for event in await self._over(memory, task, run, receipt):
                    yield event
                return
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
                broken = records.failed(cast(State, await _known(memory, config) or begin), error)
                await memory.save(broken.model_copy(update={"setup": self.setup}))
                raise
            known: Any = {}
            if record is None or record.outcome is RunOutcome.asked:
                known = await _known(memory, config)
            record = record or records.paused(known)
            waits = record.outcome is RunOutcome.asked
            own = await memory.asked(run) if waits else None
            at_gate = waits and own is None
            told: dict[str, Any] = {"setup": self.setup}
            if waits:
                told |= {"asked_at": known.get("asked_at")} if at_gate else {"question": own}
            record = Run.model_validate({**dict(record), **told})
            await memory.save(record)
            at = loop.time() - start
            if record.outcome is RunOutcome.asked:
                diff = record.best.diff if record.best else ""
                asked = question(known, self.policy).model_dump(mode="json") if at_gate else own or {}
                yield events.Asked(run=run, decision=record.decision, diff=diff, question=asked, at=at)
            else:
                await memory.forget(run)
            yield events.Finished(run=record, at=at)

    async def _stopped(self, memory: Memory, config: Any, task: Task, run: str, *, answered: bool) -> Mapping[str, Any]:
        """What is known of where the run stopped. InputError for another task's, StoreError if an answer needs it."""
        state = await _known(memory, config)
        if state and state["task"] != task:
            raise InputError(f"run {run} was another task", hint="take a new run_id, or the task as it was")
        if answered and not state:
            raise StoreError(
                f"run {run} waits for an answer, and {self.store.shown} does not say where it stopped",
                hint="start the task anew",
            )
        return state

    async def _over(self, memory: Memory, task: Task, run: str, receipt: Receipt) -> list[events.Event]:
        """Write down a run that is found to have committed, and what is said of that."""
        record = records.committed(task, run, receipt).model_copy(update={"setup": self.setup})
        await memory.save(record)
        return [events.Committed(receipt=receipt), events.Finished(run=record)]


async def _known(memory: Memory, config: Any) -> Mapping[str, Any]:
    """The state at which a run stopped; empty for one that has not begun, or was killed before its first step had."""
    if await memory.checkpoints.aget_tuple(config) is None:
        return {}
    values = (await memory.graph.aget_state(config)).values
    return values if "task" in values else {}
