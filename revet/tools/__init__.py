"""Tools: where evidence comes from."""

from __future__ import annotations

from revet.tools.base import Tool, ToolCall, View
from revet.tools.commands import interpreter_for
from revet.tools.constraints import Constraints
from revet.tools.corpus import CorpusSearch
from revet.tools.coverage import Coverage, Spectrum, spectrum_of
from revet.tools.facts import TestFacts, facts_of
from revet.tools.python import Python
from revet.tools.tests import Tests

__all__ = [
    "Constraints",
    "CorpusSearch",
    "Coverage",
    "Python",
    "Spectrum",
    "TestFacts",
    "Tests",
    "Tool",
    "ToolCall",
    "View",
    "facts_of",
    "interpreter_for",
    "spectrum_of",
]
