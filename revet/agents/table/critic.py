"""`TableCritic`: a judge, a router through the tree of templates, and a critic who has templates as examples.

After Table-Critic (arXiv 2502.11799). The judge is shown the answer, not how it was come by; only where it calls the
answer wrong are the others asked, about the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, fraction, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, Number, Said, Share, Text, Word
from revet.agents.chat.sections import candidate_section, messages, section
from revet.agents.chat.show import cut, share
from revet.agents.chat.steps import steps_of
from revet.agents.table.shown import HOME, steps_section, table_section
from revet.agents.table.tree import Tree
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Location, Note, Severity, Verdict
from revet.tools.base import View

__all__ = ["ROUTE", "SaidJudgement", "SaidRoute", "SaidWrongStep", "TableCritic", "route_of"]

ROUTE = "template/"
"""The category of a finding begins so; the rest is the path in the tree of the templates that it was made by."""
NO_ROUTE = "none"
MOST_TEXT = 2_000


class SaidJudgement(Said):
    """Whether an answer is right, after the reasons."""

    explanation: Text = Field(description="why the answer is right or wrong")
    right: bool
    confidence: Share = Field(description="0 to 1")


class SaidRoute(Said):
    """Which kind of error it is."""

    analysis: Text = Field(description="the steps up to the first wrong one, and what is wrong with it")
    route: list[Word] = Field(
        description="names of the tree from its root to a leaf; empty if none fits", json_schema_extra=FEW
    )


class SaidWrongStep(Said):
    """The first wrong step, after the examination of those before it."""

    analysis: Text = Field(description="step by step up to the first wrong one: what is right or wrong in it")
    wrong_step: Number | None = Field(description="the number of the first wrong step; null if every step is right")
    suggestion: Text | None = Field(description="how to do that step right")
    confidence: Share = Field(description="0 to 1")


class TableCritic:
    """A critic of derivations over tables, and of any other that has steps.

    The templates are those among ``view.notes``, and the seeds; `examples` of them are shown at most. It accepts what
    the judge calls right. It abstains where the judge's answer cannot be used, and where the judge calls the answer
    wrong and the critic finds no wrong step: as published, the answer then stays as it is. Where the critic's answer
    cannot be used, or names a step that is not there, the judge's word is the critique.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        judge: LanguageModel | None = None,
        prompts: Prompts | Path | str | None = None,
        name: str = "table-critic",
        temperature: float | None = 0.0,
        examples: int = 5,
        room: Room | None = None,
    ) -> None:
        self.model, self.judge, self.name, self.temperature = model, judge or model, name, temperature
        self.examples, self.room = examples, room or Room()
        self.prompts = prompts_of(prompts, HOME)

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None or draft.gives_up:
            return abstained(self.name, "there is nothing to judge")
        try:
            return await self._criticised(view, draft)
        except AnswerUnusable as error:
            return abstained(self.name, f"its answer could not be used ({error.why})")

    async def _criticised(self, view: View, draft: Draft) -> Critique:
        judged = await ask_for(
            view, self.judge, SaidJudgement, lambda room: self._judging(view, draft, room), self.room
        )
        sure, why = fraction(judged.confidence), plain(judged.explanation, MOST_TEXT)
        if judged.right:
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=why, score=1.0, confidence=sure)
        steps = steps_of(draft)
        wrong = Finding(claim=why or "the judge calls it wrong", category="answer", confidence=sure)
        if not steps:
            return _refused(self.name, wrong, 0.0)
        tree = Tree(view.notes)
        path = await self._routed(view, draft, steps, tree)
        shown = tree.examples(path, view.task.goal, self.examples)
        try:
            said = await ask_for(
                view,
                self.model,
                SaidWrongStep,
                lambda room: self._criticising(view, draft, steps, shown, room),
                self.room,
            )
        except AnswerUnusable:
            return _refused(self.name, wrong, 0.0)
        if said.wrong_step is not None and said.wrong_step >= len(steps):
            return _refused(self.name, wrong, 0.0)
        if said.wrong_step is None:
            return abstained(self.name, f"the judge calls the answer wrong, and no step is found to be: {why}")
        return _refused(self.name, _finding(said, path), said.wrong_step / len(steps))

    async def _routed(self, view: View, draft: Draft, steps: Sequence[str], tree: Tree) -> tuple[str, ...] | None:
        """The node whose templates are shown; None where the router finds none, or cannot be understood."""

        def build(room: Room) -> Request:
            tree_shown = section("Tree of errors", fence(cut(tree.outline(), room.part(0.2)), view.secret, "tree"))
            user = self.prompts.fill("table_route", tree=tree_shown, **self._case(view, draft, steps, room))
            return self._request("router", "table_route_system", user)

        try:
            said = await ask_for(view, self.model, SaidRoute, build, self.room)
        except AnswerUnusable:
            return None
        return tree.find(said.route)

    def _judging(self, view: View, draft: Draft, room: Room) -> Request:
        """The task and the answer: how it was come by would speak for it."""
        bare = draft.model_copy(update={"steps": (), "notes": ""})
        user = self.prompts.fill(
            "table_judge",
            goal=view.task.goal,
            table=table_section(view.task, view.secret, room.part(0.4)),
            answer=candidate_section(bare, view.changes, view.secret, room.part(0.3), "Answer"),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.2)) if view.evidence else "",
        )
        return self._request("judge", "table_judge_system", user)

    def _criticising(
        self, view: View, draft: Draft, steps: Sequence[str], shown: Sequence[Note], room: Room
    ) -> Request:
        texts = [f"Task: {note.goal}\n{note.text}" for note in shown]
        shares = share([len(text) for text in texts], room.part(0.3))
        told = [
            fence(cut(text, part), view.secret, f"example:{n}")
            for n, (text, part) in enumerate(zip(texts, shares, strict=True), 1)
        ]
        user = self.prompts.fill(
            "table_critic",
            examples=section("Examples of critiques", "\n".join(told)),
            **self._case(view, draft, steps, room),
        )
        return self._request("critic", "table_critic_system", user)

    def _case(self, view: View, draft: Draft, steps: Sequence[str], room: Room) -> dict[str, str]:
        return {
            "goal": view.task.goal,
            "table": table_section(view.task, view.secret, room.part(0.3)),
            "steps": steps_section(draft, steps, view.secret, room.part(0.3)),
        }

    def _request(self, role: str, system: str, user: str) -> Request:
        told = messages(self.prompts.fill(system), user)
        return Request(role=role, messages=told, temperature=self.temperature)


def route_of(finding: Finding) -> tuple[str, ...] | None:
    """The path of the templates that a finding was made by; () where none fitted, None for a finding of others."""
    if not finding.category.startswith(ROUTE):
        return None
    rest = finding.category.removeprefix(ROUTE)
    return () if rest == NO_ROUTE else tuple(rest.split("/"))


def _finding(said: SaidWrongStep, path: Sequence[str] | None) -> Finding:
    claim = plain(said.analysis, MOST_TEXT) or "it is wrong"
    return Finding(
        claim=f"step {said.wrong_step} is wrong: {claim}",
        severity=Severity.major,
        category=ROUTE + ("/".join(name.replace("/", "-") for name in path) if path else NO_ROUTE),
        location=Location(step=said.wrong_step),
        suggestion=plain(said.suggestion or "", MOST_TEXT) or None,
        confidence=fraction(said.confidence),
    )


def _refused(critic: str, finding: Finding, score: float) -> Critique:
    return Critique(
        critic=critic,
        verdict=Verdict.revise,
        possible_result="the answer would be wrong",
        findings=(finding,),
        score=score,
        confidence=finding.confidence,
    )
