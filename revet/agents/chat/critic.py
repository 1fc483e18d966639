"""`ChatCritic`: a language model that examines a draft before it is carried out.

Its critique has the parts of GUI-Critic-R1's (what would happen, then what is wrong, then the verdict) and located,
typed findings that cite evidence. Where what it says contradicts itself, the safer reading is taken; where it cannot
be understood, it abstains.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.looking import look_up
from revet.agents.chat.pictures import MOST, pictures_of, pictures_section, with_pictures
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.recalled import notes_section
from revet.agents.chat.said import FEW, Number, Path, Said, Share, Text, Word
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages, section
from revet.agents.chat.show import cut, show_evidence
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Evidence, Finding, Location, Severity, Verdict
from revet.tools.base import View

__all__ = ["ChatCritic", "SaidCritique", "SaidFinding", "abstained", "cited", "evidence_section", "fraction", "plain"]

MOST_CLAIM, MOST_CATEGORY = 2_000, 80
MOST_FINDINGS = 100
MAJOR = Severity.major.rank
PRECEDENTS = ("correction",)
"""Of what earlier runs taught, what a critic is shown: faults that there were. How others did it is no measure."""


class SaidFinding(Said):
    """One fault."""

    claim: Text = Field(description="what is wrong, in one sentence")
    severity: Literal["info", "minor", "major", "critical"]
    category: Word = Field(description="a word or two: logic, fact, unsafe-effect, …")
    path: Path | None
    line: Number | None
    action: Number | None = Field(description="number of the action, from 0")
    step: Number | None = Field(description="number of the step, from 0")
    evidence: list[Word] = Field(description="ids of the evidence that shows it", json_schema_extra=FEW)
    suggestion: Text | None = Field(description="what to do instead")
    confidence: Share = Field(description="0 to 1")


class SaidCritique(Said):
    """What a critic says of a draft. The verdict comes after the reasons for it."""

    possible_result: Text = Field(description="what would happen if the draft were carried out")
    findings: list[SaidFinding] = Field(json_schema_extra=FEW)
    verdict: Literal["accept", "revise", "reject", "abstain"]
    score: Share = Field(description="how good the draft is, 0 to 1")
    confidence: Share = Field(description="0 to 1")

    def cut_short(self) -> SaidCritique:
        """Findings may be missing, so it approves of nothing."""
        return self.model_copy(update={"verdict": "abstain"}) if self.verdict == "accept" else self

    def critique(self, critic: str, draft: Draft, known: Collection[str]) -> Critique:
        """As a `Critique`, made consistent on the safe side.

        Citations of evidence that is not `known` are dropped. To accept with a major finding means to revise, and to
        refuse without a finding is a finding itself.
        """
        told = [said for said in self.findings if said.claim.strip() or Severity(said.severity).rank >= MAJOR]
        told.sort(key=lambda said: Severity(said.severity).rank < MAJOR)  # none that counts is cut off
        findings = [_finding(said, draft, known) for said in told[:MOST_FINDINGS]]
        verdict = Verdict(self.verdict)
        if verdict is Verdict.accept and any(f.severity.rank >= MAJOR for f in findings):
            verdict = Verdict.revise
        if verdict in (Verdict.revise, Verdict.reject) and not findings:
            claim = plain(self.possible_result, MOST_CLAIM) or f"says {verdict}, and not why"
            findings = [Finding(claim=claim, category="unexplained", confidence=fraction(self.confidence))]
        return Critique(
            critic=critic,
            verdict=verdict,
            possible_result=plain(self.possible_result, MOST_CLAIM),
            findings=tuple(findings),
            score=fraction(self.score),
            confidence=fraction(self.confidence),
        )


class ChatCritic:
    """A critic. An answer that cannot be used is an abstention; `ModelFailed` and `BudgetSpent` are raised.

    `prompts` is a folder whose files replace ours. It is shown the draft and all the evidence, evidence last. Where the
    run has tools that models may call, it may first call them, `lookups` times at most. Pictures among the artefacts
    of the evidence are shown to a model that takes images; `images` says so where the model itself does not.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | pathlib.Path | str | None = None,
        name: str = "chat-critic",
        temperature: float | None = 0.0,
        room: Room | None = None,
        lookups: int = 4,
        images: bool | None = None,
    ) -> None:
        self.model, self.name, self.temperature, self.lookups = model, name, temperature, lookups
        self.prompts, self.room = prompts_of(prompts), room or Room()
        self.images = model.sees if images is None else images

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None:
            return abstained(self.name, "there is no draft to examine yet")
        seen = view
        found = await look_up(
            view, self.model, self.prompts, lambda room: self._request(seen, draft, room), self.room, self.lookups
        )
        view = replace(view, evidence=(*view.evidence, *found))
        try:
            said = await ask_for(
                view, self.model, SaidCritique, lambda room: self._request(view, draft, room), self.room
            )
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")
        return said.critique(self.name, draft, {e.id for e in view.evidence})

    def _request(self, view: View, draft: Draft, room: Room) -> Request:
        user = self.prompts.fill(
            "critic",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.15)),
            checks=checks_section(view.task),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.45)),
            notes=notes_section(view.notes, view.secret, room.part(0.08), only=PRECEDENTS),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.4)),
        )
        system = self.prompts.fill("critic_system")
        # half the room, half the pictures: they fill the context too
        pictures = pictures_of(view.evidence, MOST * room.characters // self.room.characters if self.images else 0)
        told = with_pictures(messages(system, user), pictures, pictures_section(view.evidence, pictures))
        return Request(role="critic", messages=told, temperature=self.temperature)


def abstained(critic: str, why: str) -> Critique:
    """The critique of a critic that cannot tell."""
    return Critique(critic=critic, verdict=Verdict.abstain, possible_result=why, confidence=0.0)


def evidence_section(evidence: Sequence[Evidence], secret: str, most: int) -> str:
    return section("Evidence", show_evidence(evidence, secret, most))


def cited(ids: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The ids among `ids` that there are. What cites nothing else is an opinion."""
    return tuple(dict.fromkeys(id for id in (i.strip().strip("[]()`'\"") for i in ids) if id in known))


def fraction(value: float) -> float:
    """`value` if it is between 0 and 1, else the nearer of both; 0 for what is no number."""
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, value))


def plain(text: str, most: int) -> str:
    """What a model said, fit to be kept: valid Unicode, without NUL, and cut if it is long."""
    return cut(text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip(), most)


def _finding(said: SaidFinding, draft: Draft, known: Collection[str]) -> Finding:
    claim = plain(said.claim, MOST_CLAIM) or plain(said.suggestion or "", MOST_CLAIM)
    return Finding(
        claim=claim or "it does not say what is wrong",
        severity=Severity(said.severity),
        category=plain(said.category, MOST_CATEGORY) or "logic",
        location=_location(said, draft),
        evidence=cited(said.evidence, known),
        suggestion=plain(said.suggestion or "", MOST_CLAIM) or None,
        confidence=fraction(said.confidence),
    )


def _location(said: SaidFinding, draft: Draft) -> Location | None:
    """Where it points, without what there is not: an action or a step that the draft does not have, a line 0."""
    path = plain(said.path or "", 1_000) or None
    line = said.line if path and said.line is not None and 0 < said.line < 2**31 else None
    action = said.action if said.action is not None and 0 <= said.action < len(draft.actions) else None
    step = said.step if said.step is not None and 0 <= said.step < len(draft.steps) else None
    if (path, line, action, step) == (None, None, None, None):
        return None
    return Location(path=path, line=line, action=action, step=step)
