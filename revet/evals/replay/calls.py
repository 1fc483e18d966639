"""Calls that an agent made, each played before it is made: the task as it stood, the calls before, and one draft.

Every call is a run of the loop of its own, in an empty workspace: staged, examined, held against rules, and, if nothing
speaks against it, committed: then it is answered with what the log says that it gave. Nothing acts on anything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from revet.actions.calls.function import Function
from revet.effects.model import EffectKind
from revet.evals.replay.playing import Playback, Recorded
from revet.policy import Policy
from revet.schema import CallTool, Draft, RunOutcome, Task
from revet.tools import Tool

__all__ = ["Made", "Verdict", "played"]


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class Made:
    """A call of the log: what it gave, and what the author of the tool would declare that it does."""

    tool: str
    arguments: dict[str, JsonValue]
    observation: str
    effect: EffectKind

    def told(self) -> dict[str, JsonValue]:
        """As a task's ``inputs["calls"]`` have it."""
        return {"tool": self.tool, "input": self.arguments, "observation": self.observation}


@dataclass(frozen=True)
class Verdict:
    """What the loop made of a call: let through, asked about, or refused; and why."""

    allowed: bool
    asked: bool
    why: str


async def played(
    playback: Playback,
    name: str,
    goal: str,
    call: Made,
    before: Sequence[Mapping[str, JsonValue]],
    tools: Sequence[Tool],
) -> Verdict:
    """The loop's word on one call. `before` are the calls that were made until then."""
    draft = Draft(author="agent", actions=(CallTool(name=call.tool, arguments=call.arguments),))
    function = Function(call.tool, _answering(call.observation), _Anything, (call.effect,), raw=True)
    with tempfile.TemporaryDirectory(prefix="revet-replay-calls-") as folder:
        given: dict[str, JsonValue] = {"calls": [dict(each) for each in before]}
        task = Task(id=name, goal=goal, workspace=str(Path(folder).resolve()), inputs=given)
        recorded = Recorded(case=name, task=task, drafts=(draft,), correct=(None,), cluster=name)
        run = await playback.run(recorded, tools=tools, policy=Policy(rounds=0, unproven="commit"), actions=[function])
    reasons = run.decision.reasons
    return Verdict(
        allowed=run.outcome in (RunOutcome.committed, RunOutcome.answered),
        asked=run.outcome is RunOutcome.asked,
        why=reasons[0] if reasons else "",
    )


def _answering(observation: str) -> Any:
    def answer(**_: Any) -> str:
        return observation

    return answer
