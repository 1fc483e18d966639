"""Static checks as evidence: what a draft's files say without being run, and only what the draft brought in.

Syntax (Python, JSON, YAML, TOML), ruff (its rules for real faults, and bandit's in its group S) and mypy look at each
changed file as it is staged and as it was; what is found in both is no news (see `revet.tools._static.news`). The
configuration is the workspace's own as it was before the draft, which so cannot silence a check: nor by a ``noqa``,
which counts as a fault itself.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, JsonValue

from revet.errors import InputError, WorkspaceError
from revet.schema import Evidence, Location, Outcome, Severity
from revet.tools._static.grades import grade_of
from revet.tools._static.marks import silencers
from revet.tools._static.news import Fault, news
from revet.tools._static.ruff import CONFIGURATION, Looked, look
from revet.tools._static.sources import Source, Sources, is_python, sources_of
from revet.tools._static.syntax import fault_in
from revet.tools._static.target import required_by, version_of
from revet.tools._static.types import check_types, wants_types
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.commands import interpreter_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["StaticChecks"]

SHOWN, MOST_TOLD, MOST_LONG = 40, 200, 300
UNSURE = 0.4
CONFIGURES = (*CONFIGURATION, "mypy.ini", ".mypy.ini", "setup.cfg", ".bandit")


class StaticChecks:
    """Looks for faults in the changed files without running them: syntax, undefined names, unsafe calls, types.

    `select` are ruff's rules, in place of the workspace's choice (by default its own and the rules for real faults).
    `types` says whether mypy is asked: `auto`, where the workspace configures it. `seconds` bounds each checker. With
    `required`, a draft that brings in a major fault is never accepted.
    """

    name = "static"
    arguments: type[BaseModel] | None = None

    def __init__(
        self,
        *,
        select: Sequence[str] | None = None,
        types: bool | Literal["auto"] = "auto",
        seconds: float = 60.0,
        required: bool = False,
    ) -> None:
        if not 0 < seconds < float("inf"):
            raise InputError(f"seconds must be positive, not {seconds}")
        if select is not None and (isinstance(select, str) or not select or not all(map(_is_rule, select))):
            raise InputError(f"select must be names of ruff's rules, not {select!r}", hint='such as ["F", "E9", "S6"]')
        self.select = None if select is None else tuple(select)
        self.types, self.seconds, self.required = types, seconds, required
        self.terms = Terms(keep="draft")

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that changes a file of a known kind, or answers with a program."""
        files = sources_of(view).files
        if not files:
            return []
        count = len(files)
        request = f"what is new in {files[0].path}" if count == 1 else f"what is new in {count} files"
        return [ToolCall(tool=self.name, request=request, required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """It fails for what is major and new. Where a checker is missing, it says so: inconclusive."""
        sources = sources_of(view)
        if not sources.files:
            return evidence_for(call, view, Outcome.inconclusive, "not checked: no file that can be checked is changed")
        start = time.monotonic()
        seconds = max(0.1, min(self.seconds, view.remaining))
        looked = await look(
            sources.files, view.workspace, select=self.select, seconds=seconds, minor=await _minor_of(view)
        )
        before, after = await asyncio.to_thread(_read, sources.files, looked)
        missing = [looked.problem] if looked.problem else []
        notes = [note for note in (looked.note, *sources.left_out, *_configures(sources, view)) if note]
        new = news(before, after)
        if self._types_wanted(view) and not any(fault.rule == "syntax" for fault in new):
            typed = await check_types(sources.files, view, seconds=max(0.1, min(self.seconds, view.remaining)))
            new += news(typed.before, typed.after)
            (missing if self.types is True else notes).extend([typed.problem] if typed.problem else [])
        new.sort(key=lambda fault: (-grade_of(fault.rule, mild=fault.mild).severity.rank, fault.path, fault.line))
        answers = {source.path for source in sources.files if source.answer}
        problems = [_problem(fault, in_answer=fault.path in answers) for fault in new[:MOST_TOLD]]
        outcome = _outcome(problems, bool(missing))
        text = _shown(outcome, sources, problems, len(new), [*missing, *notes])
        rules = Counter(fault.rule for fault in new)
        data: dict[str, JsonValue] = {"files": len(sources.files), "new": len(new), "rules": dict(rules)}
        data |= {"missing": [*missing]} if missing else {}
        return evidence_for(call, view, outcome, text, problems=problems, data=data, seconds=time.monotonic() - start)

    def _types_wanted(self, view: View) -> bool:
        return wants_types(view.workspace) if self.types == "auto" else self.types


async def _minor_of(view: View) -> int:
    """The version of Python 3 that the workspace's programs are for; this process's where it cannot be told."""
    if view.workspace is None:
        return sys.version_info.minor
    try:
        python = interpreter_for(view.workspace, view.task.python)
    except WorkspaceError:
        return sys.version_info.minor
    return max(await asyncio.to_thread(version_of, python), await asyncio.to_thread(required_by, view.workspace))


def _is_rule(name: object) -> bool:
    return isinstance(name, str) and name.isalnum()


def _read(files: Sequence[Source], looked: Looked) -> tuple[list[Fault], list[Fault]]:
    """The faults before and after: ruff's, those of the syntax of other files, and the marks that silence."""
    before, after = list(looked.before), list(looked.after)
    for source in files:
        for data, faults in ((source.before, before), (source.after, after)):
            if data is None:
                continue
            if not is_python(source.path) or looked.problem:
                faults.extend(filter(None, [fault_in(source.path, data)]))
            if is_python(source.path):
                faults.extend(silencers(source.path, data))
    return before, after


def _configures(sources: Sources, view: View) -> list[str]:
    """What is said of a draft that changes how it is checked."""
    changed = [file.path for file in view.changes.files] if view.changes else []
    named = [path for path in changed if path.rpartition("/")[2] in CONFIGURES]
    return [f"the draft changes {', '.join(named[:5])}: the configuration as it was is used"] if named else []


def _outcome(problems: Sequence[Problem], incomplete: bool) -> Outcome:
    if any(problem.severity.rank >= Severity.major.rank for problem in problems):
        return Outcome.failed
    return Outcome.inconclusive if incomplete else Outcome.passed


def _problem(fault: Fault, *, in_answer: bool) -> Problem:
    severity, confidence = grade_of(fault.rule, mild=fault.mild)
    module = _missing_import(fault)
    if in_answer and module is not None:  # whoever runs an answer may have imported it
        severity, confidence = Severity.minor, UNSURE
    fix = fault.fix or (f"import {module}" if module else None)
    message = clip(" ".join(fault.message.split()), MOST_LONG)
    where = f"line {fault.line} of the answer's program: " if in_answer else ""
    code = clip(fault.context, MOST_LONG)
    return Problem(
        claim=f"{where}{message}" + (f", in `{code}`" if code and "`" not in code else ""),
        severity=severity,
        category=f"static/{fault.rule}",
        location=None if in_answer else Location(path=fault.path, line=max(1, fault.line)),
        suggestion=clip(fix, MOST_LONG) if fix else None,
        confidence=confidence,
    )


def _missing_import(fault: Fault) -> str | None:
    """The module of the standard library whose name is used and not known."""
    named = re.search(r"`(\w+)`", fault.message) if fault.rule == "F821" else None
    return named[1] if named and named[1] in sys.stdlib_module_names else None


def _shown(outcome: Outcome, sources: Sources, problems: Sequence[Problem], count: int, notes: Sequence[str]) -> str:
    files = f"{len(sources.files)} file{'s' * (len(sources.files) != 1)}"
    head = f"{outcome.value}: {count or 'nothing'} new in {files}"
    if outcome is Outcome.inconclusive and notes:
        head += f"; {notes[0]}"
    lines = [f"{p.location or 'answer'}: {p.category.partition('/')[2]} ({p.severity}) {p.claim}" for p in problems]
    if count > SHOWN:
        lines = [*lines[:SHOWN], f"and {count - SHOWN} more"]
    return clip("\n".join([head, *lines, *(f"note: {note}" for note in notes)]), 7000)
