"""What is said to a language model and what it says: plain data, the same for every provider and in recordings.

A `Request` is complete: two requests with the same digest ask for the same thing. What provider, key or retry is
behind it is not part of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from revet.schema import Model, digest

__all__ = ["Finish", "Form", "Image", "Message", "Reply", "Request", "Tokens", "ToolSpec", "ToolUse"]


class Image(Model):
    """`data` is base64."""

    mime: str = Field(default="image/png", pattern=r"^image/[a-z0-9.+-]+$")
    data: str


class ToolUse(Model):
    """A call that the model wants made."""

    id: str = ""
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class ToolSpec(Model):
    """A tool that the model may call. `arguments` is a JSON Schema of type object."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    arguments: dict[str, JsonValue]


class Message(Model):
    """`tool_use` names the call that a message of role `tool` answers."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    images: tuple[Image, ...] = ()
    tool_uses: tuple[ToolUse, ...] = ()
    tool_use: str | None = None


class Form(StrEnum):
    """How an answer of a given shape is asked for: enforced by the provider, as a tool's arguments, or in words."""

    schema = "schema"
    tool = "tool"
    text = "text"


class Request(Model):
    """One question to a model.

    `role` is who asks ("proposer", "critic", …). `answer` is the JSON Schema (with a `title`) that the answer must
    fit, and `form` how that is asked for; with `Form.text` the schema stands in the messages already.
    None for a setting means the model's own default.
    """

    role: str
    messages: tuple[Message, ...]
    answer: dict[str, JsonValue] | None = None
    form: Form = Form.text
    tools: tuple[ToolSpec, ...] = ()
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, gt=0)
    stop: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def digest(self) -> str:
        """16 hex digits: the same for the same request in every process."""
        return digest(self.model_dump(mode="json"), length=16)


class Tokens(Model):
    """As the provider counts them; 0 where it does not say."""

    input: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)
    cached: int = Field(default=0, ge=0, description="the part of input that was read from a cache")


class Finish(StrEnum):
    """Why the model stopped. `length`: it ran into a limit, so the text is not whole."""

    stop = "stop"
    length = "length"
    tools = "tools"
    refusal = "refusal"
    unknown = "unknown"


class Reply(Model):
    """What a model said. For a request with an `answer` schema, `text` is the JSON, whatever form it came in."""

    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()
    finish: Finish = Finish.stop
    tokens: Tokens = Tokens()
    model: str = ""
    seconds: float = Field(default=0.0, ge=0)
    cost: float | None = Field(default=None, ge=0, description="US dollars; None where no price is known")
