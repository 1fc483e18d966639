"""The results file: whole lines, one for each task, whatever was killed, full, damaged or in the way."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.batch import Results, default_place, open_results
from revet.batch.lines import LineFile, Taken
from revet.errors import InputError, StoreError
from revet.report import Ended
from revet.schema import RunOutcome, Task
from tests.batch.world import run_of


def ended(name: str, outcome: RunOutcome = RunOutcome.committed, *, run: str = "", goal: str = "x") -> Ended:
    task = Task(id=name, goal=goal)
    return Ended(task, run_of(run or f"{name}-1", task, outcome))


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


def write(path: Path, *each: Ended, **how: Any) -> None:
    results = Results(path, **how)
    for one in each:
        results.add(one)
    results.close(complete=True)


# --- lines --------------------------------------------------------------------------------------------------


def test_a_line_says_what_the_command_line_says_and_which_task_it_is_of(path: Path) -> None:
    skipped, failed = Ended(Task(id="b"), skipped="the tokens are spent"), Ended(Task(id="c"), error=KeyError("k"))
    write(path, ended("a"), skipped, failed)
    one, two, three = [json.loads(line) for line in path.read_text().splitlines()]
    assert (one["id"], one["outcome"], one["run"], one["receipt"]) == ("a", "committed", "a-1", "a-1.1")
    assert len(one["task_digest"]) == 16 and one["task_digest"] != two["task_digest"]
    assert (two["outcome"], two["error"], two["run"]) == ("not_run", "the tokens are spent", None)
    assert (three["outcome"], three["error"]) == ("failed", "internal error: KeyError: 'k'")


def test_each_line_is_there_once_it_is_added(path: Path) -> None:
    results = Results(path)
    results.add(ended("a"))
    assert ids(path) == ["a"]
    results.add(ended("b"))
    assert ids(path) == ["a", "b"]
    results.close()
    results.close()


def test_nothing_comes_of_a_batch_without_an_end(path: Path) -> None:
    Results(path).close()
    assert not path.exists()
    path.touch()
    Results(path).close(complete=True)
    assert path.exists(), "one that was there before stays"


# --- anew, and going on -------------------------------------------------------------------------------------


def test_a_named_file_that_holds_something_is_not_replaced(path: Path) -> None:
    write(path, ended("a"))
    with pytest.raises(InputError, match=r"results.jsonl holds something already\n.*--resume.*--results"):
        Results(path)
    assert ids(path) == ["a"]


def test_a_batch_that_begins_anew_replaces_its_file_with_the_first_end(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    place = default_place(tmp_path / ".revet", tasks)
    place.parent.mkdir(parents=True)
    write(place, ended("a"), ended("b"))
    results = open_results(tmp_path / ".revet", tasks, None, resume=False)
    assert results is not None and results.path == place
    assert ids(place) == ["a", "b"]
    results.add(ended("c"))
    assert ids(place) == ["c"]
    results.add(ended("d"))
    results.close(complete=True)
    assert ids(place) == ["c", "d"] and len(list(place.parent.iterdir())) == 1
    assert open_results(tmp_path, None, None, resume=False) is None, "tasks of no file have none"


def test_files_of_one_name_have_results_of_their_own(tmp_path: Path) -> None:
    one, other = (default_place(tmp_path, tmp_path / each / "tasks.jsonl") for each in ("a", "b"))
    assert one != other and one.name.startswith("tasks-") and one.suffix == ".jsonl"
    assert len(default_place(tmp_path, tmp_path / ("x" * 250)).name) < 150


def test_to_go_on_what_ended_well_stays(path: Path) -> None:
    write(path, ended("a"), ended("b", RunOutcome.abstained), Ended(Task(id="c"), skipped="spent"), ended("d"))
    results = Results(path, resume=True)
    assert ids(path) == ["a", "d"]
    for each in (ended("d"), ended("a"), ended("b"), ended("c")):
        results.add(each)
    results.close(complete=True)
    assert ids(path) == ["a", "d", "b", "c"]


@pytest.mark.parametrize("other", [ended("a", run="a-2"), ended("a", goal="y"), ended("a", RunOutcome.rejected)])
def test_a_task_that_was_done_again_has_its_new_line(path: Path, other: Ended) -> None:
    write(path, ended("a"), ended("b"))
    results = Results(path, resume=True)
    results.add(other)
    results.add(ended("b"))
    results.close(complete=True)
    results.close()
    found = {line["id"]: line for line in map(json.loads, path.read_text().splitlines())}
    assert len(found) == len(ids(path)) == 2
    assert (found["a"]["run"], found["a"]["outcome"]) == (other.run and other.run.id, other.word)


def test_killed_before_the_old_line_went_the_new_one_counts(path: Path) -> None:
    write(path, ended("a"), ended("b"))
    results = Results(path, resume=True)
    results.add(ended("a", run="a-2"))
    os.close(results._file._file)  # as if it was killed
    assert ids(path) == ["a", "b", "a"]
    Results(path, resume=True).close()
    assert [json.loads(line)["run"] for line in path.read_text().splitlines()] == ["b-1", "a-2"]


def test_tasks_that_the_file_has_no_more_go_at_the_end_of_a_whole_batch(path: Path) -> None:
    for complete, left in ((False, ["old", "a"]), (True, ["a"])):
        path.unlink(missing_ok=True)
        write(path, ended("old"))
        results = Results(path, resume=True)
        results.add(ended("a"))
        results.close(complete=complete)
        results.close()
        assert ids(path) == left


# --- what is in the way -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"\n", b"[]\n", b'{"id": "a"}\n', b'{"id": 3, "outcome": "committed"}\n', b"\xff\xfe\n"]
)
def test_a_damaged_or_foreign_line_is_named_and_nothing_is_overwritten(path: Path, line: bytes) -> None:
    write(path, ended("a"), ended("b", RunOutcome.abstained))
    path.write_bytes(path.read_bytes() + line + path.read_bytes())
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"{path}:3: is no line of results"):
        Results(path, resume=True)
    assert path.read_bytes() == before
    Results(path, replace=True).close()


@pytest.mark.parametrize("last", ['{"id": "a"}', "notes, without an end of line", "{}", '[{"id": "a"', '{"i'[:1] + "x"])
def test_a_file_of_something_else_is_not_taken_for_a_line_that_was_cut_short(path: Path, last: str) -> None:
    for before in ("", json.dumps({"id": "a", "outcome": "committed"}) + "\n"):
        path.write_text(before + last)
        with pytest.raises(InputError, match="is no line of results"):
            Results(path, resume=True)
        assert path.read_text() == before + last


@pytest.mark.parametrize("cut", [1, 2, 30, 100_000])
def test_what_was_cut_short_goes(path: Path, cut: int) -> None:
    write(path, ended("a"), ended("b"))
    first, second = path.read_bytes().splitlines(keepends=True)
    for end in (second[:-cut], second[:-cut] + b"\0" * 50, b"\0" * 50):
        path.write_bytes(first + end)
        Results(path, resume=True).close()
        assert path.read_bytes() == first


def test_the_file_of_the_tasks_is_no_file_of_results(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"id": "a"}')
    (tmp_path / "same.jsonl").hardlink_to(tasks)
    for named in (tasks, tmp_path / "same.jsonl"):
        with pytest.raises(InputError, match="is the file of the tasks"):
            open_results(tmp_path, tasks, named, resume=True)
    assert tasks.read_text() == '{"id": "a"}'


@pytest.mark.parametrize("name", ["folder", "link", "/dev/full", "nowhere/r.jsonl", "pipe"])
def test_what_is_no_file_is_said_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    said = {
        "folder": "is a folder",
        "link": "is a symbolic link; the file itself is",
        "nowhere/r.jsonl": "its folder does not exist",
    }.get(name, "it is no regular file")
    with pytest.raises(InputError, match=rf"{name} .*{said}(.|\n)*--results"):
        Results(tmp_path / name)


def test_one_process_writes_at_a_time(path: Path, tmp_path: Path) -> None:
    first = Results(path)
    with pytest.raises(InputError, match=rf"is being written by another process \({os.getpid()}\)(.|\n)*--results"):
        Results(path, resume=True)
    first.add(ended("a"))
    first.close()
    tasks = tmp_path / "tasks.jsonl"
    opened = [open_results(tmp_path, tasks, None, resume=False) for _ in range(3)]
    assert [each.path.name.rpartition(".")[0][-2:] for each in opened if each][1:] == ["-2", "-3"]
    for each in opened:
        assert each is not None
        each.close()


def test_the_lock_stays_when_the_file_is_replaced(path: Path) -> None:
    write(path, ended("a"), ended("b", RunOutcome.abstained))
    results = Results(path, resume=True)
    with pytest.raises(Taken):
        LineFile(path)
    results.close()
    LineFile(path).close()


# --- a full disk --------------------------------------------------------------------------------------------


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that may still be written, then the disk is full."""
    left, real = [1 << 40], os.write

    def some(file: int, data: Any) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(file, bytes(data)[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr("revet.batch.lines.os.write", some)
    return left


def test_a_full_disk_leaves_whole_lines(path: Path, full: list[int]) -> None:
    results = Results(path)
    results.add(ended("a"))
    full[0] = 40
    with pytest.raises(StoreError, match="No space left on device"):
        results.add(ended("b"))
    assert ids(path) == ["a"]
    full[0] = 1 << 40
    results.add(ended("c"))
    results.close()
    assert ids(path) == ["a", "c"]


def test_a_file_that_cannot_be_replaced_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, ended("a"), ended("b", RunOutcome.abstained))
    before = path.read_bytes()

    def fails(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("revet.batch.lines.os.fsync", fails)
    with pytest.raises(StoreError, match="No space left on device"):
        Results(path, resume=True)
    monkeypatch.undo()
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1
    Results(path, resume=True).close()


# --- any history --------------------------------------------------------------------------------------------

ENDINGS = (RunOutcome.committed, RunOutcome.abstained)
ENDS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(ENDINGS), st.integers(1, 2)),
    max_size=6,
    unique_by=lambda each: each[0],
)


@settings(deadline=None)
@given(sessions=st.lists(st.tuples(ENDS, st.integers(0, 60)), max_size=5), last=ENDS)
def test_after_any_history_the_last_session_is_what_the_file_holds(
    sessions: list[tuple[Any, int]], last: list[tuple[str, RunOutcome, int]]
) -> None:
    """Sessions that are killed, each with the last bytes of the file lost; then one that comes to its end."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"

        def session(ends: Iterator[tuple[str, RunOutcome, int]] | list[Any]) -> Results:
            results = Results(path, resume=True)
            for name, outcome, run in ends:
                results.add(ended(name, outcome, run=f"{name}-{run}"))
            return results

        for ends, lost in sessions:
            results = session(ends)
            os.close(results._file._file)
            data = path.read_bytes()
            if 0 < lost < len(data) and not data[-lost - 1 :].count(b"\n") > 1:
                path.write_bytes(data[:-lost])
        session(last).close(complete=True)
        found = {line["id"]: line for line in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
        assert {name: (line["outcome"], line["run"]) for name, line in found.items()} == {
            name: (outcome.value, f"{name}-{run}") for name, outcome, run in last
        }
        assert not path.exists() or len(ids(path)) == len(last)
