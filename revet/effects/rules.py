"""From what an action would do to a decision: rules by effect, place, path, table, command, count, reversibility.

How a decision comes about, so that it can be explained:

1. For each effect the first rule that matches: the project's file, then the user's file, then the built-in defaults.
2. Built-in guards (`Rule.guard`) hold against both files, except against a rule that names the target literally.
3. Over all effects the strictest decision wins: deny, then ask, then allow. No effect, no doubt: allow.
4. A doubt is at least ask, and so is an effect that the goal did not ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from revet.effects.model import Analysis, Effect
from revet.effects.patterns import Roots, command_matches, path_matches, table_matches

__all__ = ["WITH_RIGHTS", "Decision", "Requested", "Rule", "Rules", "Ruling", "Step", "strictest"]

Decision = Literal["allow", "ask", "deny"]

WITH_RIGHTS = "sudo"
"""The word of the effect that a command has for running with other rights."""

_RANK: dict[str, int] = {"allow": 0, "ask": 1, "deny": 2}
_BY_RANK: tuple[Decision, ...] = ("allow", "ask", "deny")


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Deny before ask before allow; allow if there are none."""
    return _BY_RANK[max((_RANK[each] for each in decisions), default=0)]


class Requested(Protocol):
    """What a goal asks for, as `revet.effects.goal.Scope` tells it."""

    @property
    def requested(self) -> tuple[Effect, ...]: ...
    @property
    def unrequested(self) -> tuple[tuple[Effect, str], ...]: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A field that is not given does not restrict; all that are given must hold; of a list one must hold.

    `count` is "at least so many", `at_most` "no more than", of all effects of the action that the rule speaks of; one
    that was not counted is many if it is wide and one if not.
    `cost` is "costs at least". `reversible=False` means that what is lost is not known to come back.
    `basis="dry run"` holds for what was measured, `word` for an entry of the table of effects, `looking` for commands
    that but look, apart from the rights that they do it with. `there`: of a target with globs, what is there counts.
    """

    decision: Decision
    effect: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    table: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    word: tuple[str, ...] = ()
    count: int | None = None
    at_most: int | None = None
    cost: float | None = None
    reversible: bool | None = None
    wide: bool | None = None
    requested: bool | None = None
    basis: str | None = None
    looking: bool | None = None
    there: bool = False
    reason: str = ""
    source: str = "defaults"
    guard: bool = False

    def matches(self, effect: Effect, case: Case) -> bool:
        """Whether the rule speaks of this effect. For what it forbids a rule is read widely, for what it allows
        narrowly: `rm -rf .` touches ``migrations/**`` when that is to be asked about, not when it is to be allowed."""
        return self._speaks_of(effect, case) and (
            (self.count is None or effect.wide or self._number(effect, case) >= self.count)
            and (self.at_most is None or (not effect.wide and self._number(effect, case) <= self.at_most))
        )

    def _number(self, effect: Effect, case: Case) -> int:
        """How many things there are of all that the rule speaks of: measured, or named one by one; whichever is more,
        for what is named is measured too."""
        if id(self) not in case.totals:
            spoken = [each for each in case.effects if self._speaks_of(each, case)]
            named = len({each.target or each.claim for each in spoken if each.count is None})
            case.totals[id(self)] = max(named, sum(each.count or 0 for each in spoken))
        return max(case.totals[id(self)], 1 if effect.count is None else effect.count)

    def _speaks_of(self, effect: Effect, case: Case) -> bool:
        loose = self.decision != "allow"
        return (
            (not self.effect or effect.kind in self.effect)
            and (not self.place or effect.place in self.place)
            and (self.wide is None or self.wide == effect.wide)
            and (self.basis is None or self.basis == effect.basis)
            and (not self.word or effect.word in self.word)
            and (self.looking is None or self.looking == (effect.command in case.looking))
            and (self.reversible is None or self.reversible == (effect.reversible is True))
            and (self.cost is None or (case.cost is not None and case.cost >= self.cost))
            and (self.requested is None or case.asked_for(effect) is self.requested)
            and (not self.table or (effect.place == "database" and table_matches(self.table, effect.target)))
            and (not self.command or command_matches(self.command, case.text_of(effect)))
            and (not self.path or path_matches(self.path, effect, case.roots, loose=loose, there=self.there))
        )

    def names(self, effect: Effect, case: Case) -> bool:
        """True if the rule names what the effect touches in so many words: the path, or the whole command."""
        by_path = any(path_matches((p,), effect, case.roots, loose=False, literal=True) for p in self.path)
        return by_path or case.text_of(effect) in self.command


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules need to know beside the effect."""

    roots: Roots
    commands: tuple[str, ...] = ()
    cost: float | None = None
    requested: frozenset[Effect] = frozenset()
    unrequested: frozenset[Effect] = frozenset()
    looking: frozenset[int | None] = frozenset()
    effects: tuple[Effect, ...] = ()
    totals: dict[int, int] = field(default_factory=dict)

    def asked_for(self, effect: Effect) -> bool | None:
        """True, False, or None where the goal does not tell."""
        return True if effect in self.requested else False if effect in self.unrequested else None

    def text_of(self, effect: Effect) -> str:
        if effect.command is None or effect.command >= len(self.commands):
            return self.commands[0] if len(self.commands) == 1 else ""
        return self.commands[effect.command]


def _aptest(matching: list[Rule], effect: Effect, case: Case) -> Rule:
    """The first. A built-in rule about paths that but lie below the target leaves it to one that decides the same for
    a reason that fits all of the target."""
    first = matching[0]
    if not first.path or not first.source.startswith("defaults") or first.decision == "allow":
        return first
    if path_matches(first.path, effect, case.roots, loose=False):
        return first
    return next((rule for rule in matching[1:] if rule.decision == first.decision and not rule.path), first)


def _looking(analysis: Analysis) -> frozenset[int | None]:
    """The commands that only look, whatever the rights that they run with."""
    does: dict[int | None, bool] = {}
    for effect in analysis.effects:
        looks = effect.kind in ("read", "fetch")
        if looks or effect.word != WITH_RIGHTS:
            does[effect.command] = does.get(effect.command, True) and looks
    return frozenset(command for command, looks in does.items() if looks and command is not None)


@dataclass(frozen=True, slots=True)
class Step:
    """Why one effect, doubt or unrequested thing is decided as it is: the line of `--explain`."""

    decision: Decision
    why: str
    rule: str
    effect: Effect | None = None
    command: int | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision, the reasons of those steps that made it as strict as it is, and all steps."""

    decision: Decision
    reasons: tuple[str, ...] = ()
    trace: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All the rules that hold, and the settings of ``[gate]``.

    `project` and `user` are what the files say, in their order. `trust_project` False: what the project's file says can
    only make a decision stricter. `otherwise` decides where no rule matches.
    """

    project: tuple[Rule, ...] = ()
    user: tuple[Rule, ...] = ()
    defaults: tuple[Rule, ...] = ()
    doubt: Decision = "ask"
    unrequested: Decision = "ask"
    otherwise: Decision = "ask"
    trust_project: bool = True
    dry_run: bool = True
    timeout: float = 5.0
    files: tuple[str, ...] = field(default=())

    def decide(
        self,
        analysis: Analysis,
        scope: Requested | None = None,
        *,
        roots: Roots | None = None,
        cost: float | None = None,
    ) -> Ruling:
        """The ruling on an action. `roots` says what relative paths in rules mean; `cost` is what a call declares."""
        unrequested = () if scope is None else scope.unrequested
        case = Case(
            roots=roots or Roots(),
            commands=analysis.commands,
            cost=cost,
            requested=frozenset(() if scope is None else scope.requested),
            unrequested=frozenset(effect for effect, _ in unrequested),
            looking=_looking(analysis),
            effects=analysis.effects,
        )
        steps = [self._step(effect, case) for effect in analysis.effects]
        steps += [Step(self.doubt, said, "a doubt is never allowed") for said in analysis.doubts]
        steps += [
            Step(self.unrequested, said, "the goal does not ask for it", effect, effect.command)
            for effect, said in unrequested
        ]
        decision = strictest(step.decision for step in steps)
        reasons = tuple(dict.fromkeys(step.why for step in steps if step.decision == decision != "allow"))
        return Ruling(decision, reasons, tuple(steps))

    def by_path(self, effects: Iterable[Effect], roots: Roots) -> tuple[Effect, ...]:
        """Those that a rule about paths asks about or forbids: the others are decided by what they have in common."""
        about = [rule for rule in (*self.project, *self.user, *self.defaults) if rule.path and rule.decision != "allow"]
        case = Case(roots=roots)
        return tuple(each for each in effects if any(rule.matches(each, case) for rule in about))

    def _step(self, effect: Effect, case: Case) -> Step:
        rule = self._rule_for(effect, case)
        if rule is None:
            return Step(self.otherwise, effect.claim, "no rule matches", effect, effect.command)
        builtin = rule.source.startswith("defaults")
        said = rule.reason if rule.reason or builtin else f"{rule.source} says {rule.decision}"
        why = f"{effect.claim}: {said}" if said else effect.claim
        return Step(rule.decision, why, rule.source, effect, effect.command)

    def _rule_for(self, effect: Effect, case: Case) -> Rule | None:
        matching = list(self._matching((*self.project, *self.user, *self.defaults), effect, case))
        first = _aptest(matching, effect, case) if matching else None
        if first is None:
            return None
        if not self.trust_project:
            held = next(self._matching((*self.user, *self.defaults), effect, case), None)
            if held is not None and _RANK[held.decision] > _RANK[first.decision]:
                first = held
        guard = next((rule for rule in matching if rule.guard), None)
        if guard is None or _RANK[first.decision] >= _RANK[guard.decision] or first.names(effect, case):
            return first
        return guard

    @staticmethod
    def _matching(rules: Iterable[Rule], effect: Effect, case: Case) -> Iterator[Rule]:
        return (rule for rule in rules if rule.matches(effect, case))
