"""The tree of steps that rollbacks make: shared steps, experience, caps and weights."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.rollback import ANALYST, SaidAnalysis
from revet.graphs.parts.rollbacks import (
    KEPT,
    Caps,
    NothingToRollBack,
    experience_of,
    next_rollback,
    node_of,
    weight_of,
)
from revet.graphs.parts.steps import continued, prefix
from revet.graphs.parts.views import child_of
from revet.schema import Attempt, Critique, Decision, DecisionKind, Draft, Severity, Verdict

HELD = Decision(kind=DecisionKind.revise, held=True)
REFUSED = Decision(kind=DecisionKind.revise)


def analysed(number: int, draft: Draft, *bad: int, decision: Decision = HELD) -> Attempt:
    said = SaidAnalysis(report=f"report {number}", bad_steps=list(bad))
    critique = said.critique(ANALYST, len(draft.steps), Severity.minor)
    return Attempt(round=number, draft=draft, critiques=(critique,), decision=decision)


def path(*steps: str) -> Draft:
    return Draft(author="writer", answer="6", steps=steps)


def back(attempts: list[Attempt], source: int, kept: int, *steps: str) -> Draft:
    """The draft that goes on from the first `kept` steps of an attempt."""
    parent = attempts[source]
    return child_of(continued(prefix(parent.draft, kept), path(*steps)), parent, **{KEPT: kept})


def test_shared_steps_belong_to_whoever_wrote_them_first() -> None:
    runs = [analysed(0, path("a", "b", "c"), 1)]
    runs.append(analysed(1, back(runs, 0, 1, "x", "y"), 2))
    runs.append(analysed(2, back(runs, 1, 2, "z")))
    assert runs[2].draft.steps == ("a", "x", "z")
    assert [node_of(runs[2], depth, runs) for depth in range(4)] == [(-1, 0), (0, 1), (1, 2), (2, 3)]
    assert [a.round for a in experience_of(runs[2], 3, runs)] == [0, 1]
    assert [a.round for a in experience_of(runs[2], 2, runs)] == [0]
    assert experience_of(runs[2], 1, runs) == []


def test_experience_of_a_branch_that_was_left_is_left_behind() -> None:
    runs = [analysed(0, path("a", "b", "c"), 2)]
    runs.append(analysed(1, back(runs, 0, 2, "x"), 0))
    runs.append(analysed(2, back(runs, 1, 0, "y", "z")))
    assert [a.round for a in experience_of(runs[2], 2, runs)] == [1]


def test_the_newest_path_is_rolled_back_from_and_then_an_older_one_that_still_can() -> None:
    runs = [analysed(0, path("a", "b"), 1)]
    found = next_rollback(runs, Caps())
    assert found is not None and (found.source.round, found.bad) == (0, 1)
    runs.append(analysed(1, back(runs, 0, 1, "c")))
    assert next_rollback(runs, Caps()) is None
    assert NothingToRollBack(Caps()).why(runs) is not None and NothingToRollBack(Caps()).why([]) is None
    again = next_rollback(runs, Caps(outgoing=2))
    assert again is not None and again.source.round == 0


def test_where_the_first_bad_step_has_had_its_rollbacks_the_next_is_taken() -> None:
    runs = [analysed(0, path("a", "b", "c"), 0, 2)]
    runs.append(analysed(1, back(runs, 0, 0, "d", "e", "f"), 0, 2))
    runs.append(analysed(2, back(runs, 1, 0, "g", "h", "i"), 0, 2))
    found = next_rollback(runs, Caps())
    assert found is not None and (found.source.round, found.bad) == (2, 2)


def test_what_was_refused_without_a_named_step_is_wrong_from_the_beginning() -> None:
    found = next_rollback([analysed(0, path("a", "b"), decision=REFUSED)], Caps())
    assert found is not None and found.bad == 0


def test_what_is_no_draft_is_no_rollback() -> None:
    runs = [analysed(0, path("a", "b"), 1)]
    broken = child_of(Draft(author="writer", problem="Hm."), runs[0], **{KEPT: 1})
    runs.append(Attempt(round=1, draft=broken, decision=REFUSED))
    found = next_rollback(runs, Caps())
    assert found is not None and found.source.round == 0


def test_a_path_that_was_chosen_is_one_path() -> None:
    runs = [analysed(0, path("a", "b"), 1), analysed(1, path("c", "d"))]
    chosen = runs[0].model_copy(update={"round": 1, "decision": REFUSED})
    found = next_rollback([*runs, chosen], Caps())
    assert found is not None and found.source.round == 0


def test_a_vote_weighs_what_the_analysis_lets_stand() -> None:
    assert weight_of(analysed(0, path("a", "b", "c", "d"), 1)) == 0.75
    assert weight_of(analysed(0, path("a"), 0)) == 0.05
    silent = Critique(critic=ANALYST, verdict=Verdict.abstain)
    assert weight_of(Attempt(round=0, draft=path("a"), critiques=(silent,))) == 0.5


BAD = st.lists(st.lists(st.integers(0, 6), max_size=4), min_size=1, max_size=20)
LENGTHS = st.lists(st.integers(1, 4), min_size=20, max_size=20)
CAPS = st.builds(Caps, outgoing=st.integers(0, 2), incoming=st.integers(0, 3), chain=st.integers(0, 4))


@settings(deadline=None, max_examples=150)
@given(bad=BAD, lengths=LENGTHS, caps=CAPS)
def test_the_caps_hold_and_shared_steps_are_the_same(bad: list[list[int]], lengths: list[int], caps: Caps) -> None:
    runs = [analysed(0, path("a", "b", "c"), *bad[0])]
    for number, steps in enumerate(bad[1:], 1):
        found = next_rollback(runs, caps)
        if found is None:
            break
        fresh = [f"{number}.{n}" for n in range(lengths[number])]
        runs.append(analysed(number, back(runs, found.source.round, found.bad, *fresh), *steps))
    parents = [a.draft.data["parent"] for a in runs[1:]]
    kept = [a.draft.data[KEPT] for a in runs[1:]]
    targets = [
        node_of(runs[p], k, runs)
        for p, k in zip(parents, kept, strict=True)
        if isinstance(p, int) and isinstance(k, int)
    ]
    assert all(parents.count(p) <= caps.outgoing for p in parents)
    assert all(targets.count(t) <= caps.incoming for t in targets)
    assert all(len(experience_of(a, len(a.draft.steps), runs)) <= caps.chain for a in runs)
    steps_at: dict[tuple[int, int], tuple[str, ...]] = {}
    for each in runs:
        for depth in range(len(each.draft.steps) + 1):
            steps_shared = each.draft.steps[:depth]
            assert steps_at.setdefault(node_of(each, depth, runs), steps_shared) == steps_shared
