"""What a run teaches, without a model: corrections (claim → what mended it), a trajectory, and what was refused.

Only what evidence shows is taught: a run that ended well with its required checks passed (or that a named critic
approved, where a method says so), findings that cite evidence, drafts that failed a required check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from revet.agents.chat.recalled import REFUSED
from revet.agents.chat.show import cut
from revet.agents.evidence import SUSPICIOUS
from revet.agents.panel.aggregate import DROPPED
from revet.policy import FILES_ONLY
from revet.schema import Attempt, Critique, Evidence, Finding, Note, Outcome, Run, Task, Verdict, digest

__all__ = ["approved", "corrections", "found_as", "key_of", "proved", "refused", "told_draft", "trajectory"]

MOST_CORRECTIONS, MOST_REFUSED = 5, 20
MOST_CLAIM, MOST_CHANGE, MOST_ACTION, MOST_ANSWER = 500, 1_500, 400, 1_000


def key_of(task: Task) -> str:
    """The same for exactly the same task."""
    return digest(task.model_dump(mode="json"), length=16)


def proved(run: Run) -> bool:
    """True if the run ended well, its required checks passed on exactly what was accepted, and it was not undone."""
    required = {check.id for check in run.task.checks if check.required}
    if not run.ok or run.best is None or not required:
        return False
    undone = run.receipt is not None and run.receipt.undone_at is not None
    return not undone and required <= {e.check for e in _about(run.best) if e.outcome is Outcome.passed}


def approved(run: Run, critic: str, threshold: float) -> bool:
    """True if the run ended well, and `critic` accepted what it ended with, with a score of `threshold` at least.

    A check that is required and did not pass outweighs the critic.
    """
    if not run.ok or run.best is None or (any(check.required for check in run.task.checks) and not proved(run)):
        return False
    said = [c for c in run.best.critiques if c.critic == critic and c.heard]
    return bool(said) and all(c.verdict is Verdict.accept and c.score >= threshold for c in said)


def corrections(run: Run) -> list[Note]:
    """What was wrong, as the evidence showed, and what mended it: the gravest findings of a run that was proved.

    A finding counts if it cites evidence of its own round; opinions teach nothing by themselves.
    """
    if run.best is None:
        return []
    mended = told_draft(run.best)
    notes: dict[str, Note] = {}
    for finding in _grounded(run):
        advice = f"\nAdvised: {cut(finding.suggestion, MOST_CLAIM)}" if finding.suggestion else ""
        text = f"Wrong ({finding.category}): {cut(finding.claim, MOST_CLAIM)}{advice}\nMended by:\n{mended}"
        note = _note("correction", run, text)
        notes.setdefault(note.id, note)
    return [*notes.values()][:MOST_CORRECTIONS]


def trajectory(run: Run) -> list[Note]:
    """How the task was done: the steps and actions of what was accepted, in order."""
    if run.best is None:
        return []
    draft = run.best.draft
    lines = [f"step {n}: {cut(step, MOST_ACTION)}" for n, step in enumerate(draft.steps)]
    lines += [
        f"action {n}: {cut(a.model_dump_json(exclude_none=True), MOST_ACTION)}" for n, a in enumerate(draft.actions)
    ]
    lines += [f"answer: {cut(run.answer, MOST_ANSWER)}"] if run.answer is not None else []
    return [_note("trajectory", run, "\n".join(lines))] if lines else []


def refused(run: Run, world: str) -> list[Note]:
    """The drafts that failed a required check, for whoever tries the same task again in the same `world`.

    Only what a check saw to fail counts (not a time-out, nor what nobody could tell, nor what rules forbid), and only
    of drafts that act on nothing but files: these would fail again.
    """
    key, required = key_of(run.task), {check.id for check in run.task.checks if check.required}
    notes: dict[str, Note] = {}
    for attempt in run.attempts:
        failures = [e for e in _about(attempt) if e.check in required and e.outcome in (Outcome.failed, Outcome.error)]
        beyond = any(action.kind not in FILES_ONLY for action in attempt.draft.actions)
        if not failures or beyond or attempt.draft.gives_up or attempt.draft.problem is not None:
            continue
        seen = f"`{cut(failures[0].request, 200)}` {failures[0].outcome}: {cut(failures[0].observation, 300)}"
        text = f"An earlier run of this task drafted this, and it failed. {seen}\n{told_draft(attempt)}"
        data = {"draft": attempt.draft.id, "task": key, "world": world}
        id = "n-" + digest(REFUSED, key, world, attempt.draft.id, length=16)
        notes[id] = Note(id=id, kind=REFUSED, text=text, goal=run.task.goal, run=run.id, data=data)
    return [*notes.values()][-MOST_REFUSED:]


def found_as(contents: str, baseline: Iterable[Evidence]) -> str:
    """The world in which a draft failed: what the workspace held, and how its checks did before any draft.

    Where something beyond the workspace changed (a package was installed, say), the checks mostly tell.
    """
    checks = {e.check: (e.outcome, e.data.get("counts")) for e in baseline if e.check}
    return digest(contents, sorted(checks.items(), key=lambda each: str(each[0])), length=16)


def told_draft(attempt: Attempt) -> str:
    """What an attempt does, in short: its diff, or its actions; and its answer."""
    draft = attempt.draft
    told = [cut(attempt.diff, MOST_CHANGE)] if attempt.diff else []
    if not told:
        told = [cut("\n".join(a.model_dump_json(exclude_none=True) for a in draft.actions), MOST_CHANGE)]
    if attempt.answer is not None:
        told.append(f"answer: {cut(attempt.answer, MOST_ANSWER)}")
    return "\n".join(part for part in told if part)


def _grounded(run: Run) -> list[Finding]:
    """The findings that cite evidence, the gravest first; of the workspace as it was, and of what was refused.

    That a line is suspect says where to look, not what is wrong; what was not upheld was not wrong.
    """
    final = run.best.draft.id if run.best else None
    found = [*_cited(run.diagnosis, run.baseline)] if run.diagnosis else []
    for attempt in run.attempts:
        if attempt.draft.id != final:
            found += [f for critique in attempt.critiques for f in _cited(critique, attempt.evidence)]
    kept = [f for f in found if f.category != SUSPICIOUS and not f.category.startswith(DROPPED)]
    distinct = {(f.category, f.claim): f for f in kept}
    return sorted(distinct.values(), key=lambda f: -f.severity.rank)


def _cited(critique: Critique, evidence: tuple[Evidence, ...]) -> Iterator[Finding]:
    known = {e.id for e in evidence}
    if critique.verdict in (Verdict.revise, Verdict.reject):
        yield from (f for f in critique.findings if known.intersection(f.evidence))


def _about(attempt: Attempt) -> list[Evidence]:
    state = attempt.changes.fingerprint if attempt.changes else None
    return [e for e in attempt.evidence if e.changes == state]


def _note(kind: str, run: Run, text: str) -> Note:
    id = "n-" + digest(kind, run.task.goal, text, length=16)
    return Note(id=id, kind=kind, text=text, goal=run.task.goal, run=run.id)
