"""A model that answers whatever it is asked, in the form that is wanted, at random by a seed."""

from __future__ import annotations

import random
from typing import Any

from revet.models import LanguageModel, Request
from revet.models.scripted import ScriptedModel
from tests.agents.chat_support import said_draft

__all__ = ["Anyone"]

TEXTS = (
    "So the answer is: 4",
    "So the answer is: 5",
    "It is right.\nVerdict: correct",
    "It is wrong in the first step.\nVerdict: incorrect",
    "Overall judgment: Correct",
    "The loop ends too early. Overall judgment: Incorrect",
    "What is known of it? [Search: park]",
)
AGAIN = ("This answer cannot be used", "Draft something else", "may first use these tools")
"""Words of requests that no method decides on: of answers that could not be used, of drafts that were repeated."""


class Anyone:
    """`calls` counts what it was asked, without what no method decides on. `kind`: it finds everything right."""

    def __init__(self, seed: int, *, kind: bool = False) -> None:
        self.random, self.kind = random.Random(seed), kind
        self.calls = self.again = 0
        self.model = LanguageModel(ScriptedModel(self._answer, name=f"anyone:{seed}"))

    def _answer(self, request: Request) -> Any:
        shown = request.messages[-1].text
        if any(words in shown for words in AGAIN):
            self.again += 1
        else:
            self.calls += 1
        if request.answer is None:
            return TEXTS[0] if self.kind and request.role != "critic" else self.random.choice(TEXTS)
        schema = request.answer
        if "give_up" in schema.get("properties", {}):
            return self._draft()
        return self._of(schema, schema.get("$defs", {}))

    def _draft(self) -> dict[str, Any]:
        answer = "4" if self.kind else self.random.choice("4567")
        return said_draft(answer=answer, steps=[f"step {self.random.random()}", "and so it is"])

    def _of(self, schema: dict[str, Any], known: dict[str, Any], name: str = "") -> Any:
        if "$ref" in schema:
            return self._of(known[schema["$ref"].rpartition("/")[2]], known, name)
        for either in ("anyOf", "oneOf"):
            if either in schema:
                return self._of(self.random.choice(schema[either]), known, name)
        if "enum" in schema or "const" in schema:
            return self._choice(schema.get("enum") or [schema["const"]])
        match schema.get("type"):
            case "object":
                return {key: self._of(each, known, key) for key, each in schema.get("properties", {}).items()}
            case "array":
                least = max(schema.get("minItems", 0), 0 if self.kind else 1)
                length = self.random.randint(least, max(least, min(schema.get("maxItems", 3), 3)))
                return [self._of(schema["items"], known, name) for _ in range(length)]
            case "boolean":
                return True if self.kind else self.random.random() < 0.5
            case "integer":
                return self.random.randint(max(schema.get("minimum", 0), 0), min(schema.get("maximum", 2), 2))
            case "number":
                low, high = schema.get("minimum", 0.0), schema.get("maximum", 1.0)
                return high if self.kind else self.random.uniform(low, high)
            case "null":
                return None
        return f"{name} {self.random.random()}"

    def _choice(self, among: list[Any]) -> Any:
        good = [each for each in among if each in ("accept", "none", "met", "correct", "right")]
        return good[0] if self.kind and good else self.random.choice(among)
