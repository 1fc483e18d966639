"""What a tool finds wrong in a draft: located, graded, with what to do instead. Critics make findings of it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue, ValidationError

from revet.schema import Evidence, Finding, Location, Model, Severity
from revet.schema.base import Fraction

__all__ = ["Problem", "findings_of", "problems_of"]


class Problem(Model):
    """One thing that a tool found wrong. The fields are those of `Finding`; the evidence is the tool's own.

    `confidence` is how probable it is, measured where it was measured, that this is really wrong.
    """

    claim: str
    severity: Severity = Severity.major
    category: str = "logic"
    location: Location | None = None
    suggestion: str | None = None
    confidence: Fraction = 1.0

    def told(self) -> dict[str, JsonValue]:
        """As it stands in ``Evidence.data["problems"]``."""
        said: dict[str, JsonValue] = self.model_dump(mode="json", exclude_none=True)
        return said


def problems_of(evidence: Evidence) -> Iterator[Problem]:
    """The problems that the evidence tells of, in order. What is no problem in form is passed over."""
    told = evidence.data.get("problems")
    for each in told if isinstance(told, list) else []:
        try:
            yield Problem.model_validate(each)
        except ValidationError:
            continue


def findings_of(evidence: Evidence) -> list[Finding]:
    """The problems as findings that cite the evidence."""
    return [Finding(**dict(problem), evidence=(evidence.id,)) for problem in problems_of(evidence)]
