from itertools import combinations, pairwise

import pytest

from captions import DoesNotFit, break_lines, caption, raggedness, shorten, split_words, title_card


def every_break(words, count):
    """All ways to put `words`, in order, on `count` lines."""
    for cuts in combinations(range(1, len(words)), count - 1):
        edges = [0, *cuts, len(words)]
        yield [" ".join(words[a:b]) for a, b in pairwise(edges)]


def test_short_caption_stays_on_one_line():
    assert caption("The ferry at dawn", 20) == ["The ferry at dawn"]


def test_caption_that_fills_the_line_exactly():
    assert caption("The ferry at dawn", 17) == ["The ferry at dawn"]


def test_empty_caption():
    assert caption("  ", 10) == []


def test_blanks_are_collapsed():
    assert caption(" The  ferry\n at dawn ", 40) == ["The ferry at dawn"]


def test_two_even_lines():
    assert caption("We were young once", 10) == ["We were", "young once"]


def test_no_word_is_left_alone_on_the_last_line():
    assert caption("A short history of the old harbour", 30) == ["A short history of", "the old harbour"]


def test_three_lines_are_evened_out():
    text = "She came back to the island with a key and no house"
    assert caption(text, 24) == ["She came back to", "the island with a", "key and no house"]


def test_first_lines_are_longer_when_two_ways_are_equally_even():
    assert caption("one two six", 9) == ["one two", "six"]


def test_caption_takes_as_few_lines_as_possible():
    assert len(caption("aaa bb cc ddddd", 6, max_lines=4)) == 3


@pytest.mark.parametrize("width", [8, 11, 14, 19, 25])
def test_no_other_break_is_more_even(width):
    words = "It was the best of times and nobody in the whole grey town had noticed".split()
    lines = break_lines(words, width)
    assert " ".join(lines).split() == words
    least = min(
        sum((width - len(line)) ** 2 for line in other)
        for other in every_break(words, len(lines))
        if all(len(line) <= width for line in other)
    )
    assert sum((width - len(line)) ** 2 for line in lines) == least


def test_raggedness():
    assert raggedness(["aaaa", "bb", "c"], 4) == 0 + 4 + 9


def test_long_words_are_cut():
    assert split_words("a Donaudampfschiff", 6) == ["a", "Donaud", "ampfsc", "hiff"]


def test_width_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        caption("The ferry", 0)


def test_caption_that_does_not_fit():
    with pytest.raises(DoesNotFit, match="6 lines of 6"):
        caption("The ferry at dawn is late", 6, max_lines=3)


def test_shorten():
    assert shorten("The ferry at dawn", 17) == "The ferry at dawn"
    assert shorten("The ferry at dawn", 12) == "The ferry…"


def test_title_card():
    assert title_card("The ferry", 15, 4) == "\n   The ferry\n\n"
