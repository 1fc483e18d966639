"""What it is worth: public tasks as workspaces, verdicts from tests that the loop never saw, measurements on real
outputs of real models.
"""

from __future__ import annotations

from revet.evals.bugfix import Bug, Judged, judge, load_bugs, prepare
from revet.evals.estimate import Estimate
from revet.evals.figures import Figure, bootstrap, wilson
from revet.evals.measuring import Measurement, Progress
from revet.evals.paired import Difference
from revet.evals.source import Row, Source
from revet.evals.split import as_pytest
from revet.evals.trial import Trial, Turn

__all__ = [
    "Bug",
    "Difference",
    "Estimate",
    "Figure",
    "Judged",
    "Measurement",
    "Progress",
    "Row",
    "Source",
    "Trial",
    "Turn",
    "as_pytest",
    "bootstrap",
    "judge",
    "load_bugs",
    "prepare",
    "wilson",
]
