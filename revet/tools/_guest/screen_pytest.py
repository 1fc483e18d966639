"""Collects once with pytest, then runs chosen tests through its usual protocol, in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from _pytest import main

from .pytest_run import arguments, outcome_of, undistribute

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .alarm import Alarm
    from .sources import Workspace


class PytestSuite:
    """The collected items, and the plugin that watches one of them run."""

    def __init__(self, session: Any) -> None:
        self._items = {item.nodeid: item for item in session.items}
        self.ids = list(self._items)
        self._alarm: Alarm | None = None
        self._outcome: str | None = None

    def run(self, test: str, following: str | None, alarm: Alarm) -> str:
        item, after = self._items[test], self._items[following] if following is not None else None
        self._alarm, self._outcome = alarm, None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        return self._outcome or "error"

    def note(self, report: Any) -> None:
        worse = outcome_of(report)
        if worse is not None and self._outcome in (None, "passed"):
            self._outcome = worse

    def limited(self) -> Generator[None, Any, None]:
        alarm = self._alarm
        if alarm is not None and not alarm.fired:
            alarm.resume()
        yield
        if alarm is not None:
            alarm.disarm()


class Gatherer:
    """A plugin that hands the collected suite to `then` in place of running it."""

    def __init__(self, then: Callable[[Any], None]) -> None:
        self._then = then
        self._suite: PytestSuite | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        undistribute(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        if not session.testsfailed:
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                session.config.pluginmanager.unregister(reporter)
            self._suite = PytestSuite(session)
            self._then(self._suite)
        return True

    @pytest.hookimpl
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        """A report without the text of the failure, which nobody reads here and which costs more than the
        test.
        """
        error = call.excinfo
        if error is None:
            outcome = "passed"
        else:
            outcome = "skipped" if isinstance(error.value, pytest.skip.Exception) else "failed"
        where = ("", 0, "") if outcome == "skipped" else None
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, where, call.when)  # type: ignore[arg-type]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if self._suite is not None:
            self._suite.note(report)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, None]:
        yield from self._limited()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Generator[None, Any, None]:
        yield from self._limited()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, None]:
        yield from self._limited()

    def _limited(self) -> Generator[None, Any, None]:
        assert self._suite is not None
        yield from self._suite.limited()


def gather(_workspace: Workspace, config: dict[str, Any], then: Callable[[Any], None]) -> None:
    """Call ``then(suite)`` in the midst of a pytest session, after a collection without errors."""
    pytest.main(quick(config), plugins=[Gatherer(then)])


def configure(config: dict[str, Any], then: Callable[[Any], None]) -> None:
    """Call ``then(collect)`` once pytest is configured and has collected nothing.

    ``collect(use)`` goes on from there, in this or in a forked process: it collects and calls ``use(suite)``.
    """

    class Configured:
        @pytest.hookimpl(tryfirst=True)
        def pytest_cmdline_main(self, config: Any) -> int:
            undistribute(config)

            def collect(use: Callable[[Any], None]) -> None:
                config.pluginmanager.register(Gatherer(use))
                main.pytest_cmdline_main(config)

            then(collect)
            return 0

    pytest.main(quick(config), plugins=[Configured()])


def quick(config: dict[str, Any]) -> list[str]:
    return [*arguments(config), "--capture=sys", "--maxfail=0"]
