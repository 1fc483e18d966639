"""Coverage as evidence: which lines each test of a failing check runs, so that a critic can locate the fault."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence

from pydantic import BaseModel, JsonValue

from revet.errors import InputError
from revet.schema import Evidence, Model, Outcome
from revet.tools.base import ToolCall, View
from revet.tools.trace import Trace, trace

__all__ = ["Coverage", "Spectrum", "spectrum_of"]


class Spectrum(Model):
    """One test and the lines it ran, by path relative to the workspace."""

    id: str
    passed: bool
    lines: dict[str, tuple[int, ...]]


class Coverage:
    """Traces each required check that some test evidence shows as failing. Never required itself.

    `most_tests` bounds what is kept: every failing test, then passing ones, in the suite's order.
    """

    name = "coverage"
    arguments: type[BaseModel] | None = None

    def __init__(self, *, most_tests: int = 300) -> None:
        if most_tests < 1:
            raise InputError(f"most_tests must be positive, not {most_tests}")
        self.most_tests = most_tests

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing until a check has failed: coverage of a suite that passes locates no fault."""
        failing = {e.check for e in view.evidence if e.required and e.outcome is not Outcome.passed and e.check}
        return [
            ToolCall(tool=self.name, request=f"coverage of {check.command}", arguments={"check": check.id})
            for check in view.task.checks
            if check.id in failing
        ]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        check = next((c for c in view.task.checks if c.id == call.arguments.get("check")), None)
        if check is None:
            raise InputError(f"the task has no check for {call.request!r}", hint="plan the calls from the same task")
        start = time.monotonic()
        found = await trace(view, check)
        kept = self._kept(found)
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed if found.complete else Outcome.inconclusive,
            observation=_observation(found),
            data={"tests": kept},
            seconds=time.monotonic() - start,
            changes=view.changes.fingerprint if view.changes else None,
        )

    def _kept(self, found: Trace) -> list[JsonValue]:
        tests = [*found.failing, *(t for t in found.tests if t.passed)][: self.most_tests]
        return [
            {
                "id": t.id,
                "passed": t.passed,
                "lines": {path: _ranges(lines) for path, lines in t.lines.items()},
            }
            for t in tests
        ]


def spectrum_of(evidence: Evidence) -> list[Spectrum]:
    """The tests and lines in evidence of the coverage tool; empty for any other evidence."""
    tests = evidence.data.get("tests")
    if evidence.tool != Coverage.name or not isinstance(tests, list):
        return []
    return [_spectrum(test) for test in tests if isinstance(test, dict)]


def _spectrum(test: dict[str, JsonValue]) -> Spectrum:
    lines = test["lines"]
    assert isinstance(lines, dict)
    return Spectrum(
        id=str(test["id"]),
        passed=bool(test["passed"]),
        lines={path: tuple(_numbers(str(text))) for path, text in lines.items()},
    )


def _observation(found: Trace) -> str:
    if not found.tests:
        return "no lines were recorded: the check cannot be traced, or no test ran"
    paths = {path for t in found.tests for path in t.lines}
    lines = {(path, n) for t in found.failing for path, ns in t.lines.items() for n in ns}
    cut = "" if found.complete else "; the run was cut short"
    return f"{len(found.failing)} failing tests run {len(lines)} lines of {len(paths)} editable files{cut}"


def _ranges(numbers: Collection[int]) -> str:
    """``1-3,7`` for {1, 2, 3, 7}: what a checkpoint keeps of hundreds of line numbers."""
    parts: list[str] = []
    run: list[int] = []
    for number in [*sorted(set(numbers)), -1]:
        if run and number != run[-1] + 1:
            parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
            run = []
        run.append(number)
    return ",".join(parts)


def _numbers(ranges: str) -> Iterator[int]:
    for part in _parts(ranges):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _parts(ranges: str) -> Iterable[str]:
    return (part for part in ranges.split(",") if part)
