"""Tools and schemas as callers give them, and answers as callers want them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from revet.errors import InputError
from revet.models.local.speech import Tongue

__all__ = ["as_tool", "bounded", "json_schema", "note", "parsed", "wanted"]

Tool = dict[str, Any]
"""A tool in the form of OpenAI: ``{"type": "function", "function": {"name", "description", "parameters"}}``."""


def as_tool(tool: Tool | type | Callable[..., Any] | BaseTool) -> Tool:
    """Any of the ways to give a tool. A JSON Schema is a tool whose arguments fit it, named by its title."""
    if isinstance(tool, dict) and tool.get("type") == "object":
        name = tool.get("title", "answer")
        about = tool.get("description", "")
        return {"type": "function", "function": {"name": name, "description": about, "parameters": tool}}
    if isinstance(tool, type) and issubclass(tool, BaseModel):
        return as_tool(json_schema(tool))
    return convert_to_openai_tool(tool)


def json_schema(schema: Mapping[str, Any] | type) -> dict[str, Any]:
    """As a JSON Schema. An empty one stands for any object."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    if isinstance(schema, Mapping):
        return dict(schema) if schema else {"title": "answer", "type": "object", "additionalProperties": True}
    found: dict[str, Any] = convert_to_openai_tool(schema)["function"]["parameters"]
    return found


def bounded(schema: Any) -> bool:
    """Whether every string and list in a schema has a largest size. What has none may need all of it (a file)."""
    if isinstance(schema, list):
        return all(map(bounded, schema))
    if not isinstance(schema, dict):
        return True
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "enum" in schema or "const" in schema:
        return True
    if not kinds and not {"properties", "items", "prefixItems", "anyOf", "oneOf", "allOf", "$ref"} & schema.keys():
        return False  # anything at all
    if "string" in kinds and not {"maxLength", "format"} & schema.keys():
        return False
    if "array" in kinds and "maxItems" not in schema:
        return False
    if "object" in kinds and ("properties" not in schema or schema.get("additionalProperties")):
        return False
    inner = [schema.get(key, []) for key in ("items", "prefixItems", "anyOf", "oneOf", "allOf")]
    named = [each for key in ("properties", "$defs") for each in schema.get(key, {}).values()]
    return all(map(bounded, [*inner, *named]))


def wanted(kwargs: Mapping[str, Any], tongue: Tongue) -> tuple[list[Tool], dict[str, Any] | None, str]:
    """The tools on offer, the schema that the answer must fit if there is one, and what its prompt ends with."""
    choice, tools = kwargs.get("tool_choice"), list(kwargs.get("tools") or ())
    if kwargs.get("json_schema") is not None:
        return [], kwargs["json_schema"], ""
    if not tools or choice == "none":
        return [], None, ""
    if choice in (None, False, "auto"):
        return tools, None, ""
    if isinstance(choice, dict):
        choice = choice.get("function", choice).get("name")
    if choice not in (True, "any", "required"):
        offered = [tool["function"]["name"] for tool in tools]
        if choice not in offered:
            raise InputError(f"there is no tool {choice!r} to choose", hint=f"offered: {', '.join(offered)}")
        tools = [tool for tool in tools if tool["function"]["name"] == choice]
    return tools, tongue.schema(tools), tongue.opening


def note(schema: Mapping[str, Any] | None, tools: Sequence[Tool]) -> str:
    """What the model must be told that its template does not tell it; "" if nothing.

    The grammar enforces the schema, but only a model that has read it knows what belongs where.
    """
    if schema is not None and schema.get("properties"):
        return f"Answer with one JSON object that fits this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    if tools:
        listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
        return (
            'To call a tool, answer with a JSON object {"name": …, "arguments": …} and nothing else. '
            f"These are the tools:\n{listed}"
        )
    return ""


def parsed(
    asked: Runnable[LanguageModelInput, Any], schema: Mapping[str, Any] | type, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Run it, and parse the answer: to a dict, or an instance of the pydantic class.

    With `include_raw` a dict of raw, parsed and parsing_error; else a failure to parse is raised.
    """

    def finish(message: BaseMessage) -> Any:
        found, error = None, None
        try:
            found = read(message, schema)
        except (ValueError, ValidationError) as problem:
            error = problem
        if include_raw:
            return {"raw": message, "parsed": found, "parsing_error": error}
        if error is not None:
            raise error
        return found

    return asked | RunnableLambda(finish)


def read(message: BaseMessage, schema: Mapping[str, Any] | type) -> Any:
    if isinstance(message, AIMessage) and message.tool_calls:
        value = message.tool_calls[0]["args"]
    else:
        value = json.loads(message.text)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_validate(value)
    return value
