"""The gate: what was seen and said of a draft goes in, a `Decision` comes out. Pure functions, no models.

What holds whatever any model says (each is a property in ``tests/test_policy.py``):

- a draft is committed only if every required check has evidence about exactly the staged state, and it passed (I3);
- what the rules deny (``data["gate"]``) is never committed, and what nobody looked at beyond files asks a person;
- a critique can veto a commit and can never cause one (I3);
- a finding that cites no evidence of this attempt is an opinion, and `Policy.opinions` says what it may do (I7);
- a spent budget never leads to another revision (I9);
- a critic that was not heard holds the draft back as if it had objected, for nobody knows what it would have said;
- a method that chooses among several drafts may hold one back that would pass, and lets none pass that would not;
- the best attempt is chosen by evidence first, then by score, and the earlier one wins a tie (I6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    "EFFECTS",
    "Case",
    "Policy",
    "asked_by_rules",
    "best_attempt",
    "decide",
    "drafts_made",
    "equal_attempts",
    "exhausted_budgets",
    "repeated_answers",
    "standing",
]


FILES_ONLY = ("answer", "write_file", "edit_file", "delete_file")
"""The kinds of actions whose whole effect is the difference in `Attempt.changes`; every other kind acts beyond it."""

EFFECTS = "effects"
"""The tool whose evidence says what actions do beyond files, and what the rules say of it."""


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
    unproven: Literal["ask", "abstain", "allowed", "commit"] = Field(
        default="ask",
        description="what to do with changes for which the task names no required check; allowed: commit commands, "
        "SQL and calls that were tried as a whole and whose every effect the rules allow, ask of all else",
    )
    ask_seconds: float | None = Field(
        default=None, gt=0, description="how long a person may take to answer; then the run abstains"
    )
    stable: int | None = Field(
        default=None,
        ge=1,
        description="an answer given again so often, against critics' findings, stands (CRITIC's stop rule)",
    )


class Case(Model):
    """One attempt before the gate. `required` are the checks that the task requires.

    `repeated` counts the attempts in a row before this one that gave the same answer. `written`: a person who was asked
    wrote exactly this draft. It is examined like any other, but needs no second approval.

    Of a method that chooses among several drafts: `candidates` counts those before this one that nothing speaks
    against, whatever becomes of this one (None: there is nothing to choose), `more` says why it wants more of them
    (None: it has enough), and `chosen` why this draft was chosen. `wished`: it was made at a person's word, and is not
    held back for others.
    """

    attempt: Attempt
    required: tuple[Check, ...] = ()
    usage: Usage = Usage()
    repeated: int = Field(default=0, ge=0)
    written: bool = False
    candidates: int | None = Field(default=None, ge=0)
    more: str | None = None
    chosen: tuple[str, ...] = ()
    wished: bool = False


def decide(policy: Policy, case: Case) -> Decision:
    """Commit, answer, ask, revise, abstain or reject, with the reasons in the order in which they count."""
    attempt = case.attempt
    draft = attempt.draft

    def decision(kind: DecisionKind, *reasons: str) -> Decision:
        return Decision(kind=kind, reasons=(*case.chosen, *reasons), draft=draft.id)

    def ended(kind: DecisionKind, *reasons: str) -> Decision:
        """The end; or the choice, where earlier drafts stand."""
        return decision(DecisionKind.choose if case.candidates else kind, *reasons)

    spent = exhausted_budgets(policy, case.usage)
    if draft.gives_up:
        why = draft.notes or "the proposer has no further draft"
        return ended(DecisionKind.abstain, why, *_unproved(case), *spent)

    unproved, vetoes = _unproved(case), _vetoes(policy, attempt)
    unheard = [c.possible_result for c in attempt.critiques if not c.heard]
    if unheard:
        return ended(DecisionKind.abstain, *unheard, *unproved, *vetoes, *spent)
    answers = not attempt.changes and all(action.kind in FILES_ONLY for action in draft.actions)
    if vetoes and not unproved and answers and policy.stable is not None and case.repeated >= policy.stable:
        again = f"the answer was given again {case.repeated} time{'s' * (case.repeated > 1)} in spite of the critique"
        return decision(DecisionKind.answer, again, *vetoes)
    stands = answers or _committing(policy, case)[0] is not DecisionKind.abstain
    if vetoes and not unproved and case.written and stands and policy.approve != "never":
        return decision(DecisionKind.ask, *vetoes)  # who wrote it decides, not a model in their place
    if unproved or vetoes:
        if not spent:
            return decision(DecisionKind.revise, *unproved, *vetoes)
        rejected = any(c.verdict is Verdict.reject for c in attempt.critiques) and vetoes
        kind = DecisionKind.reject if rejected else DecisionKind.abstain
        return ended(kind, *unproved, *vetoes, *spent)

    if case.candidates is not None and not (case.wished or case.chosen):
        if case.more is not None and not spent:
            held = decision(DecisionKind.revise, case.more)
            return held.model_copy(update={"held": True})
        return decision(DecisionKind.choose, *spent).model_copy(update={"held": True})
    if answers:
        return decision(DecisionKind.answer, _proof(case) if case.required else _unopposed(attempt))
    return decision(*_committing(policy, case))


def _committing(policy: Policy, case: Case) -> tuple[DecisionKind, *tuple[str, ...]]:
    """What becomes of changes that nothing speaks against: who lets them be committed, and why."""
    attempt, asks = case.attempt, asked_by_rules(case.attempt)
    allowed = policy.unproven == "allowed" and not asks and _allowed(attempt)
    bare = not case.required and policy.unproven != "commit" and not allowed
    nothing = _unproven(policy, attempt, asks) if bare else ()
    if bare and policy.unproven == "abstain":
        return DecisionKind.abstain, *nothing
    proof = "the rules allow every effect, and all of it was tried" if allowed and not case.required else _proof(case)
    open_questions: tuple[str, ...] = (*asks, *nothing)
    if policy.approve == "never":
        why = (*(open_questions or (proof,)), "approval is 'never': a dry run commits nothing")
        return DecisionKind.abstain, *why
    if case.written:
        return DecisionKind.commit, "a person wrote this draft", proof
    if asks or bare:
        return DecisionKind.ask, *open_questions
    if policy.approve == "ask":
        return DecisionKind.ask, proof, "approval is 'ask': a person decides"
    return DecisionKind.commit, proof


def _unproven(policy: Policy, attempt: Attempt, asks: Sequence[str]) -> tuple[str, ...]:
    """Why a draft that no check proves is not committed by itself."""
    if policy.unproven != "allowed":
        return ("the task names no required check, so nothing proves this draft",)
    if asks:
        return ()  # the rules say why
    files = any(a.kind in FILES_ONLY and a.kind != "answer" for a in attempt.draft.actions)
    why = "it writes files itself" if files else "not all that it does was tried to its end"
    return (f"the task names no required check, and {why}, so nothing proves this draft",)


def asked_by_rules(attempt: Attempt) -> tuple[str, ...]:
    """Why a person must decide, whoever approves otherwise: an effect says so, or nobody looked at the effects."""
    rulings = [(e, _ruling(e)) for e in _about(attempt)]
    asks = [reason for _, (said, reasons) in rulings if said == "ask" for reason in reasons]
    looked = any(e.tool == EFFECTS and e.required and said in ("allow", "ask") for e, (said, _) in rulings)
    if not looked and _beyond(attempt):
        asks.append("nothing has looked at what its actions do beyond files")
    return tuple(dict.fromkeys(asks))


def _beyond(attempt: Attempt) -> bool:
    return any(action.kind not in FILES_ONLY for action in attempt.draft.actions)


def _allowed(attempt: Attempt) -> bool:
    """Whether all that the draft does are actions beyond files that the rules allow, tried to their end."""
    if not attempt.draft.actions or any(a.kind in FILES_ONLY and a.kind != "answer" for a in attempt.draft.actions):
        return False
    about = [e for e in _about(attempt) if e.tool == EFFECTS and e.required]
    return bool(about) and all(_ruling(e)[0] == "allow" and e.data.get("complete") is True for e in about)


def _ruling(evidence: Evidence) -> tuple[str | None, tuple[str, ...]]:
    """What the rules say of what the evidence saw (allow, ask or deny), with the reasons; None if they say nothing."""
    gate = evidence.data.get("gate")
    said = gate.get("decision") if isinstance(gate, Mapping) else None
    if not isinstance(gate, Mapping) or said not in ("allow", "ask", "deny"):
        return None, ()
    reasons = gate.get("reasons")
    told = tuple(str(reason) for reason in reasons if reason) if isinstance(reasons, list | tuple) else ()
    return str(said), told or (f"the rules say {said}",)


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


def drafts_made(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts in order, without those that stand there once more because a strategy chose them."""
    told: list[Attempt] = []
    chosen = False
    for attempt in attempts:
        told += [] if chosen else [attempt]
        chosen = attempt.decision is not None and attempt.decision.kind is DecisionKind.choose
    return told


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
    denied = [reason for e in about for said, reasons in [_ruling(e)] if said == "deny" for reason in reasons]
    if denied:
        return tuple(dict.fromkeys(denied))
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
