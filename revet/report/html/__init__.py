"""Runs and evaluations as pages: one self-contained file each, with no network, in which what others wrote is text."""

from revet.report.html.page import page, policy_of, stylesheet
from revet.report.html.parts import (
    changes_html,
    critique_html,
    decision_html,
    diff_html,
    draft_html,
    evidence_html,
    receipt_html,
)
from revet.report.html.run import attempt_html, run_html, run_page
from revet.report.html.templating import render

__all__ = [
    "attempt_html",
    "changes_html",
    "critique_html",
    "decision_html",
    "diff_html",
    "draft_html",
    "evidence_html",
    "page",
    "policy_of",
    "receipt_html",
    "render",
    "run_html",
    "run_page",
    "stylesheet",
]
