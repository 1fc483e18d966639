"""What a suite knows of one case after it was played: every draft as the loop saw it, and as a judge judges it."""

from __future__ import annotations

from pydantic import Field

from revet.schema import Model
from revet.schema.base import Data, Fraction

__all__ = ["Trial", "Turn"]


class Turn(Model):
    """One draft. `correct` is the judge's word, which the loop never saw; None where nobody can tell.

    `accepted` is what the loop's own evidence and critics made of the draft: True if nothing spoke against it, False if
    something did, None if nobody could say. `confidence` is how sure they, or the model that wrote it, said they were.
    `located` and `suggested` say whether a critique pointed at the place that is wrong, and whether what it suggests is
    right; None where it did neither, or nobody can tell. `failed_tool`: a tool that was called broke or refused.
    """

    round: int = Field(ge=0)
    correct: bool | None = None
    accepted: bool | None = None
    score: Fraction | None = None
    confidence: Fraction | None = None
    located: bool | None = None
    suggested: bool | None = None
    failed_tool: bool = False


class Trial(Model):
    """One case. Cases with the same `task` belong together: they are resampled as one.

    `chosen` is the index in `turns` of the draft that was committed or answered; None if the loop abstained or asked.
    `correct` is whether what it ended with is right; None where it ended with nothing, or nobody can tell. `group`
    parts the cases for tables (the model that wrote them, say). `error` says why the case broke off.
    """

    case: str
    task: str
    group: str = ""
    turns: tuple[Turn, ...] = ()
    chosen: int | None = Field(default=None, ge=0)
    correct: bool | None = None
    asked: bool = False
    over_budget: bool = False
    why: str = Field(default="", description="the first of the gate's reasons for how it ended")
    tool_calls: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0, description="US dollars")
    seconds: float = Field(default=0.0, ge=0)
    error: str | None = None
    data: Data = Field(default_factory=dict, description="what else the suite's own figures need")

    @property
    def first(self) -> bool | None:
        """Whether the first draft was right."""
        return self.turns[0].correct if self.turns else None

    @property
    def committed(self) -> bool:
        """True if the loop ended with a draft, and did not abstain."""
        return self.chosen is not None
