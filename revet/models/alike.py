"""Which requests are the same but for what differs from run to run, and how an answer to one answers the other.

Prompts hold the keys of fences, ids of evidence, measured durations, addresses in memory, and the folders that a run
works in. Two requests are alike if they are equal once these are masked, and if each name of the one stands for one
name of the other throughout. Folders of the system are never masked: `/etc/passwd` is what it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from revet.models.wire import Reply, Request
from revet.schema import digest

__all__ = ["Masked", "masked_lines", "renamed"]

_VARIES = re.compile(
    r"(?P<key>(?:(?<=⟦data )|(?<=⟦end ))[0-9a-f]{12,32})"
    r"|(?P<id>\be-[0-9a-f]{8}\b)"
    r"|(?P<folder>(?<![\w/.~:<-])/(?!(?:etc|usr|bin|sbin|lib\d*|proc|sys|dev|boot|opt|var/(?!folders|tmp))/)"
    r"(?:[\w.@+~-]+/)+)"
    r"|(?P<address>\b0x[0-9a-f]{6,16}\b)"
    r"|(?P<seconds>\b\d+\.\d+(?=\s?(?:s|ms|sec|seconds)\b))"
)
_NAMES = ("key", "id", "folder")
"""Kinds that an answer may use, so that it must be carried over to the names of another run."""


@dataclass
class Masked:
    """A request with what varies masked. Equal `key`s say that two are the same but for that."""

    request: Request
    names: list[tuple[str, str]] = field(default_factory=list)
    """Kind and text of all that names something, in order."""

    @cached_property
    def key(self) -> str:
        self.names = []
        dumped = self.request.model_dump(mode="json")
        for message in dumped["messages"]:
            message["text"] = self._mask(message["text"])
            for use in message["tool_uses"]:
                use["arguments"] = self._mask(json.dumps(use["arguments"], sort_keys=True, ensure_ascii=False))
        return digest(dumped, length=16)

    def names_in(self, other: Masked) -> dict[str, str] | None:
        """What each name of this request is called in `other`, which has the same key; None if that is in doubt."""
        there: dict[str, str] = {}
        back: dict[str, str] = {}
        if self.key != other.key or len(self.names) != len(other.names):
            return None
        for (_, mine), (_, its) in zip(self.names, other.names, strict=True):
            if there.setdefault(mine, its) != its or back.setdefault(its, mine) != mine:
                return None
        return there

    def _mask(self, text: str) -> str:
        def put(found: re.Match[str]) -> str:
            kind = str(found.lastgroup)
            if kind in _NAMES:
                self.names.append((kind, found[0]))
            return f"⟨{kind}⟩"

        return _VARIES.sub(put, text)


def masked_lines(text: str) -> list[str]:
    """The lines of `text` with what varies masked."""
    return _VARIES.sub(lambda found: f"⟨{found.lastgroup}⟩", text).split("\n")


def renamed(reply: Reply, names: dict[str, str]) -> Reply:
    """`reply` with the names of another run: in its text and in what it wants called."""
    if all(name == other for name, other in names.items()):
        return reply

    def put(text: str) -> str:
        return _VARIES.sub(lambda found: names.get(found[0], found[0]), text)

    def put_in(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {key: put_in(each) for key, each in value.items()}
        if isinstance(value, list):
            return [put_in(each) for each in value]
        return put(value) if isinstance(value, str) else value

    uses = tuple(
        use.model_copy(update={"arguments": {key: put_in(value) for key, value in use.arguments.items()}})
        for use in reply.tool_uses
    )
    return reply.model_copy(update={"text": put(reply.text), "tool_uses": uses})
