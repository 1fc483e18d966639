"""CTRL: the width schedule, the vote among critiques, and the one voice of the majority that the reviser hears."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.ctrl import CtrlCritic, VotingCritic
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.parts.widths import DEPTH, Widths, size
from revet.models import Reply, Request
from revet.models.wire import Finish
from revet.policy import Policy
from revet.schema import Attempt, Critique, Draft, Finding, RunOutcome, Verdict
from tests.agents.chat_support import Talker, view
from tests.graphs.recipes.casting_support import Cast, answer, broken_off_everywhere, checked, played, writes


def incorrect(what: str) -> str:
    return f"Analysis:\n{what} is off.\n\nImprovement suggestions:\nLook at {what}.\n\nOverall judgment: Incorrect"


CORRECT = "Analysis:\nAll is well.\n\nImprovement suggestions:\nnone\n\nOverall judgment: Correct"


def cast_of(critic: object, **more: object) -> Cast:
    """First drafts A0, A1, …; a revision appends a stroke to what it revises. `critic` says what to each answer."""

    def revised(number: int, request: Request) -> dict[str, object]:
        text = request.messages[-1].text.split("draft-answer⟧\n")[1].split("\n")[0]
        return answer(text + "'")

    def judged(number: int, request: Request) -> str:
        text = request.messages[-1].text.split("draft-answer⟧\n")[1].split("\n")[0]
        said = critic(text, number) if callable(critic) else critic
        assert isinstance(said, str)
        return said

    return Cast(proposer=lambda n, _: answer(f"A{n}"), reviser=revised, critic=judged)


async def test_five_first_drafts_then_revisions_level_by_level(tmp_path: Path) -> None:
    cast = cast_of(lambda text, n: CORRECT if text == "A1''" else incorrect(text))
    run = await played(cast, "ctrl", tmp_path)
    assert run.outcome is RunOutcome.answered and run.answer == "A1''"
    assert cast.order == "pc" * 5 + "rc" * 7
    made = [a.draft.answer for a in run.attempts]
    assert made == ["A0", "A1", "A2", "A3", "A4", "A0'", "A1'", "A2'", "A3'", "A4'", "A0''", "A1''"]
    assert [a.draft.data[DEPTH] for a in run.attempts] == [0] * 5 + [1] * 5 + [2] * 2
    assert set(cast.temperatures("proposer")) == {0.7} and set(cast.temperatures("reviser")) == {0.0}
    assert set(cast.temperatures("critic")) == {0.6}


async def test_the_first_draft_that_is_called_correct_ends_it(tmp_path: Path) -> None:
    cast = cast_of(lambda text, n: CORRECT if text == "A1" else incorrect(text))
    run = await played(cast, "ctrl", tmp_path)
    assert run.answer == "A1" and cast.order == "pcpc"


async def test_the_published_schedule_makes_forty_five_drafts_and_no_more(tmp_path: Path) -> None:
    cast = cast_of(lambda text, n: incorrect(text))
    agent = Agent(cast.model, recipe="ctrl", store=tmp_path, sandbox=None)
    assert agent.policy.rounds == 44 == size((5,) + (1,) * 8) - 1
    narrow = cast_of(lambda text, n: incorrect(text))
    run = await played(narrow, "ctrl", tmp_path / "b", options={"widths": [1, 2, 1]}, policy=Policy(rounds=9))
    assert run.outcome is RunOutcome.abstained
    assert narrow.order == "pc" + "rc" + "r" + "rc"  # the second revision repeats the first, and is not revised
    assert "every draft of the schedule was refused" in run.decision.reasons[0]


async def test_the_reviser_sees_its_draft_and_one_critique_and_no_sibling(tmp_path: Path) -> None:
    cast = cast_of(lambda text, n: incorrect(f"{text}-{n}"))
    options = {"widths": [2, 1], "critiques": 3}
    await played(cast, "ctrl", tmp_path, options=options)
    first, second = cast.asked("reviser")
    assert "A0" in first and "A1" not in first and "A1" in second and "A0" not in second
    voices = [number for number in range(3) if f"Look at A0-{number}." in first]
    assert len(voices) == 1 and "3 of 3 critiques hold it to be incorrect" in first


async def test_critics_and_samplers_know_nothing_of_other_drafts(tmp_path: Path) -> None:
    cast = cast_of(lambda text, n: incorrect(text))
    await played(cast, "ctrl", tmp_path, options={"widths": [3]})
    assert len(set(cast.asked("proposer"))) == 1
    for number, shown in enumerate(cast.asked("critic")):
        assert f"A{number}" in shown and f"A{number - 1}" not in shown and "## Evidence" not in shown


@pytest.mark.parametrize(("right", "stands"), [(3, True), (2, True), (1, False), (0, False)])
async def test_the_majority_of_three_decides(tmp_path: Path, right: int, stands: bool) -> None:
    cast = cast_of(lambda text, n: CORRECT if n < right else incorrect(text))
    run = await played(cast, "ctrl", tmp_path, options={"widths": [1], "critiques": 3})
    assert (run.outcome is RunOutcome.answered) is stands and cast.order == "pccc"
    assert run.attempts[0].critiques[0].score == pytest.approx(right / 3)


async def test_a_tie_objects_and_silence_has_no_vote(tmp_path: Path) -> None:
    tie = cast_of(lambda text, n: CORRECT if n else incorrect(text))
    run = await played(tie, "ctrl", tmp_path / "tie", options={"widths": [1], "critiques": 2})
    assert run.outcome is RunOutcome.abstained
    silent = cast_of(lambda text, n: "" if n else CORRECT)
    run = await played(silent, "ctrl", tmp_path / "silent", options={"widths": [1], "critiques": 3})
    assert run.outcome is RunOutcome.answered and run.attempts[0].critiques[0].confidence == 1.0


async def test_the_critic_may_be_a_model_of_its_own_and_see_the_evidence(tmp_path: Path) -> None:
    writer = Cast(proposer=lambda n, _: writes("answer = 41\n"), reviser=lambda n, _: writes("answer = 42\n"))
    judge = Cast(critic=lambda n, _: CORRECT)
    run, place = await checked(
        writer, "ctrl", tmp_path, critic=judge.model, options={"widths": [1, 1], "evidence": True}
    )  # fmt: skip
    assert run.outcome is RunOutcome.committed and (place / "answer.py").read_text() == "answer = 42\n"
    assert writer.order == "pr" and judge.order == "cc" and "the file says 42" in judge.asked("critic")[0]
    assert "the file says 42" in writer.asked("reviser")[0]  # what failed, though the critic saw no fault


async def test_a_failing_check_is_never_committed_whatever_the_critics_say(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n, _: writes(f"answer = {n}\n"),
        reviser=lambda n, _: writes(f"answer = 1{n}\n"),
        critic=lambda n, _: CORRECT,
    )
    run, place = await checked(cast, "ctrl", tmp_path, options={"widths": [2, 1, 1], "critiques": 3})
    assert run.outcome is RunOutcome.abstained and (place / "answer.py").read_text() == "answer = 0\n"
    assert len(run.attempts) == 6


async def test_what_is_no_draft_is_a_draft_of_the_schedule_and_giving_up_is_none(tmp_path: Path) -> None:
    drafts = ["no shape", "no shape", answer("A1")]
    cast = Cast(proposer=lambda n, _: drafts[n], critic=lambda n, _: CORRECT)
    run = await played(cast, "ctrl", tmp_path / "a", options={"widths": [2]})
    assert run.answer == "A1" and run.attempts[0].draft.problem is not None
    given_up = {**answer(""), "answer": None, "give_up": "no idea"}
    cast = Cast(proposer=lambda n, _: [given_up, answer("A1")][n], critic=lambda n, _: CORRECT)
    run = await played(cast, "ctrl", tmp_path / "b", options={"widths": [2]})
    assert run.answer == "A1" and len(run.attempts) == 1


async def test_a_run_that_broke_off_goes_on_with_the_same_drafts(tmp_path: Path) -> None:
    def make() -> Cast:
        return cast_of(lambda text, n: CORRECT if text == "A1'" else incorrect(text))

    await broken_off_everywhere(make, "ctrl", tmp_path, options={"widths": [2, 1], "critiques": 1})


async def test_what_is_not_called_correct_without_reserve_is_not() -> None:
    texts = {
        "Fine.\n**Overall judgment: Correct**": Verdict.accept,
        "Overall Judgement: correct": Verdict.accept,
        "Fine, I think.": Verdict.revise,
        "Overall judgment: Incorrect": Verdict.revise,
        "Overall judgment: Correct\nOverall judgment: Incorrect": Verdict.revise,
        "<think>Overall judgment: Incorrect</think>\nOverall judgment: Correct": Verdict.accept,
        " ": Verdict.abstain,
    }
    for text, verdict in texts.items():
        said = await CtrlCritic(Talker(text).model).criticise(view(draft=Draft(author="a", answer="6")))
        assert said.verdict is verdict, text
    cut_off = Reply(text="Overall judgment: Correct", finish=Finish.length)
    said = await CtrlCritic(Talker(cut_off).model).criticise(view(draft=Draft(author="a", answer="6")))
    assert said.verdict is Verdict.abstain


async def test_what_is_wrong_is_said_in_a_sentence_and_in_full() -> None:
    for text in (incorrect("the loop"), "**Analysis**: the loop is off. So it ends.\n\nOverall judgment: Incorrect"):
        said = await CtrlCritic(Talker(text).model).criticise(view(draft=Draft(author="a", answer="6")))
        assert said.findings[0].claim == "the loop is off." and "judgment" not in (said.findings[0].suggestion or "")


class Speaks:
    """A critic that gives the next of its critiques."""

    name = "speaks"

    def __init__(self, critiques: list[Critique]) -> None:
        self.critiques = iter(critiques)

    async def criticise(self, view: object) -> Critique:
        return next(self.critiques)


WORDS = st.sampled_from([Verdict.accept, Verdict.revise, Verdict.reject, Verdict.abstain])


@settings(deadline=None, max_examples=60)
@given(st.lists(WORDS, min_size=1, max_size=9), st.integers(0, 99))
async def test_the_voice_agrees_with_the_strict_majority(verdicts: list[Verdict], seed: int) -> None:
    critiques = [
        Critique(critic="speaks", verdict=v, findings=() if v is Verdict.accept else (Finding(claim=str(n)),))
        for n, v in enumerate(verdicts)
    ]
    said = await VotingCritic(Speaks(critiques), len(verdicts)).criticise(view(seed=seed))
    voting = [v for v in verdicts if v is not Verdict.abstain]
    if not voting:
        assert said.verdict is Verdict.abstain
        return
    accepted = sum(v is Verdict.accept for v in voting) > len(voting) / 2
    assert (said.verdict is Verdict.accept) is accepted
    assert any(said.findings == each.findings and said.verdict is each.verdict for each in critiques)
    again = await VotingCritic(Speaks(critiques), len(verdicts)).criticise(view(seed=seed))
    assert again == said


class Echo:
    """Writes drafts that say where they come from."""

    name = "echo"

    def __init__(self) -> None:
        self.made = 0

    async def propose(self, view: object) -> Draft:
        self.made += 1
        return Draft(author="echo", answer=str(self.made))

    async def revise(self, view: object, critique: Critique) -> Draft:
        return await self.propose(view)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=4))
async def test_the_forest_is_grown_level_by_level_to_its_size(widths: list[int]) -> None:
    echo, attempts = Echo(), list[Attempt]()
    strategy = Widths("w", echo, echo, widths)
    while not (draft := (await strategy.drafts(view(attempts=attempts)))[0]).gives_up:
        attempts.append(Attempt(round=len(attempts), draft=draft))
    depths = [int(str(a.draft.data[DEPTH])) for a in attempts]
    assert len(attempts) == size(widths) and depths == sorted(depths)
    for attempt in attempts:
        wanted = widths[depths[attempt.round] + 1] if depths[attempt.round] + 1 < len(widths) else 0
        assert sum(a.draft.data.get("parent") == attempt.round for a in attempts) == wanted


def test_bad_options_are_named(tmp_path: Path) -> None:
    for options in ({"widths": []}, {"widths": [0]}, {"critiques": 0}, {"first": 3}, {"width": [1]}):
        with pytest.raises(InputError, match=next(iter(options))):
            Agent(Cast().model, recipe="ctrl", options=options, store=tmp_path)
    with pytest.raises(InputError, match="needs 5 rounds"):
        Agent(Cast().model, recipe="ctrl", policy=Policy(rounds=4), store=tmp_path)
