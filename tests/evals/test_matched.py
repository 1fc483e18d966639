"""The four conditions, with models whose profit from each thing is known in advance."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from revet.errors import InputError, ModelFailed
from revet.evals.matched import CONDITIONS, answer_of, components, decompose, null_draft, open_suite
from revet.evals.source import Source
from revet.evals.suite import Player
from revet.models import LanguageModel, Reply, Request, Tokens
from revet.models.scripted import ScriptedModel
from revet.schema import Task

TASKS = [Task(id=f"t{n}", goal=f"What is {n} + {n}?") for n in range(1, 13)]
RIGHT = "Answer: right"
WRONG = "Answer: wrong"


def model(say: Callable[[Request], str]) -> tuple[LanguageModel, list[Request]]:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(text=say(request), tokens=Tokens(input=len(text_of(request)), output=1))

    return LanguageModel(ScriptedModel(answer, name="known")), asked


def text_of(request: Request) -> str:
    return "\n".join(message.text for message in request.messages)


def always(text: str) -> LanguageModel:
    return model(lambda request: text)[0]


def is_right(task: Task, answer: str) -> bool:
    return answer == "right"


def drafted(request: Request) -> str | None:
    """The draft that the request shows; None where there is none."""
    found = re.search(r"(?s)## Draft\s+⟦data [^\n]+\n(.*?)\n⟦end", text_of(request))
    return found.group(1) if found else None


def withheld(request: Request) -> bool:
    return "withheld" in (drafted(request) or "")


@pytest.mark.parametrize(
    ("profits", "expected"),
    [
        # Who solves every task alone gains by re-solving; who needs to be asked to revise, by the scaffold; who needs
        # the draft, by its content; who copies a wrong draft loses by its content what re-solving gave.
        (lambda request: True, {"resolving": 1.0, "scaffold": 0.0, "content": 0.0, "gain": 1.0}),
        (
            lambda request: drafted(request) is not None,
            {"resolving": 0.0, "scaffold": 1.0, "content": 0.0, "gain": 1.0},
        ),
        (
            lambda request: drafted(request) is not None and not withheld(request),
            {"resolving": 0.0, "scaffold": 0.0, "content": 1.0, "gain": 1.0},
        ),
        (
            lambda request: drafted(request) is None or withheld(request),
            {"resolving": 1.0, "scaffold": 0.0, "content": -1.0, "gain": 0.0},
        ),
    ],
)
async def test_each_component_is_found(profits: Callable[[Request], bool], expected: dict[str, float]) -> None:
    reviewer, _ = model(lambda request: RIGHT if profits(request) else WRONG)
    found = await decompose(TASKS, is_right, always(WRONG), reviewer)
    assert {each.name: each.value for each in found.components} == expected
    for each in found.components:
        assert each.n == 12 and each.test == "McNemar, exact"
        assert each.p == (1.0 if each.value == 0 else pytest.approx(2 / 2**12))


async def test_the_conditions_are_matched() -> None:
    """One call each; the same settings; the null draft as long as the draft; the draft shown whole, as data."""
    generator, first = model(lambda request: "I think it is some number.\nAnswer: 3")
    reviewer, second = model(lambda request: RIGHT)
    await decompose(TASKS[:1], is_right, generator, reviewer, temperature=0.7, most_tokens=99, seed=5)
    assert len(first) == 1 and len(second) == 3
    assert {(each.temperature, each.max_tokens) for each in first + second} == {(0.7, 99)}
    assert len({each.seed for each in second}) == 1 and first[0].seed not in {each.seed for each in second}
    resolved, scaffold, revision = second
    assert resolved.messages == first[0].messages and drafted(resolved) is None
    assert drafted(revision) == "I think it is some number.\nAnswer: 3"
    nothing = drafted(scaffold) or ""
    assert len(nothing.split()) == len((drafted(revision) or "").split()) and set(nothing.split()) == {
        "draft",
        "text",
        "withheld",
    }
    same = [re.sub(r"(?s)⟦data.*?⟦end [^⟧]+⟧", "", text_of(each)) for each in (scaffold, revision)]
    assert same[0] == same[1]
    assert all(each.messages[0] == first[0].messages[0] for each in second)


async def test_repeats_are_cases_of_one_task_and_a_verdict_is_needed_under_all_conditions() -> None:
    seeds: list[int | None] = []

    def say(request: Request) -> str:
        seeds.append(request.seed)
        return RIGHT if request.seed in (2, 3) else WRONG

    found = await decompose(TASKS[:3], is_right, model(say)[0], repeats=2)
    assert [trial.case for trial in found.trials] == ["t1#1", "t1#2", "t2#1", "t2#2", "t3#1", "t3#2"]
    assert set(seeds) == {2, 3, 4, 5} and found.components[-1].test == "permutation, exact"
    assert [each.value for each in found.accuracies] == [0.5] * 4

    async def nobody(task: Task, answer: str) -> bool | None:
        return None if task.id == "t1" else True

    unknown = await decompose(TASKS[:3], nobody, always(RIGHT))
    assert {each.n for each in unknown.components} == {2}
    assert components([]) and all(each.value is None for each in components([]))


async def test_a_model_that_reviews_itself_really_tries_again() -> None:
    """Whose answers hang on the seed alone gains by another try, and by nothing else: a second try of the same seed
    would be the first again, and its gain would be put down to the scaffold."""

    def say(request: Request) -> str:
        return RIGHT if (request.seed or 0) % 2 else WRONG

    itself, _ = model(say)
    found = {each.name: each.value for each in (await decompose(TASKS, is_right, itself)).components}
    assert found == {"resolving": 1.0, "scaffold": 0.0, "content": 0.0, "gain": 1.0}


async def test_what_a_call_takes_is_told() -> None:
    found = await decompose(TASKS, is_right, always(WRONG), always(RIGHT))
    spent = {each.name: each.value or 0.0 for each in found.tokens}
    assert list(spent) == [f"tokens/{name}" for name in CONDITIONS]
    assert spent["tokens/baseline"] == spent["tokens/resolved"] < spent["tokens/revision"]
    assert abs(spent["tokens/scaffold"] - spent["tokens/revision"]) < 20
    trial = found.trials[0]
    assert (trial.first, trial.correct, trial.chosen) == (False, True, 1)
    told = trial.data["tokens"]
    assert isinstance(told, dict) and trial.tokens == sum(each for each in told.values() if isinstance(each, int))


async def test_a_model_that_fails_breaks_the_case_off() -> None:
    with pytest.raises(ModelFailed):
        await decompose(TASKS[:1], is_right, LanguageModel(ScriptedModel([])))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer: 7", "7"),
        ("I think.\nanswer: 1\nNo.\n**Answer: 2**", "2"),
        ("Answer:\nline one\nline two", "line one\nline two"),
        ("no marker", "no marker"),
        ("", ""),
    ],
)
def test_the_answer_stands_after_the_marker(text: str, answer: str) -> None:
    assert answer_of(text) == answer


def test_a_null_draft_says_nothing_of_the_draft_but_its_length() -> None:
    assert null_draft("a b c d e") == null_draft("1 2 3 4 5") == "draft text withheld draft text"
    assert null_draft("") == "draft text withheld"


def files(folder: Path, tasks: str, name: str = "tasks.yaml") -> dict[str, str]:
    (folder / name).write_text(tasks, encoding="utf-8")
    expected = [{"id": "sum", "expected": 4}, {"id": "name", "expected": "5"}]
    (folder / "expected.jsonl").write_text("".join(json.dumps(each) + "\n" for each in expected), encoding="utf-8")
    (folder / "model.yaml").write_text(
        "- {role: proposer, reply: 'Answer: 3'}\n- {contains: withheld, reply: 'Answer: 3'}\n"
        "- {contains: What is, reply: 'Answer: 4'}\n- {reply: 'Answer: 0'}\n",
        encoding="utf-8",
    )
    return {
        "tasks": str(folder / name),
        "expected": str(folder / "expected.jsonl"),
        "model": f"scripted:{folder / 'model.yaml'}",
    }


GOOD = "tasks:\n  - {id: sum, goal: 'What is 2 + 2?'}\n  - {id: name, goal: Say five., inputs: {hint: V}}\n"


async def test_the_suite_plays_a_file_of_tasks(tmp_path: Path) -> None:
    player: Player = await open_suite(Source(tmp_path), files(tmp_path, GOOD))
    assert list(player.cases) == ["sum", "name"]
    trials = [await player.play(case) for case in player.cases]
    figures = {each.name: each for each in player.figures(trials)}
    assert next(iter(figures)) == "content" and figures["content"].value == 0.5
    assert "McNemar" in figures["content"].note and figures["resolving"].value == 0.5
    assert figures["scaffold"].value == -0.5 and figures["accuracy/revision"].value == 0.5
    assert all(each.value is None and each.note for each in player.figures([]))
    await player.close()


@pytest.mark.parametrize(
    ("tasks", "name", "options", "said"),
    [
        (GOOD, "tasks.yaml", {"metric": "bleu"}, "there is none called 'bleu'"),
        (GOOD, "tasks.yaml", {"speed": 3}, "speed"),
        (GOOD, "tasks.yaml", {"repeats": 0}, "repeats"),
        (GOOD, "tasks.yaml", {"model": "nobody:x"}, "nobody"),
        ("tasks: [{id: a}]", "tasks.yaml", {}, "task 1: goal is missing"),
        ("tasks: [{id: a, goal: b, checks: [pytest]}]", "tasks.yaml", {}, "task 1: checks cannot be used here"),
        ("tasks: [{id: a b, goal: c}]", "tasks.yaml", {}, "task 1: id"),
        ("tasks: 3", "tasks.yaml", {}, "no list of tasks"),
        ("tasks: []", "tasks.yaml", {}, "holds no tasks"),
        ("tasks: [1]", "tasks.yaml", {}, "task 1: must be a task"),
        (": :\n -", "tasks.yaml", {}, "no YAML"),
        ('{"id": "a", "goal": "b"}\n{', "tasks.jsonl", {}, "tasks.jsonl:2: no JSON"),
        ('{"id": "a", "goal": "b"}\n{"id": "a", "goal": "b"}', "tasks.jsonl", {}, "tasks.jsonl:2: id: there are two"),
        ('{"id": "other", "goal": "b"}', "tasks.jsonl", {}, "there is no task 'sum'"),
    ],
)
async def test_bad_input_is_refused_before_anything_is_asked(
    tmp_path: Path, tasks: str, name: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        await open_suite(Source(tmp_path), {**files(tmp_path, tasks, name), **options})  # type: ignore[dict-item]


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml cannot be read"):
        await open_suite(Source(tmp_path), {**files(tmp_path, GOOD), "tasks": str(tmp_path / "nowhere.yaml")})
    for option in ("tasks", "expected"):
        with pytest.raises(InputError, match="~nobody-of-that-name/x cannot be read"):
            await open_suite(Source(tmp_path), {**files(tmp_path, GOOD), option: "~nobody-of-that-name/x"})
    with pytest.raises(InputError, match="matched: tasks: Field required"):
        await open_suite(Source(tmp_path), {})
