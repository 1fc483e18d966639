"""LangChain's chat models as backends, through the real clients of OpenAI and Anthropic."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from revet.errors import AnswerUnusable, ModelFailed
from revet.models import (
    Account,
    Finish,
    Form,
    Image,
    LangChainBackend,
    LanguageModel,
    Message,
    Reply,
    Request,
    Tokens,
    ToolUse,
)
from tests.models.servers import Answer, Call, Fault, ModelServer
from tests.models.support import BOUNDED, MODELS, SCHEMA, TOOL, in_form, request

FORMS = (Form.schema, Form.tool)


async def test_a_plain_reply_with_its_usage(backend: LangChainBackend, server: ModelServer) -> None:
    server.answer = lambda asked: Answer("Hi.", input_tokens=30, output_tokens=4, cached_tokens=20, reasoning="Hm…")
    reply = await backend.reply(request())
    assert reply.text == "Hi."
    assert reply.finish is Finish.stop
    assert reply.tokens == Tokens(input=30, output=4, cached=20)
    assert reply.model in ("gpt-4o-mini", "claude-opus-4-6")
    assert not reply.tool_uses


async def test_settings_go_with_their_request_only(backend: LangChainBackend, server: ModelServer) -> None:
    await backend.reply(request(temperature=0.25, max_tokens=50, seed=7, stop=("END",)))
    await backend.reply(request())
    first, second = server.bodies
    limits = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    assert first["temperature"] == 0.25
    assert 50 in [first.get(name) for name in limits]
    assert first.get("stop") == ["END"] or first.get("stop_sequences") == ["END"] or "input" in first
    assert first.get("seed") == (7 if server.asked[0].protocol == "chat" else None)
    assert second.get("temperature") is None
    assert second.get("seed") is None
    assert 50 not in [second.get(name) for name in limits]


async def test_text_ends_before_a_stop_string_that_the_provider_did_not_heed(
    backend: LangChainBackend, server: ModelServer
) -> None:
    server.answer = lambda asked: "one END two"
    assert (await backend.reply(request(stop=("END",)))).text == "one "


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_in_a_form_is_its_json(backend: LangChainBackend, server: ModelServer, form: Form) -> None:
    reply = await backend.reply(in_form(form))
    assert reply.text == '{"verdict": "accept"}'
    assert reply.finish is Finish.stop
    assert not reply.tool_uses
    assert reply.tokens.input == 11
    assert (server.asked[0].schema is not None) == (form is Form.schema)
    assert server.asked[0].forced == ("Verdict" if form is Form.tool else None)


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_that_was_cut_off_is_marked(backend: LangChainBackend, server: ModelServer, form: Form) -> None:
    half = '{"verdict": "acc'
    server.answer = lambda asked: (
        Answer(half, finish="length") if form is Form.schema else Answer(calls=(Call("Verdict", {}),), finish="length")
    )
    reply = await backend.reply(in_form(form))
    assert reply.finish is Finish.length
    assert reply.text == (half if form is Form.schema else "{}")
    assert reply.tokens == Tokens(input=11, output=7)


@pytest.mark.parametrize("form", FORMS)
async def test_providers_are_not_told_how_long_a_text_may_be(
    backend: LangChainBackend, server: ModelServer, form: Form
) -> None:
    """OpenAI refuses a strict schema that bounds the length of a text."""
    await backend.reply(request(answer=BOUNDED, form=form))
    asked = server.asked[0]
    sent = asked.schema if form is Form.schema else asked.tools["Bounded"]
    assert sent is not None
    assert set(sent["properties"]) == {"maxLength", "words", "either"}
    assert not {"minLength", "maxLength"} & set(_keywords(sent))
    assert "60" not in json.dumps(sent)
    assert BOUNDED["properties"]["maxLength"]["maxLength"] == 9, "the request itself is not changed"


def _keywords(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else ():
        if key in ("properties", "$defs"):
            for each in value.values():
                yield from _keywords(each)
        else:
            yield key
            yield from _keywords(value)
    for each in node if isinstance(node, list) else ():
        yield from _keywords(each)


class _Local(BaseChatModel):
    """Calls itself local, and keeps the schema that it is given."""

    given: ClassVar[list[Any]] = []

    @property
    def _llm_type(self) -> str:
        return "transformers"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("{}"))])

    def with_structured_output(self, schema: Any, *, method: str = "", include_raw: bool = False, **_: Any) -> Any:
        self.given.append(schema)
        return RunnableLambda(lambda messages: {"raw": AIMessage("{}")})


async def test_a_local_models_grammar_keeps_the_lengths() -> None:
    await LangChainBackend(_Local()).reply(request(answer=BOUNDED, form=Form.schema))
    assert _Local.given == [BOUNDED]


STREAMS = ("chat", "chat-stream", "responses", "responses-stream", "messages-stream")
"""Anthropic's whole messages cannot hold half a call."""


@pytest.mark.parametrize("protocol", STREAMS)
async def test_a_call_that_was_cut_off_is_no_call(server: ModelServer, protocol: str) -> None:
    """Clients close the arguments that a stream left open, so that they look whole."""
    backend = LangChainBackend(MODELS[protocol](server))
    for half in ('{"word": "ve', '{"word": "def f(): return {}'):
        whole, cut = Call("look_up", {"word": "a"}, "call_1"), Call("look_up", half, "call_2")
        server.answer = lambda asked, calls=(whole, cut): Answer(calls=calls, finish="length")  # type: ignore[misc]
        reply = await backend.reply(request(tools=(TOOL,)))
        assert [use.arguments for use in reply.tool_uses] == [{"word": "a"}]
        assert reply.finish is Finish.length
    await backend.close()


class Verdict(BaseModel):
    verdict: str
    findings: list[str]


@pytest.mark.parametrize("protocol", STREAMS)
async def test_an_answer_by_a_call_that_was_cut_off_is_not_taken(server: ModelServer, protocol: str) -> None:
    backend = LangChainBackend(MODELS[protocol](server))
    backend._forms.remove(Form.schema)
    half = Call("Verdict", '{"verdict": "accept", "findings": ["one"')
    server.answer = lambda asked: Answer(calls=(half,), finish="length")
    with pytest.raises(AnswerUnusable):
        await LanguageModel(backend).parse(request(), Verdict, Account())
    assert [asked.forced for asked in server.asked] == ["Verdict", "Verdict"]
    await backend.close()


async def test_calls_without_ids_are_told_apart(server: ModelServer) -> None:
    backend = LangChainBackend(MODELS["chat"](server))
    calls = (Call("look_up", {"word": "a"}, id=""), Call("look_up", {"word": "b"}, id=""))
    server.answer = lambda asked: Answer(calls=calls, finish="tools")
    reply = await backend.reply(request(tools=(TOOL,)))
    assert [use.id for use in reply.tool_uses] == ["call_1", "call_2"]
    await backend.close()


async def test_tools_are_offered_and_their_calls_come_back(backend: LangChainBackend, server: ModelServer) -> None:
    server.answer = lambda asked: Answer("Let me see.", calls=(Call("look_up", {"word": "vet"}),), finish="tools")
    reply = await backend.reply(request(tools=(TOOL,)))
    assert reply.tool_uses == (ToolUse(id="call_1", name="look_up", arguments={"word": "vet"}),)
    assert reply.finish is Finish.tools
    assert reply.text == "Let me see."
    assert server.asked[0].tools["look_up"]["required"] == ["word"]


async def test_a_conversation_with_tools_and_images_is_told_whole(
    backend: LangChainBackend, server: ModelServer
) -> None:
    use = ToolUse(id="call_9", name="look_up", arguments={"word": "vet"})
    messages = (
        Message(role="system", text="Be short."),
        Message(role="user", text="What is this?", images=(Image(data="aGk="),)),
        Message(role="assistant", text="Let me see.", tool_uses=(use,)),
        Message(role="tool", text="To examine.", tool_use="call_9"),
    )
    await backend.reply(Request(role="proposer", messages=messages, tools=(TOOL,)))
    sent = str(server.bodies[0])
    for part in ("Be short.", "What is this?", "aGk=", "Let me see.", "call_9", "vet", "To examine."):
        assert part in sent


@pytest.mark.parametrize("form", (Form.text, Form.schema))
async def test_a_refusal_is_told_from_an_answer(backend: LangChainBackend, server: ModelServer, form: Form) -> None:
    server.answer = lambda asked: Answer("", refusal="I cannot help with that.", finish="refusal")
    reply = await backend.reply(in_form(form) if form is Form.schema else request())
    assert reply.finish is Finish.refusal
    assert reply.text in ("", "I cannot help with that.")


async def test_openai_refuses_in_a_field_of_its_own(server: ModelServer) -> None:
    backend = LangChainBackend(MODELS["chat"](server))
    server.answer = lambda asked: Answer("", refusal="I cannot help with that.", finish="stop")
    for asked in (request(), in_form(Form.schema)):
        reply = await backend.reply(asked)
        assert (reply.finish, reply.text) == (Finish.refusal, "I cannot help with that.")
        assert reply.tokens.output == 7
    await backend.close()


async def test_calls_with_broken_arguments_are_repaired_or_left_as_text(server: ModelServer) -> None:
    backend = LangChainBackend(MODELS["chat"](server))
    server.answer = lambda asked: Answer(calls=(Call("look_up", "{'word': 'vet',}"),), finish="tools")
    reply = await backend.reply(request(tools=(TOOL,)))
    assert reply.tool_uses[0].arguments == {"word": "vet"}
    server.answer = lambda asked: Answer(calls=(Call("look_up", '{"word": "ve'),), finish="length")
    reply = await backend.reply(request(tools=(TOOL,)))
    assert not reply.tool_uses
    assert reply.text == '{"word": "ve'
    reply = await backend.reply(request(answer=SCHEMA | {"title": "look_up"}, form=Form.tool))
    assert (reply.text, reply.finish) == ('{"word": "ve', Finish.length)
    await backend.close()


async def test_half_a_surrogate_pair_does_not_break_the_reply(backend: LangChainBackend, server: ModelServer) -> None:
    server.answer = lambda asked: "fine \ud83d indeed"
    try:
        reply = await backend.reply(request())
    except ModelFailed as failure:  # a client that cannot read it says so, and it is tried again
        assert failure.retryable
    else:
        assert reply.text == "fine � indeed"


# --- event loops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", MODELS)
def test_one_backend_serves_event_loops_one_after_another(server: ModelServer, protocol: str) -> None:
    backend = LangChainBackend(MODELS[protocol](server))

    async def several() -> list[Reply]:
        return list(await asyncio.gather(*(backend.reply(request(f"{n}")) for n in range(4))))

    for _ in range(3):
        assert [reply.text for reply in asyncio.run(several())] == [f"you said: {n}" for n in range(4)]
    asyncio.run(backend.close())
    asyncio.run(backend.close())


def test_one_backend_serves_event_loops_at_the_same_time(server: ModelServer) -> None:
    server.seconds = 0.02
    backend = LangChainBackend(MODELS["chat"](server))
    said: list[str] = []

    def work(number: int) -> None:
        for n in range(5):
            said.append(asyncio.run(backend.reply(request(f"{number}.{n}"))).text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == sorted(f"you said: {number}.{n}" for number in range(4) for n in range(5))
    asyncio.run(backend.close())


async def test_a_model_object_stays_usable_where_it_came_from(server: ModelServer) -> None:
    """The clients of OpenAI and Anthropic share connections in a process; ours must not be among them."""
    for protocol in ("chat", "messages"):
        model = MODELS[protocol](server)
        backend = LangChainBackend(model)
        for _ in range(3):
            assert (await model.ainvoke("a")).text == "you said: a"
            assert (await backend.reply(request("b"))).text == "you said: b"
        await backend.close()
        assert (await model.ainvoke("a")).text == "you said: a"


async def test_a_cancelled_request_is_given_up(server: ModelServer) -> None:
    backend = LangChainBackend(MODELS["chat"](server))
    server.fail(Fault("slow", seconds=3))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await backend.reply(request())
    assert (await backend.reply(request("again"))).text == "you said: again"
    await backend.close()
