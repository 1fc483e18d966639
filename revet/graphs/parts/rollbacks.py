"""Rolling back to the step before a bad one: the tree of steps that the drafts of a run make, and who grows it.

Every draft is a path from the root (the task) to a leaf (its answer). A draft that was made by rolling back shares the
first steps of its parent; ``draft.data`` says how many (`KEPT`), so the whole tree is read from the attempts. After
Thought Rollback (arXiv 2412.19707): a rollback goes from the end of a path to the step before one that the analysis
called bad, and what the analysis said goes along as experience.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from revet.agents.base import Choice, Proposer, Reviser
from revet.agents.chat.show import cut
from revet.agents.rollback import ANALYST, analysis_of, bad_steps_of
from revet.graphs.parts.selectors import weighted_vote
from revet.graphs.parts.steps import continued, prefix
from revet.graphs.parts.stopping import StopRule, go_on
from revet.graphs.parts.views import as_first, at, child_of, parent_of
from revet.graphs.step import leading, required_checks
from revet.schema import Attempt, Critique, Draft, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = [
    "KEPT",
    "Caps",
    "NothingToRollBack",
    "Rollback",
    "Rollbacks",
    "experience_of",
    "next_rollback",
    "node_of",
    "reports_for",
    "weight_of",
]

KEPT = "kept"
"""In ``Draft.data``: how many steps of its parent a draft goes on from."""
ROOT = (-1, 0)
NOTHING_LEFT = "there is no bad step left to go back to"
LEAST_WEIGHT, UNKNOWN_WEIGHT = 0.05, 0.5
MOST_STEPS, MOST_REPORT = 800, 1_200

Node = tuple[int, int]
"""A step in the tree: the round of the draft that wrote it, and how many steps lead to it, itself included."""


@dataclass(frozen=True)
class Caps:
    """How many rollbacks there may be: `outgoing` from one path's end, `incoming` to one step, and `chain`: made on
    the way along one path."""

    outgoing: int = 1
    incoming: int = 2
    chain: int = 3


class Rollback(NamedTuple):
    """From the end of `source` to the step before number `bad` (from 0), which is kept with all before it."""

    source: Attempt
    bad: int


def node_of(attempt: Attempt, depth: int, attempts: Sequence[Attempt]) -> Node:
    """The node that `depth` steps of `attempt` lead to: shared steps belong to whoever wrote them first."""
    if depth <= 0:
        return ROOT
    parent, kept = _made_from(attempt, attempts)
    return node_of(parent, depth, attempts) if parent is not None and depth <= kept else (attempt.round, depth)


def experience_of(attempt: Attempt, depth: int, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Whose analyses come with the first `depth` steps of `attempt`: the paths that were rolled back from on this way.

    The oldest comes first. A rollback to before all that one belongs to a branch that was left.
    """
    parent, kept = _made_from(attempt, attempts)
    if parent is None:
        return []
    if kept >= depth:
        return experience_of(parent, depth, attempts)
    return [*experience_of(parent, kept, attempts), parent]


def next_rollback(attempts: Sequence[Attempt], caps: Caps) -> Rollback | None:
    """The rollback to make: of the newest path that allows one, to before its first bad step that does."""
    paths = _paths(attempts)
    made = [_made_from(path, paths) for path in paths]
    sources = [parent.round for parent, _ in made if parent is not None]
    targets = [node_of(parent, kept, paths) for parent, kept in made if parent is not None]
    for attempt in reversed(paths):
        if sources.count(attempt.round) >= caps.outgoing:
            continue
        if len(experience_of(attempt, len(attempt.draft.steps), paths)) >= caps.chain:
            continue
        for bad in _bad(attempt):
            if targets.count(node_of(attempt, bad, paths)) < caps.incoming:
                return Rollback(attempt, bad)
    return None


def reports_for(found: Rollback, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Whose analyses are shown to who goes on: of the paths rolled back from on the way to the step that is kept, of
    those that were rolled back to it before, and of the one that is now."""
    source, paths = found.source, _paths(attempts)
    node = node_of(source, found.bad, paths)
    made = [_made_from(path, paths) for path in paths]
    before = [parent for parent, kept in made if parent is not None and node_of(parent, kept, paths) == node]
    known = [*experience_of(source, found.bad, paths), *before, source]
    return list({attempt.round: attempt for attempt in known}.values())


def weight_of(attempt: Attempt) -> float:
    """What the vote of a path counts: the share of its steps that the analysis lets stand. One half is not known."""
    said = analysis_of(attempt)
    return UNKNOWN_WEIGHT if said is None else max(LEAST_WEIGHT, said.score)


@dataclass(frozen=True)
class NothingToRollBack(StopRule):
    """Stops when no path has a bad step that the caps let it go back to."""

    caps: Caps

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        nothing = bool(attempts) and next_rollback(attempts, self.caps) is None
        return NOTHING_LEFT if nothing else None


class Rollbacks:
    """A strategy: a path, then one more for each rollback, until `stop` says that it is enough; then a weighted vote.

    `writer` makes whole paths, `onward` goes on from the steps that stand: it is shown those as the draft, and the
    experience as the critique. Where it is enough or nothing can be rolled back, and nothing stands, `mender` mends the
    last draft.
    """

    selects = True

    def __init__(
        self, writer: Proposer, onward: Reviser, mender: Reviser, stop: StopRule, caps: Caps, name: str = "rollback"
    ) -> None:
        self.writer, self.onward, self.mender = writer, onward, mender
        self.stop, self.caps, self.name = stop, caps, name

    async def drafts(self, view: View) -> Sequence[Draft]:
        if not any(_written(a) for a in view.attempts):
            return [await self.writer.propose(as_first(view))]
        enough = self.stop.why(view.attempts)
        found = next_rollback(view.attempts, self.caps) if enough is None else None
        if found is not None:
            return [await self._onward(view, found)]
        if any(a.decision is not None and a.decision.held for a in view.attempts):
            return [Draft(author=self.name, notes=enough or NOTHING_LEFT)]
        critique = view.critique or Critique(critic=self.name, verdict=Verdict.revise)
        return [await self.mender.revise(view, critique)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return go_on(self.stop, attempts, f"{len(attempts)} paths so far, and a bad step to go back to")

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return weighted_vote(candidates, weight_of, required_checks(view.task))

    async def _onward(self, view: View, found: Rollback) -> Draft:
        source, kept = found.source, prefix(found.source.draft, found.bad)
        known = reports_for(found, view.attempts)
        stands = Draft(author=source.draft.author, steps=kept)
        shown = replace(at(view, source), draft=stands, changes=None, layer=None, attempts=(), best=None)
        draft = await self.onward.revise(shown, _experience(known, self.name))
        if draft.gives_up or draft.problem is not None:
            return draft
        return child_of(continued(kept, draft), source, **{KEPT: len(kept), "bad": found.bad})


def _experience(known: Sequence[Attempt], name: str) -> Critique:
    """The analyses as a critique: a finding for each path, and what else was found wrong with the last of them."""
    findings = [_told(attempt) for attempt in known]
    others = [c for c in known[-1].critiques if c.critic != ANALYST and c.verdict in (Verdict.revise, Verdict.reject)]
    findings += [finding for critique in others for finding in critique.findings]
    return Critique(
        critic=name,
        verdict=Verdict.revise,
        possible_result="what was found wrong with earlier chains",
        findings=tuple(findings),
    )


def _told(attempt: Attempt) -> Finding:
    """The steps of a path that was rolled back from, and what its analysis said."""
    said = analysis_of(attempt) or leading([*attempt.critiques])
    steps = cut(" ".join(f"{n}. {step}" for n, step in enumerate(attempt.draft.steps)), MOST_STEPS)
    report = cut(said.possible_result, MOST_REPORT) if said else "it was refused"
    bad = ", ".join(map(str, bad_steps_of(attempt)))
    head = f"mistaken: steps {bad}. " if bad else ""
    return Finding(
        claim=f"chain {attempt.round}: {steps} | {head}{report}",
        severity=Severity.major,
        category="experience",
        evidence=tuple(e.id for e in attempt.evidence if e.required),
    )


def _made_from(attempt: Attempt, attempts: Sequence[Attempt]) -> tuple[Attempt | None, int]:
    """The path that it was rolled back from, and how many of its steps it keeps; no path for one that begins anew."""
    kept = attempt.draft.data.get(KEPT)
    parent = parent_of(attempt, attempts)
    if parent is None or not isinstance(kept, int) or parent.round >= attempt.round:
        return None, 0
    return parent, kept


def _bad(attempt: Attempt) -> tuple[int, ...]:
    """The bad steps, in order. A path that was refused although no step of it is named is wrong from the beginning."""
    named = tuple(step for step in bad_steps_of(attempt) if step < len(attempt.draft.steps))
    refused = attempt.decision is not None and not attempt.decision.held
    return named or ((0,) if refused else ())


def _paths(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that are paths. One that was chosen is in the record twice, the second time in the same round."""
    first: dict[int, Attempt] = {}
    for attempt in attempts:
        first.setdefault(attempt.round, attempt)
    return [a for a in first.values() if _written(a)]


def _written(attempt: Attempt) -> bool:
    return attempt.draft.problem is None and not attempt.draft.gives_up
