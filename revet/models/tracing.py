"""The span of one request to a language model: ``chat MODEL``, by OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from revet import traces
from revet.models.wire import Finish, Message, Reply, Request

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["asked", "told"]

PROVIDERS = {
    "azure_ai": "azure.ai.inference",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "anthropic_bedrock": "aws.bedrock",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""The conventions' names of providers, where they are not those by which models are named here."""

FILES = ("replay", "scripted", "transformers")
"""Providers whose models may be named by a path: only its last part is told."""

FINISHES = {
    Finish.stop: "stop",
    Finish.length: "length",
    Finish.tools: "tool_call",
    Finish.refusal: "content_filter",
    Finish.unknown: "unknown",
}


@contextmanager
def asked(name: str, request: Request) -> Iterator[Span]:
    """The span of asking the model `name` (``provider:model``) once."""
    provider, model = _named(name)
    given: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.seed": request.seed,
        "gen_ai.request.stop_sequences": request.stop or None,
        "gen_ai.output.type": None if request.answer is None else "json",
        "revet.role": request.role,
    }
    with traces.span(f"chat {model}", given, kind="client") as opened:
        if opened.is_recording() and traces.captures():
            system, said = _parted(request.messages)
            traces.note(opened, {"gen_ai.system_instructions": system, "gen_ai.input.messages": said})
        yield opened


def told(opened: Span, reply: Reply) -> None:
    """Say what came of it."""
    if not opened.is_recording():
        return
    finish = FINISHES[reply.finish]
    given: dict[str, Any] = {
        "gen_ai.response.model": _answered(reply.model),
        "gen_ai.response.finish_reasons": (finish,),
        "gen_ai.usage.input_tokens": reply.tokens.input,
        "gen_ai.usage.output_tokens": reply.tokens.output,
        "gen_ai.usage.cache_read.input_tokens": reply.tokens.cached or None,
        "revet.cost": reply.cost,
    }
    if traces.captures():
        said = Message(role="assistant", text=reply.text, tool_uses=reply.tool_uses)
        given["gen_ai.output.messages"] = json.dumps([{**_message(said), "finish_reason": finish}], ensure_ascii=False)
    traces.note(opened, given)


def _named(name: str) -> tuple[str, str]:
    """Provider and model, as the conventions call them."""
    provider, colon, model = traces.clean(name).partition(":")
    if not colon:
        return "revet", name
    return PROVIDERS.get(provider, provider), PurePath(model).name if provider in FILES else model


def _answered(model: str) -> str | None:
    """The model that answered, as its provider names it: what stands before a colon there is part of the name."""
    return PurePath(model).name if model.startswith(("/", "~")) else traces.clean(model) or None


def _parted(messages: tuple[Message, ...]) -> tuple[str | None, str]:
    """The instructions, and the rest, as the conventions' JSON."""
    system = [part for message in messages if message.role == "system" for part in _message(message)["parts"]]
    rest = [_message(message) for message in messages if message.role != "system"]
    return json.dumps(system, ensure_ascii=False) if system else None, json.dumps(rest, ensure_ascii=False)


def _message(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if message.role == "tool":
        parts.append({"type": "tool_call_response", "id": message.tool_use, "response": traces.clean(message.text)})
    elif message.text:
        parts.append({"type": "text", "content": traces.clean(message.text)})
    for use in message.tool_uses:
        arguments = traces.cleaned(use.arguments)
        parts.append({"type": "tool_call", "id": use.id, "name": use.name, "arguments": arguments})
    parts += [{"type": "image", "mime_type": each.mime, "base64_length": len(each.data)} for each in message.images]
    return {"role": message.role, "parts": parts}
