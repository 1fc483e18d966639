"""What it is worth: public tasks as workspaces, and verdicts from tests that the loop never saw."""

from revet.evals.bugfix import Bug, Judged, judge, load_bugs, prepare
from revet.evals.split import as_pytest

__all__ = ["Bug", "Judged", "as_pytest", "judge", "load_bugs", "prepare"]
