"""Tests as evidence: a check's command, run on the staged state and taken apart test by test.

The tests run in the sandbox under the workspace's own interpreter. A small runner there (`_guest`) reports
each test on a signed channel; the verdict is made here, by the rules of `integrity`, from that report, the
exit status, the paths that were written and the baseline. What the program prints decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from revet.errors import InputError
from revet.sandboxes.base import ExecResult, ExecVerdict, Limits
from revet.schema import Check, Evidence
from revet.tools.base import ToolCall, View
from revet.tools.commands import Command, parse_command
from revet.tools.decoys import misjudged, plant
from revet.tools.facts import TestFacts, collect_facts, facts_of
from revet.tools.guest import limits_for, run_command, run_guest
from revet.tools.integrity import judge, violations
from revet.tools.observation import observe

__all__ = ["Tests"]


class Tests:
    """Runs the task's checks. `test_timeout` bounds one test; `limits` all of it (its wall time is the
    check's own).

    After a first test has hung the others get two seconds each, and less with every further one, so that a draft that
    loops is known quickly.
    """

    __test__ = False
    name = "tests"
    arguments: type[BaseModel] | None = None

    def __init__(self, *, limits: Limits | None = None, test_timeout: float = 10.0) -> None:
        if test_timeout <= 0:
            raise InputError(f"test_timeout must be positive, not {test_timeout}")
        self.limits = limits
        self.test_timeout = test_timeout

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for each check of the task."""
        return [
            ToolCall(tool=self.name, request=check.command, check=check.id, required=check.required)
            for check in view.task.checks
        ]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The evidence of one check. Raises `InputError` for a command that cannot be read or an unknown
        check.
        """
        check = check_of(call, view)
        command = parse_command(check)
        start = time.monotonic()
        facts, result = await self._facts(check, command, view)
        baseline = facts_of(view.baseline[check.id]) if check.id in view.baseline else None
        changed = tuple(file.path for file in view.changes.files) if view.changes else ()
        said = violations(
            facts, baseline, touched=result.touched, changed=changed, allows=view.allows, edit=view.task.edit
        )
        facts = facts.model_copy(update={"integrity": said})
        # Without a draft this is the baseline: the workspace's own ways are recorded, not held against it.
        outcome = judge(facts, said if view.changes or baseline is not None else ())
        return Evidence(
            tool=self.name,
            request=check.command,
            outcome=outcome,
            observation=observe(check, facts, outcome, result),
            data=facts.model_dump(mode="json"),
            seconds=time.monotonic() - start,
            check=check.id,
            required=check.required,
            changes=view.changes.fingerprint if view.changes else None,
        )

    async def _facts(self, check: Check, command: Command, view: View) -> tuple[TestFacts, ExecResult]:
        if view.remaining <= 0:
            late = ExecResult(verdict=ExecVerdict.timeout, exit_code=None)
            return TestFacts(kind=command.kind, verdict="timeout"), late
        limits = limits_for(view, check.timeout, self.limits)
        protected = protected_files(check, view)
        if command.kind == "command":
            result = await run_command(view, command, limits, protected)
            facts = TestFacts(
                kind="command", complete=result.ok, exit_code=result.exit_code, verdict=result.verdict.value
            )
            return facts, result
        decoys = plant()
        run = await run_guest(
            view,
            check,
            command,
            mode="run",
            settings={
                "test_timeout": test_limit(command, check, self.test_timeout),
                "decoys": [decoy.model_dump() for decoy in decoys],
            },
            limits=limits,
            read_only=protected,
        )
        verdict, status = run.result.verdict.value, run.result.exit_code
        facts = collect_facts(command.kind, run.report, verdict=verdict, exit_code=status)
        said = (*facts.integrity, *misjudged(decoys, run.report, facts))
        return facts.model_copy(update={"integrity": said}), run.result


def check_of(call: ToolCall, view: View) -> Check:
    """The check that `call` asks for: by id, or by its command for a call that names none."""
    for check in view.task.checks:
        if check.id == call.check or (call.check is None and check.command == call.request):
            return check
    raise InputError(f"the task has no check {call.check or call.request!r}", hint="plan the calls from the same task")


def test_limit(command: Command, check: Check, seconds: float) -> float:
    """Seconds for one test. A script is all of its tests in one, so it gets three times as long."""
    return min(check.timeout, seconds * 3 if command.kind == "script" else seconds)


def protected_files(check: Check, view: View) -> tuple[str, ...]:
    """The test files that the baseline knows: read-only while the tests run, though a draft may have staged them."""
    evidence = view.baseline.get(check.id)
    facts = facts_of(evidence) if evidence is not None else None
    if facts is None:
        return ()
    root = view.workspace or Path()
    return tuple(path for path in facts.files.all if (root / path).is_file())
