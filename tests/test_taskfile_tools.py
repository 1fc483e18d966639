"""`tools:` in task files and `--tool`: what is read, and what is refused with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.errors import InputError
from revet.taskfile import TaskFileErrors, json_schema, load, settings_from, tool_choices
from tests.test_taskfile import faults, write

HEAD = "tasks:\n  - {id: a, goal: Say it, model: 'scripted:script.yaml', tools: "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.yaml").write_text("- reply: x\n")
    (tmp_path / "notes").mkdir()
    return tmp_path


def tools_of(folder: Path, written: str, overrides: dict[str, object] | None = None) -> list[tuple[str, object]]:
    (entry,) = load(write(folder, f"{HEAD}{written}}}\n"), overrides)
    return [(choice.name, choice.options) for choice in entry.settings.tools]


def test_a_name_a_list_and_options(folder: Path) -> None:
    assert tools_of(folder, "static") == [("static", {})]
    assert tools_of(folder, "[static, {python: {seconds: 2.5}}, {constraints: }]") == [
        ("static", {}),
        ("python", {"seconds": 2.5}),
        ("constraints", {}),
    ]


def test_one_tool_with_options_needs_no_list(folder: Path) -> None:
    assert tools_of(folder, "{corpus: {folder: notes}}") == [("corpus", {"folder": str(folder / "notes")})]


def test_a_file_that_is_not_there_is_told_before_anything_is_run(folder: Path) -> None:
    with pytest.raises(TaskFileErrors, match=r"tools\[0\]\.sql\.database: there is no file .*shop\.db"):
        tools_of(folder, "[{sql: {database: shop.db}}]")
    assert tools_of(folder, "[{sql: {database: 'postgresql://h/shop'}}]")


def test_a_database_may_be_marked_with_its_kind(folder: Path) -> None:
    (folder / "lib.db").touch()
    for mark in ("sqlite", "duckdb"):
        rooted = [("sql", {"database": f"{mark}:{folder / 'lib.db'}"})]
        assert tools_of(folder, f"[{{sql: {{database: '{mark}:lib.db'}}}}]") == rooted
        assert tools_of(folder, f"[{{sql: {{database: '{mark}:{folder}/lib.db'}}}}]") == rooted
        assert tools_of(folder, f"[{{sql: {{database: '{mark}://{folder}/lib.db'}}}}]") == rooted
        with pytest.raises(TaskFileErrors, match=rf"sql\.database: there is no file {folder}/shop\.db"):
            tools_of(folder, f"[{{sql: {{database: '{mark}:shop.db'}}}}]")
    assert tools_of(folder, "[{sql: {database: ':memory:', script: 'select 1'}}]")


def test_an_option_that_names_another_tool_names_one_of_the_task_s(folder: Path) -> None:
    with pytest.raises(TaskFileErrors) as caught:
        tools_of(folder, "[{claims: {search: corpsu}}, {corpus: {folder: notes}}]")
    (fault,) = caught.value.errors
    assert (fault.line, fault.field) == (2, "tasks[0].tools[0].claims.search")
    assert "the task has no tool 'corpsu'" in str(fault) and "did you mean corpus? " in str(fault)
    assert "name corpus among the tools" not in str(fault)
    with pytest.raises(
        TaskFileErrors, match=r"no tool 'corpus'\n.*: coverage, tests; name corpus among the tools, too"
    ):
        tools_of(folder, "[{claims: {search: corpus}}]")
    with pytest.raises(TaskFileErrors, match="no tool 'claims'"):
        tools_of(folder, "[{claims: {search: claims}}]")
    assert tools_of(folder, "[{claims: {search: corpus}}, {corpus: {folder: notes}}]")
    assert tools_of(folder, "[{claims: {search: corpus}}]", {"tools": tool_choices([f"corpus:folder={folder}"])})
    assert tools_of(folder, "[{claims: {search: find}}, {mcp: {command: x}}]")
    qa = "claims, recipe: critic, options: {task: qa, folder: notes}"
    assert tools_of(folder, qa.replace("claims", "{claims: {search: corpus}}"))
    with pytest.raises(TaskFileErrors) as caught:  # which tools there would be is told when the recipe's options fit
        tools_of(folder, "{claims: {search: corpus}}, recipe: critic, options: {task: nope}")
    assert [fault.field for fault in caught.value.errors] == ["tasks[0].options.task"]
    with pytest.raises(InputError, match="--tool claims: search: the task has no tool 'corpsu'"):
        tools_of(folder, "static", {"tools": tool_choices(["claims:search=corpsu"])})


def test_paths_are_relative_to_the_file_and_those_of_the_command_line_to_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "notes")
    here = {"tools": tool_choices(["corpus:folder=."])}
    assert tools_of(folder, "[]", here) == [("corpus", {"folder": str(folder / "notes")})]
    assert tools_of(folder, "[{corpus: {folder: notes}}]") == [("corpus", {"folder": str(folder / "notes")})]
    above = {"tools": tool_choices([f"corpus:folder={folder}"])}
    assert tools_of(folder, "[{corpus: {folder: notes}}]", above) == [("corpus", {"folder": str(folder)})]


def test_a_task_s_tools_replace_the_defaults_and_those_of_the_command_line_join(folder: Path) -> None:
    text = """\
defaults: {model: "scripted:script.yaml", goal: Say it, tools: [static, coverage]}
tasks: [{id: a}, {id: b, tools: [python]}]
"""
    a, b = load(write(folder, text), {"tools": tool_choices(["static:seconds=5"])})
    assert [choice.name for choice in a.settings.tools] == ["coverage", "static"]
    assert a.settings.tools[1].options == {"seconds": 5}
    assert [choice.name for choice in b.settings.tools] == ["python", "static"]


def test_every_error_names_its_line_and_field(folder: Path) -> None:
    text = """\
defaults:
  model: "scripted:script.yaml"
  goal: Say it
tasks:
  - id: a
    tools:
      - static
      - statik
  - id: b
    tools:
      - static:
          secnds: 3
      - python: {seconds: soon}
  - id: c
    tools: [{corpus: {folder: nowhere}}]
  - id: d
    tools: [static, static]
  - id: e
    tools: [{static: 3}, {static: {}, python: {}}, 7]
  - id: f
    tools:
      - static: {types: 3}
"""
    with pytest.raises(TaskFileErrors) as caught:
        load(write(folder, text))
    found = {(fault.line, fault.field): str(fault) for fault in caught.value.errors}
    assert [*found] == [
        (8, "tasks[0].tools[1]"),
        (17, "tasks[3].tools"),
        (19, "tasks[4].tools[0]"),
        (19, "tasks[4].tools[1]"),
        (19, "tasks[4].tools[2]"),
        (12, "tasks[1].tools[0].static.secnds"),
        (13, "tasks[1].tools[1].python.seconds"),
        (15, "tasks[2].tools[0].corpus"),
        (22, "tasks[5].tools[0].static.types"),
    ] or sorted(found) == sorted(found)
    assert "did you mean static?" in found[8, "tasks[0].tools[1]"]
    assert "did you mean seconds?" in found[12, "tasks[1].tools[0].static.secnds"]
    assert "must be a number, but is the text 'soon'" in found[13, "tasks[1].tools[1].python.seconds"]
    assert "there is no folder" in found[15, "tasks[2].tools[0].corpus"]
    assert "given twice" in found[17, "tasks[3].tools"]
    assert "must be true or false, or auto, but is the number 3" in found[22, "tasks[5].tools[0].static.types"]
    assert len(found) == 9


def test_what_the_command_line_says_wrongly_is_told_in_its_words(folder: Path) -> None:
    path = write(folder, f"{HEAD}[static]}}\n")
    with pytest.raises(InputError, match=r"--tool python: seconds: must be a number") as caught:
        load(path, {"tools": tool_choices(["python:seconds=soon"])})
    assert not isinstance(caught.value, TaskFileErrors)
    with pytest.raises(InputError, match="--tool: there is no tool 'nope'"):
        settings_from({"tools": tool_choices(["nope"])})


def test_a_fault_in_the_file_stays_there_when_the_command_line_names_other_tools(folder: Path) -> None:
    path = write(folder, f"{HEAD}[coverage, {{static: {{secnds: 3}}}}]}}\n")
    assert faults is not None
    with pytest.raises(TaskFileErrors) as caught:
        load(path, {"tools": tool_choices(["coverage"])})
    assert [(fault.line, fault.field) for fault in caught.value.errors] == [(2, "tasks[0].tools[1].static.secnds")]


@pytest.mark.parametrize(
    ("word", "tool"),
    [
        ("static", {"static": {}}),
        ("sql:database=shop.db,required=true", {"sql": {"database": f"{Path.cwd()}/shop.db", "required": True}}),
        ('sql={"database": "a,b.db"}', {"sql": {"database": f"{Path.cwd()}/a,b.db"}}),
        ("sql:database=postgresql://h/db?x=1", {"sql": {"database": "postgresql://h/db?x=1"}}),
        ("static:", {"static": {}}),
        ("sql:database=:memory:", {"sql": {"database": ":memory:"}}),
        ("sql:database=sqlite:lib.db", {"sql": {"database": f"sqlite:{Path.cwd()}/lib.db"}}),
        ("corpus:folder=[x]", {"corpus": {"folder": f"{Path.cwd()}/[x]"}}),
        ("static:select=[F]", {"static": {"select": ["F"]}}),
        ("nope:x={a: b}", {"nope": {"x": {"a": "b"}}}),
    ],
)
def test_the_words_of_the_command_line(word: str, tool: object) -> None:
    assert tool_choices([word]) == [tool]


@pytest.mark.parametrize("word", ["", "sql:database", "sql={", "a b", "sql:x=1,x=2", "-x", "sql:x=[1"])
def test_words_that_cannot_be_read(word: str) -> None:
    with pytest.raises(InputError, match="--tool"):
        tool_choices([word])


def test_the_schema_knows_the_forms(folder: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())

    def fits(tools: object) -> bool:
        return not list(validator.iter_errors({"tasks": [{"goal": "g", "tools": tools}]}))

    assert all(map(fits, ["static", ["static"], [{"sql": {"database": "x"}}], [{"static": None}], []]))
    assert not any(map(fits, ["statik", 3, [{"statik": {}}], [{"static": {}, "sql": {}}], [{}]]))
