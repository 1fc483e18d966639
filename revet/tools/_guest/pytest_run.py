"""pytest, seen from inside: each test's outcome, each collection error, and whatever looks like tampering."""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH119
from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import _pytest.assertion.rewrite as rewrite
import pytest

from . import observe
from .alarm import TestTimeout
from .context import Context
from .failure import clip, describe, show

if TYPE_CHECKING:
    from collections.abc import Generator

CAPTURED = 1500


def arguments(config: dict[str, Any]) -> list[str]:
    """The user's arguments, and what keeps plugins away that are no part of the user's project."""
    return [*config["args"], *(word for plugin in config["block"] for word in ("-p", "no:" + plugin))]


def undistribute(config: Any) -> None:
    """Switch pytest-xdist off, wherever it was switched on: the tests must run in this process."""
    if hasattr(config.option, "numprocesses"):
        config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []


def run(context: Context) -> int:
    """The exit status of pytest for the check of `context`."""
    observe.install(rewrite, context.workspace, context.equality.probe)
    observe.observe_unittest(context.equality)
    return int(pytest.main(arguments(context.config), plugins=[Recorder(context)]))


class Recorder:
    """The plugin. One record a test, sent after its teardown."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.codes: dict[str, Any] = {}
        self.plugins: set[int] = set()
        self.deselected = 0
        self.state: dict[str, Any] = {}

    # --- collection ---

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        undistribute(config)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Generator[None, Any, None]:
        self.context.watch()
        yield
        self.plugins = {id(plugin) for plugin in early_config.pluginmanager.get_plugins()}
        self.context.trace_start()

    def pytest_deselected(self, items: Any) -> None:
        self.deselected += len(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            path = self.context.workspace.relative(crash.path) if crash is not None else None
            self.context.send(
                "collect_error",
                id=report.nodeid,
                message=clip(report.longreprtext, 3000),
                path=path,
                line=getattr(crash, "lineno", None),
            )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        self.context.import_done()
        config = session.config
        self.codes = {item.nodeid: code_of(item) for item in session.items}
        self.context.send(
            "collected",
            ids=[item.nodeid for item in session.items],
            deselected=self.deselected,
            tests=sorted({p for p in (self.path_of(item) for item in session.items) if p is not None}),
            conftest=sorted(self.conftests(config)),
            ini=self.context.workspace.relative(str(getattr(config, "inipath", None) or "")),
        )
        self.context.inspect(everything=True)

    def path_of(self, item: Any) -> str | None:
        return self.context.workspace.relative(str(getattr(item, "path", None) or item.fspath))

    def conftests(self, config: Any) -> set[str]:
        found = set()
        for plugin in config.pluginmanager.get_plugins():
            path = self.context.workspace.relative(str(getattr(plugin, "__file__", None) or ""))
            if path is not None and os.path.basename(path) == "conftest.py":
                found.add(path)
        return found

    # --- running ---

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Generator[None, Any, None]:
        self.state = {"outcome": None, "raised": None, "fields": {}}
        self.context.begin(item.nodeid)
        if code_of(item) is not self.codes.get(item.nodeid):
            self.context.tampered(f"the code of {item.nodeid} was replaced after it was collected")
        yield
        self.finish(item)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, None]:
        yield from self.limited()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Generator[None, Any, None]:
        self.context.equality.sides = None
        yield from self.limited()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, None]:
        yield from self.limited()

    def limited(self) -> Generator[None, Any, None]:
        alarm = self.context.alarm
        if not alarm.fired:
            alarm.resume()
        outcome = yield
        alarm.disarm()
        error = outcome.excinfo
        if error is not None and not issubclass(error[0], pytest.skip.Exception):
            self.state["raised"] = error[0].__name__

    def pytest_assertrepr_compare(self, op: str, left: Any, right: Any) -> None:
        self.context.equality.sides = (show(left), show(right)) if op == "==" else None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
        outcome = yield
        report = outcome.get_result()
        state = self.state
        if call.excinfo is not None and report.outcome == "failed" and not state["fields"]:
            state["fields"] = self.failure(report, call.excinfo.value)
        if state["raised"] and report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            self.context.tampered(f"{item.nodeid} raised {state['raised']} and was reported as passed")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        worse = outcome_of(report)
        if worse is not None and self.state["outcome"] in (None, "passed"):
            self.state["outcome"] = worse
            if worse in ("skipped", "xfailed", "xpassed"):
                self.state["fields"] = {"message": reason_of(report)}
            elif not self.state["fields"]:
                self.state["fields"] = {"message": clip(report.longreprtext, 1500)}

    def failure(self, report: Any, error: BaseException) -> dict[str, Any]:
        fields = describe(error, self.context.workspace, self.context.equality.sides)
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None and not isinstance(error, TestTimeout):
            fields["message"] = clip(str(crash.message), 1500)
        fields["traceback"] = clip(report.longreprtext)
        fields["phase"] = report.when
        for name in ("stdout", "stderr"):
            text = getattr(report, "cap" + name, "")
            if text:
                fields[name] = text[-CAPTURED:]
        return fields

    def finish(self, item: Any) -> None:
        state = self.state
        fields = state["fields"] if state["outcome"] != "passed" else {}
        fields.setdefault("path", self.path_of(item))
        self.context.end(item.nodeid, state["outcome"] or "error", **fields)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> Generator[None, Any, None]:
        for plugin in session.config.pluginmanager.get_plugins():
            source = getattr(plugin, "__file__", None) or getattr(
                sys.modules.get(type(plugin).__module__), "__file__", ""
            )
            if id(plugin) not in self.plugins and self.context.workspace.is_editable(str(source or "")):
                self.context.tampered(
                    f"a pytest plugin from {self.context.workspace.relative(str(source))} was registered"
                )
        yield


def outcome_of(report: Any) -> str | None:
    """The word for one phase of a test; None where the phase says nothing (a setup or teardown that went
    well).
    """
    expected = hasattr(report, "wasxfail")
    if report.skipped:
        return "xfailed" if expected else "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.when == "call":
        return "xpassed" if expected else "passed"
    return None


def reason_of(report: Any) -> str:
    if getattr(report, "wasxfail", ""):
        return str(report.wasxfail)[:500]
    longrepr = report.longrepr
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr or "")[:500]


def code_of(item: Any) -> Any:
    """The code object of a test function, None for an item that has none (a doctest)."""
    function = getattr(item, "obj", None)
    return getattr(getattr(function, "__func__", function), "__code__", None)
