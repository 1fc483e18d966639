"""Recipes compared: the same tasks, model, budget and sandbox for each, and a judge that the loop never sees.

`suites` says what can be compared on, `case` what a case of a suite is, `runner` runs them, `compared` counts.
"""

from __future__ import annotations

from revet.evals.compare.case import BugCase, Case, Judgement, Suite
from revet.evals.compare.compared import Compared, Ended, figures_of
from revet.evals.compare.runner import Comparison
from revet.evals.compare.suites import SUITES, spread, suite_named
from revet.evals.compare.tasks import TaskCase, task_suite

__all__ = [
    "SUITES",
    "BugCase",
    "Case",
    "Compared",
    "Comparison",
    "Ended",
    "Judgement",
    "Suite",
    "TaskCase",
    "figures_of",
    "spread",
    "suite_named",
    "task_suite",
]
