"""`ScriptedModel`: a model that answers by rule. For examples, tests and demonstrations; it understands nothing.

A script is a list of rules in YAML or JSON. The first rule that fits the request, and is not used up, answers::

    - role: proposer                     # who asks
      contains: "Who wrote Hamlet?"      # somewhere in the messages; a list: each of them
      reply: Christopher Marlowe
    - role: critic
      matches: "(?s)Marlowe.*e-[0-9a-f]{8}"   # a regular expression, over all the messages
      lacks: "second look"               # nowhere in the messages
      times: 1                           # answers once in this process
      value: {verdict: revise, score: 0.1}    # any JSON
    - reply: I do not know.              # no condition: answers whatever is left

Prefer conditions on what the messages hold to `times`: they choose the same rule when a run is resumed or done again,
while `times` counts within one process.
"""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue, field_validator, model_validator

from revet.errors import ModelFailed
from revet.models.described import described, quoted
from revet.models.wire import Finish, Form, Message, Reply, Request, Tokens, ToolUse
from revet.schema import Model

__all__ = ["ROLES", "Answer", "Rule", "ScriptedModel"]

ROLES = ("proposer", "reviser", "critic", "judge")
"""The roles that Revet asks for. A program may have others of its own."""

Answer = Reply | str | dict[str, Any] | list[Any]
"""What a function in place of rules may return: a reply, its text, or JSON."""

SHOWN_RULES, SHOWN_TEXT = 12, 60


class Rule(Model):
    """When it answers (`role` … `times`) and what (`reply` text, `value` as JSON, or `tool_uses`)."""

    role: str | None = None
    contains: tuple[str, ...] = Field(default=(), description="each stands somewhere in the messages")
    lacks: tuple[str, ...] = Field(default=(), description="none stands anywhere in the messages")
    matches: str | None = Field(default=None, description="a regular expression, searched in all the messages")
    tool_result: str | None = Field(
        default=None, description="the last message is the result of a tool, and holds this text"
    )
    times: int | None = Field(default=None, ge=1, description="how often it answers in one process")
    reply: str | None = None
    value: JsonValue = None
    tool_uses: tuple[ToolUse, ...] = ()
    finish: Finish | None = Field(default=None, description="default: tools where there are tool_uses, else stop")
    tokens: Tokens = Tokens()
    cost: float | None = Field(default=None, ge=0)

    @field_validator("contains", "lacks", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("role")
    @classmethod
    def _no_misspelt_role(cls, value: str | None) -> str | None:
        plain = (value or "").strip().lower()
        near = get_close_matches(plain, ROLES, n=1, cutoff=0.85) if plain.isalpha() and value not in ROLES else []
        if near:
            raise ValueError(f"nobody is called {value!r}; did you mean {near[0]}?")
        return value

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("value")
    @classmethod
    def _is_json(cls, value: JsonValue) -> JsonValue:
        json.dumps(value, allow_nan=False)
        return value

    @model_validator(mode="after")
    def _answers(self) -> Rule:
        given = self.model_fields_set
        if {"reply", "value"} <= given:
            raise ValueError("give either reply (text) or value (JSON)")
        if not given & {"reply", "value", "tool_uses", "finish"}:
            raise ValueError("says nothing: give reply (text), value (JSON), tool_uses or finish")
        return self

    def misfit(self, request: Request, text: str) -> str | None:
        """Why this rule does not answer `request`, whose messages are `text`; None if it does."""
        if self.role is not None and self.role != request.role:
            return f"role is {self.role}"
        for part in self.contains:
            if part not in text:
                return f"the messages lack {quoted(part, SHOWN_TEXT)}"
        for part in self.lacks:
            if part in text:
                return f"the messages hold {quoted(part, SHOWN_TEXT)}"
        if self.matches is not None and not re.search(self.matches, text):
            return f"nothing matches {quoted(self.matches, SHOWN_TEXT)}"
        if self.tool_result is not None and not _answers_tool(request.messages, self.tool_result):
            return f"the last message is no tool's result with {quoted(self.tool_result, SHOWN_TEXT)}"
        return None

    def answer(self) -> Reply:
        text = self.reply if self.reply is not None else ""
        if "value" in self.model_fields_set:
            text = _as_text(self.value)
        finish = self.finish or (Finish.tools if self.tool_uses else Finish.stop)
        return Reply(text=text, tool_uses=self.tool_uses, finish=finish, tokens=self.tokens, cost=self.cost)


Rules = Sequence[Rule | dict[str, Any]]
Answering = Callable[[Request], Answer | Awaitable[Answer]]


class ScriptedModel:
    """A `Backend` that follows rules, or asks a function, which may be asynchronous and may raise `ModelError`.

    `forms` are the structured forms that it claims to have; a rule's answer is the same in each. Raises `ModelFailed`
    where no rule answers, with the request and why each rule did not.
    """

    def __init__(self, rules: Rules | Answering, *, name: str = "scripted", forms: Sequence[Form] = ()) -> None:
        self.name, self.forms = name, tuple(forms)
        self._ask = rules if callable(rules) else None
        self.rules = () if callable(rules) else tuple(Rule.model_validate(rule) for rule in rules)
        self._used = [0] * len(self.rules)
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedModel:
        """The script in a file. Raises `ModelNotFound` if there is none, `InputError` with the line if it is wrong."""
        from revet.models.scriptfile import read_rules

        return cls(read_rules(Path(path)), name=f"scripted:{path}")

    async def reply(self, request: Request) -> Reply:
        if self._ask is None:
            return self._by_rule(request)
        said = self._ask(request)
        if inspect.isawaitable(said):
            said = await said
        reply = said if isinstance(said, Reply) else Reply(text=said if isinstance(said, str) else _as_text(said))
        return self._signed(reply)

    async def close(self) -> None:
        """Nothing to free."""

    def _by_rule(self, request: Request) -> Reply:
        text = "\n".join(message.text for message in request.messages)
        misfits = []
        for number, rule in enumerate(self.rules):
            why = rule.misfit(request, text) or self._use(number, rule)
            if why is None:
                return self._signed(rule.answer())
            misfits.append(f"rule {number + 1}: {why}")
        raise ModelFailed(
            f"no rule answers {described(request)}\n  in {self.name}{_listed(misfits)}{_wanted(request)}",
            hint="add a rule for it, or a last one without conditions",
        )

    def _use(self, number: int, rule: Rule) -> str | None:
        """Counts a use; says if there is none left."""
        with self._lock:
            if rule.times is not None and self._used[number] >= rule.times:
                return f"is used up (times: {rule.times})"
            self._used[number] += 1
        return None

    def _signed(self, reply: Reply) -> Reply:
        return reply if reply.model else reply.model_copy(update={"model": self.name})


def _answers_tool(messages: Sequence[Message], text: str) -> bool:
    return bool(messages) and messages[-1].role == "tool" and text in messages[-1].text


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _wanted(request: Request) -> str:
    fields = (request.answer or {}).get("properties")
    return f"\n  wanted is JSON with {', '.join(fields)}" if isinstance(fields, dict) and fields else ""


def _listed(misfits: Sequence[str]) -> str:
    if not misfits:
        return ", which has no rules"
    more = [f"… and {len(misfits) - SHOWN_RULES} more"] if len(misfits) > SHOWN_RULES else []
    return "".join(f"\n  {line}" for line in [*misfits[:SHOWN_RULES], *more])
