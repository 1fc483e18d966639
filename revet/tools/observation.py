"""What a person (or a model) reads of a check: one summary line, each failing test, the end of the output.
Bounded.
"""

from __future__ import annotations

from revet.sandboxes.base import ExecResult
from revet.schema import Check, Outcome
from revet.tools.facts import TestFact, TestFacts

__all__ = ["clip", "observe"]

LIMIT = 8000
SHOWN = 12


def clip(text: str, limit: int) -> str:
    """`text` with its middle cut out where it is longer than `limit`, the cut marked."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return f"{text[:head]}\n[… {len(text) - limit} characters cut …]\n{text[len(text) - (limit - head) :]}"


def observe(check: Check, facts: TestFacts, outcome: Outcome, result: ExecResult) -> str:
    """The text of the evidence: failures first, at most about 8 kB."""
    parts = [summary(facts, outcome, result), *(f"integrity: {sentence}" for sentence in facts.integrity)]
    bad = [test for test in facts.tests if test.bad]
    room = LIMIT * 3 // 4 // max(1, min(SHOWN, len(bad) + len(facts.collect_errors)))
    parts += [f"could not be collected: {describe(test, room)}" for test in facts.collect_errors[:SHOWN]]
    parts += [describe(test, room) for test in bad[:SHOWN]]
    if len(bad) > SHOWN:
        parts.append("also failing: " + clip(", ".join(test.id for test in bad[SHOWN:]), 800))
    text = clip("\n".join(parts), LIMIT - 1500)
    if outcome is not Outcome.passed and not bad:
        tail = "\n".join(stream for stream in (output(result.stdout), output(result.stderr)) if stream)
        if tail:
            text += f"\n--- output (end) ---\n{tail}"
    return text


def output(raw: bytes) -> str:
    return raw[-1500:].decode("utf-8", "replace").strip()[-1400:]


def summary(facts: TestFacts, outcome: Outcome, result: ExecResult) -> str:
    """One line that says how the check ended and why."""
    if facts.missing:
        return (
            f"{facts.missing} is not installed in the interpreter of this check. Install it there "
            f"(python -m pip install {facts.missing}), or set 'python:' in the task to an environment "
            "that has it."
        )
    if facts.verdict == "output_limit":
        return "failed: it wrote more output than it may, and was ended"
    if facts.verdict == "timeout":
        hung = [test.id for test in facts.tests if test.outcome == "timeout"]
        return f"timeout: it did not end and was stopped after {result.seconds:.1f} s" + (
            f", in {hung[-1]}" if hung else ""
        )
    if facts.kind == "command":
        how = f"signal {result.signal}" if result.signal else f"exit status {facts.exit_code}"
        return f"{outcome.value}: {how} (judged by its exit status alone)"
    if facts.collect_errors and not facts.tests:
        return f"error: the tests could not be collected ({len(facts.collect_errors)} errors)"
    if facts.complete and not facts.tests:
        return f"error: no tests ran (exit status {facts.exit_code}, {facts.deselected} deselected)"
    if not facts.tests:
        return f"{outcome.value}: no test ran; the process ended with exit status {facts.exit_code}"
    counts = ", ".join(f"{count} {name}" for name, count in sorted(facts.counts.items()))
    return f"{outcome.value}: {counts} of {facts.collected} tests, exit status {facts.exit_code}"


def describe(test: TestFact, room: int) -> str:
    """One failing test in at most `room` characters or so."""
    where = f" at {test.path}:{test.line}" if test.path and test.line else ""
    head = f"{test.outcome.upper()} {test.id}{where}\n{clip(test.message, 700)}"
    if test.expected is not None or test.actual is not None:
        head += f"\nexpected: {test.expected}\nactual:   {test.actual}"
    detail = [test.traceback]
    detail += [f"captured {name}:\n{text}" for name, text in (("stdout", test.stdout), ("stderr", test.stderr)) if text]
    left = room - len(head)
    return f"{head}\n{clip(chr(10).join(d for d in detail if d), left)}" if left > 200 else head
