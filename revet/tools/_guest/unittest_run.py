"""unittest with the arguments of ``python -m unittest``; subtests are folded into their test."""

from __future__ import annotations

import sys
import unittest
from typing import TYPE_CHECKING, Any

from .alarm import TestTimeout
from .context import Context
from .failure import describe, text_of
from .observe import comparison, observe_unittest
from .sources import install

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(context: Context) -> int:
    """0 if all went well, 1 if a test failed, 5 if there were none."""
    install(context.workspace, comparison(context.equality), context.origins.note)
    observe_unittest(context.equality)
    context.watch()
    context.trace_start()

    class Bound(Runner):
        shared = context

    arguments = ["python -m unittest", *context.config["args"]]
    program = unittest.main(module=None, argv=arguments, testRunner=Bound, exit=False)
    result = program.result
    if result.testsRun == 0 and not result.failures and not result.errors:
        return 5
    return 0 if result.wasSuccessful() else 1


def flatten(suite: Any) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


class Runner:
    """What `unittest.main` makes and calls. Collects first, then runs."""

    shared: Context

    def __init__(self, verbosity: int = 1, failfast: bool = False, buffer: bool = False, **_options: Any) -> None:
        self.failfast, self.buffer = failfast, buffer

    def run(self, suite: Any) -> unittest.TestResult:
        context = self.shared
        tests = [test for test in flatten(suite) if not unloaded(test)]
        context.import_done()
        announce(context, tests)
        examine(context, tests)
        context.inspect(everything=True)
        result = Recorder(context)
        result.failfast, result.buffer = self.failfast, self.buffer
        result.planted = plant(context, tests)
        result.startTestRun()
        suite(result)
        examine(context, tests)
        result.stopTestRun()
        return result


def unloaded(test: Any) -> bool:
    """True for what unittest puts in the place of a module that could not be imported."""
    return type(test).__module__ == "unittest.loader"


def announce(context: Context, tests: list[Any]) -> None:
    files = set()
    for test in tests:
        module = sys.modules.get(type(test).__module__)
        path = context.workspace.relative(str(getattr(module, "__file__", None) or ""))
        if path is not None:
            files.add(path)
    context.send("collected", ids=[t.id() for t in tests], deselected=0, tests=sorted(files), conftest=[], ini=None)


def examine(context: Context, tests: list[Any]) -> None:
    """Look for code that is not what the files of the tests say."""
    for test in tests:
        name = getattr(test, "_testMethodName", None)
        if isinstance(name, str):
            context.stranger(test.id(), name, vars(test).get(name, getattr(type(test), name, None)))
    for case in {type(test) for test in tests}:
        context.patched(case)


def plant(context: Context, tests: list[Any]) -> dict[str, list[Any]]:
    """The planted tests, by the id of the test that they run before: the first and the last."""
    if not tests:
        return {}
    cases = [type("Planted", (unittest.TestCase,), {f.__name__: case_of(f)})(f.__name__) for f in context.decoys]
    context.decoys = []
    half = len(cases) // 2
    planted = {tests[0].id(): cases[:half]}
    planted.setdefault(tests[-1].id(), []).extend(cases[half:])
    return planted


def case_of(function: Any) -> Any:
    return lambda _self: function()


class Planted(unittest.TestResult):
    """The outcome of one planted test."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = "error"

    def addSuccess(self, test: Any) -> None:
        self.outcome = "passed"

    def addFailure(self, test: Any, err: Any) -> None:
        self.outcome = "failed"


class Recorder(unittest.TestResult):
    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.planted: dict[str, list[Any]] = {}
        self.outcome = "passed"
        self.fields: dict[str, Any] = {}

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        if unloaded(test):
            return
        for decoy in self.planted.pop(test.id(), ()):
            result = Planted()
            unittest.TestSuite([decoy])(result)
            self.context.send("decoy", id=decoy.id().rpartition(".")[2], outcome=result.outcome)
        self.outcome, self.fields = "passed", {}
        self.context.begin(test.id())
        self.context.alarm.resume()

    def stopTest(self, test: Any) -> None:
        if not unloaded(test):
            self.context.alarm.disarm()
            self.context.end(test.id(), self.outcome, **self.fields)
        super().stopTest(test)

    def _note(self, outcome: str, error: Any = None, reason: str = "") -> None:
        if self.outcome in ("failed", "error"):
            return
        self.outcome = outcome
        self.fields = {"message": reason}
        if error is not None:
            value = error[1]
            self.fields = describe(value, self.context.workspace, self.context.equality.sides)
            self.fields["traceback"] = text_of(value, self.context.workspace)

    def _outside(self, test: Any, error: Any) -> bool:
        """An error of an import, or of a class's or module's own setup or teardown, belongs to no test that was
        started.
        """
        if isinstance(test, unittest.TestCase) and not unloaded(test):
            return False
        fields = describe(error[1], self.context.workspace)
        fields["traceback"] = text_of(error[1], self.context.workspace)
        if unloaded(test):
            self.context.send("collect_error", id=test.id(), **fields)
        else:
            self.context.send("test", id=str(test), outcome="error", seconds=0.0, **fields)
        return True

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        if not self._outside(test, err):
            self._note("error" if not isinstance(err[1], TestTimeout) else "failed", err)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._note("failed", err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note("failed" if issubclass(err[0], test.failureException) else "error", err)

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            self._note("skipped", reason=reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note("xfailed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._note("failed", reason="an expected failure did not happen")
