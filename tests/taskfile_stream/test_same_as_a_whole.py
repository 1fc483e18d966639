"""Random files with random faults: line by line, the same is found as in one document, and skipped is what is bad."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.taskfile import BadEntry, Entry, TaskFileErrors, Tasks, load, open_tasks

GOOD = {"workspace": "one", "checks": ["pytest -q"]}
FAULTS: list[dict[str, Any]] = [
    {"rounds": -1},
    {"rounds": "many", "seed": 1.5},
    {"workspace": "nowhere"},
    {"workspace": ""},
    {"checks": ["x 'y"]},
    {"checks": [{"command": "x", "timout": 1}]},
    {"edit": ["code.py", "none.py"]},
    {"edit": ["!"], "protect": ["!"]},
    {"zzz": 1, "goal": ""},
    {"model": "openai:x"},
    {"recipe": "critic"},
    {"options": {"moon": 1}},
    {"tools": ["statik"]},
    {"python": "./nope"},
    {"id": "a b"},
    {"id": 5},
]
WELL: list[dict[str, Any]] = [
    {},
    {"rounds": 2},
    {"edit": "*.py"},
    {"inputs": {"a": [1, None, "é"]}},
    {"workspace": "two"},
]
DEFAULTS: list[dict[str, Any]] = [{}, {"rounds": 3}, {"edit": ["code.py"]}, {"workspace": "one", "checks": ["x"]}]
BROKEN = [
    b"{",
    b'{"id": "x",}',
    b'{"id": NaN}',
    b"[1",
    b'{"id": "\xff"}',
    b"\x80",
    b'{"id": "a"} {}',
    b"5",
    b"null",
]


def tasks(values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A task with some id, or none, of which a part may be missing."""
    ids = st.sampled_from([{"id": name} for name in ("a", "b", "c", "d", "line-2", "line-3")] + [{}])
    parts = st.sampled_from([GOOD, GOOD, GOOD, {"workspace": "two"}, {}])
    return st.builds(lambda name, part, value: {**name, **part, **value}, ids, parts, values)


some_tasks = st.lists(tasks(st.sampled_from([*WELL, *WELL, *WELL, *FAULTS])), min_size=1, max_size=6)
lines = st.one_of(tasks(st.sampled_from(WELL)).map(lambda task: json.dumps(task).encode()), st.sampled_from(BROKEN))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "code.py").write_text("x = 1\n")
    return folder


def found(path: Path) -> list[tuple[int, str, str]] | list[Entry]:
    try:
        return load(path)
    except TaskFileErrors as errors:
        assert errors.count == len(errors.errors) or len(errors.errors) == 20
        return sorted((e.line or 0, re.sub(r"^tasks\[\d+\]\.?", "", e.field or ""), e.problem) for e in errors.errors)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(DEFAULTS), some_tasks)
def test_the_same_errors_and_the_same_entries(folder: Path, defaults: dict[str, Any], written: list[Any]) -> None:
    """The oracle is one JSON document with each task in the line that it has in the JSONL."""
    texts = [json.dumps(task) for task in written]
    head = json.dumps({"defaults": defaults})
    streamed, whole = folder / "tasks.jsonl", folder / "tasks.json"
    streamed.write_text("\n".join([head, *texts]))
    whole.write_text(f'{head[:-1]}, "tasks": [\n' + ",\n".join(texts) + "\n]}")
    assert found(streamed) == found(whole)
    one, other = (open_tasks(path, on_error="skip") for path in (streamed, whole))
    assert (one.count, one.bad) == (other.count, other.bad)
    for mine, its in zip(one, other, strict=True):
        assert mine == its or (isinstance(mine, BadEntry) and isinstance(its, BadEntry))
        if isinstance(mine, BadEntry) and isinstance(its, BadEntry):
            assert (mine.id, mine.line) == (its.id, its.line)


@settings(deadline=None, max_examples=150)
@given(st.booleans(), st.lists(lines, min_size=1, max_size=7), st.booleans())
def test_skipped_is_exactly_what_is_bad(folder: Path, headed: bool, written: list[bytes], ended: bool) -> None:
    path = folder / "some.jsonl"
    every = [b'{"defaults": {"rounds": 3}}', *written] if headed else written
    path.write_bytes(b"\n".join(every) + b"\n" * ended)
    opened = open_tasks(path, on_error="skip")
    results = list(opened)
    assert results == list(opened) or [r.id for r in bad(opened)] == [r.id for r in bad(opened)], "each time the same"
    assert (opened.count, opened.bad) == (len(results), len(bad(opened))) and opened.count == len(written)
    names = [each.task.id if isinstance(each, Entry) else each.id for each in results]
    assert len(set(names)) == len(names), "no two results have one id"
    good = [each for each in results if isinstance(each, Entry)]
    worse = {each.line for each in results if isinstance(each, BadEntry)}
    path.write_bytes(b"\n".join(line for number, line in enumerate(every, start=1) if number not in worse))
    if good:
        assert load(path) == good
    else:
        with pytest.raises(InputError, match=r"is empty|there are no tasks"):
            load(path)


def bad(opened: Tasks) -> list[BadEntry]:
    return [each for each in opened if isinstance(each, BadEntry)]
