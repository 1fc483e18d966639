"""The measurement on steps on a screen: the baseline, replayed critics, and odd rows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals import Figure, Source
from revet.evals.gate.gui import MEASUREMENT, Judge, answers_of, asking, measure, measuring, named
from revet.evals.gate.gui_steps import majority_labels, operation_of, same_step
from tests.agents.chat_support import Talker


def row(number: int, label: str, operation: str = "click", **other: Any) -> dict[str, Any]:
    known = {"id": f"r-{number}", "set": "gui_i", "instruction": f"task {number}", "history": "Step 1: Open the shop."}
    decision = f"Action: {{'action': '{operation}', 'coordinate': [1, {number}]}}"
    return {**known, "decision": decision, "label": label, "suggestion": "Tap on the 'Pay' button.", **other}


def written(folder: Path, rows: list[dict[str, Any]]) -> Source:
    (folder / "gui_critic").mkdir(exist_ok=True)
    path = folder / "gui_critic" / "decisions.dev.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return Source(folder)


def measured(source: Source, judge: Judge | None = None) -> Figure:
    return asyncio.run(measure(source, lambda done, of: None, judge))


def replayed(folder: Path, *answers: dict[str, Any]) -> Judge:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in answers), encoding="utf-8")
    return answers_of(path)


def test_without_a_critic_the_baseline_is_measured(tmp_path: Path) -> None:
    rows = [row(n, "Correct") for n in range(20)] + [row(n + 20, "Incorrect", "terminate") for n in range(20)]
    figure = asyncio.run(MEASUREMENT.run(Source(written(tmp_path, rows).folder), lambda done, of: None))
    assert (figure.value, figure.n, figure.target) == (1.0, 40, None) and "baseline" in figure.measure
    assert figure.counts["gui_i_baseline"] == 1.0 and figure.counts["always_correct"] == 0.5
    assert figure.counts["gui_i_published_gui_critic_r1"] == 0.692 and figure.counts["gui_s_decisions"] == 0


def test_a_critic_s_false_blocks_harm_and_suggestions_are_counted(tmp_path: Path) -> None:
    source = written(
        tmp_path, [row(1, "Correct"), row(2, "Correct"), row(3, "Incorrect"), row(4, "Incorrect"), row(5, "Correct")]
    )
    judge = replayed(
        tmp_path,
        {"id": "r-1", "score": "Correct", "suggestion": "Click 'Pay'"},
        {"id": "r-2", "score": "Incorrect", "suggestion": "Swipe down to the 'Pay' button"},
        {"id": "r-3", "answer": "<thought>x</thought><score>Correct</score><suggestion>tap Pay</suggestion>"},
        {"id": "r-4", "answer": "I cannot tell."},
        {"id": "elsewhere", "score": None},
    )
    figure = asyncio.run(measuring(judge).run(source, lambda done, of: None))
    counts = figure.counts
    assert (figure.n, figure.value) == (4, 0.25) and counts["answered"] == 4 and counts["decisions"] == 5
    assert (counts["false_block"], counts["harm"], counts["unusable"]) == (0.5, 0.5, 1)
    assert counts["suggestion_match"] == pytest.approx(2 / 3)
    assert figure.target == counts["baseline"]


def test_an_answer_in_json_is_read_and_one_with_two_verdicts_is_not(tmp_path: Path) -> None:
    source = written(tmp_path, [row(1, "Correct"), row(2, "Correct")])
    one, two = json.dumps({"score": "Correct"}), json.dumps({"score": "Incorrect"})
    judge = replayed(tmp_path, {"id": "r-1", "answer": f"So: {one}"}, {"id": "r-2", "answer": one + two})
    counts = measured(source, judge).counts
    assert (counts["accuracy"], counts["unusable"]) == (0.5, 1)


def test_a_model_is_asked_without_being_shown_the_label(tmp_path: Path) -> None:
    told = {"observation": "o", "possible_result": "p", "critique": "c", "score": "Correct", "suggestion": "s"}
    talker = Talker(told)
    figure = measured(written(tmp_path, [row(1, "Incorrect"), row(2, "Correct")]), asking(talker.model))
    assert figure.value == 0.5 and figure.counts["harm"] == 1.0
    assert all("'Pay'" not in prompt and "Incorrect" not in prompt for prompt in talker.prompts)


def test_a_critic_is_named_by_its_file_of_answers_or_as_a_model(tmp_path: Path) -> None:
    source = written(tmp_path, [row(1, "Correct")])
    replayed(tmp_path, {"id": "r-1", "score": "Correct"})
    script = tmp_path / "script.yaml"
    script.write_text("- value: {observation: o, possible_result: p, critique: c, score: Correct, suggestion: s}\n")
    for critic in (str(tmp_path / "answers.jsonl"), f"scripted:{script}"):
        assert asyncio.run(named(critic).run(source, lambda done, of: None)).value == 1.0
    with pytest.raises(InputError, match="cannot be read"):
        named(str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "no JSON"),
        ("[]", "must be an object"),
        ('{"score": "Correct"}', "id is missing"),
        ('{"id": "a", "score": "Maybe"}', "score must be"),
        ('{"id": "a", "score": "Correct", "suggestion": 3}', "suggestion must be text"),
        ('{"id": "a", "answer": 3}', "answer must be str"),
        ('{"id": "a"}\n{"id": "a"}', "two answers for a"),
        ("", "holds no answers"),
    ],
)
def test_odd_answers_are_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=told):
        answers_of(path)
    with pytest.raises(InputError, match="cannot be read"):
        answers_of(tmp_path / "none")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"label": "Right"}, "label must be"),
        ({"set": "gui_x"}, "set must be one of"),
        ({"decision": None}, "decision must"),
    ],
)
def test_an_odd_row_is_named(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=f"row 2: {told}"):
        measured(written(tmp_path, [row(1, "Correct"), {**row(2, "Correct"), **changed}]))


def test_the_baseline_never_sees_the_task_that_it_judges() -> None:
    """A label that only one task gives away is no use to that task itself."""
    guessed = majority_labels(["tap"] * 3 + ["end"], [False, False, False, True], ["a", "a", "a", "b"])
    assert guessed == [True, True, True, False]
    assert operation_of("Action: {'action': 'system_button', 'button': 'Home'}") == "system_button home"
    assert operation_of("Action: {'action': 'type', 'text': 'hello'}") == "type"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Tap the 'Search' button.", "Click on Search", True),
        ("Tap the 'Search' button.", "Swipe up to see more", False),
        ("Swipe up to view the reviews.", "Scroll down to the reviews", True),
        ("Tap the star next to the mail", "Tap the bin next to the draft", False),
        ("Press back", "Tap close", False),
        ("", "Tap", False),
        ("Tap", "Click", True),
    ],
)
def test_two_sentences_for_one_step(one: str, other: str, same: bool) -> None:
    assert same_step(one, other) is same_step(other, one) is same


@pytest.mark.shared
def test_real_decisions(shared: Path, tmp_path: Path) -> None:
    rows = [dict(each) for each in Source(shared).rows("gui_critic", "decisions")]
    web = [each for each in rows if each["set"] == "gui_web"]
    figure = measured(written(tmp_path, web))
    assert figure.value is not None and figure.value > 0.8, "the kind of step alone tells most of this set"
