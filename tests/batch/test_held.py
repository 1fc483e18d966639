"""Whose turn it is in a workspace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.batch import Held
from tests.batch.world import touch

WORKSPACES = st.sampled_from([None, "/a", "/a/b", "/a/b/c", "/ab", "/a/d", "/", "/e"])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b/c", True),
        ("/a/b", "/a", True),
        ("/a", "/ab", False),
        (None, "/a", False),
        (None, None, False),
    ],
)
def test_related_workspaces(one: str | None, other: str | None, expected: bool) -> None:
    for first, second in ((one, other), (other, one)):
        held = Held()
        assert held.enter(0, first)
        assert held.enter(1, second) is not expected
        assert held.leave(0) == ([1] if expected else [])


def test_the_first_that_waits_comes_first() -> None:
    held = Held()
    assert [held.enter(number, "/a") for number in range(3)] == [True, False, False]
    assert held.leave(0) == [1] and held.leave(1) == [2] and held.leave(2) == []
    assert len(held) == 0 and held.enter(3, "/a")


def test_one_that_gives_up_lets_the_others_through() -> None:
    held = Held()
    held.enter(0, "/a/b"), held.enter(1, "/a"), held.enter(2, "/a/c")
    assert held.leave(1) == [2], "only the one between them held it back"
    assert held.leave(0) == []


@settings(deadline=None)
@given(data=st.data(), workspaces=st.lists(WORKSPACES, max_size=24))
def test_like_looking_at_everybody_before(data: st.DataObject, workspaces: list[str | None]) -> None:
    held, here, free = Held(), dict[int, str | None](), set[int]()
    queue = list(enumerate(workspaces))
    while queue or here:
        if queue and (not here or data.draw(st.booleans())):
            number, workspace = queue.pop(0)
            here[number] = workspace
            if held.enter(number, workspace):
                free.add(number)
        else:
            number = data.draw(st.sampled_from(sorted(here)))  # also one that waits: it may give up
            del here[number]
            free.discard(number)
            free.update(held.leave(number))
        assert free == {n for n, w in here.items() if not any(o < n and touch(here[o], w) for o in here)}
    assert not held._at and not held._within and not held._behind and not held._holders
