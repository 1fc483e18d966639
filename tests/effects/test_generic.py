"""Programs in no table: what the words of their command lines say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.generic import generic
from revet.effects.model import EffectKind
from revet.effects.shell.model import Invocation, Word


def said(line: str, *, appended: bool = False) -> str:
    """ "read", "lost" or "doubt"."""
    words = tuple(Word(word) for word in line.split())
    effects, doubts = generic(Invocation(words, appended=appended))
    if doubts:
        assert not effects
        assert f"`{words[0].text}`" in doubts[0]
        return "doubt"
    (effect,) = effects
    return "read" if effect.kind is EffectKind.read else "lost"


@pytest.mark.parametrize(
    "line",
    [
        "frob list",
        "frob users list --limit 3",
        "frob users:list",
        "frob describe-user ann",
        "frob --version",
        "frob -h",
        "frob status",
        "frob show config.yml",
        "Get-Frob -Name x",
        "frob lint .",
    ],
)
def test_a_verb_that_looks(line: str) -> None:
    assert said(line) == "read"


@pytest.mark.parametrize(
    "line",
    [
        "frob delete x",
        "frob users delete ann",
        "frob users:destroy ann",
        "frob remove-user ann",
        "frob removeAll",
        "frob list delete",
        "frob list --purge",
        "frob sync --force",
        "frob apply --yes",
        "frob get x --delete-after",
        "frob team member revoke ann",
        "Remove-Frob -Name x",
        "frob-destroy x",
        "frob instances terminate i-1",
        "frob cache flush",
    ],
)
def test_a_verb_that_loses_something_counts_wherever_it_stands(line: str) -> None:
    assert said(line) == "lost"
    effects, _ = generic(Invocation(tuple(Word(word) for word in line.split())))
    assert effects[0].possible
    assert effects[0].reversible is False


@pytest.mark.parametrize(
    "line",
    [
        "frob",
        "frob x y",
        "frob create list",
        "frob update status",
        "frob run list",
        "frob ./list",
        "frob a b list",
        "frob list --exec it",
        "frob list -o out.txt",
        "frob show -c code",
        "list x",
        "frob https://a.b/list",
    ],
)
def test_all_else_is_a_doubt_that_names_the_program(line: str) -> None:
    assert said(line) == "doubt"


def test_words_that_are_added_later_are_a_doubt() -> None:
    assert said("frob list", appended=True) == "doubt"


def test_a_word_that_is_computed_is_no_verb() -> None:
    effects, doubts = generic(Invocation((Word("frob"), Word("list", known=False))))
    assert doubts
    assert not effects


def test_nothing_is_nothing() -> None:
    assert generic(Invocation(())) == ((), ())


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_no_words_break_it_and_something_is_always_said(words: list[str]) -> None:
    effects, doubts = generic(Invocation(tuple(Word(word) for word in words)))
    assert effects or doubts


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from(["list", "get", "show", "users", "--json", "status"]), max_size=3),
    st.sampled_from(["delete", "destroy", "purge", "--force", "--delete", "wipe-all", "users:remove"]),
)
def test_a_loss_beside_any_looking_is_a_loss(before: list[str], loss: str) -> None:
    assert said(" ".join(["frob", *before, loss])) == "lost"
