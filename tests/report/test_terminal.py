"""What a person sees: live, in a log, at the end, and in `show`. At 80 columns, in colour and without."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable

import pytest
from rich.console import Console

from revet.errors import SandboxUnavailable
from revet.report import (
    Ended,
    LiveReport,
    PlainReport,
    json_line,
    print_run,
    print_runs,
    print_summary,
    reporter_for,
)
from revet.report.live import TASKS_SHOWN
from revet.report.terminal import DIFF_LINES, diff_text, outcome_text, print_ended
from revet.report.text import evidence_line
from revet.report.watch import Watch
from revet.schema import Decision, DecisionKind, Receipt, Run, RunOutcome
from revet.store import Row
from tests.report.samples import (
    CHOSEN,
    DIFF,
    WHEN,
    abstained,
    answered,
    asked,
    attempt,
    committed,
    seen_tests,
    stream,
    task,
)

EVIL = "[bold red]x[/] [link=http://e]y[/link] \x1b[31mred\x1b]0;t\x07 :boom: \r\x08\x00"
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def log(*, width: int = 80) -> tuple[Console, io.StringIO]:
    """A console that is no terminal."""
    out = io.StringIO()
    return Console(file=out, width=width, markup=False, emoji=False, highlight=False, force_terminal=False), out


def terminal(*, width: int = 80) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        height=40,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        _environ={"TERM": "xterm"},
    )
    return console, out


def plain_lines(run: Run) -> list[str]:
    console, out = log()
    report = PlainReport(console)
    for event in stream(run):
        report.heard(run.task, event)
    report.ended(Ended(run.task, run))
    report.close()
    return out.getvalue().splitlines()


def evil_run() -> Run:
    """A run in which everything that a tool, a test or a proposer wrote tries to act on the terminal."""
    run = committed(of=task(goal=EVIL))
    evidence = seen_tests(1, 3, message=EVIL).model_copy(update={"observation": EVIL})
    tests = [{"id": f"t.py::test_x[{EVIL}]", "outcome": "failed", "message": EVIL}]
    evidence = evidence.model_copy(update={"data": {**evidence.data, "tests": tests}})
    bad = attempt(1, notes=EVIL, data={"chosen": EVIL, "also_passing": [EVIL], "tried": 1})
    bad = bad.model_copy(update={"evidence": (evidence,)})
    assert bad.changes is not None
    bad = bad.model_copy(update={"changes": bad.changes.model_copy(update={"diff": "+" + EVIL})})
    return run.model_copy(update={"baseline": (evidence,), "attempts": (bad,), "best": bad})


# --- while it runs --------------------------------------------------------------------------------------


def test_a_log_tells_the_story_line_by_line() -> None:
    assert plain_lines(committed()) == [
        "[late-fee] Make the failing checks pass. (run late-fee-abc123)",
        "[late-fee] before: 3 of 9 tests fail: test_a, test_b, test_c",
        "[late-fee] most suspicious: late.py:2, late.py:7",
        "[late-fee] searches: 60 candidates tried; best so far: 2 of 3 failing tests fixed",
        f"[late-fee] draft 1: {CHOSEN} (60 candidates tried)",
        "[late-fee] draft 1: all 9 tests pass",
        "[late-fee] proved: commits",
        "[late-fee] committed late.py",
        "✓ committed  late-fee",
        f"    {CHOSEN}",
        *(f"    {line}" for line in DIFF.splitlines()),
    ]


def test_a_log_of_an_abstention_says_why() -> None:
    lines = plain_lines(abstained())
    assert "[late-fee] draft 1: 1 of 9 tests fails: test_a" in lines
    assert "[late-fee] draft 1 does not pass; looks for a better one" in lines
    assert "[late-fee] gives up and changes nothing" in lines
    assert lines[-2:] == [
        "– abstained  late-fee",
        "    the best draft leaves 1 of 9 tests failing; 1,204 candidates tried, none passes",
    ]


def test_a_log_of_a_question() -> None:
    assert "[late-fee] waits for your answer" in plain_lines(asked())


def test_the_state_of_a_search_in_five_lines() -> None:
    watch = Watch(task())
    for event in stream(committed())[:4]:
        watch.hear(event)
    assert watch.lines() == [
        "late-fee  12 s",
        "3 of 9 tests fail: test_a, test_b, test_c",
        "most suspicious: late.py:2, late.py:7",
        "searches: 60 candidates tried, now d < 3 → d > 3",
        "best so far: 2 of 3 failing tests fixed",
    ]


def test_long_searches_are_noted_now_and_then() -> None:
    from revet.graphs.events import Progressed

    watch = Watch(task())
    notes = [
        watch.hear(Progressed(kind="repair.search", data={"tried": n, "total": 5000}, at=n / 10)) for n in range(400)
    ]
    assert [note for found in notes for note in found] == [
        "searches: 100 candidates of 5,000 tried",
        "searches: 200 candidates of 5,000 tried",
        "searches: 300 candidates of 5,000 tried",
    ]


def test_what_recovery_did_is_told() -> None:
    from revet.graphs.events import Started

    started = Started(run="r-1", task=task(), recovered=("commit r-0.1: finished (2 files)", "[b]x[/b]\x1b[2J"))
    told = ["recovered: commit r-0.1: finished (2 files)", "recovered: [b]x[/b]"]
    assert Watch(task()).hear(started)[:2] == told
    console, out = terminal()
    report = LiveReport(console)
    report.heard(task(), started)
    report.close()
    assert all(f"[late-fee] {line}" in out.getvalue() for line in told)


def dry_run() -> Run:
    decision = Decision(kind=DecisionKind.abstain, reasons=("approval is 'never': a dry run commits nothing",))
    return asked().model_copy(update={"outcome": RunOutcome.abstained, "decision": decision})


def test_a_dry_run_shows_what_it_would_commit() -> None:
    console, out = log()
    print_ended(console, Ended(task(), dry_run()))
    assert "    would commit:\n" in out.getvalue() and "+    return d <= 3" in out.getvalue()
    assert "What would be committed" in show(dry_run()) and "Nothing was changed." in show(dry_run())
    console, out = log()
    print_ended(console, Ended(task(), abstained()))
    assert "return d" not in out.getvalue(), "a draft that did not pass is nothing to commit"


def by_exit_status_alone() -> Run:
    seen = seen_tests(0, 1)
    passed = seen.model_copy(
        update={"data": {"kind": "command"}, "observation": "passed: judged by its exit status alone"}
    )
    run = committed()
    assert run.best is not None
    best = run.best.model_copy(update={"evidence": (passed,)})
    return run.model_copy(update={"best": best, "attempts": (best,)})


def test_a_check_judged_by_its_exit_status_alone_is_marked() -> None:
    run = by_exit_status_alone()
    words = "judged by its exit status alone"
    assert f"`pytest -q` passes ({words})" in evidence_line(run.evidence[0])
    assert f"{words}: `pytest -q`" in " ".join(summary([Ended(task(), run)]))
    assert f"{words}: `pytest -q`\n" in show(run)
    assert words not in show(committed()) + "".join(summary([Ended(task(), committed())]))


def test_a_run_that_broke_off_says_why_and_how_to_go_on() -> None:
    error = SandboxUnavailable("no user namespaces", hint="enable them")
    run = abstained().model_copy(update={"outcome": RunOutcome.failed, "error": f"SandboxUnavailable: {error}"})
    assert Ended(task(), run, error=error).why == "no user namespaces → enable them"
    text = show(run)
    assert "✗ failed" in text and "SandboxUnavailable: no user namespaces → enable them" in text
    assert "the same command with --resume goes on with it" in text and "Nothing was changed" not in text
    line = json.loads(json_line(Ended(task(), run, error=error)))
    assert (line["run"], line["error"]) == (run.id, "no user namespaces → enable them")


def test_a_terminal_is_redrawn_and_cleared() -> None:
    console, out = terminal()
    assert isinstance(reporter_for(console), LiveReport)
    out.truncate(0)
    report = LiveReport(console)
    for number in range(TASKS_SHOWN + 2):
        report.heard(task(f"t{number}"), stream(committed(of=task(f"t{number}")))[1])
    report._live.refresh()
    assert "and 2 more" in out.getvalue() and "3 of 9 tests fail" in out.getvalue()
    with report.paused():
        console.print("a question")
    report.ended(Ended(task("t0"), committed(of=task("t0"))))
    report.close()
    assert "\x1b[32m✓ committed" in out.getvalue(), "colour on a terminal"
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h"), "the cursor comes back"


def test_a_pipe_and_a_dumb_terminal_get_plain_lines() -> None:
    console, _ = log()
    assert isinstance(reporter_for(console), PlainReport)
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(reporter_for(dumb), PlainReport)


def test_no_color_is_honoured() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, _environ={"TERM": "xterm", "NO_COLOR": "1"})
    console.print(outcome_text(RunOutcome.committed), diff_text(DIFF))
    assert "\x1b[3" not in out.getvalue()
    assert "✓ committed" in out.getvalue(), "the word and the symbol say it without colour"


# --- nothing a tool wrote can act -----------------------------------------------------------------------


def everything(run: Run) -> Iterable[str]:
    for make in (log, terminal):
        console, out = make()
        report = reporter_for(console)
        for event in stream(run):
            report.heard(run.task, event)
        report.ended(Ended(run.task, run))
        report.close()
        print_summary(console, [Ended(run.task, run), Ended(run.task, error=ValueError(EVIL))], 1.0, None)
        print_run(console, run)
        yield out.getvalue()


def test_markup_and_escapes_are_shown_as_text() -> None:
    in_log, on_terminal = everything(evil_run())
    assert not CONTROLS.search(in_log)
    assert "[bold red]x[/] [link=http://e]y[/link] red :boom:" in in_log
    assert "\x1b]" not in on_terminal and "\x1b[31mred" not in on_terminal


# --- afterwards -----------------------------------------------------------------------------------------


def summary(results: list[Ended], *, width: int = 80, folder: str | None = None) -> list[str]:
    console, out = log(width=width)
    print_summary(console, results, 48.2, folder)
    return out.getvalue().splitlines()


def test_the_table_of_a_batch() -> None:
    unavailable = SandboxUnavailable("no user namespaces", hint="enable them")
    results = [
        Ended(task(), committed()),
        Ended(task("routes"), abstained("routes-8sd2kk")),
        Ended(task("lru"), error=unavailable),
    ]
    assert summary(results) == [
        "",
        "  task      outcome      drafts  failing tests   time  run",
        "  late-fee  ✓ committed       1  3 → 0 of 9     4.2 s  late-fee-abc123",
        f"            {CHOSEN}",
        "  routes    – abstained       1  3 of 9          31 s  routes-8sd2kk",
        "            the best draft leaves 1 of 9 tests failing; 1,204 candidates tried,",
        "            none passes",
        "  lru       ✗ failed          –  –                  –",
        "            no user namespaces → enable them",
        "",
        "3 tasks in 48 s: 1 committed, 1 abstained, 1 failed.",
        "What happened, in full: revet show late-fee-abc123",
        "To take a commit back:  revet undo late-fee-abc123",
    ]


def test_the_table_fits_80_columns_with_long_ids() -> None:
    long = task("a-task-with-a-rather-long-name-indeed")
    lines = summary([Ended(long, committed("a-task-with-a-rather-long-name-indeed-abc123", long))], folder="'my runs'")
    assert all(len(line) <= 80 for line in lines[:-2])
    assert "(run a-task-with-a-rather-long-name-indeed-abc123)" in " ".join(" ".join(lines).split())
    assert lines[-1].endswith("revet undo a-task-with-a-rather-long-name-indeed-abc123 --out 'my runs'")


def test_a_run_that_had_ended_before_is_marked() -> None:
    console, out = log()
    PlainReport(console).ended(Ended(task(), committed(), again=True))
    assert out.getvalue().splitlines() == [
        "✓ committed  late-fee  (had ended before; not run again)",
        f"    {CHOSEN}",
    ]


def show(run: Run, folder: str | None = None) -> str:
    console, out = log()
    print_run(console, run, folder)
    return out.getvalue()


def test_show_of_a_commit() -> None:
    text = show(committed())
    for part in (
        "late-fee-abc123  ✓ committed",
        "checks      pytest -q",
        "3 of 9 tests fail: test_a, test_b, test_c",
        "Draft 1, the best",
        "These passed too, but are larger or less likely what was meant:\n  late.py:2: d < 3 → d < 4",
        "all 9 tests pass",
        "critic evidence: accept (score 1.00)",
        "decision: commit\n  because `pytest -q` passed",
        "What was committed\n    --- a/late.py",
        "    +    return d <= 3",
        "To take it back: revet undo late-fee-abc123",
    ):
        assert part in text, text


def test_show_of_an_abstention() -> None:
    text = show(abstained())
    for part in (
        "– abstained",
        "most suspicious lines: late.py:2, late.py:7",
        "major: test_a does not pass: boom",
        "make it give 0 where it gives 1",
        "No further draft",
        "The best draft (not committed)",
        "Nothing was changed.",
    ):
        assert part in text, text
    assert "undo" not in text


def test_show_of_the_other_outcomes() -> None:
    assert "It waits for your answer; nothing was changed yet." in show(asked())
    assert "Nothing to repair: every required check passes as it is." in show(answered())
    run = committed()
    assert isinstance(run.receipt, Receipt)
    undone = run.model_copy(update={"receipt": run.receipt.model_copy(update={"undone_at": WHEN})})
    assert "↶ committed, undone" in show(undone)
    assert "Taken back" in show(undone) and "To take it back" not in show(undone)
    assert show(run, "runs").rstrip().endswith("revet undo late-fee-abc123 --out runs")


def test_the_list_of_runs() -> None:
    console, out = log()
    rows = [
        Row(
            id="a-1",
            task="a",
            workspace="/a",
            begun_at=WHEN,
            outcome=RunOutcome.committed,
            rounds=0,
            seconds=4.2,
            undone=False,
        ),
        Row(
            id="b-" + "x" * 45,
            task="b",
            workspace=None,
            begun_at=WHEN,
            outcome=None,
            rounds=0,
            seconds=0,
            undone=False,
        ),
    ]
    print_runs(console, rows)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["run", "outcome", "started", "time"]
    assert "✓ committed" in lines[1] and lines[1].rstrip().endswith("4.2 s")
    assert any("… not ended" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_long_diffs_are_cut_while_tasks_run() -> None:
    diff = "".join(f"+line {n}\n" for n in range(DIFF_LINES + 5))
    assert diff_text(diff, limit=DIFF_LINES).plain.endswith("… 5 more lines")
    assert diff_text(diff).plain.count("\n") == DIFF_LINES + 4


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (
            Ended(task(), committed()),
            {
                "id": "late-fee",
                "outcome": "committed",
                "rounds": 0,
                "seconds": 4.2,
                "tokens": 0,
                "cost": 0.0,
                "answer": None,
                "checks": [{"command": "pytest -q", "outcome": "passed", "failing": 0, "tests": 9}],
                "run": "late-fee-abc123",
                "receipt": "late-fee-abc123.1",
            },
        ),
        (
            Ended(task(), error=SandboxUnavailable("x")),
            {
                "id": "late-fee",
                "outcome": "failed",
                "rounds": 0,
                "seconds": 0.0,
                "tokens": 0,
                "cost": 0.0,
                "answer": None,
                "checks": [],
                "run": None,
                "receipt": None,
                "error": "x",
            },
        ),
    ],
)
def test_a_line_of_json(ended: Ended, expected: object) -> None:
    line = json_line(ended)
    assert "\n" not in line
    assert json.loads(line) == expected
