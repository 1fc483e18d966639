"""Runs a hostile program in a sandbox, and says in words what was not contained. Nothing said: it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import stat
import sys
import tempfile
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from revet.errors import RevetError
from revet.sandboxes.base import (
    ExecResult,
    ExecVerdict,
    Feature,
    Layer,
    Limits,
    PythonResult,
    Sandbox,
    Session,
    Support,
)
from tests.sandboxes.conformance.host import PATIENCE, left_over, named, traces
from tests.sandboxes.hostile.canaries import Canaries, canaries
from tests.sandboxes.inside import snapshot

__all__ = [
    "PROGRAMS_FOLDER",
    "Attempts",
    "Case",
    "Check",
    "Kept",
    "Mode",
    "Outcome",
    "Program",
    "Run",
    "attack",
    "source",
]

PROGRAMS_FOLDER = Path(__file__).parent / "programs"
KIT = "from tests.sandboxes.hostile.programs.kit import"
WORKSPACE = {"a.txt": "a\n", "pkg/one.py": "one = 1\n"}
AT_ONCE = 4
LATE = 15.0
"""Seconds after its limit within which a program must have been killed, on a busy machine."""

Mode = Literal["exec", "keep", "python", "cold"]
"""How a program is run: by `exec`, without `keep` or with; by `run_python`; and by that in a fresh interpreter."""
Attempts = dict[str, str]
Kept = dict[str, tuple[int, bytes | str | None]]
"""What a session kept: the mode, and a file's content, a link's target, or None for what is neither."""


@dataclass(frozen=True)
class Run:
    """What one run of a program gave: how it ended, what it said, what it tried and what came of that."""

    case: Case
    result: ExecResult
    support: Support
    canaries: Canaries
    said: dict[str, Any]
    attempts: Attempts
    kept: Kept = field(default_factory=dict)


Check = Callable[[Run], Iterable[str]]


@dataclass(frozen=True)
class Case:
    """One way to run a program, and what may come of it. It must have said `says`; only `allowed` may succeed."""

    mode: Mode
    verdicts: frozenset[ExecVerdict]
    limits: Limits
    variant: str = ""
    says: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def __str__(self) -> str:
        return f"{self.mode}, {self.variant}" if self.variant else self.mode


@dataclass(frozen=True)
class Program:
    """A hostile program: its number in the list, its file's name, and its cases in the order to run them in.

    `alone`: one case at a time, as it eats what the machine has, or as a later case looks for what an earlier one left.
    """

    number: int
    name: str
    cases: tuple[Case, ...]
    alone: bool = False

    @property
    def title(self) -> str:
        return (PROGRAMS_FOLDER / f"{self.name}.py").read_text().split('"""')[1]


@dataclass
class Outcome:
    """What an attack came to. `verdicts` in the order of the cases; contained if there are no `problems`."""

    program: Program
    verdicts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def source(program: Program) -> str:
    """The program as it is run: what it shares with the others first."""
    own = (PROGRAMS_FOLDER / f"{program.name}.py").read_text()
    lines = [line for line in own.splitlines() if not line.startswith(KIT)]
    return (PROGRAMS_FOLDER / "kit.py").read_text() + "\n" + "\n".join(lines) + "\n"


async def attack(program: Program, backend: str, sandbox: Sandbox, support: Support, temporary: Path) -> Outcome:
    """Run all cases, the host watched, then clean programs in the same session, then look what is left.

    `temporary` is where this process has its temporary files; nothing else of it may be there meanwhile.
    """
    outcome = Outcome(program)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attack-") as top:
        Path(top).chmod(0o711)
        workspace, folder = Path(top, "ws"), Path(top, "canaries")
        folder.mkdir()
        for path, text in WORKSPACE.items():
            (workspace / path).parent.mkdir(parents=True, exist_ok=True)
            (workspace / path).write_text(text)
        there = snapshot(workspace)
        with canaries(folder) as birds:
            before, descriptors = traces(temporary, backend), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
            look = partial(traces, temporary, backend)
            watch = Watch(program, support, birds, outcome, look)
            plain = [way for case in program.cases if case.mode != "keep" for way in ways(case, support)]
            limits = program.cases[0].limits
            if plain:
                async with opened(sandbox, workspace, limits) as session:
                    await watch.run(session, plain)
                    await watch.clean(session)
            for case in program.cases:
                if case.mode == "keep":
                    async with opened(sandbox, workspace, limits) as session:
                        await watch.run(session, [case])
                        await watch.clean(session)
            outcome.problems += await left_over(before, temporary, backend, descriptors)
            outcome.problems += birds.harmed()
        if snapshot(workspace) != there:
            outcome.problems.append("the workspace has changed")
    outcome.seconds = time.monotonic() - started
    return outcome


def ways(case: Case, support: Support) -> Iterator[Case]:
    """The case, and where Python runs warm, the same in a fresh interpreter."""
    yield case
    if case.mode == "python" and Feature.warm_python in support.features:
        yield replace(case, mode="cold")


@contextlib.asynccontextmanager
async def opened(sandbox: Sandbox, workspace: Path, limits: Limits) -> AsyncIterator[Session]:
    session = await sandbox.open(workspace, limits=limits)
    try:
        yield session
    finally:
        await session.close()


@dataclass(frozen=True)
class Watch:
    """Runs cases of one program, and writes down what was not contained."""

    program: Program
    support: Support
    birds: Canaries
    outcome: Outcome
    look: Callable[[], object]

    async def run(self, session: Session, cases: Sequence[Case]) -> None:
        """Run the cases, some at once where the program bears it, and write down what came of them."""
        places = asyncio.Semaphore(1 if self.program.alone else AT_ONCE)

        async def one(case: Case) -> tuple[str, list[str]]:
            async with places:
                return await self.judge(session, case)

        for case, (verdict, problems) in zip(cases, await asyncio.gather(*map(one, cases)), strict=True):
            self.outcome.verdicts.append(verdict)
            self.outcome.problems += [f"{case}: {problem}" for problem in problems]

    async def judge(self, session: Session, case: Case) -> tuple[str, list[str]]:
        mark = f"rv{secrets.token_hex(4)}"
        try:
            result = await self.start(session, case, mark)
            kept = await harvested(session) if case.mode == "keep" else {}
        except RevetError as error:
            return type(error).__name__, [f"the sandbox broke: {type(error).__name__}: {error}"]
        run = Run(case, result, self.support, self.birds, *parsed(result.stdout), kept)
        problems = [*judged(run), *self.birds.harmed()]
        return str(result.verdict), problems + [f"process {pid} is left" for pid in await survivors(mark)]

    async def start(self, session: Session, case: Case, mark: str) -> ExecResult:
        told = {**self.birds.told(), "variant": case.variant, "mark": mark, "status": 0}
        told |= {name: getattr(case.limits, name) for name in ("memory", "disk", "file_size")}
        if case.mode in ("python", "cold"):
            layer = Layer(root=self.birds.empty) if case.mode == "cold" else None
            return await session.run_python(source(self.program), told, limits=case.limits, layer=layer)
        text = f"import json\ndata = json.loads({json.dumps(told | {'status': 3})!r})\n{source(self.program)}"
        place = "/revet/hostile.py"
        return await session.exec(
            [sys.executable, "-I", "-S", place],
            files={place: text.encode()},
            limits=case.limits,
            report=True,
            keep=case.mode == "keep",
        )

    async def clean(self, session: Session) -> None:
        """The next run is clean: it works, and in its usual way."""
        self.look()
        limits = self.program.cases[0].limits.model_copy(update={"wall_seconds": 60.0, "cpu_seconds": 30})
        try:
            ended = await session.exec([sys.executable, "-I", "-S", "-c", "print(6 * 7)"], limits=limits)
            snippet = await session.run_python("print(data)\nresult = data * 7", 6, limits=limits)
        except RevetError as error:
            self.outcome.problems.append(f"the next run broke: {type(error).__name__}: {error}")
            return
        if (ended.verdict, ended.stdout) != (ExecVerdict.ok, b"42\n"):
            self.outcome.problems.append(f"the next program ended with {ended.verdict}: {ended.stderr[-500:]!r}")
        if (snippet.verdict, snippet.stdout, snippet.value) != (ExecVerdict.ok, b"6\n", 42):
            self.outcome.problems.append(
                f"the next piece of Python ended with {snippet.verdict}: {snippet.error} {snippet.stderr[-500:]!r}"
            )


async def survivors(mark: str) -> list[str]:
    """Processes of the program's that are still there after it had time to die."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = named(mark)
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.02)


def parsed(output: bytes) -> tuple[dict[str, Any], Attempts]:
    """What the program said and tried, from the lines among its output that are the kit's."""
    said: dict[str, Any] = {}
    attempts: Attempts = {}
    for line in output.splitlines():
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and told.keys() == {"say", "value"}:
                said[told["say"]] = told["value"]
            elif isinstance(told, dict) and told.keys() == {"attempt", "got"}:
                attempts[told["attempt"]] = told["got"]
    return said, attempts


def judged(run: Run) -> Iterator[str]:
    """What is wrong with a run, whatever the program; then what its own checks say."""
    case, result = run.case, run.result
    if result.verdict not in case.verdicts:
        wanted = " or ".join(sorted(case.verdicts))
        error = result.error if isinstance(result, PythonResult) else None
        yield f"ended with {result.verdict}, not {wanted} ({result.exit_code}, {error}, {result.stderr[-500:]!r})"
    for name in case.says:
        if name not in run.said:
            yield f"it did not get as far as {name!r}: {result.stdout[-300:]!r} {result.stderr[-500:]!r}"
    for name, got in run.attempts.items():
        if got == "done" and name not in case.allowed:
            yield f"it could {name}"
    if result.seconds > case.limits.wall_seconds + LATE:
        yield f"it ran for {result.seconds:.1f} s"
    for name in ("stdout", "stderr"):
        if len(getattr(result, name)) > case.limits.output:
            yield f"{name} is longer than its limit"
    if run.canaries.secret.encode() in result.model_dump_json(exclude={"stdout", "stderr", "report"}).encode():
        yield "it knows the secret"
    given = [result.stdout, result.stderr, result.report, *(content for _, content in run.kept.values())]
    if any(run.canaries.secret.encode() in content for content in given if isinstance(content, bytes)):
        yield "it knows the secret"
    yield from kept_well(run)
    for check in case.checks:
        yield from check(run)


def kept_well(run: Run) -> Iterator[str]:
    """Whether what was kept is harmless: plain names and modes, nothing special, no links that leave, within limits."""
    total = 0
    for path, (mode, content) in run.kept.items():
        if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in path):
            yield f"kept under the name {path!r}"
        if path.split("/")[0] == ".revet" or ".." in path.split("/"):
            yield f"kept: {path!r}"
        if content is None and not stat.S_ISDIR(mode):
            yield f"kept a special file: {path!r}"
        if mode & 0o7000 and not stat.S_ISLNK(mode):
            yield f"kept with mode {mode:o}: {path!r}"
        if isinstance(content, str) and leaves(path, content):
            yield f"kept a link that leaves the workspace: {path!r} → {content!r}"
        if isinstance(content, bytes):
            total += len(content)
            if len(content) > run.case.limits.file_size:
                yield f"kept a file of {len(content)} bytes: {path!r}"
    if total > run.case.limits.disk:
        yield f"kept {total} bytes"


def leaves(path: str, target: str) -> bool:
    whole = os.path.normpath(f"{os.path.dirname(path) or '.'}/{target}")  # noqa: PTH120
    return target.startswith("/") or whole.split("/")[0] == ".."


async def harvested(session: Session) -> Kept:
    """What the session keeps. A file above 64 MiB counts by its size, so that a sparse one does no harm here."""
    layer = await session.changes()
    found: Kept = {}
    for place in sorted(layer.root.rglob("*")):
        info = place.lstat()
        content: bytes | str | None = None
        if stat.S_ISLNK(info.st_mode):
            content = os.readlink(place)  # noqa: PTH115
        elif stat.S_ISREG(info.st_mode):
            content = place.read_bytes() if info.st_size < 1 << 26 else bytes(1 << 26)
        found[str(place.relative_to(layer.root))] = (info.st_mode, content)
    for name in sorted({path.split("/")[0] for path in found}):
        with contextlib.suppress(RevetError):  # a folder, or too large; what counts is that it comes back
            await session.read(name)
    await session.list()
    return found
