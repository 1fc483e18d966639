"""What a person is shown of actions beyond files: their texts, what commands said, and the rows."""

from __future__ import annotations

from typing import Any

import pytest

from revet.report.effects import action_lines, command_lines, table_lines
from revet.report.text import dry
from revet.schema import (
    Action,
    Attempt,
    CallTool,
    Changes,
    CommandRun,
    Draft,
    ExecuteSQL,
    Gui,
    RowChange,
    RunCommand,
    TableChange,
    WriteFile,
)
from tests.report.samples import asked


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (RunCommand(command="ls\n-l"), ["run_command: ls -l"]),
        (RunCommand(command="make", cwd="sub"), ["run_command: make (in sub)"]),
        (ExecuteSQL(sql="SELECT 1", database="sqlite:///a.db"), ["execute_sql: SELECT 1 (on sqlite:///a.db)"]),
        (CallTool(name="pay", arguments={"to": "ann"}), ['call_tool: pay {"to": "ann"}']),
        (Gui(operation="click", target="Pay"), ["gui: click Pay"]),
        (RunCommand(command="echo \x1b[2J\u202e"), ["run_command: echo"]),
        (WriteFile(path="a", content="b"), []),
    ],
)
def test_an_action_in_a_line(action: Action, told: list[str]) -> None:
    assert list(action_lines(Draft(author="a", actions=(action,)))) == told


def test_many_actions_are_counted() -> None:
    lines = list(action_lines(Draft(author="a", actions=tuple(RunCommand(command=f"c{n}") for n in range(15)))))
    assert len(lines) == 13 and lines[-1] == "… and 3 more"


def row(before: dict[str, Any] | None, after: dict[str, Any] | None) -> RowChange:
    return RowChange(before=before, after=after)


def test_rows_before_and_after() -> None:
    rows = (
        row({"rowid": 1, "id": 1, "name": "Ada"}, {"rowid": 1, "id": 1, "name": "Eve"}),
        row(None, {"rowid": 7, "name": None}),
        row({"id": 2, "name": "Bo\x1b[31m"}, None),
    )
    table = TableChange(
        database="d", table="customer", inserted=1, updated=4, deleted=2, rows=rows, reversible=False, why="no key"
    )
    assert list(table_lines(Changes(tables=(table,)))) == [
        "table customer: 1 row inserted, 4 rows updated, 2 rows deleted; cannot be undone: no key",
        "  ~ id 1, name Ada → Eve",
        "  + rowid 7, name null",
        "  - id 2, name Bo",
        "  … 4 more rows",
    ]
    shape = TableChange(database="d", table="t", ddl=("ALTER TABLE t ADD c",))
    assert list(table_lines(Changes(tables=(shape,)))) == ["table t: its shape changes (ALTER TABLE t ADD c)"]
    assert list(table_lines(None)) == []


def test_what_commands_said() -> None:
    runs = (
        CommandRun(command="true", exit_code=0),
        CommandRun(command="make", exit_code=2, stdout="\n".join(map(str, range(12))), stderr="\x1b[31mno rule"),
        CommandRun(command="sleep 9", verdict="timeout", stdout="a"),
    )
    said = list(command_lines(Changes(commands=runs)))
    assert said[0] == "`make` fails with status 2:" and said[11:13] == [
        "  … 3 more lines",
        "`sleep 9` did not end by itself (timeout):",
    ]
    assert len(said) == 14


def test_a_dry_run_of_rows_alone_says_what_would_be_committed() -> None:
    table = TableChange(database="d", table="t", updated=1)
    changes = Changes(tables=(table,))
    run = asked()
    best = Attempt(round=0, draft=Draft(author="a", actions=(ExecuteSQL(sql="x"),)), changes=changes)
    held = run.decision.model_copy(update={"reasons": ("approval is 'never': a dry run commits nothing",)})
    assert dry(run.model_copy(update={"best": best, "decision": held}))
