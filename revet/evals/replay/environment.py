"""What a model's environment showed it, as evidence, and what can be read off that without knowing what is right.

Nothing is run again here: the observation of a draft is the one in the log, as a trial of it would have shown. It
proves nothing of itself, and so it is inconclusive, unless a `Reading` finds that something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, JsonValue

from revet.evals.replay.playing import NUMBER
from revet.schema import Draft, Evidence, Outcome
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Environment", "Reading", "number_of"]

SHOWN = 6000

Reading = Callable[[View, str], Problem | None]
"""What is wrong with a draft, by the observation of it; None where that does not say."""


class Environment:
    """Shows of each recorded draft what the log says that its environment showed, by the number of the draft.

    Other tools read it as passages (``data["passages"]``). It fails where `reading` finds a problem.
    """

    name = "environment"
    arguments: type[BaseModel] | None = None
    terms = Terms(keep="draft")

    def __init__(
        self, observed: Mapping[int, Sequence[tuple[str, str]]], *, reading: Reading = lambda *_: None
    ) -> None:
        """`observed`: by draft, what was asked and what came back, in order."""
        self.observed, self.reading = observed, reading

    def plan(self, view: View) -> Sequence[ToolCall]:
        number = number_of(view.draft)
        if number is None or number not in self.observed:
            return []
        return [ToolCall(tool=self.name, request=f"what the environment showed of draft {number + 1}")]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        number = number_of(view.draft)
        seen = () if number is None else self.observed.get(number, ())
        shown = "\n".join(text for _, text in seen)
        problem = self.reading(view, shown)
        said = f"failed: {problem.claim}" if problem else "inconclusive: this is what was shown, and no proof of itself"
        outcome = Outcome.failed if problem else Outcome.inconclusive
        passages: list[JsonValue] = [{"title": clip(asked, 200), "text": text} for asked, text in seen if text.strip()]
        return evidence_for(
            call,
            view,
            outcome,
            clip(f"{said}\n{shown}", SHOWN),
            problems=[problem] if problem else (),
            data={"passages": passages},
        )


def number_of(draft: Draft | None) -> int | None:
    """Which of the recorded drafts it is; None for one that was not recorded."""
    number = None if draft is None else draft.data.get(NUMBER)
    return number if isinstance(number, int) else None
