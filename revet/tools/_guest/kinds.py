"""How each kind of check gathers its tests once, and runs one of them, for screening.

A `gather(workspace, config, then)` imports and collects the tests and calls ``then(suite)`` while they are
alive; it returns without calling it where collection failed. A suite has `ids` and ``run(id, next_id,
alarm)``.
"""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

from . import script_run
from .alarm import Alarm, TestTimeout
from .sources import Workspace
from .unittest_run import flatten

if TYPE_CHECKING:
    from collections.abc import Callable

    Then = Callable[[Any], None]
    Gather = Callable[[Workspace, dict[str, Any], Then], None]


def gatherer(kind: str) -> Gather:
    """The gather function of a kind. Call it before the workspace is on `sys.path`."""
    if kind == "pytest":
        from .screen_pytest import gather

        return gather
    return gather_unittest if kind == "unittest" else gather_script


class UnittestSuite:
    def __init__(self, tests: Any) -> None:
        self._tests = {test.id(): test for test in tests}
        self.ids = list(self._tests)

    def run(self, test: str, _next: str | None, alarm: Alarm) -> str:
        result = unittest.TestResult()
        suite = unittest.TestSuite([self._tests[test]])
        try:
            alarm.resume()
            suite(result)
        except TestTimeout:
            return "timeout"
        finally:
            alarm.disarm()
        if result.failures or result.errors or result.unexpectedSuccesses:
            return "failed"
        return "skipped" if result.skipped else "xfailed" if result.expectedFailures else "passed"


def gather_unittest(workspace: Workspace, config: dict[str, Any], then: Then) -> None:
    class Gather:
        def __init__(self, **_options: Any) -> None:
            pass

        def run(self, suite: Any) -> unittest.TestResult:
            tests = list(flatten(suite))
            if not any(type(test).__name__ == "_FailedTest" for test in tests):
                then(UnittestSuite(tests))
            return unittest.TestResult()

    argv = ["python -m unittest", *config["args"]]
    unittest.main(module=None, argv=argv, testRunner=Gather, exit=False)


class ScriptSuite:
    ids = (script_run.NAME,)

    def __init__(self, workspace: Workspace, config: dict[str, Any]) -> None:
        self._workspace, self._config = workspace, config

    def run(self, _test: str, _next: str | None, alarm: Alarm) -> str:
        path = str(self._config["script"])
        script_run.enter(path, self._config["args"])
        try:
            alarm.resume()
            return script_run.execute(self._workspace, path)[0]
        finally:
            alarm.disarm()


def gather_script(workspace: Workspace, config: dict[str, Any], then: Then) -> None:
    then(ScriptSuite(workspace, config))
