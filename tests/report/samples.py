"""Runs, evidence and events as a repair leaves them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from revet.graphs import events
from revet.schema import (
    Attempt,
    Changes,
    Check,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    FileChange,
    FileState,
    Finding,
    Location,
    Outcome,
    Receipt,
    Run,
    RunOutcome,
    Task,
    Usage,
    Verdict,
    WriteFile,
)

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CHECK = Check(command="pytest -q")
DIFF = "--- a/late.py\n+++ b/late.py\n@@ -1,2 +1,2 @@\n def f(d):\n-    return d < 3\n+    return d <= 3\n"
CHOSEN = "late.py:2: d < 3 → d <= 3"


def task(name: str = "late-fee", workspace: str = "/srv/late", **more: Any) -> Task:
    return Task(id=name, workspace=workspace, checks=(CHECK,), **more)


def seen_tests(bad: int, total: int, *, state: str | None = None, message: str = "boom") -> Evidence:
    """Evidence of pytest with `bad` of `total` tests failing."""
    names = [f"test_late.py::test_{'abcdefghij'[i]}" for i in range(total)]
    tests = [
        {"id": name, "outcome": "failed" if i < bad else "passed", "message": message if i < bad else ""}
        for i, name in enumerate(names)
    ]
    return Evidence(
        tool="tests",
        request=CHECK.command,
        outcome=Outcome.failed if bad else Outcome.passed,
        observation=f"{'failed' if bad else 'passed'}: {bad} failed of {total} tests",
        data={"kind": "pytest", "counts": {"failed": bad, "passed": total - bad}, "tests": tests},
        seconds=0.8,
        check=CHECK.id,
        required=True,
        changes=state,
    )


def change(path: str = "late.py") -> FileChange:
    return FileChange(
        path=path,
        before=FileState(sha256="0" * 64, size=20, mode=0o644),
        after=FileState(sha256="1" * 64, size=21, mode=0o644),
    )


def suspicion() -> Critique:
    places = [("late.py", 2, 1.0), ("late.py", 7, 0.5)]
    lines = [
        Finding(
            claim=f"line {line} is suspect",
            category="suspicious-line",
            evidence=("e-1",),
            confidence=score,
            location=Location(path=path, line=line),
        )
        for path, line, score in reversed(places)
    ]
    failing = Finding(
        claim="test_a does not pass: boom", evidence=("e-1",), suggestion="make it give 0 where it gives 1"
    )
    return Critique(critic="evidence", verdict=Verdict.revise, possible_result="fails", findings=(failing, *lines))


def attempt(bad: int = 0, *, number: int = 0, decision: DecisionKind = DecisionKind.commit, **draft: Any) -> Attempt:
    changes = Changes(files=(change(),), diff=DIFF)
    data = {"tried": 60, "chosen": CHOSEN, "also_passing": ["late.py:2: d < 3 → d < 4"]}
    more = {"notes": CHOSEN + " (60 candidates tried)", "data": data, **draft}
    return Attempt(
        round=number,
        draft=Draft(author="builtin:repair", actions=(WriteFile(path="late.py", content=f"x = {number}\n"),), **more),
        changes=changes,
        evidence=(seen_tests(bad, 9, state=changes.fingerprint),),
        critiques=(suspicion(),) if bad else (Critique(critic="evidence", verdict=Verdict.accept, score=1.0),),
        decision=Decision(kind=decision, reasons=("`pytest -q` passed",)),
    )


def committed(run_id: str = "late-fee-abc123", of: Task | None = None) -> Run:
    best = attempt()
    of = of or task()
    return Run(
        id=run_id,
        task=of,
        outcome=RunOutcome.committed,
        decision=Decision(kind=DecisionKind.commit, reasons=("`pytest -q` passed",)),
        baseline=(seen_tests(3, 9),),
        attempts=(best,),
        best=best,
        receipt=Receipt(
            id=f"{run_id}.1",
            workspace=of.workspace or "/",
            fingerprint="f" * 16,
            files=(change(),),
            committed_at=WHEN,
        ),
        usage=Usage(rounds=0, tool_calls=3, seconds=4.2),
        started_at=WHEN,
    )


def abstained(run_id: str = "late-fee-def456", of: Task | None = None) -> Run:
    """Three tests failed; the best draft left one; a thousand more candidates brought nothing."""
    best = attempt(1, decision=DecisionKind.revise)
    given_up = Attempt(
        round=1,
        draft=Draft(author="builtin:repair", notes="1,144 candidates tried, none passes", data={"tried": 1144}),
        evidence=(seen_tests(3, 9),),
        decision=Decision(kind=DecisionKind.abstain, reasons=("1,144 candidates tried, none passes",)),
    )
    return Run(
        id=run_id,
        task=of or task(),
        outcome=RunOutcome.abstained,
        decision=Decision(
            kind=DecisionKind.abstain, reasons=("1,144 candidates tried, none passes the failing tests",)
        ),
        baseline=(seen_tests(3, 9),),
        attempts=(best, given_up),
        best=best,
        usage=Usage(rounds=1, tool_calls=5, seconds=31.4),
        started_at=WHEN,
    )


def asked(run_id: str = "late-fee-ask123", of: Task | None = None) -> Run:
    run = committed(run_id, of)
    decision = Decision(kind=DecisionKind.ask, reasons=("`pytest -q` passed", "approval is 'ask': a person decides"))
    return run.model_copy(update={"outcome": RunOutcome.asked, "decision": decision, "receipt": None})


def answered(run_id: str = "late-fee-ans123", of: Task | None = None) -> Run:
    draft = Draft(author="builtin:repair", answer="Nothing to repair: every required check passes as it is.")
    only = Attempt(round=0, draft=draft, evidence=(seen_tests(0, 9),))
    decision = Decision(kind=DecisionKind.answer, reasons=("`pytest -q` passed",))
    return Run(
        id=run_id,
        task=of or task(),
        outcome=RunOutcome.answered,
        decision=decision,
        baseline=(seen_tests(0, 9),),
        attempts=(only,),
        best=only,
        started_at=WHEN,
    )


def stream(run: Run) -> list[events.Event]:
    """The events that such a run sends, as the loop and the search do."""
    told: list[events.Event] = [
        events.Started(run=run.id, task=run.task),
        events.Examined(round=0, evidence=run.baseline[0], baseline=True, at=0.9),
        events.Criticised(round=0, critique=suspicion(), baseline=True, at=1.0),
        events.Progressed(
            kind="repair.search",
            data={
                "tried": 60,
                "total": None,
                "best": "2 of 3 failing tests fixed",
                "suspects": [],
                "now": "d < 3 → d > 3",
            },
            at=12.0,
        ),
        events.Progressed(kind="something.else", data={"x": 1}, at=12.1),
    ]
    number = 0
    for each in run.attempts:
        told.append(events.Proposed(round=each.round, draft=each.draft, at=13.0))
        if each.draft.actions and each.changes:
            number += 1
            told.append(events.Staged(round=each.round, changes=each.changes, at=13.1))
            told += [events.Examined(round=each.round, evidence=e, at=14.0) for e in each.evidence]
            told += [events.Criticised(round=each.round, critique=c, at=14.1) for c in each.critiques]
        if each.decision:
            told.append(events.Decided(round=each.round, decision=each.decision, at=14.2))
    if run.receipt:
        told.append(events.Committed(receipt=run.receipt, at=15.0))
    if run.outcome is RunOutcome.asked:
        told.append(events.Asked(run=run.id, decision=run.decision, diff=run.best.diff if run.best else "", at=15.0))
    told.append(events.Finished(run=run, at=15.1))
    return told
