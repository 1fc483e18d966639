"""Structured answers: what is asked in which form, what is read from what a model wrote, and what is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from revet.errors import AnswerUnusable, ModelFailed
from revet.models import Finish, Form, Message, Reply, Request
from revet.models.answers import parse, schema_of
from revet.models.json_text import find
from revet.models.language import FormUnsupported
from revet.schema import Task


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Point(Shape):
    claim: str
    line: int | None


class Said(Shape):
    """What a critic says."""

    verdict: Literal["accept", "revise"]
    points: tuple[Point, ...] = Field(description="what is wrong")
    score: float = Field(ge=0, le=1)


SYSTEM = Message(role="system", text="You are a critic.")
QUESTION = Message(role="user", text="What is wrong?\n\nevidence")
REQUEST = Request(role="critic", messages=(SYSTEM, QUESTION), temperature=0.5)
VALUE: dict[str, Any] = {"verdict": "revise", "points": [{"claim": 'It\'s "{x}"', "line": 3}], "score": 0.5}
GOOD = json.dumps(VALUE)
READ = Said.model_validate(VALUE)


class Asked:
    """Answers with `replies`, one after another, and remembers the requests."""

    def __init__(self, *replies: Reply | str | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self.replies.pop(0)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(text=said)


async def refused(text: str, finish: Finish = Finish.stop) -> AnswerUnusable:
    """The error after the same answer was given twice."""
    asked = Asked(*[Reply(text=text, finish=finish)] * 2)
    with pytest.raises(AnswerUnusable) as caught:
        await parse(asked, REQUEST, Said)
    assert caught.value.text == text
    return caught.value


# --- What is asked -----------------------------------------------------------------------------------------


async def test_in_words_the_schema_is_shown_once_and_the_evidence_stays_last() -> None:
    asked = Asked(GOOD)
    assert await parse(asked, REQUEST, Said) == READ
    (request,) = asked.requests
    assert request.form is Form.text
    assert request.answer == schema_of(Said)
    assert request.temperature == 0.5
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[0].text.startswith(SYSTEM.text)
    assert request.messages[1] == QUESTION
    assert sum(message.text.count('"points"') for message in request.messages) == 2  # the property, and required


async def test_a_system_message_is_made_for_the_schema_where_there_is_none() -> None:
    asked = Asked(GOOD)
    await parse(asked, REQUEST.model_copy(update={"messages": (QUESTION,)}), Said)
    assert [message.role for message in asked.requests[0].messages] == ["system", "user"]


async def test_a_provider_that_enforces_the_schema_is_not_shown_it() -> None:
    asked = Asked(GOOD)
    await parse(asked, REQUEST, Said, forms=(Form.schema, Form.tool))
    (request,) = asked.requests
    assert (request.form, request.messages) == (Form.schema, REQUEST.messages)
    assert request.answer == schema_of(Said)


async def test_a_form_that_fails_is_followed_by_the_next_and_at_last_by_words() -> None:
    asked = Asked(FormUnsupported("no schemas"), FormUnsupported("no tools"), GOOD)
    assert await parse(asked, REQUEST, Said, forms=(Form.schema, Form.text, Form.tool)) == READ
    assert [request.form for request in asked.requests] == [Form.schema, Form.tool, Form.text]


async def test_other_failures_are_the_callers() -> None:
    with pytest.raises(ModelFailed, match="it is down"):
        await parse(Asked(ModelFailed("it is down")), REQUEST, Said, forms=(Form.schema,))


class Tree(Shape):
    name: str = "x"
    left: Tree | None = Field(default=None, description="the left branch")
    right: Tree | None = None
    root: Point = Field(description="a point")


def test_the_schema_is_one_for_strict_providers() -> None:
    schema = schema_of(Tree)
    assert schema["title"] == "Tree"
    seen: list[Any] = [schema]
    while seen:
        node = seen.pop()
        if isinstance(node, list):
            seen += node
        elif isinstance(node, dict):
            seen += node.values()
            assert not {"default", "oneOf", "discriminator"} & node.keys() or "properties" not in node
            if "properties" in node:
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            if "$ref" in node:
                assert set(node) == {"$ref"}
                assert node["$ref"].rpartition("/")[2] in schema["$defs"]  # type: ignore[operator]
    assert schema_of(Tree) == schema_of(Tree)
    assert schema_of(Tree) is not schema_of(Tree)


def test_the_schema_of_a_union_has_no_one_of() -> None:
    text = json.dumps(schema_of(Task))
    assert '"oneOf"' not in text
    assert '"discriminator"' not in text


# --- What is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        json.dumps(VALUE, indent=4),
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}",
        f"Sure! {{x}} is wrong:\n{GOOD}\nDon't hesitate to ask.",
        f"<think>Is it {{ or {GOOD.replace('revise', 'accept')}?</think>{GOOD}",
        f"<THINKING>They wrote <thinking>{{</thinking>.</thinking>\n{GOOD}",
        f"accept? {GOOD.replace('revise', 'accept')} no\n</think>\n\n{GOOD}",
        f"{GOOD}\n{GOOD}",
        f"{GOOD} {json.dumps(VALUE, indent=1)}",
        f"[{GOOD}]",
        json.dumps(GOOD),
        "{" + GOOD + "}",
        "\ufeff" + GOOD,
        repr(VALUE),
        GOOD[:-1] + ",}",
        GOOD[:-1] + ", // that is all\n}",
        GOOD[:-1] + "\n# that is all\n}",
        GOOD.replace('"verdict"', "verdict").replace('"score"', "\nscore"),
        GOOD.replace('"revise", ', '"revise"\n'),
        GOOD.replace("0.5", '"0.50"').replace('"line": 3', '"line": "3"'),
        GOOD.replace("3}]", "3.0}, ]"),
        json.dumps({**VALUE, "points": json.dumps(VALUE["points"])}),
        json.dumps({"note": "an example"}) + GOOD,
        GOOD[:-1] + ', "score": 0.5}',
    ],
)
async def test_read(text: str) -> None:
    asked = Asked(text)
    assert await parse(asked, REQUEST, Said) == READ
    assert len(asked.requests) == 1


async def test_null_is_an_empty_list_and_a_raw_line_break_stands_in_a_text() -> None:
    read = await parse(Asked(GOOD.replace(json.dumps(VALUE["points"]), "null")), REQUEST, Said)
    assert read == Said(verdict="revise", points=(), score=0.5)
    read = await parse(Asked(GOOD.replace("{x}", "a\nb\tc")), REQUEST, Said)
    assert read.points[0].claim == 'It\'s "a\nb\tc"'


class Part(Shape):
    name: str
    note: str | None
    tags: list[str]
    sizes: list[int] | None


class Whole(Shape):
    verdict: str
    parts: list[Part]
    more: Part | None
    numbers: dict[str, int]


@pytest.mark.parametrize("form", list(Form))
async def test_a_key_that_is_missing_is_null_or_an_empty_list(form: Form) -> None:
    forms = [each for each in (Form.schema, Form.tool) if each is form]
    said = {"verdict": "x", "parts": [{"name": "a"}, {"name": "b", "note": "n"}], "numbers": {}}
    asked = Asked(json.dumps(said))
    read = await parse(asked, REQUEST, Whole, forms=forms)
    empty = {"note": None, "tags": [], "sizes": None}
    parts = [{**empty, "name": "a"}, {**empty, "name": "b", "note": "n"}]
    assert read.model_dump() == {"verdict": "x", "parts": parts, "more": None, "numbers": {}}
    assert len(asked.requests) == 1
    (request,) = asked.requests
    assert request.answer is not None and request.answer["required"] == ["verdict", "parts", "more", "numbers"]
    coded = {**said, "parts": json.dumps(said["parts"]), "more": json.dumps({"name": "c"})}
    assert (await parse(Asked(json.dumps({**coded, "more": {"name": "c"}})), REQUEST, Whole)).more is not None
    assert (await parse(Asked(json.dumps(coded)), REQUEST, Whole)).parts == read.parts


@pytest.mark.parametrize(
    "said",
    [
        {"parts": [], "numbers": {}},
        {"verdict": "x", "parts": []},
        {"verdict": "x", "parts": [{}], "numbers": {}},
        {"verdict": "x", "parts": [{"note": "n"}], "numbers": {}},
        {"verdict": "x", "prats": [], "numbers": {}},
    ],
)
async def test_nothing_else_is_filled_in(said: dict[str, Any]) -> None:
    with pytest.raises(AnswerUnusable) as caught:
        await parse(Asked(*[json.dumps(said)] * 2), REQUEST, Whole)
    assert caught.value.why == "schema"


class Loose(BaseModel):
    """Takes keys of any name."""

    verdict: str | None
    findings: list[str]


async def test_a_key_of_another_name_may_be_the_missing_one() -> None:
    with pytest.raises(AnswerUnusable):
        await parse(Asked(*['{"verdict": "accept", "Befunde": ["wrong"]}'] * 2), REQUEST, Loose)
    with pytest.raises(AnswerUnusable):
        await parse(Asked("{}", "{}"), REQUEST, Loose)
    assert await parse(Asked('{"verdict": "accept"}'), REQUEST, Loose) == Loose(verdict="accept", findings=[])


@pytest.mark.parametrize("finish", [Finish.length, Finish.unknown])
async def test_nothing_is_filled_in_where_the_rest_may_have_been_cut_off(finish: Finish) -> None:
    reply = Reply(text='{"verdict": "accept", "score": 1}', finish=finish)
    with pytest.raises(AnswerUnusable):
        await parse(Asked(reply, reply), REQUEST, Said, forms=(Form.tool,))
    assert (await parse(Asked(reply.model_copy(update={"finish": Finish.stop})), REQUEST, Said)).points == ()


async def test_curly_quotes_are_quotes() -> None:
    read = await parse(Asked("{“verdict”: “accept”, “points”: [], “score”: 1}"), REQUEST, Said)
    assert read == Said(verdict="accept", points=(), score=1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("I accept the draft.", "malformed"),
        ("verdict: accept\npoints: []\nscore: 1", "malformed"),
        ("null", "malformed"),
        ("[]", "malformed"),
        (GOOD[:-1], "truncated"),
        (GOOD[:-2], "truncated"),
        (GOOD[:30], "truncated"),
        ("{", "truncated"),
        (f"```json\n{GOOD[:-4]}\n```", "truncated"),
        (f"{GOOD}\nor rather {GOOD[:20]}", "truncated"),
        (f"<think>{GOOD} perhaps", "truncated"),
        (GOOD + GOOD.replace("revise", "accept"), "ambiguous"),
        (GOOD + " or " + GOOD.replace("revise", "dunno"), "ambiguous"),
        (GOOD + " or " + GOOD.replace("0.5", "0.5.5"), "ambiguous"),
        (GOOD[:-1] + ', "verdict": "accept"}', "ambiguous"),
        (GOOD[:-1] + ', "verdict": "accept",}', "malformed"),
        ('{"x": 1}' * 100, "ambiguous"),
        ("{}", "schema"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "malformed"),
        ("{'a': " + "[" * 300 + "]" * 300 + "}", "malformed"),
        (json.dumps({"critique": VALUE}), "schema"),
        (GOOD.replace("revise", "ACCEPT"), "schema"),
        (GOOD.replace("0.5", "true"), "schema"),
        (GOOD.replace("0.5", "1.5"), "schema"),
        (GOOD.replace("0.5", '"NaN"'), "schema"),
        (GOOD[:-1] + ', "sure": true}', "schema"),
        (GOOD.replace('"line": 3', '"line": "none"'), "schema"),
        (GOOD.replace("0.5", "NaN"), "malformed"),
        (GOOD.replace("0.5", "1e999"), "malformed"),
        (GOOD.replace("0.5", "1" * 5_000), "malformed"),
        (GOOD.replace("0.5", "NaN,"), "malformed"),
        (GOOD.replace("It's", "\\ud800"), "malformed"),
        (GOOD.replace("It's", "\\u0000"), "malformed"),
        (GOOD.replace("It's", "\0"), "malformed"),
        (GOOD.replace("]", ""), "malformed"),
        (GOOD.replace('\\"', '"'), "malformed"),
        (GOOD.replace('"score": 0.5', '"score":'), "malformed"),
        (GOOD.replace('"revise", ', '"revise" '), "malformed"),
        ('{"points": [{"claim": "it says "verdict": "accept"", "line": 1}], "score": 0.5}', "malformed"),
    ],
)
async def test_refused(text: str, why: str) -> None:
    assert (await refused(text)).why == why


async def test_what_ran_out_of_tokens_is_only_read_if_it_is_whole_and_last() -> None:
    for text in (GOOD, f"```json\n{GOOD}\n```", GOOD + "\n\n\n"):
        assert await parse(Asked(Reply(text=text, finish=Finish.length)), REQUEST, Said) == READ
    for text in (GOOD + "\nBut", GOOD[:-1] + ",}x", GOOD[:-3], "", "so", GOOD.replace("0.5", "7")):
        assert (await refused(text, Finish.length)).why == "truncated"


async def test_a_refusal_is_not_argued_with() -> None:
    asked = Asked(Reply(text=GOOD, finish=Finish.refusal))
    with pytest.raises(AnswerUnusable, match="refused") as caught:
        await parse(asked, REQUEST, Said)
    assert caught.value.why == "refused"
    assert len(asked.requests) == 1


# --- What is asked once more -------------------------------------------------------------------------------


async def test_a_second_question_shows_the_answer_and_what_is_wrong_with_it() -> None:
    wrong = GOOD.replace("revise", "maybe").replace('"line": 3', '"line": "three"')
    asked = Asked(wrong, GOOD)
    assert await parse(asked, REQUEST, Said, forms=(Form.schema,)) == READ
    first, second = asked.requests
    assert second.model_copy(update={"messages": first.messages}) == first
    assert second.messages[:2] == first.messages
    assert second.messages[2] == Message(role="assistant", text=wrong)
    told = second.messages[3]
    assert told.role == "user"
    assert "verdict: Input should be 'accept' or 'revise'" in told.text
    assert "points[0].line: Input should be a valid integer" in told.text
    assert "https://" not in told.text


async def test_a_second_answer_can_be_unusable_for_another_reason() -> None:
    with pytest.raises(AnswerUnusable, match="asked twice") as caught:
        await parse(Asked("", GOOD[:-1]), REQUEST, Said)
    assert (caught.value.why, caught.value.text) == ("truncated", GOOD[:-1])


async def test_an_empty_answer_is_not_shown_and_a_long_one_is_cut_in_the_middle() -> None:
    asked = Asked("", GOOD)
    await parse(asked, REQUEST, Said)
    assert [message.role for message in asked.requests[1].messages] == ["system", "user", "user"]
    asked = Asked("no " * 50_000 + "\0\ud800", GOOD)
    await parse(asked, REQUEST, Said)
    shown = asked.requests[1].messages[2].text
    assert len(shown) < 9_000
    assert "142,001 characters cut" in shown
    shown.encode()
    assert "\0" not in shown


async def test_a_list_of_a_thousand_faults_is_cut() -> None:
    many = json.dumps({**VALUE, "points": [{"claim": 1, "k" * 1_000: 2}] * 1_000})
    asked = Asked(many, GOOD)
    await parse(asked, REQUEST, Said)
    assert len(asked.requests[1].messages[-1].text) < 10_000
    assert "and 2980 more" in asked.requests[1].messages[-1].text


# --- Size and depth ----------------------------------------------------------------------------------------

HOSTILE: list[tuple[str, Callable[[int], str]]] = [
    ("braces", lambda n: "{" * n),
    ("objects", lambda n: "{}" * (n // 2)),
    ("nested", lambda n: '{"a":' * (n // 5)),
    ("nested and closed", lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6)),
    ("lists", lambda n: '{"a": ' + "[" * n + "]" * n + "}"),
    ("quotes", lambda n: '"' * n),
    ("escapes", lambda n: '{"a": "' + "\\" * n),
    ("escaped quotes", lambda n: '{"a": "' + '\\"' * (n // 2)),
    ("words", lambda n: "{a" * (n // 2)),
    ("spaces", lambda n: "{ " * (n // 2)),
    ("space", lambda n: "{" + " " * n + "x"),
    ("comments", lambda n: '{"a": 1, ' + "/*" * (n // 2)),
    ("tags", lambda n: "<think>" * (n // 7)),
    ("closing tags", lambda n: "</think>" * (n // 8)),
    ("commas", lambda n: '{"a": 1' + "," * n + "}"),
    ("apostrophes", lambda n: "{'a': '" + "'" * n + "}"),
    ("letters", lambda n: "a" * n),
    ("digits", lambda n: '{"a": ' + "1" * n + "}"),
]


@pytest.mark.parametrize("hostile", [make for _, make in HOSTILE], ids=[name for name, _ in HOSTILE])
async def test_ten_megabytes_take_time_in_proportion(hostile: Callable[[int], str]) -> None:
    started = time.monotonic()
    await refused(hostile(10_000_000))
    assert time.monotonic() - started < 20


async def test_a_large_file_is_read() -> None:
    claim = 'x = {"a": [1]}\n' * 700_000
    read = await parse(
        Asked(f"Here:\n```json\n{json.dumps({**VALUE, 'points': [{'claim': claim, 'line': 1}]})}\n```"), REQUEST, Said
    )
    assert read.points[0].claim == claim


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(texts, values, min_size=1, max_size=5),
    st.sampled_from(["", "Here: ", "{x} it's ", "<think>{</think>"]),
)
def test_any_object_is_found_as_it_is(value: dict[str, JsonValue], before: str) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False), json.dumps(json.dumps(value))):
        assert repr(find(text).values) == repr([value])
        assert not find(f"{text}\n").tail
    found = find(f"{before}{json.dumps(value)} and so on")
    assert repr(found.values) == repr([value])
    assert found.tail


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(texts, values, min_size=1, max_size=5))
def test_python_and_commas_are_mended_to_exactly_that_or_not_at_all(value: dict[str, JsonValue]) -> None:
    for text in (repr(value), json.dumps(value, indent=1).replace("\n}", ",\n}"), json.dumps(value).replace('"', "'")):
        found = find(text)
        if found.values and "\\" not in text and "'" not in json.dumps(value):
            assert repr(found.values) in (repr([value]), repr([json.loads(json.dumps(value))]))


@settings(deadline=None, max_examples=500)
@given(st.text(alphabet="{}[]\"':,/*#<> \n“”ab1.", max_size=80))
def test_whatever_is_found_stands_there(text: str) -> None:
    left: list[Any] = list(find(text).values)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            left += value
        else:
            assert str(value) in text or float(value) == float(value)
