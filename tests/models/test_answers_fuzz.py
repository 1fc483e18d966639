"""10,000 spoiled answers: each is read as it was meant, or refused with a reason; none is read as anything else."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from revet.errors import AnswerUnusable
from revet.models import Finish, Message, Reply, Request
from revet.models.answers import parse
from tests.models import fuzz


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FindingSaid(Shape):
    claim: str
    severity: Literal["info", "minor", "major", "critical"]
    category: str
    line: int | None
    evidence: tuple[str, ...]
    suggestion: str | None


class CritiqueSaid(Shape):
    verdict: Literal["accept", "revise", "reject", "abstain"]
    possible_result: str
    findings: tuple[FindingSaid, ...]
    score: float = Field(ge=0, le=1)


class FileSaid(Shape):
    path: str
    content: str


class DraftSaid(Shape):
    files: tuple[FileSaid, ...]
    answer: str | None
    steps: tuple[str, ...]


REQUEST = Request(role="critic", messages=(Message(role="user", text="What is wrong?"),))
REASONS = {"empty", "malformed", "schema", "truncated", "ambiguous", "refused"}


@pytest.mark.parametrize(("shape", "make", "seed"), [(CritiqueSaid, fuzz.critique, 1), (DraftSaid, fuzz.draft, 2)])
def test_what_is_read_was_meant(shape: type[BaseModel], make: fuzz.Make, seed: int) -> None:
    async def all_of_them() -> Counter[str]:
        seen: Counter[str] = Counter()
        for spoiled in fuzz.answers(make, 5_000, seed):
            seen[await read(spoiled, shape)] += 1
        return seen

    seen = asyncio.run(all_of_them())
    assert seen.total() == 5_000
    assert seen.keys() == REASONS | {"read"}
    assert seen["read"] > 1_000


async def read(spoiled: fuzz.Spoiled, shape: type[BaseModel]) -> str:
    """How one answer ended. It is the answer to every question."""
    asked: list[Request] = []

    async def ask(request: Request) -> Reply:
        asked.append(request)
        return Reply(text=spoiled.text, finish=spoiled.finish)

    try:
        answer = await parse(ask, REQUEST, shape)
    except AnswerUnusable as unusable:
        assert not spoiled.certain, f"{spoiled.kind} should be read: {unusable}\n{spoiled.text}"
        assert unusable.text == spoiled.text
        assert len(asked) == (1 if spoiled.finish is Finish.refusal else 2)
        assert len(asked[-1].messages[-1].text) < 10_000
        return unusable.why
    assert len(asked) == 1
    assert spoiled.finish is not Finish.refusal
    if spoiled.meant is None:
        assert_literal(answer.model_dump(), spoiled.text)
    else:
        assert answer in [shape.model_validate(value) for value in spoiled.meant], f"{spoiled.kind}: {spoiled.text}"
    return "read"


def assert_literal(value: Any, text: str) -> None:
    """Every name and every word of `value` stands in `text`."""
    if isinstance(value, dict):
        for key, each in value.items():
            assert key in text or each in (None, (), [])  # what is left out is null, or an empty list
            assert_literal(each, text)
    elif isinstance(value, (list, tuple)):
        for each in value:
            assert_literal(each, text)
    elif isinstance(value, str) and value.isalnum() and value.isascii():
        assert value in text
