"""CRITIC's constrained-text task: score a text with a tool, rewrite it, and keep the new text only if it scores better.

As published for toxicity (arXiv 2305.11738; `toxicity/critic.py` of the authors' repository): the tool's score is the
critique, so no model is asked for one; a text that scores well enough is done; what does not score better than what it
was to replace is not built upon.
"""

from __future__ import annotations

from pathlib import Path

from revet.agents.chat.asking import Room
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.sections import messages
from revet.agents.chat.show import cut
from revet.agents.critic.turns import (
    HOME,
    Speaker,
    abstained,
    attempts_of,
    base_of,
    concluded,
    judgement_in,
    no_draft,
    problem_of,
    unusable,
    words_of,
)
from revet.errors import InputError
from revet.models import LanguageModel, Message, Reply
from revet.schema import Attempt, Critique, Draft, Evidence, Finding, Location, Outcome, Verdict
from revet.tools.base import View
from revet.tools.constraints import Constraints, text_of

__all__ = ["TextAgent", "TextCritic"]

MOST_TEXT = 0.4
MOST_FINDINGS = 20


class TextAgent:
    """Writes a text, and another one in place of the best so far. Without `tools`, in place of the last."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.9,
        first: float | None = 0.9,
        tools: bool = True,
        name: str = "critic/text",
    ) -> None:
        own = Prompts(prompts, home=HOME)
        self.name, self.tools = name, tools
        self._proposer = Speaker(model, own, "text", "proposer", first)
        self._reviser = Speaker(model, own, "text", "reviser", temperature)

    async def propose(self, view: View) -> Draft:
        speaker = self._proposer
        reply = await speaker.ask(view, lambda room: speaker.opening("write", problem=speaker.problem(view, room)))
        return self._draft(reply)

    async def revise(self, view: View, critique: Critique) -> Draft:
        base = self._base(view)
        if base is None:
            return await self.propose(view)
        objections = words_of(critique)
        if self.tools:  # of the text that is kept, which need not be the last one
            objections = next((words_of(c) for c in base.critiques if c.critic == critique.critic), objections)
        speaker = self._reviser

        def talk(room: Room) -> tuple[Message, ...]:
            return speaker.opening(
                "rewrite",
                problem=speaker.problem(view, room),
                text=fence(cut(text_of(base.draft) or "", room.part(MOST_TEXT)), view.secret, "text"),
                problems=fence(cut(objections, room.part(MOST_TEXT)), view.secret, "critique"),
            )

        return self._draft(await speaker.ask(view, talk))

    def _base(self, view: View) -> Attempt | None:
        """The text that is kept: the first of those that score best."""
        texts = [a for a in attempts_of(view) if a.draft.problem is None and text_of(a.draft) is not None]
        scored = [(score, number, a) for number, a in enumerate(texts) if (score := score_of(a.evidence)) is not None]
        if self.tools and scored:
            return min(scored, key=lambda each: each[:2])[2]
        return next(reversed(texts), None)

    def _draft(self, reply: Reply) -> Draft:
        why = unusable(reply, whole=True)
        return problem_of(self.name, why) if why else Draft(author=self.name, answer=reply.text.strip())


class TextCritic:
    """Says what the tool `constraints` found in a text. Without `tools`, asks a model what is wrong with it."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.9,
        tools: bool = True,
        name: str = "critic/text",
    ) -> None:
        self.name, self.tools = name, tools
        self._speaker = Speaker(model, Prompts(prompts, home=HOME), "text", "critic", temperature)

    async def criticise(self, view: View) -> Critique:
        return self._scored(view) if self.tools else await self._asked(view)

    def _scored(self, view: View) -> Critique:
        looked = _looks(view.evidence)
        score = score_of(view.evidence)
        if not looked and view.draft is not None and text_of(view.draft) is not None:
            raise InputError(
                f"there is nothing to hold the text of the task {view.task.id} against",
                hint="give the task inputs.constraints, the agent tools=[Constraints(scorer)], or turn the tools off",
            )
        if not looked or score is None:
            return abstained(self.name, "no tool has scored a text")
        last = looked[-1]
        result = last.observation.partition("\n")[0]
        if last.outcome is Outcome.passed:
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=result, score=1 - score)
        return Critique(
            critic=self.name,
            verdict=Verdict.revise,
            possible_result=result,
            findings=tuple(_findings(last)),
            score=1 - score,
        )

    async def _asked(self, view: View) -> Critique:
        base = base_of(view, lambda attempt: text_of(attempt.draft) is not None)
        text = text_of(base.draft) if base else None
        if text is None:
            return abstained(self.name, "there is no text to criticise")
        speaker = self._speaker

        def talk(room: Room) -> tuple[Message, ...]:
            shown = fence(cut(text, room.part(MOST_TEXT)), view.secret, "text")
            return messages(
                speaker.fill("system"), speaker.fill("critique", problem=speaker.problem(view, room), text=shown)
            )

        reply = await speaker.ask(view, talk)
        why = unusable(reply, whole=False)
        if why is not None:
            return abstained(self.name, why)
        judgement, problem = judgement_in(reply), no_draft(view)
        result = problem or judgement.reason
        return concluded(self.name, judgement, (), category="text", result=result, failed=problem is not None)


def score_of(evidence: tuple[Evidence, ...]) -> float | None:
    """How bad the tool found the text, 0 to 1."""
    scores = (look.data.get("score") for look in _looks(evidence))
    return next((float(score) for score in scores if isinstance(score, int | float)), None)


def _looks(evidence: tuple[Evidence, ...]) -> list[Evidence]:
    return [e for e in evidence if e.tool == Constraints.name]


def _findings(look: Evidence) -> list[Finding]:
    """One for each violation, where it is; and one for the score, if that is what is wrong."""
    broken = look.data.get("violations")
    listed = [each for each in broken if isinstance(each, dict)] if isinstance(broken, list) else []
    found = [_finding(look, str(each.get("claim")), str(each.get("rule")), each.get("span")) for each in listed]
    if not found or look.data.get("scores"):
        found.insert(0, _finding(look, look.observation.partition("\n")[0].partition(": ")[2], "score", None))
    return found[:MOST_FINDINGS]


def _finding(look: Evidence, claim: str, rule: str, span: object) -> Finding:
    place = None
    match span:
        case [int(start), int(end)]:
            place = Location(span=(start, end))
    category = f"constraint/{rule.partition(':')[0]}"
    return Finding(claim=claim, category=category, location=place, evidence=(look.id,))
