"""When it is enough: stop rules as objects, to be joined with ``|`` (either) and ``&`` (both).

A rule says why to stop, or None to go on, and knows nothing but the attempts so far, so a resumed run stops where it
would have stopped. A strategy asks it in `wants_more`::

    stop = Rounds(7) | (Accepted(3) & Repeated(2)) | Patience(4)

    def wants_more(self, attempts):
        return go_on(self.stop, attempts, "another sample")

The budgets of the `Policy` hold besides, whatever a rule says. A stop rule ends nothing that the gate would not let
pass: it is asked when nothing speaks against the last attempt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from revet.errors import InputError
from revet.policy import repeated_answers, standing
from revet.schema import Attempt, Check, DecisionKind, Verdict

__all__ = ["Accepted", "Both", "Either", "Patience", "Repeated", "Rounds", "Seconds", "StopRule", "go_on"]


class StopRule(ABC):
    """Why no more drafts are wanted. A rule of your own has this one method."""

    @abstractmethod
    def why(self, attempts: Sequence[Attempt]) -> str | None:
        """Why to stop after these `attempts`; None to go on, as after none."""

    def __or__(self, other: StopRule) -> StopRule:
        return Either((self, other))

    def __and__(self, other: StopRule) -> StopRule:
        return Both((self, other))


@dataclass(frozen=True)
class Either(StopRule):
    """Stops when any of the rules does, for the reason of the first."""

    rules: tuple[StopRule, ...]

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        return next((why for rule in self.rules if (why := rule.why(attempts)) is not None), None)


@dataclass(frozen=True)
class Both(StopRule):
    """Stops when all of the rules do, for all their reasons."""

    rules: tuple[StopRule, ...]

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        reasons = [rule.why(attempts) for rule in self.rules]
        told = [reason for reason in reasons if reason is not None]
        return "; ".join(told) if reasons and len(told) == len(reasons) else None


@dataclass(frozen=True)
class Rounds(StopRule):
    """Stops after `most` drafts besides the first, as `Policy.rounds` counts them."""

    most: int

    def __post_init__(self) -> None:
        _at_least("Rounds", self.most, 0)

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        return f"{len(attempts)} drafts were made" if len(attempts) > self.most else None


@dataclass(frozen=True)
class Accepted(StopRule):
    """Stops when nothing spoke against `times` attempts; with `by`, when that critic accepted so many of them.

    An attempt that has no decision yet is the one that the rule is asked about, and nothing speaks against it.
    """

    times: int = 1
    by: str | None = None

    def __post_init__(self) -> None:
        _at_least("Accepted", self.times, 1)

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        stand = sum(_stands(a) and (self.by is None or _accepts(a, self.by)) for a in attempts)
        whose = f"{self.by} accepted" if self.by else "nothing speaks against"
        return f"{whose} {stand} draft{'s' * (stand > 1)}" if stand >= self.times else None


@dataclass(frozen=True)
class Repeated(StopRule):
    """Stops when the last answer was given again `times` times in a row, whatever its case and spaces."""

    times: int = 1

    def __post_init__(self) -> None:
        _at_least("Repeated", self.times, 1)

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        again = repeated_answers(attempts[:-1], attempts[-1].answer) if attempts else 0
        return f"the answer was given again {again} time{'s' * (again > 1)}" if again >= self.times else None


@dataclass(frozen=True)
class Patience(StopRule):
    """Stops when none of the last `rounds` attempts stands above the best before them (see `revet.policy.standing`).

    What is required is read from the evidence: the checks that it answers.
    """

    rounds: int

    def __post_init__(self) -> None:
        _at_least("Patience", self.rounds, 1)

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        before, last = attempts[: -self.rounds], attempts[-self.rounds :]
        if not before:
            return None
        required = _required(attempts)
        best = max(_standing(a, required) for a in before)
        better = any(_standing(a, required) > best for a in last)
        return None if better else f"nothing became better in {self.rounds} round{'s' * (self.rounds > 1)}"


@dataclass(frozen=True)
class Seconds(StopRule):
    """Stops when the tools took `most` seconds in all. Wall time, models included, is `Policy.seconds`."""

    most: float

    def __post_init__(self) -> None:
        if not self.most > 0:
            raise InputError(f"Seconds({self.most}) can never go on", hint="give it more than 0 seconds")

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        taken = sum(e.seconds for a in attempts for e in a.evidence)
        return f"the tools took {taken:.1f} seconds" if taken >= self.most else None


def go_on(rule: StopRule, attempts: Sequence[Attempt], wanted: str) -> str | None:
    """What `Strategy.wants_more` answers: None when `rule` says to stop, else what is `wanted`."""
    return wanted if rule.why(attempts) is None else None


class _Seen(Check):
    """A check of which only the evidence is at hand."""

    seen: str

    @property
    def id(self) -> str:
        return self.seen


def _required(attempts: Sequence[Attempt]) -> list[Check]:
    ids = {e.check: e.request for a in attempts for e in a.evidence if e.required and e.check}
    return [_Seen(command=request or "?", seen=check) for check, request in ids.items()]


def _standing(attempt: Attempt, required: Sequence[Check]) -> tuple[float, ...]:
    """Nothing, where there is no draft."""
    empty = attempt.draft.gives_up or attempt.draft.problem is not None
    return () if empty else standing(attempt, required)


def _stands(attempt: Attempt) -> bool:
    if attempt.draft.gives_up or attempt.draft.problem is not None:
        return False
    decision = attempt.decision
    return decision is None or decision.held or decision.kind in (DecisionKind.commit, DecisionKind.answer)


def _accepts(attempt: Attempt, critic: str) -> bool:
    return any(c.critic == critic and c.verdict is Verdict.accept for c in attempt.critiques)


def _at_least(rule: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{rule}({value}) can never go on", hint=f"give it {least} or more")
