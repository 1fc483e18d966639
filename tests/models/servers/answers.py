"""What a test server is asked, what it answers, and how it fails, whatever the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Answer", "Asked", "Call", "Fault", "example"]


@dataclass(frozen=True)
class Call:
    """A tool call. `arguments` may be a text, to send what is not JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = "call_1"


@dataclass(frozen=True)
class Answer:
    """`refusal` is OpenAI's field; Anthropic's protocol has only the finish. `reasoning` comes before the text."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: Literal["stop", "length", "tools", "refusal"] = "stop"
    refusal: str | None = None
    reasoning: str | None = None
    input_tokens: int = 11
    output_tokens: int = 7
    cached_tokens: int = 0


@dataclass(frozen=True)
class Fault:
    """How one request fails.

    `status`: an error in the protocol's own form, with `message`, `code` and `param`. `reset`: the connection is cut
    before anything is said. `truncated`: it is cut in the middle of the answer, or, in a stream, the stream just ends.
    `invalid_json` and `html`: a 200 that is neither. `slow`: the answer comes after `seconds`.
    """

    kind: Literal["status", "reset", "truncated", "invalid_json", "html", "slow"] = "status"
    status: int = 500
    message: str = "the server had an error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request as it came. `protocol` is ``chat``, ``responses`` or ``messages``."""

    protocol: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The schema that the answer must fit, where the protocol enforces it."""
        if self.protocol == "chat":
            form = self.body.get("response_format") or {}
            found = (form.get("json_schema") or {}).get("schema")
        elif self.protocol == "responses":
            found = ((self.body.get("text") or {}).get("format") or {}).get("schema")
        else:
            found = ((self.body.get("output_config") or {}).get("format") or {}).get("schema")
        return found if isinstance(found, dict) else None

    @property
    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of the tools, by name."""
        found = {}
        for tool in self.body.get("tools") or ():
            about = tool.get("function", tool)
            found[about["name"]] = about.get("parameters") or about.get("input_schema") or {}
        return found

    @property
    def forced(self) -> str | None:
        """The tool that must be called."""
        choice = self.body.get("tool_choice")
        if not isinstance(choice, dict):
            return None
        name = choice.get("name") or (choice.get("function") or {}).get("name")
        return str(name) if name else None

    @property
    def last(self) -> str:
        """The text of the last message."""
        messages = self.body.get("messages") or self.body.get("input") or [{"content": ""}]
        content = messages[-1].get("content") or ""
        if isinstance(content, str):
            return content
        return "".join(str(block.get("text", "")) for block in content)


def example(schema: Mapping[str, Any]) -> Any:
    """The shortest value that fits a JSON Schema of the plain kind."""
    return _example(schema, schema.get("$defs", {}))


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _example(schema[union][0], definitions)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {name: _example(schema["properties"][name], definitions) for name in required}
        case "array":
            return []
        case "integer" | "number":
            return max(0, schema.get("minimum", 0))
        case "boolean":
            return False
        case "null":
            return None
    return "word"
