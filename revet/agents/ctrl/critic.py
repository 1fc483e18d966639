"""CTRL's critic: analysis, suggestions for improvement, an overall judgement, and never the solution itself."""

from __future__ import annotations

import pathlib
import re

from revet.agents.chat.asking import Room, ask_freely
from revet.agents.chat.critic import evidence_section
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.sections import candidate_section, inputs_section, messages
from revet.agents.chat.show import cut
from revet.agents.critic.turns import SENTENCE, abstained, spoken, unusable
from revet.models import LanguageModel, Reply, Request
from revet.schema import Critique, Draft, Finding, Verdict
from revet.tools.base import View

__all__ = ["CtrlCritic"]

HOME = pathlib.Path(__file__).resolve().parent / "prompts"
MOST_CLAIM, MOST_CRITIQUE = 300, 12_000
JUDGEMENT = re.compile(
    r"^[ \t>*_#-]*overall[ \t]+judge?ment[ \t*_]*:[ \t*_`]*(correct|incorrect)\b.*$", re.IGNORECASE | re.MULTILINE
)
HEADING = re.compile(
    r"^[ \t>*_#-]*(?:analysis|improvement[ \t]+suggestions)[ \t*_]*(?::[ \t*_]*|$)", re.IGNORECASE | re.MULTILINE
)


class CtrlCritic:
    """A critic in free text. What is not judged to be correct, in so many words and without a word against it, is not.

    With `evidence` it is shown what the tools saw (the authors' critique with execution feedback); the published
    setting is without. A reply that is refused, empty or cut off is an abstention; `ModelFailed` and `BudgetSpent`
    are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | pathlib.Path | str | None = None,
        name: str = "ctrl",
        temperature: float | None = 0.6,
        evidence: bool = False,
    ) -> None:
        self.model, self.name, self.temperature, self.evidence = model, name, temperature, evidence
        self.prompts = prompts_of(prompts, HOME)

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None:
            return abstained(self.name, "there is no draft to criticise")
        reply = await ask_freely(view, self.model, lambda room: self._request(view, draft, room))
        reply = reply.model_copy(update={"text": spoken(reply.text)})
        why = unusable(reply, whole=True)
        return abstained(self.name, why) if why is not None else self._critique(reply)

    def _request(self, view: View, draft: Draft, room: Room) -> Request:
        user = self.prompts.fill(
            "ctrl_critique",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.5), "Answer"),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.3)) if self.evidence else "",
        )
        system = self.prompts.fill("ctrl_critique_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)

    def _critique(self, reply: Reply) -> Critique:
        judged = {found[1].lower() for found in JUDGEMENT.finditer(reply.text)}
        text = JUDGEMENT.sub("", reply.text).strip()
        first = SENTENCE.search(HEADING.sub("", text).strip())
        said = cut(" ".join(first[0].split()), MOST_CLAIM) if first else "it gives no reason"
        if judged == {"correct"}:
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=said, score=1.0)
        finding = Finding(claim=said, category="critique", suggestion=cut(text, MOST_CRITIQUE) or None)
        return Critique(critic=self.name, verdict=Verdict.revise, possible_result="", findings=(finding,))
