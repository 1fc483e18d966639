"""Trees of drafts: what is read from the attempts, whatever they are, and in whatever order they came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.tree import EXPANDED, INSTEAD, ROOT, SLOT, Tree, depth_uct, grow, p_ucb, uct
from revet.graphs.parts.views import PARENT
from revet.schema import Attempt, Decision, DecisionKind, Draft


def attempt(number: int, **data: Any) -> Attempt:
    draft = Draft(author="t", answer=f"answer {number}", data=data)
    return Attempt(round=number, draft=draft, decision=Decision(kind=DecisionKind.revise))


def reward(attempt: Attempt) -> float:
    """A reward between 0 and 1 that hangs on the round alone."""
    return (attempt.round * 37 % 11) / 10


@st.composite
def histories(draw: st.DrawFn) -> list[Attempt]:
    """Attempts that were made from earlier ones, from the root, or instead of earlier ones."""
    count = draw(st.integers(0, 24))
    attempts: list[Attempt] = []
    for number in range(count):
        data: dict[str, Any] = {SLOT: draw(st.integers(0, 3))}
        if number:
            earlier = st.integers(0, number - 1)
            if draw(st.booleans()):
                data[PARENT] = draw(earlier)
            if draw(st.integers(0, 3)) == 0:
                data[INSTEAD] = draw(earlier)
        attempts.append(attempt(number, **data))
    return attempts


def below(tree: Tree, id: int) -> list[int]:
    children = tree.nodes[id].children
    return [*children, *(each for child in children for each in below(tree, child))]


@settings(deadline=None)
@given(histories())
def test_visits_sum_up_and_values_are_bounded(attempts: list[Attempt]) -> None:
    tree = grow(attempts, reward)
    assert tree.root.visits == len(tree) == len(below(tree, ROOT))
    for node in tree:
        own = 0 if node.id == ROOT else 1
        assert node.visits == own + sum(tree.nodes[child].visits for child in node.children)
        assert math.isclose(
            node.total, own * node.reward + sum(tree.nodes[child].total for child in node.children), abs_tol=1e-9
        )
        assert -1e-9 <= node.mean <= node.best + 1e-9 <= 1 + 1e-9


@settings(deadline=None)
@given(histories())
def test_every_attempt_is_in_one_node_and_lines_lead_to_the_root(attempts: list[Attempt]) -> None:
    tree = grow(attempts, reward)
    held = [a.round for node in tree for a in node.attempts]
    assert sorted(held) == [a.round for a in attempts]
    for node in tree:
        line = tree.line(node)
        assert len(line) == node.depth and (not line or line[-1] is node)
        assert all(line[n + 1].parent == line[n].id for n in range(len(line) - 1))


@settings(deadline=None)
@given(histories(), st.floats(0, 1))
def test_the_same_attempts_grow_the_same_tree_after_a_round_trip(attempts: list[Attempt], gamma: float) -> None:
    kept = [Attempt.model_validate_json(a.model_dump_json()) for a in attempts]
    assert grow(kept, reward, gamma=gamma) == grow(attempts, reward, gamma=gamma)


@settings(deadline=None)
@given(histories())
def test_a_longer_history_only_adds_nodes(attempts: list[Attempt]) -> None:
    whole = grow(attempts, reward)
    part = grow(attempts[: len(attempts) // 2], reward)
    assert all(whole.nodes[node.id].parent == node.parent for node in part)


def test_a_rewrite_takes_the_place_of_what_it_rewrites() -> None:
    attempts = [attempt(0, slot=0), attempt(1, slot=0, instead_of=0), attempt(2, parent=1, slot=1)]
    tree = grow(attempts, reward)
    assert len(tree) == 2 and tree.nodes[0].attempt.round == 1 and tree.nodes[2].parent == 0
    assert tree.nodes[0].reward == reward(attempts[1])


def test_a_rewrite_that_cannot_be_used_counts_and_is_not_built_upon() -> None:
    broken = Attempt(round=1, draft=Draft(author="t", problem="no JSON", data={INSTEAD: 0}))
    tree = grow([attempt(0, slot=0), broken], reward)
    assert len(tree) == 1 and len(tree.nodes[0].attempts) == 2 and tree.nodes[0].attempt.round == 0


def test_what_gives_up_or_leads_from_no_option_is_no_node_and_still_tells_what_was_found() -> None:
    attempts = [
        Attempt(round=0, draft=Draft(author="t", problem="no JSON")),
        Attempt(round=1, draft=Draft(author="t", notes="nothing", data={EXPANDED: {"-1": []}})),
    ]
    tree = grow(attempts, reward)
    assert len(tree) == 0 and tree.barren(tree.root)


def test_a_reward_from_below_counts_less_by_gamma() -> None:
    attempts = [attempt(0, slot=0), attempt(1, parent=0, slot=0), attempt(2, parent=1, slot=0)]
    tree = grow(attempts, lambda a: float(a.round == 2), gamma=0.9)
    assert math.isclose(tree.nodes[0].best, 0.81) and math.isclose(tree.root.best, 0.729)


def p_scores(tree: Tree, priors: Sequence[float]) -> list[float]:
    return [p_ucb(tree, tree.root, slot, prior, c=4.0) for slot, prior in enumerate(priors)]


def test_p_ucb_is_the_published_formula() -> None:
    tree = grow([attempt(0, slot=1), attempt(1, slot=1, parent=0)], lambda a: 0.5)
    visits, tried = 3, 2
    beta = math.log((visits + 11) / 10) + 4
    explore = beta * 0.6 * math.sqrt(math.log(visits))
    assert math.isclose(p_scores(tree, [0.6, 0.6])[0], explore)
    assert math.isclose(p_scores(tree, [0.6, 0.6])[1], 0.5 + explore / (1 + tried))


@settings(deadline=None)
@given(histories(), st.floats(0.01, 1), st.floats(0, 10))
def test_an_option_is_the_more_promising_the_higher_its_prior(attempts: list[Attempt], prior: float, c: float) -> None:
    tree = grow(attempts, reward)
    for node in tree:
        for slot in range(4):
            assert p_ucb(tree, node, slot, prior, c=c) >= p_ucb(tree, node, slot, prior / 2, c=c) - 1e-12


def test_uct_prefers_what_was_visited_less_among_equals_and_depth_costs() -> None:
    attempts = [attempt(0), attempt(1), attempt(2, parent=0), attempt(3, parent=0)]
    tree = grow(attempts, lambda a: 0.5)
    assert uct(tree, tree.nodes[1], c=1.0) > uct(tree, tree.nodes[0], c=1.0)
    near, deep = tree.nodes[1], tree.nodes[2]
    assert depth_uct(tree, near, c=0.0, penalty=1.0) > depth_uct(tree, deep, c=0.0, penalty=1.0)
    assert depth_uct(tree, near, c=0.0, penalty=0.0, bonus=2.0) - 0.5 == 2.0


def test_what_somebody_else_wrote_into_a_draft_grows_no_other_tree() -> None:
    forged = {SLOT: "0", PARENT: True, INSTEAD: [1], EXPANDED: {"one": ["a"], "0": ["b"], "9" * 5000: ["c"], "1": "d"}}
    tree = grow([attempt(0, **{SLOT: 0}), attempt(1, **forged)], reward)
    assert len(tree) == 2 and tree.nodes[1].parent == ROOT and tree.nodes[1].slot is None
    assert tree.options == {0: ("b",)}
