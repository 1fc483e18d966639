"""Aggregation of critiques: nothing is lost, the order makes no difference, and evidence is never outvoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.panel.aggregate import DROPPED, dropped, grave, guarded, majority, merged, near, union, units
from revet.agents.panel.meta import SaidMeta, SaidUnit
from revet.schema import Critique, Finding, Location, Severity, Verdict

CLAIMS = (
    "the sum is too low",
    "the sum is too low here",
    "the sum is not too low",
    "line 3 adds the tax twice",
    "line 4 adds the tax twice",
    "the tone is dull",
    "!",
)
locations = st.one_of(
    st.none(),
    st.builds(Location, path=st.sampled_from(["a.py", "b.py"]), line=st.sampled_from([None, 1, 2])),
    st.builds(Location, step=st.integers(0, 2)),
)
findings = st.builds(
    Finding,
    claim=st.sampled_from(CLAIMS),
    severity=st.sampled_from(list(Severity)),
    category=st.sampled_from(["logic", "style"]),
    location=locations,
    evidence=st.lists(st.sampled_from(["e-1", "e-2", "e-3"]), max_size=2, unique=True).map(tuple),
    suggestion=st.sampled_from([None, "add it", "leave it\nout"]),
    confidence=st.sampled_from([0.0, 0.3, 1.0]),
)
critiques = st.lists(
    st.builds(
        Critique,
        critic=st.sampled_from(["ann", "bob", "cy"]),
        verdict=st.sampled_from(list(Verdict)),
        possible_result=st.sampled_from(["", "it runs", "it fails"]),
        findings=st.lists(findings, max_size=4).map(tuple),
        score=st.sampled_from([0.0, 0.25, 1.0]),
        confidence=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    ),
    min_size=1,
    max_size=5,
)


def stands_in(finding: Finding, whole: Sequence[Finding]) -> bool:
    """Whether `whole` has it, or one like it that cites all its evidence and is as grave."""
    return any(
        other.location == finding.location
        and near(other.claim, finding.claim)
        and set(other.evidence) >= set(finding.evidence)
        and other.severity.rank >= finding.severity.rank
        and other.confidence >= finding.confidence
        and (finding.suggestion or "") in (other.suggestion or "")
        for other in whole
    )


@given(critiques, st.randoms())
@settings(deadline=None)
def test_the_order_makes_no_difference(said: list[Critique], random: Any) -> None:
    other = list(said)
    random.shuffle(other)
    assert union(other) == union(said)
    assert majority(other) == majority(said)
    assert majority(other, weighted=True) == majority(said, weighted=True)


@given(critiques)
@settings(deadline=None)
def test_a_union_by_itself_is_itself(said: list[Critique]) -> None:
    once = union(said)
    assert union([once]) == once
    assert union([once, once]) == once
    assert merged(once.findings) == once.findings


@given(critiques)
@settings(deadline=None)
def test_nothing_is_lost(said: list[Critique]) -> None:
    for whole in (union(said), majority(said)):
        for finding in (f for critique in said for f in units(critique)):
            assert stands_in(finding, whole.findings), finding
    everything = [f for critique in said for f in units(critique)]
    assert all(f.claim in {e.claim for e in everything} for f in union(said).findings), "and nothing is invented"


@given(critiques)
@settings(deadline=None)
def test_no_rule_is_milder_than_a_grave_finding_that_cites_evidence(said: list[Critique]) -> None:
    if any(grave(f) for critique in said for f in critique.findings):
        for rule in (union, majority):
            assert rule(said).verdict in (Verdict.revise, Verdict.reject)


@given(critiques, st.data())
@settings(deadline=None)
def test_a_meta_critic_may_drop_opinions_and_lose_nothing(said: list[Critique], data: Any) -> None:
    found = union(said).findings
    number = st.integers(0, len(found) + 1)
    unit = st.builds(SaidUnit, number=number, reason=st.just("so"), valid=st.booleans(), same_as=st.none() | number)
    judged = SaidMeta(units=data.draw(st.lists(unit, max_size=8)), added=[], score=0.5, confidence=0.5)
    after = judged.upheld(found)
    claims = [f.claim for f in after]
    for finding in found:
        kept = any(claim.startswith(finding.claim) for claim in claims)
        absorbed = any(set(f.evidence) >= set(finding.evidence) and f.severity.rank >= finding.severity.rank
                       for f in after)  # fmt: skip
        assert kept or absorbed
        if grave(finding):
            assert any(grave(f) and set(f.evidence) >= set(finding.evidence) for f in after)
    assert len(after) <= len(found)


def of(verdict: Verdict, *found: Finding, sure: float = 1.0) -> Critique:
    return Critique(critic="c", verdict=verdict, findings=found, confidence=sure)


ACCEPT, REVISE, REJECT, ABSTAIN = (of(v) for v in (Verdict.accept, Verdict.revise, Verdict.reject, Verdict.abstain))


@pytest.mark.parametrize(
    ("said", "together", "most"),
    [
        ([ACCEPT, ACCEPT, REVISE], Verdict.revise, Verdict.accept),
        ([ACCEPT, REVISE], Verdict.revise, Verdict.revise),
        ([ACCEPT, REVISE, REJECT], Verdict.reject, Verdict.revise),
        ([REJECT, REJECT, REVISE, ACCEPT], Verdict.reject, Verdict.reject),
        ([ABSTAIN, ACCEPT], Verdict.accept, Verdict.accept),
        ([ABSTAIN, ABSTAIN], Verdict.abstain, Verdict.abstain),
    ],
)
def test_verdicts(said: list[Critique], together: Verdict, most: Verdict) -> None:
    assert (union(said).verdict, majority(said).verdict) == (together, most)


def test_votes_may_weigh_what_critics_are_sure_of() -> None:
    said = [of(Verdict.accept, sure=0.9), of(Verdict.revise, sure=0.3), of(Verdict.revise, sure=0.3)]
    assert majority(said).verdict is Verdict.revise
    assert majority(said, weighted=True).verdict is Verdict.accept
    assert majority([of(Verdict.accept, sure=0.0)], weighted=True).verdict is Verdict.abstain


def test_an_objection_without_a_finding_is_not_lost_among_others() -> None:
    whole = union([of(Verdict.reject), of(Verdict.accept, Finding(claim="a nit", severity=Severity.minor))])
    assert [f.category for f in whole.findings] == ["unexplained", "logic"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The sum is too low.", "the sum is too low", True),
        ("the sum in total() is too low", "the sum is too low in total()", True),
        ("the sum is too low", "the sum is not too low", False),
        ("it gives 3 for 4", "it gives 4 for 3", False),
        ("the sum is too low", "the name is misspelt", False),
        ("the sum is too low", "the sum is too low here", True),
        ("the first argument is not checked", "the second argument is not checked", False),
        ("low", "the sum is too low, and nobody has looked at it", False),
        ("!!", "!!", True),
        ("!!", "??", False),
    ],
)
def test_claims_that_say_nearly_the_same(one: str, other: str, same: bool) -> None:
    assert near(one, other) is same and near(other, one) is same


def test_the_same_claim_elsewhere_is_another() -> None:
    here, there = (Finding(claim="off by one", location=Location(path="a.py", line=n)) for n in (1, 2))
    assert len(merged([here, there])) == 2
    again = here.model_copy(update={"evidence": ("e-1",), "severity": Severity.critical})
    assert [(f.severity, f.evidence) for f in merged([here, again])] == [(Severity.critical, ("e-1",))]


def test_what_is_not_upheld_is_kept_and_weighs_nothing() -> None:
    finding = Finding(claim="it is wrong", severity=Severity.critical)
    left = dropped(finding, "it is right")
    assert left.category == f"{DROPPED}logic" and left.severity is Severity.info and "it is right" in left.claim
    assert dropped(left) == left
    assert len(merged([left, finding.model_copy(update={"claim": left.claim})])) == 2


def test_a_grave_finding_beside_is_added() -> None:
    proof = Finding(claim="a test fails", evidence=("e-1",))
    harder = guarded(ACCEPT, [proof, Finding(claim="an opinion")])
    assert harder.verdict is Verdict.revise and harder.findings == (proof,)
    assert guarded(harder, [proof]) == harder
