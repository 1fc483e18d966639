"""A fault that a rule found, and how sure the rule is: measured once for every rule, on real queries of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONFIDENCE", "SURE", "Finding", "counted"]

SURE = 0.85
"""From here on a finding is reason to send the query back; below, it is a hint."""

HINTS = frozenset(
    [
        "asked/condition-column",
        "asked/count",
        "asked/id-given",
        "asked/key-given",
        "asked/name-unseen",
        "asked/number-grouped",
        "asked/number-unseen",
        "asked/order-only",
        "asked/other-aggregate",
        "asked/repeats-rows",
        "asked/star",
        "asked/table-parent",
        "asked/table-unused-word",
        "asked/too-many",
        "grain/parent-measure",
        "shape/other-join",
        "value/like-wider",
    ]
)
"""Rules that stay hints however sure they are on sets that compare results cell by cell: what they find (a helpful
column more, a name told by its key) a reader mostly wants or does not mind. Where a question says *only*, they count.
"""

UNMEASURED = 0.5

# How often a query of which the rule speaks was wrong: on the runnable attempts of InterCode-SQL (dev rows), each task
# counting once, (wrong + 1) / (tasks + 2). Attempts at tasks whose right answer is empty are left out, for there any
# two empty results agree; of the rules that speak of emptiness they are not.
CONFIDENCE: dict[str, float] = {
    # Too rare there to be measured (at most 4 times), but wrong by what SQL means, and most of them proved on the data.
    # These are judged, not measured.
    "shape/null-compared": 0.95,
    "shape/cartesian": 0.90,
    "shape/contradiction": 0.90,
    "shape/loose-column": 0.90,
    "shape/loose-group": 0.90,
    "value/null-in-not-in": 0.90,
    "grain/fan-out": 0.90,
    # Measured together with the hint of which they are the sure part, for alone they are rare (asked/key-given,
    # asked/id-given, asked/other-aggregate, shape/other-join).
    "asked/key-for-name": 0.95,
    "asked/only-id": 0.94,
    "asked/only-aggregate": 0.92,
    "shape/unrelated-join": 0.92,
    "asked/star": 0.99,
    "asked/count": 0.98,
    "asked/too-many": 0.97,
    "asked/limit": 0.95,
    "asked/name-ignored": 0.95,
    "asked/no-superlative": 0.95,
    "asked/repeats-joined": 0.95,
    "asked/key-given": 0.94,
    "shape/outer-name": 0.93,
    "asked/id-given": 0.92,
    "asked/other-aggregate": 0.92,
    "asked/table-unused": 0.92,
    "shape/other-join": 0.92,
    "asked/table-unused-word": 0.91,
    "asked/number-grouped": 0.90,
    "asked/number-ignored": 0.90,
    "value/like-wider": 0.89,
    "asked/order-only": 0.88,
    "grain/parent-measure": 0.88,
    "asked/condition-column": 0.87,
    "asked/number": 0.86,
    "asked/unmentioned": 0.84,
    "asked/direction": 0.83,
    "asked/nothing-counted": 0.83,
    "asked/made-up-filter": 0.82,
    "shape/join-matches-nothing": 0.82,
    "asked/too-few": 0.81,
    "asked/count-for-sum": 0.80,
    "asked/not-distinct": 0.80,
    "asked/negation": 0.79,
    "asked/number-unseen": 0.79,
    "asked/name-unseen": 0.78,
    "asked/no-average": 0.78,
    "asked/made-up-number": 0.77,
    "asked/column-unused": 0.75,
    "asked/repeats-rows": 0.75,
    "asked/repeats-plain": 0.73,
    "asked/superlative-ignored": 0.73,
    "asked/table-parent": 0.72,
    "value/null": 0.70,
    "value/empty": 0.68,
    "asked/count-distinct": 0.67,
    "grain/distinct": 0.66,
    "asked/no-group": 0.64,
    "grain/merged-groups": 0.64,
    "value/idle-filter": 0.57,
    "value/unknown": 0.57,
    "value/other-column": 0.53,
    "value/zero": 0.45,
    "value/text-as-number": 0.44,
    "value/spelled-otherwise": 0.31,
}


@dataclass(frozen=True)
class Finding:
    """`category` names the rule. What the database itself refuses (``sql/…``) is certain. `insisted`: the question says
    that it wants no more than it names.
    """

    claim: str
    category: str
    suggestion: str | None = None
    insisted: bool = False

    @property
    def confidence(self) -> float:
        return 1.0 if self.category.startswith("sql/") else CONFIDENCE.get(self.category, UNMEASURED)

    @property
    def wrong(self) -> bool:
        """Whether it is reason to send the query back."""
        return self.confidence >= SURE and (self.insisted or self.category not in HINTS)

    def told(self) -> dict[str, Any]:
        """The fields of a `Problem`."""
        return {
            "claim": self.claim[:1000],
            "category": self.category,
            "suggestion": self.suggestion[:2000] if self.suggestion is not None else None,
            "confidence": self.confidence,
            "severity": "major" if self.wrong else "minor",
        }


def counted(number: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {what}{'s' * (number != 1)}"
