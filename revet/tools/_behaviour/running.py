"""Runs candidates on cases in a sandbox session, all of a round in one process there, and reads what came back.

What a candidate does to itself (an endless loop, `os._exit`, a crash) costs it that case. If one takes the whole run
with it (memory, processes, its own watcher), every candidate is run again by itself, so that one cannot spoil another.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from revet.sandboxes.base import MIB, ExecVerdict, Layer, Limits, Session
from revet.tools._behaviour.values import Encoded, same, shown

__all__ = ["Call", "Candidate", "Outcome", "Ran", "Statement", "run_cases"]

Kind = Literal["value", "error", "timeout", "died", "bad", "skipped"]
STARTING = 5.0
MEMORY = 1024 * MIB


@dataclass(frozen=True)
class Candidate:
    """One draft or sample: a module's source that defines `entry`."""

    name: str
    code: str
    entry: str


@dataclass(frozen=True)
class Call:
    """One call: the source of the tuple of its arguments, as ``([1, 2], 3)``."""

    source: str
    kind: Literal["call"] = "call"


@dataclass(frozen=True)
class Statement:
    """A test: a statement that calls the entry point and raises if it is not satisfied."""

    source: str
    kind: Literal["test"] = "test"


@dataclass(frozen=True)
class Outcome:
    """How one call ended. `error` is the exception's type, or how the process died. `after`: the arguments as the call
    left them, None if it left them alone. `got`: of a test, how its calls ended.
    """

    kind: Kind
    value: Encoded | None = None
    error: str = ""
    message: str = ""
    after: Encoded | None = None
    got: tuple[Outcome, ...] = ()

    def same(self, other: Outcome) -> bool:
        """Whether the two are one behaviour: the same value, or the same class of failure."""
        if self.kind != other.kind:
            return False
        if self.value is not None and other.value is not None:
            return same(self.value, other.value)
        return self.kind != "error" or self.error == other.error

    def __str__(self) -> str:
        match self.kind:
            case "value":
                return shown(self.value or ["n"])
            case "error":
                return f"{self.error}: {self.message}"[:160] if self.message else self.error
            case "timeout":
                return "no answer in time"
            case "died":
                return f"the process ended ({self.error})"
            case "bad":
                return f"the arguments cannot be made: {self.error}"
        return "not run"


@dataclass(frozen=True)
class Ran:
    """What one candidate did. `broken` says why it could not be loaded, '' if it could; `line` where."""

    candidate: Candidate
    broken: str
    outcomes: tuple[Outcome, ...]
    line: int | None = None
    defined: bool = True


SKIPPED = Outcome("skipped")


async def run_cases(
    session: Session,
    candidates: Sequence[Candidate],
    cases: Sequence[Call | Statement] | Sequence[Sequence[Call | Statement]],
    *,
    seconds: float = 1.0,
    budget: float = 8.0,
    layer: Layer | None = None,
) -> list[Ran]:
    """Every candidate on every case (or on its own cases, if a sequence for each is given).

    `seconds` bounds one case, `budget` all the cases of a candidate; what is over it is `skipped`.
    """
    if not candidates:
        return []
    own = _cases_of_each(candidates, cases)
    answers = await _answers(session, candidates, own, seconds, budget, layer)
    if answers is None:
        answers = []
        for candidate, each in zip(candidates, own, strict=True):
            alone = await _answers(session, [candidate], [each], seconds, budget, layer)
            answers.append(alone[0] if alone else [{"died": "took the sandbox's process with it"}])
    return [_read(c, a, len(each)) for c, a, each in zip(candidates, answers, own, strict=True)]


def _cases_of_each(candidates: Sequence[Candidate], cases: Any) -> list[list[Call | Statement]]:
    if cases and isinstance(cases[0], (Call, Statement)):
        return [list(cases) for _ in candidates]
    return [list(each) for each in cases] if cases else [[] for _ in candidates]


async def _answers(
    session: Session,
    candidates: Sequence[Candidate],
    cases: Sequence[Sequence[Call | Statement]],
    seconds: float,
    budget: float,
    layer: Layer | None,
) -> list[Any] | None:
    """The guest's records of each candidate, None if the guest did not come to its end."""
    order: Any = {
        "candidates": [
            {
                "code": candidate.code,
                "entry": candidate.entry,
                "cases": [{"kind": c.kind, "source": c.source} for c in each],
            }
            for candidate, each in zip(candidates, cases, strict=True)
        ],
        "seconds": seconds,
        "budget": budget,
        "memory": MEMORY,
    }
    whole = STARTING + (budget + 3 * seconds) * len(candidates)
    limits = Limits(wall_seconds=whole, cpu_seconds=int(whole) + 1, memory=2 * MEMORY, processes=64)
    result = await session.run_python(_guest(), order, layer=layer, limits=limits)
    if result.verdict is not ExecVerdict.ok or not isinstance(result.value, list):
        return None
    if len(result.value) != len(candidates) or not all(isinstance(each, list) and each for each in result.value):
        return None
    return result.value


@functools.cache
def _guest() -> str:
    return resources.files("revet.tools").joinpath("_behaviour", "guest.py").read_text("utf-8")


def _read(candidate: Candidate, answer: list[Any], count: int) -> Ran:
    loaded = answer[0] if isinstance(answer[0], dict) else {}
    outcomes = [_outcome(each) for each in answer[1 : count + 1]]
    outcomes += [SKIPPED] * (count - len(outcomes))
    line = loaded.get("line")
    return Ran(
        candidate=candidate,
        broken=_why_broken(loaded, candidate.entry),
        outcomes=tuple(outcomes),
        line=line if isinstance(line, int) and line > 0 else None,
        defined=bool(loaded.get("ok") or loaded.get("defined")),
    )


def _why_broken(loaded: dict[str, Any], entry: str) -> str:
    if loaded.get("ok"):
        return ""
    if loaded.get("missing"):
        return f"it defines no function {entry}"
    if loaded.get("timeout"):
        return "it did not load in time"
    error = loaded.get("error")
    if isinstance(error, list) and len(error) == 2:
        return f"{error[0]}: {error[1]}" if error[1] else str(error[0])
    return f"its process ended while it was loaded ({loaded.get('died', 'no reason known')})"


def _outcome(record: Any) -> Outcome:
    if not isinstance(record, dict):
        return SKIPPED
    if record.get("timeout"):
        return Outcome("timeout")
    if "died" in record:
        return Outcome("died", error=str(record["died"]))
    if "bad" in record:
        return Outcome("bad", error=": ".join(_pair(record["bad"])))
    if "got" in record:
        got = record["got"]
        inner = tuple(_outcome(each) for each in got) if isinstance(got, list) else ()
        ended = _pair(record["ended"]) if "ended" in record else ("", "")
        return Outcome("error" if ended[0] else "value", error=ended[0], message=ended[1], value=None, got=inner)
    if "error" in record:
        name, message = _pair(record["error"])
        return Outcome("error", error=name, message=message)
    value, after = record.get("value"), record.get("after")
    if not isinstance(value, list):
        return Outcome("died", error="wrote what is no value")
    return Outcome("value", value=value, after=after if isinstance(after, list) else None)


def _pair(error: Any) -> tuple[str, str]:
    if isinstance(error, list) and len(error) == 2:
        return str(error[0]), str(error[1])
    return "Exception", ""
