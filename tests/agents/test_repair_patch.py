"""Edits on text, their sizes and their descriptions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.repair.patch import Edit, apply, describe, overlap, token_distance, trim
from revet.errors import InputError


def test_edits_are_applied_together_in_any_order() -> None:
    assert apply("a + b", [Edit(4, 5, "c"), Edit(0, 1, "x")]) == "x + c"
    assert apply("ab", [Edit(1, 1, "-")]) == "a-b"


@pytest.mark.parametrize("edits", [[Edit(0, 3, ""), Edit(2, 4, "")], [Edit(0, 9, "")], [Edit(3, 1, "")]])
def test_edits_that_do_not_fit_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(InputError, match="apply edits to the very source"):
        apply("abcd", edits)


@settings(deadline=None, max_examples=200)
@given(st.text("ab ", max_size=12), st.text("ab ", max_size=8), st.data())
def test_trimming_keeps_the_result(source: str, new: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    edit = Edit(start, data.draw(st.integers(start, len(source))), new)
    small = trim(source, edit)
    assert apply(source, [small]) == apply(source, [edit])
    assert edit.start <= small.start <= small.end <= edit.end


@pytest.mark.parametrize(
    ("old", "new", "distance"),
    [
        ("a", "a", 0),
        ("a", "b", 1),
        ("n ^= 1", "n &= 1", 1),
        ("f(a, b)", "f(b, a)", 2),
        ("x", "abs(x)", 1),
        ("a", "a ", 1),
        ("a <= b", "a < b", 1),
        ("", "return x", 2),
    ],
)
def test_size_is_counted_in_tokens(old: str, new: str, distance: int) -> None:
    assert token_distance(old, new) == distance == token_distance(new, old)


def test_descriptions_show_the_changed_lines() -> None:
    source = "def f(n):\n    n ^= n - 1\n    return n\n"
    assert describe(source, [Edit(16, 17, "&")]) == "n ^= n - 1 → n &= n - 1"
    assert describe(source, [Edit(10, 10, "    pass\n")]) == "+ pass"
    assert describe(source, [Edit(10, 25, "")]) == "- n ^= n - 1"
    assert len(describe("x" * 500, [Edit(0, 1, "y")])) <= 160


def test_overlap() -> None:
    assert overlap([Edit(0, 4, "")], [Edit(2, 6, "")])
    assert overlap([Edit(3, 3, "a")], [Edit(3, 3, "b")])
    assert overlap([Edit(0, 4, "")], [Edit(2, 2, "a")])
    assert not overlap([Edit(0, 2, "")], [Edit(2, 2, "a")])
    assert not overlap([Edit(0, 2, "")], [Edit(3, 4, "")])
