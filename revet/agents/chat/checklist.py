"""`ChecklistCritic`: judges every draft by a checklist, item by item. Where it is given none, it makes one of the task.

After IF-CRITIC and RefineBench: instruction → checklist → {id, requirement, analysis, verdict} for each item.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, cited, evidence_section, fraction, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, MANY, Number, Said, Share, Text, Word
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages, section
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Reply, Request
from revet.schema import Critique, Draft, Finding, Severity, Task, Verdict, digest
from revet.tools.base import View

__all__ = ["ChecklistCritic", "Requirements", "SaidItem", "SaidItems", "checklist_in"]

MOST_ITEMS, MOST_TEXT = 30, 2_000
UNGUIDED = "it does not do yet all that is asked"


class Requirements(Said):
    """What a task asks for, the weightiest first."""

    requirements: list[Text] = Field(json_schema_extra={**FEW, "minItems": 1})

    @model_validator(mode="after")
    def _asks_something(self) -> Requirements:
        if not self.items:
            raise ValueError("a checklist needs at least one requirement")
        return self

    @property
    def items(self) -> tuple[str, ...]:
        said = (plain(text, MOST_TEXT) for text in self.requirements)
        return tuple(dict.fromkeys(text for text in said if text))[:MOST_ITEMS]


class SaidItem(Said):
    """The verdict on one item, after the analysis."""

    id: Number = Field(description="the item's number")
    requirement: Text
    analysis: Text = Field(description="what shows that it is met or not")
    verdict: Literal["met", "unmet", "unclear"]
    evidence: list[Word] = Field(description="ids of the evidence that shows it", json_schema_extra=FEW)
    suggestion: Text | None = Field(description="what to change; null for an item that is met")
    confidence: Share = Field(description="0 to 1")


class SaidItems(Said):
    """The verdicts on all items, in order."""

    items: list[SaidItem] = Field(json_schema_extra=MANY)

    def critique(self, critic: str, checklist: Sequence[str], known: Collection[str]) -> Critique:
        """As a `Critique`: a finding for each item that is unmet, `score` the share of those that are met.

        It accepts only if every item is met; where none is unmet and some are unclear or not judged, it abstains. Of
        two verdicts on one item, the worse counts.
        """
        worst: dict[int, SaidItem] = {}
        for said in self.items:
            if 1 <= said.id <= len(checklist) and _rank(said) >= _rank(worst.get(said.id)):
                worst[said.id] = said
        unmet = [said for _, said in sorted(worst.items()) if said.verdict == "unmet"]
        met = sum(said.verdict == "met" for said in worst.values())
        sure = min((fraction(said.confidence) for said in unmet or worst.values()), default=0.0)
        if not unmet and met < len(checklist):
            return abstained(critic, f"{met} of {len(checklist)} requirements are met, the others cannot be told")
        return Critique(
            critic=critic,
            verdict=Verdict.revise if unmet else Verdict.accept,
            possible_result=f"{met} of {len(checklist)} requirements would be met",
            findings=tuple(_finding(said, checklist[said.id - 1], known) for said in unmet),
            score=met / len(checklist),
            confidence=sure,
        )


class ChecklistCritic:
    """A critic by checklist: `items`, or else what the task's input `given` lists, or else what the model makes of it.

    A checklist that is made is asked for once in a run, and kept with the run's replies. Without `guided` the critique
    says that the draft is not right yet, and not why (RefineBench's self-refinement); who watches the run is told.
    An answer that cannot be used is an abstention; `ModelFailed` and `BudgetSpent` are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        name: str = "checklist-critic",
        temperature: float | None = 0.0,
        room: Room | None = None,
        items: Sequence[str] = (),
        given: str | None = None,
        guided: bool = True,
    ) -> None:
        self.model, self.name, self.temperature = model, name, temperature
        self.prompts, self.room = prompts_of(prompts), room or Room()
        self.items, self.given, self.guided = tuple(items), given, guided

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None:
            return abstained(self.name, "there is no draft to examine")
        try:
            checklist = await self._checklist(view)
            said = await ask_for(
                view, self.model, SaidItems, lambda room: self._judging(view, draft, checklist, room), self.room
            )
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        verdicts: list[JsonValue] = [{"id": item.id, "verdict": item.verdict} for item in said.items]
        view.emit("checklist", {"requirements": [*checklist], "verdicts": verdicts})
        critique = said.critique(self.name, checklist, {e.id for e in view.evidence})
        return critique if self.guided else _unguided(critique)

    async def _checklist(self, view: View) -> tuple[str, ...]:
        """The checklist of the task: as given, as it was made in an earlier round, or a new one."""
        given = self.items or (checklist_in(view.task, self.given) if self.given else ())
        if given:
            return given
        replies = view.account.replies
        key = "checklist." + digest(view.run, self.name, self._making(view, self.room).digest, length=24)
        kept = await replies.get(key) if replies else None
        if (
            kept is not None and kept.model != view.account.step
        ):  # in the step that made it, asking again costs as before
            try:
                return Requirements.model_validate_json(kept.text).items
            except ValidationError:
                pass  # kept by another version: it is made anew
        made = await ask_for(view, self.model, Requirements, lambda room: self._making(view, room), self.room)
        if replies:
            await replies.put(key, Reply(text=made.model_dump_json(), model=view.account.step))
        return made.items

    def _making(self, view: View, room: Room) -> Request:
        user = self.prompts.fill(
            "checklist_make",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.5)),
            checks=checks_section(view.task),
        )
        system = self.prompts.fill("checklist_make_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)

    def _judging(self, view: View, draft: Draft, checklist: Sequence[str], room: Room) -> Request:
        listed = "\n".join(f"{number}. {text}" for number, text in enumerate(checklist, 1))
        user = self.prompts.fill(
            "checklist",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            checklist=section("Checklist", fence(listed, view.secret, "checklist")),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.5)),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.4)),
        )
        system = self.prompts.fill("checklist_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)


def checklist_in(task: Task, name: str) -> tuple[str, ...]:
    """The requirements that the task's input `name` lists; none where it has no such list of texts."""
    listed = task.inputs.get(name)
    if not isinstance(listed, list) or not all(isinstance(item, str) and item.strip() for item in listed):
        return ()
    return tuple(str(item).strip() for item in listed)


def _unguided(critique: Critique) -> Critique:
    """The same verdict, without a word of what is missing."""
    if critique.verdict is not Verdict.revise:
        return critique
    finding = Finding(
        claim=UNGUIDED,
        category="requirement",
        evidence=tuple(dict.fromkeys(e for f in critique.findings for e in f.evidence)),
        confidence=critique.confidence,
    )
    return critique.model_copy(update={"possible_result": UNGUIDED, "findings": (finding,)})


def _rank(said: SaidItem | None) -> int:
    return -1 if said is None else ("met", "unclear", "unmet").index(said.verdict)


def _finding(said: SaidItem, requirement: str, known: Collection[str]) -> Finding:
    analysis = plain(said.analysis, MOST_TEXT)
    return Finding(
        claim=f"not met: {requirement}" + (f" ({analysis})" if analysis else ""),
        severity=Severity.major,
        category="requirement",
        evidence=cited(said.evidence, known),
        suggestion=plain(said.suggestion or "", MOST_TEXT) or None,
        confidence=fraction(said.confidence),
    )
