"""Screens many candidate edits against the tests in one start of the sandbox: the speed of program repair.

Screening is a sieve, no more. A mutant runs in a process that others share their memory image with, most
are never imported afresh, and nothing here is checked for tampering. Whatever passes must be staged and
examined for real.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Layer, Limits
from revet.schema import Check, Model
from revet.tools.base import View
from revet.tools.commands import Command, parse_command
from revet.tools.facts import TestFacts, decode_line, facts_of
from revet.tools.guest import limits_for, run_command, run_guest, workspace_of

__all__ = ["Mutant", "Screened", "screen"]

BATCH = 1000
# Seconds that the passing tests may take for their order to be put to the test before each batch.
WORTH_PROBING = 2.0
SHORTEST, LONGEST, SPREAD = 0.15, 5.0, 10.0


@dataclass(frozen=True)
class Mutant:
    """One candidate: `edits` are (start, end, text) on the staged text of `path`, in characters, not
    overlapping.

    `function` is the qualified name of the function or method that all edits lie inside (its body, not its
    signature); None where they do not, which costs a fresh import.
    """

    path: str
    edits: tuple[tuple[int, int, str], ...]
    function: str | None = None


class Screened(Model):
    """What the tests said of one mutant.

    `fixed` are formerly failing tests that pass now, `broken` a formerly passing one that does not (the
    rest were not run then). `complete` is True if every test ran and none was bad.
    """

    index: int
    outcome: Literal["passed", "failed", "timeout", "error"]
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    complete: bool = False
    seconds: float = 0.0


OnResult = Callable[[Screened], None]


async def screen(
    view: View,
    check: Check,
    mutants: Sequence[Mutant],
    *,
    failing: Sequence[str],
    stop_after: int,
    seconds: float,
    workers: int = 2,
    on_result: OnResult | None = None,
    limits: Limits | None = None,
) -> list[Screened]:
    """Try each mutant of the staged state against `check`; the results so far when `seconds` are over.

    Stops after `stop_after` mutants have passed everything. The results are in the order in which they came
    (that of `mutants`, nearly); `on_result` sees each as it arrives. Tests that pass now are known from the
    evidence in `view`; a test gets ten times its usual CPU time, 0.15 s at least and 5 s at most.
    """
    if workers < 1 or stop_after < 1 or seconds <= 0:
        raise InputError("screen needs workers >= 1, stop_after >= 1 and seconds > 0")
    command = parse_command(check)
    run = _Screening(view, check, command, mutants, tuple(failing), on_result, limits)
    if command.kind == "command":
        return await run.one_by_one(workers, stop_after, seconds)
    return await run.batched(workers, stop_after, seconds)


class _Screening:
    """One call of `screen`."""

    def __init__(
        self,
        view: View,
        check: Check,
        command: Command,
        mutants: Sequence[Mutant],
        failing: tuple[str, ...],
        on_result: OnResult | None,
        limits: Limits | None,
    ) -> None:
        self.view, self.check, self.command = view, check, command
        self.mutants, self.failing, self.limits = mutants, failing, limits
        self.facts = known_facts(view, check)
        self.results: list[Screened] = []
        self._on_result = on_result
        self._bases: dict[str, str] = {}

    def add(self, result: Screened) -> None:
        self.results.append(result)
        if self._on_result is not None:
            self._on_result(result)

    @property
    def passed(self) -> int:
        return sum(1 for r in self.results if r.complete and r.outcome == "passed")

    def base(self, path: str) -> str:
        if path not in self._bases:
            self._bases[path] = staged_text(self.view, path)
        return self._bases[path]

    # --- in batches, through the guest ---

    async def batched(self, workers: int, stop_after: int, seconds: float) -> list[Screened]:
        clock = asyncio.get_running_loop().time
        until = clock() + min(seconds, self.view.remaining)
        every = range(len(self.mutants))
        batches = [list(every[start : start + BATCH]) for start in every[::BATCH]]
        while batches and clock() < until and self.passed < stop_after:
            batch = batches.pop(0)
            tried, done, ended = await self._start(batch, workers, stop_after - self.passed, until - clock())
            suspects = sorted(tried - done)
            if ended or clock() >= until:
                continue
            if not suspects and not done:
                break
            if len(batch) == 1:
                if suspects:
                    self.add(Screened(index=batch[0], outcome="error"))
                continue
            # Something took the guest down, and innocent mutants with it: those in flight are tried alone.
            rest = [index for index in batch if index not in tried]
            batches[:0] = [*([index] for index in suspects), *([rest] if rest else [])]
        return self.results

    async def _start(
        self, indices: list[int], workers: int, stop_after: int, seconds: float
    ) -> tuple[set[int], set[int], bool]:
        """One start of the guest: the mutants it tried, those it dealt with, and whether it came to its own end."""
        tried: set[int] = set()
        done: set[int] = set()
        stream = _Stream(lambda record: self._record(record, tried, done))
        await run_guest(
            self.view,
            self.check,
            self.command,
            mode="screen",
            settings=self._settings(indices, workers, stop_after, seconds),
            limits=limits_for(self.view, seconds + 2.0, self.limits),
            on_bytes=stream.feed,
        )
        return tried, done, stream.ended

    def _record(self, record: dict[str, Any], tried: set[int], done: set[int]) -> None:
        index = record.get("index")
        if record["t"] == "try" and isinstance(index, int):
            tried.add(index)
        elif record["t"] == "screened" and isinstance(index, int) and index not in done:
            done.add(index)
            self.add(Screened(**{name: record[name] for name in Screened.model_fields if name in record}))

    def _settings(self, indices: list[int], workers: int, stop_after: int, seconds: float) -> dict[str, Any]:
        paths = {self.mutants[index].path for index in indices}
        usual = 0.0
        limits: dict[str, float] = {}
        probe = False
        if self.facts is not None:
            quick = [test.seconds for test in self.facts.tests if test.outcome == "passed"]
            usual = median(quick) if quick else 0.0
            limits = {t.id: allowed(max(usual, t.seconds)) for t in self.facts.tests if t.outcome != "timeout"}
            probe = sum(quick) < WORTH_PROBING
        return {
            "probe": probe,
            "bases": {path: self.base(path) for path in sorted(paths)},
            "mutants": [
                {
                    "index": index,
                    "path": self.mutants[index].path,
                    "edits": [list(edit) for edit in self.mutants[index].edits],
                    "function": self.mutants[index].function,
                }
                for index in indices
            ],
            "failing": list(self.failing),
            "passing": list(self.facts.passing) if self.facts is not None else None,
            "limits": limits,
            "limit": allowed(usual),
            "workers": workers,
            "stop_after": stop_after,
            "seconds": seconds,
        }

    # --- one by one, for commands that only the shell understands ---

    async def one_by_one(self, workers: int, stop_after: int, seconds: float) -> list[Screened]:
        gate = asyncio.Semaphore(workers)
        clock = asyncio.get_running_loop().time
        until = clock() + min(seconds, self.view.remaining)

        async def one(index: int) -> None:
            async with gate:
                if clock() < until and self.passed < stop_after:
                    self.add(await run_mutant(self, index, until - clock()))

        async with asyncio.TaskGroup() as group:
            for index in range(len(self.mutants)):
                group.create_task(one(index))
        return self.results


class _Stream:
    """Cuts the report into lines as it arrives and hands on the records that are signed and in sequence."""

    def __init__(self, on_record: Callable[[dict[str, Any]], None]) -> None:
        self.ended = False
        self._on_record = on_record
        self._buffer = b""
        self._number = 0

    def feed(self, chunk: bytes, key: bytes) -> None:
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            record = decode_line(line, key, self._number)
            if record is not None:
                self._number += 1
                self.ended = self.ended or record["t"] == "end"
                self._on_record(record)


async def run_mutant(screening: _Screening, index: int, seconds: float) -> Screened:
    """One mutant of a shell command: staged in a layer of its own, and run."""
    mutant = screening.mutants[index]
    text = apply(screening.base(mutant.path), mutant.edits)
    with tempfile.TemporaryDirectory(prefix="revet-screen-") as folder:
        layer = layer_with(screening.view, Path(folder), mutant.path, text)
        wall = min(seconds, screening.check.timeout)
        limits = limits_for(screening.view, wall, screening.limits)
        staged = replace(screening.view, layer=layer)
        result = await run_command(staged, screening.command, limits, ())
    outcome: Literal["passed", "failed", "timeout"] = "passed" if result.ok else "failed"
    if result.verdict is ExecVerdict.timeout:
        outcome = "timeout"
    fixed = screening.failing if outcome == "passed" else ()
    return Screened(index=index, outcome=outcome, fixed=fixed, complete=result.ok, seconds=result.seconds)


def layer_with(view: View, root: Path, path: str, text: str) -> Layer:
    """A copy of the view's layer with one more file in it, below `root`."""
    if view.layer is not None:
        shutil.copytree(view.layer.root, root, symlinks=True, dirs_exist_ok=True)
    target = root / path
    folder = workspace_of(view)
    for parent in reversed(Path(path).parents[:-1]):
        if not (root / parent).exists():
            (root / parent).mkdir()
            shutil.copymode(folder / parent, root / parent)
    target.write_bytes(text.encode("utf-8"))
    if (folder / path).exists():
        shutil.copymode(folder / path, target)
    root.chmod(folder.stat().st_mode & 0o777)
    deleted = tuple(gone for gone in view.layer.deleted if gone != path) if view.layer is not None else ()
    return Layer(root=root, deleted=deleted)


def apply(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def staged_text(view: View, path: str) -> str:
    """The text of `path` as staged. Raises `InputError` if it is missing or not UTF-8."""
    roots = ([view.layer.root] if view.layer is not None else []) + [workspace_of(view)]
    for root in roots:
        if (root / path).is_file():
            try:
                return (root / path).read_bytes().decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{path} is not UTF-8 text ({error})", hint="leave it out of the mutants") from None
    raise InputError(f"there is no file {path} in the staged workspace", hint="mutants are of files that exist")


def known_facts(view: View, check: Check) -> TestFacts | None:
    """The latest facts about `check`: of this round, else of the untouched workspace."""
    for evidence in (
        *reversed(view.evidence),
        *([view.baseline[check.id]] if check.id in view.baseline else []),
    ):
        if evidence.check == check.id:
            facts = facts_of(evidence)
            if facts is not None and facts.tests:
                return facts
    return None


def allowed(seconds: float) -> float:
    return min(LONGEST, max(SHORTEST, SPREAD * seconds))
