"""The gate over effects: what the rules deny, ask about and allow, and what a person wrote."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.policy import EFFECTS, Case, Policy, decide
from revet.schema import Attempt, Changes, Critique, DecisionKind, Draft, Evidence, Finding, Outcome, Verdict
from tests.test_policy import CHANGES, CHECKS, OTHER, PASSING, PROVEN, RUN, WRITE, cases, critiques, policies, ruled


@given(policies, cases, st.lists(critiques(st.just("e-unknown")), max_size=3), st.sampled_from(["passed", "failed"]))
@settings(deadline=None, max_examples=300)
def test_what_the_rules_deny_is_never_committed_whatever_anybody_says(
    policy: Policy, case: Case, more: list[Critique], outcome: str
) -> None:
    denied = ruled("deny", changes=case.attempt.changes or Changes()).model_copy(update={"outcome": Outcome(outcome)})
    said = {"evidence": (*case.attempt.evidence, denied), "critiques": (*case.attempt.critiques, *more)}
    decision = decide(policy, case.model_copy(update={"attempt": case.attempt.model_copy(update=said)}))
    assert decision.kind in (DecisionKind.revise, DecisionKind.abstain, DecisionKind.reject)


@given(policies, cases)
@settings(deadline=None, max_examples=300)
def test_what_acts_beyond_files_is_committed_by_itself_only_if_the_rules_allowed_it(policy: Policy, case: Case) -> None:
    beyond = any(a.kind == "run_command" for a in case.attempt.draft.actions)
    if decide(policy, case).kind is not DecisionKind.commit or not beyond or case.written:
        return
    state = case.attempt.changes.fingerprint if case.attempt.changes else None
    rulings = [e.data.get("gate") for e in case.attempt.evidence if e.tool == EFFECTS and e.changes == state]
    assert any(isinstance(each, dict) and each["decision"] == "allow" for each in rulings)
    others = [e.data.get("gate") for e in case.attempt.evidence if e.changes == state]
    assert all(each.get("decision") not in ("ask", "deny") for each in others if isinstance(each, dict))


def run_case(*seen: Evidence, draft: Draft = RUN, **more: Any) -> Case:
    return Case(attempt=Attempt(round=0, draft=draft, changes=CHANGES, evidence=seen), **more)


def test_what_the_rules_ask_about_goes_to_a_person_even_if_every_check_passed() -> None:
    proven = run_case(*PASSING, ruled("ask", "it reaches people"), required=CHECKS)
    decision = decide(Policy(), proven)
    assert (decision.kind, decision.reasons[0]) == (DecisionKind.ask, "it reaches people")
    assert decide(Policy(approve="never"), proven).kind is DecisionKind.abstain
    assert decide(Policy(unproven="commit"), run_case(ruled("ask", "why"))).kind is DecisionKind.ask
    assert decide(Policy(unproven="abstain"), run_case(ruled("ask", "why"))).kind is DecisionKind.abstain


def test_what_the_rules_allow_and_was_tried_as_a_whole_may_count_as_proven() -> None:
    policy = Policy(unproven="allowed")
    assert decide(policy, run_case(ruled("allow"))).kind is DecisionKind.commit
    assert decide(Policy(), run_case(ruled("allow"))).kind is DecisionKind.ask
    assert decide(policy, run_case(ruled("allow", complete=False))).kind is DecisionKind.ask
    assert decide(policy, run_case(ruled("allow", changes=OTHER))).kind is DecisionKind.ask
    mixed = Draft(author="a", actions=(*RUN.actions, *WRITE.actions))
    assert decide(policy, run_case(ruled("allow"), draft=mixed)).kind is DecisionKind.ask
    assert decide(policy, Case(attempt=PROVEN.attempt)).kind is DecisionKind.ask
    assert decide(policy.model_copy(update={"approve": "ask"}), run_case(ruled("allow"))).kind is DecisionKind.ask


def test_what_a_person_wrote_needs_its_evidence_and_no_second_approval() -> None:
    asks = Policy(approve="ask")
    assert decide(asks, PROVEN.model_copy(update={"written": True})).kind is DecisionKind.commit
    assert decide(asks, run_case(ruled("ask", "it reaches people"), written=True)).kind is DecisionKind.commit
    failed = PASSING[0].model_copy(update={"outcome": Outcome.failed})
    assert decide(asks, run_case(failed, required=CHECKS[:1], written=True)).kind is DecisionKind.revise
    assert decide(asks, run_case(ruled("deny"), written=True)).kind is DecisionKind.revise
    assert decide(Policy(approve="never"), run_case(ruled("allow"), written=True)).kind is DecisionKind.abstain
    doubt = Critique(critic="chat", verdict=Verdict.revise, findings=(Finding(claim="I doubt it"),))
    doubted = PROVEN.attempt.model_copy(update={"critiques": (doubt,)})
    again = decide(asks, PROVEN.model_copy(update={"attempt": doubted, "written": True}))
    assert again.kind is DecisionKind.ask and "I doubt it" in again.reasons[0]


@given(policies, cases, st.sampled_from(["it reaches people", ""]))
@settings(deadline=None, max_examples=300)
def test_what_the_rules_ask_about_is_never_committed_without_a_person(policy: Policy, case: Case, why: str) -> None:
    asked = ruled("ask", why, changes=case.attempt.changes or Changes())
    attempt = case.attempt.model_copy(update={"evidence": (*case.attempt.evidence, asked)})
    decision = decide(policy, case.model_copy(update={"attempt": attempt, "written": False}))
    assert decision.kind is not DecisionKind.commit


def test_why_a_draft_without_a_check_is_asked_about_is_said_without_contradiction() -> None:
    allowed = Policy(unproven="allowed")
    assert decide(allowed, run_case(ruled("ask", "it reaches people"))).reasons == ("it reaches people",)
    untried = decide(allowed, run_case(ruled("allow", complete=False))).reasons
    assert untried == ("the task names no required check, and not all that it does was tried to its end, so nothing "
                       "proves this draft",)  # fmt: skip
    mixed = Draft(author="a", actions=(*RUN.actions, *WRITE.actions))
    assert "it writes files itself" in decide(allowed, run_case(ruled("allow"), draft=mixed)).reasons[0]
