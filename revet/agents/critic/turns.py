"""What CRITIC's roles have in common: one conversation about one draft, in free text, read with care.

The critique and the correction are two requests of one conversation (question and draft; what is wrong?; now a better
one), so both are built from the same parts here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from revet.agents.chat.asking import Room, ask_freely
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.sections import inputs_section, messages
from revet.agents.chat.show import cut
from revet.models import Finish, LanguageModel, Message, Reply, Request
from revet.schema import Attempt, Critique, Draft, Evidence, Finding, Verdict
from revet.tools.base import View

__all__ = [
    "HOME",
    "Judgement",
    "Speaker",
    "abstained",
    "attempts_of",
    "base_of",
    "concluded",
    "heard",
    "judgement_in",
    "no_draft",
    "problem_of",
    "said",
    "spoken",
    "unusable",
    "words_of",
]

HOME = Path(__file__).resolve().parent / "prompts"

VERDICT = re.compile(
    r"^[ \t>*_#-]*verdict[ \t*_]*:[ \t*_`]*(correct|wrong)\b[ \t*_`]*[:.,;–—-]*[ \t]*([^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
REASONED = re.compile(r"\A.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
REASONING = re.compile(r"\A\s*<(?:think|thinking|reasoning)>.*", re.DOTALL | re.IGNORECASE)
SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|$)", re.DOTALL)
MOST_CLAIM = 300
MOST_CRITIQUE = 12_000
FAILED = "/failed"
"""How the category ends of what was called right and failed: the claim is what the tool saw, in its words."""


class Judgement(NamedTuple):
    """What a critique in free text comes to. `right` only if it says so, alone and in the end."""

    right: bool
    reason: str
    text: str


@dataclass(frozen=True)
class Speaker:
    """One model in one role. `task` begins the names of its prompts."""

    model: LanguageModel
    prompts: Prompts
    task: str
    role: str
    temperature: float | None

    def problem(self, view: View, room: Room) -> str:
        """The goal, and the inputs of the task, fenced."""
        inputs = inputs_section(view.task, view.secret, room.part(0.25))
        return f"## Task\n\n{view.task.goal}\n\n{inputs}".rstrip()

    def opening(self, prompt: str, **values: str) -> tuple[Message, ...]:
        """The system's message and the first of the user's."""
        return messages(self.fill("system"), self.fill(prompt, **values))

    def fill(self, prompt: str, **values: str) -> str:
        return self.prompts.fill(f"{self.task}_{prompt}", **values)

    async def ask(
        self,
        view: View,
        talk: Callable[[Room], Sequence[Message]],
        *,
        stop: Sequence[str] = (),
    ) -> Reply:
        """The reply to a conversation, without the reasoning before it."""

        def build(room: Room) -> Request:
            return Request(role=self.role, messages=tuple(talk(room)), temperature=self.temperature, stop=tuple(stop))

        reply = await ask_freely(view, self.model, build)
        return reply.model_copy(update={"text": spoken(reply.text)})


def said(role: Literal["user", "assistant"], text: str) -> Message:
    """One turn of the conversation. A turn without text is not accepted by every provider."""
    return Message(role=role, text=text or "…")


def spoken(text: str) -> str:
    """What is said after the model's reasoning, where it shows that in tags. Reasoning without an end says nothing.

    Halves of characters, which no file and no prompt can hold, are replaced.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return REASONING.sub("", REASONED.sub("", text))


def unusable(reply: Reply, *, whole: bool) -> str | None:
    """Why a reply cannot be used; None if it can. `whole`: a text that was cut off is of no use."""
    if reply.finish is Finish.refusal:
        return "the model refused"
    if not reply.text.strip():
        return "the model said nothing"
    if whole and reply.finish is Finish.length:
        return "what the model said was cut off at its limit"
    return None


def judgement_in(reply: Reply) -> Judgement:
    """The verdict of a critique. None, several, one with a reservation and a cut-off one do not mean `correct`."""
    found = [(match[1].lower(), match[2].strip(" *_`")) for match in VERDICT.finditer(reply.text)]
    text = VERDICT.sub("", reply.text).strip()
    last = reply.text.strip().rpartition("\n")[2]
    right = set(found) == {("correct", "")} and VERDICT.match(last) is not None and reply.finish is not Finish.length
    reasons = [reason for word, reason in found if word == "wrong" and reason]
    first = SENTENCE.search(text)
    reason = reasons[-1] if reasons else first[0] if first else "it is said to be wrong"
    return Judgement(right, cut(" ".join(reason.split()), MOST_CLAIM), text)


def concluded(
    critic: str, judgement: Judgement, cited: Sequence[Evidence], *, category: str, result: str, failed: bool = False
) -> Critique:
    """The critique. Whatever is said, a draft that `failed` is not accepted.

    The finding's claim is what is wrong in a sentence, its suggestion the whole of what the critic said.
    """
    if judgement.right and not failed:
        return Critique(critic=critic, verdict=Verdict.accept, possible_result=result, score=1.0)
    finding = Finding(
        claim=judgement.reason if not judgement.right else result,
        category=category if not judgement.right else category + FAILED,
        evidence=tuple(dict.fromkeys(e.id for e in cited)),
        suggestion=cut(judgement.text, MOST_CRITIQUE) or None,
    )
    return Critique(critic=critic, verdict=Verdict.revise, possible_result=result, findings=(finding,))


def heard(critique: Critique, author: str, secret: str, most: int = MOST_CRITIQUE) -> str:
    """What the reviser `author` hears: its own critic's words as it said them, and any other critique fenced.

    What a tool saw of a draft that failed (see `concluded`) is nobody's words, and fenced too.
    """
    if critique.critic.removesuffix("+oracle") != author:
        return fence(cut(words_of(critique), most), secret, "critique")
    for finding in critique.findings:
        if finding.category.endswith(FAILED):
            result = fence(finding.claim, secret, "result")
            return f"{cut(finding.suggestion or '', most)}\n\n{result}".strip()
    return cut(words_of(critique), most)


def words_of(critique: Critique) -> str:
    """What each finding says, and for want of any what would happen."""
    parts = []
    for finding in critique.findings:
        words = finding.suggestion or ""
        parts.append(words if finding.claim in words else f"{words}\n\n{finding.claim}".strip())
    return "\n\n".join(parts) or critique.possible_result


def abstained(critic: str, why: str) -> Critique:
    return Critique(critic=critic, verdict=Verdict.abstain, possible_result=why, confidence=0.0)


def attempts_of(view: View) -> list[Attempt]:
    """All attempts, the newest last. While it is criticised, the newest is in the view alone."""
    past = list(view.attempts)
    if view.draft is not None and (not past or past[-1].round != view.round):
        past.append(Attempt(round=view.round, draft=view.draft, evidence=view.evidence))
    return past


def base_of(view: View, usable: Callable[[Attempt], bool]) -> Attempt | None:
    """What is criticised and mended: the newest attempt that gives an answer, else the newest that is a draft."""
    drafts = [a for a in attempts_of(view) if a.draft.problem is None and not a.draft.gives_up]
    answering = [a for a in drafts if usable(a)]
    return next(reversed(answering or drafts), None)


def problem_of(author: str, why: str) -> Draft:
    """A draft that is none, and says why."""
    return Draft(author=author, problem=why)


def no_draft(view: View) -> str | None:
    """Why what is criticised is no draft; None if it is one. Then the one before it is criticised in its place."""
    return view.draft.problem if view.draft is not None else None
