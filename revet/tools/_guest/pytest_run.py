"""pytest, seen from inside: each test's outcome, each collection error, and whatever looks like tampering."""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH119
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import _pytest.assertion.rewrite as rewrite
import _pytest.runner as runner
import pytest

from . import observe
from .alarm import TestTimeout
from .context import Context
from .failure import clip, describe, show
from .origins import code_of

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
    observe.install(rewrite, context.workspace, context.equality.probe, context.origins.note)
    observe.observe_unittest(context.equality)
    return int(pytest.main(arguments(context.config), plugins=[Recorder(context)]))


class Recorder:
    """The plugin. One record a test, sent after its teardown."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.codes: dict[str, Any] = {}
        self.started = False
        self.places: dict[str, list[Any]] = {}
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
        self.started = True
        self.context.trace_start()

    def pytest_plugin_registered(self, plugin: Any, manager: Any) -> None:
        """A plugin is where its hooks are written, whatever file it says that it comes from."""
        if not self.started:
            return
        for caller in manager.get_hookcallers(plugin) or ():
            for hook in caller.get_hookimpls():
                code = code_of(hook.function)
                if hook.plugin is plugin and (code is None or self.context.origins.suspect(code.co_filename)):
                    where = "code without a file" if code is None else self.context.origins.where(code)
                    self.context.tampered(f"a pytest plugin from {where} was registered")

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
        self.codes = {item.nodeid: code_of(getattr(item, "obj", None)) for item in session.items}
        self.context.send(
            "collected",
            ids=[item.nodeid for item in session.items],
            deselected=self.deselected,
            tests=sorted({p for p in (self.path_of(item) for item in session.items) if p is not None}),
            conftest=sorted(self.conftests(config)),
            ini=self.context.workspace.relative(str(getattr(config, "inipath", None) or "")),
        )
        for item in session.items:
            if isinstance(item, pytest.Function):
                self.examine(item)
        for case in {item.cls for item in session.items if getattr(item, "cls", None) is not None}:
            self.context.patched(case)
        self.plant([item for item in session.items if isinstance(item, pytest.Function)])
        self.context.inspect(everything=True)

    def examine(self, item: Any) -> None:
        """Report a test or a fixture of its that does not come from where it seems to."""
        self.context.stranger(item.nodeid, item.originalname, item.obj)
        for name, definitions in item._fixtureinfo.name2fixturedefs.items():
            for definition in definitions:
                code = code_of(definition.func)
                if code is not None and self.context.origins.suspect(code.co_filename):
                    self.context.tampered(f"the fixture {name} comes from {self.context.origins.where(code)}")

    def plant(self, items: list[Any]) -> None:
        """Choose the tests that the planted ones run before: the first one, and the last that shares no class with the
        one before it (what is set up for a class must not be torn down in between).
        """
        functions, self.context.decoys = self.context.decoys, []
        free = [item for n, item in enumerate(items) if n == 0 or not share_class(items[n - 1], item)]
        if not free:
            for function in functions:
                self.context.send("decoy", id=function.__name__, outcome="unplaced")
            return
        half = len(functions) // 2
        self.places = {free[0].nodeid: functions[:half]}
        self.places.setdefault(free[-1].nodeid, []).extend(functions[half:])

    def run_planted(self, function: Any, item: Any) -> None:
        """Run a planted test as `item` is run, unseen by the reporting plugins."""
        self.state = {"outcome": None, "raised": None, "fields": {}}
        self.context.alarm.reset(self.context.limit(item.nodeid))
        decoy = pytest.Function.from_parent(item.getparent(pytest.Module), name=function.__name__, callobj=function)
        reports = runner.runtestprotocol(decoy, log=False, nextitem=item)
        words = [word for word in map(outcome_of, reports) if word is not None]
        worse = next((word for word in words if word != "passed"), "passed" if words else "error")
        self.context.send("decoy", id=function.__name__, outcome=worse)

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
        for function in self.places.pop(item.nodeid, ()):
            self.run_planted(function, item)
        self.state = {"outcome": None, "raised": None, "fields": {}}
        self.context.begin(item.nodeid)
        yield
        self.finish(item)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, None]:
        yield from self.limited()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: Any) -> Generator[None, Any, None]:
        self.context.equality.sides = None
        if item.nodeid in self.codes and code_of(item.obj) is not self.codes[item.nodeid]:
            self.context.tampered(f"the code of {item.nodeid} was replaced after it was collected")
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


def share_class(item: Any, other: Any) -> bool:
    chain = item.listchain()
    return any(isinstance(node, pytest.Class) and node in chain for node in other.listchain())
