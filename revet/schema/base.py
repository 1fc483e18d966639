"""What every model of the vocabulary has in common, short ids, and the enumerations."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticSerializationError

__all__ = [
    "Arguments",
    "Data",
    "DecisionKind",
    "EvidenceId",
    "Fraction",
    "Model",
    "Outcome",
    "RunOutcome",
    "Severity",
    "Verdict",
    "digest",
    "new_id",
    "to_json",
    "utcnow",
]


EvidenceId = str
INT64 = 2**63 - 1
"""The greatest integer that a checkpoint can hold."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


def digest(*parts: object, length: int = 8) -> str:
    """A short, stable hex digest of JSON-able parts. The same parts give the same digest in every process."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def to_json(model: BaseModel) -> str:
    """The model as JSON. Halves of surrogate pairs, which a name of a file may hold and UTF-8 cannot, become ``?``."""
    try:
        return model.model_dump_json()
    except PydanticSerializationError:
        text = json.dumps(model.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode("utf-8")


def new_id(stem: str) -> str:
    """A readable id that no other run has: the stem made safe, and six random letters and digits."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "run"
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return f"{safe[:40]}-{''.join(secrets.choice(alphabet) for _ in range(6))}"


def utcnow() -> datetime:
    return datetime.now(UTC)


class Model(BaseModel):
    """Frozen, closed to unknown fields. The base of the vocabulary."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    def __str__(self) -> str:
        return repr(self)


def _portable(value: JsonValue) -> JsonValue:
    """Integers beyond 64 bits become text: neither checkpoints nor most readers of JSON can hold them."""
    if isinstance(value, dict):
        return {key: _portable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_portable(each) for each in value]
    huge = isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63
    return str(value) if huge else value


def _portable_data(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: _portable(each) for key, each in value.items()}


def _portable_only(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if _portable_data(value) != value:
        raise ValueError("holds an integer beyond 64 bits; write it as text")
    return value


Data = Annotated[dict[str, JsonValue], AfterValidator(_portable_data)]
"""Typed findings, for programs to read. Integers beyond 64 bits are kept as text."""

Arguments = Annotated[dict[str, JsonValue], AfterValidator(_portable_only)]
"""What somebody gave, to be used as it stands. Integers beyond 64 bits are refused."""


class Severity(StrEnum):
    info = "info"
    minor = "minor"
    major = "major"
    critical = "critical"

    @property
    def rank(self) -> int:
        """0 (info) to 3 (critical)."""
        return list(Severity).index(self)


class Verdict(StrEnum):
    """What a critic says of a draft. Only `revise` and `reject` move the gate: a critic can veto, not approve."""

    accept = "accept"
    revise = "revise"
    reject = "reject"
    abstain = "abstain"


class Outcome(StrEnum):
    """What a tool saw. `failed` is the program's fault, `error` the request's; neither is an exception."""

    passed = "passed"
    failed = "failed"
    error = "error"
    timeout = "timeout"
    inconclusive = "inconclusive"


class DecisionKind(StrEnum):
    commit = "commit"
    answer = "answer"
    revise = "revise"
    choose = "choose"
    ask = "ask"
    abstain = "abstain"
    reject = "reject"


class RunOutcome(StrEnum):
    committed = "committed"
    answered = "answered"
    abstained = "abstained"
    asked = "asked"
    rejected = "rejected"
    failed = "failed"
