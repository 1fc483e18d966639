"""A batch while it goes on: its table on a terminal of any width, lines in a log, nothing with --quiet."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from rich.console import Console

from revet.graphs.events import Event, Progressed, Started
from revet.report import Ended, LiveReport, PlainReport, QuietReport, Tally, reporter_for
from revet.report.live import LINE_EVERY, LINES_ABOVE, SILENT, TASKS_SHOWN
from revet.report.progress import per_time, progress_line, progress_table, when
from revet.report.tally import SMALL
from revet.schema import Run
from tests.report.samples import abstained, asked, committed, stream, task
from tests.report.screen import screen
from tests.report.test_tally import NOON, Clock, one

CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
HALF_DONE_END = NOON + timedelta(seconds=1000)
WIDTHS = (20, 40, 60, 80, 120, 300)


def console(*, width: int = 80, terminal: bool = True, height: int = 24, **environ: str) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    made = Console(
        file=out,
        width=width,
        height=height,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=terminal,
        legacy_windows=False,
        _environ={"TERM": "xterm", **environ},
    )
    return made, out


def half_done(total: int = 2000) -> Tally:
    """A batch of which 1,200 tasks have ended, at 120 in a minute; 8 are in flight."""
    clock = Clock()
    tally = clock.tally(total)
    for _ in range(8):
        tally.started()
    for number in range(1200):
        clock.at += 0.5
        run = abstained() if number % 30 == 0 else committed() if number % 120 != 1 else None
        tally.ended(Ended(task(), run, error=None if run else ValueError("boom")))
        tally.started()
    return tally


def drawn(tally: Tally, width: int, **environ: str) -> str:
    made, out = console(width=width, **environ)
    made.print(progress_table(tally, width))
    return out.getvalue()


# --- the table ------------------------------------------------------------------------------------------


def test_the_table_at_80_columns() -> None:
    bar, names, values = screen(drawn(half_done(), 80), 80)
    assert bar.endswith(" 1,200 of 2,000 done · 60 %")
    assert names == "committed  answered  abstained  failed  in flight  rate     elapsed  ends about"
    assert values.split() == ["1,150", "0", "40", "10", "8", "120/min", "0:10:00", when(HALF_DONE_END, NOON)]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_fits_every_width(width: int) -> None:
    tally = half_done()
    tally.tokens, tally.cost, tally.again, tally.waiting = 1_234_567, 3.2, 200, 12
    tally.ended(Ended(task(), skipped="the budget is spent"))
    sent = drawn(tally, width)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", sent).splitlines()
    assert all(len(line) <= width for line in plain)
    assert [line.rstrip() for line in plain] == screen(sent, width), "no line goes on in the next"
    words = " ".join(plain)
    if width >= 40:
        assert "1,201 of 2,000 done" in words
    for word in ("committed", "not run", "done before", "held back", "tokens", "1,234,567", "$3.20", "120/min"):
        assert word in words, (width, word)
    assert "rejected" not in words and "asked" not in words


def test_nothing_is_said_of_a_batch_that_has_just_begun() -> None:
    _, names, values = screen(drawn(Clock().tally(500), 80), 80)
    assert values.split() == ["0", "0", "0", "0", "0", "–", "0:00:00", "–"]
    assert "tokens" not in names and "cost" not in names


def test_without_colour_the_table_says_the_same() -> None:
    coloured, plain = drawn(half_done(), 80), drawn(half_done(), 80, NO_COLOR="1")
    assert re.search(r"\x1b\[3\d", coloured) and not re.search(r"\x1b\[[34]\d", plain)
    assert screen(plain, 80)[1:] == screen(coloured, 80)[1:]


def test_a_batch_of_unknown_size_has_no_bar() -> None:
    tally = Clock().tally()
    tally.ended(one())
    assert screen(drawn(tally, 80), 80)[0] == "1 done"


@pytest.mark.parametrize(
    ("rate", "words"),
    [(3000, "50 a second"), (95.2, "95 a minute"), (7.54, "7.5 a minute"), (0.5, "30 an hour"), (0.01, "0.6 an hour")],
)
def test_a_rate_in_words(rate: float, words: str) -> None:
    assert per_time(rate) == words


def test_when_it_ends_says_the_day_if_it_is_far() -> None:
    local = NOON.astimezone()
    assert when(NOON + timedelta(hours=1), NOON) == f"{local + timedelta(hours=1):%H:%M}"
    assert when(NOON + timedelta(hours=30), NOON) == f"{local + timedelta(hours=30):%a %H:%M}"
    assert when(NOON + timedelta(days=9), NOON) == f"{local + timedelta(days=9):%Y-%m-%d %H:%M}"


# --- on a terminal --------------------------------------------------------------------------------------


def play(report: LiveReport | PlainReport, tally: Tally, runs: list[Run | None]) -> None:
    """All the tasks, one after the other; None is one that fails."""
    for number, run in enumerate(runs):
        of = task(f"task-{number}")
        tally.started()
        for event in stream(run) if run else ():
            report.heard(of, event)
        ended = Ended(of, run, error=None if run else ValueError("boom"))
        tally.ended(ended, number)
        report.ended(ended)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_screen_of_a_large_batch(width: int) -> None:
    made, out = console(width=width)
    tally = Tally(200)
    report = LiveReport(made, tally)
    play(report, tally, [None if number == 7 else committed() for number in range(20)])
    for number in range(20, 30):
        tally.started()
        for event in stream(committed())[:2]:
            report.heard(task(f"task-{number}"), event)
    report._live.refresh()
    lines = screen(out.getvalue(), width)
    assert lines[0].startswith("✗ failed  task-7  internal error:")
    assert sum("20 of 200 done · 10 %" in line for line in lines) == 1, "it is redrawn in place"
    assert [line.split()[1] for line in lines[-TASKS_SHOWN:]] == ["task-20", "task-21", "task-22", "task-23"]
    assert not any("✓" in line for line in lines), "what ended well is only counted"
    report.close()
    after = screen(out.getvalue(), width)
    assert not any("of 200 done" in line for line in after), "nothing of it stays"
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h"), "the cursor comes back"


def test_the_screen_of_a_small_batch_shows_what_ended_above_the_table() -> None:
    made, out = console(height=60)
    tally = Tally(12)
    report = LiveReport(made, tally)
    play(report, tally, [committed(), abstained()])
    tally.started()
    for event in stream(committed())[:3]:
        report.heard(task("task-2"), event)
    report._live.refresh()
    lines = screen(out.getvalue(), 80)
    assert "✓ committed  task-0" in lines and "    +    return d <= 3" in lines and "– abstained  task-1" in lines
    assert any("2 of 12 done" in line for line in lines)
    assert "  3 of 9 tests fail: test_a, test_b, test_c" in lines, "few running tasks are shown in full"
    report.close()


def test_a_batch_of_few_tasks_has_no_table() -> None:
    made, out = console()
    tally = Tally(TASKS_SHOWN)
    report = LiveReport(made, tally)
    play(report, tally, [committed()])
    report._live.refresh()
    report.close()
    assert "of 4 done" not in out.getvalue() and "in flight" not in out.getvalue()


def test_only_the_first_that_did_not_end_well_are_named() -> None:
    made, out = console(height=1000)
    tally = Tally(1000)
    report = LiveReport(made, tally)
    play(report, tally, [None] * (LINES_ABOVE + 50))
    report.close()
    lines = screen(out.getvalue(), 80)
    assert sum("✗ failed" in line for line in lines) == LINES_ABOVE
    assert lines[-1] == "… further ones are in the results file"


def test_why_tasks_are_not_run_is_told_once() -> None:
    for made, out in (console(), console(terminal=False)):
        tally = Tally(200)
        report = reporter_for(made, tally)
        assert isinstance(report, LiveReport | PlainReport)
        for number in range(100):
            ended = Ended(task(f"task-{number}"), skipped="the budget is spent")
            tally.ended(ended)
            report.ended(ended)
        report.close()
        assert out.getvalue().count("the budget is spent") == 1
        assert "… not run  task-0 and further ones: the budget is spent" in "\n".join(screen(out.getvalue(), 80))


def test_a_question_is_asked_on_a_quiet_screen() -> None:
    made, out = console()
    tally = Tally(200)
    report = LiveReport(made, tally)
    play(report, tally, [committed()] * 3)
    waiting = task("asks")
    tally.started()
    for event in stream(asked())[:-1]:
        report.heard(waiting, event)
    with report.paused():
        made.print("Commit this? ", end="")
        shown = len(out.getvalue())
        play(report, tally, [None, committed()])
        report.heard(waiting, Started(run="r-1", task=waiting, recovered=("commit r-0: finished",)))
        time.sleep(0.6)
        assert len(out.getvalue()) == shown, "nothing is drawn over the question"
        made.print("y")
    play(report, tally, [None])
    report.close()
    lines = screen(out.getvalue(), 80)
    assert lines[0] == "Commit this? y" and sum("✗ failed" in line for line in lines) == 2
    assert "[asks] recovered: commit r-0: finished" in lines


def test_a_task_that_waits_for_an_answer_is_told() -> None:
    for terminal in (True, False):
        made, out = console(terminal=terminal)
        tally = Tally(200)
        report = reporter_for(made, tally)
        ended = Ended(task("asks"), asked())
        tally.ended(ended)
        report.ended(ended)
        report.close()
        assert "? asked  asks  waits for your answer" in "\n".join(screen(out.getvalue(), 80))


def test_what_others_hold_back_is_told_in_small_batches_and_counted_in_large_ones() -> None:
    waits = Progressed(kind="batch.waits", data={"why": "another process is at work on mine"})
    made, _ = console()
    report = LiveReport(made, Tally(200))
    report.heard(task("mine"), waits)
    assert not report._watches and not report._running
    report.close()
    made, out = console(terminal=False)
    reporter_for(made, Tally(2)).heard(task("mine"), waits)
    assert out.getvalue() == "[mine] waits: another process is at work on mine\n"


def test_the_terminal_may_become_wider() -> None:
    made, out = console(width=40)
    report = LiveReport(made, half_done())
    report._live.refresh()
    made._width = 120
    report._live.refresh()
    assert len(screen(out.getvalue(), 120)) == 3
    report.close()


# --- cost -----------------------------------------------------------------------------------------------


def spent(act: Callable[[], object]) -> float:
    """Seconds of this thread's processor, the least of three tries."""
    took = []
    for _ in range(3):
        begun = time.thread_time()
        act()
        took.append(time.thread_time() - begun)
    return min(took)


def test_an_event_costs_next_to_nothing() -> None:
    """128 in flight at some hundred events a second: what is told of them takes far less than 1 % of a processor."""
    told = [event for event in stream(committed()) if event.type != "finished"]
    tasks = [task(f"task-{number}") for number in range(128)]
    for terminal in (True, False):
        made, _ = console(terminal=terminal)
        report = reporter_for(made, half_done())
        events: list[Event] = [event for event in told if not isinstance(event, Started)] * 10

        def hear(report: LiveReport | PlainReport | QuietReport = report, events: list[Event] = events) -> None:
            for event in events:
                for of in tasks:
                    report.heard(of, event)

        for of in tasks:
            report.heard(of, told[0])
        each = spent(hear) / (len(events) * len(tasks))
        report.close()
        assert each < 20e-6, f"{each * 1e6:.1f} µs for an event"


def test_a_redraw_does_not_depend_on_how_many_are_in_flight() -> None:
    took = {}
    for count in (4, 4000):
        made, _ = console()
        report = LiveReport(made, half_done(100_000))
        for number in range(count):
            report.heard(task(f"task-{number}"), stream(committed())[1])
        assert len(report._watches) == TASKS_SHOWN
        took[count] = spent(lambda report=report: [report._live.refresh() for _ in range(5)])  # type: ignore[misc]
        report.close()
    assert took[4000] < 3 * took[4] + 0.01


# --- in a log -------------------------------------------------------------------------------------------


def log_of(runs: list[Run | None], *, total: int) -> list[str]:
    made, out = console(terminal=False)
    tally = Tally(total)
    report = PlainReport(made, tally)
    play(report, tally, runs)
    report.close()
    assert not CONTROLS.search(out.getvalue())
    return out.getvalue().splitlines()


def test_a_log_of_a_large_batch_is_short() -> None:
    lines = log_of([None if number == 60 else committed() for number in range(200)], total=200)
    assert lines[3] == "✗ failed  task-60  internal error: ValueError: boom"
    rest = lines[:3] + lines[4:]
    assert [line.split(" done: ")[0] for line in rest] == [f"{count} of 200" for count in range(20, 200, 20)]
    assert rest[2].startswith("60 of 200 done: 60 committed")


def test_a_log_of_a_small_batch_tells_everything() -> None:
    lines = log_of([committed()] * SMALL, total=SMALL)
    assert lines.count("[task-7] proved: commits") == 1 and lines.count("✓ committed  task-7") == 1
    assert not any("done:" in line for line in lines)


def test_a_log_says_how_far_the_batch_is_from_time_to_time() -> None:
    made, out = console(terminal=False)
    clock = Clock()
    tally = clock.tally(100_000)
    report = PlainReport(made, tally, clock=lambda: clock.at)
    for _ in range(600):
        tally.started()
        clock.at += 0.1
        tally.ended(one())
        report.ended(one())
    lines = out.getvalue().count(" of 100,000 done: ")
    assert 60 / LINE_EVERY - 1 <= lines <= 60 / LINE_EVERY
    clock.at += SILENT
    report.heard(task(), stream(committed())[1])
    report.heard(task(), stream(committed())[1])
    assert out.getvalue().count(" of 100,000 done: ") == lines + 1, "though nothing ended"


def test_the_line_of_a_log_has_all_facts() -> None:
    tally = half_done()
    tally.tokens, tally.cost, tally.waiting, tally.again = 12_345, 0.5, 2, 9
    line = progress_line(tally)
    assert line == (
        "1,200 of 2,000 done: 1,150 committed, 40 abstained, 10 failed; 9 of them before; 8 in flight; 2 held back; "
        f"120 a minute; 12,345 tokens; $0.50; ends about {when(HALF_DONE_END, NOON)}"
    )


def test_recovered_commits_are_told_in_large_batches() -> None:
    for made, out in (console(width=120), console(terminal=False)):
        report = reporter_for(made, half_done())
        report.heard(task(), Started(run="r-1", task=task(), recovered=("commit r-0.1: finished (2 files)",)))
        report.close()
        assert "[late-fee] recovered: commit r-0.1: finished (2 files)" in out.getvalue()


def test_nothing_is_redrawn_where_something_else_is_printed() -> None:
    made, _ = console()
    assert isinstance(reporter_for(made, Tally(200), shared=True), PlainReport)


def test_quiet_shows_nothing() -> None:
    for terminal in (True, False):
        made, out = console(terminal=terminal)
        tally = Tally(3)
        report = reporter_for(made, tally, quiet=True)
        assert isinstance(report, QuietReport)
        for event in stream(committed()):
            report.heard(task(), event)
        report.ended(Ended(task(), error=ValueError("boom")))
        with report.paused():
            made.print("a question")
        report.close()
        assert out.getvalue() == "a question\n"
