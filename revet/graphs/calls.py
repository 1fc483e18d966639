"""How often a method asks language models in one run: what each recipe says of itself, before anything is run.

The least is that of a run in which every draft stands when it is first examined, the most that of one that uses all its
rounds. What no method decides is not counted: a model that looks at files before it drafts, that calls tools before it
criticises, that is asked again for an answer that could not be used or repeated a draft, and what a person asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from revet.models import LanguageModel
from revet.policy import Policy

__all__ = ["NONE", "ONE", "Calls", "asked", "drafted", "judged", "rounds_of"]


@dataclass(frozen=True)
class Calls:
    """From `least` to `most` calls."""

    least: int
    most: int

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.least + other.least, self.most + other.most)

    def __mul__(self, times: int | Calls) -> Calls:
        """So many times: a number, or a range of it."""
        often = times if isinstance(times, Calls) else Calls(times, times)
        return Calls(self.least * often.least, self.most * often.most)

    @property
    def maybe(self) -> Calls:
        """Perhaps these, perhaps none."""
        return Calls(0, self.most)


NONE, ONE = Calls(0, 0), Calls(1, 1)


def asked(model: LanguageModel | None) -> Calls:
    """One call, where there is a model to ask."""
    return NONE if model is None else ONE


def rounds_of(policy: Policy, most: int | None = None) -> Calls:
    """How many drafts are made: one at least, and one more in each round; never more than `most`."""
    made = policy.rounds + 1
    return Calls(1, made if most is None else min(made, most))


def drafted(each: Calls, policy: Policy, judge: LanguageModel | None = None, *, once: Calls = NONE) -> Calls:
    """A run whose every draft takes `each`, with what it takes `once`; `judge` chooses between equal drafts."""
    made = rounds_of(policy)
    return once + each * made + judged(judge, made.most)


def judged(judge: LanguageModel | None, drafts: int, each: int = 1) -> Calls:
    """A judge that chooses between equal drafts, of which there may be none: `each` calls for an opinion.

    Every challenger meets the champion, in both orders; so does again whoever was equal to one who was beaten later,
    which takes a winner that was none of these.
    """
    if judge is None or drafts < 2:
        return NONE
    return Calls(0, (4 * drafts - 6) * each)
