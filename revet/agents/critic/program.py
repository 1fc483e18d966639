"""CRITIC's program task: solve by a program, run it, ask what is wrong with it, and write a better one.

Two calls for each correction, as published (arXiv 2305.11738; `program/critic.py` of the authors' repository): the
critique sees the program, how its run ended and the answer; the correction goes on with the same conversation.
A correction that gives no answer is not built upon: critique and correction go back to the newest that gave one.
"""

from __future__ import annotations

from pathlib import Path

from revet.agents.chat.asking import Room
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.show import cut
from revet.agents.critic.turns import (
    HOME,
    Speaker,
    abstained,
    base_of,
    concluded,
    heard,
    judgement_in,
    no_draft,
    problem_of,
    said,
    unusable,
)
from revet.errors import InputError
from revet.models import LanguageModel, Message, Reply
from revet.schema import Attempt, Critique, Draft, Evidence
from revet.tools.base import View
from revet.tools.python import ANSWER, Python, program_of

__all__ = ["ProgramAgent", "ProgramCritic"]

MOST_PROGRAM, MOST_REPORT = 0.4, 0.2
"""The parts of a prompt's room that they may take."""


class ProgramAgent:
    """Writes a program that computes the answer, and a better one after a critique.

    `temperature` is that of corrections, `first` that of the first program. `tools` says whether the critique that is
    answered saw the report of the run.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.5,
        first: float | None = 0.0,
        tools: bool = True,
        name: str = "critic/program",
    ) -> None:
        own = Prompts(prompts, home=HOME)
        self.name, self.tools = name, tools
        self._proposer = Speaker(model, own, "program", "proposer", first)
        self._reviser = Speaker(model, own, "program", "reviser", temperature)

    async def propose(self, view: View) -> Draft:
        speaker = self._proposer
        reply = await speaker.ask(view, lambda room: speaker.opening("solve", problem=speaker.problem(view, room)))
        return self._draft(reply)

    async def revise(self, view: View, critique: Critique) -> Draft:
        base = base_of(view, gives_answer)
        if base is None:
            return await self.propose(view)

        def talk(room: Room) -> list[Message]:
            return [
                *_asked(self._reviser, view, base, room, tools=self.tools),
                said("assistant", heard(critique, self.name, view.secret)),
                said("user", self._reviser.fill("rewrite")),
            ]

        return self._draft(await self._reviser.ask(view, talk))

    def _draft(self, reply: Reply) -> Draft:
        why = unusable(reply, whole=True)
        if why is not None:
            return problem_of(self.name, why)
        code = program_of(Draft(author=self.name, answer=reply.text))
        if code is None:
            return problem_of(self.name, f"it holds no Python program that sets the variable `{ANSWER}`")
        return Draft(author=self.name, answer=f"```python\n{code}\n```")


class ProgramCritic:
    """Says what is wrong with a program. Without `tools`, it is shown neither the run nor the answer."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.5,
        tools: bool = True,
        name: str = "critic/program",
    ) -> None:
        self.name, self.tools = name, tools
        self._speaker = Speaker(model, Prompts(prompts, home=HOME), "program", "critic", temperature)

    async def criticise(self, view: View) -> Critique:
        base = base_of(view, gives_answer)
        if base is None or program_of(base.draft) is None:
            return abstained(self.name, "there is no program to criticise")
        if self.tools and Python.name not in view.tools and not _runs(base.evidence):
            raise InputError(
                f"the critic examines what the tool {Python.name!r} reports, and this run has none of that name",
                hint="give the agent tools=[Python(), …], or turn the recipe's tools off",
            )
        speaker = self._speaker
        reply = await speaker.ask(view, lambda room: _asked(speaker, view, base, room, tools=self.tools))
        why = unusable(reply, whole=False)
        if why is not None:
            return abstained(self.name, why)
        judgement = judgement_in(reply)
        if not self.tools:
            failed = no_draft(view) is not None
            return concluded(self.name, judgement, (), category="program", result=judgement.reason, failed=failed)
        runs = _runs(view.evidence)[:1]
        result = runs[0].observation.partition("\n")[0] if runs else no_draft(view) or "the program was not run"
        failed = no_draft(view) is not None or not runs or any(ANSWER not in run.data for run in runs)
        return concluded(self.name, judgement, runs, category="program", result=result, failed=failed)


def gives_answer(attempt: Attempt) -> bool:
    """True if the attempt's program was run and set an answer."""
    return any(run.data.get(ANSWER) is not None for run in _runs(attempt.evidence))


def _asked(speaker: Speaker, view: View, base: Attempt, room: Room, *, tools: bool) -> tuple[Message, ...]:
    code = cut(program_of(base.draft) or "", room.part(MOST_PROGRAM))
    return speaker.opening(
        "critique",
        problem=speaker.problem(view, room),
        program=fence(code, view.secret, "program"),
        report=_report(base, view.secret, room) if tools else "",
    )


def _report(base: Attempt, secret: str, room: Room) -> str:
    runs = _runs(base.evidence)
    if not runs:
        return "It was not run."
    text = cut(runs[0].observation, room.part(MOST_REPORT))
    return f"It was run in a sandbox:\n\n{fence(text, secret, runs[0].id)}"


def _runs(evidence: tuple[Evidence, ...]) -> list[Evidence]:
    return [e for e in evidence if e.tool == Python.name]
