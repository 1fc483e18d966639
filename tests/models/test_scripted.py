"""`ScriptedModel`: which rule answers, what it says, and what is told of a bad script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import ContextOverflow, InputError, ModelFailed, ModelNotFound
from revet.models import Backend, Finish, Form, Message, Reply, Request, Tokens, ToolUse
from revet.models.scripted import Rule, ScriptedModel


def request(*texts: str, role: str = "critic", last: str = "user") -> Request:
    messages = [Message(role="user", text=text) for text in texts]
    messages[-1] = Message(role=last, text=texts[-1])  # type: ignore[arg-type]
    return Request(role=role, messages=tuple(messages))


async def said(model: ScriptedModel, *texts: str, role: str = "critic", last: str = "user") -> str:
    return (await model.reply(request(*texts, role=role, last=last))).text


def test_it_is_a_backend() -> None:
    model: Backend = ScriptedModel([{"reply": "x"}], name="mine", forms=[Form.schema])
    assert (model.name, tuple(model.forms)) == ("mine", (Form.schema,))
    assert isinstance(model, Backend)


async def test_the_first_rule_that_fits_answers() -> None:
    model = ScriptedModel(
        [
            {"role": "proposer", "reply": "proposed"},
            {"contains": ["one", "two"], "reply": "both"},
            {"contains": "one", "lacks": "three", "reply": "one alone"},
            {"matches": r"e-[0-9a-f]{8}", "reply": "cited"},
            {"tool_result": "42", "reply": "used"},
            {"reply": "whatever is left"},
        ]
    )
    assert await said(model, "one two", role="proposer") == "proposed"
    assert await said(model, "one", "and two") == "both"
    assert await said(model, "one") == "one alone"
    assert await said(model, "one three") == "whatever is left"
    assert await said(model, "see e-0a1b2c3d") == "cited"
    assert await said(model, "what is it?", "it is 42", last="tool") == "used"
    assert await said(model, "it is 42") == "whatever is left"


async def test_a_rule_is_used_up() -> None:
    model = ScriptedModel([{"times": 2, "reply": "a"}, {"reply": "b"}])
    assert [await said(model, "x") for _ in range(4)] == ["a", "a", "b", "b"]


async def test_what_a_rule_may_say() -> None:
    model = ScriptedModel(
        [
            {"contains": "json", "value": {"verdict": "revise", "n": [1, None]}},
            {"contains": "null", "value": None},
            {"contains": "tool", "tool_uses": [{"name": "search", "arguments": {"query": "x"}}]},
            {"contains": "cut", "reply": "half", "finish": "length", "tokens": {"input": 5, "output": 7}, "cost": 0.25},
            {"contains": "no", "finish": "refusal"},
        ],
        name="s",
    )
    assert json.loads(await said(model, "json")) == {"verdict": "revise", "n": [1, None]}
    assert await said(model, "null") == "null"
    reply = await model.reply(request("tool"))
    assert (reply.tool_uses, reply.finish) == ((ToolUse(name="search", arguments={"query": "x"}),), Finish.tools)
    reply = await model.reply(request("cut"))
    expected = Reply(text="half", finish=Finish.length, tokens=Tokens(input=5, output=7), cost=0.25, model="s")
    assert reply == expected
    assert (await model.reply(request("no"))).finish is Finish.refusal


async def test_where_no_rule_answers_the_request_and_the_rules_are_named() -> None:
    rules: list[dict[str, Any]] = [
        {"role": "judge", "reply": "x"},
        {"contains": "zebra", "reply": "x"},
        {"lacks": "question", "reply": "x"},
        {"matches": "z+", "reply": "x"},
        {"tool_result": "z", "reply": "x"},
        {"times": 1, "reply": "x"},
    ]
    model = ScriptedModel(rules)
    await model.reply(request("a question"))
    with pytest.raises(ModelFailed) as caught:
        await model.reply(request("a question"))
    told = str(caught.value)
    assert told.startswith("no rule answers the critic's request that ends “a question”\n  in scripted\n  rule 1: ")
    for part in ("role is judge", "lack “zebra”", "hold “question”", "matches “z+”", "no tool's result", "used up"):
        assert part in told
    assert not caught.value.retryable and "wanted" not in told
    shaped = request("x").model_copy(update={"answer": {"properties": {"first": {}, "better": {}}}})
    with pytest.raises(ModelFailed, match="wanted is JSON with first, better"):
        await ScriptedModel([]).reply(shaped)
    with pytest.raises(ModelFailed, match="and 9 more"):
        await ScriptedModel([{"role": "judge", "reply": "x"}] * 21).reply(request("x"))


async def test_an_error_shows_the_last_sentence_of_the_prompt_on_one_line() -> None:
    prompt = (
        "## Task\n\nWhich\tmoon?\nSay what it is.\n\n> Evidence:\n\n"
        "⟦data 0a1b e-1⟧\nIgnore ⟦end 9⟧\nthis\n⟦end 0a1b⟧\n\n```python\nanswer = …\n```\n\n## Checks\n"
    )
    with pytest.raises(ModelFailed) as caught:
        await ScriptedModel([{"contains": "two\nlines", "reply": "x"}]).reply(request(prompt))
    first, _, rule, *_ = str(caught.value).splitlines()
    assert first == "no rule answers the critic's request that ends “Say what it is.”"
    assert rule == "  rule 1: the messages lack “two lines”"
    with pytest.raises(ModelFailed, match="that ends “## Task”\n  in scripted, which has no rules"):
        await ScriptedModel([]).reply(request("## Task"))


@pytest.mark.parametrize("role", ["propser", "Proposer", "critic ", "critics", "revisor"])
def test_a_misspelt_role_is_told(role: str) -> None:
    with pytest.raises(ValueError, match=r"did you mean (proposer|critic|reviser)\?"):
        Rule(role=role, reply="x")


@pytest.mark.parametrize("role", ["proposer", "reviser", "critic", "judge", "reviewer", "critic-2", "planner", ""])
def test_other_roles_may_exist(role: str) -> None:
    assert Rule(role=role, reply="x").role == role


async def test_a_function_may_answer_and_fail() -> None:
    async def slowly(asked: Request) -> dict[str, str]:
        return {"to": asked.role}

    def fails(asked: Request) -> str:
        raise ContextOverflow("too long", limit=10)

    assert await said(ScriptedModel(lambda asked: asked.messages[-1].text.upper()), "x") == "X"
    assert await said(ScriptedModel(slowly), "x") == '{"to": "critic"}'
    assert await ScriptedModel(lambda asked: Reply(text="r", model="m")).reply(request("x")) == Reply(
        text="r", model="m"
    )
    with pytest.raises(ContextOverflow):
        await ScriptedModel(fails).reply(request("x"))


async def test_a_script_in_a_file(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(
        "# says little\n- role: critic\n  contains: 2026-01-01\n  value: {on: 2026-01-01, n: 1.5}\n"
        "- reply: |\n    two\n    lines\n"
    )
    model = ScriptedModel.from_file(script)
    assert model.name == f"scripted:{script}"
    assert json.loads(await said(model, "since 2026-01-01")) == {"on": "2026-01-01", "n": 1.5}
    assert await said(model, "x") == "two\nlines\n"
    script = tmp_path / "script.json"
    script.write_text('[\n\t{"reply": "\\ud83d\\ude42", "times": 1}\n]')
    assert await said(ScriptedModel.from_file(script), "x") == "🙂"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the script is empty"),
        ("# nothing\n", "at least one rule"),
        ("[]", "at least one rule"),
        ("reply: x\n", "at least one rule"),
        ("- reply: x\n- repyl: y\n", "FILE:2: rules[1].repyl: there is no such field; did you mean reply?"),
        ("- replay: x\n", "FILE:1: rules[0].replay: there is no such field; did you mean reply?"),
        ("- zzz: x\n", "rules[0].zzz: there is no such field; the fields: role, contains"),
        ("- tool_uses: [{id: a, nmae: b}]\n", "nmae: there is no such field; did you mean name?"),
        (
            "- reply: x\n- role: propser\n  reply: y\n",
            "FILE:2: rules[1].role: nobody is called 'propser'; did you mean p",
        ),
        ("- reply: x\n- role: critic\n", "FILE:2: rules[1]: says nothing"),
        ("- reply: x\n  value: y\n", "FILE:1: rules[0]: give either"),
        ("- reply: x\n\n- reply: y\n  times: 0\n", "FILE:4: rules[1].times: Input should be greater"),
        ("- reply: x\n  matches: '('\n", "FILE:2: rules[0].matches: not a regular expression"),
        ("- reply: x\n  finish: soon\n", "FILE:2: rules[0].finish: Input should be"),
        ("- just text\n", "FILE:1: rules[0]: Input should be"),
        ("- reply: 5\n", "FILE:1: rules[0].reply: Input should be a valid string"),
        ("- reply: x\n- tool_uses:\n    - arguments: {}\n", "FILE:3: rules[1].tool_uses[0].name: Field required"),
        ("- reply: x\n  reply: y\n", "FILE:2: the key 'reply' is there twice"),
        ("- &a {reply: x}\n- *a\n", "FILE:2: an alias"),
        ("- reply: !!python/object:os.system x\n", "FILE:1: could not determine a constructor"),
        ("- reply: [x\n", "FILE:2: "),
        ("- {1: x}\n", "rules[0].1: there is no such field"),
        ("- {[1, 2]: x}\n", "FILE"),
        ("[" * 5_000, "FILE"),
        ("- value: .nan\n", "FILE:1: rules[0].value"),
    ],
)
def test_a_bad_script_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(text)
    with pytest.raises(InputError) as caught:
        ScriptedModel.from_file(script)
    assert told.replace("FILE", str(script)) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[\n{"reply": "x",}\n]', "FILE:2: not valid JSON"),
        ('[{"reply": "x", "reply": "y"}]', "'reply' is there twice"),
        ('[\n{"reply": "x"},\n{"times": "often", "reply": "x"}\n]', "FILE:3: rules[1].times"),
        ('[\n\t{"times": "often", "reply": "x"}\n]', "rules[0].times"),
        ("[" * 100_000, "FILE"),
    ],
)
def test_a_bad_script_in_json(text: str, told: str, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(text)
    with pytest.raises(InputError) as caught:
        ScriptedModel.from_file(script)
    assert told.replace("FILE", str(script)) in str(caught.value)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="does not exist"):
        ScriptedModel.from_file(tmp_path / "none.yaml")
    with pytest.raises(ModelNotFound, match="is a folder"):
        ScriptedModel.from_file(tmp_path)
    script = tmp_path / "script.yaml"
    script.write_bytes(b"- reply: \xff\n")
    with pytest.raises(InputError, match="UTF-8"):
        ScriptedModel.from_file(script)


def test_rules_given_in_python_are_checked() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        Rule()
