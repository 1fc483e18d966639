"""REFINER: hints by place and kind, never the solution; four turns; "no" ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.refiner import KINDS, HintCritic
from revet.agents.refiner.hints import SaidHint, SaidHints
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, RunOutcome, Verdict
from tests.agents.chat_support import Talker, view
from tests.graphs.recipes.casting_support import Cast, answer, broken_off_everywhere, checked, played, writes

NO: dict[str, Any] = {"hints": [], "wrong": "no"}


def hint(step: int, mistake: str, part: str | None = None, reason: str = "it should be 3 * 4 = 12") -> dict[str, Any]:
    return {"reason": reason, "step": step, "mistake": mistake, "part": part}


def yes(*hints: dict[str, Any]) -> dict[str, Any]:
    return {"hints": list(hints), "wrong": "yes"}


def cast_of(*judged: Any) -> Cast:
    return Cast(
        proposer=lambda n, _: answer("7", "3 + 4 = 7", "so 7"),
        reviser=lambda n, _: answer(f"{12 + n}", f"3 * 4 = {12 + n}"),
        critic=lambda n, _: judged[min(n, len(judged) - 1)],
    )


async def test_hints_guide_the_next_derivation_until_the_critic_says_no(tmp_path: Path) -> None:
    cast = cast_of(yes(hint(0, "incorrect_operators"), hint(1, "incorrect_numbers", "last")), NO)
    run = await played(cast, "refiner", tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "12" and cast.order == "pcrc"
    (told,) = cast.asked("reviser")
    assert "the operator in step 0 is incorrect" in told and "the last number in step 1 is incorrect" in told
    first = run.attempts[0].critiques[0]
    assert [f.category for f in first.findings] == ["step/incorrect_operators", "step/incorrect_numbers"]
    assert [f.location and f.location.step for f in first.findings] == [0, 1] and first.score == 0.0


async def test_a_hint_does_not_tell_what_is_right_unless_it_is_explained(tmp_path: Path) -> None:
    cast = cast_of(yes(hint(0, "incorrect_operators")), NO)
    await played(cast, "refiner", tmp_path / "a")
    assert "it should be" not in cast.asked("reviser")[0]
    cast = cast_of(yes(hint(0, "incorrect_operators")), NO)
    await played(cast, "refiner", tmp_path / "b", options={"explained": True})
    assert "it should be 3 * 4 = 12" in cast.asked("reviser")[0]


async def test_the_critic_sees_the_numbered_steps_and_the_kinds_of_its_domain(tmp_path: Path) -> None:
    for domain in ("maths", "rules", "norms"):
        cast = cast_of(NO)
        await played(cast, "refiner", tmp_path / domain, options={"domain": domain})
        (shown,) = cast.asked("critic")
        assert "0. 3 + 4 = 7\n1. so 7" in shown
        for other, kinds in KINDS.items():
            assert all((kind in shown) is (other == domain) for kind in kinds)


async def test_four_turns_are_the_most(tmp_path: Path) -> None:
    cast = cast_of(yes(hint(0, "incorrect_numbers")))
    run = await played(cast, "refiner", tmp_path)
    assert run.outcome is RunOutcome.abstained and cast.order == "p" + "cr" * 4 + "c"
    own = cast_of(yes(hint(0, "incorrect_numbers")))
    await played(own, "refiner", tmp_path, options={"turns": 2}, policy=Policy(rounds=1))
    assert own.order == "pcrc"


async def test_hints_count_whatever_the_answer_says_and_a_bare_yes_objects(tmp_path: Path) -> None:
    contradictory = {"hints": [hint(0, "incorrect_numbers")], "wrong": "no"}
    cast = cast_of(contradictory, yes(), NO)
    run = await played(cast, "refiner", tmp_path)
    assert run.ok and cast.order == "pcrcrc"
    assert "something in the steps is wrong" in cast.asked("reviser")[1]


async def test_what_cannot_be_used_is_an_abstention_or_no_draft(tmp_path: Path) -> None:
    cast = cast_of("as you like", "as you like")
    run = await played(cast, "refiner", tmp_path)
    assert run.attempts[0].critiques[0].verdict is Verdict.abstain
    cast = Cast(proposer=lambda n, _: "no shape", reviser=lambda n, _: answer("12", "3 * 4"), critic=lambda n, _: NO)
    run = await played(cast, "refiner", tmp_path)
    assert cast.order == "pprc" and run.answer == "12"


async def test_a_draft_without_steps_is_not_judged() -> None:
    talker = Talker(NO)
    for draft in (None, Draft(author="a", notes="nothing"), Draft(author="a", problem="unclear")):
        assert (await HintCritic(talker.model).criticise(view(draft=draft))).verdict is Verdict.abstain
    assert not talker.requests


async def test_a_failing_check_is_never_committed_whatever_the_critic_says(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n, _: writes("answer = 41\n"),
        reviser=lambda n, _: writes(f"answer = {n}\n"),
        critic=lambda n, _: NO,
    )
    run, place = await checked(cast, "refiner", tmp_path)
    assert run.outcome is RunOutcome.abstained and (place / "answer.py").read_text() == "answer = 0\n"
    assert cast.order == "p" + "r" * 4  # code has no steps: the checks are all that is heard


async def test_a_run_that_broke_off_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    def make() -> Cast:
        return cast_of(yes(hint(0, "incorrect_operators")), yes(hint(0, "missing_step")), NO)

    await broken_off_everywhere(make, "refiner", tmp_path)


MISTAKES = [kind for kinds in KINDS.values() for kind in kinds]
HINTS = st.builds(
    SaidHint,
    reason=st.text(max_size=20),
    step=st.integers(0, 9),
    mistake=st.sampled_from(MISTAKES),
    part=st.sampled_from([None, "first", "second", "third", "last"]),
)


@settings(deadline=None)
@given(st.lists(HINTS, max_size=8), st.sampled_from(["yes", "no"]), st.integers(1, 6), st.booleans())
def test_only_no_without_a_hint_accepts(hints: list[SaidHint], wrong: Any, count: int, explained: bool) -> None:
    said = SaidHints(hints=hints, wrong=wrong).critique("refiner", count, explained=explained)
    assert (said.verdict is Verdict.accept) is (wrong == "no" and not hints)
    assert all(f.location is None or 0 <= (f.location.step or 0) < count for f in said.findings)
    assert 0.0 <= said.score <= 1.0 and (said.verdict is Verdict.accept or said.findings)
    assert (
        SaidHints(hints=hints, wrong=wrong).cut_short().critique("r", count, explained=False).verdict is Verdict.revise
    )
    if not explained:
        assert all(f.suggestion is None for f in said.findings)


def test_bad_options_are_named(tmp_path: Path) -> None:
    for options in ({"turns": 0}, {"domain": "poetry"}, {"temperature": -1}):
        with pytest.raises(InputError, match=next(iter(options))):
            Agent(Cast().model, recipe="refiner", options=options, store=tmp_path)
