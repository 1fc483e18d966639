"""Task files: what is read, and that every mistake is reported with file, line, field and remedy."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.schema import Check
from revet.taskfile import TaskFileErrors, json_schema, load, project_task, settings_from
from revet.taskfile._marked import Fault, locate, parse_json, parse_yaml, plain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two workspaces, `one` and `two`."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text("x = 1\n")
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "tasks.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(path: Path, **overrides: Any) -> list[tuple[int | None, str | None, str]]:
    """Line, field and message of every error that loading raises."""
    with pytest.raises(TaskFileErrors) as caught:
        load(path, overrides)
    for error in caught.value.errors:
        assert str(error).startswith(str(path)), "every error names the file"
        assert str(error) in str(caught.value), "all errors are told together"
    return [(e.line, e.field, str(e)) for e in caught.value.errors]


GOOD = """\
# a comment
defaults: {rounds: 6, seed: 3, checks: ["pytest -q"]}
tasks:
  - id: first
    workspace: ./one
    edit: code.py
  - id: second
    workspace: two
    goal: Mend it.
    rounds: 2
    seconds: 30
    checks:
      - command: python check.py
        timeout: 5
        kind: script
"""


# --- what is read -------------------------------------------------------------------------------------------


def test_yaml_with_defaults(folder: Path) -> None:
    first, second = load(write(folder, GOOD))
    assert first.task.id == "first"
    assert first.task.workspace == str((folder / "one").resolve())
    assert first.task.edit == ("code.py",)
    assert first.task.checks == (Check(command="pytest -q"),)
    assert (first.settings.rounds, first.settings.seed, first.settings.model) == (6, 3, "builtin:repair")
    assert second.task.checks == (Check(command="python check.py", timeout=5, kind="script"),)
    assert (second.settings.rounds, second.settings.seconds) == (2, 30)
    assert second.task.goal == "Mend it."


def test_the_same_tasks_in_every_form(folder: Path) -> None:
    document = yaml.safe_load(GOOD)
    lines = [{"defaults": document["defaults"]}, *document["tasks"]]
    forms = {
        "a.yml": GOOD,
        "b.json": json.dumps(document, indent=1),
        "c.json": json.dumps([{**document["defaults"], **task} for task in document["tasks"]]),
        "d.jsonl": "\n\n".join(json.dumps(line) for line in lines) + "\n",
        "e.yaml": "\ufeff" + GOOD,
        "f.YAML": GOOD.replace("\n", "\r\n"),
    }
    loaded = [load(write(folder, text, name)) for name, text in forms.items()]
    assert all(entries == loaded[0] for entries in loaded)


def test_overrides_stand_above_the_file(folder: Path) -> None:
    entries = load(write(folder, GOOD), {"rounds": 0, "approve": "never"})
    assert [e.settings.rounds for e in entries] == [0, 0]
    assert [e.settings.approve for e in entries] == ["never", "never"]
    assert [e.settings.seed for e in entries] == [3, 3]


def test_bad_overrides_are_named_as_options(folder: Path) -> None:
    with pytest.raises(InputError, match=r"--rounds: must be 0 or more") as caught:
        load(write(folder, GOOD), {"rounds": -1, "approve": "perhaps"})
    assert "--approve: must be one of auto, ask or never" in str(caught.value)


def test_anchors_aliases_and_merge_keys(folder: Path) -> None:
    text = """\
base: &base
  workspace: one
tasks:
  - &a {id: a, workspace: one, checks: [x], rounds: 1}
  - {<<: *a, id: b, rounds: 2}
"""
    path = write(folder, text.replace("base: &base\n  workspace: one\n", ""))
    a, b = load(path)
    assert (b.task.id, b.settings.rounds, b.task.workspace) == ("b", 2, a.task.workspace)


def test_the_only_task_takes_the_folders_name(folder: Path) -> None:
    (folder / "late fee (old)").mkdir()
    (entry,) = load(write(folder, "tasks: [{workspace: 'late fee (old)', checks: x}]"))
    assert entry.task.id == "late-fee-old"


def test_a_date_is_text(folder: Path) -> None:
    (entry,) = load(write(folder, "tasks: [{id: 2024-05-01, workspace: one, checks: x}]"))
    assert entry.task.id == "2024-05-01"


def test_python_is_resolved_and_links_are_kept(folder: Path) -> None:
    link = folder / "venv" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(sys.executable)
    text = "tasks: [{workspace: one, checks: x, python: one/../venv/bin/python}]"
    (entry,) = load(write(folder, text))
    assert entry.task.python == str(link)


def test_schema_key_and_inputs(folder: Path) -> None:
    document = {
        "$schema": "x.json",
        "tasks": [{"workspace": "one", "checks": "x", "inputs": {"a": [1, None, "é"]}}],
    }
    (entry,) = load(write(folder, json.dumps(document), "t.json"))
    assert entry.task.inputs == {"a": [1, None, "é"]}


# --- what is refused ----------------------------------------------------------------------------------------

ONE = "workspace: one, checks: x"
TABLE: list[tuple[str, str, int | None, str | None, str]] = [
    (
        "unknown key",
        "tasks:\n  - {id: a, workspce: one, " + ONE + "}",
        2,
        "tasks[0].workspce",
        "did you mean workspace?",
    ),
    (
        "unknown key, by meaning",
        "tasks:\n- workspace: one\n  test: x",
        3,
        "tasks[0].test",
        "did you mean checks?",
    ),
    ("unknown key, far off", "tasks:\n- {zzzz: 1, " + ONE + "}", 2, "tasks[0].zzzz", "known: id, goal"),
    ("unknown top key", "task: 1\ntasks: [{" + ONE + "}]", 1, "task", "did you mean tasks?"),
    (
        "unknown default",
        "defaults:\n  rond: 1\ntasks: [{" + ONE + "}]",
        2,
        "defaults.rond",
        "is not a known key",
    ),
    ("default id", "defaults: {id: a}\ntasks: [{" + ONE + "}]", 1, "defaults.id", "move it to the task"),
    (
        "bad default once",
        "defaults:\n  rounds: -1\ntasks:\n- {id: a, " + ONE + "}\n- {id: b, " + ONE + "}",
        2,
        "defaults.rounds",
        "must be 0 or more, but is the number -1",
    ),
    (
        "text for a number",
        "tasks:\n- {rounds: four, " + ONE + "}",
        2,
        "tasks[0].rounds",
        "must be a whole number, but is the text 'four'",
    ),
    (
        "fraction for a whole number",
        "tasks:\n- {rounds: 1.5, " + ONE + "}",
        2,
        "tasks[0].rounds",
        "must be a whole",
    ),
    (
        "bool for a number",
        "tasks:\n- {rounds: yes, " + ONE + "}",
        2,
        "tasks[0].rounds",
        "whole number, but is true",
    ),
    ("number for text", "tasks:\n- {goal: 5, " + ONE + "}", 2, "tasks[0].goal", "put it in quotes"),
    ("bool for text", "tasks:\n- {id: no, " + ONE + "}", 2, "tasks[0].id", "must be text, but is false"),
    ("null for text", "tasks:\n- {goal: , " + ONE + "}", 2, "tasks[0].goal", "must be text, but is empty"),
    (
        "list for text",
        "tasks:\n- {goal: [a], " + ONE + "}",
        2,
        "tasks[0].goal",
        "must be text, but is a list",
    ),
    ("number for a list", "tasks:\n- {edit: 3, " + ONE + "}", 2, "tasks[0].edit", "must be a list"),
    ("zero seconds", "tasks:\n- {seconds: 0, " + ONE + "}", 2, "tasks[0].seconds", "must be more than 0"),
    (
        "infinite seconds",
        "tasks:\n- {seconds: .inf, " + ONE + "}",
        2,
        "tasks[0].seconds",
        "must be a finite number",
    ),
    (
        "wrong choice",
        "tasks:\n- {approve: maybe, " + ONE + "}",
        2,
        "tasks[0].approve",
        "one of auto, ask or never",
    ),
    ("bad id", "tasks:\n- {id: 'a b', " + ONE + "}", 2, "tasks[0].id", "letters, digits"),
    ("empty goal", "tasks:\n- {goal: '', " + ONE + "}", 2, "tasks[0].goal", "must not be empty"),
    (
        "unknown provider",
        "tasks:\n- {model: 'opnai:gpt-5', " + ONE + "}",
        2,
        "tasks[0].model",
        "did you mean openai?",
    ),
    (
        "near model",
        "tasks:\n- {model: 'builtin:repare', " + ONE + "}",
        2,
        "tasks[0].model",
        "builtin:repair",
    ),
    ("unknown recipe", "tasks:\n- {recipe: cor, " + ONE + "}", 2, "tasks[0].recipe", "did you mean core?"),
    ("unknown sandbox", "tasks:\n- {sandbox: lokal, " + ONE + "}", 2, "tasks[0].sandbox", "local"),
    (
        "unknown feature",
        "tasks:\n- {sandbox_features: [memory_totl], " + ONE + "}",
        2,
        "tasks[0].sandbox_features",
        "memory_total",
    ),
    ("no workspace", "tasks:\n- {checks: x}", 2, "tasks[0].workspace", "is missing"),
    ("empty workspace", "tasks:\n- {workspace: '', checks: x}", 2, "tasks[0].workspace", "is empty"),
    (
        "missing workspace",
        "tasks:\n- workspace: nope\n  checks: x",
        2,
        "tasks[0].workspace",
        "does not exist",
    ),
    (
        "file as workspace",
        "tasks:\n- workspace: one/code.py\n  checks: x",
        2,
        "tasks[0].workspace",
        "is a file",
    ),
    ("below a file", "tasks:\n- workspace: one/code.py/x\n  checks: x", 2, "tasks[0].workspace", "not"),
    ("no checks", "tasks:\n- {workspace: one}", 2, "tasks[0].checks", "say what must pass"),
    ("empty checks", "tasks:\n- {workspace: one, checks: []}", 2, "tasks[0].checks", "is empty"),
    (
        "unsplittable check",
        "tasks:\n- workspace: one\n  checks:\n  - pytest\n  - 'pytest \"q'",
        5,
        "tasks[0].checks[1]",
        "cannot be read: No closing quotation",
    ),
    ("blank check", "tasks:\n- {workspace: one, checks: ['  ']}", 2, "tasks[0].checks[0]", "a check is empty"),
    (
        "bad check",
        "tasks:\n- workspace: one\n  checks:\n  - command: x\n    timeout: -1",
        5,
        "tasks[0].checks[0].timeout",
        "must be more than 0",
    ),
    (
        "endless check",
        "tasks:\n- workspace: one\n  checks:\n  - command: x\n    timeout: .inf",
        5,
        "tasks[0].checks[0].timeout",
        "must be a finite number",
    ),
    (
        "no number",
        "tasks:\n- workspace: one\n  checks:\n  - command: x\n    timeout: .nan",
        5,
        "tasks[0].checks[0].timeout",
        "must be a finite number",
    ),
    (
        "a check that lasts weeks",
        "tasks:\n- workspace: one\n  checks:\n  - command: x\n    timeout: 1000000",
        5,
        "tasks[0].checks[0].timeout",
        "must be 86400 or less",
    ),
    (
        "a command that is not of its kind",
        "tasks:\n- workspace: one\n  checks:\n  - {command: pytest -q | cat, kind: pytest}",
        4,
        "tasks[0].checks[0]",
        "is of kind pytest, but its words say command",
    ),
    (
        "the same check twice",
        "tasks:\n- workspace: one\n  checks:\n  - {command: pytest -q, required: false}\n  - pytest -q",
        3,
        "tasks[0].checks",
        "two checks have the same command",
    ),
    (
        "an id twice in one line",
        "tasks: [{id: a, workspace: one, checks: x}, {id: a, workspace: two, checks: x}]",
        1,
        "tasks[1].id",
        "the id 'a' is already used in line 1",
    ),
    (
        "edit of no file",
        "tasks:\n- workspace: one\n  checks: x\n  edit: [code.py, cod.py]",
        4,
        "tasks[0].edit[1]",
        "matches 'cod.py'\n  → nearest: code.py",
    ),
    (
        "edit pattern for no file",
        "tasks:\n- workspace: one\n  checks: x\n  edit: src/*.py",
        4,
        "tasks[0].edit",
        "matches 'src/*.py'",
    ),
    ("edit that is no pattern", "tasks:\n- {workspace: one, checks: x, edit: '!'}", 2, "tasks[0].edit", "is not a"),
    ("protect that is no pattern", "tasks:\n- {protect: ['!'], " + ONE + "}", 2, "tasks[0].protect[0]", "is not a"),
    (
        "check without command",
        "tasks:\n- workspace: one\n  checks:\n  - timeout: 1",
        4,
        "tasks[0].checks[0].command",
        "is missing",
    ),
    (
        "unknown key of a check",
        "tasks:\n- workspace: one\n  checks:\n  - command: x\n    timout: 1",
        5,
        "tasks[0].checks[0].timout",
        "did you mean timeout?",
    ),
    (
        "unknown python",
        "tasks:\n- {python: ./nope, " + ONE + "}",
        2,
        "tasks[0].python",
        "no interpreter './nope'",
    ),
    (
        "duplicate id",
        "tasks:\n- {id: a, " + ONE + "}\n\n- {id: a, " + ONE + "}",
        4,
        "tasks[1].id",
        "already used in line 2",
    ),
    (
        "missing id of several",
        "tasks:\n- {id: a, " + ONE + "}\n- {" + ONE + "}",
        3,
        "tasks[1].id",
        "is missing",
    ),
    ("task is no mapping", "tasks:\n- {id: a, " + ONE + "}\n- 5", 3, "tasks[1]", "but this is the number 5"),
    ("tasks is no list", "tasks:\n  id: a", 1, "tasks", "must be a list of tasks, but is a mapping"),
    ("no tasks", "tasks: []", 1, "tasks", "there are no tasks"),
    ("defaults alone", "defaults: {rounds: 1}", 1, "tasks", "there are no tasks"),
    ("task at the top", "workspace: one\nchecks: x", 1, None, "`tasks` is missing"),
    ("defaults is no mapping", "defaults: 5\ntasks: [{" + ONE + "}]", 1, "defaults", "but is the number 5"),
    ("text", "hello", 1, None, "but this is the text 'hello'"),
    ("empty", "", 1, None, "the file is empty"),
    ("blank", " \n\n", 1, None, "the file is empty"),
    ("comments only", "# nothing\n", 1, None, "only comments"),
    (
        "duplicate key",
        "tasks:\n- id: a\n  id: b\n  " + "workspace: one\n  checks: x",
        3,
        None,
        "'id' is there twice (first in line 2)",
    ),
    ("syntax", "tasks:\n  - [a", 2, None, "not valid YAML"),
    ("unclosed quote", "tasks:\n- id: 'a", 2, None, "not valid YAML"),
    ("tab", "tasks:\n\t- id: a", 2, None, "a tab is used for indentation"),
    ("python tag", "tasks:\n- !!python/object/apply:os.system ['true']", 2, None, "is not allowed"),
    (
        "python tag on text",
        "tasks:\n- {id: !!python/name:os.system x, " + ONE + "}",
        2,
        None,
        "is not allowed",
    ),
    ("recursive alias", "tasks: &a\n- *a", 1, None, "contains itself"),
    ("two documents", "tasks: []\n---\ntasks: []", 2, None, "a second document"),
    ("control character", 'tasks:\n- {id: "a\x01"}', 2, None, "U+0001 is not allowed"),
    ("unknown alias", "tasks: *nope", 1, None, "not valid YAML"),
]


@pytest.mark.parametrize(("text", "line", "field", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_mistakes_in_yaml(folder: Path, text: str, line: int | None, field: str | None, words: str) -> None:
    found = faults(write(folder, text))
    assert any((at, name) == (line, field) and words in message for at, name, message in found), found


def test_a_mistake_in_the_defaults_is_reported_once(folder: Path) -> None:
    text = "defaults: {rounds: -1, sandbox: x}\ntasks:\n" + "".join(f"- {{id: t{i}, {ONE}}}\n" for i in range(5))
    fields = [field for _, field, _ in faults(write(folder, text))]
    assert sorted(map(str, fields)) == ["defaults.rounds", "defaults.sandbox"]


def test_all_mistakes_of_a_file_are_reported_in_order(folder: Path) -> None:
    text = """\
tasks:
  - id: a
    workspace: nope
    checks: "x 'y"
    rounds: -1
  - id: a
    workspace: two
    chekcs: x
"""
    found = faults(write(folder, text))
    assert [line for line, _, _ in found] == [3, 4, 5, 6, 6, 8]
    with pytest.raises(TaskFileErrors, match="6 problems"):
        load(write(folder, text))


@pytest.mark.parametrize(
    ("name", "text", "line", "field", "words"),
    [
        ("t.json", '{"tasks": [\n {"id": "a",, }\n]}', 2, None, "not valid JSON"),
        (
            "t.json",
            '{"tasks": [\n {"workspace": "one", "checks": "x", "rounds": -1}\n]}',
            2,
            "tasks[0].rounds",
            "0 or more",
        ),
        ("t.json", '{"tasks": [],\n "tasks": []}', 2, None, "is there twice"),
        ("t.json", '{"tasks": [NaN]}', 1, None, "not valid JSON"),
        ("t.json", '{"tasks": []} x', 1, None, "something follows the value"),
        ("t.json", "[" * 100_000, 1, None, "nested too deeply"),
        ("t.json", "[\n5]", 2, "[0]", "but this is the number 5"),
        ("t.json", "[]", 1, None, "there are no tasks"),
        ("t.json", "{tasks: []}", 1, None, "a key in double quotes was expected"),
        ("t.json", '{"tasks" []}', 1, None, "a colon was expected"),
        ("t.json", '{"tasks": [1 2]}', 1, None, "a comma or ] was expected"),
        ("t.jsonl", '{"id": "a"}\n{"id": \n', 2, None, "not valid JSON"),
        ("t.jsonl", '\n\n{"workspace": "one", "checks": "x", "bogus": 1}', 3, "bogus", "is not a known key"),
        (
            "t.jsonl",
            '{"defaults": {"rounds": -1}}\n{"workspace": "one", "checks": "x"}',
            1,
            "defaults.rounds",
            "0 or",
        ),
        ("t.jsonl", '{"workspace": "one", "checks": "x"}\n{"id": "b"}', 2, "workspace", "is missing"),
        ("t.jsonl", '{"defaults": {}}\n', 1, None, "there are no tasks"),
        ("t.txt", "tasks: []", None, None, "a task file's name ends in"),
    ],
)
def test_mistakes_in_json(folder: Path, name: str, text: str, line: int | None, field: str | None, words: str) -> None:
    found = faults(write(folder, text, name))
    assert any((at, where) == (line, field) and words in message for at, where, message in found), found


def test_not_utf8_names_the_line(folder: Path) -> None:
    ((line, _, message),) = faults(write(folder, b"tasks:\n- id: caf\xe9\n"))
    assert line == 2 and "not UTF-8" in message


def test_missing_file_folder_and_unreadable_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in faults(folder / "nope.yaml")[0][2]
    assert "is a folder" in faults(folder / "one")[0][2]
    path = write(folder, GOOD)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "cannot be read: Permission denied" in faults(path)[0][2]


def test_an_unreadable_workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: not str(p).endswith("/one") and real(p, mode))
    ((line, field, message),) = faults(write(folder, "tasks:\n- {" + ONE + "}"))
    assert (line, field) == (2, "tasks[0].workspace") and "cannot be read" in message


def test_an_alias_bomb_is_refused(folder: Path) -> None:
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 10))
    found = faults(write(folder, f"l0: &l0 [x]\n{levels}\ntasks: []"))
    assert any("once its aliases are expanded" in message for _, _, message in found)


# --- the readers --------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(json_values, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found: list[Fault] = []
    assert plain(parse_json(text, found)) == value
    assert not found


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        try:
            parse(text, [])
        except Fault as fault:
            assert 1 <= fault.line <= text.count("\n") + 2


def test_lines_of_nested_values() -> None:
    text = '{\n "a": [\n  1,\n  {"b":\n   2}]}'
    for node in (parse_json(text, []), parse_yaml(text.replace("\n ", "\n  "), [])):
        assert node is not None
        assert locate(node, ("a",)) == (2, "a")
        assert locate(node, ("a", 0)) == (3, "a[0]")
        assert locate(node, ("a", 1, "b")) == (4, "a[1].b")
        assert locate(node, ("a", 1, "c", 4)) == (4, "a[1]")


# --- the schema ---------------------------------------------------------------------------------------------


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every part of a schema that describes an object with named properties."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if isinstance(schema.get("properties"), dict) else []
    return own + [found for item in schema.values() for found in objects(item)]


def test_the_schema_is_closed_and_described() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    assert len(objects(schema)) == 4
    for each in objects(schema):
        assert each["additionalProperties"] is False
        assert each["title"]
        for name, value in each["properties"].items():
            assert "$ref" in value or (value["title"] and value["description"]), name
    task, defaults = schema["$defs"]["task"], schema["$defs"]["defaults"]
    assert set(task["properties"]) - set(defaults["properties"]) == {"id"}
    assert {"workspace", "checks", "model", "approve", "seed"} <= set(task["properties"])


def test_the_schema_accepts_what_is_accepted(folder: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not list(validator.iter_errors(yaml.safe_load(GOOD)))
    assert list(validator.iter_errors({"tasks": [{"workspce": "one"}]}))


# --- one project --------------------------------------------------------------------------------------------


def test_project_task_of_a_folder_and_of_a_file(folder: Path) -> None:
    task = project_task(folder / "one", ["pytest -q", "make lint"], ["*.py"])
    assert (task.id, task.workspace, task.edit) == ("one", str((folder / "one").resolve()), ("*.py",))
    assert [c.command for c in task.checks] == ["pytest -q", "make lint"]
    task = project_task(folder / "one" / "code.py", ["pytest -q"])
    assert (task.id, task.workspace, task.edit) == ("code", str((folder / "one").resolve()), ("/code.py",))


@pytest.mark.parametrize(
    ("path", "test", "options", "words"),
    [
        ("nope", "x", {}, "does not exist"),
        ("one", "x 'y", {}, "--test: .* cannot be read"),
        ("one", " ", {}, "--test: the command is empty"),
        ("one", "x", {"edit": ["cod.py"]}, "(?s)--edit: no file of .* matches 'cod.py'.*nearest: code.py"),
        ("one", "x", {"edit": ["!"]}, "--edit: '!' is not a"),
        ("one/code.py", "x", {"edit": ["a"]}, "only it may be changed"),
        ("one", "x", {"python": "./nope"}, "--python: there is no interpreter"),
    ],
)
def test_project_task_refuses(folder: Path, path: str, test: str, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        project_task(folder / path, [test], **options)


def test_a_test_that_is_given_twice_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"--test: 'pytest -q' is given twice"):
        project_task(folder / "one", ["pytest -q", "pytest -q"])


def test_edit_patterns_are_looked_up_in_the_whole_workspace(folder: Path) -> None:
    deep = folder / "one" / "src" / "shop"
    deep.mkdir(parents=True)
    (deep / "cart.py").write_text("")
    (folder / "one" / ".git").mkdir()
    (folder / "one" / ".git" / "hook.py").write_text("")
    patterns = ["/src/shop/", "cart.py", "!code.py", "# a remark", "**/*.py", ""]
    assert project_task(folder / "one", ["x"], patterns).edit == tuple(patterns)
    with pytest.raises(InputError, match=r"(?s)matches 'shop/card\.py'.*nearest: src/shop/cart\.py"):
        project_task(folder / "one", ["x"], ["shop/card.py"])
    with pytest.raises(InputError, match="hook"):
        project_task(folder / "one", ["x"], ["hook.py"])
    assert project_task(folder / "one", ["x"], ["new.py"], model="another").edit == ("new.py",), "it may make one"


def test_settings_from_lays_values_over_a_base() -> None:
    base = settings_from({"rounds": 2, "seed": 5})
    assert settings_from({"rounds": 3}, base).model_dump(include={"rounds", "seed"}) == {
        "rounds": 3,
        "seed": 5,
    }
