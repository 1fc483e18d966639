"""What the tests of models have in common: requests, and a model for each protocol of the test server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI

from revet.models import Form, Message, Request, Retries, ToolSpec
from tests.models.servers import ModelServer

__all__ = ["BOUNDED", "MODELS", "QUICK", "SCHEMA", "TOOL", "in_form", "request"]

QUICK = Retries(attempts=3, first=0.01)

SCHEMA: dict[str, Any] = {
    "title": "Verdict",
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["accept", "revise"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}

BOUNDED: dict[str, Any] = {
    "title": "Bounded",
    "type": "object",
    "properties": {
        "maxLength": {"type": "string", "minLength": 1, "maxLength": 9},
        "words": {"type": "array", "items": {"$ref": "#/$defs/Word"}, "maxItems": 3},
        "either": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
    },
    "required": ["maxLength", "words", "either"],
    "additionalProperties": False,
    "$defs": {
        "Word": {
            "type": "object",
            "properties": {"word": {"type": "string", "maxLength": 60}},
            "required": ["word"],
            "additionalProperties": False,
        }
    },
}
"""Bounds of texts, and a property that is called like one."""

TOOL = ToolSpec(
    name="look_up",
    description="Looks a word up.",
    arguments={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)


def request(text: str = "Hello.", *, role: str = "critic", **settings: Any) -> Request:
    messages = (Message(role="system", text="Be short."), Message(role="user", text=text))
    return Request(role=role, messages=messages, **settings)


def in_form(form: Form, **settings: Any) -> Request:
    return request(answer=SCHEMA, form=form, **settings)


def _openai(**settings: Any) -> Callable[[ModelServer], BaseChatModel]:
    def make(server: ModelServer) -> BaseChatModel:
        return ChatOpenAI(model="gpt-4o-mini", base_url=server.url, api_key="k", max_retries=0, timeout=5, **settings)

    return make


def _anthropic(**settings: Any) -> Callable[[ModelServer], BaseChatModel]:
    def make(server: ModelServer) -> BaseChatModel:
        return ChatAnthropic(
            model="claude-opus-4-6", base_url=server.root, api_key="k", max_retries=0, timeout=5, **settings
        )

    return make


MODELS: dict[str, Callable[[ModelServer], BaseChatModel]] = {
    "chat": _openai(),
    "chat-stream": _openai(streaming=True, stream_usage=True),
    "responses": _openai(use_responses_api=True),
    "responses-stream": _openai(use_responses_api=True, streaming=True),
    "messages": _anthropic(),
    "messages-stream": _anthropic(streaming=True),
}
