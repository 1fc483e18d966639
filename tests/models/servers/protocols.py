"""The answers and errors of the three protocols, whole and as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.models.servers.answers import Answer, Asked, Call, Fault

__all__ = ["error", "stream", "whole"]

CHAT_FINISH = {"stop": "stop", "length": "length", "tools": "tool_calls", "refusal": "content_filter"}
MESSAGES_FINISH = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use", "refusal": "refusal"}


def whole(asked: Asked, answer: Answer) -> dict[str, Any]:
    return {"chat": _chat, "responses": _response, "messages": _message}[asked.protocol](asked, answer)


def stream(asked: Asked, answer: Answer) -> Iterator[str]:
    """Server-sent events, one a string. A client that sees all but the last two must notice that it is not whole."""
    return {"chat": _chat_events, "responses": _response_events, "messages": _message_events}[asked.protocol](
        asked, answer
    )


def error(protocol: str, fault: Fault) -> dict[str, Any]:
    if protocol == "messages":
        kind = fault.code or {429: "rate_limit_error", 529: "overloaded_error"}.get(fault.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": fault.message}}
    return {
        "error": {"message": fault.message, "type": "invalid_request_error", "param": fault.param, "code": fault.code}
    }


def _raw(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(dict(call.arguments))


def _event(data: Any, name: str | None = None) -> str:
    said = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "") + f"data: {said}\n\n"


def _pieces(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]


# --- OpenAI, chat completions ---------------------------------------------------------------------------------------


def _chat_usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def _chat_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _raw(call)}}
        for call in answer.calls
    ]


def _chat(asked: Asked, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.calls:
        message["tool_calls"] = _chat_calls(answer)
    choice = {"index": 0, "message": message, "finish_reason": CHAT_FINISH[answer.finish], "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": asked.body["model"],
        "choices": [choice],
        "usage": _chat_usage(answer),
    }


def _chat_events(asked: Asked, answer: Answer) -> Iterator[str]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": asked.body["model"]}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        return _event(base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(answer.text):
        yield chunk({"content": piece})
    if answer.refusal is not None:
        yield chunk({"refusal": answer.refusal})
    for index, call in enumerate(_chat_calls(answer)):
        yield chunk({"tool_calls": [call | {"index": index}]})
    yield chunk({}, CHAT_FINISH[answer.finish])
    yield _event(base | {"choices": [], "usage": _chat_usage(answer)})
    yield _event("[DONE]")


# --- OpenAI, responses ----------------------------------------------------------------------------------------------


def _output(answer: Answer) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if answer.reasoning:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    content: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": []}
    if answer.refusal is not None:
        content = {"type": "refusal", "refusal": answer.refusal}
    if answer.text or answer.refusal is not None or not answer.calls:
        items.append(
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
        )
    for call in answer.calls:
        items.append(
            {
                "id": f"fc_{call.id}",
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": _raw(call),
                "status": "completed",
            }
        )
    return items


def _response(asked: Asked, answer: Answer) -> dict[str, Any]:
    why = {"length": "max_output_tokens", "refusal": "content_filter"}.get(answer.finish)
    ended = why is not None and answer.refusal is None
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": asked.body["model"],
        "status": "incomplete" if ended else "completed",
        "incomplete_details": {"reason": why} if ended else None,
        "error": None,
        "output": _output(answer),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "input_tokens_details": {"cached_tokens": answer.cached_tokens},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _response_events(asked: Asked, answer: Answer) -> Iterator[str]:
    done = _response(asked, answer)
    number = 0

    def event(kind: str, **data: Any) -> str:
        nonlocal number
        number += 1
        return _event({"type": kind, "sequence_number": number, **data}, kind)

    yield event("response.created", response=done | {"status": "in_progress", "output": [], "usage": None})
    for index, item in enumerate(done["output"]):
        if item["type"] == "message" and item["content"][0]["type"] == "output_text":
            at = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield event("response.output_item.added", output_index=index, item=item | {"content": []})
            empty = {"type": "output_text", "text": "", "annotations": []}
            yield event("response.content_part.added", **at, part=empty)
            for piece in _pieces(answer.text):
                yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
            yield event("response.output_text.done", **at, text=answer.text, logprobs=[])
        elif item["type"] == "message":
            at = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield event("response.output_item.added", output_index=index, item=item | {"content": []})
            yield event("response.content_part.added", **at, part={"type": "refusal", "refusal": ""})
            yield event("response.refusal.delta", **at, delta=answer.refusal)
            yield event("response.refusal.done", **at, refusal=answer.refusal)
        elif item["type"] == "function_call":
            yield event("response.output_item.added", output_index=index, item=item | {"arguments": ""})
            at = {"item_id": item["id"], "output_index": index}
            yield event("response.function_call_arguments.delta", **at, delta=item["arguments"])
            yield event("response.function_call_arguments.done", **at, name=item["name"], arguments=item["arguments"])
        yield event("response.output_item.done", output_index=index, item=item)
    kind = "response.completed" if done["status"] == "completed" else "response.incomplete"
    yield event(kind, response=done)


# --- Anthropic, messages --------------------------------------------------------------------------------------------


def _content(answer: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.reasoning:
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": "s"})
    if answer.text or not answer.calls:
        blocks.append({"type": "text", "text": answer.text})
    for call in answer.calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return blocks


def _message(asked: Asked, answer: Answer) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.body["model"],
        "content": _content(answer),
        "stop_reason": MESSAGES_FINISH[answer.finish],
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens - answer.cached_tokens,
            "cache_read_input_tokens": answer.cached_tokens,
            "cache_creation_input_tokens": 0,
            "output_tokens": answer.output_tokens,
        },
    }


def _message_events(asked: Asked, answer: Answer) -> Iterator[str]:
    done = _message(asked, answer)

    def event(kind: str, **data: Any) -> str:
        return _event({"type": kind, **data}, kind)

    yield event("message_start", message=done | {"content": [], "stop_reason": None})
    for index, block in enumerate(done["content"]):
        if block["type"] == "text":
            start, deltas = (
                {"type": "text", "text": ""},
                [{"type": "text_delta", "text": p} for p in _pieces(block["text"])],
            )
        elif block["type"] == "tool_use":
            start = block | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        else:
            start, deltas = block | {"thinking": ""}, [{"type": "thinking_delta", "thinking": block["thinking"]}]
        yield event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": done["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ended, usage=done["usage"])
    yield event("message_stop")
