"""`HintCritic`: REFINER's structured feedback on intermediate steps. It says where and of what kind, not what is right.

The kinds of mistakes are those of the three tasks of the paper (arXiv 2304.01904, table 1): equations of word problems,
inferences from rules, and the norm behind a moral judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, plain
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import MANY, Number, Said, Text
from revet.agents.chat.sections import inputs_section, messages
from revet.agents.chat.steps import derivation_section, steps_of
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Location, Verdict
from revet.tools.base import View

__all__ = ["KINDS", "Domain", "HintCritic", "SaidHint", "SaidHints", "shape_of"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST_REASON, MOST_HINTS = 600, 60

Domain = Literal["maths", "rules", "norms"]

KINDS: dict[Domain, dict[str, str]] = {
    "maths": {
        "incorrect_numbers": "a number is wrong, or taken from the wrong place",
        "incorrect_operators": "the operation is the wrong one",
        "missing_step": "a step is missing before this one (the number of steps: after the last)",
    },
    "rules": {
        "invalid_inference": "the conclusion does not follow from the rule, for example by its logical operator",
        "missing_link": "facts and rules are not connected before this step",
        "missing_knowledge": "the step rests on knowledge that is not stated",
    },
    "norms": {
        "contradiction": "the step contradicts the situation or the norm",
        "misalignment": "the step is about something other than the situation",
    },
}
"""What a step can have wrong, by domain, with what that means."""

_WORDS = {
    "incorrect_numbers": "the {part}number in {step} is incorrect",
    "incorrect_operators": "the {part}operator in {step} is incorrect",
    "missing_step": "a step is missing before {step}",
    "invalid_inference": "the {part}inference in {step} is logically invalid",
    "missing_link": "a link between facts and rules is missing before {step}",
    "missing_knowledge": "implicit knowledge is missing in {step}",
    "contradiction": "{step} is a contradiction",
    "misalignment": "{step} is not about the situation",
}


class SaidHint(Said):
    """One mistake, after the working that shows it. Who is asked may name the kinds of one domain: see `shape_of`."""

    reason: Text = Field(description="your own working of the step")
    step: Number = Field(description="its number, from 0")
    mistake: str = Field(description="its kind")
    part: Literal["first", "second", "third", "last"] | None = Field(description="of several in the step; else null")

    def finding(self, count: int, *, explained: bool) -> Finding:
        """The hint in words, of a derivation of `count` steps; with the working only where it is `explained`."""
        inside = 0 <= self.step < count
        step = f"step {self.step}" if inside else "the end" if self.mistake == "missing_step" else "the steps"
        claim = _WORDS.get(self.mistake, "{step} is wrong").format(part=f"{self.part} " if self.part else "", step=step)
        return Finding(
            claim=claim,
            category=f"step/{self.mistake}",
            location=Location(step=self.step) if inside else None,
            suggestion=(plain(self.reason, MOST_REASON) or None) if explained else None,
        )


class SaidHints(Said):
    """What is wrong with the steps, or "no"."""

    hints: list[SaidHint] = Field(json_schema_extra=MANY)
    wrong: Literal["yes", "no"]

    def cut_short(self) -> SaidHints:
        """Hints may be missing, so there is no "no"."""
        return self.model_copy(update={"wrong": "yes"})

    def critique(self, critic: str, count: int, *, explained: bool) -> Critique:
        """As a `Critique` of `count` steps. A hint counts, whatever `wrong` says; "no" without any accepts."""
        hints = sorted(self.hints, key=lambda hint: hint.step)[:MOST_HINTS]
        findings = tuple(dict.fromkeys(hint.finding(count, explained=explained) for hint in hints))
        if not findings and self.wrong == "no":
            return Critique(critic=critic, verdict=Verdict.accept, possible_result="no mistake in the steps", score=1.0)
        erring = {hint.step for hint in hints if 0 <= hint.step < count}
        return Critique(
            critic=critic,
            verdict=Verdict.revise,
            possible_result="" if findings else "something in the steps is wrong",
            findings=findings or (Finding(claim="something in the steps is wrong", category="step/unexplained"),),
            score=(count - len(erring)) / count if erring else 0.0,
        )


@cache
def shape_of(domain: Domain) -> type[SaidHints]:
    """The shape of the hints of one domain: no other kinds of mistakes are in it."""
    kinds: Any = Literal[tuple(KINDS[domain])]
    hint = create_model("SaidHint", __base__=SaidHint, __doc__=SaidHint.__doc__, mistake=(kinds, ...))
    hints: Any = (list[hint], Field(json_schema_extra=MANY))
    return create_model("SaidHints", __base__=SaidHints, __doc__=SaidHints.__doc__, hints=hints)


class HintCritic:
    """A critic of `Draft.steps`, or of the lines of the answer where a draft gives no steps.

    `domain` says which kinds of mistakes it looks for. Its hints do not say what would be right; its working is told
    only where they are `explained`. An answer that cannot be used, and a draft without steps, is an abstention;
    `ModelFailed` and `BudgetSpent` are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        name: str = "refiner",
        temperature: float | None = 0.0,
        domain: Domain = "maths",
        explained: bool = False,
    ) -> None:
        self.model, self.name, self.temperature = model, name, temperature
        self.domain: Domain = domain
        self.explained = explained
        self.prompts = prompts_of(prompts, HOME)

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        steps = steps_of(draft) if draft is not None and draft.problem is None else ()
        if draft is None or not steps:
            return abstained(self.name, "there are no steps to judge")
        try:
            said = await ask_for(
                view, self.model, shape_of(self.domain), lambda room: self._request(view, draft, steps, room)
            )
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        return said.critique(self.name, len(steps), explained=self.explained)

    def _request(self, view: View, draft: Draft, steps: Sequence[str], room: Room) -> Request:
        user = self.prompts.fill(
            "refiner_hints",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            draft=derivation_section(draft, steps, view.secret, room.part(0.6)),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.2)) if view.evidence else "",
        )
        kinds = "\n".join(f"- {kind}: {meaning}" for kind, meaning in KINDS[self.domain].items())
        system = self.prompts.fill("refiner_hints_system", kinds=kinds)
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)
