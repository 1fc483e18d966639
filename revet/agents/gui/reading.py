"""What a critic of steps on a screen answers: in JSON, or in the tags of the published model."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field

from revet.agents.chat.critic import abstained, plain
from revet.agents.chat.said import Said, Text
from revet.schema import Critique, Finding, Location, Severity, Verdict

__all__ = ["INCORRECT", "SaidStepCritique", "read_tags"]

INCORRECT = "gui/incorrect-step"
MOST_TEXT = 2_000

_TAG = r"<\s*{0}\s*>(.*?)(?:</\s*{0}\s*>|(?=<\s*/?\s*(?:thought|think|score|suggestion)\s*>)|\Z)"
_SCORE = re.compile(_TAG.format("score"), re.DOTALL | re.IGNORECASE)
_SUGGESTION = re.compile(_TAG.format("suggestion"), re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(
    r"^[\W\d_]*(observation|possible\s+results?|critique|critic)\b[\W_]*?[:\]\n]", re.IGNORECASE | re.MULTILINE
)
_WORD = re.compile(r"(?:answer is)?\s*\W*(correct|incorrect)\W*\Z", re.IGNORECASE)


class SaidStepCritique(Said):
    """What is to be said of a step, in the published order: first what is seen, and the verdict last."""

    observation: Text = Field(description="what the screen shows, and how far the task has come")
    possible_result: Text = Field(description="what would happen if the step were carried out")
    critique: Text = Field(description="whether that brings the task on, and why")
    score: Literal["Correct", "Incorrect"]
    suggestion: Text = Field(description="the step to be taken, in one sentence")

    def cut_short(self) -> Self:
        """The verdict of an answer that was closed as its tokens ran out was perhaps never thought of."""
        return self.model_copy(update={"critique": ""})

    def told(self, critic: str, model: str, action: int | None = None) -> Critique:
        """As a `Critique` of the step with that number. A verdict without a reason is none: it abstains."""
        result = plain(self.possible_result, MOST_TEXT)
        seen = plain(self.observation, MOST_TEXT)
        reason = plain(self.critique, MOST_TEXT)
        predicted = f"predicted by {model}: {result or 'nothing'}" + (f" (seen: {seen})" if seen else "")
        if not reason:
            return abstained(critic, f"{predicted}\nit gives no reason for its verdict")
        if self.score == "Correct":
            return Critique(critic=critic, verdict=Verdict.accept, possible_result=predicted, score=1.0)
        finding = Finding(
            claim=reason,
            severity=Severity.major,
            category=INCORRECT,
            location=None if action is None else Location(action=action),
            suggestion=plain(self.suggestion, MOST_TEXT) or None,
        )
        return Critique(critic=critic, verdict=Verdict.revise, possible_result=predicted, findings=(finding,))


def read_tags(text: str) -> SaidStepCritique | None:
    """The critique in an answer of the published model; None where no one verdict stands in it.

    The form is ``<thought>Observation: … Possible Result: … Critique: …</thought><score>Correct</score>
    <suggestion>…</suggestion>``. Headings may be missing or dressed up: then all of the thought is the critique.
    """
    scores = {found.strip().casefold() for found in _SCORE.findall(text)}
    verdicts = {match[1].lower() for score in scores if (match := _WORD.match(score))}
    if len(verdicts) != 1 or any(not _WORD.match(score) for score in scores):
        return None
    thought = text[: _SCORE.search(text).start()]  # type: ignore[union-attr]
    parts = _parts(re.sub(r"</?\s*(?:thought|think)\s*>", "\n", thought, flags=re.IGNORECASE))
    suggestions = _SUGGESTION.findall(text)
    return SaidStepCritique(
        observation=parts["observation"],
        possible_result=parts["possible"],
        critique=parts["critique"],
        score="Correct" if verdicts == {"correct"} else "Incorrect",
        suggestion=suggestions[-1].strip() if suggestions else "",
    )


_NAMES = {"obse": "observation", "poss": "possible", "crit": "critique"}


def _parts(thought: str) -> dict[str, str]:
    parts = {"observation": "", "possible": "", "critique": ""}
    found = [*_HEADING.finditer(thought)]
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(thought)
        parts[_NAMES[match[1][:4].lower()]] = thought[match.end() : end].strip(" \n*:]")
    if not parts["critique"]:
        parts["critique"] = thought.strip()
    return parts
