"""What is said to a local model and what it says back: messages through its chat template, its calls of tools as data.

Models write calls of tools in one of a few ways, and the chat template shows which: JSON between ``<tool_call>`` tags
(Hermes, Qwen), after ``[TOOL_CALLS]`` (Mistral), or bare (Llama, with ``parameters`` for the arguments).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from revet.errors import ModelFailed

__all__ = ["Calls", "Tongue", "as_dicts", "disarmed", "render", "tongue_of", "with_note"]

Spoken = dict[str, Any]
"""A message as chat templates take it."""


@dataclass(frozen=True)
class Calls:
    """An answer taken apart: the text, and the calls in it."""

    text: str
    calls: list[ToolCall]
    broken: list[InvalidToolCall]


@dataclass(frozen=True)
class Tongue:
    """How a model writes a call: what comes before the JSON, and what it calls the arguments."""

    opening: str
    arguments: str = "arguments"

    def schema(self, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The JSON Schema of a call of one of these tools (in the form of OpenAI)."""
        calls, shared = [], dict[str, Any]()
        for number, tool in enumerate(tools):
            parameters = tool["function"].get("parameters") or {"type": "object", "properties": {}}
            # References start at the root of a schema, and the arguments are no longer at the root.
            parameters = json.loads(json.dumps(parameters).replace('"#/$defs/', f'"#/$defs/{number}.'))
            shared |= {f"{number}.{name}": found for name, found in parameters.pop("$defs", {}).items()}
            calls.append(
                {
                    "type": "object",
                    "properties": {"name": {"const": tool["function"]["name"]}, self.arguments: parameters},
                    "required": ["name", self.arguments],
                    "additionalProperties": False,
                }
            )
        whole = calls[0] if len(calls) == 1 else {"anyOf": calls}
        title = "+".join(tool["function"]["name"] for tool in tools)
        return {**whole, "title": title, **({"$defs": shared} if shared else {})}

    def forced(self, text: str) -> Calls:
        """The call in an answer that had to be one."""
        call = one_call(text, "call_0")
        return Calls("", [call], []) if call else Calls("", [], [broken_call(text, "call_0")])

    def read(self, text: str, names: Sequence[str]) -> Calls:
        """The calls in an answer. Bare JSON is one only if it names a tool that was offered."""
        if "<tool_call>" in text:
            parts = re.findall(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", text, re.DOTALL)
            said = re.sub(r"<tool_call>.*?(?:</tool_call>|\Z)", "", text, flags=re.DOTALL)
        elif "[TOOL_CALLS]" in text:
            said, _, rest = text.partition("[TOOL_CALLS]")
            parts = mistral(rest)
        else:
            said, _, rest = text.rpartition("<|python_tag|>")
            parts = bare(rest, names)
            if not parts:
                return Calls(text, [], [])
        calls, broken = [], []
        for number, part in enumerate(parts):
            call = one_call(part, f"call_{number}")
            if call is None:
                broken.append(broken_call(part, f"call_{number}"))
            else:
                calls.append(call)
        return Calls(said.strip(), calls, broken)


def tongue_of(template: str) -> Tongue:
    if "<tool_call>" in template:
        return Tongue("<tool_call>\n")
    if "[TOOL_CALLS]" in template:
        return Tongue("[TOOL_CALLS][")
    return Tongue("", "parameters" if '"parameters":' in template else "arguments")


def mistral(text: str) -> list[str]:
    """``[{"name": …, "arguments": …}, …]``, or ``name[ARGS]{…}`` in the later models."""
    named = re.match(r"\s*([\w.-]+?)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(\{.*)", text, re.DOTALL)
    if named:
        parts = re.split(r"\[TOOL_CALLS\]", text)
        return [
            re.sub(
                r"^\s*([\w.-]+?)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(\{.*)$",
                r'{"name": "\1", "arguments": \2}',
                part,
                flags=re.DOTALL,
            )
            for part in parts
        ]
    try:
        found, _ = json.JSONDecoder().raw_decode(text.strip())
    except ValueError:
        return [text.strip()]
    return [json.dumps(each) for each in (found if isinstance(found, list) else [found])]


def bare(text: str, names: Sequence[str]) -> list[str]:
    """JSON objects, separated by semicolons, that name a tool: nothing else may stand there."""
    decoder, parts, rest = json.JSONDecoder(), list[str](), text.strip()
    while rest:
        try:
            found, end = decoder.raw_decode(rest)
        except ValueError:
            return []
        if not (isinstance(found, dict) and found.get("name") in names):
            return []
        parts.append(rest[:end])
        rest = rest[end:].lstrip("; \n\t")
    return parts


def one_call(text: str, number: str) -> ToolCall | None:
    try:
        found = json.loads(text)
        arguments = found.get("arguments", found.get("parameters", {}))
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(found.get("name"), str) or not isinstance(arguments, dict):
        return None
    return ToolCall(name=found["name"], args=arguments, id=number, type="tool_call")


def broken_call(text: str, number: str) -> InvalidToolCall:
    return InvalidToolCall(name=None, args=text, id=number, error="not the JSON of a call", type="invalid_tool_call")


def as_dicts(messages: Sequence[BaseMessage], model: str) -> list[Spoken]:
    """Messages as templates take them. Raises `ModelFailed` for what is not text."""
    return [one_message(message, model) for message in messages]


def one_message(message: BaseMessage, model: str) -> Spoken:
    text = plain_text(message.content, model)
    match message:
        case SystemMessage():
            return {"role": "system", "content": text}
        case HumanMessage():
            return {"role": "user", "content": text}
        case ToolMessage():
            name = {"name": message.name} if message.name else {}
            return {"role": "tool", "content": text, "tool_call_id": message.tool_call_id, **name}
        case ChatMessage():
            return {"role": message.role, "content": text}
        case AIMessage():
            calls = [
                {"type": "function", "id": call["id"], "function": {"name": call["name"], "arguments": call["args"]}}
                for call in message.tool_calls
            ]
            return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    raise ModelFailed(f"a local model cannot be told a {type(message).__name__}")


def plain_text(content: str | Sequence[Any], model: str) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for block in content:
        kind = "text" if isinstance(block, str) else block.get("type")
        if kind in ("image", "image_url"):
            raise ModelFailed(f"{model} reads text only, and was given an image", hint="take a model that reads images")
        if kind == "text":
            parts.append(block if isinstance(block, str) else block["text"])
    return "\n".join(parts)


def disarmed(messages: Sequence[Spoken], marks: Mapping[str, bool], template: str) -> list[Spoken]:
    """The messages, with a space in whatever would be read as a mark: in a file it is data, and begins no message.

    Marks are the special tokens, and the other tokens of their own that stand in the template. What a model said may
    hold the latter, such as those around its thoughts.
    """
    special = [name for name, is_special in marks.items() if is_special]
    all_of_them = [name for name, is_special in marks.items() if is_special or (name.strip() and name in template)]
    return [spaced(message, special if message["role"] == "assistant" else all_of_them) for message in messages]


def spaced(value: Any, names: Sequence[str]) -> Any:
    """A space after the first character of each of these names, in every text of some data."""
    match value:
        case str():
            found = [re.escape(name) for name in names if len(name) > 1 and name in value]
            # Looks ahead, so that of two that overlap both are found.
            return re.sub(rf"(?=(?:{'|'.join(found)}))(.)", r"\1 ", value, flags=re.DOTALL) if found else value
        case dict():
            return {spaced(key, names): spaced(each, names) for key, each in value.items()}
        case list():
            return [spaced(each, names) for each in value]
    return value


def with_note(messages: Sequence[Spoken], note: str) -> list[Spoken]:
    """The messages, with a note in the system message: what is asked last stays last."""
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{note}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": note}, *messages]


def without_system(messages: Sequence[Spoken]) -> list[Spoken]:
    """The same for templates that know no system message, or insist that user and assistant take turns."""
    merged: list[Spoken] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        last = merged[-1] if merged else None
        if last is not None and last["role"] == role and role != "tool" and "tool_calls" not in {**last, **message}:
            merged[-1] = {**last, "content": f"{last['content']}\n\n{message['content']}"}
        else:
            merged.append({**message, "role": role})
    return merged


def render(tokenizer: Any, messages: Sequence[Spoken], template: str, model: str, **more: Any) -> list[int]:
    """The prompt as tokens. Raises `ModelFailed` if the template does not take such messages."""
    why = ""
    for form in (messages, without_system(messages)):
        try:
            tokens = tokenizer.apply_chat_template(
                list(form), chat_template=template, tokenize=True, add_generation_prompt=True, return_dict=True, **more
            )["input_ids"]
            return list(tokens)
        except (TemplateError, TypeError) as error:
            why = why or str(error)
    raise ModelFailed(f"the chat template of {model} does not take these messages: {why}")
