"""Task files as a stream: what is skipped and what stops, what changes under way, pipes, and how much it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.taskfile import BadEntry, Entry, TaskFileErrors, Tasks, _lines, load, open_tasks

GOOD = {"workspace": "one", "checks": ["pytest -q"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").touch()
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    return tmp_path


def write(folder: Path, *lines: dict[str, Any] | str | bytes, name: str = "tasks.jsonl") -> Path:
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    path = folder / name
    path.write_bytes(b"".join((text.encode() if isinstance(text, str) else text) + b"\n" for text in texts))
    return path


def shown(tasks: Tasks) -> list[str]:
    """The ids of the good, and ``id:line`` of the bad."""
    return [each.task.id if isinstance(each, Entry) else f"{each.id}:{each.line}" for each in tasks]


def told(tasks: Tasks) -> list[str]:
    """What the bad entries say, each without its file."""
    return [str(each.error).rpartition("tasks.jsonl:")[2] for each in tasks if isinstance(each, BadEntry)]


# --- bad tasks ----------------------------------------------------------------------------------------------


def test_bad_lines_are_skipped_where_they_stand(folder: Path) -> None:
    path = write(
        folder,
        {"defaults": {"rounds": 2}},
        {"id": "a", **GOOD},
        "",
        '{"id": "b", "workspace"',
        b'{"id": "caf\xe9"}',
        {"id": "a", **GOOD},
        {"id": "c", **GOOD, "workspace": "nowhere"},
        {"id": "d e", **GOOD},
        {"id": "line-4", **GOOD},
        "[1, 2]",
        '{"id": "f", "id": "g", "workspace": "one", "checks": "x"}',
    )
    tasks = open_tasks(path, on_error="skip")
    bad = ["line-4.1:4", "line-5:5", "line-6:6", "c:7", "line-8:8", "line-10:10", "f:11"]
    assert shown(tasks) == shown(tasks) == ["a", *bad[:5], "line-4", *bad[5:]]
    assert (tasks.count, tasks.bad, tasks.path) == (9, 7, path) and len(tasks.digest) == 32
    words = [
        "4: not valid JSON: a colon was expected",
        "5: the line is not UTF-8 text",
        "6: id: the id 'a' is already used in line 2",
        f"7: workspace: the folder {folder}/nowhere does not exist",
        "8: id: may hold only letters",
        "10: a task is a mapping of names to values, but this is a list",
        "11: the key 'id' is there twice",
    ]
    for said, wanted in zip(told(tasks), words, strict=True):
        assert said.startswith(wanted)
    with pytest.raises(TaskFileErrors, match="7 problems"):
        open_tasks(path)


def test_of_very_many_problems_the_first_are_told_and_how_many_there_are(folder: Path) -> None:
    path = write(folder, *["{"] * 100_000)
    with pytest.raises(TaskFileErrors) as caught:
        open_tasks(path)
    assert caught.value.count == 100_000 and [e.line for e in caught.value.errors] == list(range(1, 21))
    assert str(caught.value).startswith("100,000 problems:\n") and str(caught.value).endswith("\n… and 99,980 more")
    tasks = open_tasks(path, on_error="skip")
    assert (tasks.count, tasks.bad) == (100_000, 100_000), "a file of nothing but bad lines has no good ones"


def test_of_a_document_the_first_problems_are_told_too(folder: Path) -> None:
    text = "tasks:\n" + "".join(f"- {{id: t{n}, workspace: one, checks: x, rounds: -1}}\n" for n in range(30))
    with pytest.raises(TaskFileErrors, match=r"(?s)^30 problems:.*tasks\[19\].*\n… and 10 more$"):
        load(write(folder, text, name="tasks.yaml"))


@pytest.mark.parametrize(
    ("lines", "overrides", "words"),
    [
        ([{"defaults": {"rounds": -1}}, {"id": "a", **GOOD}], {}, "1: defaults.rounds: must be 0 or more"),
        ([{"defaults": {"rond": 1}}, {"id": "a", **GOOD}], {}, "1: defaults.rond: is not a known key"),
        ([{"defaults": 5}, {"id": "a", **GOOD}], {}, "1: defaults: must be a mapping"),
        ([{"defaults": {"workspace": "gone"}}, {"id": "a", "checks": "x"}], {}, "1: defaults.workspace: the folder"),
        ([{"defaults": {"model": "openai:x"}}, {"id": "a", "goal": "x"}], {}, "1: defaults.model: .* is not set"),
        (['{"defaults": {"rounds": 1}', {"id": "a", **GOOD}], {}, "1: not valid JSON"),
        (['{"defaults": {}, "defaults": {}}', {"id": "a", **GOOD}], {}, "1: the key 'defaults' is there twice"),
        ([{"id": "a", **GOOD}, {"defaults": {}}], {}, "2: defaults: may stand in the first line only"),
        ([{"id": "a", **GOOD, "defaults": {}}], {}, "1: defaults: may stand in the first line only, and alone"),
        ([b"\xff\xfe{\0}\0"], {}, "1: the file is not UTF-8 text"),
        (["", " "], {}, "1: the file is empty"),
        ([{"defaults": {}}], {}, "1: there are no tasks"),
        ([{"id": "a", **GOOD}], {"critic": "openai:x"}, "^--critic: openai:x: .* is not set"),
        ([{"id": "a", **GOOD}], {"rounds": -1}, "^--rounds: must be 0 or more"),
    ],
)
def test_what_is_no_matter_of_one_line_always_stops(
    folder: Path, lines: list[Any], overrides: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for on_error in ("skip", "stop"):
        with pytest.raises(InputError, match=words):
            open_tasks(write(folder, *lines), overrides, on_error=on_error)  # type: ignore[arg-type]


def test_a_default_that_is_wrong_for_one_task_is_a_matter_of_that_task(folder: Path) -> None:
    defaults = {"edit": ["code.py"], "database": "sqlite:///a.db"}
    (folder / "two" / "code.py").unlink()
    path = write(
        folder,
        {"defaults": defaults},
        *({"id": name, **GOOD, "workspace": "two"} for name in "ab"),
        {"id": "c", **GOOD, "inputs": {"database": "sqlite:///b.db"}},
        {"id": "d", **GOOD},
    )
    tasks = open_tasks(path, on_error="skip")
    assert shown(tasks) == ["a:2", "b:3", "c:4", "d"]
    assert told(tasks)[0].startswith("1: defaults.edit[0]: no file of ")
    with pytest.raises(TaskFileErrors) as caught:
        load(path)
    assert caught.value.count == 2, "what is told once is counted once"


def test_documents_skip_too_where_they_can_be_read(folder: Path) -> None:
    text = "defaults: {checks: x}\ntasks: [{id: a, workspace: one}, 5, {id: a, workspace: two}, {id: b}]"
    path = write(folder, text, name="tasks.yaml")
    tasks = open_tasks(path, on_error="skip")
    assert shown(tasks) == shown(tasks) == ["a", "line-2:2", "line-2.1:2", "b:2"] and tasks.bad == 3
    for unreadable in ("tasks: [", "tasks: [{id: a, id: b}]", "tasks: 5"):
        with pytest.raises(TaskFileErrors):
            open_tasks(write(folder, unreadable, name="tasks.yaml"), on_error="skip")


@pytest.mark.parametrize("value", ["\0", "\ud800", "~nobody-of-that-name/x", "x" * 300, "a/" * 3000])
@pytest.mark.parametrize("field", ["workspace", "python", "prompts", "rules", "model", "database", "tools", "inputs"])
def test_no_value_breaks_off_the_reading(folder: Path, field: str, value: str) -> None:
    given = {"tools": [{"corpus": {"folder": value}}], "inputs": {"a": value}, "model": f"scripted:{value}"}
    deep: Any = json.loads("[" * 700 + "]" * 700)
    path = write(
        folder,
        {"id": "a", **GOOD, field: given.get(field, value)},
        {"id": "b", **GOOD, "inputs": {"a": deep}},
        {"id": "c", **GOOD},
    )
    tasks = open_tasks(path, on_error="skip")
    assert tasks.count == 3 and shown(tasks)[2] == "c"
    assert (shown(tasks)[0] == "a:1") == (field != "inputs")


def test_a_line_that_is_too_long_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "BLOCK", 64)
    monkeypatch.setattr(_lines, "LONGEST", 200)
    long = {"id": "b", **GOOD, "goal": "x" * 500}
    tasks = open_tasks(write(folder, {"id": "a", **GOOD}, long, {"id": "c", **GOOD}, long), on_error="skip")
    assert shown(tasks) == ["a", "line-2:2", "c", "line-4:4"] and "the line is longer than" in told(tasks)[1]


# --- files that change --------------------------------------------------------------------------------------


@pytest.fixture
def many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_lines, "BLOCK", 256)
    return write(folder, *({"id": f"t{n:03}", **GOOD} for n in range(100)))


def read_some(each: Iterator[Entry | BadEntry], number: int) -> list[str]:
    return [entry.task.id for entry, _ in zip(each, range(number), strict=False) if isinstance(entry, Entry)]


def test_what_was_not_checked_is_not_handed_out(many: Path) -> None:
    tasks = open_tasks(many)
    going = iter(tasks)
    assert read_some(going, 10)[-1] == "t009"
    many.write_bytes(many.read_bytes().replace(b"t050", b"t05x"))
    with pytest.raises(
        InputError, match=r"tasks\.jsonl: was changed since .* line \d\d on .*\n  → .*--resume"
    ) as caught:
        read_some(going, 100)
    assert 40 <= int(str(caught.value).partition("line ")[2][:2]) <= 51
    many.write_bytes(many.read_bytes()[:-30])
    with pytest.raises(InputError, match="from line 1 on"):
        next(iter(tasks)), "a file that is shorter now is noticed before anything is run"


def test_what_is_appended_is_not_read(many: Path) -> None:
    tasks = open_tasks(many)
    with many.open("a") as file:
        file.write('{"id": "more"')
    assert len(list(tasks)) == tasks.count == 100


def test_a_file_that_is_replaced_or_removed_is_read_as_it_was(many: Path) -> None:
    tasks = open_tasks(many)
    (many.parent / "new").write_text("nothing")
    (many.parent / "new").replace(many)
    assert len(list(tasks)) == 100
    many.unlink()
    assert shown(tasks)[-1] == "t099" and shown(tasks)[0] == "t000"


def test_the_digest_is_of_the_content(many: Path) -> None:
    first = open_tasks(many).digest
    assert open_tasks(many).digest == first
    many.write_bytes(many.read_bytes() + b"\n")
    assert open_tasks(many).digest != first


def test_no_file_stays_open(many: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    tasks = open_tasks(many)
    next(iter(tasks))
    del tasks
    assert set(Path("/proc/self/fd").iterdir()) == before


# --- pipes --------------------------------------------------------------------------------------------------


def test_a_pipe_can_be_gone_through_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    text = write(folder, {"id": "a", **GOOD}, {"id": "b", **GOOD}).read_bytes()
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    tasks = open_tasks(f"/dev/fd/{reading}")
    os.close(reading)
    assert shown(tasks) == shown(tasks) == ["a", "b"]
    assert tasks.digest == open_tasks(folder / "tasks.jsonl").digest


def test_a_pipe_with_a_name(folder: Path) -> None:
    text = write(folder, {"id": "a", **GOOD}).read_bytes()
    os.mkfifo(folder / "queue")
    writer = threading.Thread(target=(folder / "queue").write_bytes, args=(text,))
    writer.start()
    tasks = open_tasks(folder / "queue")
    writer.join()
    assert shown(tasks) == ["a"], "relative paths are taken from its folder"


@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
def test_standard_input(folder: Path, name: str) -> None:
    text = write(folder, {**GOOD}).read_bytes()
    code = f"from revet.taskfile import open_tasks; print([e.task.id for e in open_tasks({name!r})])"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], input=text, cwd=folder, env=env, capture_output=True)
    assert ran.stdout == b"['one']\n", ran.stderr


# --- size ---------------------------------------------------------------------------------------------------


def questions(folder: Path, count: int, bad: int | None = None) -> Path:
    head = {"defaults": {"model": "scripted:script.yaml"}}
    lines = [f'{{"id": "q{n}", "goal": "Say {n}."}}' for n in range(count)]
    if bad is not None:
        lines[bad] = lines[bad].replace("}", "")
    return write(folder, head, *lines)


def test_a_bad_line_in_the_middle_of_very_many(folder: Path) -> None:
    path, started = questions(folder, 100_000, bad=50_000), time.process_time()
    with pytest.raises(TaskFileErrors, match=r"tasks\.jsonl:50002: not valid JSON"):
        open_tasks(path)
    assert time.process_time() - started < 20, "about three seconds on a slow core"


def test_memory_does_not_grow_with_the_number_of_tasks(folder: Path) -> None:
    def peak(count: int) -> int:
        """Bytes at most, without those of the ids."""
        path = questions(folder, count)
        tracemalloc.start()
        tasks = open_tasks(path)
        assert sum(1 for _ in tasks) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        ids = 200 * count
        return most - ids

    peak(10)  # what is made once and for all
    assert peak(5_000) < 1.1 * peak(500) + 100_000
