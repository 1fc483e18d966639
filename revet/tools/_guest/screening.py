"""Tries many mutants of the staged sources against the tests, in one start of the interpreter.

Three ways, the cheapest first. *Hot*: a process collects the tests once and forks a child for each mutant,
which gives live functions their new code (`hotswap`). *Warm* (pytest only): a process configures pytest,
and each child collects by itself, with the mutated text in place of the file's. *Cold*: a child does all of
it. The process above them only schedules and reports, and starts a server again if a mutant kills it.
"""

from __future__ import annotations

import gc
import json
import operator
import os
import resource
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from . import sources
from .alarm import Alarm
from .hotswap import CallWatch, Swapper
from .kinds import gatherer
from .pool import STUCK, quiet, run_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    Result = dict[str, Any]

CHUNK = 96
FIRST = 8
RESPAWNS = 16
CALM = ("passed", "skipped", "xfailed")


def prepare(config: dict[str, Any]) -> Callable[[Any], int]:
    """Import what is needed, before the workspace is on `sys.path`; the function returned does the work."""
    gather = gatherer(config["kind"])
    if config["kind"] == "pytest":
        from . import screen_pytest

        config["configure"] = screen_pytest.configure

    def work(send: Any) -> int:
        workspace = sources.Workspace(config["root"], config["editable"])
        sources.install(workspace, None if config["kind"] == "pytest" else operator.eq)
        Screening(config, workspace, gather, send).run()
        return 0

    return work


class Order:
    """Which tests a child runs: the failing ones, then the others, those first that caught mutants before."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.failing: list[str] = config["failing"]
        self.passing: list[str] | None = config["passing"]
        self.limits: dict[str, float] = config["limits"]
        self.limit: float = config["limit"]
        self.kills: dict[str, int] = {}
        self.natural = False

    def probe(self, suite: Any) -> Result:
        """In a child, unmutated: do the tests that pass also pass in the reverse order? If not, they lean on each other
        and only their own order tells the truth.
        """
        known = set(suite.ids)
        tests = [t for t in reversed(self.passing or ()) if t in known]
        for position, test in enumerate(tests):
            following = tests[position + 1] if position + 1 < len(tests) else None
            if self.one(suite, test, following) not in CALM:
                return {"natural": True}
        return {"natural": False}

    def learn(self, result: Result) -> None:
        for test in result.get("broken", ()):
            self.kills[test] = self.kills.get(test, 0) + 1

    def plan(self, suite: Any) -> list[str]:
        """The tests in the order in which they run."""
        known, formerly = set(suite.ids), set(self.failing)
        others = suite.ids if self.passing is None else [t for t in self.passing if t in known]
        if self.natural:
            chosen = formerly | set(others)
            return [t for t in suite.ids if t in chosen]
        rest = sorted((t for t in others if t not in formerly), key=lambda test: -self.kills.get(test, 0))
        return [t for t in self.failing if t in known] + rest

    def examine(self, suite: Any) -> Result:
        """Run the tests of `suite` as far as needed."""
        plan, formerly, known = self.plan(suite), set(self.failing), set(suite.ids)
        fixed: list[str] = []
        bad = "failed" if formerly - known else ""
        for position, test in enumerate(plan):
            if bad and (test not in formerly or position >= FIRST):
                break
            outcome = self.one(suite, test, plan[position + 1] if position + 1 < len(plan) else None)
            if test in formerly and outcome == "passed":
                fixed.append(test)
            elif test in formerly or outcome not in CALM:
                bad = "timeout" if outcome == "timeout" else "failed"
                if test not in formerly:
                    return {"outcome": bad, "fixed": fixed, "broken": [test], "complete": False}
                if bad == "timeout":
                    break
        return {
            "outcome": bad or ("passed" if plan else "error"),
            "fixed": fixed,
            "broken": [],
            "complete": not bad and bool(plan),
        }

    def one(self, suite: Any, test: str, following: str | None) -> str:
        limit = self.limits.get(test, self.limit)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        most = int(used.ru_utime + used.ru_stime + limit) + 3
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard < 0 else min(most, hard), hard))
        alarm = Alarm(stuck=lambda: os._exit(STUCK), cpu=True)
        alarm.reset(limit)
        outcome = str(suite.run(test, following, alarm))
        return "timeout" if alarm.fired else outcome


BROKEN: Result = {"outcome": "error", "fixed": [], "broken": [], "complete": False}
REFUSED: Result = {"outcome": "refused"}


class Screening:
    """The scheduler. Each chunk of mutants passes three stages; what one refuses goes to the next."""

    def __init__(self, config: dict[str, Any], workspace: sources.Workspace, gather: Any, send: Any) -> None:
        self.config, self.workspace, self.gather, self.send = config, workspace, gather, send
        self.mutants: dict[int, dict[str, Any]] = {m["index"]: m for m in config["mutants"]}
        self.bases: dict[str, str] = config["bases"]
        self.order = Order(config)
        self.workers: int = config["workers"]
        self.left: int = config["stop_after"]
        self.until = time.monotonic() + config["seconds"]
        stages = {"pytest": (serve_hot, serve_warm), "unittest": (serve_hot,)}.get(config["kind"], ())
        self.servers = [Server(self, serve) for serve in stages]

    def run(self) -> None:
        jobs = list(self.mutants)
        for start in range(0, len(jobs), CHUNK):
            chunk = jobs[start : start + CHUNK]
            for server in self.servers:
                chunk = sorted(server.screen(chunk)) if not self.over else []
            if not self.over:
                run_pool(chunk, self.workers, self.cold, self.started, self.result, self.until)
            if self.over:
                break
        for server in self.servers:
            server.close()
        self.send("end", status=0, stopped=self.over)

    @property
    def over(self) -> bool:
        return self.left <= 0 or time.monotonic() >= self.until

    def started(self, job: int) -> None:
        self.send("try", index=job)

    def result(self, job: int, result: Result) -> bool:
        """Report one mutant; true if enough have passed."""
        self.order.learn(result)
        self.send("screened", index=job, **result)
        self.left -= bool(result["outcome"] == "passed" and result["complete"])
        return self.left <= 0

    def source(self, job: int) -> tuple[str, str]:
        """Path and mutated text of a mutant."""
        mutant = self.mutants[job]
        text = self.bases[mutant["path"]]
        for start, end, new in sorted(mutant["edits"], reverse=True):
            text = text[:start] + new + text[end:]
        return mutant["path"], text

    def cold(self, job: int) -> Result:
        """In a child: import everything with the mutant's text, then run the tests."""
        path, text = self.source(job)
        self.workspace.overrides[path] = text
        found: list[Result] = []
        self.gather(self.workspace, self.config, lambda suite: found.append(self.order.examine(suite)))
        return found[0] if found else BROKEN


class Server:
    """A process that is ready to fork children from a good place. Started when needed, and again if it
    dies.
    """

    def __init__(self, owner: Screening, serve: Callable[[Screening, int, Any], None]) -> None:
        self._owner, self._serve = owner, serve
        self._pid = 0
        self._starts = 0
        self._useless = False
        self._buffer = b""
        self._commands = self._answers = -1

    def screen(self, jobs: list[int]) -> list[int]:
        """Screen `jobs`; those it cannot do are returned. One that takes the process down, alone, is an error."""
        refused: list[int] = []
        batches = [jobs] if jobs else []
        while batches and not self._useless and not self._owner.over:
            if not self._pid and not self._start():
                break
            batch = batches.pop()
            running: set[int] = set()
            done: set[int] = set()
            if self._command({"jobs": batch, "left": self._owner.left}, running, done, refused):
                continue
            self.close()
            suspects = running - done
            if len(batch) == 1 and suspects:
                self._owner.result(batch[0], BROKEN)
                continue
            rest = [job for job in batch if job not in running]
            batches += [rest] if rest else []
            batches += [[job] for job in sorted(suspects, reverse=True)]
        return refused + [job for batch in batches for job in batch]

    def _command(self, command: Result, running: set[int], done: set[int], refused: list[int]) -> bool:
        """Relay the answers to one command; False if the process died before it was through."""
        try:
            line = json.dumps(command).encode("ascii") + b"\n"
            while line:
                line = line[os.write(self._commands, line) :]
        except BrokenPipeError:
            return False
        while True:
            answer = self._read()
            if answer is None:
                return False
            if "start" in answer:
                running.add(answer["start"])
                self._owner.started(answer["start"])
            elif "index" in answer:
                job = answer.pop("index")
                done.add(job)
                if answer["outcome"] == "refused":
                    refused.append(job)
                else:
                    self._owner.result(job, answer)
            else:
                return True

    def _start(self) -> bool:
        self._starts += 1
        if self._starts > RESPAWNS:
            return False
        command, self._commands = os.pipe()
        self._answers, answer = os.pipe()
        self._buffer = b""
        self._pid = os.fork()
        if not self._pid:
            try:
                os.setsid()
                os.close(self._commands)
                os.close(self._answers)
                quiet()
                self._serve(self._owner, command, lambda **fields: tell(answer, fields))
                tell(answer, {"ready": False})
            finally:
                os._exit(0)
        os.close(command)
        os.close(answer)
        greeting = self._read() or {}
        self._owner.order.natural |= bool(greeting.get("natural"))
        self._useless = not greeting.get("ready", False)
        return not self._useless

    def close(self) -> None:
        if not self._pid:
            return
        os.close(self._commands)
        os.close(self._answers)
        try:
            os.kill(self._pid, signal.SIGKILL)
        finally:
            os.waitpid(self._pid, 0)
            self._pid = 0

    def _read(self) -> Result | None:
        """The next answer; None if the process is gone or the time is up."""
        while b"\n" not in self._buffer:
            wait = self._owner.until + 1 - time.monotonic()
            ready, _, _ = select.select([self._answers], [], [], max(0.0, wait))
            chunk = os.read(self._answers, 65536) if ready else b""
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: Result = json.loads(line)
        return found


def tell(descriptor: int, fields: Result) -> None:
    line = json.dumps(fields).encode("ascii") + b"\n"
    while line:
        line = line[os.write(descriptor, line) :]


def serve_hot(owner: Screening, command: int, say: Any) -> None:
    """Collect the tests; each child gives live functions their mutated code."""
    watch = CallWatch(owner.workspace, owner.bases)

    def ready(suite: Any) -> None:
        sys.setprofile(None)
        swapper = Swapper(owner.workspace, owner.bases, watch.called)

        def body(job: int) -> Result:
            function = owner.mutants[job]["function"]
            path, text = owner.source(job)
            try:
                swapped = function is not None and swapper.swap(path, text, function)
            except (SyntaxError, ValueError):
                return BROKEN
            return owner.order.examine(suite) if swapped else REFUSED

        def probed(_job: int, found: Result) -> bool:
            owner.order.natural = bool(found.get("natural"))
            return True

        if owner.config["probe"]:
            run_pool([0], 1, lambda _job: owner.order.probe(suite), lambda _job: None, probed, owner.until)
        obey(owner, command, say, body)

    sys.setprofile(watch)
    owner.gather(owner.workspace, owner.config, ready)


def serve_warm(owner: Screening, command: int, say: Any) -> None:
    """Configure pytest; each child collects by itself, with the mutant's text in place of the file's."""

    def ready(collect: Any) -> None:
        loaded = {owner.workspace.relative(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())}

        def body(job: int) -> Result:
            path, text = owner.source(job)
            if path in loaded:
                return REFUSED
            owner.workspace.overrides[path] = text
            found: list[Result] = []
            collect(lambda suite: found.append(owner.order.examine(suite)))
            return found[0] if found else BROKEN

        obey(owner, command, say, body)

    owner.config["configure"](owner.config, ready)


def obey(owner: Screening, command: int, say: Any, body: Callable[[int], Result]) -> None:
    """Screen the jobs of each command until there are no more commands; never returns."""
    gc.collect()
    gc.freeze()
    say(ready=True, natural=owner.order.natural)
    with os.fdopen(command, "rb") as commands:
        for line in commands:
            order = json.loads(line)
            left = order["left"]

            def result(job: int, found: Result) -> bool:
                nonlocal left
                owner.order.learn(found)
                say(index=job, **found)
                left -= bool(found["outcome"] == "passed" and found["complete"])
                return bool(left <= 0)

            run_pool(order["jobs"], owner.workers, body, lambda job: say(start=job), result, owner.until)
            say(done=True)
    os._exit(0)
