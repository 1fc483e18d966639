"""A panel: critics that are asked at the same time, one persona each, and a reviser that hears what was upheld."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from revet.agents.base import Critic, Reviser
from revet.agents.chat.critic import ChatCritic, abstained
from revet.agents.chat.prompts import Prompts
from revet.agents.panel.aggregate import DROPPED, Merge, grave, guarded
from revet.models import LanguageModel
from revet.schema import Critique, Draft, Evidence
from revet.tools.base import ToolCall, View

__all__ = ["HOME", "PanelCritic", "Persona", "Surviving", "asked_together", "seated"]

HOME = Path(__file__).resolve().parent / "prompts"


class PanelCritic:
    """Asks `critics` at the same time, each on an account of its own, and makes one critique of what they say.

    A critic that cannot tell has no vote; what one raises (`BudgetSpent`, `ModelFailed`) is raised when all have ended,
    so that the others' answers are kept. The verdict is never milder than a grave finding that cites evidence, whatever
    `merge` makes of it.
    """

    def __init__(self, critics: Sequence[Critic], merge: Merge, *, name: str = "panel") -> None:
        self.critics, self.merge, self.name = tuple(critics), merge, name

    async def criticise(self, view: View) -> Critique:
        if view.draft is None or view.draft.problem is not None:
            return abstained(self.name, "there is no draft to examine")
        views, last = [view.fork(critic.name) for critic in self.critics], view.fork(self.name)
        said, found = await asked_together(self.critics, views)
        last = replace(last, evidence=(*last.evidence, *found))
        return _firm(await self.merge.merge(last, said, self.name), said)


def _firm(one: Critique, said: Sequence[Critique]) -> Critique:
    """The critique, with the grave findings of the critics whose evidence no grave finding of it cites."""
    proofs = [set(finding.evidence) for finding in one.findings if grave(finding)]
    found = (finding for critique in said for finding in critique.findings if grave(finding))
    return guarded(one, [f for f in found if not any(proof >= set(f.evidence) for proof in proofs)])


def seated(
    voices: Sequence[LanguageModel], personas: Sequence[str], *, prompts: Prompts, temperature: float
) -> list[Critic]:
    """A critic for each persona ("" for nobody in particular); the models take the seats in turn."""
    return [
        ChatCritic(
            voices[seat % len(voices)],
            prompts=Persona(prompts, words),
            name=f"critic-{seat + 1}",
            temperature=temperature,
        )
        for seat, words in enumerate(personas)
    ]


async def asked_together(
    critics: Sequence[Critic], views: Sequence[View]
) -> tuple[list[Critique], tuple[Evidence, ...]]:
    """What each critic says of its view, in their order, and what they looked up for that, each once.

    The first of what they raise is raised when all have ended.
    """
    found: list[list[Evidence]] = [[] for _ in views]
    own = [_noting(view, seen) for view, seen in zip(views, found, strict=True)]
    asking = (critic.criticise(view) for critic, view in zip(critics, own, strict=True))
    said = await asyncio.gather(*asking, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each
    looked_up = {evidence.id: evidence for seen in found for evidence in seen}
    return [each for each in said if isinstance(each, Critique)], tuple(looked_up.values())


def _noting(view: View, seen: list[Evidence]) -> View:
    """The view, whose `use` notes what it finds."""

    async def use(call: ToolCall) -> Evidence:
        evidence = await view.use(call)
        seen.append(evidence)
        return evidence

    return replace(view, use=use)


class Persona(Prompts):
    """The same prompts, said to somebody in particular: `words` end every system message, in the second person.

    They come from whoever set the recipe up, never from a model.
    """

    def __init__(self, prompts: Prompts, words: str) -> None:
        super().__init__(prompts.folder, home=prompts.home)
        self.words = words.strip()

    def fill(self, name: str, **values: str) -> str:
        text = super().fill(name, **values)
        return f"{text}\n\n{self.words}" if name.endswith("_system") and self.words else text


class Surviving:
    """A reviser that is not shown what was found and not upheld; the record keeps it."""

    def __init__(self, reviser: Reviser) -> None:
        self.reviser, self.name = reviser, reviser.name

    async def revise(self, view: View, critique: Critique) -> Draft:
        past = [a.model_copy(update={"critiques": tuple(map(_upheld, a.critiques))}) for a in view.attempts]
        return await self.reviser.revise(replace(view, attempts=past), _upheld(critique))


def _upheld(critique: Critique) -> Critique:
    kept = tuple(finding for finding in critique.findings if not finding.category.startswith(DROPPED))
    return critique if len(kept) == len(critique.findings) else critique.model_copy(update={"findings": kept})
