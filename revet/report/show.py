"""One run in full: what was asked, seen, said and decided, and how to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from revet.agents.evidence import SUSPICIOUS
from revet.report.effects import action_lines, command_lines, table_lines
from revet.report.sofar import at_work, step_line
from revet.report.spent import role_lines, spent_line
from revet.report.terminal import block_text, diff_text, outcome_text
from revet.report.text import (
    again_command,
    by_exit_status,
    clean,
    dry,
    duration,
    in_a_line,
    one_line,
    plural,
    said_once,
    seen_line,
    suspects,
    usage_line,
    why,
)
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    EffectReceipt,
    Evidence,
    Outcome,
    Run,
    RunOutcome,
    Setup,
)

if TYPE_CHECKING:
    from revet.graphs.progress import SoFar

__all__ = ["print_run"]

FINDINGS_SHOWN = 6
ANSWER_LINES = 40
"""Lines shown of an answer that is not the last; a program can be long."""
OUTCOMES = {
    Outcome.passed: ("✓", "green"),
    Outcome.failed: ("✗", "red"),
    Outcome.error: ("✗", "red"),
    Outcome.timeout: ("✗", "red"),
    Outcome.inconclusive: ("?", "yellow"),
}


_UNCOMMITTED = {
    RunOutcome.asked: "It waits for your answer; nothing was changed yet.",
    RunOutcome.failed: "It broke off. Once its cause is mended, the same command with --resume goes on with it.",
}
"""How a run without a receipt stands, where it is not over."""


def print_run(console: Console, record: Run | SoFar, folder: str | None = None) -> None:
    """Everything about a run, or about how far one is. `folder` is the store's, where it is not the usual one."""
    sofar = None if isinstance(record, Run) else record
    run = record if isinstance(record, Run) else record.run
    _print_head(console, run, sofar)
    if run.setup is not None:
        _print_setup(console, run.setup)
    if run.baseline:
        _heading(console, "Before")
        _print_evidence(console, run.baseline)
        if run.diagnosis is not None:
            _print_critique(console, run.diagnosis)
    if run.notes:
        _heading(console, "From earlier runs")
        for note in run.notes:
            taught = f" (run {note.run})" if note.run else ""
            console.print(f"  {note.kind}: {one_line(note.text, 300)}{taught}", markup=False, highlight=False)
    numbers: dict[tuple[str, tuple[str, ...]], int] = {}
    number, choosing = 0, False
    for attempt in run.attempts:
        number += not (attempt.draft.gives_up or choosing)
        first = numbers.setdefault((attempt.draft.id, attempt.draft.steps), number)
        _print_attempt(console, attempt, f"Draft {number}" if not choosing else f"Chosen: draft {first}", run)
        choosing = attempt.decision is not None and attempt.decision.kind is DecisionKind.choose
    _print_changes(console, run)
    _print_answer(console, run)
    if sofar is None:
        _print_end(console, run, folder)
    else:
        _print_broken_off(console, sofar, folder)


def _print_head(console: Console, run: Run, sofar: SoFar | None) -> None:
    undone = run.receipt is not None and run.receipt.undone_at is not None
    outcome = outcome_text(run.outcome if sofar is None else None, undone=undone)
    console.print(Text.assemble((run.id, "bold"), "  ", outcome), soft_wrap=True)
    for line in [why(run)] if sofar is None else [step_line(sofar, goes_on=sofar.work != "stopped"), at_work(sofar)]:
        _line(console, line)
    if warning := by_exit_status(run):
        _line(console, warning)
    task = run.task
    answered = run.outcome is RunOutcome.answered
    changes = task.workspace is not None and not answered
    examined = bool(task.checks) or changes
    facts = [
        ("goal", task.goal),
        ("workspace", task.workspace or "none"),
        *((("may change", ", ".join(task.edit) or "everything but tests and build files"),) if changes else ()),
        *((("checks", "; ".join(check.command for check in task.checks) or "none"),) if examined else ()),
        ("started", f"{run.started_at.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("spent", ", ".join(filter(None, (usage_line(run), spent_line([run.usage]))))),
        *(("", line) for line in role_lines(run.usage)),
    ]
    for name, value in facts:
        _line(console, f"{name:<11} {one_line(value, 400)}")


def _print_setup(console: Console, setup: Setup) -> None:
    """By which method it was done, and by whom."""
    options = ", ".join(f"{name} = {value}" for name, value in setup.options.items())
    facts = {"recipe": f"{setup.recipe} ({options})" if options else setup.recipe, **setup.roles}
    facts |= {"tools": ", ".join(setup.tools), "sandbox": setup.sandbox or "none"}
    _heading(console, "Made with")
    for name, value in facts.items():
        if value:
            _line(console, f"  {one_line(name, 40):<11} {one_line(value, 400)}")


def _print_attempt(console: Console, attempt: Attempt, name: str, run: Run) -> None:
    draft = attempt.draft
    if draft.gives_up:
        _heading(console, "No further draft")
    else:
        kept = ", the best" if attempt == run.best else ""
        _heading(console, f"{name}{kept} ({draft.id} by {one_line(draft.author)})")
    _print_draft(console, draft)
    if not draft.gives_up:
        known = {e.id for e in run.baseline}
        _print_evidence(console, [e for e in attempt.evidence if e.id not in known])
        for line in command_lines(attempt.changes):
            _line(console, line)
        for critique in attempt.critiques:
            _print_critique(console, critique)
    if attempt.decision is not None:
        _line(console, f"decision: {_decided(attempt.decision)}")
        for reason in said_once(attempt.decision.reasons):
            _line(console, f"  because {one_line(reason, 300)}")


def _decided(decision: Decision) -> str:
    """What was decided, in words where the name alone would mislead."""
    if decision.held and decision.kind is DecisionKind.revise:
        return "nothing speaks against it; it is held while more drafts are made"
    chooses = "one of those that nothing speaks against is chosen"
    if decision.kind is DecisionKind.choose:
        return f"nothing speaks against it, and no more are made: {chooses}" if decision.held else chooses
    return decision.kind.value


def _print_draft(console: Console, draft: Draft) -> None:
    """What its author says: the thought, the actions beyond files, the steps, the answer."""
    if draft.notes:
        _line(console, one_line(draft.notes, 400))
    for line in action_lines(draft):
        _line(console, f"  {line}")
    for step_number, step in enumerate(draft.steps, start=1):
        _line(console, f"  {step_number}. {one_line(step, 400)}")
    if draft.problem is not None:
        _line(console, f"it could not be understood: {one_line(draft.problem, 400)}")
    if draft.answer is not None:
        console.print(block_text(draft.answer, limit=ANSWER_LINES), soft_wrap=True)
    others = draft.data.get("also_passing")
    if isinstance(others, list) and others:
        _line(console, "These passed too, but are larger or less likely what was meant:")
        for other in others:
            _line(console, f"  {one_line(str(other))}")


def _print_evidence(console: Console, evidence: Sequence[Evidence]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(evidence))
    table.add_column("what was run", ratio=2, overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("what was seen", ratio=3, overflow="fold")
    table.add_column("time", no_wrap=True, justify="right")
    for each in evidence:
        symbol, style = OUTCOMES[each.outcome]
        table.add_row(
            Text(one_line(each.request if each.tool in each.request or each.check else f"{each.tool}: {each.request}")),
            Text(f"{symbol} {each.outcome.value}", style=style),
            Text(seen_line(each, names=6)),
            Text(duration(each.seconds)),
        )
    console.print(table)


def _print_critique(console: Console, critique: Critique) -> None:
    verdict = f"{critique.verdict} (score {critique.score:.2f})"
    result = f": {in_a_line(critique.possible_result, 300)}" if critique.possible_result else ""
    _line(console, f"critic {one_line(critique.critic)}: {verdict}{result}")
    lines = suspects([critique])
    if lines:
        _line(console, f"  most suspicious lines: {', '.join(lines)}")
    findings = [f for f in critique.findings if f.category != SUSPICIOUS]
    for finding in findings[:FINDINGS_SHOWN]:
        where = f"{clean(str(finding.location))}: " if finding.location else ""
        opinion = " (an opinion: it cites no evidence)" if finding.opinion else ""
        _line(console, f"  {finding.severity}: {where}{one_line(finding.claim, 300)}{opinion}")
        if finding.suggestion:
            _line(console, f"    {one_line(finding.suggestion, 300)}")
    if len(findings) > FINDINGS_SHOWN:
        _line(console, f"  and {plural(len(findings) - FINDINGS_SHOWN, 'more finding')}")


def _print_changes(console: Console, run: Run) -> None:
    if run.best is None or not (run.best.diff or [*table_lines(run.best.changes)]):
        return
    committed = run.outcome is RunOutcome.committed
    proved = "What would be committed" if dry(run) else "The best draft (not committed)"
    _heading(console, "What was committed" if committed else proved)
    if run.best.diff:
        console.print(diff_text(run.best.diff), soft_wrap=True)
    for line in table_lines(run.best.changes):
        _line(console, f"    {line}")


def _print_answer(console: Console, run: Run) -> None:
    if run.outcome is RunOutcome.answered and run.answer:
        _heading(console, "The answer")
        console.print(block_text(run.answer), soft_wrap=True)


def _print_end(console: Console, run: Run, folder: str | None) -> None:
    console.print()
    receipt = run.receipt
    if receipt is None and run.outcome is RunOutcome.answered:
        for reason in said_once(run.decision.reasons):
            _line(console, f"It stands: {one_line(reason, 300)}")
        return
    if receipt is None:
        _line(console, _UNCOMMITTED.get(run.outcome, "Nothing was changed."))
        return
    when = f"{receipt.committed_at.astimezone():%Y-%m-%d %H:%M:%S}"
    _line(console, f"Committed {when} to {one_line(receipt.workspace, 400)}")
    if receipt.undone_at is not None:
        _line(console, f"Taken back {receipt.undone_at.astimezone():%Y-%m-%d %H:%M:%S}")
    for effect in receipt.effects:
        reason = f" ({one_line(effect.why)})" if effect.why else ""
        _line(console, f"  {_became(effect)}: {one_line(effect.what)}{reason}")
    if receipt.undone_at is not None:
        return
    if not receipt.undoable:
        _line(console, "Nothing of it can be taken back.")
        return
    if receipt.irreversible:
        again = f"{again_command(run.id, 'undo', folder)} --partial"
        console.print(Text.assemble("To take back what can be: ", (again, "bold")), soft_wrap=True)
        return
    console.print(Text.assemble("To take it back: ", (again_command(run.id, "undo", folder), "bold")), soft_wrap=True)


def _print_broken_off(console: Console, sofar: SoFar, folder: str | None) -> None:
    """What can be done about a run that has not ended."""
    console.print()
    if sofar.work == "at work":
        follow = "revet view" + (f" --out {folder}" if folder else "")
        console.print(Text.assemble("To follow it: ", (follow, "bold")), soft_wrap=True)
        return
    _line(console, "If it was interrupted, the same command with --resume goes on with it.")
    undo = (again_command(sofar.run.id, "undo", folder), "bold")
    console.print(Text.assemble("To take back what it committed, if it did: ", undo), soft_wrap=True)


def _became(effect: EffectReceipt) -> str:
    """What became of one action beyond the files, in words."""
    if effect.undone:
        return "taken back"
    if effect.uncertain:
        return "nobody knows whether it happened"
    if not effect.done:
        return "not done"
    return "done, can be taken back" if effect.reversible else "done, cannot be taken back"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)


def _line(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
