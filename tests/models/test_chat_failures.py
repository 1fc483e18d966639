"""How LangChain's chat models fail as backends, and what is learned from it, through the real clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from revet.errors import ContextOverflow, ModelFailed
from revet.models import Account, Form, FormUnsupported, LangChainBackend, Library, Retries
from tests.models.servers import Answer, Asked, Fault, ModelServer, protocols
from tests.models.support import MODELS, SCHEMA, in_form, request

FORMS = (Form.schema, Form.tool)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"retry-after": "3"}),
        Fault(status=500),
        Fault(status=503),
        Fault(status=408),
        Fault("reset"),
        Fault("truncated"),
        Fault("invalid_json"),
        Fault("html"),
    ],
    ids=lambda fault: fault.kind if fault.kind != "status" else str(fault.status),
)
async def test_passing_failures_may_be_tried_again(
    backend: LangChainBackend, server: ModelServer, fault: Fault
) -> None:
    server.fail(fault)
    with pytest.raises(ModelFailed) as caught:
        await backend.reply(request("A longer question, so that the answer can be cut."))
    assert caught.value.retryable, caught.value
    assert len(server.asked) == 1, "the client tried again by itself"
    assert caught.value.status == (fault.status if fault.kind == "status" else None)
    assert getattr(caught.value, "wait", None) == (3.0 if fault.status == 429 else None)


@pytest.mark.parametrize("protocol", ["chat", "messages"])
async def test_a_slow_answer_is_a_passing_failure(server: ModelServer, protocol: str) -> None:
    model = MODELS[protocol](server)
    model = type(model)(**{**_arguments(model, server), "timeout": 0.2})
    backend = LangChainBackend(model)
    server.fail(Fault("slow", seconds=1.5))
    with pytest.raises(ModelFailed) as caught:
        await backend.reply(request())
    assert caught.value.retryable
    await backend.close()


def _arguments(model: Any, server: ModelServer) -> dict[str, Any]:
    name = getattr(model, "model_name", None) or model.model
    base_url = server.url if hasattr(model, "model_name") and "gpt" in name else server.root
    return {"model": name, "base_url": base_url, "api_key": "k", "max_retries": 0}


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "OPENAI_API_KEY"), (403, "not allowed"), (404, "base URL"), (400, "")]
)
async def test_other_failures_are_final(backend: LangChainBackend, server: ModelServer, status: int, hint: str) -> None:
    server.fail(Fault(status=status, message="No."))
    with pytest.raises(ModelFailed, match=r"No\.") as caught:
        await backend.reply(request())
    assert not caught.value.retryable
    assert caught.value.status == status
    assert hint in str(caught.value)


async def test_a_server_that_trickles_is_given_up_in_time() -> None:
    """The client's own timeout only bounds the silences."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    library = Library(base_url=url, timeout=0.3, retries=Retries(attempts=1))
    async with asyncio.timeout(20):
        with pytest.raises(ModelFailed, match=r"no answer within 0\.3 seconds") as caught:
            await library.get("openai:gpt-4o-mini").ask(request(), Account())
    assert caught.value.retryable
    await library.close()
    server.close()
    await asyncio.sleep(0.2)  # the server notices that nobody listens


async def test_an_error_with_a_status_of_success_is_told_by_its_code(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gateways send them."""
    backend = LangChainBackend(MODELS["chat"](server))
    for code, retryable in ((502, True), (400, False)):
        said = {"error": {"message": "no tool of the upstream answers", "code": code}}
        monkeypatch.setattr(protocols, "whole", lambda asked, answer, said=said: said)
        with pytest.raises(ModelFailed) as caught:
            await backend.reply(in_form(Form.tool) if retryable else request())
        assert (caught.value.retryable, caught.value.status) == (retryable, code)
    assert tuple(backend.forms) == FORMS
    await backend.close()


EVENTS = {
    "chat-stream": {"error": {"message": "busy", "type": "server_error", "code": None}},
    "messages-stream": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
    "responses-stream": {"type": "error", "sequence_number": 1, "code": "server_error", "message": "busy"},
}


@pytest.mark.parametrize("protocol", EVENTS)
async def test_an_error_in_the_middle_of_a_stream_may_pass(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    event = f"event: error\ndata: {json.dumps(EVENTS[protocol])}\n\n"
    if protocol == "chat-stream":
        event = event.partition("\n")[2]
    whole = protocols.stream
    monkeypatch.setattr(protocols, "stream", lambda asked, answer: [next(iter(whole(asked, answer))), event])
    backend = LangChainBackend(MODELS[protocol](server))
    with pytest.raises(ModelFailed, match="busy") as caught:
        await backend.reply(request())
    assert caught.value.retryable
    assert "base URL" not in str(caught.value)
    await backend.close()


async def test_no_credit_is_no_reason_to_wait(backend: LangChainBackend, server: ModelServer) -> None:
    server.fail(Fault(status=429, message="You exceeded your current quota.", code="insufficient_quota"))
    with pytest.raises(ModelFailed, match="credit") as caught:
        await backend.reply(request())
    assert not caught.value.retryable


async def test_a_prompt_that_is_too_long(backend: LangChainBackend, server: ModelServer) -> None:
    server.fail(Fault(status=400, message="prompt is too long: 210000 tokens > 200000 maximum"))
    with pytest.raises(ContextOverflow) as caught:
        await backend.reply(request(temperature=0.5, max_tokens=5))
    assert caught.value.limit == 200000


async def test_a_server_that_is_not_there() -> None:
    server = ModelServer()
    server.__enter__()
    server.__exit__(None, None, None)
    backend = LangChainBackend(MODELS["chat"](server), name="openai:x")
    with pytest.raises(ModelFailed, match="cannot be reached") as caught:
        await backend.reply(request())
    assert caught.value.retryable
    await backend.close()


# --- what is learned -------------------------------------------------------------------------------------------------


async def test_a_setting_that_the_model_refuses_is_left_out_from_then_on(
    backend: LangChainBackend, server: ModelServer
) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        if asked.body.get("temperature") is not None:
            text = "Unsupported value: 'temperature' does not support 0.3 with this model."
            return Fault(status=400, message=text, param="temperature", code="unsupported_value")
        return Answer("ok")

    server.answer = answer
    for _ in range(2):
        assert (await backend.reply(request(temperature=0.3, max_tokens=9))).text == "ok"
    assert [body.get("temperature") for body in server.bodies] == [0.3, None, None]


async def test_requests_under_way_together_learn_together(server: ModelServer) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        refused = asked.body.get("temperature") is not None
        return Fault(status=400, message="no", param="temperature") if refused else Answer("ok")

    server.answer, server.seconds = answer, 0.05
    backend = LangChainBackend(MODELS["chat"](server))
    replies = await asyncio.gather(*(backend.reply(request(str(n), temperature=0.3)) for n in range(8)))
    assert [reply.text for reply in replies] == ["ok"] * 8
    await backend.close()


async def test_anthropics_temperatures_end_at_one(server: ModelServer) -> None:
    backend = LangChainBackend(MODELS["messages"](server))
    await backend.reply(request(temperature=1.5))
    assert server.bodies[0]["temperature"] == 1.0
    await backend.close()


async def test_a_form_that_the_model_refuses_is_not_asked_for_again(
    backend: LangChainBackend, server: ModelServer
) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        if asked.schema is not None:
            return Fault(status=400, message="response_format of type json_schema is not supported (output_config)")
        if asked.tools:
            return Fault(status=400, message="this model does not support tools")
        return Answer("ok")

    server.answer = answer
    assert tuple(backend.forms) == FORMS
    with pytest.raises(FormUnsupported):
        await backend.reply(in_form(Form.schema))
    assert tuple(backend.forms) == (Form.tool,)
    with pytest.raises(FormUnsupported):
        await backend.reply(in_form(Form.tool))
    assert tuple(backend.forms) == ()
    with pytest.raises(FormUnsupported):
        await backend.reply(in_form(Form.schema))
    assert len(server.asked) == 2
    assert (await backend.reply(in_form(Form.text))).text == "ok"


async def test_a_schema_that_is_refused_says_nothing_of_other_schemas(server: ModelServer) -> None:
    def answer(asked: Asked) -> Answer | Fault:
        if asked.schema is not None and "open" in asked.schema["properties"]:
            return Fault(status=422, message="Invalid schema for this request: 'open' must be closed")
        return Answer("{}")

    server.answer = answer
    backend = LangChainBackend(MODELS["chat"](server))
    odd = SCHEMA | {"properties": {"open": {"type": "object"}}, "required": []}
    for _ in range(2):
        with pytest.raises(FormUnsupported):
            await backend.reply(request(answer=odd, form=Form.schema))
    assert (await backend.reply(in_form(Form.schema))).text == "{}"
    assert len(server.asked) == 2
    await backend.close()


async def test_a_failure_that_has_nothing_to_do_with_the_form_is_told_as_it_is(
    backend: LangChainBackend, server: ModelServer
) -> None:
    server.fail(Fault(status=401, message="No."))
    with pytest.raises(ModelFailed) as caught:
        await backend.reply(in_form(Form.schema))
    assert not isinstance(caught.value, FormUnsupported)
    assert tuple(backend.forms) == FORMS
