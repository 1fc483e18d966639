"""How a task ended as one line of JSON, for programs."""

from __future__ import annotations

import json
from typing import Any

from revet.report.ended import Ended
from revet.report.text import tally
from revet.schema import Evidence, RunOutcome

__all__ = ["json_line"]


def json_line(ended: Ended) -> str:
    """``{id, outcome, answer, rounds, checks, seconds, tokens, cost, run, receipt}``; zeros and nulls without a record.

    `checks` says of each check what was seen of the best draft (of the workspace, if there was none). A task that
    failed or was not run also has `error`, which says why.
    """
    run = ended.run
    evidence = (run.evidence or run.baseline) if run else ()
    line: dict[str, Any] = {
        "id": ended.task.id,
        "outcome": ended.word,
        "answer": run.answer if run else None,
        "rounds": run.usage.rounds if run else 0,
        "checks": [_check(each) for each in evidence if each.check],
        "seconds": round(run.usage.seconds, 3) if run else 0.0,
        "tokens": run.usage.tokens if run else 0,
        "cost": round(float(run.usage.cost), 6) if run else 0.0,
        "run": run.id if run else None,
        "receipt": run.receipt.id if run and run.receipt else None,
    }
    if ended.outcome in (RunOutcome.failed, None):
        line["error"] = ended.why
    return json.dumps(line)


def _check(evidence: Evidence) -> dict[str, Any]:
    """`failing` and `tests` are null where the check does not tell tests apart."""
    counted = tally(evidence)
    return {
        "command": evidence.request,
        "outcome": evidence.outcome.value,
        "failing": counted.bad if counted else None,
        "tests": counted.total if counted else None,
    }
