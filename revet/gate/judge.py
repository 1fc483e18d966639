"""The decision on one action: its text is read, it is tried on a copy where that adds something, the rules decide.

Nothing that a payload holds raises here: what cannot be examined is answered, and never with "allow".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from revet.effects.model import Analysis
from revet.effects.patterns import Roots
from revet.effects.rules import Rules, Ruling
from revet.errors import InputError, RevetError
from revet.gate.answer import Answer
from revet.gate.attempt import Attempt
from revet.gate.critique import changes_of, critique_of, reason_of
from revet.gate.reading import analyse, home_of, located, workspace_of
from revet.gate.request import Request, Unreadable
from revet.gate.trial import Grounds, attempt, only_looks, why_not

if TYPE_CHECKING:
    from revet.effects.goal import Scope

__all__ = ["acheck", "check"]


MOST = 50
"""So many files that a rule is about are told one by one."""


@dataclass(frozen=True, slots=True)
class _Case:
    """An action on its way to a decision."""

    request: Request
    rules: Rules
    roots: Roots
    analysis: Analysis
    scope: Scope | None
    ruling: Ruling
    began: float


def check(
    request: Mapping[str, object] | Request,
    *,
    rules: Rules | None = None,
    rules_file: str | None = None,
    dry_run: bool = True,
    timeout: float | None = None,
    grounds: Grounds | None = None,
) -> Answer:
    """Decide on one action. `rules` default to those of ``revet.toml`` (or of `rules_file`) and the built-in ones.

    `dry_run` False decides from the text alone; `timeout` bounds a trial, in seconds; `grounds` keeps the sandbox for
    the next action. Never raises for what the request or a file of rules holds, nor for what the action does.
    """
    began = time.perf_counter()
    try:
        try:
            case = _read(request, rules, rules_file, began)
        except InputError as error:
            return _without_files(request, error, began)
        return _conclude(case, _attempt(case, dry_run, timeout, grounds))
    except Exception as error:  # noqa: BLE001  # a hook that ends in a traceback lets the action through
        return _refused(request, error, began)


async def acheck(
    request: Mapping[str, object] | Request,
    *,
    rules: Rules | None = None,
    dry_run: bool = True,
) -> Answer:
    """`check`, without keeping the event loop waiting while an action is tried."""
    import asyncio

    return await asyncio.to_thread(check, request, rules=rules, dry_run=dry_run)


def _read(payload: Mapping[str, object] | Request, rules: Rules | None, rules_file: str | None, began: float) -> _Case:
    request = Request.of(payload)
    cwd = request.cwd or str(Path.cwd())
    request = located(replace(request, cwd=cwd, workspace=request.workspace or workspace_of(cwd)))
    if rules is None:
        from revet.effects.rules_config import load_rules

        rules = load_rules(cwd, request.workspace, file=rules_file)
    analysis, cwds = analyse(request)
    roots = Roots(workspace=request.workspace, home=home_of(), cwds=cwds)
    if request.kind == "run_command" and not only_looks(analysis) and not Path(cwd).is_dir():
        analysis = replace(analysis, doubts=(*analysis.doubts, f"there is no folder {cwd} to run it in"))
    scope = _scope(request, analysis)
    ruling = rules.decide(analysis, scope, roots=roots, cost=request.cost)
    return _Case(request, rules, roots, analysis, scope, ruling, began)


def _scope(request: Request, analysis: Analysis) -> Scope | None:
    if not request.goal or not request.goal.strip():
        return None
    from revet.effects.goal import scope

    return scope(request.goal, analysis, request.subject)


def _attempt(case: _Case, dry_run: bool, timeout: float | None, grounds: Grounds | None) -> Attempt:
    if not dry_run or not case.rules.dry_run:
        return Attempt("off", "the dry run is switched off")
    reason = why_not(case.request, case.analysis, case.ruling)
    if reason is not None:
        return Attempt("skipped", reason)
    return attempt(case.request, case.analysis, timeout or case.rules.timeout, grounds)


def _conclude(case: _Case, attempted: Attempt) -> Answer:
    analysis = attempted.settle(case.analysis)
    watched = case.rules.by_path(attempted.paths, case.roots)[:MOST]
    if watched:
        analysis = replace(analysis, effects=(*analysis.effects, *watched))
    scope = case.scope if analysis is case.analysis else _scope(case.request, analysis)
    ruling = case.rules.decide(analysis, scope, roots=case.roots, cost=case.request.cost)
    return Answer(
        decision=ruling.decision,
        reason=reason_of(ruling, attempted),
        critique=critique_of(ruling, analysis, attempted),
        changes=changes_of(attempted),
        seconds=time.perf_counter() - case.began,
        id=case.request.id,
        trace=ruling.trace,
        commands=analysis.commands,
        rules=case.rules.files,
    )


def _without_files(request: Mapping[str, object] | Request, error: InputError, began: float) -> Answer:
    """The answer where a file of rules is at fault: what the built-in rules deny stays denied, the rest is asked."""
    from revet.effects.rules_default import DEFAULTS

    case = _read(request, Rules(defaults=DEFAULTS), None, began)
    answer = _conclude(case, Attempt("skipped", "the rules cannot be used"))
    if answer.decision != "deny":
        return _refused(request, error, began)
    return replace(answer, reason=f"{answer.reason}; beside that the rules cannot be used: {error}")


def _refused(payload: object, error: Exception, began: float) -> Answer:
    seconds = time.perf_counter() - began
    id = payload.get("id") if isinstance(payload, Mapping) else getattr(payload, "id", None)
    if isinstance(error, Unreadable):
        return Answer.refusal(str(error), decision=error.decision, id=id, seconds=seconds)
    if isinstance(error, InputError):
        said, mend = f"the rules cannot be used: {error}", "mend the file of rules where it says so"
        return Answer.refusal(said, decision="ask", id=id, seconds=seconds, suggestion=mend)
    said = f"{type(error).__name__}: {error}" if not isinstance(error, RevetError) else str(error)
    return Answer.refusal(f"the gate could not examine it ({said[:500]})", decision="ask", id=id, seconds=seconds)
