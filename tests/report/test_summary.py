"""How a batch ended: told in a few lines however many tasks it had, and written as JSON, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest
from rich.console import Console

from revet.errors import InputError, StoreError
from revet.report import Ended, Tally, check_summary, json_line, print_batch, write_summary
from revet.report.summary import NAMED
from revet.schema import Usage
from revet.schema.record import Spent
from tests.report.samples import abstained, committed, task
from tests.report.test_tally import Clock, one


def large(bad: int = 12, *, again: int = 0, skipped: int = 0) -> Tally:
    clock = Clock()
    tally = clock.tally(2000)
    usage = Usage(
        rounds=1, seconds=1.0, roles={"proposer": Spent(calls=1, input_tokens=10, output_tokens=2, cost=0.01)}
    )
    for number in range(1200):
        clock.at += 0.5
        of = task(f"task-{number}")
        run = (abstained if number < bad else committed)(f"{of.id}-run", of).model_copy(update={"usage": usage})
        tally.started()
        tally.ended(Ended(of, run))
    for _ in range(again):
        tally.ended(one(again=True))
    for _ in range(skipped):
        tally.ended(Ended(task(), skipped="the budget of 12,000 tokens is spent"))
    tally.close()
    return tally


def told(tally: Tally, *, quiet: bool = False, folder: str | None = None) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=80, markup=False, emoji=False, highlight=False, force_terminal=False)
    print_batch(console, tally, folder=folder, results=".revet/results/tasks.jsonl", quiet=quiet)
    return out.getvalue().splitlines()


def test_the_end_of_a_large_batch() -> None:
    lines = told(large(again=50, skipped=700))
    assert lines[:6] == [
        "",
        "1,950 tasks in 10 min 0 s, 120 a minute: 1,238 committed, 12 abstained, 700 not run. 1,200 model calls, "
        "14,400 tokens, $12.00.",
        "50 of them had ended before.",
        "700 not run: the budget of 12,000 tokens is spent",
        "",
        "Did not end well:",
    ]
    assert lines[6:9] == [
        "  – abstained  task-0  (run task-0-run)",
        "      the best draft leaves 1 of 9 tests failing; 1,204 candidates tried, none",
        "      passes",
    ]
    assert sum("– abstained" in line for line in lines) == NAMED
    assert lines[-5:] == [
        "  … and 2 more",
        "",
        "What became of each task: .revet/results/tasks.jsonl",
        "What happened, in full: revet show task-0-run",
        "To take a commit back:  revet undo late-fee-abc123",
    ]


def test_the_end_of_a_large_batch_in_which_all_went_well() -> None:
    lines = told(large(0), folder="'my runs'")
    assert not any("Did not" in line for line in lines)
    assert lines[-1] == "To take a commit back:  revet undo task-1199-run --out 'my runs'"


def test_a_small_batch_is_a_table_of_its_tasks() -> None:
    tally = Clock().tally(2)
    tally.ended(Ended(task("b"), abstained()), 1)
    tally.ended(Ended(task("a"), committed()), 0)
    lines = told(tally)
    assert [line.split()[0] for line in lines if "✓" in line or "–" in line] == ["a", "b"]
    assert "2 tasks in 0.0 s: 1 committed, 1 abstained." in lines


def test_tasks_of_a_small_batch_that_are_not_run_stand_in_its_table() -> None:
    tally = Clock().tally(2)
    tally.ended(Ended(task("a"), committed()))
    tally.ended(Ended(task("b"), skipped="the budget is spent"))
    lines = told(tally)
    assert any(line.startswith("  b     … not run") for line in lines)
    assert "2 tasks in 0.0 s: 1 committed, 1 not run." in lines


def test_quiet_is_one_line_and_what_did_not_end_well() -> None:
    tally = Clock().tally(3)
    tally.ended(Ended(task("a"), committed()))
    assert told(tally, quiet=True) == ["1 task in 0.0 s: 1 committed."]
    tally.ended(Ended(task("b"), error=ValueError("[b]boom[/b]\x1b[2J")))
    assert told(tally, quiet=True) == [
        "2 tasks in 0.0 s: 1 committed, 1 failed.",
        "✗ failed  b  internal error: ValueError: [b]boom[/b]",
    ]
    lines = told(large(12), quiet=True)
    assert len(lines) == 1 + NAMED + 1 and lines[-1] == "… and 2 more"


def test_nothing_is_told_of_nothing() -> None:
    assert told(Clock().tally(100)) == [] == told(Clock().tally(100), quiet=True)


def test_a_batch_that_had_ended_before() -> None:
    tally = Clock().tally(100)
    for _ in range(100):
        tally.ended(one(again=True))
    assert told(tally)[1] == "100 tasks in 0.0 s: 100 committed. All had ended before; nothing was run."


def test_the_line_of_a_task_that_is_not_run_says_why() -> None:
    line = json.loads(json_line(Ended(task(), skipped="the budget is spent")))
    assert (line["outcome"], line["error"], line["run"]) == ("not_run", "the budget is spent", None)


# --- the file -------------------------------------------------------------------------------------------


def test_the_summary_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("what an earlier batch left")
    check_summary(path)
    old = os.umask(0o027)
    try:
        write_summary(path, large(skipped=3), {"file": "tasks \udcff.jsonl", "exit_code": 1, "stopped": None})
    finally:
        os.umask(old)
    data = json.loads(path.read_text())
    assert list(data)[:3] == ["file", "exit_code", "stopped"]
    assert (data["total"], data["done"], data["left"], data["outcomes"]["not_run"]) == (2000, 1203, 797, 3)
    assert data["not_run"] == {"the budget of 12,000 tokens is spent": 3}
    assert (data["tokens"], data["cost"], data["rounds"], data["rate"]) == (14_400, 12.0, 1200, 120.0)
    assert len(data["problems"]) == 12 and data["ended_at"] == "2026-03-04T12:10:00+00:00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640, "as any file that is made"
    assert [each.name for each in tmp_path.iterdir()] == ["summary.json"], "nothing is left beside it"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    path.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot be written: .*summary\.json: No space left on device"):
        write_summary(path, large(), {})
    assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["summary.json"]


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    write_summary(tmp_path / "link.json", large(), {})
    assert (tmp_path / "link.json").is_symlink() and json.loads((tmp_path / "real.json").read_text())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_summary(pipe, large(), {})
        assert json.loads(os.read(reader, 65536)) and stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reader)
    with pytest.raises(StoreError, match="No space left"):
        write_summary(Path("/dev/full"), large(), {})


def test_a_summary_that_could_not_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        check_summary(tmp_path / "nowhere" / "summary.json")
    with pytest.raises(InputError, match="is a folder"):
        check_summary(tmp_path)
    check_summary(tmp_path / "new.json")
    assert not list(tmp_path.iterdir())
