"""What cannot be read is answered, never allowed, and never with a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.gate import Request, Unreadable, check
from revet.gate.command import decode
from revet.gate.request import KINDS, LARGEST
from revet.schema import Critique


@pytest.mark.parametrize(
    ("payload", "decision", "said"),
    [
        (None, "deny", "an action is a JSON object, not null"),
        ([], "deny", "not a list"),
        ("rm -rf /", "deny", "not text"),
        ({}, "deny", "no kind; one of"),
        ({"kind": "run_commands", "command": "ls"}, "deny", "'run_commands' is none of"),
        ({"kind": ["run_command"], "command": "ls"}, "deny", "is none of"),
        ({"kind": "run_command"}, "deny", "command: run_command needs one"),
        ({"kind": "run_command", "command": "  "}, "deny", "must not be empty"),
        ({"kind": "run_command", "command": ["ls"]}, "deny", "command: must be text, not a list"),
        ({"kind": "run_command", "command": "ls\0"}, "deny", "NUL"),
        ({"kind": "run_command", "command": "ls \ud800"}, "deny", "surrogate"),
        ({"kind": "run_command", "command": "a" * (LARGEST + 1)}, "deny", "more than is looked at"),
        ({"kind": "run_command", "command": "ls", "cwd": 3}, "deny", "cwd: must be text"),
        ({"kind": "run_command", "command": "ls", "cwd": "/a\0"}, "deny", "cwd: holds a NUL"),
        ({"kind": "run_command", "command": "ls", "goal": {}}, "deny", "goal: must be text"),
        ({"kind": "run_command", "command": "ls", "version": 2}, "ask", "version 2"),
        ({"kind": "execute_sql", "database": "sqlite:///x"}, "deny", "sql: execute_sql needs one"),
        ({"kind": "execute_sql", "sql": "SELECT 1", "database": 1}, "deny", "database: must be text"),
        ({"kind": "call_tool", "name": "x", "effects": "read"}, "deny", "effects: must be a list"),
        ({"kind": "call_tool", "name": "x", "arguments": []}, "deny", "arguments: must be an object"),
        ({"kind": "call_tool", "name": "x", "cost": -1}, "deny", "cost: must be a number"),
        ({"kind": "call_tool", "name": "x", "cost": True}, "deny", "cost: must be a number"),
        ({"kind": "call_tool", "name": "x", "reversible": "no"}, "deny", "reversible: must be true or false"),
    ],
    ids=str,
)
def test_a_payload_at_fault_is_answered(payload: Any, decision: str, said: str) -> None:
    answer = check(payload)
    assert answer.decision == decision
    assert said in answer.reason
    Critique.model_validate(dict(answer.critique))


def test_the_id_comes_back_whatever_is_wrong() -> None:
    assert check({"id": [1, "x"]}).to_dict()["id"] == [1, "x"]
    assert "id" not in check({}).to_dict()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not JSON"),
        (b'{"kind": NaN}', "NaN"),
        (b'{"kind": "run_command", "command": "ls", "command": "rm -rf /"}', "stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 200 + b"]" * 200, "nested too deeply"),
        (b'{"a": ' * 3000 + b"1" + b"}" * 3000, "nested too deeply"),
        (b"9" * 5000, "not JSON"),
        (b" " * (8 * 1024 * 1024 + 1), "more than"),
    ],
    ids=["empty", "blank", "binary", "cut", "nan", "twice", "deep", "deep-ish", "deep-objects", "huge-number", "long"],
)
def test_what_is_no_json_is_told(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        decode(data)


def test_a_byte_order_mark_and_an_ordinary_object_are_read() -> None:
    assert decode(b'\xef\xbb\xbf{"a": [1]}') == {"a": [1]}


def test_fields_that_are_not_known_do_not_count() -> None:
    request = Request.of({"kind": "run_command", "command": "ls", "description": "list", "timeout": 3})
    assert request.command == request.subject == "ls"


def test_folders_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    request = Request.of({"kind": "run_command", "command": "ls", "cwd": "a/../b", "workspace": "~/shop"})
    assert (request.cwd, request.workspace) == (f"{tmp_path}/b", "/home/me/shop")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["kind", "command", "sql", "path", "name", "cwd", "goal", "id", "effects", "arguments", "cost"]
)
kinds = st.sampled_from([*KINDS, "nonsense"])


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(fields, values, max_size=6))
def test_values_of_any_type_are_answered_and_not_allowed(payload: dict[str, Any]) -> None:
    answer = check(payload, dry_run=False)
    assert answer.decision != "allow" or payload.get("kind") in KINDS
    json.dumps(answer.to_dict())


@settings(deadline=None, max_examples=200)
@given(
    kinds, st.dictionaries(fields.filter(lambda name: name not in ("kind", "id", "name", "goal")), values, max_size=4)
)
def test_a_request_with_a_field_of_the_wrong_type_is_never_allowed(kind: str, rest: dict[str, Any]) -> None:
    texts = {"command", "sql", "path", "cwd"}
    wrong = [name for name in rest if name in texts and rest[name] is not None and not isinstance(rest[name], str)]
    answer = check({"kind": kind, **rest}, dry_run=False)
    if wrong or kind == "nonsense":
        assert answer.decision != "allow"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_unreadable(data: bytes) -> None:
    try:
        json.dumps(decode(data))
    except Unreadable as error:
        assert str(error)
