"""A bias detector: looks at a judgement and the reasons given for it, and asks the judge to think again.

After RBD (Yang et al., NeurIPS 2025, arXiv 2505.17100), with its four biases. The detector never judges in the judge's
place: it names a bias and says where it shows, the judge reconsiders, and what was said last counts. It works on any
critic, which is told by a piece of evidence, and on judgements between two drafts, each pair of which is judged in both
orders.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from pydantic import Field

from revet.agents.base import Critic
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.judge import ChatJudge, SaidPreference
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import cut
from revet.agents.panel.aggregate import grave, guarded
from revet.agents.panel.critics import HOME
from revet.agents.panel.showing import critique_shown
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Message, Request
from revet.schema import Attempt, Critique, Evidence, Outcome, Verdict
from revet.tools.base import View

__all__ = ["BIASES", "Bias", "BiasDetector", "DebiasedCritic", "DebiasedJudge", "Doubt"]

Bias: TypeAlias = Literal["verbosity", "position", "bandwagon", "sentiment"]
BIASES: tuple[Bias, ...] = get_args(Bias)
DETECTOR = "bias-detector"
MOST_WHY = 1_500


class SaidBias(Said):
    """Which bias a judgement shows, after the reasons for thinking so."""

    reasoning: Text = Field(
        description="where the judgement rests on something else than the merits, or that it does not"
    )
    bias: Literal["verbosity", "position", "bandwagon", "sentiment", "none"]


class Doubt(Said):
    """A bias that was found, and where it shows."""

    bias: Bias
    reasoning: str


class BiasDetector:
    """Looks for `biases` in judgements. An answer that cannot be used finds none."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        biases: Collection[Bias] = BIASES,
        prompts: Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.biases, self.temperature = model, tuple(biases), temperature
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def doubt(self, view: View, judged: Callable[[Room], str], judgement: Callable[[Room], str]) -> Doubt | None:
        """The bias that `judgement` of what was `judged` shows; None if none does. Both are sections of a prompt."""

        def build(room: Room) -> Request:
            user = self.prompts.fill(
                "debias",
                goal=view.task.goal,
                inputs=inputs_section(view.task, view.secret, room.part(0.1)),
                judged=judged(room),
                judgement=judgement(room),
            )
            system = self.prompts.fill("debias_system")
            return Request(role=DETECTOR, messages=messages(system, user), temperature=self.temperature)

        try:
            said = await ask_for(view, self.model, SaidBias, build, self.room)
        except AnswerUnusable as error:
            view.emit("unexamined", {"who": DETECTOR, "why": error.why})
            return None
        if said.bias == "none" or said.bias not in self.biases:
            return None
        return Doubt(bias=said.bias, reasoning=plain(said.reasoning, MOST_WHY))


class DebiasedCritic:
    """`critic`, whose judgement is looked at and reconsidered, `times` at most.

    The critic is told by a piece of evidence that is in no record: what cites it alone is an opinion. A reconsideration
    that cannot be used leaves the judgement as it was, and none does away with a grave finding that cites evidence.
    """

    def __init__(self, critic: Critic, detector: BiasDetector, *, times: int = 1) -> None:
        self.critic, self.detector, self.times = critic, detector, times
        self.name = f"{critic.name}+debiased"

    async def criticise(self, view: View) -> Critique:
        if view.draft is None or view.draft.problem is not None:
            return abstained(self.name, "there is no draft to examine")
        said = await self.critic.criticise(view)
        firm = [finding for finding in said.findings if grave(finding)]
        for _ in range(self.times):
            doubt = await self._doubt(view, said)
            if doubt is None:
                break
            told = _as_evidence(doubt, said)
            again = await self.critic.criticise(replace(view, evidence=(*view.evidence, told)))
            if again.verdict is Verdict.abstain:
                break
            view.emit("reconsidered", {"critic": self.name, "bias": doubt.bias, "before": said.verdict.value})
            said = _without(again, told.id)
            firm += [finding for finding in said.findings if grave(finding)]
        return guarded(said.model_copy(update={"critic": self.name}), firm)

    async def _doubt(self, view: View, said: Critique) -> Doubt | None:
        draft = view.draft
        if draft is None or said.verdict is Verdict.abstain:
            return None
        return await self.detector.doubt(
            view,
            lambda room: candidate_section(draft, view.changes, view.secret, room.part(0.5)),
            lambda room: critique_shown("Judgement", said, view.secret, room.part(0.3)),
        )


class DebiasedJudge(ChatJudge):
    """Judges pairs in both orders, as `ChatJudge` does; each judgement is looked at, and a biased one reconsidered."""

    def __init__(
        self,
        model: LanguageModel,
        detector: BiasDetector,
        *,
        times: int = 1,
        prompts: Path | str | None = None,
        name: str = "debiased-judge",
    ) -> None:
        super().__init__(model, prompts=prompts, name=name)
        self.detector, self.times = detector, times
        self._words = Prompts(prompts, home=HOME)

    async def _preferred(self, view: View, attempts: Sequence[Attempt], first: int, second: int) -> int | None:
        """Which of the two is better, shown in this order."""
        pair = attempts[first], attempts[second]
        said = await self._said(view, pair)
        for _ in range(self.times if said else 0):
            assert said is not None
            doubt = await self._doubt(view, pair, said)
            if doubt is None:
                break
            said = await self._said(view, pair, doubt, said) or said
        return None if said is None else {"first": first, "second": second, "tie": None}[said.better]

    async def _said(
        self,
        view: View,
        pair: tuple[Attempt, Attempt],
        doubt: Doubt | None = None,
        before: SaidPreference | None = None,
    ) -> SaidPreference | None:
        def build(room: Room) -> Request:
            request = self._request(view, *pair, room)
            if doubt is None or before is None:
                return request
            told = _told_again(self._words, _preference(before), doubt, view.secret, room)
            *earlier, last = request.messages
            return request.model_copy(update={"messages": (*earlier, Message(role=last.role, text=last.text + told))})

        try:
            return await ask_for(view, self.model, SaidPreference, build, self.room)
        except AnswerUnusable:
            return None

    async def _doubt(self, view: View, pair: tuple[Attempt, Attempt], said: SaidPreference) -> Doubt | None:
        def judged(room: Room) -> str:
            shown = (
                candidate_section(each.draft, each.changes, view.secret, room.part(0.25), f"{which} solution")
                for which, each in zip(("First", "Second"), pair, strict=True)
            )
            return "\n".join(shown)

        return await self.detector.doubt(
            view,
            judged,
            lambda room: section("Judgement", fence(cut(_preference(said), room.part(0.2)), view.secret, "judgement")),
        )


def _preference(said: SaidPreference) -> str:
    return f"on the first: {said.first}\non the second: {said.second}\nbetter: {said.better}"


def _told_again(prompts: Prompts, judgement: str, doubt: Doubt, secret: str, room: Room) -> str:
    """What a judge is asked to think about."""
    told = f"{judgement}\n\nbias: {doubt.bias}\n{doubt.reasoning}"
    shown = fence(cut(told, room.part(0.1)), secret, "doubt")
    return f"\n\n{section('Think again', prompts.fill('debias_again', doubt=shown))}"


def _as_evidence(doubt: Doubt, said: Critique) -> Evidence:
    """The doubt, for a critic that is asked again. It proves nothing either way."""
    before = "; ".join([said.possible_result, *(finding.claim for finding in said.findings)])
    return Evidence(
        tool=DETECTOR,
        request=f"your former judgement of this draft: {said.verdict}, {before}"[:MOST_WHY],
        outcome=Outcome.inconclusive,
        observation=f"it may be biased ({doubt.bias}): {doubt.reasoning}",
    )


def _without(critique: Critique, evidence: str) -> Critique:
    """The critique, which cites the doubt no more."""
    findings = (
        f.model_copy(update={"evidence": tuple(e for e in f.evidence if e != evidence)}) for f in critique.findings
    )
    return critique.model_copy(update={"findings": tuple(findings)})
