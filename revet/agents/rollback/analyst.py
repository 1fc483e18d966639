"""`RollbackAnalyst`: a language model that reviews a whole chain of steps and names the bad ones.

After Thought Rollback (Chen and Li, ICML 2024, arXiv 2412.19707): one request shows all the steps, and what comes back
is an error report and the indices of the mistaken steps. The report is kept: it is the experience that later chains
are shown.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import MANY, Number, Said
from revet.agents.chat.sections import inputs_section, messages, section
from revet.agents.chat.show import cut, share
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Attempt, Critique, Finding, Location, Severity, Verdict
from revet.tools.base import View

__all__ = ["ANALYST", "HOME", "RollbackAnalyst", "SaidAnalysis", "analysis_of", "bad_steps_of"]

HOME = pathlib.Path(__file__).resolve().parent / "prompts"
ANALYST = "rollback-analyst"
MOST_REPORT = 4_000


class SaidAnalysis(Said):
    """A review of the steps."""

    report: str = Field(
        description="what is wrong with each mistaken step and why; empty if none is",
        json_schema_extra={"maxLength": MOST_REPORT},
    )
    bad_steps: list[Number] = Field(
        description="the numbers of the mistaken steps, from 0; none if all are right", json_schema_extra=MANY
    )

    def critique(self, critic: str, count: int, severity: Severity) -> Critique:
        """As a `Critique` of `count` steps: a finding for each bad one. `score` is the share of the others.

        Steps that there are not are dropped. A report that names none of the steps lets them stand.
        """
        bad = sorted({step for step in self.bad_steps if 0 <= step < count})
        report = plain(self.report, MOST_REPORT)
        if not bad:
            return Critique(
                critic=critic, verdict=Verdict.accept, possible_result=report or "no step is mistaken", score=1.0
            )
        findings = tuple(
            Finding(
                claim=f"step {step} is mistaken",
                severity=severity,
                category="step/mistaken",
                location=Location(step=step),
                suggestion=f"go back to {f'step {step - 1}' if step else 'the task'} and go on from there another way",
            )
            for step in bad
        )
        result = report or f"the result rests on step {bad[0]}, which is mistaken"
        score = 1 - len(bad) / count
        return Critique(critic=critic, verdict=Verdict.revise, possible_result=result, findings=findings, score=score)


class RollbackAnalyst:
    """A critic of `Draft.steps`. Its report is in `possible_result`, and each bad step a finding.

    Its findings have the severity `severity`: below the policy's `veto_from` they weigh a chain and do not refuse it.
    A draft without steps, and an answer that cannot be used, is an abstention; `ModelFailed` and `BudgetSpent` are
    raised.
    """

    name = ANALYST

    def __init__(
        self,
        model: LanguageModel,
        *,
        severity: Severity = Severity.minor,
        prompts: pathlib.Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.severity, self.temperature = model, severity, temperature
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def criticise(self, view: View) -> Critique:
        steps = view.draft.steps if view.draft is not None else ()
        if not steps:
            return abstained(self.name, "there are no steps to analyse")
        try:
            said = await ask_for(
                view, self.model, SaidAnalysis, lambda room: self._request(view, steps, room), self.room
            )
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        return said.critique(self.name, len(steps), self.severity)

    def _request(self, view: View, steps: Sequence[str], room: Room) -> Request:
        most = room.part(0.5)
        listed = numbered(steps, most)
        answer = view.draft.answer if view.draft is not None else None
        chain = section("Steps", fence(listed, view.secret, "steps"))
        if answer is not None:
            chain += "\n" + section("Answer", fence(cut(answer, room.part(0.1)), view.secret, "answer"))
        user = self.prompts.fill(
            "rollback_analysis",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            count=str(len(steps)),
            draft=chain,
            evidence=evidence_section(view.evidence, view.secret, room.part(0.2)) if view.evidence else "",
        )
        system = self.prompts.fill("rollback_analysis_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)


def numbered(steps: Sequence[str], most: int) -> str:
    """The steps with their numbers, from 0, in about `most` characters."""
    shares = share([len(step) for step in steps], most)
    return "\n".join(f"{n}. {cut(*each)}" for n, each in enumerate(zip(steps, shares, strict=True)))


def analysis_of(attempt: Attempt) -> Critique | None:
    """What the analyst said of the attempt; None where it could not tell."""
    said = (c for c in attempt.critiques if c.critic == ANALYST and c.verdict is not Verdict.abstain)
    return next(said, None)


def bad_steps_of(attempt: Attempt) -> tuple[int, ...]:
    """The numbers of the steps that the analyst calls mistaken, in order."""
    found = analysis_of(attempt)
    located = (f.location.step for f in found.findings if f.location is not None) if found else ()
    return tuple(sorted({step for step in located if step is not None}))
