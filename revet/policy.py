"""The gate: what was seen and said of a draft goes in, a `Decision` comes out. Pure functions, no models.

What holds whatever any model says (each is a property in ``tests/test_policy.py``):

- a draft is committed only if every required check has evidence about exactly the staged state, and it passed (I3);
- a critique can veto a commit and can never cause one (I3);
- a finding that cites no evidence of this attempt is an opinion, and `Policy.opinions` says what it may do (I7);
- a spent budget never leads to another revision (I9);
- a critic that was not heard holds the draft back as if it had objected, for nobody knows what it would have said;
- the best attempt is chosen by evidence first, then by score, and the earlier one wins a tie (I6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Literal

from pydantic import Field

from revet.schema import (
    Attempt,
    Check,
    Critique,
    Decision,
    DecisionKind,
    Evidence,
    Finding,
    Model,
    Outcome,
    Severity,
    Usage,
    Verdict,
)

__all__ = [
    "Case",
    "Policy",
    "best_attempt",
    "decide",
    "equal_attempts",
    "exhausted_budgets",
    "repeated_answers",
    "standing",
]


FILES_ONLY = ("answer", "write_file", "edit_file", "delete_file")
"""The kinds of actions whose whole effect is the difference in `Attempt.changes`; every other kind acts beyond it."""


class Policy(Model):
    """How much may be spent, and what is needed before something is committed.

    `rounds` counts revisions after the first draft: 0 means one draft and no second chance. A budget of None is
    unlimited.
    """

    rounds: int = Field(default=4, ge=0)
    seconds: float | None = Field(default=None, gt=0, description="wall time of the whole run")
    tool_calls: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    cost: float | None = Field(default=None, gt=0, description="in the currency of the model's price list")
    approve: Literal["auto", "ask", "never"] = Field(
        default="auto",
        description="who lets a proven draft be committed: the gate, a person, or nobody (dry run)",
    )
    opinions: Literal["veto", "note"] = Field(
        default="veto",
        description="what a finding without evidence may do: hold a commit back, or only be noted",
    )
    veto_from: Severity = Field(default=Severity.major, description="the least severity that holds a commit back")
    sandbox_features: tuple[str, ...] = Field(
        default=(),
        description="what the sandbox must have (`revet doctor` lists it); without it nothing is run",
    )
    unproven: Literal["ask", "abstain", "commit"] = Field(
        default="ask", description="what to do with changes for which the task names no required check"
    )
    stable: int | None = Field(
        default=None,
        ge=1,
        description="an answer given again so often, against critics' findings, stands (CRITIC's stop rule)",
    )


class Case(Model):
    """One attempt before the gate. `required` are the checks that the task requires.

    `repeated` counts the attempts in a row before this one that gave the same answer.
    """

    attempt: Attempt
    required: tuple[Check, ...] = ()
    usage: Usage = Usage()
    repeated: int = Field(default=0, ge=0)


def decide(policy: Policy, case: Case) -> Decision:
    """Commit, answer, ask, revise, abstain or reject, with the reasons in the order in which they count."""
    attempt = case.attempt
    draft = attempt.draft

    def decision(kind: DecisionKind, *reasons: str) -> Decision:
        return Decision(kind=kind, reasons=reasons, draft=draft.id)

    spent = exhausted_budgets(policy, case.usage)
    if draft.gives_up:
        why = draft.notes or "the proposer has no further draft"
        return decision(DecisionKind.abstain, why, *_unproved(case), *spent)

    unproved, vetoes = _unproved(case), _vetoes(policy, attempt)
    unheard = [c.possible_result for c in attempt.critiques if not c.heard]
    if unheard:
        return decision(DecisionKind.abstain, *unheard, *unproved, *vetoes, *spent)
    answers = not attempt.changes and all(action.kind in FILES_ONLY for action in draft.actions)
    if vetoes and not unproved and answers and policy.stable is not None and case.repeated >= policy.stable:
        again = f"the answer was given again {case.repeated} time{'s' * (case.repeated > 1)} in spite of the critique"
        return decision(DecisionKind.answer, again, *vetoes)
    if unproved or vetoes:
        if not spent:
            return decision(DecisionKind.revise, *unproved, *vetoes)
        rejected = any(c.verdict is Verdict.reject for c in attempt.critiques) and vetoes
        kind = DecisionKind.reject if rejected else DecisionKind.abstain
        return decision(kind, *unproved, *vetoes, *spent)

    if answers:
        return decision(DecisionKind.answer, _proof(case) if case.required else _unopposed(attempt))
    if not case.required and policy.unproven != "commit":
        kind = DecisionKind.ask if policy.unproven == "ask" else DecisionKind.abstain
        return decision(kind, "the task names no required check, so nothing proves this draft")
    if policy.approve == "never":
        return decision(DecisionKind.abstain, _proof(case), "approval is 'never': a dry run commits nothing")
    if policy.approve == "ask":
        return decision(DecisionKind.ask, _proof(case), "approval is 'ask': a person decides")
    return decision(DecisionKind.commit, _proof(case))


def exhausted_budgets(policy: Policy, usage: Usage) -> tuple[str, ...]:
    """A sentence for every budget that is spent; empty while another revision may be made."""
    limits: Sequence[tuple[str, float, float | None]] = (
        ("rounds of revision", usage.rounds, policy.rounds),
        ("seconds", usage.seconds, policy.seconds),
        ("tool calls", usage.tool_calls, policy.tool_calls),
        ("tokens", usage.tokens, policy.tokens),
        ("cost", usage.cost, policy.cost),
    )
    return tuple(
        f"budget spent: {used:.4g} of {limit:.4g} {name}"
        for name, used, limit in limits
        if limit is not None and used >= limit
    )


def best_attempt(attempts: Iterable[Attempt], required: Sequence[Check]) -> Attempt | None:
    """The attempt with the strongest evidence, then the highest score; the earliest of equals. None of nothing."""
    return max(_drafts(attempts), key=lambda a: (standing(a, required), -a.round), default=None)


def equal_attempts(attempts: Iterable[Attempt], required: Sequence[Check]) -> tuple[Attempt, ...]:
    """The different drafts that the evidence, without the critics' scores, puts above all others; in order."""
    first: dict[str, Attempt] = {}
    for attempt in _drafts(attempts):
        first.setdefault(attempt.draft.id, attempt)
    evidence = {draft: standing(attempt, required)[:-1] for draft, attempt in first.items()}
    return tuple(attempt for draft, attempt in first.items() if evidence[draft] == max(evidence.values()))


def repeated_answers(attempts: Sequence[Attempt], answer: str | None) -> int:
    """How many attempts in a row, up to the last, gave this answer; case and spaces make no difference."""
    said = None if answer is None else _normal(answer)
    before = (None if a.answer is None else _normal(a.answer) for a in reversed(attempts))
    return 0 if said is None else sum(1 for _ in takewhile(lambda each: each == said, before))


def _normal(answer: str) -> str:
    return " ".join(answer.split()).casefold()


def _drafts(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [a for a in attempts if not a.draft.gives_up and a.draft.problem is None]


def standing(attempt: Attempt, required: Sequence[Check]) -> tuple[float, ...]:
    """How good an attempt is, for comparing two: required checks passed, parts of checks passed, critics' scores.

    The parts are the fraction of single tests passed in checks that report them (``data["counts"]``), so that a
    draft that mends three of five tests stands above one that mends two. A failed integrity rule voids the parts.
    """
    about = _about(attempt)
    ids = {check.id for check in required}
    checks = [e for e in about if e.check in ids]
    blocked = any(e.required and e.check is None and e.outcome is not Outcome.passed for e in about)
    passed = sum(e.outcome is Outcome.passed for e in checks)
    parts = sum(_fraction_passed(e) for e in checks)
    scores = [c.score * c.confidence for c in attempt.critiques if c.verdict is not Verdict.abstain]
    return (float(not blocked), float(passed), round(parts, 9), sum(scores) / len(scores) if scores else 0.0)


def _fraction_passed(evidence: Evidence) -> float:
    if evidence.outcome is Outcome.passed:
        return 1.0
    counts = evidence.data.get("counts")
    if evidence.data.get("integrity") or not isinstance(counts, dict):
        return 0.0
    numbers = {k: v for k, v in counts.items() if isinstance(v, int | float) and v > 0}
    total = sum(v for k, v in numbers.items() if k != "skipped")
    return float(numbers.get("passed", 0)) / total if total else 0.0


def _about(attempt: Attempt) -> list[Evidence]:
    """The evidence about exactly the state that this attempt staged; whatever else is there proves nothing."""
    state = attempt.changes.fingerprint if attempt.changes else None
    return [e for e in attempt.evidence if e.changes == state]


def _unproved(case: Case) -> tuple[str, ...]:
    """Why the evidence does not allow a commit: a sentence for each check missing or not passed."""
    if case.attempt.draft.problem is not None:
        return (case.attempt.draft.problem,)
    about = _about(case.attempt)
    ids = {check.id for check in case.required}
    others = [e for e in about if e.required and e.check not in ids and e.outcome is not Outcome.passed]
    if others:
        return tuple(_sentence(e) for e in others)
    reasons = []
    for check in case.required:
        answers = [e for e in about if e.check == check.id]
        if not answers:
            reasons.append(f"`{check}` was not run on this draft")
        reasons += [_sentence(e) for e in answers if e.outcome is not Outcome.passed]
    return tuple(reasons)


def _sentence(evidence: Evidence) -> str:
    first = next((line.strip() for line in evidence.observation.splitlines() if line.strip()), "")
    return f"`{evidence.request}` {evidence.outcome}" + (f": {first[:200]}" if first else "")


def _proof(case: Case) -> str:
    about = {e.check: e for e in _about(case.attempt)}
    proofs = [_sentence(about[check.id]) for check in case.required if check.id in about]
    return "; ".join(proofs) or "no check is required"


def _unopposed(attempt: Attempt) -> str:
    """Why an answer stands that no check examines."""
    accepting = [c.critic for c in attempt.critiques if c.verdict is Verdict.accept]
    if any(c.verdict in (Verdict.revise, Verdict.reject) for c in attempt.critiques):
        return "no objection to the answer holds it back"
    return f"the answer was accepted by {', '.join(accepting)}" if accepting else "nobody objected to the answer"


def _vetoes(policy: Policy, attempt: Attempt) -> tuple[str, ...]:
    """Why critics hold the draft back. Only `revise` and `reject` count; `accept` and `abstain` add nothing."""
    known = {e.id for e in _about(attempt)}
    reasons: list[str] = []
    for critique in attempt.critiques:
        if critique.verdict in (Verdict.revise, Verdict.reject):
            reasons += _veto(policy, critique, known)
    return tuple(reasons)


def _veto(policy: Policy, critique: Critique, known: set[str]) -> list[str]:
    def grounded(finding: Finding) -> bool:
        return any(e in known for e in finding.evidence)

    heard = [f for f in critique.findings if grounded(f) or policy.opinions == "veto"]
    grave = [f for f in heard if f.severity.rank >= policy.veto_from.rank]
    if grave:
        return [f"{critique.critic}: {f.claim}" + ("" if grounded(f) else " (opinion)") for f in grave]
    if not critique.findings and policy.opinions == "veto":
        return [f"{critique.critic}: says {critique.verdict} without a finding (opinion)"]
    return []
