"""Tools: where evidence comes from."""

from __future__ import annotations

from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for, terms_of
from revet.tools.commands import interpreter_for
from revet.tools.constraints import Constraints
from revet.tools.corpus import CorpusSearch
from revet.tools.coverage import Coverage, Spectrum, spectrum_of
from revet.tools.facts import TestFacts, facts_of
from revet.tools.problems import Problem, findings_of, problems_of
from revet.tools.python import Python
from revet.tools.tests import Tests

__all__ = [
    "Constraints",
    "CorpusSearch",
    "Coverage",
    "Problem",
    "Python",
    "Spectrum",
    "Terms",
    "TestFacts",
    "Tests",
    "Tool",
    "ToolCall",
    "View",
    "evidence_for",
    "facts_of",
    "findings_of",
    "interpreter_for",
    "problems_of",
    "spectrum_of",
    "terms_of",
]
