"""What a page lacks here that it would have where it is served. What goes wrong for want of it proves little."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from revet.schema import Severity
from revet.tools._render.told import address_of
from revet.tools.problems import Problem

__all__ = ["softened"]

TEMPLATE = re.compile(r"\{%|\{\{|<\?php|<%")
SERVED = re.compile(r"origin \W?null\b|protocol of the current origin|URL scheme \W?file\b")
"""What a browser says of things that files may not do, and pages of a server may."""

FETCHING = re.compile(r"fetch|network|XMLHttpRequest", re.IGNORECASE)


def softened(
    problems: Sequence[Problem], told: Mapping[str, Any], text: str, workspace: Path | None, *, in_answer: bool
) -> list[Problem]:
    """The problems, those with a reason that lies here as possible ones with that reason. `text` is the source."""
    kinds = set(_kinds_elsewhere(told, workspace, in_answer))
    template = TEMPLATE.search(text) is not None
    return [_softer(problem, _reason(problem, kinds, template)) for problem in problems]


def _reason(problem: Problem, elsewhere: set[str], template: bool) -> str | None:
    """Why a problem proves little; None for one that stands. A page that does not end is one wherever it is."""
    if problem.severity.rank < Severity.major.rank or problem.category == "render/hangs":
        return None
    if template:
        return "it is a template, and nothing has filled it in"
    if "Script" in elsewhere or (elsewhere and (_is_no_exception(problem) or FETCHING.search(problem.claim))):
        return "it needs what is not here: a network, a server, or other files"
    return "it is shown as a file here, not by a server" if SERVED.search(problem.claim) else None


def _is_no_exception(problem: Problem) -> bool:
    return problem.category != "render/exception"


def _softer(problem: Problem, why: str | None) -> Problem:
    if why is None:
        return problem
    claim = f"{problem.claim} (but {why})"
    return problem.model_copy(update={"severity": Severity.minor, "confidence": 0.3, "claim": claim})


def _kinds_elsewhere(told: Mapping[str, Any], workspace: Path | None, in_answer: bool) -> Iterator[str]:
    """The kinds of what was asked for and lies on the network, at the root of a server, or beside an answer's page."""
    failed = told.get("failed")
    for each in failed if isinstance(failed, list) else []:
        address = address_of(each.get("url") if isinstance(each, dict) else None)
        beside = address.scheme == "file" and not in_answer and workspace is not None
        if beside and workspace is not None and Path(unquote(address.path)).is_relative_to(workspace):
            continue
        if address.scheme in ("file", "http", "https", "ws", "wss"):
            yield str(each.get("kind"))
