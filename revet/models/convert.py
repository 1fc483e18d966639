"""Between Revet's messages and LangChain's. Needs langchain-core."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import JsonValue

from revet.models.json_text import find
from revet.models.wire import Finish, Message, Reply, Request, Tokens, ToolSpec, ToolUse

__all__ = ["messages_of", "reply_of", "tools_of"]

FINISHES: Mapping[str, Finish] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), Finish.stop),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"), Finish.length
    ),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), Finish.tools),
    **dict.fromkeys(
        (
            "refusal",
            "content_filter",
            "content_filtered",
            "guardrail_intervened",
            "safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "error_toxic",
        ),
        Finish.refusal,
    ),
}
"""What providers call the reasons for stopping, in lower case."""


def messages_of(messages: Sequence[Message]) -> list[BaseMessage]:
    return [_message(message) for message in messages]


def tools_of(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """In OpenAI's form, which every `bind_tools` takes."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.arguments},
        }
        for tool in tools
    ]


def reply_of(said: AIMessage, request: Request) -> Reply:
    """The reply; for a request with an answer in the form of a tool, its arguments are the text."""
    finish, text = _finish(said), str(said.text)
    refusal = _refusal(said)
    # Where a stream was cut, LangChain closes the arguments that it had so far: they only look whole.
    whole = said.tool_calls[:-1] if finish is Finish.length and not said.invalid_tool_calls else said.tool_calls
    uses = [ToolUse(id=call["id"] or "", name=call["name"], arguments=_clean(call["args"])) for call in whole]
    if refusal is not None:
        finish, text = Finish.refusal, refusal
    elif request.answer is not None and (answer := _arguments(said, str(request.answer.get("title")))) is not None:
        # A call is how the answer came, not a wish of the model; "stop" unless it was cut off.
        text, uses = answer, []
        finish = Finish.stop if finish is Finish.tools else finish
    else:
        text, uses = _rescued(said, text, uses)
        if request.answer is None:
            text = _before(text, request.stop)
    if uses and finish in (Finish.stop, Finish.unknown):
        finish = Finish.tools
    return Reply(
        text=_clean_text(text),
        tool_uses=tuple(_told_apart(uses)),
        finish=finish,
        tokens=_tokens(said),
        model=str(said.response_metadata.get("model_name") or said.response_metadata.get("model") or ""),
    )


def _message(message: Message) -> BaseMessage:
    match message.role:
        case "system":
            return SystemMessage(content=message.text)
        case "tool":
            return ToolMessage(content=message.text, tool_call_id=message.tool_use or "")
        case "assistant":
            calls: list[Any] = [
                {"type": "tool_call", "id": use.id, "name": use.name, "args": use.arguments}
                for use in message.tool_uses
            ]
            return AIMessage(content=message.text, tool_calls=calls)
    if not message.images:
        return HumanMessage(content=message.text)
    blocks: list[str | dict[Any, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    for image in message.images:
        # OpenAI's form of an image is the one that every integration reads.
        blocks.append({"type": "image_url", "image_url": {"url": f"data:{image.mime};base64,{image.data}"}})
    return HumanMessage(content=blocks)


def _finish(said: AIMessage) -> Finish:
    about = said.response_metadata
    details = about.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    for name in ("finish_reason", "stop_reason", "stopReason", "done_reason", "status"):
        reason = reason or about.get(name)
    return FINISHES.get(str(reason).lower(), Finish.unknown)


def _refusal(said: AIMessage) -> str | None:
    """What the model says instead of an answer; None if it does not refuse in so many words."""
    refusal = said.additional_kwargs.get("refusal")
    if refusal:
        return str(refusal)
    blocks = said.content if isinstance(said.content, list) else []
    for block in blocks:
        if isinstance(block, dict) and block.get("refusal"):
            return str(block["refusal"])
    return None


def _arguments(said: AIMessage, title: str) -> str | None:
    """The arguments of the call that holds the answer, as JSON, or as they came where they are none."""
    for call in said.tool_calls:
        if call["name"] == title:
            return json.dumps(call["args"], ensure_ascii=False)
    for broken in said.invalid_tool_calls:
        if broken["name"] == title:
            return broken["args"] or ""
    return None


def _rescued(said: AIMessage, text: str, uses: list[ToolUse]) -> tuple[str, list[ToolUse]]:
    """Calls whose arguments are not quite JSON are repaired; those past repair are left in the text."""
    for broken in said.invalid_tool_calls:
        raw = broken["args"] or ""
        found = find(raw)
        sound = len(found.values) == 1 and not (found.unread or found.unclosed or found.twice)
        if sound and broken["name"]:
            uses = [*uses, ToolUse(id=broken["id"] or "", name=broken["name"], arguments=_clean(found.values[0]))]
        else:
            text = f"{text}\n{raw}".strip()
    return text, uses


def _told_apart(uses: Sequence[ToolUse]) -> list[ToolUse]:
    """Some servers give calls no id, but want each result to name its call. The same in every process."""
    return [use if use.id else use.model_copy(update={"id": f"call_{n}"}) for n, use in enumerate(uses, start=1)]


def _tokens(said: AIMessage) -> Tokens:
    usage = said.usage_metadata
    if usage is None:
        return Tokens()
    cached = usage.get("input_token_details", {}).get("cache_read") or 0
    # Some servers say -1 for what they do not count.
    return Tokens(input=max(0, usage["input_tokens"]), output=max(0, usage["output_tokens"]), cached=max(0, cached))


def _before(text: str, stops: Sequence[str]) -> str:
    """The text up to the first stop string: not every provider heeds them, and some give them back."""
    ends = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def _clean_text(text: str) -> str:
    """Half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes the replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean_text(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    kept: JsonValue = value
    return kept
