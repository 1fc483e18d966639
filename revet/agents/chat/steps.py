"""`StepCritic`: judges a derivation step by step and finds the first wrong one.

After Critic-CoT (each step is right or wrong; the refinement goes on from the first wrong step, with that step's
critique only), REFINER (typed mistakes) and BIG-Bench-Mistake (the first mistake located).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, fraction, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import MANY, Number, Said, Share, Text
from revet.agents.chat.sections import inputs_section, messages, section
from revet.agents.chat.show import cut, share
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Location, Severity, Verdict
from revet.tools.base import View

__all__ = ["SaidStep", "SaidSteps", "StepCritic", "derivation_section", "steps_of"]

MOST_TEXT = 2_000
Mistake = Literal[
    "incorrect_numbers", "incorrect_operators", "missing_step", "wrong_fact", "misread_task", "logic", "other"
]


class SaidStep(Said):
    """The verdict on one step, after the reason for it."""

    step: Number = Field(description="its number, from 0")
    reason: Text = Field(description="your own working of the step, and what follows from it")
    right: bool
    mistake: Mistake | None = Field(description="the kind of mistake; null for a right step")
    suggestion: Text | None = Field(description="how to do the step right; null for a right step")
    confidence: Share = Field(description="0 to 1")


class SaidSteps(Said):
    """The verdicts on all steps, in order."""

    steps: list[SaidStep] = Field(json_schema_extra=MANY)

    def critique(self, critic: str, count: int) -> Critique:
        """As a `Critique` of `count` steps: the first wrong step is its one finding.

        It accepts only if every step was judged right. A step that was judged both ways is wrong, and where the steps
        before a wrong one were not all judged, the first that is known to be wrong counts.
        """
        judged = [said for said in self.steps if 0 <= said.step < count]
        wrong = sorted((said for said in judged if not said.right), key=lambda said: said.step)
        if wrong:
            return _refused(critic, wrong[0], count)
        seen = {said.step for said in judged}
        if len(seen) < count:
            return abstained(critic, f"it judged {len(seen)} of {count} steps")
        sure = min(fraction(said.confidence) for said in judged)
        result = f"all {count} steps are right"
        return Critique(critic=critic, verdict=Verdict.accept, possible_result=result, score=1.0, confidence=sure)


class StepCritic:
    """A critic of `Draft.steps`, or of the lines of the answer where a draft gives no steps.

    The finding's location names the step, from 0. `score` is the share of steps before the first wrong one. An answer
    that cannot be used, and a draft without steps, is an abstention; `ModelFailed` and `BudgetSpent` are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        name: str = "step-critic",
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.name, self.temperature = model, name, temperature
        self.prompts, self.room = prompts_of(prompts), room or Room()

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        steps = steps_of(draft) if draft is not None else ()
        if draft is None or not steps:
            return abstained(self.name, "there are no steps to judge")
        try:
            said = await ask_for(
                view, self.model, SaidSteps, lambda room: self._request(view, draft, steps, room), self.room
            )
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        return said.critique(self.name, len(steps))

    def _request(self, view: View, draft: Draft, steps: Sequence[str], room: Room) -> Request:
        user = self.prompts.fill(
            "steps",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            draft=derivation_section(draft, steps, view.secret, room.part(0.6)),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.2)) if view.evidence else "",
        )
        system = self.prompts.fill("steps_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)


def derivation_section(draft: Draft, steps: Sequence[str], secret: str, most: int) -> str:
    """The steps by number, from 0, and the answer where that is not one of them; each cut to `most` characters."""
    shares = share([len(step) for step in steps], most)
    listed = "\n".join(f"{n}. {cut(*each)}" for n, each in enumerate(zip(steps, shares, strict=True)))
    derivation = section("Steps", fence(listed, secret, "steps"))
    if draft.answer is not None and draft.steps:
        derivation += "\n" + section("Answer", fence(cut(draft.answer, most), secret, "answer"))
    return derivation


def steps_of(draft: Draft) -> tuple[str, ...]:
    """The steps of a draft; without any, the lines of its answer that say something."""
    if draft.steps:
        return draft.steps
    return tuple(line.strip() for line in (draft.answer or "").splitlines() if line.strip())


def _refused(critic: str, said: SaidStep, count: int) -> Critique:
    reason = plain(said.reason, MOST_TEXT) or "it is wrong"
    sure = fraction(said.confidence)
    finding = Finding(
        claim=f"step {said.step} is wrong: {reason}",
        severity=Severity.major,
        category=f"step/{said.mistake or 'other'}",
        location=Location(step=said.step),
        suggestion=plain(said.suggestion or "", MOST_TEXT) or None,
        confidence=sure,
    )
    return Critique(
        critic=critic,
        verdict=Verdict.revise,
        possible_result=f"the result rests on step {said.step}, which is wrong",
        findings=(finding,),
        score=said.step / count,
        confidence=sure,
    )
