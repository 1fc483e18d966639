"""Trials of a log of questions: which are drafts, what is accepted, what the loop may not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.evals import Source
from revet.evals.replay.held import held
from revet.evals.replay.hotpotqa import AGAIN, open_suite

from .logs import of_nothing, played, said
from .spying import MARK, kept_in, spy_on, write

SET = "reflexion_hotpotqa"
QUESTION = "In which city was the painter of The Red Boat born?"
SEEN = "Ada Quill (born 1901 in Torvik) was a painter. She painted The Red Boat."
ORACLE = "Answer is INCORRECT"


def step(thought: str, action: str, observation: str) -> dict[str, Any]:
    return {"thought": thought, "action": action, "observation": observation}


def trial(number: int, answer: str | None, status: str = "incorrect", **more: Any) -> dict[str, Any]:
    steps = [step("I need to search The Red Boat.", "Search[The Red Boat]", SEEN)]
    if answer is not None:
        steps.append(step(f"So the answer is {answer}.", f"Finish[{answer}]", ORACLE))
    asked = QUESTION if number == 1 else f"{QUESTION}{AGAIN} and failed. {MARK}"
    told = {"run": "r", "trial": number, "question": asked, "status": status, "gold": MARK}
    return {**told, "steps": steps, **more}


ROWS = [
    trial(2, "Torvik", "correct"),
    trial(1, "Paris"),
    trial(3, "Torvik", "correct"),
    trial(4, None, "correct", steps=[]),
    trial(1, None, "halted", run="halts"),
    trial(1, "yes", "correct", run="says yes"),
    trial(6, None, "correct", run="verdict alone", steps=[]),
]


def fill(folder: Path, rows: list[Any]) -> Source:
    write(folder, f"{SET}/react_trials", rows)
    return Source(folder)


async def test_what_is_accepted(tmp_path: Path) -> None:
    trials, figures = await played(open_suite, fill(tmp_path, ROWS))
    assert [each.group for each in trials.values()] == ["r", "halts", "says yes"]  # the last row holds no trial
    again, halts, yes = trials.values()
    assert said(again) == [(False, False), (True, True)] and again.correct is True
    assert said(halts) == [(False, False)] and halts.chosen is None
    assert said(yes) == [(None, True)] and yes.correct is True
    assert {each.task for each in trials.values()} == {QUESTION}
    value = {name: figure.value for name, figure in figures.items()}
    assert value["accuracy"] == value["log_oracle_stop"] == 2 / 3 and value["log_first_trial"] == 1 / 3
    # Of the answers; that no answer is none is no feat.
    assert (value["critic_precision"], figures["critic_recall"].n) == (1.0, 1)
    assert value["log_first_trial_false_commits"] == 0.5 and value["wrong_to_right"] == 1 / 3


async def test_the_first_trial_of_the_log_is_the_baseline_of_every_case(tmp_path: Path) -> None:
    lacking = [trial(2, "Torvik", "correct", run="lacks trial 1"), trial(3, "Torvik", "correct", run="lacks trial 1")]
    _, figures = await played(open_suite, fill(tmp_path, [*ROWS, *lacking]))
    assert (figures["log_first_trial"].n, figures["log_first_trial"].value) == (4, 0.5)
    assert figures["log_first_trial"].n == figures["accuracy"].n


async def test_nothing_that_judges_reaches_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = spy_on(monkeypatch)
    await played(open_suite, fill(tmp_path / "data", ROWS), runs=str(tmp_path / "runs"))
    shown = "\n".join(spy.seen)
    kept = kept_in(tmp_path / "runs")
    assert QUESTION in shown and "born 1901 in Torvik" in kept
    for told in (shown, kept):
        assert MARK not in told and ORACLE not in told and AGAIN not in told


@pytest.mark.parametrize(
    ("answer", "shown", "stands"),
    [
        ("The Bears", "their mascot is a bear, the bears of old", True),
        ("the “Bears”", "BEARS", True),
        ("Mercer", "Mercerville", False),
        ("1,200 km", "it is 1200.3 kilometres long", True),
        ("1,250 km", "it is 1200.3 kilometres long", False),
        ("175", "Out[1]: 175.0", True),
        ("$2300$", "2300", True),
        ("-2", "2", False),
        ("yes", "yes", None),
        ("B", "A B C", None),
        ("", "anything", None),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", "x", None),
    ],
)
def test_whether_an_answer_stands_in_a_text(answer: str, shown: str, stands: bool | None) -> None:
    assert held(answer, shown) is stands


def test_words_may_stand_in_the_question_and_numbers_may_not() -> None:
    assert held("Valentino's", "", question="Which was first, Discovery Zone or Valentino's?") is True
    assert held("48", "", question="An audience of 48 was counted.") is False


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=100))
def test_an_answer_stands_in_a_text_that_holds_it(answer: str, more: str) -> None:
    assert held(answer, f"{more}\n{answer}\n{more}") is not False


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"status": "good"}, "status is 'good'"),
        ({"trial": "1"}, "trial must be int"),
        ({"steps": None}, "steps must be list"),
        ({"steps": ["Search"]}, "steps: number 1 must be an object"),
        ({"question": 3}, "question must be str"),
        ({"run": None}, "run must be str"),
    ],
)
async def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"react_trials\.dev\.jsonl: row 2: ") as error:
        await open_suite(fill(tmp_path, [ROWS[0], {**ROWS[1], **bad}]), {})
    assert told in str(error.value)


async def test_options_and_figures_of_nothing(tmp_path: Path) -> None:
    source = fill(tmp_path, ROWS)
    with pytest.raises(InputError, match="options of the suite hotpotqa: seed: there is no such option"):
        await open_suite(source, {"seed": 1})
    assert all(each.value is None and each.note for each in await of_nothing(open_suite, source))


@pytest.mark.shared
async def test_on_real_questions(shared: Path) -> None:
    trials, figures = await played(open_suite, Source(shared), most=20)
    assert len(trials) == 20 and all(trial.error is None for trial in trials.values())
    assert figures["log_oracle_stop"].value is not None
