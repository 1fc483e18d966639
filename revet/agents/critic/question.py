"""CRITIC's question task: the critic looks things up itself, then the answer is given again in that light.

As published (arXiv 2305.11738; `qa/critic.py` of the authors' repository): the critique goes through plausibility and
truthfulness; it may search up to seven times, each time it gets one passage of at most 400 characters, and a query
that is repeated gets the next one; the most probable answer follows in the same conversation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from revet.agents.chat.asking import Room
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.show import cut
from revet.agents.critic.answers import extract, is_null, same
from revet.agents.critic.turns import (
    HOME,
    Speaker,
    abstained,
    attempts_of,
    base_of,
    concluded,
    heard,
    judgement_in,
    no_draft,
    problem_of,
    said,
    unusable,
)
from revet.errors import InputError
from revet.models import LanguageModel, Message, Reply
from revet.schema import Attempt, Critique, Draft, Evidence, Outcome
from revet.tools.base import ToolCall, View

__all__ = ["QuestionAgent", "QuestionCritic"]

SEARCHES, PASSAGE = 7, 400
QUERY = re.compile(r"^[ \t>*_`]*search query[ \t*_`]*:[ \t]*([^\n]+)$", re.IGNORECASE | re.MULTILINE)
STOP = ("> Evidence:",)
"""Where a model would go on to make up what its search finds."""
MOST_ANSWER, MOST_TALK = 0.2, 0.5


class QuestionAgent:
    """Answers a question, step by step; and again after a critique. `temperature` is that of both."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.0,
        first: float | None = 0.0,
        tools: bool = True,
        name: str = "critic/question",
    ) -> None:
        own = Prompts(prompts, home=HOME)
        self.name, self.tools = name, tools
        self._proposer = Speaker(model, own, "question", "proposer", first)
        self._reviser = Speaker(model, own, "question", "reviser", temperature)

    async def propose(self, view: View) -> Draft:
        speaker = self._proposer
        reply = await speaker.ask(view, lambda room: speaker.opening("solve", problem=speaker.problem(view, room)))
        return self._draft(reply, view)

    async def revise(self, view: View, critique: Critique) -> Draft:
        base = base_of(view, gives_answer)
        if base is None:
            return await self.propose(view)
        speaker = self._reviser

        def talk(room: Room) -> list[Message]:
            found = _passages(_cited(view, critique), view, room) if self.tools else []
            evidence = "The searches found:\n\n" + "\n\n".join(found) if found else ""
            return [
                *_asked(speaker, view, base, room, tools=self.tools),
                said("assistant", heard(critique, self.name, view.secret, room.part(MOST_TALK))),
                said("user", speaker.fill("answer", problem=speaker.problem(view, room), evidence=evidence)),
            ]

        return self._draft(await speaker.ask(view, talk), view)

    def _draft(self, reply: Reply, view: View) -> Draft:
        """An answer that says the same as a former one is given in its words, so that it is seen to be repeated."""
        why = unusable(reply, whole=True)
        answer = None if why else extract(reply.text)
        if answer is None:
            return problem_of(self.name, why or "it gives no answer: it must end with `So the answer is: …`")
        former = (a.draft.answer for a in reversed(attempts_of(view)))
        answer = next((known for known in former if known is not None and same(known, answer)), answer)
        steps = tuple(line.strip() for line in reply.text.splitlines() if line.strip())
        return Draft(author=self.name, answer=answer, steps=steps)


class QuestionCritic:
    """Examines an answer, searching with the tool `search` as it goes. Without `tools`, it relies on what it knows.

    The tool is called with `query` and `exclude` (ids of passages that are known), and gives ``data["passages"]``, each
    with `id`, `title` and `text`; see `revet.tools.CorpusSearch`.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.0,
        tools: bool = True,
        searches: int = SEARCHES,
        search: str = "corpus",
        name: str = "critic/question",
    ) -> None:
        if searches < 1:
            raise InputError(f"searches must be at least 1, not {searches}", hint="turn the tools off for none")
        self.name, self.tools, self.searches, self.search = name, tools, searches, search
        self._speaker = Speaker(model, Prompts(prompts, home=HOME), "question", "critic", temperature)

    async def criticise(self, view: View) -> Critique:
        base = base_of(view, gives_answer)
        if base is None or not gives_answer(base):
            return abstained(self.name, "there is no answer to criticise")
        if self.tools and self.search not in view.tools:
            raise InputError(
                f"the critic searches with the tool {self.search!r}, and this run has none of that name",
                hint="give the agent tools=[CorpusSearch(folder), …], or turn the recipe's tools off",
            )
        return await _Examination(self, self._speaker, view, base).critique()


class _Examination:
    """One critique: the conversation so far, and what was found."""

    def __init__(self, critic: QuestionCritic, speaker: Speaker, view: View, base: Attempt) -> None:
        self.critic, self.speaker, self.view, self.base = critic, speaker, view, base
        self.turns: list[tuple[str, Evidence]] = []  # what the critic said, and what its search then found

    async def critique(self) -> Critique:
        while True:
            reply = await self.speaker.ask(self.view, self._talk, stop=STOP if self.critic.tools else ())
            why = unusable(reply, whole=False)
            if why is not None:
                return abstained(self.critic.name, why)
            query = QUERY.search(reply.text) if len(self.turns) < self._searches else None
            if query is None:
                return self._concluded(reply)
            evidence = await self._find(query[1].strip().strip("\"'`"))
            self.turns.append((reply.text[: query.end()], evidence))

    @property
    def _searches(self) -> int:
        return self.critic.searches if self.critic.tools else 0

    async def _find(self, query: str) -> Evidence:
        """The best passage that was not found before. So a repeated query gives the next one."""
        known = [each["id"] for _, found in self.turns for each in _data(found)]
        call = ToolCall(
            tool=self.critic.search, request=query or "(nothing)", arguments={"query": query, "exclude": known}
        )
        return await self.view.use(call)

    def _talk(self, room: Room) -> list[Message]:
        talk = list(_asked(self.speaker, self.view, self.base, room, tools=self.critic.tools))
        each = room.part(MOST_TALK) // max(1, len(self.turns))
        for number, (words, evidence) in enumerate(self.turns, 1):
            prompt = "evidence" if number < self._searches else "conclude"
            shown = "\n\n".join(_passages([evidence], self.view, room))
            talk += [said("assistant", cut(words, each)), said("user", self.speaker.fill(prompt, evidence=shown))]
        return talk

    def _concluded(self, reply: Reply) -> Critique:
        """The whole of what was said, the searches left out, with the passages that were found as its grounds."""
        words = [QUERY.sub("", turn).strip() for turn, _ in self.turns]
        judgement = judgement_in(reply)
        text = "\n\n".join(part for part in (*words, QUERY.sub("", judgement.text).strip()) if part)
        grounds = [evidence for _, evidence in self.turns if evidence.outcome is Outcome.passed]
        problem = no_draft(self.view)
        result = problem or f"the answer would be: {self.base.draft.answer}"
        whole = judgement._replace(text=text)
        return concluded(self.critic.name, whole, grounds, category="fact", result=result, failed=problem is not None)


def gives_answer(attempt: Attempt) -> bool:
    return attempt.draft.problem is None and not is_null(attempt.draft.answer)


def _asked(speaker: Speaker, view: View, base: Attempt, room: Room, *, tools: bool) -> tuple[Message, ...]:
    steps = "\n".join(base.draft.steps)
    answer = base.draft.answer or ""
    proposed = steps if same(extract(steps), answer) else f"{steps}\nSo the answer is: {answer}".strip()
    return speaker.opening(
        "critique",
        problem=speaker.problem(view, room),
        answer=fence(cut(proposed, room.part(MOST_ANSWER)), view.secret, "answer"),
        search=speaker.fill("search" if tools else "recall"),
    )


def _cited(view: View, critique: Critique) -> list[Evidence]:
    ids = {cited for finding in critique.findings for cited in finding.evidence}
    return [evidence for evidence in view.evidence if evidence.id in ids]


def _passages(evidence: Sequence[Evidence], view: View, room: Room) -> list[str]:
    """Each as ``[title] text``, fenced under the id of its evidence; what else a tool says as it says it."""
    shown = []
    for each in evidence:
        found = [f"[{p['title']}] {cut(str(p['text']), PASSAGE)}" for p in _data(each)]
        text = "\n".join(found) or cut(each.observation, PASSAGE)
        shown.append(fence(cut(text, room.part(MOST_ANSWER)), view.secret, each.id))
    return shown


def _data(evidence: Evidence) -> list[dict[str, object]]:
    found = evidence.data.get("passages")
    return [dict(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []
