"""The meta-critic: validates the units of several critiques one by one, and merges those that say the same.

After MultiCritique (arXiv 2410.15287): the critics' units are classified by a further model, the wrong ones left out,
the others summarised into one critique. It knows units by their numbers, so it can invent none in passing: what it adds
itself stands under ``added/``, and what it leaves out under ``dropped/``. It cannot leave out a grave unit that cites
evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import SaidFinding, fraction, plain
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import FEW, MANY, Number, Said, Share, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import show_evidence
from revet.agents.panel.aggregate import DROPPED, absorbed, dropped, grave, guarded, union, units
from revet.agents.panel.critics import HOME
from revet.agents.panel.showing import findings_said, units_shown
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = ["MetaCritic", "SaidMeta", "SaidUnit"]

ADDED = "added/"
MOST_WHY = 300


class SaidUnit(Said):
    """What becomes of one unit."""

    number: Number = Field(description="the unit's number, from 0")
    reason: Text = Field(description="what shows that it is right or wrong")
    valid: bool = Field(description="true if what it says of the draft is so")
    same_as: Number | None = Field(description="number of a unit that says the same and says it better; else null")


class SaidMeta(Said):
    """The verdicts on all units, and what every critic missed."""

    units: list[SaidUnit] = Field(json_schema_extra=MANY)
    added: list[SaidFinding] = Field(description="faults that no unit names; usually empty", json_schema_extra=FEW)
    score: Share = Field(description="how good the draft is, 0 to 1")
    confidence: Share = Field(description="0 to 1")

    def upheld(self, found: Sequence[Finding]) -> tuple[Finding, ...]:
        """The units that stand, each with what was merged into it, and then those that do not, as `dropped`.

        A unit of which nothing is said stands. Of two verdicts on one unit, `valid` counts.
        """
        said, numbers = self._said(len(found)), range(len(found))
        stands = {n for n in numbers if n not in said or said[n].valid or grave(found[n])}
        into = {n: _target(n, said, stands) for n in stands}
        kept = {n: found[n] for n in sorted(stands) if into[n] == n}
        for number, target in sorted(into.items()):
            if number != target:
                kept[target] = absorbed(kept[target], found[number])
        left = [dropped(found[n], plain(said[n].reason, MOST_WHY)) for n in numbers if n not in stands]
        return (*kept.values(), *left)

    def _said(self, count: int) -> Mapping[int, SaidUnit]:
        known: dict[int, SaidUnit] = {}
        for each in self.units:
            if each.number < count and (each.number not in known or each.valid):
                known[each.number] = each
        return known


class MetaCritic:
    """A `Merge`: a model validates what the critics found. Where it cannot be understood, the union stands.

    Its verdict follows from what stands: to revise (or to reject, if a critic with a finding that stands said so) where
    a finding does, else to accept. Critics that all abstain leave nothing to validate, and are an abstention.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature, self.room = model, temperature, room or Room()
        self.prompts = Prompts(prompts, home=HOME)

    async def merge(self, view: View, critiques: Sequence[Critique], name: str) -> Critique:
        everything, draft = union(critiques, name), view.draft
        found = everything.findings
        if everything.verdict is Verdict.abstain or not found or draft is None:
            return everything
        try:
            said = await ask_for(
                view, self.model, SaidMeta, lambda room: self._request(view, draft, found, room), self.room
            )
        except AnswerUnusable as error:
            view.emit("unvalidated", {"critic": name, "why": error.why})
            return everything
        return _concluded(said, everything, draft, {e.id for e in view.evidence}, critiques)

    def _request(self, view: View, draft: Draft, found: Sequence[Finding], room: Room) -> Request:
        user = self.prompts.fill(
            "panel_meta",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.15)),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.35)),
            evidence=section("Evidence", show_evidence(view.evidence, view.secret, room.part(0.2))),
            units=units_shown(found, view.secret, room.part(0.3)),
        )
        system = self.prompts.fill("panel_meta_system")
        return Request(role="meta-critic", messages=messages(system, user), temperature=self.temperature)


def _target(number: int, said: Mapping[int, SaidUnit], stands: Collection[int]) -> int:
    """Where a unit that stands is merged into: the end of its chain of `same_as`; itself where that leads nowhere.

    Of units that point at each other in a circle, the first takes in the others.
    """
    seen = [number]
    while (unit := said.get(seen[-1])) is not None and unit.same_as is not None and unit.same_as in stands:
        if unit.same_as in seen:
            return min(seen[seen.index(unit.same_as) :])
        seen.append(unit.same_as)
    return seen[-1]


def _concluded(
    said: SaidMeta, everything: Critique, draft: Draft, known: set[str], critiques: Sequence[Critique]
) -> Critique:
    """What stands, as a critique."""
    ids = {*known, *(id for unit in everything.findings for id in unit.evidence)}
    new = [f.model_copy(update={"category": f"{ADDED}{f.category}"}) for f in findings_said(said.added, draft, ids)]
    judged = said.upheld(everything.findings)
    standing = [unit for unit in (*judged, *new) if not unit.category.startswith(DROPPED)]
    result = everything.possible_result
    if not standing:
        result = "no finding of the panel is upheld"
    elif new:
        result = f"{result}\nthe meta-critic adds {len(new)} of its own".strip()
    return guarded(
        Critique(
            critic=everything.critic,
            verdict=_verdict(everything.verdict, standing, critiques),
            possible_result=result,
            findings=(*judged, *new),
            score=fraction(said.score),
            confidence=fraction(said.confidence),
        )
    )


def _verdict(before: Verdict, standing: Sequence[Finding], critiques: Sequence[Critique]) -> Verdict:
    """What the findings that stand come to, where `before` is the sternest verdict of the critics."""
    objected = before in (Verdict.revise, Verdict.reject) and standing
    if not objected and not any(finding.severity.rank >= Severity.major.rank for finding in standing):
        return Verdict.accept
    claims = {finding.claim for finding in standing}
    rejecting = [c for c in critiques if c.verdict is Verdict.reject]
    upheld = any(finding.claim in claims for critique in rejecting for finding in units(critique))
    return Verdict.reject if upheld else Verdict.revise
