"""What every kind of check shares in one run: the configuration, the channel, the clock, the probes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from . import decoys
from .alarm import Alarm
from .audit import listen
from .equality import Equality
from .origins import Origins
from .probes import Snapshot, canary
from .sources import Workspace
from .stepping import Stepper
from .tracing import tracer

if TYPE_CHECKING:
    from .channel import Send

IMPORT = "<import>"
# A draft with one test that hangs is refused already; what the others do is worth less and less waiting.
AFTER_FIRST, SHORTEST = 2.0, 0.25


class Context:
    """One run. `begin` and `end` bracket a test; `end` sends its record. The caller starts the alarm in
    between.
    """

    def __init__(self, config: dict[str, Any], send: Send) -> None:
        self.config = config
        self.send = send
        self.workspace = Workspace(config["root"], config["editable"], config.get("overrides"))
        self.origins = Origins(self.workspace)
        self.equality = Equality(self.workspace, self.origins)
        self.decoys = decoys.functions(config)
        self.snapshot: Snapshot | None = None
        self.alarm = Alarm(stuck=self._stuck)
        self._tracer = self._tracing(config)
        self._limit = float(config["test_timeout"])
        self._known: dict[str, float] = config.get("limits", {})
        self._test = IMPORT
        self._started = 0.0
        self._said: set[str] = set()
        self._heard: dict[str, bool] = {}

    def _tracing(self, config: dict[str, Any]) -> Any:
        if config["mode"] == "steps":
            return Stepper(self.workspace, lambda: self._test in config["steps"])
        return tracer(self.workspace) if config["mode"] == "trace" else None

    def limit(self, test: str) -> float:
        return float(self._known.get(test, self._limit))

    def begin(self, test: str) -> None:
        self._test, self._started = test, time.perf_counter()
        self.send("start", id=test)
        self.equality.sides = None
        self.trace_start()
        self.alarm.reset(self.limit(test))

    def end(self, test: str, outcome: str, **fields: Any) -> None:
        seconds = time.perf_counter() - self._started
        self.alarm.disarm()
        lines = self.trace_stop()
        if self.alarm.fired:
            outcome = "timeout"
            fields["message"] = f"did not end within {self.alarm.limit:g} s"
            self._limit = min(self._limit, AFTER_FIRST, max(SHORTEST, self._limit / 2))
        if lines is not None:
            fields["lines"] = lines
        self.send("test", id=test, outcome=outcome, seconds=round(seconds, 6), **fields)
        self.inspect()

    def trace_start(self) -> None:
        if self._tracer is not None:
            self._tracer.start()

    def trace_stop(self) -> dict[str, list[int]] | None:
        return self._tracer.stop() if self._tracer is not None else None

    def import_done(self) -> None:
        """The lines that ran while the tests were imported belong to a test of their own."""
        lines = self.trace_stop()
        if lines is not None:
            self.send("test", id=IMPORT, outcome="import", seconds=0.0, lines=lines)

    def watch(self) -> None:
        """Remember what judges. Call before any code of the workspace runs."""
        if self.snapshot is None:
            self.snapshot = Snapshot()
            if self._tracer is None:
                listen(self.origins, self._heard)

    def inspect(self, everything: bool = False) -> None:
        found = self.snapshot.changed(everything) if self.snapshot is not None else []
        if everything:
            found += canary()
        # The hook hears any thread, at any time; its sentences wait until nothing else is being sent.
        heard = list(self._heard.items())
        for sentence in [*found, *self.equality.caught, *(s for s, tampers in heard if tampers)]:
            self.tampered(sentence)
        for sentence in [*self.equality.borrowed, *(s for s, tampers in heard if not tampers)]:
            self.unfamiliar(sentence)

    def tampered(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self.send("tamper", what=sentence)

    def unfamiliar(self, sentence: str) -> None:
        """Report what speaks against this run only if the untouched workspace does not do it too."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.send("unfamiliar", what=sentence)

    def stranger(self, test: str, name: str, function: Any) -> None:
        """Report the code of a test that is not what its file says."""
        odd = self.origins.stranger(name, function)
        if odd is not None:
            report = self.tampered if odd[1] else self.unfamiliar
            report(f"the code of {test} is not its file's, but comes from {odd[0]}")

    def patched(self, case: type) -> None:
        """Report what a candidate hung on the class of a test."""
        for sentence in self.origins.patched(case):
            self.tampered(sentence)

    def _stuck(self) -> None:
        self.send("stuck", id=self._test)
        os._exit(124)
