"""Sentences about runs, evidence and drafts, in words that need no manual. Pure functions from data to text.

What tools and tests wrote is shown as text and nothing else: `clean` takes out whatever could move the
cursor, recolour the screen or reverse the reading order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from revet.agents.evidence import SUSPICIOUS
from revet.policy import FILES_ONLY, drafts_made
from revet.schema import Attempt, Critique, Draft, Evidence, Note, Outcome, Run, RunOutcome

__all__ = [
    "Tally",
    "again_command",
    "by_exit_status",
    "checks_line",
    "clean",
    "dry",
    "duration",
    "evidence_line",
    "failing_before_after",
    "in_a_line",
    "one_line",
    "plural",
    "recalled_line",
    "said_once",
    "seen_line",
    "suspects",
    "tally",
    "tool_line",
    "tried",
    "usage_line",
    "why",
]

BAD = ("failed", "error", "timeout")
ALONE = "judged by its exit status alone"
"""What the tests tool says of a check whose single tests it cannot tell apart."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]*[0-~]"  # other escapes
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` without escape sequences, control characters and direction marks; newlines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, limit: int = 200) -> str:
    """`text` cleaned, on one line, cut at `limit` characters with an ellipsis."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def in_a_line(text: str, limit: int = 200) -> str:
    """`one_line` of a text whose lines are sentences or items: they stay apart. A line with → says what to do."""
    lines = [line.strip() for line in clean(text).splitlines() if line.strip()]
    parts = [("" if not i else " " if line.startswith("→") else "; ") + line for i, line in enumerate(lines)]
    ended = (part.rstrip(":;") if i + 1 < len(parts) else part for i, part in enumerate(parts))
    return one_line("".join(ended), limit)


def plural(count: int, noun: str) -> str:
    """``1 test``, ``1,204 candidates``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """``0.4 s``, ``31 s``, ``2 min 5 s``, ``26 h 12 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600:,} h {whole % 3600 // 60} min"


@dataclass(frozen=True)
class Tally:
    """How many tests of how many do not pass, and their names, shortened."""

    bad: int
    total: int
    names: tuple[str, ...] = ()


def tally(evidence: Evidence) -> Tally | None:
    """The count of single tests in a check's evidence, None where the check does not tell them apart."""
    counts = evidence.data.get("counts")
    numbers = counts if isinstance(counts, dict) else {}
    known = {name: int(n) for name, n in numbers.items() if isinstance(n, int | float)}
    total = sum(n for name, n in known.items() if name != "skipped")
    if not total or evidence.data.get("kind") == "command":
        return None
    tests = evidence.data.get("tests")
    bad = [t for t in tests if isinstance(t, dict) and t.get("outcome") in BAD] if isinstance(tests, list) else []
    names = tuple(_short(str(test.get("id", "a test"))) for test in bad)
    return Tally(sum(known.get(name, 0) for name in BAD), total, names)


def evidence_line(evidence: Evidence, *, names: int = 3) -> str:
    """What a piece of evidence says, in one line: ``3 of 9 tests fail: test_a, test_b, test_c``."""
    counted = tally(evidence)
    integrity = evidence.data.get("integrity")
    if isinstance(integrity, list) and integrity:
        return f"not trusted: {one_line(str(integrity[0]))}"
    if counted and counted.bad:
        verb = "fails" if counted.bad == 1 else "fail"
        shown = ", ".join(counted.names[:names]) + (", …" if len(counted.names) > names else "")
        tests = "test" if counted.total == 1 else "tests"
        return f"{counted.bad} of {counted.total} {tests} {verb}" + (f": {shown}" if shown else "")
    if counted and evidence.outcome is Outcome.passed:
        return "the one test passes" if counted.total == 1 else f"all {counted.total} tests pass"
    if evidence.outcome is Outcome.passed and evidence.check:
        alone = f" ({ALONE})" if ALONE in evidence.observation else ""
        return f"`{one_line(evidence.request, 60)}` passes{alone}"
    first = next((line for line in clean(evidence.observation).splitlines() if line.strip()), "")
    said = one_line(first).removeprefix(f"{evidence.tool}: ").removeprefix(f"{evidence.outcome.value}:").strip()
    if not evidence.check:
        return f"{evidence.tool}: {said or evidence.outcome.value}"
    return f"`{one_line(evidence.request, 60)}` {evidence.outcome.value}" + (f": {said}" if said else "")


def tool_line(evidence: Evidence) -> str:
    """What was asked of a tool that answers no check, and what it saw: ``corpus: Titan → [Saturn: Moons] …``."""
    asked = one_line(evidence.request, 80).removeprefix(f"{evidence.tool}: ").removeprefix(f"{evidence.tool} of ")
    return f"{evidence.tool}: {asked} → {seen_line(evidence)}"


def seen_line(evidence: Evidence, *, names: int = 3) -> str:
    """`evidence_line` without the tool's name in front."""
    return evidence_line(evidence, names=names).removeprefix(f"{evidence.tool}: ")


def checks_line(evidence: Sequence[Evidence]) -> str:
    """The checks' evidence in one line; nothing about tools that answer no check."""
    return "; ".join(evidence_line(e) for e in evidence if e.check)


def dry(run: Run) -> bool:
    """True if the best draft was proved, and only the approval (never, or not yet given) keeps it back."""
    held = run.outcome in (RunOutcome.abstained, RunOutcome.asked) and any(
        "approval is" in r for r in run.decision.reasons
    )
    return held and run.best is not None and bool(run.best.changes)


def by_exit_status(run: Run) -> str:
    """A warning that names the checks which let a run end well on their exit status alone; empty if none did."""
    commands = [one_line(e.request, 60) for e in run.evidence if e.check and ALONE in e.observation]
    return f"{ALONE}: {', '.join(f'`{command}`' for command in commands)}" if run.ok and commands else ""


def suspects(critiques: Iterable[Critique], limit: int = 5) -> tuple[str, ...]:
    """The most suspicious lines that critiques name, as ``path:line``, most suspicious first."""
    found = [f for c in critiques for f in c.findings if f.category == SUSPICIOUS and f.location]
    ranked = sorted(found, key=lambda finding: -finding.confidence)
    return tuple(dict.fromkeys(clean(str(finding.location)) for finding in ranked))[:limit]


def tried(attempts: Iterable[Attempt]) -> int:
    """How many candidates the searches behind these drafts tried."""
    drafts = {a.draft.id + str(a.round): a.draft for a in drafts_made(attempts)}
    counts = [draft.data.get("tried") for draft in drafts.values()]
    return sum(int(n) for n in counts if isinstance(n, int | float) and math.isfinite(n))


def said_once(reasons: Sequence[str]) -> list[str]:
    """The reasons, without those of the evidence critic that repeat what the evidence itself says."""
    return [each for each in reasons if not (each.startswith("evidence: ") and each[len("evidence: ") :] in reasons)]


def why(run: Run) -> str:
    """Why a run ended as it did: what was changed, or in one sentence why nothing was."""
    if run.error:
        return in_a_line(run.error, 300)
    if run.outcome is RunOutcome.committed:
        return _changed(run)
    if run.outcome is RunOutcome.answered:
        return one_line(run.answer or "; ".join(run.decision.reasons), 300)
    if run.outcome is RunOutcome.asked:
        return _asked(run)
    if run.outcome is RunOutcome.rejected and not _failing(run):
        return "not approved; nothing was changed"
    return _not_solved(run)


def again_command(run_id: str, command: str, folder: str | None) -> str:
    """``revet show RUN``, with the store where it is not the usual one: its folder or URL, quoted for a shell."""
    option = "--store" if folder and "://" in folder else "--out"
    return f"revet {command} {run_id}" + (f" {option} {folder}" if folder else "")


def _asked(run: Run) -> str:
    """What a run waits for: a role that asks a person says what it asks."""
    if not run.question:
        return f"waits for your answer: {_changed(run)}"
    seat, asks = run.question.get("seat"), run.question.get("asks")
    return one_line(f"waits for your answer{f' as the {seat}' if seat else ''}: {asks}", 300)


def _changed(run: Run) -> str:
    draft = run.best.draft if run.best else None
    if draft and isinstance(chosen := draft.data.get("chosen"), str):
        others = sum(line.startswith("@@") for line in run.best.diff.splitlines()) - 1 if run.best else 0
        return one_line(chosen, 160) + (f" (and {plural(others, 'more change')})" if others > 0 else "")
    held = run.best.changes if run.best else run.receipt
    files = held.files if held else ()
    verbs = {"create": "creates", "modify": "changes", "delete": "deletes"}
    changes = ", ".join(f"{verbs[f.kind]} {one_line(f.path)}" for f in files) or _beyond(draft) or "nothing"
    return f"{changes}: {one_line(draft.notes, 160)}" if draft and draft.notes and files else changes


def _beyond(draft: Draft | None) -> str:
    """What a draft does that changes no file: its actions, one after the other."""
    beyond = [action for action in draft.actions if action.kind not in FILES_ONLY] if draft else []
    told = (one_line(f"{a.kind} {next(iter(a.model_dump(exclude={'kind'}).values()))}", 80) for a in beyond)
    return one_line(", ".join(told), 160)


def _not_solved(run: Run) -> str:
    """The honest sentence for a run that changed nothing: what still fails, and how much was tried."""
    left = _failing(run)
    passes = not left and run.best is not None and run.best.evidence
    attempts = tried(run.attempts)
    parts = [left] if left else []
    if passes:
        spent = [r for r in run.decision.reasons if r.startswith("budget spent")]
        others = [r for r in said_once(run.decision.reasons) if r not in spent]
        parts = ["; ".join(r for r in others if "approval" in r) or "; ".join(spent + others)]
    elif attempts:
        parts.append(f"{plural(attempts, 'candidate')} tried, none passes")
    parts += [] if passes else [r for r in run.decision.reasons if r.startswith("budget spent")]
    if not passes and not attempts:
        parts += [r for r in run.decision.reasons if not r.startswith(("budget spent", "`"))]
    return one_line("; ".join(dict.fromkeys(parts)), 300) or "nothing was changed"


def _failing(run: Run) -> str:
    """What does not pass at the end: by the best draft's evidence, else as the workspace was found."""
    drafted = run.best is not None and bool(run.best.draft.actions) and bool(run.best.evidence)
    evidence = run.best.evidence if run.best and drafted else run.baseline
    lines = []
    for each in evidence:
        if each.check and each.outcome is not Outcome.passed:
            counted = tally(each)
            if counted and counted.bad:
                tests = f"{counted.bad} of {plural(counted.total, 'test')}"
                still = f"still {'fails' if counted.bad == 1 else 'fail'}"
                lines.append(f"the best draft leaves {tests} failing" if drafted else f"{tests} {still}")
            else:
                lines.append(evidence_line(each))
    return "; ".join(lines)


def _short(test_id: str) -> str:
    """``tests/test_a.py::TestB::test_c[1]`` to ``test_c[1]``."""
    head, bracket, parameters = clean(test_id).partition("[")
    return one_line(head.rsplit("::", 1)[-1] + bracket + parameters, 60)


def failing_before_after(run: Run) -> str:
    """Failing tests before and after: ``3 → 0 of 9``; nothing where checks do not tell tests apart."""
    before = _sum(run.baseline)
    if before is None:
        return "–"
    if run.outcome is not RunOutcome.committed:
        return f"{before.bad} of {before.total}"
    after = _sum(run.evidence)
    return f"{before.bad} → {after.bad} of {after.total}" if after else f"{before.bad} of {before.total}"


def _sum(evidence: Iterable[Evidence]) -> Tally | None:
    tallies = [t for e in evidence if e.check and (t := tally(e))]
    return Tally(sum(t.bad for t in tallies), sum(t.total for t in tallies)) if tallies else None


def recalled_line(notes: Sequence[Note]) -> str:
    """``recalls 2 notes of earlier runs: correction, refused``."""
    kinds = ", ".join(dict.fromkeys(one_line(note.kind, 40) for note in notes))
    return f"recalls {plural(len(notes), 'note')} of earlier runs: {kinds}"


def usage_line(run: Run) -> str:
    """``1 draft, 4.2 s, 6 tool calls``."""
    usage = run.usage
    parts = [
        plural(sum(not attempt.draft.gives_up for attempt in drafts_made(run.attempts)), "draft"),
        duration(usage.seconds),
        plural(usage.tool_calls, "tool call"),
    ]
    return ", ".join(parts)
