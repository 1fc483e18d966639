"""Suites about critiques in words and about steps on a screen, where what people said stands in the rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.evals.gate.gui import PUBLISHED
from revet.evals.suites import suite_named
from tests.evals.critics_support import opened, played, scripted, written


def critique(true: list[Any], said: list[bool], **other: Any) -> dict[str, Any]:
    units = [f"unit {n} holds" for n in range(len(true))]
    return {"critique": "…", "aius": units, "precision_labels": true, "recall_labels": said, **other}


def annotated(name: str, **other: Any) -> dict[str, Any]:
    known = {"id": name, "dataset": "PIQA", "question": "kitchen towel", "response": "can be cut"}
    return {
        **known,
        "gpt4_critique": {"critique": "…", "aius": ["one", "two"]},
        "human_critique": critique([True, False], [True, False]),
        "llm1_critique": critique([True], [False, False], model="llama"),
        "llm2_critique": critique([], [False, False], model="vicuna"),
        **other,
    }


def test_the_logged_critiques_are_counted_by_their_units(tmp_path: Path) -> None:
    written(tmp_path, "metacritique/annotation.jsonl", [annotated("a"), annotated("b")])
    trials, figures = played("metacritique", tmp_path)
    assert len(trials) == 6 and {trial.task for trial in trials} == {"a", "b"}
    assert figures["meta_precision"].value == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures["meta_recall"].value == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert figures["meta_f1"].value == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert figures["logged/human/meta_f1"].value == 1 / 2 and figures["logged/llama/meta_recall"].value == 0.0
    assert not any(name.startswith("critic_") for name in figures)


def test_a_model_judges_the_units(tmp_path: Path) -> None:
    """It agrees on one unit, contradicts the people on another, and says nothing of the third, or both."""
    written(tmp_path, "metacritique/annotation.jsonl", [annotated("a")])
    told = [{"unit": 0, "reason": "so", "true": True}, {"unit": 1, "reason": "so", "true": True}]
    both = [{"unit": 0, "reason": "so", "true": True}, {"unit": 0, "reason": "not so", "true": False}]
    model = scripted(
        tmp_path,
        {"contains": "unit 1 holds", "value": {"units": told}, "tokens": {"input": 7, "output": 1}},
        {"value": {"units": both}},
    )
    trials, figures = played("metacritique", tmp_path, model=model)
    assert [[turn.accepted for turn in trial.turns] for trial in trials] == [[True, True], [None], []]
    assert figures["critic_accuracy"].value == 1 / 2 and figures["critic_coverage"].value == pytest.approx(2 / 3)
    assert figures["meta_f1"].n == 3 and trials[0].tokens == 8 and trials[2].tokens == 0


def test_an_answer_that_is_no_verdict_leaves_the_units_open(tmp_path: Path) -> None:
    written(tmp_path, "metacritique/annotation.jsonl", [annotated("a")])
    trials, figures = played("metacritique", tmp_path, model=scripted(tmp_path, {"reply": "hm"}))
    assert [turn.accepted for turn in trials[0].turns] == [None, None] and figures["critic_coverage"].value == 0.0


def test_a_file_of_the_split_stands_above_the_whole_set(tmp_path: Path) -> None:
    written(tmp_path, "metacritique/annotation.jsonl", [annotated("whole")])
    written(tmp_path, "metacritique/annotation", [annotated("split")])
    assert {trial.task for trial in played("metacritique", tmp_path)[0]} == {"split"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"human_critique": critique([True], [True])}, "human_critique: recall_labels must be one for each of the 2"),
        ({"llm1_critique": critique([1], [True, True])}, "llm1_critique: precision_labels must be true or false"),
        ({"llm1_critique": critique([True], [True, True], aius=[])}, "precision_labels must be one for each of the 0"),
        ({"llm1_critique": critique([True], [True, True], aius=[2])}, "aius must be texts"),
        ({"gpt4_critique": None}, "row 1: gpt4_critique must be dict"),
    ],
)
def test_odd_annotations_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    written(tmp_path, "metacritique/annotation.jsonl", [annotated("a", **change)])
    with pytest.raises(InputError, match=re.escape(said)):
        opened("metacritique", tmp_path)


def step(number: int, label: str = "Correct", operation: str = "click", **other: Any) -> dict[str, Any]:
    known = {"id": f"r-{number}", "set": "gui_i", "instruction": f"task {number}", "history": "Step 1: Open it."}
    decision = f"Action: {{'action': '{operation}', 'coordinate': [1, {number}]}}"
    return {**known, "decision": decision, "label": label, "suggestion": "Tap on the 'Pay' button.", **other}


def test_the_operation_alone_is_the_baseline(tmp_path: Path) -> None:
    rows = [step(n) for n in range(20)] + [step(n + 20, "Incorrect", "terminate") for n in range(20)]
    written(tmp_path, "gui_critic/decisions", rows)
    trials, figures = played("gui_critic", tmp_path)
    assert len(trials) == 40 and figures["step_accuracy"].value == 1.0 == figures["baseline_accuracy"].value
    assert figures["false_block_rate"].value == 0.0 and figures["suggestion_accuracy"].value is None
    beside = {(each.measure, each.value) for each in suite_named("gui-critic").beside}
    assert beside == {(f"step_accuracy/{name}", told[0]) for sets in PUBLISHED.values() for name, told in sets.items()}


def test_answers_of_a_critic_are_replayed(tmp_path: Path) -> None:
    written(tmp_path, "gui_critic/decisions", [step(0), step(1, "Incorrect"), step(2, "Incorrect"), step(3)])
    told: list[dict[str, Any]] = [
        {"id": "r-0", "score": "Correct", "suggestion": ""},
        {"id": "r-1", "score": "Incorrect", "suggestion": "Press the 'Pay' button"},
        {"id": "r-2", "score": None, "suggestion": "Wait."},
    ]
    written(tmp_path, "gui_critic/answers.jsonl", told)
    trials, figures = played("gui_critic", tmp_path, answers=str(tmp_path / "gui_critic" / "answers.jsonl"))
    assert [trial.turns[0].accepted for trial in trials] == [True, False, None, None]
    # What cannot be used, and what the file does not answer, is not right: as the published figures count.
    assert (figures["step_accuracy"].value, figures["step_accuracy"].n) == (2 / 4, 4)
    assert (figures["step_accuracy/gui_i"].value, figures["baseline_accuracy"].n) == (2 / 4, 4)
    assert (figures["critic_accuracy"].value, figures["critic_accuracy"].n) == (1.0, 2)
    assert figures["suggestion_accuracy"].value == 1 / 2 and figures["critic_coverage"].value == 2 / 4


def test_a_model_is_asked_about_the_step_and_shown_no_label(tmp_path: Path) -> None:
    written(tmp_path, "gui_critic/decisions", [step(0, suggestion="SECRET LABEL")])
    told = {"observation": "a page", "possible_result": "it opens", "critique": "fine", "score": "Correct"}
    said = {"value": {**told, "suggestion": ""}, "tokens": {"input": 9, "output": 3}}
    model = scripted(tmp_path, {"contains": "SECRET LABEL", "reply": "leaked"}, said)
    trials, _ = played("gui_critic", tmp_path, model=model)
    assert trials[0].turns[0].accepted is True and trials[0].tokens == 12
    unusable, _ = played("gui_critic", tmp_path, model=scripted(tmp_path, {"reply": "hm"}))
    assert unusable[0].turns[0].accepted is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "Maybe"}, "row 1: label must be Correct or Incorrect"),
        ({"set": "gui_x"}, "row 1: set must be one of"),
        ({"history": 3}, "row 1: history must be str"),
    ],
)
def test_odd_steps_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    written(tmp_path, "gui_critic/decisions", [step(0, **change)])
    with pytest.raises(InputError, match=re.escape(said)):
        opened("gui_critic", tmp_path)


def test_a_model_and_answers_are_too_much(tmp_path: Path) -> None:
    written(tmp_path, "gui_critic/decisions", [step(0), step(0)])
    with pytest.raises(InputError, match="not both"):
        opened("gui_critic", tmp_path, model="scripted:x", answers="y.jsonl")
    with pytest.raises(InputError, match="gui_critic: colour"):
        opened("gui_critic", tmp_path, colour="red")
    with pytest.raises(InputError, match="id r-0 stands twice"):
        opened("gui_critic", tmp_path)


@pytest.mark.shared
def test_the_logged_figures_are_those_of_the_set(shared: Path) -> None:
    """The scores that the authors stored with each critique are the ones computed from its units."""
    rows = [json.loads(line) for line in (shared / "metacritique" / "annotation.jsonl").read_text("utf-8").splitlines()]
    stored = [row[name]["f1_score"] for row in rows for name in ("human_critique", "llm1_critique", "llm2_critique")]
    _, figures = played("metacritique", shared)
    assert figures["meta_f1"].value == pytest.approx(sum(stored) / len(stored))
