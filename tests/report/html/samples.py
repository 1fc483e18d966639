"""Long runs and hostile ones, for pages."""

from __future__ import annotations

from revet.schema import (
    Attempt,
    Changes,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    Finding,
    Location,
    Outcome,
    Run,
    RunOutcome,
    Setup,
    Spent,
    Usage,
    Verdict,
    WriteFile,
)
from tests.report.samples import CHECK, WHEN, abstained, change, task

__all__ = ["HOSTILE", "hostile_run", "long_run"]

HOSTILE = (
    "<script>alert(1)</script>]]><img src=x onerror=alert(2)></title></style></textarea><svg/onload=alert(3)>"
    "{{ 7*7 }}{% raw %}\x1b[31mred\x1b]8;;http://evil\x07\x00\u202eevil\u2066\ud800'\"`&amp;&lt;--><!--"
)
TRACE = "\n".join(f"  File late.py, line {n}, in step_{n}\n    value = compute(value, {n})" for n in range(40))


def long_run(rounds: int = 200, *, tests: int = 60) -> Run:
    """A run as a search with tests leaves it: in each round some of the same tests fail, with long traces, the draft
    is another, and what the critic says is another."""
    return abstained().model_copy(
        update={
            "id": f"long-{rounds}",
            "setup": Setup(
                roles={"proposer": "replay", "critic": "evidence"}, policy={"rounds": rounds}, sandbox="local"
            ),
            "attempts": (attempts := tuple(_attempt(number, tests) for number in range(rounds))),
            "best": attempts[rounds * 2 // 3] if attempts else None,
            "usage": Usage(
                rounds=rounds - 1, tool_calls=rounds, seconds=12.5 * rounds, roles={"reviser": Spent(calls=1)}
            ),
        }
    )


def _attempt(number: int, tests: int) -> Attempt:
    failing = [n for n in range(tests) if (n * 7 + number) % 11 == 0]
    told = [
        {
            "id": f"tests/test_late.py::TestFees::test_case_{n}",
            "outcome": "failed" if n in failing else "passed",
            "message": f"assert {n} == {n + 1}" if n in failing else "",
            "path": "late.py",
            "line": n + 1,
            "traceback": f"test_case_{n}\n{TRACE}" if n in failing else "",
        }
        for n in range(tests)
    ]
    lines = [f" line {n} of the file as it is" for n in range(12)]
    lines[6:6] = [f"-    value = old({number})", f"+    value = new({number}, {number * 17})", "+    return value"]
    diff = "--- a/late.py\n+++ b/late.py\n@@ -1,13 +1,14 @@\n" + "\n".join(lines) + "\n"
    changes = Changes(files=(change(),), diff=diff)
    evidence = Evidence(
        tool="tests",
        request=CHECK.command,
        outcome=Outcome.failed,
        observation=f"failed: {len(failing)} failed of {tests} tests\n"
        + "\n".join(f"{n}: {TRACE}" for n in failing[:3]),
        data={"kind": "pytest", "counts": {"failed": len(failing), "passed": tests - len(failing)}, "tests": told},
        seconds=0.5 + number / 1000,
        check=CHECK.id,
        required=True,
        changes=str(number),
    )
    findings = [
        Finding(claim=f"test_case_{n} fails", location=Location(path="late.py", line=7), evidence=(evidence.id,))
        for n in failing[:5]
    ]
    return Attempt(
        round=number,
        draft=Draft(author="replay", actions=(WriteFile(path="late.py", content="x"),), notes=f"attempt {number}"),
        changes=changes,
        evidence=(evidence,),
        critiques=(Critique(critic="evidence", verdict=Verdict.revise, findings=tuple(findings)),),
        decision=Decision(kind=DecisionKind.revise, reasons=(f"`pytest -q` failed: {len(failing)} of {tests}",)),
    )


def hostile_run() -> Run:
    """A run in which every text that others write tries to be more than text."""
    evidence = Evidence(
        tool="web",
        request=HOSTILE,
        outcome=Outcome.failed,
        observation=HOSTILE + "x" * 10_000_000,
        source=HOSTILE,
        data={
            "passages": [
                {"title": HOSTILE, "text": HOSTILE, "url": "javascript:alert(4)"},
                {"title": "t", "text": "u", "url": 'https://ok.example/"><script>alert(5)</script>'},
                {"title": "good", "text": "good", "url": "https://ok.example/page?a=1&b=2"},
                "no mapping",
            ],
            "tests": [{"id": HOSTILE, "outcome": "failed", "message": HOSTILE, "traceback": HOSTILE, "line": HOSTILE}],
            "counts": {"failed": 1},
            "columns": [HOSTILE],
            "first": [[HOSTILE], [None], [1.5]],
            "rows": 3,
            "integrity": [HOSTILE],
        },
        artefacts=("data:image/svg+xml;base64,PHN2Zy8+", "data:text/html,<script>alert(6)</script>", HOSTILE),
    )
    critique = Critique(
        critic=HOSTILE,
        verdict=Verdict.reject,
        possible_result=HOSTILE,
        findings=(
            Finding(
                claim=HOSTILE,
                category=HOSTILE,
                suggestion=HOSTILE,
                evidence=(evidence.id, HOSTILE, 'x" onclick="alert(7)'),
                location=Location(path="a/" + HOSTILE, line=1),
            ),
        ),
    )
    draft = Draft(author=HOSTILE, answer=HOSTILE, notes=HOSTILE, steps=(HOSTILE,), data={"also_passing": [HOSTILE]})
    diff = f"--- a/{HOSTILE}\n+++ b/{HOSTILE}\n@@ -1 +1 @@\n-{HOSTILE}\n+{HOSTILE}\n{HOSTILE}\n"
    attempt = Attempt(
        round=0,
        draft=draft,
        changes=Changes(diff=diff),
        evidence=(evidence,),
        critiques=(critique,),
        decision=Decision(kind=DecisionKind.abstain, reasons=(HOSTILE,)),
    )
    return Run(
        id=f"h-{HOSTILE}",
        task=task(workspace=HOSTILE, goal=HOSTILE.replace("\ud800", ""), inputs={"question": HOSTILE}),
        setup=Setup(recipe=HOSTILE, options={HOSTILE: HOSTILE}, roles={HOSTILE: HOSTILE}, policy={"rounds": "9" * 99}),
        outcome=RunOutcome.failed,
        decision=Decision(kind=DecisionKind.abstain, reasons=(HOSTILE,)),
        baseline=(evidence,),
        diagnosis=critique,
        attempts=(attempt,),
        best=attempt,
        usage=Usage(roles={HOSTILE: Spent(calls=1)}),
        question={"asks": HOSTILE, "seat": HOSTILE},
        started_at=WHEN,
        error=HOSTILE,
    )
