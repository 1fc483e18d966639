"""``revet gate``: actions as JSON on stdin, answers as JSON on stdout.

Loaded by ``revet.__main__`` before anything else of the command line: a hook is a fresh process for each action. The
exit status is 0 whenever an action was answered, whatever the answer; 2 if stdin held nothing that could be read as
one, and even then stdout has an answer, which is not "allow".
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from revet.gate.answer import Answer
from revet.gate.hook import hook_output, hook_request, is_hook
from revet.gate.request import Unreadable

if TYPE_CHECKING:
    import argparse

    from revet.gate.trial import Grounds

__all__ = ["decode", "main", "parser"]

LARGEST = 8 * 1024 * 1024
"""Bytes of one action on stdin, all of its fields together."""
_DEEPEST = 100
_NEWLINES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
"""Ends of lines to some readers: in an answer they are written as escapes."""


def parser() -> argparse.ArgumentParser:
    """The options of ``revet gate``."""
    import argparse

    made = argparse.ArgumentParser(
        prog="revet gate",
        description="Decide on one proposed action (JSON on stdin): allow, ask or deny, and why (JSON on stdout). "
        "A payload of Claude Code's PreToolUse hook is answered in the hook's own form.",
        epilog='Example: echo \'{"kind": "run_command", "command": "rm -rf build"}\' | revet gate',
    )
    made.add_argument("--batch", action="store_true", help="one action a line in, one answer a line out, in order")
    made.add_argument("--no-dry-run", action="store_true", help="decide from the text alone; try nothing")
    made.add_argument("--rules", metavar="FILE", help="rules in place of the project's revet.toml")
    made.add_argument("--explain", action="store_true", help="say how the decision comes about, for a person to read")
    made.add_argument("--hook", action="store_true", help="stdin holds a hook's payload, whatever it looks like")
    made.add_argument("--timeout", metavar="SECONDS", type=float, help="how long an action may be tried (default: 5)")
    return made


def main(arguments: list[str] | None = None, *, stdin: BinaryIO | None = None, stdout: TextIO | None = None) -> int:
    """Answer what is on `stdin`; the exit status."""
    options = _options(sys.argv[2:] if arguments is None else arguments)
    source, out = stdin or sys.stdin.buffer, stdout or sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8", errors="backslashreplace")
    gate = _Gate(options, out)
    if stdin is None:
        _end_in_order()
    try:
        return gate.batch(source) if options.batch else gate.single(source)
    except BrokenPipeError:
        # Whoever asked is gone. Without this, Python complains once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        gate.close()


def _end_in_order() -> None:
    """Whoever waits too long for a hook ends it by SIGTERM: the trial ends with it, and leaves nothing behind."""
    import signal

    def end(number: int, frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)  # a second one would break off what the first has begun
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_DFL:
            signal.signal(each, end)


class _Plain:
    """The options where none are given: argparse takes longer to load than the rest of this file."""

    batch = no_dry_run = explain = hook = False
    rules: str | None = None
    timeout: float | None = None


def _options(arguments: list[str]) -> Any:
    options = _Plain()
    for given in arguments:
        if given not in ("--batch", "--no-dry-run", "--explain", "--hook"):
            break
        setattr(options, given[2:].replace("-", "_"), True)
    else:
        return options
    parsed = parser().parse_args(arguments)
    if parsed.timeout is not None and not 0 < parsed.timeout <= 600:
        parser().error("--timeout: give seconds between 0 and 600")
    return parsed


class _Gate:
    """A gate with its options, for one action or many."""

    def __init__(self, options: Any, out: TextIO) -> None:
        self._options, self._out = options, out
        self._grounds: Grounds | None = None

    def close(self) -> None:
        if self._grounds is not None:
            self._grounds.close()

    def single(self, source: BinaryIO) -> int:
        data = source.read(LARGEST + 1)
        readable, hook, answer = self._answer(data)
        self._write(answer, hook)
        if not readable:
            # A hook's caller shows stderr and blocks when the status is 2.
            sys.stderr.write(f"revet gate: {answer.reason}\n")
        return 0 if readable else 2

    def batch(self, source: BinaryIO) -> int:
        from revet.gate.trial import Grounds

        self._grounds = Grounds()
        any_readable, lines = False, 0
        for number, line in _lines(source):
            readable, hook, answer = self._answer(line, f"line {number}: ")
            self._write(answer, hook)
            any_readable, lines = any_readable or readable, lines + 1
        if not lines:
            self._write(Answer.refusal("stdin is empty: it held no action"), hook=False)
        return 0 if any_readable else 2

    def _answer(self, data: bytes, place: str = "") -> tuple[bool, bool, Answer]:
        """Whether `data`, found at `place`, could be read as a request, whether it is a hook's, and the answer."""
        began, hook = time.perf_counter(), bool(self._options.hook)
        payload: Any = None
        try:
            payload = decode(data)
            hook = hook or is_hook(payload)
            if hook and not isinstance(payload, Mapping):
                raise Unreadable("a hook's payload is a JSON object")
            request = hook_request(payload) if hook else payload
        except Unreadable as error:
            id = payload.get("id") if isinstance(payload, Mapping) else None
            answer = Answer.refusal(
                place + str(error), decision=error.decision, id=id, seconds=time.perf_counter() - began
            )
            return isinstance(payload, Mapping), hook, answer
        from revet.gate.judge import check

        answer = check(
            request,
            rules_file=self._options.rules,
            dry_run=not self._options.no_dry_run,
            timeout=self._options.timeout,
            grounds=self._grounds,
        )
        readable = hook or (isinstance(payload, Mapping) and isinstance(payload.get("kind"), str))
        return readable, hook, answer

    def _write(self, answer: Answer, hook: bool) -> None:
        if self._options.explain and not hook:  # who calls a hook reads JSON
            from revet.gate.explain import explain

            text = explain(answer)
        else:
            text = json.dumps(hook_output(answer) if hook else answer.to_dict(), ensure_ascii=False, allow_nan=False)
        self._out.write(text.translate(_NEWLINES) + "\n")
        self._out.flush()


def decode(data: bytes) -> Any:
    """The JSON value in `data`. Raises `Unreadable` for what is no JSON, or could be read in two ways."""
    if len(data) > LARGEST:
        raise Unreadable(f"more than {LARGEST:,} bytes: that is no action that a person could have read")
    if not data.strip():
        raise Unreadable("stdin is empty: it held no action")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"stdin is not UTF-8 text (byte {error.start})") from None
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable("the JSON is nested too deeply") from None
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(f"this is not JSON: {error}") from None
    if _depth(value) > _DEEPEST:
        raise Unreadable("the JSON is nested too deeply")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"the key {twice[:60]!r} stands twice: readers disagree which one counts")
    return found


def _no_constant(name: str) -> Any:
    raise Unreadable(f"{name} is no JSON")


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            each
            for one in level
            if isinstance(one, dict | list)
            for each in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, without those that are blank; of one that is too long, as much as shows that."""
    number = 0
    while line := source.readline(LARGEST + 1):
        number += 1
        end = line
        while len(end) > LARGEST and not end.endswith(b"\n"):
            end = source.readline(LARGEST + 1)
        if line.strip():
            yield number, line
