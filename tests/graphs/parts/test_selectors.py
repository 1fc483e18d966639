"""Votes, weighted votes, tournaments and best scores: who wins, and that ties are broken the same way each time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.selectors import (
    agreement,
    best_score,
    grouped,
    key_of,
    normalised,
    pairings,
    tournament,
    vote,
    weighted_vote,
)
from revet.schema import Attempt, Critique, Draft, Evidence, Outcome, Verdict
from revet.tools.base import View
from tests.agents.chat_support import changed, view


def said(answer: str | None, number: int = 0, score: float | None = None, **more: object) -> Attempt:
    critiques = [] if score is None else [Critique(critic="c", verdict=Verdict.accept, score=score)]
    draft = Draft(author="a", answer=answer, steps=(str(number),))
    return Attempt.model_validate({"round": number, "draft": draft, "critiques": critiques, **more})


def all_said(*answers: str) -> list[Attempt]:
    return [said(answer, number) for number, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000", "1,000.0"),
        ("$5", "5.00"),
        (".5", "1/2"),
        ("1e3", "1000"),
        ("−3", "-3"),
        ("Paris.", " paris"),
        ("\\boxed{7}", "7"),
        ("**A  b**", "a b"),
        ("-0", "0"),
    ],
)
def test_one_answer_however_it_is_written(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.5", "15"), ("5%", "5"), ("1,00", "100"), ("5 apples", "5 pears"), ("1/0", "0"), ("x-1", "x 1"), ("1", "one")],
)
def test_different_answers(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_normalising_never_fails_and_is_done_once(text: str) -> None:
    once = normalised(text)
    assert once.startswith("=") or normalised(once) == once or "\\boxed" in once


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_numbers_are_one_in_every_format(number: int) -> None:
    assert len({normalised(form) for form in (str(number), f"{number:,}", f"{number}.0", f" {number}.")}) == 1


def test_files_vote_for_the_difference_and_programs_for_what_they_do() -> None:
    changes = changed("a.py")
    seen = [
        Evidence(
            tool="alike",
            request=f"what f in {path} does",
            outcome=Outcome.passed,
            data={"function": "f", "path": path, "signature": "s"},
            changes=changes.fingerprint,
        )
        for path in ("a.py", "b.py")
    ]
    assert key_of(said(None, changes=changes)) == f"makes {changes.fingerprint}"
    assert key_of(said(None, changes=changes, evidence=[seen[0]])).startswith("does ")
    # what it does elsewhere was not looked at, so nothing but the difference itself is known to be the same
    assert key_of(said(None, changes=changes, evidence=[seen[1]])).startswith("makes ")
    computed = Evidence(tool="python", request="run", outcome=Outcome.passed, data={"answer": 4})
    assert key_of(said("2 + 2", evidence=[computed])) == key_of(said("4.0"))


def test_the_majority_wins_and_the_best_of_it_goes_on() -> None:
    attempts = [said("a", 0, 0.9), said("b", 1, 0.1), said("b", 2, 0.6)]
    choice = vote(attempts)
    assert choice.candidate == 2 and choice.reasons == ("the majority: 2 of 3 votes (67%), 2 different answers",)


def test_a_tie_goes_to_the_better_evidence_then_to_the_first() -> None:
    assert vote([said("a", 0, 0.2), said("b", 1, 0.8)]).candidate == 1
    assert vote(all_said("a", "b")).candidate == 0


def test_abstention() -> None:
    assert vote(all_said("a", "b", "c"), least=0.4).candidate is None
    assert vote(all_said("a", "a", "c"), least=0.4).candidate == 0
    assert weighted_vote(all_said("a"), lambda attempt: 0.0).candidate is None
    assert vote([]).candidate is None and best_score([]).candidate is None


ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=12)


@settings(deadline=None)
@given(ANSWERS)
def test_nobody_has_more_votes_than_who_is_chosen(pairs: list[tuple[str, float]]) -> None:
    attempts = [said(answer, number, score) for number, (answer, score) in enumerate(pairs)]
    chosen = vote(attempts).candidate
    assert chosen is not None
    counts = {answer: sum(each == answer for each, _ in pairs) for answer, _ in pairs}
    assert counts[pairs[chosen][0]] == max(counts.values())
    assert sum(len(group.members) for group in grouped(attempts)) == len(attempts)


@settings(deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_samples_changes_no_weighted_majority(
    pairs: list[tuple[str, float]], chance: random.Random
) -> None:
    def winner(order: Sequence[tuple[str, float]]) -> tuple[str, float] | None:
        attempts = [said(answer, number, score) for number, (answer, score) in enumerate(order)]
        choice = weighted_vote(attempts, lambda attempt: attempt.critiques[0].score)
        return None if choice.candidate is None else order[choice.candidate]

    mixed = [*pairs]
    chance.shuffle(mixed)
    one, other = winner(pairs), winner(mixed)
    weights = {answer: sorted(score for each, score in pairs if each == answer) for answer, _ in pairs}
    if one is None or other is None:
        assert one == other
    elif one[0] != other[0]:  # only where the two are equal in weight and in their best
        assert abs(sum(weights[one[0]]) - sum(weights[other[0]])) < 1e-9
    else:
        assert one[1] == other[1]


@settings(deadline=None)
@given(ANSWERS)
def test_the_best_score_is_the_best(pairs: list[tuple[str, float]]) -> None:
    chosen = best_score([said(answer, number, score) for number, (answer, score) in enumerate(pairs)]).candidate
    scores = [score for _, score in pairs]
    assert chosen == scores.index(max(scores))


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30))
def test_agreement_is_a_share(alike: int, others: int) -> None:
    attempts = all_said(*["a"] * alike, *(f"b{n}" for n in range(others)))
    assert 0 < agreement(attempts) < 1
    assert agreement([*attempts, said("a", 99)]) > agreement(attempts) or alike < 1


class Strongest:
    """A judge that prefers the answer that comes last in the alphabet, and keeps who met whom."""

    name = "strongest"

    def __init__(self, *, undecided: bool = False) -> None:
        self.met: list[tuple[str, str]] = []
        self.undecided = undecided

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        one, other = (attempt.answer or "" for attempt in attempts)
        self.met.append((one, other))
        return None if self.undecided else int(other > one)


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("form", ["knockout", "swiss"])
async def test_who_beats_everybody_wins_the_tournament(form: str, count: int) -> None:
    judge = Strongest()
    attempts = all_said(*"bhcigadfe"[:count])
    choice = await tournament(view(), judge, attempts, form=form)  # type: ignore[arg-type]
    assert choice.candidate is not None
    assert attempts[choice.candidate].answer == max("bhcigadfe"[:count])
    if form == "knockout":
        assert len(judge.met) == count - 1
    assert len({frozenset(pair) for pair in judge.met}) == len(judge.met)  # nobody meets anybody twice


@pytest.mark.parametrize("form", ["knockout", "swiss"])
async def test_where_the_judge_cannot_tell_the_evidence_decides(form: str) -> None:
    attempts = [said("a", 0, 0.1), said("b", 1, 0.9), said("c", 2, 0.5), said("d", 3, 0.2)]
    choice = await tournament(view(), Strongest(undecided=True), attempts, form=form)  # type: ignore[arg-type]
    assert choice.candidate == 1


async def test_one_draft_of_each_answer_takes_part() -> None:
    judge = Strongest()
    await tournament(view(), judge, all_said("a", "a", "b", "a"))
    assert judge.met == [("a", "b")]


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(0, 4))
def test_pairings_pair_everybody_once(count: int, rounds: int) -> None:
    met: dict[int, list[int]] = {n: [] for n in range(count)}
    for _ in range(rounds + 1):
        pairs, bye = pairings(range(count), met)
        assert sorted([n for pair in pairs for n in pair] + ([] if bye is None else [bye])) == list(range(count))
        for one, other in pairs:
            met[one].append(other)
            met[other].append(one)
        if bye is not None:
            assert bye not in met[bye] or all(n in met[n] for n in range(count))
            met[bye].append(bye)
