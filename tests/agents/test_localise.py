"""Suspicion scores, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.localise import Method, Suspicion, TestRun, by_path, rank
from revet.errors import InputError

RUNS = [
    TestRun("fails_1", False, {"a.py": [1, 2, 3]}),
    TestRun("fails_2", False, {"a.py": [1, 3]}),
    TestRun("passes_1", True, {"a.py": [1, 2]}),
    TestRun("passes_2", True, {"a.py": [1, 4]}),
]


def scores(method: Method) -> dict[int, float]:
    return {s.line: s.score for s in rank(RUNS, method)}


def test_ochiai_by_hand() -> None:
    # line 3: ef=2 ep=0 → 2/√(2·2); line 1: ef=2 ep=2 → 2/√(2·4); line 2: ef=1 ep=1 → 1/√(2·2); line 4: ef=0
    assert scores("ochiai") == pytest.approx({3: 1.0, 1: 2 / math.sqrt(8), 2: 0.5, 4: 0.0})
    assert [s.line for s in rank(RUNS)] == [3, 1, 2, 4]


def test_tarantula_by_hand() -> None:
    assert scores("tarantula") == pytest.approx({3: 1.0, 1: 0.5, 2: 0.5, 4: 0.0})


def test_dstar_by_hand() -> None:
    # D* of line 1: 4 / (2 + 0) = 2 → 2/3; of line 2: 1 / (1 + 1) = ½ → 1/3; line 3 divides by nothing: the most
    assert scores("dstar") == pytest.approx({3: 1.0, 1: 2 / 3, 2: 1 / 3, 4: 0.0})


def test_a_weight_counts_a_test_several_times() -> None:
    heavy = [TestRun("f", False, {"a.py": [1]}, weight=3.0), TestRun("p", True, {"a.py": [1]})]
    assert rank(heavy)[0].score == pytest.approx(3 / math.sqrt(3 * 4))


def test_ties_go_to_the_line_of_the_shorter_failing_test() -> None:
    runs = [TestRun("long", False, {"a.py": [1, 2, 3, 4]}), TestRun("short", False, {"b.py": [9]})]
    assert rank(runs)[0] == Suspicion("b.py", 9, pytest.approx(1 / math.sqrt(2)))


def test_nothing_failed_means_nothing_is_suspicious() -> None:
    assert rank([TestRun("p", True, {"a.py": [1]})]) == []
    assert rank([]) == []


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="ochiai, tarantula or dstar"):
        rank(RUNS, "voodoo")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'f' has weight 0"):
        rank([TestRun("f", False, {"a.py": [1]}, weight=0)])


def test_by_path_groups_lines() -> None:
    assert by_path([Suspicion("a", 1, 0.5), Suspicion("b", 2, 0.25)]) == {"a": {1: 0.5}, "b": {2: 0.25}}


lines = st.sets(st.integers(1, 8), max_size=8)
runs = st.lists(
    st.builds(TestRun, st.text("xyz", max_size=2), st.booleans(), lines.map(lambda s: {"a.py": s})), max_size=8
)


@settings(deadline=None, max_examples=100)
@given(runs, st.sampled_from(["ochiai", "tarantula", "dstar"]))
def test_scores_are_fractions_sorted_and_zero_only_without_a_failing_test(tests: list[TestRun], method: Method) -> None:
    ranked = rank(tests, method)
    assert all(0 <= s.score <= 1 for s in ranked)
    assert [s.score for s in ranked] == sorted((s.score for s in ranked), reverse=True)
    failing = {line for t in tests if not t.passed for line in t.lines["a.py"]}
    assert all((s.score > 0) == (s.line in failing) for s in ranked)
    assert rank(list(reversed(tests)), method) == ranked
