"""What must hold of single programs beside their verdicts. Each check yields, in words, what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from revet.sandboxes.base import ExecVerdict, Feature, PythonResult
from tests.sandboxes.hostile.attack import Check, Run

__all__ = [
    "binary_kept",
    "bounded_disk",
    "bounded_memory",
    "bounded_total",
    "equal",
    "few_processes",
    "hooks_kept",
    "killed_by",
    "names_refused",
    "never_said",
    "no_foreign_descriptor",
    "prompt",
    "refuses",
    "status",
    "truncated",
    "whole_value",
]

SLACK = 1.25
EVERY = bytes(range(256)) * 16
PLAIN_NAMES = ("...", ".. ", "-rf", "a\\..\\b", "~", "%2e%2e", "$(id)", "a b", "naïve ☃")
REFUSED_NAMES = 7
"""Five files, a folder and its file: names that no text tool survives."""


def never_said(name: str) -> Check:
    def check(run: Run) -> Iterator[str]:
        if name in run.said:
            yield f"it said {name!r}: {run.said[name]!r}"

    return check


def equal(name: str, value: object) -> Check:
    def check(run: Run) -> Iterator[str]:
        if run.said.get(name) != value:
            yield f"{name!r} is {run.said.get(name)!r}, not {value!r}"

    return check


def status(code: int) -> Check:
    """The exit code is the program's own, and no signal is told."""

    def check(run: Run) -> Iterator[str]:
        if (run.result.exit_code, run.result.signal) != (code, None):
            yield f"exit code {run.result.exit_code}, signal {run.result.signal}; not {code}"

    return check


def killed_by(number: int) -> Check:
    def check(run: Run) -> Iterator[str]:
        if run.result.signal != number:
            yield f"signal {run.result.signal}, not {number}"

    return check


def prompt(seconds: float) -> Check:
    def check(run: Run) -> Iterator[str]:
        if run.result.seconds > seconds:
            yield f"it took {run.result.seconds:.1f} s to return"

    return check


def truncated(stream: str) -> Check:
    """The first part of the output is kept, as long as the limit, and marked as cut."""

    def check(run: Run) -> Iterator[str]:
        kept: bytes = getattr(run.result, stream)
        limit = run.case.limits.output
        if not run.result.truncated or kept != (b"0123456789" * (limit // 10 + 1))[:limit]:
            yield f"{stream}: {len(kept)} bytes kept of a flood, truncated: {run.result.truncated}"

    return check


def few_processes(run: Run) -> Iterator[str]:
    if run.result.verdict is ExecVerdict.ok and run.said.get("refused") is not True:
        yield "nobody refused the bomb"
    if run.said.get("made", 0) > run.case.limits.processes:
        yield f"{run.said['made']} processes were made"


def bounded_memory(run: Run) -> Iterator[str]:
    """Each kind of memory stays below the limit."""
    for kind, size in run.said.get("held", {}).items():
        if size > run.case.limits.memory * SLACK:
            yield f"{size} bytes were held in {kind}"


def bounded_total(run: Run) -> Iterator[str]:
    """All processes together stay below the limit, where the sandbox promises that."""
    held = run.said.get("held", 0)
    if Feature.memory_total in run.support.features and held > run.case.limits.memory * SLACK:
        yield f"{held} bytes were held at once"


def bounded_disk(run: Run) -> Iterator[str]:
    """Each place takes as much as may be written, where the sandbox promises that."""
    if Feature.capped_disk not in run.support.features:
        return
    for name, size in run.said.items():
        if name.startswith("written") and size > run.case.limits.disk * SLACK:
            yield f"{name}: {size} bytes"


def refuses(*paths: str) -> Check:
    """What was not kept is listed, with a reason."""

    def check(run: Run) -> Iterator[str]:
        refused = {refusal.path: refusal.reason for refusal in run.result.refused}
        for path in paths:
            if path in run.kept and not (path == "a.txt" and run.kept[path][1] == b"a\n"):
                yield f"{path!r} was kept"
            if not refused.get(path):
                yield f"{path!r} is not among what was refused: {sorted(refused)[:20]}"

    return check


def names_refused(run: Run) -> Iterator[str]:
    if len(run.result.refused) < REFUSED_NAMES:
        yield f"only {[refusal.path for refusal in run.result.refused]} were refused"
    for name in PLAIN_NAMES:
        if name not in run.kept:
            yield f"{name!r} is a plain name, and was not kept"


def hooks_kept(run: Run) -> Iterator[str]:
    """They are in the difference, for who looks at it."""
    for path in run.said.get("written", ()):
        if path not in (run.kept or run.result.touched):
            yield f"{path} is not in the difference"


def no_foreign_descriptor(run: Run) -> Iterator[str]:
    info = run.canaries.secret_file.stat()
    if [info.st_dev, info.st_ino] in run.said.get("descriptors", ()):
        yield "it has a descriptor of the host's"


def binary_kept(run: Run) -> Iterator[str]:
    if run.result.stdout != EVERY + b"\xc3\x28\xed\xa0\x80\xf8\r\n\r":
        yield f"stdout was changed: {run.result.stdout[-20:]!r}"
    if run.result.stderr != b"\xff\xfe\x00" + EVERY[::-1]:
        yield f"stderr was changed: {run.result.stderr[:20]!r}"


def whole_value(test: Callable[[object], bool]) -> Check:
    def check(run: Run) -> Iterator[str]:
        if isinstance(run.result, PythonResult) and not test(run.result.value):
            yield f"it returned {run.result.value!r}"

    return check
