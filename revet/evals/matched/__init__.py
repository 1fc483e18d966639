"""The matched-conditions experiment: is the gain of a second pass re-solving, scaffold or content?"""

from __future__ import annotations

from revet.evals.matched.experiment import (
    COMPONENTS,
    CONDITIONS,
    REVISE,
    SOLVE,
    Decomposition,
    Matched,
    Right,
    answer_of,
    components,
    decompose,
    null_draft,
)
from revet.evals.matched.suite import open_suite

__all__ = [
    "COMPONENTS",
    "CONDITIONS",
    "REVISE",
    "SOLVE",
    "Decomposition",
    "Matched",
    "Right",
    "answer_of",
    "components",
    "decompose",
    "null_draft",
    "open_suite",
]
