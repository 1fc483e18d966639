"""Tools: where evidence comes from."""

from __future__ import annotations

from revet.tools.adapters import FunctionTool, LangChainTool, McpServer, McpTool, as_tool, as_tools
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for, terms_of
from revet.tools.behaviour import Behaviour
from revet.tools.calculate import Calculate, Expression
from revet.tools.calls import CallCheck
from revet.tools.citations import Citations
from revet.tools.claims import Claims
from revet.tools.commands import interpreter_for
from revet.tools.constraints import Constraints
from revet.tools.corpus import CorpusSearch
from revet.tools.coverage import Coverage, Spectrum, spectrum_of
from revet.tools.effects import Effects
from revet.tools.engines import Ddgs, Found, SearXng
from revet.tools.ensemble import EnsembleSearch
from revet.tools.facts import TestFacts, facts_of
from revet.tools.failing import Fallback
from revet.tools.grounded import Groundedness, RecordedCall, ungrounded
from revet.tools.page import ReadPage
from revet.tools.problems import Problem, findings_of, problems_of
from revet.tools.python import Python
from revet.tools.render import Rendered
from revet.tools.sql import Sql
from revet.tools.static import StaticChecks
from revet.tools.tests import Tests
from revet.tools.web import WebSearch

__all__ = [
    "Behaviour",
    "Calculate",
    "CallCheck",
    "Citations",
    "Claims",
    "Constraints",
    "CorpusSearch",
    "Coverage",
    "Ddgs",
    "Effects",
    "EnsembleSearch",
    "Expression",
    "Fallback",
    "Found",
    "FunctionTool",
    "Groundedness",
    "LangChainTool",
    "McpServer",
    "McpTool",
    "Problem",
    "Python",
    "ReadPage",
    "RecordedCall",
    "Rendered",
    "SearXng",
    "Spectrum",
    "Sql",
    "StaticChecks",
    "Terms",
    "TestFacts",
    "Tests",
    "Tool",
    "ToolCall",
    "View",
    "WebSearch",
    "as_tool",
    "as_tools",
    "evidence_for",
    "facts_of",
    "findings_of",
    "interpreter_for",
    "problems_of",
    "spectrum_of",
    "terms_of",
    "ungrounded",
]
