"""`vote_many`: many tasks on one budget of samples, each voted on as the recipe ``vote`` does."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import replace

from revet.errors import InputError
from revet.graphs.agent import Agent, AgentRun
from revet.graphs.parts.allocation import Allocation, Rank
from revet.graphs.parts.sampling import Sampling
from revet.policy import drafts_made
from revet.schema import Attempt, Task, new_id

__all__ = ["vote_many"]


async def vote_many(
    agent: Agent,
    tasks: Sequence[Task],
    *,
    budget: int,
    jobs: int = 1,
    rank: Rank = "gain",
    early: bool = False,
    run_ids: Sequence[str] | None = None,
) -> list[AgentRun]:
    """Run the `tasks` with `budget` samples in all, each next one for the task whose vote is least settled (Blend-ASC).

    `agent` is one of the recipe ``vote``; its option `samples` is the most that one task can get. Every sample passes
    stage, tools, critics and gate as in any other run, and each run can be shown and undone like any other. `rank` says
    what is least settled (see `revet.graphs.parts.allocation`). `jobs` samples may be under way at the same time. With
    `early`, a task that the recipe's own rule settles asks for no more, and the budget need not be used up. With the
    `run_ids` of before, runs that were broken off go on; what they drew then counts.

    All runs are open until the last sample is drawn, each with its sandbox. Raises `InputError` for a budget that
    leaves a task without a sample, and for an agent that does not sample.
    """
    strategy = agent.team.strategy
    if not isinstance(strategy, Sampling):
        raise InputError("vote_many is for an agent that samples", hint='make it with Agent(…, recipe="vote")')
    if budget < len(tasks):
        hint = "give each task one sample at least"
        raise InputError(f"a budget of {budget} samples is too small for {len(tasks)} tasks", hint=hint)
    names = [new_id(task.id) for task in tasks] if run_ids is None else [*run_ids]
    if len(names) != len(tasks) or len(set(names)) != len(names):
        raise InputError("run_ids must name each task's run, and no run twice", hint="give one for each task, in order")
    allocation = Allocation(names, budget, jobs=jobs, rank=rank)

    async def one(task: Task, name: str) -> AgentRun:
        made = 0
        try:
            run = await _sharing(agent, strategy, allocation, name, early).arun(task, run_id=name)
            made = sum(not attempt.draft.gives_up for attempt in drafts_made(run.attempts))
            return run
        finally:
            allocation.leave(name, made)

    said = await asyncio.gather(*map(one, tasks, names), return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each
    return [each for each in said if isinstance(each, AgentRun)]


def _sharing(agent: Agent, strategy: Sampling, allocation: Allocation, name: str, early: bool) -> Agent:
    """The same agent, whose strategy waits for its turn before every sample."""

    async def turn(standing: Sequence[Attempt], made: int) -> bool:
        return await allocation.turn(name, strategy.votes(standing), made)

    def enough(standing: Sequence[Attempt], made: int) -> str | None:
        return strategy.enough(standing, made) if early else f"{made} samples, and the budget may not be spent"

    own = copy.copy(agent)
    sharing = strategy.sharing(enough, turn)
    own.team = replace(agent.team, strategy=sharing)
    return own
