"""JSON that always parses, whatever the model would rather say and however few tokens it has."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
import xgrammar
from pydantic import BaseModel, ConfigDict, Field

from revet.errors import ContextOverflow, ModelFailed
from revet.models.local.forms import bounded
from revet.models.local.grammar import SPARE, Grammars, without
from tests.models.local.tiny import SIZE, make_tokenizer

Chat = Callable[..., Any]


class Remark(BaseModel):
    model_config = ConfigDict(extra="forbid")
    claim: str = Field(max_length=200)
    severity: Literal["info", "minor", "major", "critical"]
    path: str | None = Field(max_length=80)
    line: int | None = Field(ge=1)
    suggestion: str | None = Field(max_length=200)


class Critique(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verdict: Literal["accept", "revise"]
    possible_result: str = Field(max_length=300)
    findings: list[Remark] = Field(max_length=6)
    score: float = Field(ge=0, le=1)


class Draft(BaseModel):
    """A file's contents have no largest size."""

    path: str
    content: str


@pytest.fixture(scope="module")
def grammars() -> Grammars:
    return Grammars(make_tokenizer(), vocabulary=SIZE, stops=[2])


def walk(grammars: Grammars, schema: dict[str, Any], tokens: int, seed: int, *, close: bool = True) -> tuple[str, Any]:
    """What a model of pure noise writes under guidance."""
    guide, dice, text = grammars.guide(schema, close=close), random.Random(seed), b""
    bits = torch.zeros((1, (SIZE + 31) // 32), dtype=torch.int32)
    for left in range(tokens, 0, -1):
        guide.mask(bits, 0)
        allowed = np.unpackbits(bits.numpy().view(np.uint8), bitorder="little").nonzero()[0].tolist()
        token = guide.take(dice.choice(allowed), left)
        if token == 2:
            break
        text += grammars.texts[token]
        if guide.done:
            break
    return text.decode(errors="strict" if close else "replace"), guide


@pytest.mark.parametrize("seed", range(40))
def test_noise_becomes_a_critique_at_any_budget(grammars: Grammars, seed: int) -> None:
    schema = Critique.model_json_schema()
    shortest = grammars.guide(schema, close=True).shortest
    assert shortest is not None and shortest < 60
    text, guide = walk(grammars, schema, shortest + 7 * seed, seed)
    Critique.model_validate_json(text)
    assert guide.done


def test_the_shortest_answer_fits_exactly(grammars: Grammars) -> None:
    schema = Critique.model_json_schema()
    shortest = grammars.guide(schema, close=True).shortest
    assert shortest is not None
    for seed in range(5):
        text, guide = walk(grammars, schema, shortest, seed)
        Critique.model_validate_json(text)
        assert guide.cut


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


SCHEMAS: dict[str, dict[str, Any]] = {
    "pattern": an_object(a={"type": "string", "pattern": "^a(b*)c[0-9]{3}$"}),
    "recursive": {
        "$defs": {
            "node": an_object(v={"type": "integer"}, next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})
        },
        "$ref": "#/$defs/node",
    },
    "any object": {"type": "object"},
    "open": an_object(m={"type": "object", "additionalProperties": {"type": "string"}}),
    "optional": {**an_object(a={"type": "string"}, b={"type": "integer"}), "required": ["b"]},
    "date and lists": an_object(
        day={"type": "string", "format": "date"},
        pair={"type": "array", "minItems": 2, "items": {"type": "number", "exclusiveMinimum": 0}},
        words={"type": "array", "items": {"type": "string", "minLength": 3}},
    ),
    "names": an_object(**{'wörd "x"': {"enum": ["é", "naïve\n", 3, None]}}),
    "number": {"type": "number", "minimum": 0.05, "maximum": 0.95},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_kind_of_schema_is_closed_in_time(grammars: Grammars, name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = SCHEMAS[name]
    shortest = grammars.guide(schema, close=True).shortest
    assert shortest is not None
    for seed in range(12):
        text, guide = walk(grammars, schema, shortest + 1 + 9 * seed, seed)
        assert guide.done or text, text
        jsonschema.validate(json.loads(text), schema)


def test_without_closing_it_breaks_off(grammars: Grammars) -> None:
    broken = 0
    for seed in range(10):
        text, guide = walk(grammars, Draft.model_json_schema(), 60, seed, close=False)
        assert not guide.cut
        try:
            json.loads(text)
        except ValueError:
            broken += 1
    assert broken > 5


def test_what_json_cannot_hold_is_never_written(grammars: Grammars) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 400}}, "required": ["a"]}
    for seed in range(6):
        value = json.loads(walk(grammars, schema, 500, seed)[0])
        value["a"].encode()  # fails for half a surrogate pair


def test_half_a_surrogate_pair_is_replaced(grammars: Grammars) -> None:
    guide = grammars.guide({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, close=False)
    text = ""
    for wanted in ['{"', "a", '": "', "\\", "u", "d", "8"]:
        for token in grammars.tokens(wanted.encode()) or ():
            text += grammars.texts[guide.take(token, 100)].decode()
    assert text.startswith('{"a": "\\ud') and not text.endswith("\\ud8")
    assert not guide.cut


def test_numbers_stay_numbers(grammars: Grammars) -> None:
    schema = an_object(count={"type": "integer"}, size={"type": "number"})
    for seed in range(60):
        text = walk(grammars, schema, 300, seed)[0]
        value = json.loads(text)
        assert abs(value["count"]) < 10**33
        assert math.isfinite(value["size"]), text
    guide = grammars.guide(an_object(size={"type": "number"}), close=False)
    text = ""
    for wanted in ['{"size": ', *"1e999"]:
        for token in grammars.tokens(wanted.encode()) or ():
            text += grammars.texts[guide.take(token, 100)].decode()
    assert text == '{"size": 1e99}'


def test_what_was_closed_early_says_so(grammars: Grammars) -> None:
    schema = Critique.model_json_schema()
    whole = walk(grammars, schema, 4000, 1)
    assert not whole[1].cut
    said = {walk(grammars, schema, room, 1)[0]: walk(grammars, schema, room, 1)[1].cut for room in range(50, 500, 25)}
    assert all(cut == (text != whole[0]) for text, cut in said.items())


@pytest.mark.parametrize("verdict", ["accept", "improbable"])
def test_what_is_closed_early_still_chooses_its_verdict(grammars: Grammars, verdict: str) -> None:
    schema = an_object(
        why={"type": "string", "maxLength": 300},
        findings={"type": "array", "maxItems": 3, "items": an_object(claim={"type": "string", "maxLength": 200})},
        verdict={"enum": ["accept", "improbable"]},
    )
    shortest = grammars.guide(schema, close=True).shortest
    assert shortest is not None
    for more in range(0, 120, 5):
        guide, text = grammars.guide(schema, close=True), b""
        bits = torch.zeros((1, (SIZE + 31) // 32), dtype=torch.int32)
        for left in range(shortest + SPARE + more, 0, -1):
            guide.mask(bits, 0)
            allowed = np.unpackbits(bits.numpy().view(np.uint8), bitorder="little").nonzero()[0].tolist()
            texts = {grammars.texts[token]: token for token in allowed}
            # It would never end what it says, but knows its verdict, letter by letter.
            said = text.rpartition(b'"verdict": "')[2] if b'"verdict": "' in text else None
            wanted = verdict[len(said) : len(said) + 1].encode() if said is not None else b"a"
            token = guide.take(texts.get(wanted) or texts[max(texts, key=len)], left)
            text += grammars.texts[token] if token != 2 else b""
            if token == 2 or guide.done:
                break
        assert guide.cut
        assert json.loads(text)["verdict"] == verdict


def test_a_mask_leaves_out_what_it_is_told_to() -> None:
    row = without(100, [0, 31, 32, 63, 99])
    allowed = [token for token in range(100) if row[token // 32] >> (token % 32) & 1]
    assert allowed == [token for token in range(100) if token not in (0, 31, 32, 63, 99)]


def test_text_is_spelled_in_few_tokens(grammars: Grammars) -> None:
    text = 'The answer is "right" – naïve\x01'.encode()
    tokens = grammars.tokens(text)
    assert tokens is not None and len(tokens) < len(text)
    assert b"".join(grammars.texts[token] for token in tokens) == text


def test_only_schemas_that_bound_everything_may_be_closed_early() -> None:
    assert bounded(Critique.model_json_schema())
    assert not bounded(Draft.model_json_schema())
    assert not bounded({"type": "array", "items": {"type": "integer"}})
    assert not bounded({"type": "object", "additionalProperties": True})
    assert not bounded({"type": "object", "properties": {"content": {"title": "Content"}}})
    assert not bounded({"anyOf": [{"type": "null"}, {"type": ["string", "null"]}]})
    assert bounded({"type": "string", "enum": ["a"]})


async def test_a_thousand_critiques_in_miniature(chat: Chat) -> None:
    model = chat(temperature=1.0, max_tokens=120)
    asked = model.with_structured_output(Critique, include_raw=True)
    found = await asyncio.gather(*(asked.ainvoke(f"Judge {n}", seed=n, max_tokens=60 + 5 * n) for n in range(30)))
    assert [each["parsing_error"] for each in found] == [None] * 30
    assert all(isinstance(each["parsed"], Critique) for each in found)
    assert all(Critique.model_validate_json(each["raw"].text) == each["parsed"] for each in found)
    reasons = {each["raw"].response_metadata["finish_reason"] for each in found}
    assert "length" in reasons
    # Guided rows share a batch with free ones, and neither notices.
    alone = await asked.ainvoke("Judge 3", seed=3, max_tokens=75)
    free = (await model.ainvoke("Say", seed=5)).content
    both = await asyncio.gather(asked.ainvoke("Judge 3", seed=3, max_tokens=75), model.ainvoke("Say", seed=5))
    assert both[0]["raw"].text == alone["raw"].text == found[3]["raw"].text
    assert both[1].content == free
    assert model.engine.widest > 1


async def test_a_draft_is_never_taken_for_whole_when_it_is_not(chat: Chat) -> None:
    model = chat(temperature=1.0, max_tokens=100)
    asked = model.with_structured_output(Draft, include_raw=True)
    found = await asyncio.gather(*(asked.ainvoke("Write", seed=n) for n in range(8)))
    for each in found:
        whole = each["raw"].response_metadata["finish_reason"] == "stop"
        assert (each["parsed"] is not None) == whole
    assert any(each["parsed"] is None for each in found)
    closing = chat(temperature=1.0, max_tokens=100, close_early=True)
    asked = closing.with_structured_output(Draft, include_raw=True)
    found = await asyncio.gather(*(asked.ainvoke("Write", seed=n) for n in range(8)))
    assert all(each["parsed"] is not None for each in found)


async def test_too_few_tokens_for_any_answer_are_refused(chat: Chat) -> None:
    asked = chat(max_tokens=10).with_structured_output(Critique)
    with pytest.raises(ModelFailed, match=r"the shortest answer that fits the schema takes \d+ tokens, and 10"):
        await asked.ainvoke("Judge")
    small = chat(max_tokens=None, context=420).with_structured_output(Critique)
    with pytest.raises(ContextOverflow):
        await small.ainvoke("Judge " * 20)


async def test_the_models_own_limit_leaves_room_for_an_answer(chat: Chat) -> None:
    model = chat(max_tokens=None)
    model.engine.ready().result().loaded.model.generation_config.max_new_tokens = 20
    assert isinstance(await model.with_structured_output(Critique).ainvoke("Judge"), Critique)


def test_masks_are_the_same_on_every_kind_of_device() -> None:
    scores, bits = torch.randn(4, 100), torch.randint(-(2**31), 2**31 - 1, (4, 4), dtype=torch.int32)
    found = []
    for kernel in ("cpu", "torch_native"):
        found.append(scores.clone())
        xgrammar.apply_token_bitmask_inplace(found[-1], bits, indices=[1, 3], backend=kernel)
    assert torch.equal(*found)


async def test_a_schema_that_cannot_be_enforced_is_refused(chat: Chat) -> None:
    asked = chat().with_structured_output(
        {"title": "odd", "type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}
    )
    with pytest.raises(ModelFailed, match="the schema 'odd' cannot be enforced"):
        await asked.ainvoke("Judge")
