"""The vocabulary: JSON there and back, ids that stay, models that refuse what they do not know."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from revet import errors, schema
from revet.graphs.persistence import serializer
from revet.schema import (
    Action,
    Attempt,
    Changes,
    Check,
    Decision,
    DecisionKind,
    DeleteFile,
    Draft,
    EditFile,
    Evidence,
    FileChange,
    FileState,
    Finding,
    Location,
    Outcome,
    Replacement,
    Run,
    RunOutcome,
    Task,
    WriteFile,
    digest,
    new_id,
)

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(WriteFile, path=text, content=text, mode=st.none() | st.integers(0, 0o777)),
    st.builds(WriteFile.of, text, st.binary(max_size=30)),
    st.builds(
        EditFile,
        path=text,
        replacements=st.lists(st.builds(Replacement, search=text, replace=text), min_size=1).map(tuple),
    ),
    st.builds(EditFile, path=text, diff=text),
    st.builds(DeleteFile, path=text),
    st.builds(schema.Answer, text=text),
    st.builds(schema.RunCommand, command=text),
    st.builds(schema.ExecuteSQL, sql=text),
    st.builds(schema.CallTool, name=text, arguments=st.dictionaries(text, st.integers(-(2**63), 2**63 - 1) | text)),
    st.builds(schema.Gui, operation=text),
)
drafts = st.builds(Draft, author=text, actions=st.lists(actions, max_size=3).map(tuple), answer=st.none() | text)
states = st.builds(FileState, sha256=st.just("0" * 64), size=st.integers(0, 9), mode=st.integers(0, 0o777))
changes = st.builds(
    Changes,
    files=st.lists(
        st.builds(FileChange, path=text, before=st.none() | states, after=st.none() | states), max_size=3
    ).map(tuple),
    diff=text,
)
evidence = st.builds(
    Evidence,
    tool=text,
    request=text,
    outcome=st.sampled_from(Outcome),
    observation=text,
    data=st.dictionaries(text, st.integers() | text | st.lists(st.integers())),
    changes=st.none() | text,
)
attempts = st.builds(
    Attempt,
    round=st.integers(0, 9),
    draft=drafts,
    changes=st.none() | changes,
    evidence=st.lists(evidence, max_size=2).map(tuple),
)
runs = st.builds(
    Run,
    id=text,
    task=st.builds(Task, id=st.just("t"), goal=text, checks=st.just((Check(command="pytest"),))),
    outcome=st.sampled_from(RunOutcome),
    decision=st.builds(Decision, kind=st.sampled_from(DecisionKind), reasons=st.lists(text).map(tuple)),
    attempts=st.lists(attempts, max_size=2).map(tuple),
    best=st.none() | attempts,
    started_at=st.just(datetime(2026, 1, 2, tzinfo=UTC)),
)


@given(st.one_of(drafts, changes, evidence, runs))
@settings(deadline=None, max_examples=200)
def test_everything_survives_json(model: BaseModel) -> None:
    again = type(model).model_validate_json(model.model_dump_json())
    assert again == model
    for name in ("id", "fingerprint"):
        assert getattr(again, name, None) == getattr(model, name, None)


@given(st.one_of(drafts, runs))
@settings(deadline=None, max_examples=50)
def test_everything_survives_a_checkpoint(model: BaseModel) -> None:
    serde = serializer()
    assert serde.loads_typed(serde.dumps_typed(model)) == model


@given(text, st.binary(max_size=50))
def test_the_bytes_of_a_written_file_are_kept(path: str, data: bytes) -> None:
    assert WriteFile.of(path, data).to_bytes() == data


def test_ids_are_the_same_in_every_process() -> None:
    draft = Draft(author="a", actions=(WriteFile(path="ä.py", content="x"),))
    program = (
        "from revet.schema import Draft, WriteFile\n"
        "print(Draft(author='b', notes='n', actions=(WriteFile(path='\\xe4.py', content='x'),)).id)"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == draft.id
    assert digest({"b": 1, "a": [1]}) == digest({"a": [1], "b": 1}) != digest({"a": [2], "b": 1})


def test_new_ids_are_readable_and_do_not_repeat() -> None:
    ids = {new_id("späte gebühr/1") for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+-[a-z0-9]{6}", i) for i in ids)


@pytest.mark.parametrize("name", sorted(schema.__all__))
def test_every_model_is_frozen_and_closed_and_has_a_schema(name: str) -> None:
    thing = getattr(schema, name)
    if not (inspect.isclass(thing) and issubclass(thing, BaseModel)) or thing is schema.Model:
        return
    assert thing.model_config["frozen"] and thing.model_config["extra"] == "forbid"
    assert thing.model_json_schema()["additionalProperties"] is False


def test_actions_are_told_apart_by_kind() -> None:
    adapter: TypeAdapter[Action] = TypeAdapter(Action)
    assert adapter.validate_python({"kind": "delete_file", "path": "a"}) == DeleteFile(path="a")
    with pytest.raises(ValidationError, match="kind"):
        adapter.validate_python({"kind": "format_disk"})


@pytest.mark.parametrize(
    "bad",
    [
        lambda: WriteFile(path="a"),
        lambda: WriteFile(path="a", content="x", data="eA=="),
        lambda: WriteFile(path="a", data="not base64!"),
        lambda: EditFile(path="a"),
        lambda: Task(id="has space"),
        lambda: Task(checks=("pytest", "pytest")),
        lambda: Check(command="pytest", timeout=float("inf")),
        lambda: Check(command="pytest", timeout=0),
        lambda: Finding(claim="x", confidence=1.5),
        lambda: Task(inputs={"n": 2**64}),
    ],
)
def test_what_makes_no_sense_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        bad()  # type: ignore[operator]


def test_what_a_person_reads_is_short_and_tells() -> None:
    draft = Draft(author="a", actions=(DeleteFile(path="old.py"),))
    assert "delete_file old.py" in repr(draft) and f"{draft}" == repr(draft)
    assert str(Location(path="a.py", line=3)) == "a.py:3"
    assert str(Location(action=0, step=2)) == "action 0 step 2"
    change = FileChange(path="new.py", before=None, after=FileState(sha256="0" * 64, size=1, mode=0o644))
    assert change.kind == "create" and "create new.py" in repr(Changes(files=(change,)))
    assert Finding(claim="I doubt it").opinion


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__))
    real = {n for n, e in vars(errors).items() if inspect.isclass(e) and issubclass(e, errors.RevetError)}
    assert drawn | {"RevetError"} == real == set(errors.__all__)
    assert "→ do this" in str(errors.InputError("no", hint="do this"))
