"""Does a short answer stand in what the environment showed? Groundedness of answers that are no sentences.

An answer of a few words or a number ("Indiana University", "175") makes no claim that could be held against a passage.
What can be seen is whether it stands there at all. One that does not was not found by looking: the model knew it, or
made it up. Yes and no, letters of options and long texts stand nowhere as they are, and nothing is said of them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from pydantic import BaseModel, JsonValue

from revet.evals.replay.environment import Environment
from revet.schema import Evidence, Outcome
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["FINAL", "Held", "held"]

FINAL = "final"
"""Where a draft's ``data`` has the bare answer, beside the text around it."""

ARTICLES = re.compile(r"\b(?:a|an|the)\b")
NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])", re.IGNORECASE)
SILENT = frozenset({"yes", "no", "true", "false", "none", "unknown"})
LONGEST = 12
"""Words of an answer that may stand somewhere as it is."""

ROUNDED = 1e-3
CONFIDENCE = 0.85
PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "–—’‘“”°", " "))


class Held:
    """Looks for the bare answer of a draft (``Draft.data["final"]``, else its answer) in what was observed of it.

    Observed is what `Environment` showed of this draft, and what stands in the question. It passes if the answer stands
    there, fails if not, and is inconclusive where nothing was shown or nothing can be said of such an answer.
    """

    name = "held"
    arguments: type[BaseModel] | None = None
    terms = Terms(keep="draft")

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call when the environment has spoken."""
        seen = any(each.tool == Environment.name for each in view.evidence)
        if not seen or not _final(view).strip():
            return []
        return [ToolCall(tool=self.name, request="look for the answer in what was observed")]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        passages = [each.data.get("passages") for each in view.evidence if each.tool == Environment.name]
        shown = "\n".join(_text(passage) for each in passages if isinstance(each, list) for passage in each)
        answer = _final(view)
        if not shown.strip():
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: nothing was observed")
        found = held(answer, shown, question=view.task.goal)
        if found is None:
            return evidence_for(
                call, view, Outcome.inconclusive, "inconclusive: such an answer stands nowhere as it is"
            )
        if found:
            return evidence_for(call, view, Outcome.passed, "passed: the answer stands in what was observed")
        problem = Problem(
            claim=f"nothing that was observed says {clip(answer, 200)!r}",
            category="answer/not-observed",
            suggestion="look it up, or answer with what was found",
            confidence=CONFIDENCE,
        )
        return evidence_for(call, view, Outcome.failed, f"failed: {problem.claim}", problems=[problem])


def held(answer: str, shown: str, *, question: str = "") -> bool | None:
    """Whether the answer stands in `shown`; None where nothing can be said of such an answer.

    Words count in their order, without case, punctuation and articles, and may stand in the question, which often names
    what there is to choose from. Numbers count by value, to three digits, and must have been shown.
    """
    numbers, words = _numbers(answer), _words(answer)
    if not words or len(words) > LONGEST or _is_silent(words, numbers):
        return None
    if numbers:
        known = _numbers(shown)
        return all(any(abs(each - other) <= ROUNDED * max(1.0, abs(other)) for other in known) for each in numbers)
    return f" {' '.join(words)} " in f" {' '.join(_words(f'{question} {shown}'))} "


def _is_silent(words: Sequence[str], numbers: Sequence[float]) -> bool:
    """Yes, no, and letters of options."""
    return not numbers and (" ".join(words) in SILENT or (len(words) == 1 and len(words[0]) == 1))


def _words(text: str) -> list[str]:
    return ARTICLES.sub(" ", text.casefold().translate(PUNCTUATION)).split()


def _numbers(text: str) -> list[float]:
    return [float(found[0].replace(",", "")) for found in NUMBER.finditer(text)]


def _final(view: View) -> str:
    if view.draft is None:
        return ""
    final = view.draft.data.get(FINAL)
    return final if isinstance(final, str) else view.draft.answer or ""


def _text(passage: JsonValue) -> str:
    return str(passage.get("text", "")) if isinstance(passage, dict) else ""
