"""A user's own suite: tasks and a metric. What is expected is never shown, and no file of the user's is changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet import sandboxes
from revet.agents import Scripted
from revet.errors import InputError
from revet.evals.grading import Grader, compared, grader_named
from revet.evals.trial import Trial
from revet.evals.user import UserTasks, read_expected
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, EditFile, Replacement, Run, Task, WriteFile
from revet.store import Store


def no_sandbox() -> Any:
    raise AssertionError("nothing is to be run")


def local() -> Any:
    return sandboxes.get("local")


def grader(metric: str, hidden: Path | None = None, sandbox: Callable[[], Any] = no_sandbox) -> Grader:
    return grader_named(metric, hidden, sandbox)


def play(
    store: Path, task: Task, drafts: list[Draft], judge: Grader, expected: Any = None, **policy: Any
) -> tuple[Trial, UserTasks]:
    @asynccontextmanager
    async def opens(name: str) -> AsyncIterator[Agent]:
        assert name == task.id
        sandbox = "local" if task.workspace else None
        yield Agent(Scripted(drafts), sandbox=sandbox, store=Store(store), policy=Policy(**policy))

    suite = UserTasks("mine", [task], opens, judge, {task.id: expected})
    return asyncio.run(suite.play(task.id)), suite


# --- comparing answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "answer", "expected", "right"),
    [
        ("exact", " The  answer\n", "The answer", True),
        ("exact", "the answer", "The answer", False),
        ("exact", "cafe\u0301", "café", True),
        ("exact", "no", ["yes", "no"], True),
        ("contains", "It is PARIS, of course", "paris", True),
        ("contains", "It is Rome", "paris", False),
        ("regex", "in 1886, or so", r"\b18\d\d\b", True),
        ("regex", "in 1986", r"\b18\d\d\b", False),
        ("number", "3.5 × 8 = 28, so 4 litres", 4, True),
        ("number", "It costs $1,234.50.", "1234.5", True),
        ("number", "-3e2", -300, True),
        ("number", "about 41", 42, False),
        ("number", "none at all", 42, False),
        ("number", "9" * 400, 1, False),
        ("exact", None, "x", False),
    ],
)
def test_an_answer_is_held_against_what_is_expected(
    metric: str, answer: str | None, expected: Any, right: bool
) -> None:
    assert compared(metric, answer, expected) is right


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(-1e9, 1e9).map(lambda value: round(value, 3)))
def test_a_number_is_found_at_the_end_of_any_text(text: str, value: float) -> None:
    assert compared("number", f"{text} so it is {value}", value)
    assert compared("exact", text, text) and compared("contains", f"a {text} b", text)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("number", "four"), ("regex", "(["), ("exact", None), ("exact", {"a": 1}), ("number", [1, "x"])],
)
def test_what_cannot_be_expected_is_refused(metric: str, expected: Any) -> None:
    with pytest.raises(InputError):
        grader(metric).check(expected)


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("exactly", "nearest: exact"),
        ("command:", "names no command"),
        ("nowhere:right", "cannot be had: ModuleNotFoundError"),
        ("json:nothing", "cannot be had: AttributeError"),
        ("json:__name__", "is no function"),
    ],
)
def test_a_metric_that_is_none_is_told(metric: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        grader(metric)


def test_hidden_tests_are_for_a_command_and_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is for the metric `command: CMD`"):
        grader("exact", tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        grader("command: true", tmp_path / "nowhere")


# --- what is expected ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('{"id": "a", "expected": 1}\n{"id": "b"}', r"e\.jsonl:2: expected: is missing"),
        ('{"expected": 1}', r"e\.jsonl:1: id: is missing"),
        ('{"id": "a", "expected": 1}', "nothing is expected of b"),
        ('{"id": "aa", "expected": 1}', r"id: there is no task 'aa'\n.*a"),
        ('{"id": "a", "expected": 1}\n\n{"id": "a", "expected": 2}', r"e\.jsonl:3: id: there are two lines"),
        ('{"id": "a", "expected": "four"}', r"e\.jsonl:1: expected: number expects"),
        ('{"id": "a", "expected": 1, "x": 2}', r"e\.jsonl:1: x: there is no such field"),
        ("[1]", r"e\.jsonl:1: must be an object"),
        ("x", r"e\.jsonl:1: no JSON"),
    ],
)
def test_what_is_wrong_with_a_file_of_answers_is_told_with_its_place(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(lines)
    with pytest.raises(InputError, match=told):
        read_expected(path, ["a", "b"], grader("number"))


def test_a_file_of_answers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(json.dumps({"id": name, "expected": 1}) for name in "ab"))
    assert read_expected(path, ["a", "b"], grader("number")) == {"a": 1, "b": 1}
    with pytest.raises(InputError, match="cannot be read"):
        read_expected(tmp_path / "none", ["a"], grader("number"))


# --- playing ---------------------------------------------------------------------------------------------------


def test_every_answer_is_judged_and_the_loop_saw_nothing_of_what_is_expected(tmp_path: Path) -> None:
    task = Task(id="paint", goal="How many litres?")
    trial, suite = play(tmp_path, task, [Draft(author="m", answer="4 litres")], grader("number"), 4, unproven="commit")
    assert [turn.correct for turn in trial.turns] == [True] and trial.chosen == 0 and trial.correct is True
    run = Store(tmp_path).get(str(trial.data["run"]))
    assert "expected" not in run.model_dump_json()
    figures = {figure.name: figure for figure in suite.figures([trial])}
    assert figures["accuracy"].value == 1.0
    assert figures["tokens_per_solved"].value == 0.0


def test_a_run_that_asks_or_abstains_ends_with_nothing(tmp_path: Path) -> None:
    trial, _ = play(tmp_path, Task(id="t", goal="?"), [], grader("exact"), "x")
    assert trial.chosen is None and trial.correct is None and not trial.turns


def test_a_function_gives_a_verdict_or_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_metric.py").write_text(
        "def half(run, expected):\n    return 0.5 if run.answer == expected else 0.0\n"
        "async def right(run, expected):\n    return run.answer == expected\n"
        "def wrong(run, expected):\n    return 'yes'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    task, drafts = Task(id="t", goal="?"), [Draft(author="m", answer="4")]
    trial, suite = play(tmp_path, task, drafts, grader("mine_metric:half"), "4", unproven="commit")
    assert trial.correct is None and trial.data["value"] == 0.5
    assert suite.figures([trial])[0].name == "value" and suite.figures([trial])[0].value == 0.5
    trial, _ = play(tmp_path, task, drafts, grader("mine_metric:right"), "4", unproven="commit")
    assert trial.correct is True and trial.turns[0].correct is None
    with pytest.raises(InputError, match="must give a bool or a number"):
        play(tmp_path, task, drafts, grader("mine_metric:wrong"), "4", unproven="commit")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "add.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "test_add.py").write_text("from add import add\n\ndef test_zero():\n    assert add(2, 0) == 2\n")
    return folder


def edited(code: str) -> Draft:
    return Draft(author="m", actions=(WriteFile.of("add.py", f"def add(a, b):\n    return {code}\n".encode()),))


@pytest.mark.sandbox
def test_hidden_tests_judge_every_draft_in_a_copy(tmp_path: Path, project: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "hidden_check.py").write_text("from add import add\n\nassert add(2, 3) == 5\n")
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    task = Task(id="add", workspace=str(project), edit=["add.py"], checks=["pytest -q test_add.py"])
    drafts = [edited("1 / 0"), edited("a + b")]
    judge = grader("command: python3 hidden_check.py", hidden, local)
    trial, _ = play(tmp_path / "store", task, drafts, judge)
    assert [turn.correct for turn in trial.turns] == [False, True]
    assert trial.correct is True and trial.chosen == 1
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before
    run: Run = Store(tmp_path / "store").get(str(trial.data["run"]))
    assert "hidden_check" not in run.model_dump_json()


@pytest.mark.sandbox
def test_a_draft_that_passes_what_is_shown_and_fails_what_is_hidden_is_a_false_commit(
    tmp_path: Path, project: Path
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "judge.sh").write_text('python3 -c "from add import add; assert add(2, 3) == 5"\n')
    task = Task(id="add", workspace=str(project), edit=["add.py"], checks=["pytest -q test_add.py"])
    judge = grader("command: sh judge.sh", tmp_path / "hidden", local)
    trial, suite = play(tmp_path / "store", task, [edited("a")], judge)
    assert trial.committed and trial.correct is False and trial.turns[0].accepted is True
    figures = {figure.name: figure.value for figure in suite.figures([trial])}
    assert figures["false_commits"] == 1.0 and figures["accuracy"] == 0.0


@pytest.mark.sandbox
def test_checks_judge_every_draft_by_the_tasks_own_evidence(tmp_path: Path, project: Path) -> None:
    task = Task(id="add", workspace=str(project), edit=["add.py"], checks=["pytest -q"])
    trial, _ = play(tmp_path / "store", task, [edited("1 / 0"), edited("a")], grader("checks"))
    assert [turn.correct for turn in trial.turns] == [False, True] and trial.correct is True


@pytest.mark.sandbox
def test_a_draft_that_cannot_be_done_is_wrong(tmp_path: Path, project: Path) -> None:
    task = Task(id="add", workspace=str(project), edit=["add.py"], checks=["pytest -q"])
    drafts = [
        Draft(
            author="m", actions=(EditFile(path="add.py", replacements=(Replacement(search="nowhere", replace="x"),)),)
        ),
        Draft(author="m", actions=(WriteFile.of("test_add.py", b"def test(): pass\n"),)),
    ]
    trial, _ = play(tmp_path / "store", task, drafts, grader("command: true", None, local), rounds=1)
    assert [turn.correct for turn in trial.turns] == [False, False] and not trial.committed


def test_tasks_on_a_database_are_refused() -> None:
    task = Task(id="t", goal="?", inputs={"database": "sqlite:///x.db"})
    with pytest.raises(InputError, match="works on a database"):
        UserTasks("mine", [task], lambda _: no_sandbox(), grader("outcome"), {})
