"""How a run ended, in the words of `ExecVerdict`; and what is the sandbox's fault, not the program's."""

from __future__ import annotations

import signal

from revet.errors import SandboxBroken
from revet.sandboxes.base import ExecResult, ExecVerdict, Limits
from revet.sandboxes.local.process import Ended

__all__ = ["OverlayRefused", "judge"]

# What a program dies of by its own fault, by the kernel's hand, or by `kill`. Exit codes that would mean
# other signals are taken as the numbers they are.
FATAL = {
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGKILL,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGTERM,
    signal.SIGXFSZ,
    signal.SIGXCPU,
}


class OverlayRefused(Exception):
    """The workspace's file system cannot be laid over or have its owner mapped; a copy can be used instead."""


def judge(ended: Ended, limits: Limits, out_of_memory: bool) -> ExecResult:
    """The result, without what was touched. `out_of_memory`: the kernel killed some of it for its memory."""
    if ended.cause == "closed":
        raise SandboxBroken("the session was closed while the program ran")
    code, stderr, number = ended.exit_code, ended.stderr, None
    if ended.cause is None and code is None and not (out_of_memory and "killed" in ended.trouble):
        code, stderr = not_started(ended)
    if code is not None and code - 128 in FATAL:
        number = signal.Signals(code - 128)
    if ended.cause == "timeout":
        verdict, code, number = ExecVerdict.timeout, None, None
    elif ended.truncated:
        verdict, code, number = ExecVerdict.output_limit, None, None
    elif code == 0:
        verdict = ExecVerdict.ok
    elif out_of_memory:
        verdict = ExecVerdict.oom
    elif number is not None:
        verdict = of_signal(number, ended.seconds, limits)
    else:
        verdict = ExecVerdict.exception
    return ExecResult(
        verdict=verdict,
        exit_code=code,
        signal=number,
        stdout=ended.stdout,
        stderr=stderr,
        report=ended.report,
        truncated=ended.truncated,
        seconds=ended.seconds,
    )


def of_signal(number: signal.Signals, seconds: float, limits: Limits) -> ExecVerdict:
    """A kill that comes when the CPU limit may be used up is taken for the kernel's, for that."""
    if number == signal.SIGXCPU or (number == signal.SIGKILL and seconds >= limits.cpu_seconds):
        return ExecVerdict.timeout
    return ExecVerdict.denied if number == signal.SIGSYS else ExecVerdict.signal


def not_started(ended: Ended) -> tuple[int, bytes]:
    """The exit code and message for a program that cannot be run. stderr is bwrap's own: nothing else has run."""
    if "idmap" in ended.trouble:
        raise OverlayRefused(ended.trouble["idmap"])
    if ended.trouble:
        raise SandboxBroken(f"the sandbox could not be set up: {'; '.join(ended.trouble.values())}")
    words = ended.stderr.decode("utf-8", "replace").strip()
    prefix = "bwrap: execvp "
    if words.startswith(prefix):
        code = 127 if "No such file" in words else 126
        return code, f"{words.removeprefix(prefix)}\n".encode()
    if "overlay" in words:
        raise OverlayRefused(words)
    raise SandboxBroken(f"the sandbox could not be set up: {words or 'bwrap ended without a word'}")
