"""Stop rules: each on its own, joined, and pure over the attempts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.graphs.parts.stopping import (
    Accepted,
    Patience,
    Repeated,
    Rounds,
    Seconds,
    StopRule,
    go_on,
)
from revet.schema import Attempt, Check, Critique, Decision, DecisionKind, Draft, Evidence, Outcome, Verdict

CHECK = Check(command="pytest -q")


class Answers(StopRule):
    """A rule of one's own: stops at an answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def why(self, attempts: Sequence[Attempt]) -> str | None:
        return f"it says {self.answer}" if any(a.answer == self.answer for a in attempts) else None


def attempt(
    number: int,
    answer: str = "6",
    *,
    score: float = 0.0,
    passed: bool | None = None,
    decision: Decision | None = None,
    seconds: float = 0.0,
) -> Attempt:
    evidence: tuple[Evidence, ...] = ()
    if passed is not None:
        outcome = Outcome.passed if passed else Outcome.failed
        evidence = (Evidence(tool="tests", request=CHECK.command, outcome=outcome, check=CHECK.id, required=True),)
    if seconds:
        evidence += (Evidence(tool="slow", request="x", outcome=Outcome.passed, seconds=seconds),)
    critique = Critique(critic="ann", verdict=Verdict.accept, score=score)
    return Attempt(
        round=number,
        draft=Draft(author="w", answer=answer),
        evidence=evidence,
        critiques=(critique,),
        decision=decision,
    )


def test_rounds_are_drafts_besides_the_first() -> None:
    rule = Rounds(2)
    assert [rule.why([attempt(n) for n in range(count)]) is not None for count in range(5)] == [False] * 3 + [True] * 2
    assert Rounds(0).why([attempt(0)]) is not None


def test_accepted_counts_what_nothing_speaks_against() -> None:
    refused, held = Decision(kind=DecisionKind.revise), Decision(kind=DecisionKind.revise, held=True)
    assert Accepted().why([attempt(0, decision=refused)]) is None
    assert Accepted().why([attempt(0, decision=held)]) == "nothing speaks against 1 draft"
    assert Accepted(2).why([attempt(0, decision=held), attempt(1)]) == "nothing speaks against 2 drafts"
    assert (
        Accepted(by="bob").why([attempt(0)]) is None and Accepted(by="ann").why([attempt(0)]) == "ann accepted 1 draft"
    )
    nothing = Attempt(round=0, draft=Draft(author="w", problem="Hm."))
    assert Accepted().why([nothing]) is None


def test_repeated_compares_the_last_answers() -> None:
    said = [attempt(0, "5"), attempt(1, "Six"), attempt(2, " six ")]
    assert Repeated().why(said) is not None and Repeated(2).why(said) is None
    assert Repeated().why(said[:2]) is None and Repeated().why([]) is None


def test_patience_ends_when_nothing_becomes_better() -> None:
    rising = [attempt(n, score=n / 10) for n in range(5)]
    assert Patience(2).why(rising) is None
    flat = [attempt(0, score=0.5), attempt(1, score=0.4), attempt(2, score=0.5)]
    assert Patience(2).why(flat) == "nothing became better in 2 rounds" and Patience(3).why(flat) is None


def test_patience_heeds_the_checks_that_passed_before_any_score() -> None:
    checks = [attempt(0, score=0.9, passed=False), attempt(1, score=0.1, passed=True)]
    assert Patience(1).why(checks) is None
    assert Patience(1).why(checks[::-1]) is not None


def test_seconds_are_those_of_the_tools() -> None:
    slow = [attempt(0, seconds=2.0), attempt(1, seconds=1.5)]
    assert Seconds(3.5).why(slow) == "the tools took 3.5 seconds" and Seconds(3.6).why(slow) is None


def test_rules_are_joined() -> None:
    either, both = Rounds(1) | Answers("7"), Rounds(1) & Answers("7")
    one, two, seven = [attempt(0)], [attempt(0), attempt(1)], [attempt(0, "7")]
    assert [either.why(a) for a in (one, two, seven)] == [None, "2 drafts were made", "it says 7"]
    assert [both.why(a) for a in (one, two, seven)] == [None] * 3
    assert both.why([attempt(0), attempt(1, "7")]) == "2 drafts were made; it says 7"
    assert go_on(either, one, "more") == "more" and go_on(either, two, "more") is None


@pytest.mark.parametrize(
    "make", [lambda: Rounds(-1), lambda: Accepted(0), lambda: Repeated(0), lambda: Patience(0), lambda: Seconds(0)]
)
def test_a_rule_that_could_never_go_on_is_refused(make: object) -> None:
    with pytest.raises(InputError, match="can never go on"):
        make()  # type: ignore[operator]


RULES = st.sampled_from([Rounds(1), Rounds(3), Accepted(2), Repeated(), Patience(2), Seconds(3), Answers("7")])
STORY = st.lists(
    st.builds(
        attempt,
        st.integers(0, 9),
        st.sampled_from(["6", "7"]),
        score=st.floats(0, 1),
        passed=st.sampled_from([None, True, False]),
        seconds=st.sampled_from([0.0, 1.0]),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(one=RULES, other=RULES, story=STORY)
def test_either_and_both_are_what_they_say(one: StopRule, other: StopRule, story: list[Attempt]) -> None:
    stops = [rule.why(story) is not None for rule in (one, other)]
    assert ((one | other).why(story) is not None) == any(stops)
    assert ((one & other).why(story) is not None) == all(stops)
    assert one.why(story) == one.why([Attempt.model_validate_json(a.model_dump_json()) for a in story])
