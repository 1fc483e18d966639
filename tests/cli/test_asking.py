"""The question in the terminal: what is shown, what can be answered, and the editor."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.cli.editing import NotActions, as_yaml, editor, read_actions
from revet.schema import (
    Action,
    CallTool,
    Draft,
    EditFile,
    ExecuteSQL,
    Gui,
    Replacement,
    Run,
    RunCommand,
    Task,
    WriteFile,
)
from tests.cli.fakes import SCRIPTS, World, task_file
from tests.cli.test_process import Terminal, command, script
from tests.report import samples

QUESTION = "Commit this to the workspace? [y]es [n]o [e]dit [r]espond "


def asked(tmp_path: Path, *options: str, **env: str) -> Terminal:
    path = task_file(tmp_path, {"id": "a", **({"ask_seconds": 1.0} if "timed" in options else {})})
    return Terminal(command("run", path, "--approve", "ask"), {**script(a="ask"), **env}, tmp_path)


def answers(tmp_path: Path) -> list[Any]:
    path = tmp_path / ".revet" / "answers.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def in_editor(tmp_path: Path, program: str) -> str:
    """An EDITOR that does as the Python `program` says; `path` is the file's."""
    path = tmp_path / "editor.py"
    path.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{program}\n")
    return f"{sys.executable} {path}"


def test_the_diff_and_the_evidence_are_shown_and_the_answer_is_taken(tmp_path: Path) -> None:
    terminal = asked(tmp_path)
    terminal.wait_for(QUESTION)
    assert "return d <= 3" in terminal.seen and "all 9 tests pass" in terminal.seen
    assert "measured: " in terminal.seen and "changes 1 file" in terminal.seen
    terminal.type("what?\n")
    terminal.type("Y\n")
    assert terminal.end() == 0, terminal.seen
    assert answers(tmp_path) == [True]


def test_a_response_is_one_line_and_an_empty_one_is_none(tmp_path: Path) -> None:
    terminal = asked(tmp_path)
    terminal.wait_for(QUESTION)
    terminal.type("r\n")
    terminal.wait_for("What should be different? ")
    terminal.type("\n")
    terminal.wait_for("different? ")
    terminal.type("respond\n")
    terminal.type("use the constant\n")
    assert terminal.end() == 0, terminal.seen
    assert answers(tmp_path) == [{"type": "respond", "message": "use the constant"}]


def test_an_edit_is_checked_with_line_and_field_and_may_be_mended(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    program = (
        f"first = not pathlib.Path({str(mended)!r}).exists()\n"
        f"pathlib.Path({str(mended)!r}).touch()\n"
        "content = '' if first else 'content: x = 1'\n"
        "path.write_text('- kind: write_file\\n  path: late.py\\n  ' + content + '\\n')"
    )
    terminal = asked(tmp_path, EDITOR=in_editor(tmp_path, program))
    terminal.wait_for(QUESTION)
    terminal.type("e\n")
    terminal.wait_for("Edit it again? [y/n] ")
    assert ".yaml:1: [0]: give either content (text) or data (base64)" in terminal.seen
    terminal.type("y\n")
    assert terminal.end() == 0, terminal.seen
    (answer,) = answers(tmp_path)
    assert answer["type"] == "edit"
    assert [(a["kind"], a["path"], a["content"]) for a in answer["actions"]] == [("write_file", "late.py", "x = 1")]


@pytest.mark.parametrize(
    ("program", "told"),
    [("path.write_text('# nothing')", QUESTION), (None, "the editor cannot be started")],
)
def test_without_an_edit_the_question_stands(tmp_path: Path, program: str | None, told: str) -> None:
    terminal = asked(tmp_path, EDITOR=in_editor(tmp_path, program) if program else "/no/such/editor")
    terminal.wait_for(QUESTION)
    terminal.seen = ""
    terminal.type("edit\n")
    terminal.wait_for(told)
    terminal.type("n\n")
    assert terminal.end() == 1, terminal.seen
    assert answers(tmp_path) == [False]


def test_the_time_to_answer_is_kept(tmp_path: Path) -> None:
    terminal = asked(tmp_path, "timed")
    terminal.wait_for(QUESTION)
    terminal.end()
    assert answers(tmp_path) == [{"type": "expire"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: answer", "f:1: must be a list of actions, each begun with `- `, but is a mapping"),
        ("- 3", "f:1: [0]: "),
        ("- kind: fly", "f:1: [0]: "),
        ("- kind: answer\n  text: a\n- kind: run_command\n  command: ''", "f:4: [1].command: must not be empty"),
        ("- kind: answer\n- kind: delete_file\n  path: a", "f:1: [0].text: is missing"),
        ("- kind: answer\n  text: a\n  also: b", "f:3: [0].also: "),
        ("- kind: [", "f:1: not valid YAML"),
        ("- !!python/object:os.system {}", "f:1: the tag"),
        ("- {kind: answer, text: a, text: b}", "f:1: the key 'text' is there twice"),
        ("\x07", "f:1: the character U+0007"),
    ],
)
def test_what_is_no_action_is_said_with_its_place(text: str, told: str) -> None:
    with pytest.raises(NotActions) as caught:
        read_actions(text, "f")
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "# a comment\n", "[]", "null"])
def test_nothing_is_no_edit(text: str) -> None:
    assert read_actions(text, "f") == []


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1, max_size=30)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(WriteFile, path=texts, content=texts),
    st.builds(EditFile, path=texts, replacements=st.tuples(st.builds(Replacement, search=texts, replace=texts))),
    st.builds(RunCommand, command=texts),
    st.builds(ExecuteSQL, sql=texts),
    st.builds(
        CallTool,
        name=texts,
        arguments=st.dictionaries(texts, st.integers(-(2**40), 2**40) | texts | st.none(), max_size=3),
    ),
    st.builds(Gui, operation=texts, text=st.none() | texts),
)


@given(st.lists(actions, max_size=3))
@settings(deadline=None, max_examples=100)
def test_what_is_written_for_the_editor_is_read_back_as_it_was(drafted: list[Action]) -> None:
    read = read_actions(as_yaml(drafted), "f")
    assert read == [action.model_dump(mode="json") for action in drafted]


def test_the_editor_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    assert editor() == ["vi"]
    monkeypatch.setenv("EDITOR", "code --wait")
    assert editor() == ["code", "--wait"]
    monkeypatch.setenv("VISUAL", "emacs")
    assert editor() == ["emacs"]


def test_going_on_with_approval_auto_never_approves_what_the_rules_ask_about(
    world: World, revet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(name: str, task: Task) -> Run:
        run = samples.asked(name, task)
        assert run.best is not None
        pays = Draft(author="s", actions=(CallTool(name="pay"),))
        return run.model_copy(update={"best": run.best.model_copy(update={"draft": pays})})

    monkeypatch.setitem(SCRIPTS, "ask", waits)
    world.script = {"a": "ask"}
    path = task_file(tmp_path, {"id": "a"})
    revet("run", path)
    result = revet("run", path, "--resume", "--approve", "auto")
    assert (result.exit_code, answers(tmp_path)) == (1, [])
    assert "waits for your answer" in result.stdout
