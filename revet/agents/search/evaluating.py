"""What a language model thinks a node of a search is worth. It is heard as a critic, so that what it says is kept with
the attempt; it neither vetoes nor lets anything through: the reward of a search is all that hangs on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, fraction, plain
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages
from revet.agents.search.thinking import HOME
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Outcome, Severity, Verdict
from revet.tools.base import View

__all__ = ["ALTERNATIVE", "SelfEvaluation", "ValueFunction", "feedback_in"]

ALTERNATIVE = "alternative-branch"
"""The category of what the value function tells whoever tries another branch."""

MOST_TEXT = 2_000
Unit = Annotated[float, Field(json_schema_extra={"minimum": -1, "maximum": 1})]
Value = Annotated[int, Field(json_schema_extra={"minimum": -100, "maximum": 100})]


class SaidEvaluation(Said):
    explanation: Text = Field(description="what speaks for and against it, inputs that no test shows first")
    evaluation: Unit = Field(description="-1 (certainly wrong) to 1 (right for every possible input)")


class SaidValue(Said):
    explanation: Text = Field(description="what the draft achieved and what it lacks, by the evidence")
    feedback: Text = Field(description="for whoever tries another branch: what to do differently from this one")
    value: Value = Field(description="-100 (harmful, or leads nowhere) to 100 (the task is solved)")


class _Evaluator:
    """What both have in common: one question about one draft, and an abstention where the answer is of no use."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature = model, temperature
        self.prompts = prompts_of(prompts, HOME)
        self.room = room or Room()

    def _request(self, view: View, draft: Draft, role: str, system: str, room: Room) -> Request:
        user = self.prompts.fill(
            "search_judge",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.15)),
            checks=checks_section(view.task),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.45)),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.35)) if view.evidence else "",
        )
        text = self.prompts.fill(system)
        return Request(role=role, messages=messages(text, user), temperature=self.temperature)


class SelfEvaluation(_Evaluator):
    """RethinkMCTS's: how likely is a draft that passes all tests right for inputs that no test shows?

    Asked only of drafts that every required check passed. `score` is 0..1 for its -1..1.
    """

    name = "self-evaluation"

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None:
            return abstained(self.name, "there is no draft to evaluate")
        if any(e.required and e.outcome is not Outcome.passed for e in view.evidence):
            return abstained(self.name, "not asked: a required check fails")

        def build(room: Room) -> Request:
            return self._request(view, draft, "evaluator", "search_evaluate_system", room)

        try:
            said = await ask_for(view, self.model, SaidEvaluation, build, self.room)
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        score = fraction((said.evaluation + 1) / 2)
        told = plain(said.explanation, MOST_TEXT)
        return Critique(critic=self.name, verdict=Verdict.abstain, possible_result=told, score=score)


class ValueFunction(_Evaluator):
    """SWE-Search's: the value of a node from -100 to 100, and feedback for whoever tries another branch.

    Every draft is valued, those that fail above all. `score` is 0..1 for its -100..100.
    """

    name = "value"

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None:
            return abstained(self.name, "there is no draft to value")

        def build(room: Room) -> Request:
            return self._request(view, draft, "value", "search_value_system", room)

        try:
            said = await ask_for(view, self.model, SaidValue, build, self.room)
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        feedback = plain(said.feedback, MOST_TEXT)
        finding = Finding(claim=feedback, severity=Severity.info, category=ALTERNATIVE)
        return Critique(
            critic=self.name,
            verdict=Verdict.abstain,
            possible_result=plain(said.explanation, MOST_TEXT),
            findings=(finding,) if feedback else (),
            score=fraction((said.value + 100) / 200),
        )


def feedback_in(critiques: Sequence[Critique]) -> str | None:
    """What a value function told whoever tries another branch; None if nothing was told."""
    told = (f.claim for c in critiques if c.critic == ValueFunction.name for f in c.findings)
    return next(told, None)
