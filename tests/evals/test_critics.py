"""Suites about critics of solutions and programs: what is found, what is abstained from, whom else one may ask."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from tests.evals.critics_support import opened, played, scripted, written

QUESTION = "A shop sells 12 boxes of 3 pens and 5 single pens. How many pens does it sell?"
RIGHT = ("12 * 3 = <<12*3=36>>36", "36 + 5 = <<36+5=41>>41", "#### 41")
SLIP = ("12 * 3 = <<12*3=36>>36", "36 + 5 = <<36+5=42>>42", "#### 42")


def graded(task: str, steps: tuple[str, ...] = SLIP, first: int = 2, **other: Any) -> dict[str, Any]:
    known = {"task_id": task, "critic_model": "Claude", "question": QUESTION, "steps": list(steps)}
    labels = {"first_error_step": first, "question_type": "original", "error_reason_correctness": "correct"}
    return {**known, **labels, **other}


def steps_said(*right: bool) -> dict[str, Any]:
    told = [
        {"step": n, "reason": "so", "right": each, "mistake": None if each else "logic", "suggestion": None}
        for n, each in enumerate(right)
    ]
    return {"steps": [{**each, "confidence": 0.8} for each in told]}


def test_the_first_wrong_step_is_located_or_not(tmp_path: Path) -> None:
    rows = [
        graded("found"),
        graded("elsewhere", first=1),
        graded("overlooked", RIGHT, first=1),
        graded("program", ("pens = boxes + single", "print(pens)"), first=1, question_type="POT"),
        graded("found", critic_model="GPT3_5", error_reason_correctness="incorrect"),
    ]
    written(tmp_path, "mr_gsm8k/graded_critiques", rows)
    trials, figures = played("mr_gsm8k", tmp_path)
    assert [trial.turns[0].located for trial in trials] == [True, False, None, None]
    assert [trial.turns[0].accepted for trial in trials] == [False, False, True, None]
    assert (figures["first_step_found"].value, figures["first_step_found"].n) == (1 / 4, 4)
    assert (figures["localisation_accuracy"].value, figures["localisation_accuracy"].n) == (1 / 2, 2)
    assert figures["critic_coverage"].value == 3 / 4 and figures["critic_recall"].value == 2 / 4
    assert figures["chance"].value == pytest.approx((1 / 3 + 1 / 3 + 1 / 3 + 1 / 2) / 4)
    assert figures["first_step_found/POT"].value == 0.0 and figures["first_step_found/original"].value == 1 / 3
    assert (figures["logged/Claude/reason"].value, figures["logged/Claude/reason"].n) == (1.0, 4)
    assert figures["logged/GPT3_5/reason"].value == 0.0


def test_a_model_is_asked_for_the_step(tmp_path: Path) -> None:
    written(tmp_path, "mr_gsm8k/graded_critiques", [graded("a"), graded("b", RIGHT, first=1)])
    model = scripted(
        tmp_path,
        {"contains": "=42", "value": steps_said(True, False, True), "tokens": {"input": 10, "output": 5}},
        {"value": steps_said(True, True, True), "tokens": {"input": 10, "output": 5}},
    )
    trials, figures = played("mr_gsm8k", tmp_path, model=model)
    assert [trial.turns[0].located for trial in trials] == [True, None]
    assert [trial.turns[0].accepted for trial in trials] == [False, True]
    assert figures["first_step_found"].value == 0.5 and trials[0].tokens == 15


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first_error_step": 9}, "row 1: first_error_step must be 1 to 3"),
        ({"steps": []}, "row 1: steps must be texts"),
        ({"steps": [1]}, "row 1: steps must be texts"),
        ({"question": None}, "row 1: question must be str"),
        ({"error_reason_correctness": "maybe"}, "row 1: error_reason_correctness"),
    ],
)
def test_odd_rows_of_solutions_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    written(tmp_path, "mr_gsm8k/graded_critiques", [graded("a", **change)])
    with pytest.raises(InputError, match=re.escape(said)):
        opened("mr_gsm8k", tmp_path)


def test_two_labels_for_one_solution_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "mr_gsm8k/graded_critiques", [graded("a"), graded("a", first=1)])
    with pytest.raises(InputError, match="row 2: a stands above with another"):
        opened("mr_gsm8k", tmp_path)


def solution(task: str, text: str, right: bool, dataset: str = "gsm8k", **other: Any) -> dict[str, Any]:
    known = {"task_id": task, "dataset": dataset, "question": QUESTION, "gt": "41", "model": "m", "pred": "?"}
    return {**known, "solution": text, "is_correct": right, **other}


def solved(*more: dict[str, Any]) -> list[dict[str, Any]]:
    slip, right = "\n".join(SLIP), "\n".join(RIGHT)
    return [
        solution("caught", slip, False),
        solution("passed", right, True),
        solution("missed", "12 * 3 = 36 pens in all.", False),
        solution("blocked", slip, True),
        solution("words", "It is guanine.", False, "arc"),
        *more,
    ]


def test_wrong_solutions_are_found_or_abstained_from(tmp_path: Path) -> None:
    written(tmp_path, "realcritic/mix_data", solved())
    trials, figures = played("realcritic", tmp_path)
    assert [trial.turns[0].accepted for trial in trials][:2] == [False, True]
    assert trials[4].turns[0].accepted is None
    assert figures["critic_precision"].value == 1 / 2 and figures["critic_coverage"].value == 4 / 5
    assert figures["false_block_rate"].value == 1 / 2 and figures["first_accuracy"].value == 2 / 5
    assert figures["critic_coverage/arc"].value == 0.0 and figures["critic_precision/arc"].value is None


def test_a_model_is_asked_about_solutions(tmp_path: Path) -> None:
    written(tmp_path, "realcritic/mix_data", solved())
    wrong = {"verdict": "reject", "findings": [], "possible_result": "it is wrong", "score": 0.1, "confidence": 0.9}
    model = scripted(
        tmp_path,
        {"contains": "guanine", "reply": "no JSON at all"},
        {"contains": "=42", "value": wrong},
        {"value": {**wrong, "verdict": "accept", "possible_result": "fine", "score": 0.9}},
    )
    trials, figures = played("realcritic", tmp_path, model=model)
    assert [trial.turns[0].accepted for trial in trials] == [False, True, True, False, None]
    assert trials[0].turns[0].score == 0.1 and trials[4].turns[0].score is None
    assert figures["critic_recall"].value == 1 / 3


@pytest.mark.parametrize("suite", ["mr_gsm8k", "realcritic", "generations", "metacritique"])
def test_unknown_options_and_models_are_refused(tmp_path: Path, suite: str) -> None:
    written(tmp_path, "mr_gsm8k/graded_critiques", [graded("a")])
    written(tmp_path, "realcritic/mix_data", solved())
    with pytest.raises(InputError, match=f"{suite}: colour"):
        opened(suite, tmp_path, colour="red")
    with pytest.raises(InputError, match=f"{suite}: model"):
        opened(suite, tmp_path, model=3)


def test_a_model_that_there_is_not_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "realcritic/mix_data", solved())
    with pytest.raises(InputError, match="nobody"):
        opened("realcritic", tmp_path, model="nobody:x")
    written(tmp_path, "realcritic/mix_data", solved(solution("caught", "again", True)))
    with pytest.raises(InputError, match="row 6: task_id caught stands above"):
        opened("realcritic", tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        opened("mr_gsm8k", tmp_path)


def program(task: str, visible: Any, hidden: Any, strategy: str = "single", **other: Any) -> dict[str, Any]:
    known = {"set": "s", "run": "r", "model": "m", "strategy": strategy, "task_id": task, "code": "def f(): pass"}
    return {**known, "visible": visible, "hidden": hidden, "orig_is_solved": True, "reflections": [], **other}


def programs(folder: Path, *rows: dict[str, Any]) -> None:
    tasks = [{"task_id": name, "prompt": f"def f(): # {name}", "exclude": name == "bad"} for name in ("a", "b", "bad")]
    for name in ("humaneval", "mbpp500", "multipl_e_py"):
        written(folder, f"code_tasks/{name}", tasks)
    written(folder, "code_generations/single_and_final", rows)


def test_what_the_visible_tests_find_by_strategy(tmp_path: Path) -> None:
    programs(
        tmp_path,
        program("a", "AssertionError: no", "AssertionError: no"),
        program("a", "pass", "pass"),
        program("b", "pass", "IndexError: late"),
        program("b", None, "TimeoutError: slow", "search"),
        program("b", "AssertionError: odd", "pass", "search", run="q"),
        program("bad", "pass", "pass"),
    )
    trials, figures = played("generations", tmp_path)
    assert [trial.case for trial in trials] == ["r/a", "r/a#2", "r/b", "r/b#2", "q/b"]
    assert [trial.turns[0].accepted for trial in trials] == [False, True, True, None, False]
    assert figures["critic_precision"].value == 1 / 2 and figures["critic_recall"].value == 1 / 3
    assert figures["critic_f1"].value == pytest.approx(2 / (2 + 3)) and figures["miss_rate"].value == 1 / 3
    assert figures["critic_precision/single"].value == 1.0 and figures["critic_coverage/search"].value == 1 / 2
    assert figures["detection_rate"].value == 1 / 2 and figures["detection_rate/search"].value is None


def test_a_model_is_asked_about_programs(tmp_path: Path) -> None:
    programs(tmp_path, program("a", "AssertionError: no", "AssertionError: no"))
    said = {"verdict": "accept", "findings": [], "possible_result": "fine", "score": 1.0, "confidence": 1.0}
    trials, _ = played("generations", tmp_path, model=scripted(tmp_path, {"contains": "def f(): # a", "value": said}))
    assert trials[0].turns[0].accepted is True and trials[0].data == {"model": "m"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (program("nowhere", "pass", "pass"), "row 1: there is no task 'nowhere'"),
        (program("a", "pass", None), "row 1: hidden must be str"),
        (program("a", 3, "pass"), "row 1: visible must be str"),
        (program("bad", "pass", "pass"), "holds no program for a task that can be judged"),
    ],
)
def test_odd_rows_of_programs_are_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    programs(tmp_path, row)
    with pytest.raises(InputError, match=re.escape(said)):
        opened("generations", tmp_path)


SECRET = "LABEL-9137"
VERDICT = {"verdict": "accept", "findings": [], "possible_result": "fine", "score": 1.0, "confidence": 1.0}


@pytest.mark.parametrize(
    ("suite", "answer"),
    [
        ("mr_gsm8k", steps_said(True, True, True)),
        ("realcritic", VERDICT),
        ("generations", VERDICT),
        ("metacritique", {"units": [{"unit": 0, "reason": "so", "true": True}]}),
    ],
)
def test_no_model_is_shown_what_people_or_hidden_tests_said(tmp_path: Path, suite: str, answer: dict[str, Any]) -> None:
    """Every field that holds a label, a reference or another's critique holds the secret; no request does."""
    known = {"critic_model": SECRET, "question_type": SECRET, "ground_truth_answer": SECRET, "critic": {"r": SECRET}}
    written(tmp_path, "mr_gsm8k/graded_critiques", [graded("a", first_error_reason=SECRET, **known)])
    written(tmp_path, "realcritic/mix_data", [solution("a", "It is 3.", False, SECRET, gt=SECRET, pred=SECRET)])
    told = {"task_id": "a", "prompt": "def f():", "exclude": False}
    kept = {"hidden_test": SECRET, "canonical_solution": SECRET, "visible_tests": [SECRET]}
    for name in ("humaneval", "mbpp500", "multipl_e_py"):
        written(tmp_path, f"code_tasks/{name}", [{**told, **kept}])
    row = program("a", SECRET, SECRET, SECRET, reflections=[SECRET], run=SECRET)
    written(tmp_path, "code_generations/single_and_final", [row])
    labels = {"precision_labels": [False], "recall_labels": [True], "aius": ["it is so"], "critique": SECRET}
    units = {name: {**labels, "model": SECRET} for name in ("human_critique", "llm1_critique", "llm2_critique")}
    reference = {"gpt4_critique": {"critique": SECRET, "aius": [SECRET]}, "gpt4_answer": SECRET}
    asked = {"id": "a", "question": "q", "response": "r"}
    written(tmp_path, "metacritique/annotation.jsonl", [{**asked, **units, **reference}])
    trials, _ = played(suite, tmp_path, model=scripted(tmp_path, {"contains": SECRET, "reply": "-"}, {"value": answer}))
    assert trials and all(turn.accepted is True for trial in trials for turn in trial.turns)


def test_solutions_of_one_question_are_one_task(tmp_path: Path) -> None:
    """They are no independent cases: intervals and tests draw them together."""
    rows = [graded("a"), graded("b", RIGHT, first=1), graded("c", question="Another one?")]
    written(tmp_path, "mr_gsm8k/graded_critiques", rows)
    assert [trial.task for trial in played("mr_gsm8k", tmp_path)[0]] == ["a", "a", "c"]


def test_a_problem_that_was_taken_over_from_another_set_is_one_task(tmp_path: Path) -> None:
    names = ("HumanEval/89", "MPLE-HumanEval_89_encrypt", "MPLE-mbpp_3_is_not_prime", "MBPP/3", "MBPP/31")
    tasks = [{"task_id": name, "prompt": "def f():", "exclude": False} for name in names]
    for name in ("humaneval", "mbpp500", "multipl_e_py"):
        written(tmp_path, f"code_tasks/{name}", tasks)
    written(tmp_path, "code_generations/single_and_final", [program(name, "pass", "pass") for name in names])
    trials, _ = played("generations", tmp_path)
    assert [trial.task for trial in trials] == ["HumanEval/89", "HumanEval/89", "MBPP/3", "MBPP/3", "MBPP/31"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("suite", "figure", "least"),
    [("mr_gsm8k", "localisation_accuracy", 0.6), ("realcritic", "critic_precision/gsm8k", 0.9)],
)
def test_on_the_published_rows(shared: Path, suite: str, figure: str, least: float) -> None:
    _, figures = played(suite, shared)
    value = figures[figure].value
    assert value is not None and value >= least
