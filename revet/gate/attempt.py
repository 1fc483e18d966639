"""What came of trying an action, and what that settles of the doubts about it.

A trial settles doubts about programs that nobody has written down, only if all that it did was seen. What the text is
known to destroy it never takes back: a command that finds nothing to delete here may find something where it is
carried out. Doubts about what a text hides stay: code that is hidden may ask where it runs before it does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from revet.effects.model import Analysis, Effect, EffectKind

__all__ = ["UNKNOWN_PROGRAM", "Attempt"]

UNKNOWN_PROGRAM = "nobody has written down what `"
"""How the doubt about a program begins that is in no table."""

_OTHER_CODE = frozenset({EffectKind.run, EffectKind.unknown})
_NEAR = ("workspace", "temporary")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whether it was tried, and what was seen. `complete`: all that it did was seen, so nothing is left in doubt.

    `said` is what happened, in a sentence; `paths` has an effect for each file, `changes` is for the answer. `settled`
    is what is known afterwards, where that is not what `settle` makes of the text and of what was `measured`; `doubts`
    are those that the trial itself raises.
    """

    state: Literal["ran", "skipped", "off", "failed"]
    reason: str = ""
    measured: Analysis = field(default_factory=Analysis)
    complete: bool = False
    said: str = ""
    paths: tuple[Effect, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    settled: Analysis | None = None
    doubts: tuple[str, ...] = ()

    def settle(self, text: Analysis) -> Analysis:
        """What is known after the trial, of what the text said and what was seen."""
        if self.settled is not None:
            return self.settled
        if self.state != "ran":
            return text
        kept = (each for each in text.doubts if not (self.complete and each.startswith(UNKNOWN_PROGRAM)))
        doubts = (*kept, *self.doubts)
        certain = not text.doubts and not any(effect.kind in _OTHER_CODE for effect in text.effects)
        deletes = [each for each in self.measured.effects if each.kind is EffectKind.delete and each.place in _NEAR]
        told = tuple(_counted(effect, deletes) for effect in text.effects)
        # Where the text says all, a file that was moved is no file that was lost, and git's own records are git's.
        lost = self._lost(told, deletes)
        seen = [each for each in self.measured.effects if each in lost or not (certain and each.place in _NEAR)]
        if any(effect.kind is EffectKind.delete and effect.wide for effect in told):
            seen = [each for each in seen if each not in deletes]
        return Analysis((*told, *map(_exact, seen)), doubts, text.commands)

    def _lost(self, told: tuple[Effect, ...], deletes: list[Effect]) -> list[Effect]:
        """Of what was deleted in the workspace, what is not known to be elsewhere then: all if the text deletes, and
        what is more than was made if it moves."""
        gone = [each for each in deletes if each.place == "workspace"]
        if any(each.kind is EffectKind.delete for each in told):
            return gone
        made = sum(each.count or 1 for each in self.measured.effects if each.kind is EffectKind.create)
        return gone if sum(each.count or 1 for each in gone) > made + 1 else []


def _counted(effect: Effect, deletes: list[Effect]) -> Effect:
    """What the text says is deleted, with how much that is and whether it comes back, where it was seen."""
    if effect.kind is not EffectKind.delete or effect.place != "workspace" or not deletes:
        return effect
    back = all(each.reversible is True for each in deletes)
    if not effect.wide:
        return replace(effect, reversible=True, basis="dry run") if back else effect
    return replace(effect, count=sum(each.count or 1 for each in deletes), reversible=back, basis="dry run")


def _exact(effect: Effect) -> Effect:
    """What was counted is as many as it is, and not "any number"."""
    return effect if effect.count is None else replace(effect, wide=False)
