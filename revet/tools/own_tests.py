"""Tests that the agent wrote itself, run in the sandbox: evidence that is never required.

A draft carries them (``data["own_tests"]``, see `with_tests`), so that every draft of a run is held against the same
ones. They may be wrong. What fails is told as a problem, which is reason to revise as long as nothing better speaks:
where the task's own required checks pass, it is a minor one.
"""

from __future__ import annotations

import ast
import math
import time
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from pydantic import BaseModel, JsonValue

from revet.sandboxes.base import Limits
from revet.schema import Draft, Evidence, Outcome, Severity, digest
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem
from revet.tools.python import FENCED, PYTHON

__all__ = ["OWN_TESTS", "OwnTests", "code_of", "own_tests_in", "sound_tests", "with_tests"]

OWN_TESTS = "own_tests"
"""In ``Draft.data``: the sources of the tests."""

MOST_TESTS, MOST_CODE, SHOWN = 20, 4_000, 400
PROBABLE = 0.6
"""How sure a failing test of one's own is: more than not. Of a model's tests a good part is wrong."""


def with_tests(draft: Draft, tests: Sequence[str]) -> Draft:
    """`draft`, carrying the tests."""
    return draft.model_copy(update={"data": {**draft.data, OWN_TESTS: [*tests]}})


def own_tests_in(draft: Draft | None) -> tuple[str, ...]:
    """The tests that a draft carries."""
    told = draft.data.get(OWN_TESTS) if draft is not None else None
    return tuple(test for test in told if isinstance(test, str)) if isinstance(told, list) else ()


def sound_tests(sources: Iterable[str], most: int) -> tuple[str, ...]:
    """The first `most` different tests that are Python and assert something."""
    return tuple(dict.fromkeys(source.strip() for source in sources if _asserts(source)))[:most]


def code_of(draft: Draft) -> str | None:
    """The Python that a draft answers with: its last Python block, or all of it where that is Python with a definition.
    None where it answers with none."""
    text = draft.answer or ""
    blocks = [found[2] for found in FENCED.finditer(text) if found[1].lower() in (*PYTHON, "")]
    return next((code for code in reversed(blocks or [text]) if _defines(code)), None)


class OwnTests:
    """Runs the tests that a draft carries, on what it stages or on the Python that it answers with.

    Each has `seconds`. What the program prints is not kept, and its word is not taken for the verdict of the task.
    """

    name = "own-tests"
    arguments: type[BaseModel] | None = None
    terms = Terms(seconds=120)

    def __init__(self, *, seconds: float = 5.0) -> None:
        self.seconds = seconds

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that carries tests and has something to test."""
        draft, tests = view.draft, own_tests_in(view.draft)[:MOST_TESTS]
        if draft is None or not tests or (not view.changes and code_of(draft) is None):
            return []
        request = f"the agent's own {len(tests)} test{'s' * (len(tests) > 1)} {digest([*tests])}"
        return [ToolCall(tool=self.name, request=request, arguments={"tests": [*tests]})]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        told = call.arguments.get("tests")
        tests = [str(test) for test in told] if isinstance(told, list) else []
        if view.session is None or view.draft is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run tests in")
        start = time.monotonic()
        wall = max(0.1, min(self.seconds * len(tests) + 5, view.remaining))
        limits = Limits(wall_seconds=wall, cpu_seconds=math.ceil(wall))
        given: JsonValue = {"code": code_of(view.draft) or "", "tests": [*tests], "seconds": self.seconds}
        result = await view.session.run_python(_guest(), given, returns="result", layer=view.layer, limits=limits)
        seconds = time.monotonic() - start
        results = _results(result.value, len(tests))
        if results is None:
            why = f"{result.error.type}: {result.error.message}" if result.error else str(result.verdict)
            why = f"the tests did not run to their end: {clip(why, SHOWN)}"
            problem = Problem(claim=why, severity=self._severity(view), category="own-test", confidence=PROBABLE)
            return evidence_for(call, view, Outcome.failed, f"failed: {why}", problems=[problem], seconds=seconds)
        failed = [(test, message) for test, (passed, message) in zip(tests, results, strict=True) if not passed]
        return evidence_for(
            call,
            view,
            Outcome.failed if failed else Outcome.passed,
            _told(tests, results),
            problems=[self._problem(view, *each) for each in failed],
            data={"counts": {"passed": len(tests) - len(failed), "failed": len(failed)}},
            seconds=seconds,
        )

    def _problem(self, view: View, test: str, message: str) -> Problem:
        claim = f"its own test `{clip(test, SHOWN)}` does not pass: {message}"
        return Problem(claim=claim, severity=self._severity(view), category="own-test", confidence=PROBABLE)

    def _severity(self, view: View) -> Severity:
        """The task's checks rule: where all that are required pass, a test of one's own is more likely wrong."""
        required = {check.id for check in view.task.checks if check.required}
        passed = {e.check for e in view.evidence if e.check and e.outcome is Outcome.passed}
        return Severity.minor if required and required <= passed else Severity.major


def _results(value: object, count: int) -> list[tuple[bool, str]] | None:
    """What became of each test; None where the program was ended before all had run."""
    if not isinstance(value, list) or len(value) != count:
        return None
    pairs = [each for each in value if isinstance(each, list) and len(each) == 2]
    return [(each[0] is True, _clean(str(each[1]))) for each in pairs] if len(pairs) == count else None


def _told(tests: Sequence[str], results: Sequence[tuple[bool, str]]) -> str:
    passed = sum(good for good, _ in results)
    lines = [f"{'passed' if passed == len(tests) else 'failed'}: {passed} of {len(tests)} tests pass"]
    for test, (good, message) in sorted(zip(tests, results, strict=True), key=lambda each: each[1][0]):
        lines.append(f"{'passes' if good else 'FAILS'}: {clip(test, SHOWN)}" + (f"  # {message}" if message else ""))
    return "\n".join(lines)


def _asserts(source: str) -> bool:
    tree = _parsed(source) if len(source) <= MOST_CODE else None
    return tree is not None and any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def _defines(source: str) -> bool:
    tree = _parsed(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    return tree is not None and any(isinstance(node, kinds) for node in tree.body)


def _parsed(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def _guest() -> bytes:
    return resources.files("revet.tools").joinpath("_guest", "own_tests.py").read_bytes()
