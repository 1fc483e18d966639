"""Settings that name models, and the recipe's options: where they may stand, and what is refused before a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest

from revet.errors import InputError
from revet.graphs.team import Options, Recipe
from revet.models.providers import PROVIDERS
from revet.models.tape import Recorder
from revet.models.wire import Message, Reply, Request
from revet.taskfile import TaskFileErrors, check_settings, load, option_values, settings_from
from tests.test_taskfile import faults, write


class Choices(Options):
    task: Literal["qa", "text"] = "qa"
    turns: int = 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workspace, a script and prompts; no key is set; a recipe `toy` with options."""
    from revet.graphs.recipes import RECIPES

    for provider in PROVIDERS.values():
        for name in (*provider.keys, *provider.instead):
            monkeypatch.delenv(name, raising=False)
    toy = Recipe("toy", "plays", lambda *_: pytest.fail("cast while a file is loaded"), options=Choices)
    monkeypatch.setattr("revet.graphs.recipes.RECIPES", {**RECIPES, "toy": toy})
    (tmp_path / "one").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    request = Request(role="proposer", messages=(Message(role="user", text="?"),))
    Recorder(tmp_path / "tape.jsonl").add(request, Reply(text="x"))
    return tmp_path


# --- what is read -------------------------------------------------------------------------------------------


def test_every_role_may_have_a_model_of_its_own(folder: Path) -> None:
    text = """\
defaults: {model: "scripted:script.yaml", judge: "replay:./tape.jsonl"}
tasks:
  - {id: a, goal: Say it, reviser: "openai:big", critic: "transformers:some/name", base_url: "http://127.0.0.1:1/v1"}
  - {id: b, goal: Say it, model: "builtin:repair", workspace: one, checks: x, judge: null, prompts: own}
"""
    a, b = load(write(folder, text))
    assert a.settings.model == f"scripted:{folder}/script.yaml" and a.settings.judge == f"replay:{folder}/tape.jsonl"
    assert (a.settings.reviser, a.settings.critic) == ("openai:big", "transformers:some/name")
    assert (a.task.workspace, a.task.checks) == (None, ()), "a question needs neither"
    assert (b.settings.judge, b.settings.reviser, b.settings.prompts) == (None, None, str(folder / "own"))


def test_only_what_was_set_counts_as_set(folder: Path) -> None:
    text = "defaults: {rounds: 2}\ntasks: [{goal: Say it, tokens: 900}]"
    (entry,) = load(write(folder, text), {"model": f"scripted:{folder}/script.yaml"})
    assert entry.settings.model_fields_set == {"rounds", "tokens", "model"}
    assert settings_from({"seed": 1}, entry.settings).model_fields_set == {"rounds", "tokens", "model", "seed"}


def test_a_sole_question_is_named_after_its_file(folder: Path) -> None:
    (entry,) = load(write(folder, "tasks: [{goal: Say it, model: 'scripted:script.yaml'}]", "largest moon.yaml"))
    assert entry.task.id == "largest-moon"


def test_options_of_the_command_line_are_laid_over_the_files(folder: Path) -> None:
    text = "tasks: [{goal: Say it, model: 'scripted:script.yaml', recipe: toy, options: {task: text, turns: 5}}]"
    (entry,) = load(write(folder, text), {"options": {"turns": 7}})
    assert entry.settings.options == {"task": "text", "turns": 7}


def test_paths_of_the_command_line_are_left_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "sub").mkdir()
    (entry,) = load(write(folder / "sub", "tasks: [{goal: Say it}]"), {"model": "scripted:script.yaml"})
    assert entry.settings.model == "scripted:script.yaml"


def test_a_local_folder_is_told_from_a_name_on_the_hub(folder: Path) -> None:
    (folder / "tiny" / "net").mkdir(parents=True)
    (folder / "tiny" / "net" / "config.json").write_text("{}")
    for written, meant in (
        ("transformers:tiny/net", f"transformers:{folder}/tiny/net"),
        ("transformers:./tiny/../tiny/net", f"transformers:{folder}/tiny/net"),
        ("transformers:other/net", "transformers:other/net"),
    ):
        (entry,) = load(write(folder, f"tasks: [{{goal: Say it, model: '{written}'}}]"))
        assert entry.settings.model == meant


def test_values_of_options_are_yaml() -> None:
    words = ["task=qa", "turns=3", "tools=false", "t=0.5", "names=[a, b]", "when=2024-05-01", "text='3'", "none="]
    assert option_values(words) == {
        "task": "qa",
        "turns": 3,
        "tools": False,
        "t": 0.5,
        "names": ["a", "b"],
        "when": "2024-05-01",
        "text": "3",
        "none": None,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task"], "'task' is not NAME=VALUE"),
        (["=qa"], "is not NAME=VALUE"),
        (["a=1", "a=2"], "a is given twice"),
        (["a=[1"], "--option a: "),
    ],
)
def test_values_that_are_none(words: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        option_values(words)
    assert said in str(caught.value)


# --- what is refused ----------------------------------------------------------------------------------------

GOAL = "goal: Say it"
CRITIC = "model: 'scripted:script.yaml', recipe: critic"
THREE = ("tasks[0].judge", "must be a model's name, but is the number 3\n  → write provider:name")
TABLE: list[tuple[str, str, int, str, str]] = [
    ("no key", f"tasks:\n- {{{GOAL}, model: 'openai:gpt-5'}}", 2, "tasks[0].model", "OPENAI_API_KEY is not set"),
    ("no package", f"tasks:\n- {{{GOAL}, model: 'cohere:x'}}", 2, "tasks[0].model", "pip install langchain-cohere"),
    ("no file", f"tasks:\n- {{{GOAL}, model: 'replay:no.jsonl'}}", 2, "tasks[0].model", "there is no file"),
    ("no folder", f"tasks:\n- {{{GOAL}, model: 'transformers:./no'}}", 2, "tasks[0].model", "there is no folder"),
    (
        "a default once",
        "defaults:\n  critic: anthropic:x\ntasks:\n"
        + "\n".join(f"- {{id: {i}, {GOAL}, model: 'scripted:script.yaml'}}" for i in "ab"),
        2,
        "defaults.critic",
        "ANTHROPIC_API_KEY is not set",
    ),
    (
        "a critic that speaks no language",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', critic: builtin:repair}}",
        2,
        "tasks[0].critic",
        "is no language model",
    ),
    (
        "no address",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', base_url: localhost}}",
        2,
        "tasks[0].base_url",
        "http://",
    ),
    (
        "no prompts",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', prompts: none}}",
        2,
        "tasks[0].prompts",
        "there is no folder",
    ),
    (
        "an unknown option",
        f"tasks:\n- {GOAL}\n  model: scripted:script.yaml\n  recipe: toy\n  options:\n    turn: 3",
        6,
        "tasks[0].options.turn",
        "did you mean turns?",
    ),
    (
        "an option out of range",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', recipe: toy, options: {{task: poem}}}}",
        2,
        "tasks[0].options.task",
        "must be one of qa or text",
    ),
    (
        "options where there are none",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', options: {{moon: 1}}}}",
        2,
        "tasks[0].options.moon",
        "has no such option",
    ),
    (
        "a recipe that needs a language model",
        "tasks:\n- {workspace: one, checks: x, recipe: toy, model: builtin:repair}",
        2,
        "tasks[0].model",
        "needs a language model",
    ),
    ("no recording", f"tasks:\n- {{{GOAL}, model: 'replay:script.yaml'}}", 2, "tasks[0].model", "is no recording"),
    ("an empty recording", f"tasks:\n- {{{GOAL}, model: 'replay:empty'}}", 2, "tasks[0].model", "is no recording"),
    ("no answers", f"tasks:\n- {{{GOAL}, model: 'replay:none.jsonl'}}", 2, "tasks[0].model", "holds no answers"),
    ("another version", f"tasks:\n- {{{GOAL}, model: 'replay:new.jsonl'}}", 2, "tasks[0].model", "of version 9"),
    ("no rules", f"tasks:\n- {{{GOAL}, model: 'scripted:empty'}}", 2, "tasks[0].model", "the script is empty"),
    ("a faulty rule", f"tasks:\n- {{{GOAL}, model: 'scripted:bad.yaml'}}", 2, "tasks[0].model", "bad.yaml:2: "),
    (
        "a prompt with an unknown placeholder",
        f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', prompts: faulty}}",
        2,
        "tasks[0].prompts",
        "has an unknown placeholder $moon",
    ),
    ("a number for a model", f"tasks:\n- {{{GOAL}, model: 'scripted:script.yaml', judge: 3}}", 2, *THREE),
    ("nothing to search", f"tasks:\n- {{{GOAL}, {CRITIC}}}", 2, "tasks[0].workspace", "as options: {folder: …}"),
    (
        "a folder that is not there",
        f"tasks:\n- {GOAL}\n  model: scripted:script.yaml\n  recipe: critic\n  options:\n    folder: ./nofolder",
        6,
        "tasks[0].options.folder",
        "there is no folder",
    ),
    (
        "a value that is neither one thing nor the other",
        f"tasks:\n- {{{GOAL}, {CRITIC}, options: {{temperature: hot}}}}",
        2,
        "tasks[0].options.temperature",
        "must be a number, or default, but is the text 'hot'",
    ),
    (
        "a number out of range where a word may stand, too",
        f"tasks:\n- {{{GOAL}, {CRITIC}, options: {{temperature: -1}}}}",
        2,
        "tasks[0].options.temperature",
        "must be 0 or more, but is the number -1",
    ),
    (
        "constraints that there are not",
        f"tasks:\n- {GOAL}\n  {CRITIC.replace(', ', chr(10) + '  ')}\n  options: {{task: text}}\n"
        "  inputs:\n    constraints:\n      max_word: 3",
        8,
        "tasks[0].inputs.constraints.max_word",
        "there is no such constraint",
    ),
]


@pytest.mark.parametrize(("text", "line", "field", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_mistakes_are_told_where_they_are(folder: Path, text: str, line: int, field: str, words: str) -> None:
    (folder / "empty").write_text("")
    (folder / "none.jsonl").write_text('{"revet_recording": 1}\n')
    (folder / "new.jsonl").write_text('{"revet_recording": 9}\n')
    (folder / "bad.yaml").write_text("- reply: x\n- times: 0\n  reply: y\n")
    (folder / "faulty").mkdir()
    (folder / "faulty" / "critic.md").write_text("Look at $moon.")
    found = faults(write(folder, text))
    assert [(at, name) for at, name, _ in found] == [(line, field)] and words in found[0][2], found


def test_a_recipe_that_needs_a_model_says_so_where_none_is_named(folder: Path) -> None:
    ((line, _, said),) = faults(write(folder, "tasks:\n- {workspace: one, checks: x, recipe: toy}"))
    assert line == 2 and "--model" in said


def test_a_recipe_that_needs_a_model_is_not_told_what_the_repair_needs(folder: Path) -> None:
    ((_, field, said),) = faults(write(folder, f"tasks:\n- {{{GOAL}, recipe: toy, workspace: one, edit: ['*.rs']}}"))
    assert field == "tasks[0].model" and "needs a language model" in said


def test_an_option_that_is_a_path_is_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    path = write(folder, f"tasks: [{{{GOAL}, {CRITIC}, options: {{folder: ./one}}}}]")
    (entry,) = load(path)
    assert entry.settings.options == {"folder": str(folder / "one")}
    with pytest.raises(InputError, match=r"--option folder: there is no folder one\n"):
        load(path, {"options": {"folder": "one"}})
    monkeypatch.chdir(folder)
    (entry,) = load(path, {"options": {"folder": "own"}})
    assert entry.settings.options == {"folder": "own"}, "on the command line, to the current folder"


def test_an_endpoint_on_the_command_line_makes_the_files_model_usable(folder: Path) -> None:
    path = write(folder, f"tasks: [{{{GOAL}, model: 'openai:x'}}]")
    with pytest.raises(TaskFileErrors):
        load(path)
    (entry,) = load(path, {"base_url": "http://127.0.0.1:8000/v1"})
    assert entry.settings.base_url == "http://127.0.0.1:8000/v1"


def test_what_stands_against_options_of_the_command_line_is_told_once(folder: Path) -> None:
    path = write(folder, f"defaults: {{recipe: toy}}\ntasks: [{{id: a, {GOAL}}}, {{id: b, {GOAL}}}]")
    with pytest.raises(InputError) as caught:
        load(path, {"model": "openai:x", "options": {"turns": "many"}})
    assert not isinstance(caught.value, TaskFileErrors)
    assert str(caught.value).startswith("--model: openai:x: the environment variable OPENAI_API_KEY is not set\n  → ")
    assert str(caught.value).count("--model") == 1
    assert "--option turns: must be a whole number, but is the text 'many'" in str(caught.value)


def test_settings_without_a_file_are_checked_too(folder: Path) -> None:
    check_settings(settings_from({"model": f"scripted:{folder}/script.yaml"}))
    with pytest.raises(InputError, match=r"--critic: replay:gone: there is no file gone"):
        check_settings(settings_from({"critic": "replay:gone"}))
    with pytest.raises(InputError, match=r"--base-url: 'x' is no address"):
        settings_from({"base_url": "x"})


def test_a_file_with_many_tasks_asks_once_whether_its_model_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: looked.append(os.fspath(path)) or real(path))
    lines = [
        '{"defaults": {"model": "scripted:script.yaml"}}',
        *(f'{{"id": "q{n}", "goal": "Say it"}}' for n in range(200)),
    ]
    assert len(load(write(folder, "\n".join(lines), "many.jsonl"))) == 200
    assert 1 <= looked.count(f"{folder}/script.yaml") <= 2
