"""Who branches without a model: what is kept of a thought, what is staged aside, and which ways are thought of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.repair import Candidate, Edit
from revet.agents.search import Mutating, Recorded, Thought
from revet.agents.search.base import thought_of, tried_in
from revet.agents.search.layers import staged
from revet.agents.search.mutating import _applied, _text, _thought, _varied, _Way
from revet.errors import InputError
from revet.schema import Draft, Task
from tests.agents.chat_support import view

texts = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(deadline=None)
@given(texts, st.floats(0, 1), st.dictionaries(texts, st.integers(0, 9), max_size=3))
def test_a_thought_is_the_same_when_it_was_kept(text: str, prior: float, data: dict[str, int]) -> None:
    thought = Thought(text, prior, {**data})
    kept = Draft.model_validate_json(Draft(author="t", data={"thought": thought.told()}).model_dump_json())
    assert thought_of(kept.data["thought"]) == thought


@pytest.mark.parametrize("said", [None, 3, "text", [], {}, {"text": 3, "prior": "high", "data": []}])
def test_what_is_no_thought_is_an_empty_one(said: object) -> None:
    assert thought_of(said).text == "" and thought_of(said).data == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [None, "3", True, 1.5])
def test_only_whole_numbers_count_as_candidates(said: object) -> None:
    assert tried_in(Draft(author="t", data={"tried": said})) == 0  # type: ignore[dict-item]


def test_a_draft_of_another_branch_is_staged_aside_with_its_modes(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir(mode=0o750)
    (tmp_path / "pkg" / "a.py").write_text("a = 1\n")
    (tmp_path / "pkg" / "a.py").chmod(0o640)
    here = view(tmp_path, task=Task(goal="g", workspace=str(tmp_path)))
    with staged(here, {"pkg/a.py": "a = 2\n", "new/b.py": "b = 1\n"}) as now:
        assert now.layer is not None
        root = now.layer.root
        assert (root / "pkg" / "a.py").read_text() == "a = 2\n" and (root / "new" / "b.py").exists()
        assert (root / "pkg" / "a.py").stat().st_mode & 0o777 == 0o640
        assert (root / "pkg").stat().st_mode & 0o777 == 0o750
    assert not root.exists() and (tmp_path / "pkg" / "a.py").read_text() == "a = 1\n"
    with staged(here, {}) as same:
        assert same.layer is None


def candidate(line: int, operator: str, text: str) -> Candidate:
    return Candidate(
        path="a.py",
        edits=(Edit(line, line + 1, text),),
        operator=operator,
        line=line,
        description=f"→ {text}",
        size=1,
        prior=0.5,
        weight=0.5,
        function=None,
    )


WAYS = st.builds(
    _Way,
    st.builds(candidate, st.integers(1, 4), st.sampled_from(["name", "constant"]), st.sampled_from("abcdef")),
    st.floats(0.01, 8),
    st.sampled_from(["passes", "mends", "breaks", "nothing"]),
    st.lists(st.sampled_from(["t1", "t2"]), max_size=2, unique=True).map(lambda names: tuple(sorted(names))),
)


@settings(deadline=None)
@given(st.lists(WAYS, max_size=12), st.integers(0, 3))
def test_ways_are_varied_new_and_best_first(ways: list[_Way], known: int) -> None:
    used = {_text(way.candidate) for way in ways[:known]}
    kept = _varied(ways, used)
    weights = [way.weight for way in kept]
    assert weights == sorted(weights, reverse=True)
    assert not used & {_text(way.candidate) for way in kept}
    steps = [(w.candidate.line, w.candidate.operator, w.mends) for w in kept if w.shows != "passes"]
    assert len(steps) == len(set(steps))
    assert _varied(ways, used) == kept


def test_what_mends_other_tests_is_thought_of_before_more_of_the_same() -> None:
    first, second = candidate(1, "name", "a"), candidate(2, "name", "b")
    other = candidate(3, "name", "c")
    ways = [_Way(first, 2.0, "mends", ("t1",)), _Way(second, 1.9, "mends", ("t1",)), _Way(other, 1.5, "mends", ("t2",))]
    assert [way.candidate for way in _varied(ways, set())] == [first, other, second]


def test_a_change_that_no_longer_fits_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    here = replace(view(tmp_path), allows=lambda path: path == "a.py")
    fits = _thought(_Way(candidate(4, "constant", "2"), 1.0, "passes"), 1.0)
    assert _applied(here, fits) == ("a.py", "x = 2\n")
    assert _applied(here, _thought(_Way(candidate(9, "constant", "2"), 1.0, "passes"), 1.0)) == ("a.py", None)
    assert _applied(here, Thought("?", 1.0, {"path": "b.py", "edits": []})) == ("b.py", None)
    assert _applied(here, Thought("?", 1.0, {"path": "a.py", "edits": [["1", 2, "x"]]})) == ("a.py", None)


async def test_where_nothing_fails_the_plain_repair_says_so(tmp_path: Path) -> None:
    ways = await Mutating().thoughts(view(tmp_path), (), 3)
    draft = await Mutating().draft(view(tmp_path), (), ways.thoughts)
    assert draft.gives_up and "no required check" in draft.notes


def test_recorded_runs_must_hold_something() -> None:
    with pytest.raises(InputError, match="no recorded drafts"):
        Recorded([[], []])
