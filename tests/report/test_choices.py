"""How a run is shown in which drafts were held, and one of them was chosen."""

from __future__ import annotations

import io

from rich.console import Console

from revet.graphs.events import Decided, Proposed
from revet.report import Ended, print_run, print_summary
from revet.report.text import tried, usage_line
from revet.report.watch import Watch
from revet.schema import Attempt, Decision, DecisionKind, Run
from tests.report.samples import attempt, committed


def chosen() -> Run:
    """Three drafts that nothing speaks against; the second was chosen."""

    def held(number: int, kind: DecisionKind, why: str) -> Attempt:
        decision = Decision(kind=kind, reasons=(why,), held=True)
        return attempt(number=number).model_copy(update={"decision": decision})

    first, second = (held(n, DecisionKind.revise, f"{n + 1} of 3 samples") for n in range(2))
    third = held(2, DecisionKind.choose, "budget spent")
    reasons = ("the majority: 2 of 3 votes", "`pytest -q` passed")
    last = second.model_copy(update={"round": 2, "decision": Decision(kind=DecisionKind.commit, reasons=reasons)})
    return committed().model_copy(update={"attempts": (first, second, third, last), "best": last})


def shown(run: Run) -> list[str]:
    out = io.StringIO()
    print_run(Console(file=out, width=120), run)
    return out.getvalue().splitlines()


def test_the_draft_that_was_chosen_is_named_and_it_alone_is_the_best() -> None:
    lines = shown(chosen())
    headings = [line.partition(" (d-")[0] for line in lines if " (d-" in line]
    assert headings == ["Draft 1", "Draft 2", "Draft 3", "Chosen: draft 2, the best"]
    decisions = [line for line in lines if line.startswith("decision: ")]
    assert decisions == [
        *["decision: nothing speaks against it; it is held while more drafts are made"] * 2,
        "decision: nothing speaks against it, and no more are made: one of those that nothing speaks against is chosen",
        "decision: commit",
    ]


def test_who_watches_is_told_which_draft_was_chosen() -> None:
    run, watch = chosen(), Watch(chosen().task)
    heard = []
    for each in run.attempts:
        assert each.decision is not None
        if each.decision.kind is not DecisionKind.commit:
            watch.hear(Proposed(round=each.round, draft=each.draft))
        decided = each.decision.model_copy(update={"draft": each.draft.id})
        heard += watch.hear(Decided(round=each.round, decision=decided))
    assert heard == [
        "draft 1 stands; 1 of 3 samples",
        "draft 2 stands; 2 of 3 samples",
        "draft 3 stands; budget spent",
        "draft 2 is chosen: the majority: 2 of 3 votes",
        "proved: commits",
    ]


def test_what_was_chosen_counts_once() -> None:
    run = chosen()
    assert usage_line(run).startswith("3 drafts, ") and tried(run.attempts) == 180


def test_what_a_proposer_says_of_itself_breaks_no_report() -> None:
    for told in (float("nan"), float("inf"), "many", None, [1]):
        said = attempt(data={"tried": told, "also_passing": told, "chosen": told})
        assert tried([said]) == 0
        assert shown(committed().model_copy(update={"attempts": (said,), "best": said}))


def test_the_table_counts_what_was_chosen_once() -> None:
    out = io.StringIO()
    run = chosen()
    print_summary(Console(file=out, width=120), [Ended(run.task, run)], 1.0, None)
    row = next(line.split() for line in out.getvalue().splitlines() if "late-fee  ✓" in line)
    assert row[3] == "3"
