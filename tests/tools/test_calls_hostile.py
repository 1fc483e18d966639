"""Calls and schemas that were made to break what reads them: evidence in bounded time, never an exception."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import CallTool, Draft, Evidence, Outcome, Task
from revet.tools import CallCheck, View, problems_of

MOST = 10_000
"""More than any observation may have."""

RECURSIVE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}},
            "required": ["name"],
        }
    },
    "$ref": "#/$defs/node",
}
ENDLESS = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
DOUBLING = {
    "$defs": {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {"type": "null"}},
    "$ref": "#/$defs/a0",
}
HANGING = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
ELSEWHERE = {"$ref": "http://127.0.0.1:9/schema.json"}


async def looked(schema: object, arguments: dict[str, Any]) -> Evidence:
    check = CallCheck([{"name": "tool", "parameters": schema}])
    draft = Draft(author="a", actions=(CallTool(name="tool", arguments=arguments),))
    view = View(task=Task(goal="x"), run="r", draft=draft)
    start = time.monotonic()
    evidence = await check.run(check.plan(view)[0], view)
    assert time.monotonic() - start < 20 and len(evidence.observation) < MOST
    return evidence


async def test_a_recursive_schema_is_followed_as_far_as_the_arguments_go() -> None:
    good = {"name": "a", "next": {"name": "b", "next": {"name": "c"}}}
    assert (await looked(RECURSIVE, good)).outcome is Outcome.passed
    (found,) = problems_of(await looked(RECURSIVE, {"name": "a", "next": {"name": "b", "next": {"nam": "c"}}}))
    assert "next.next.name is missing" in found.claim


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (ENDLESS, "too deep"),
        (DOUBLING, "more than 50000 steps"),
        (ELSEWHERE, "not in it"),
        ({"$ref": "#/$defs/none"}, "not in it"),
        ({"type": "objekt"}, "JSON Schema is wrong"),
        ({"properties": 3}, "JSON Schema is wrong"),
        ("a schema", "no JSON Schema"),
        ({"description": "x" * 300_000}, "more than"),
    ],
)
async def test_a_schema_that_cannot_be_used_is_told(schema: object, says: str) -> None:
    evidence = await looked(schema, {"x": "y"})
    assert evidence.outcome is Outcome.inconclusive and says in evidence.observation


async def test_a_wrong_call_beside_one_that_cannot_be_checked_is_still_found() -> None:
    check = CallCheck([{"name": "tool", "parameters": ENDLESS}])
    actions = (CallTool(name="tool"), CallTool(name="other"))
    view = View(task=Task(goal="x"), run="r", draft=Draft(author="a", actions=actions))
    evidence = await check.run(check.plan(view)[0], view)
    assert evidence.outcome is Outcome.failed and "not checked: action 0" in evidence.observation
    (found,) = problems_of(evidence)
    assert found.location is not None and found.location.action == 1


async def test_a_pattern_that_would_hang_is_not_tried_and_others_are() -> None:
    assert (await looked(HANGING, {"x": "a" * 900 + "!"})).outcome is Outcome.passed
    plain = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^[A-Z]{3}$"}}}
    assert (await looked(plain, {"x": "OSL"})).outcome is Outcome.passed
    assert (await looked(plain, {"x": "Oslo"})).outcome is Outcome.failed


async def test_huge_and_deep_arguments_and_very_many_calls_are_bounded() -> None:
    huge = await looked({"type": "object"}, {"x": "y" * 400_000})
    assert huge.outcome is Outcome.inconclusive and "more than" in huge.observation
    many = await looked(
        {"type": "object", "properties": {"a": {"type": "integer"}}}, {f"key{n}": "x" * 50 for n in range(3000)}
    )
    assert many.outcome is Outcome.failed and len(list(problems_of(many))) <= 40
    check = CallCheck([{"name": "tool"}])
    view = View(task=Task(goal="x"), run="r", draft=Draft(author="a", actions=(CallTool(name="toll"),) * 500))
    evidence = await check.run(check.plan(view)[0], view)
    assert len(list(problems_of(evidence))) == 40 and len(evidence.observation) < MOST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
KEYWORDS = st.sampled_from(["type", "properties", "required", "enum", "items", "anyOf", "minimum", "format", "$ref"])


@given(st.dictionaries(KEYWORDS, JSON, max_size=4), st.dictionaries(st.text(max_size=6), JSON, max_size=4))
@settings(deadline=None, max_examples=200)
def test_no_schema_and_no_arguments_raise(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    import asyncio

    evidence = asyncio.run(looked(schema, arguments))
    for found in problems_of(evidence):
        assert found.location is not None and found.suggestion


TYPED = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 9), "s": st.sampled_from(["red", "green"]), "f": st.booleans()}
)


@given(TYPED)
@settings(deadline=None, max_examples=100)
def test_what_fits_passes_and_in_other_dress_is_mended_to_what_fits(arguments: dict[str, Any]) -> None:
    import asyncio

    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"enum": ["red", "green"]}, "f": {"type": "boolean"}},
    }
    assert asyncio.run(looked(schema, arguments)).outcome is Outcome.passed
    dressed = {key: str(value).upper() for key, value in arguments.items()}
    found = list(problems_of(asyncio.run(looked(schema, dressed))))
    assert len(found) == len(arguments)
    for each in found:
        assert each.suggestion is not None and json.loads(each.suggestion.split(" with ", 1)[1]) == arguments


async def test_what_openapi_lets_be_null_may_be_null() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number", "nullable": True}, "m": {"type": "number"}}}
    assert (await looked(schema, {"n": None})).outcome is Outcome.passed
    assert (await looked(schema, {"m": None})).outcome is Outcome.failed
