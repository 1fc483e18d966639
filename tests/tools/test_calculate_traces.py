"""Traces of steps verified against their question and each other: sums, sorting, brackets, orders, exchanges, lists."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.schema import Draft, Outcome, Task
from revet.tools import Calculate, View, problems_of
from revet.tools._traces.brackets import closing
from revet.tools._traces.verify import verify

SUM = "((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) ="
SUM_STEPS = [
    'This equation can be written as "A + B", where A = (5 + 2 * 1 - 6) and B = (5 + 3 - -2 * 2).',
    "Let's calculate A = (5 + 2 * 1 - 6) = (5 + 2 - 6) = 1.",
    "Let's calculate B = (5 + 3 - -2 * 2) = (5 + 3 - -4) = (8 + 4) = 12.",
    "Then, the final equation is A + B = 1 + 12 = 13. So the answer is 13",
]
WORDS = "pear fig apple plum"
SORT_STEPS = [
    'The first letter: "pear": "p" (16). "fig": "f" (6). "apple": "a" (1). "plum": "p" (16).',
    'We now have: (1) "apple" < (6) "fig" < (16) ["pear" ? "plum"].',
    'Now let\'s sort this subpart ["pear" ? "plum"] by looking at their second letters. The second letter:'
    ' "pear": "e" (5). "plum": "l" (12).',
    'We now have: (5) "pear" < (12) "plum" for the subpart. Hence, we have "apple" < "fig" < "pear" < "plum".',
    "I have now sorted all the words. The answer is apple fig pear plum",
]
BRACKETS = "Complete the sequence, so that the parentheses are closed properly. Input: [ { [ ]"
BRACKET_STEPS = [
    "stack: empty",
    "Input #1: [",
    "stack: [",
    "Input #2: {",
    "stack: [ {",
    "Input #3: [",
    "stack: [ { [",
    "Input #4: ]",
    "stack: [ {",
    'Now, we have reached the end. The final stack is "[ {".',
    'So, we need "}", "]". So the answer is } ]',
]
SHELF = """On a shelf, there are three books: a red book, a blue book, and a green book.
- The red book is to the left of the blue book.
- The green book is the rightmost.
Q: Which is the leftmost?"""
SHELF_STEPS = [
    "The green book is the rightmost. So from left to right: first can be any book, then third is the green book.",
    "The red book is to the left of the blue book. So from left to right: first is the red book, then second is the"
    " blue book, then third is the green book.",
    "The red book must be the leftmost, and the blue book cannot be the rightmost.",
]
SWAPS = (
    "Ann, Bob and Cat have a ball each: Ann has a red ball, Bob has a blue ball, and Cat has a pink ball."
    " First, Ann and Bob swap balls. Then, Bob and Cat swap balls. At the end, Cat has the"
)
SWAP_STEPS = [
    "At the start: Ann: red, Bob: blue, Cat: pink.",
    "Ann and Bob swap balls: Ann: blue, Bob: red, Cat: pink.",
    "Bob and Cat swap balls: Ann: blue, Bob: pink, Cat: red.",
]


@pytest.mark.parametrize(
    ("kind", "question", "steps"),
    [
        ("sum", SUM, SUM_STEPS),
        ("sorting", WORDS, SORT_STEPS),
        ("brackets", BRACKETS, BRACKET_STEPS),
        ("arrangement", SHELF, SHELF_STEPS),
        ("exchanges", SWAPS, SWAP_STEPS),
        ("listing", "Sort these numbers: 10, 9, -2, 3.5", ["-2, 3.5, 9, 10"]),
        ("listing", "Sort in descending order: 1 3 2", ["So", "The answer is 3, 2, 1"]),
    ],
)
def test_sound_steps_have_no_mistake(kind: str, question: str, steps: list[str]) -> None:
    traced = verify(question, steps)
    assert traced is not None and (traced.kind, traced.mistake) == (kind, None)


@pytest.mark.parametrize(
    ("question", "steps", "step", "old", "new", "suggestion"),
    [
        (SUM, SUM_STEPS, 1, "= 1.", "= 2.", "1"),
        (SUM, SUM_STEPS, 2, "(5 + 3 - -4) =", "(5 + 3 - 4) =", "12"),
        (SUM, SUM_STEPS, 2, "B = (5 + 3 - -2 * 2)", "B = (5 + 3 - -2 * 3)", "12"),
        (SUM, SUM_STEPS, 3, "A + B = 1 + 12", "A + B = 1 + 11", "13"),
        (SUM, SUM_STEPS, 3, "answer is 13", "answer is 14", "13"),
        (WORDS, SORT_STEPS, 0, '"fig": "f" (6)', '"fig": "g" (7)', None),
        (WORDS, SORT_STEPS, 0, '"plum": "p" (16).', "", None),
        (WORDS, SORT_STEPS, 1, '(6) "fig" <', "", None),
        (WORDS, SORT_STEPS, 1, '(6) "fig"', '(7) "fig"', "(6) fig"),
        (WORDS, SORT_STEPS, 1, '(1) "apple" < (6) "fig"', '(6) "fig" < (1) "apple"', None),
        (WORDS, SORT_STEPS, 2, '"plum": "l" (12)', '"plum": "e" (5)', None),
        (WORDS, SORT_STEPS, 3, '(5) "pear" < (12) "plum"', '(12) "plum" < (5) "pear"', "pear plum"),
        (WORDS, SORT_STEPS, 3, '"pear" < "plum".', '["pear" ? "plum"].', "pear < plum"),
        (WORDS, SORT_STEPS, 4, "pear plum", "plum pear", "apple fig pear plum"),
        (BRACKETS, BRACKET_STEPS, 3, "{", "(", "{"),
        (BRACKETS, BRACKET_STEPS, 6, "[ { [", "[ [", "[ { ["),
        (BRACKETS, BRACKET_STEPS, 10, "is } ]", "is ] }", "} ]"),
        (SHELF, SHELF_STEPS, 0, "first can be any book", "first is the red book", None),
        (SHELF, SHELF_STEPS, 0, "third is the green book", "second is the green book", None),
        (SHELF, SHELF_STEPS, 2, "must be the leftmost", "must be the rightmost", None),
        (SHELF, SHELF_STEPS, 2, "blue book cannot be the rightmost", "red book cannot be the leftmost", None),
        (SWAPS, SWAP_STEPS, 0, "Bob: blue", "Bob: pink", None),
        (SWAPS, SWAP_STEPS, 1, "Ann and Bob swap", "Ann and Cat swap", "Ann and Bob"),
        (SWAPS, SWAP_STEPS, 2, "Cat: red", "Cat: blue", None),
    ],
)
def test_the_first_mistake_is_the_step_that_was_changed(
    question: str, steps: list[str], step: int, old: str, new: str, suggestion: str | None
) -> None:
    assert old in steps[step]
    changed = [*steps[:step], steps[step].replace(old, new), *steps[step + 1 :]]
    traced = verify(question, changed)
    assert traced is not None and traced.mistake is not None
    assert traced.mistake.step == step
    if suggestion is not None:
        assert traced.mistake.suggestion == suggestion


def test_a_group_must_be_sorted_before_the_next_and_none_left_open() -> None:
    question = "pear plum fig fun"
    steps = [
        'The first letter: "pear": "p" (16). "plum": "p" (16). "fig": "f" (6). "fun": "f" (6).',
        'We now have: (6) ["fig" ? "fun"] < (16) ["pear" ? "plum"].',
    ]
    unsorted = verify(question, [*steps, "I have now sorted all the words. The answer is fig fun pear plum"])
    assert unsorted is not None and unsorted.mistake is not None and unsorted.mistake.step == 2
    both = 'Hence, we have "fig" < "fun" < "pear" < "plum".'
    first = (
        'sort this subpart ["fig" ? "fun"] by their second letters. The second letter: "fig": "i" (9). "fun": "u" (21).'
    )
    jumped = verify(question, [*steps, first, f'We now have: (9) "fig" < (21) "fun" for the subpart. {both}'])
    assert jumped is not None and jumped.mistake is not None and jumped.mistake.step == 3


def test_a_misspelt_word_is_no_mistake_of_sorting() -> None:
    steps = [step.replace('"apple"', '"appel"') for step in SORT_STEPS]
    traced = verify(WORDS, steps)
    assert traced is not None and traced.mistake is None


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("How many apples are there?", ["There are 3 apples."]),
        ("Sort the imports in the file.", ["I did: a b c"]),
        ("Rank these cities by population: Oslo Tokyo Paris", ["Tokyo, Paris, Oslo"]),
        ("Arrange in chronological order: telegraph, radio, internet", ["telegraph, radio, internet"]),
        ("I want to order: 3 pizzas, 2 colas", ["That is 3 pizzas, 2 colas: 40 dollars"]),
        ("Order the years from newest to oldest: 1990 2005 2001", ["2005, 2001, 1990"]),
        ("Sort by absolute value: -3 1 2", ["1, 2, -3"]),
        ("1 + 1", []),
        ("1 / 0 =", ["1 / 0 = 5"]),
        ("", ["1 + 1 = 2"]),
        ("On a shelf, there are two books: a red book, and a red book.\n- The red book is the leftmost.", ["first"]),
    ],
)
def test_what_is_no_such_question_is_not_read(question: str, steps: list[str]) -> None:
    assert verify(question, steps) is None


@given(st.lists(st.sampled_from("([{<"), min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_what_closes_a_sequence_closes_it(opened: list[str], draw: random.Random) -> None:
    sequence = "".join(opened)
    rest = closing(sequence)
    assert rest is not None and closing(sequence + rest) == ""
    cut = draw.randrange(len(rest))
    assert closing(sequence + rest[:cut]) == rest[cut:]
    wrong = {")": "]", "]": "}", "}": ">", ">": ")"}
    assert closing(sequence + rest[:cut] + wrong[rest[cut]]) is None


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_list_is_right_only_in_order(numbers: list[int], draw: random.Random) -> None:
    question = "Sort these numbers: " + " ".join(map(str, numbers))
    said = sorted(numbers)
    traced = verify(question, [", ".join(map(str, said))])
    assert traced is not None and traced.mistake is None
    draw.shuffle(said)
    traced = verify(question, [", ".join(map(str, said))])
    assert traced is not None and (traced.mistake is None) == (said == sorted(numbers))


async def test_the_tool_tells_of_the_step_of_a_draft() -> None:
    steps = [*SUM_STEPS[:2], SUM_STEPS[2].replace("= 12.", "= 11."), SUM_STEPS[3]]
    now = View(task=Task(goal=SUM), run="r", draft=Draft(author="a", steps=tuple(steps)))
    (call,) = Calculate().plan(now)
    evidence = await Calculate().run(call, now)
    (problem,) = problems_of(evidence)
    assert evidence.outcome is Outcome.failed and evidence.data["kind"] == "sum"
    assert problem.location is not None and problem.location.step == 2 and problem.suggestion == "12"
    start, end = problem.location.span or (0, 0)
    assert steps[2][start:end] == "(8 + 4) = 11"
    lines = View(
        task=Task(goal=WORDS), run="r", draft=Draft(author="a", answer="\n".join(SORT_STEPS[:2]) + "\nplum fig")
    )
    (call,) = Calculate().plan(lines)
    assert (await Calculate().run(call, lines)).data["kind"] == "sorting"
