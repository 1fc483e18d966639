"""What drafts do beyond files, for a person: their actions, what their commands said, the rows that they change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from revet.policy import FILES_ONLY
from revet.report.text import clean, one_line, plural
from revet.schema import (
    Action,
    CallTool,
    Changes,
    CommandRun,
    Draft,
    ExecuteSQL,
    Gui,
    RowChange,
    RunCommand,
    TableChange,
)

__all__ = ["action_lines", "action_text", "command_lines", "table_lines"]

MOST_ACTIONS, MOST_ROWS, MOST_SAID = 12, 5, 10
WIDE = 300


def action_lines(draft: Draft) -> Iterator[str]:
    """What would be done beyond files: a diff shows the rest."""
    beyond = [action for action in draft.actions if action.kind not in FILES_ONLY]
    for action in beyond[:MOST_ACTIONS]:
        yield one_line(f"{action.kind}: {action_text(action)}", WIDE)
    if len(beyond) > MOST_ACTIONS:
        yield f"… and {len(beyond) - MOST_ACTIONS} more"


def action_text(action: Action) -> str:
    """The action as one would type it; "" for one that only touches files."""
    match action:
        case RunCommand():
            return action.command + (f" (in {action.cwd})" if action.cwd != "." else "")
        case ExecuteSQL():
            return action.sql + (f" (on {action.database})" if action.database else "")
        case CallTool():
            return f"{action.name} {json.dumps(action.arguments, ensure_ascii=False)}"
        case Gui():
            return " ".join(filter(None, (action.operation, action.target, action.text)))
        case _:
            return ""


def command_lines(changes: Changes | None) -> Iterator[str]:
    """What each command said when it was tried, and with which status it ended; nothing of one that said nothing."""
    for run in changes.commands if changes is not None else ():
        said = [line for text in (run.stdout, run.stderr) for line in clean(text).splitlines() if line.strip()]
        if said or run.exit_code:
            yield f"`{one_line(run.command, 80)}` {_ended(run)}"
        for line in said[:MOST_SAID]:
            yield f"  {one_line(line)}"
        if len(said) > MOST_SAID:
            yield f"  … {plural(len(said) - MOST_SAID, 'more line')}"


def table_lines(changes: Changes | None) -> Iterator[str]:
    """Each table with the number of rows that change, and some of them: ``-`` goes, ``+`` comes, ``~`` changes."""
    for table in changes.tables if changes is not None else ():
        yield f"table {one_line(table.table, 80)}: {_counts(table)}"
        for row in table.rows[:MOST_ROWS]:
            yield f"  {one_line(_row(row), WIDE)}"
        left = table.inserted + table.updated + table.deleted - len(table.rows[:MOST_ROWS])
        if left > 0 and table.rows:
            yield f"  … {plural(left, 'more row')}"


def _ended(run: CommandRun) -> str:
    if run.exit_code is None or run.verdict != "ok":
        return f"did not end by itself ({run.verdict}):"
    return f"fails with status {run.exit_code}:" if run.exit_code else "says:"


def _counts(table: TableChange) -> str:
    numbers = ((table.inserted, "inserted"), (table.updated, "updated"), (table.deleted, "deleted"))
    told = [f"{plural(number, 'row')} {verb}" for number, verb in numbers if number]
    told += [f"its shape changes ({one_line('; '.join(table.ddl), WIDE)})"] if table.ddl else []
    undo = "" if table.reversible else f"; cannot be undone{': ' + one_line(table.why) if table.why else ''}"
    return (", ".join(told) or "no row changes") + undo


def _row(row: RowChange) -> str:
    before, after = _own(row.before), _own(row.after)
    if before is None or after is None:
        return f"{'+' if before is None else '-'} {_values(after or before or {})}"
    changed = [name for name in after if after[name] != before.get(name)]
    same = {name: value for name, value in before.items() if name not in changed}
    new = [f"{name} {_value(before.get(name))} → {_value(after[name])}" for name in changed]
    return f"~ {', '.join([*([_values(same)] if same else []), *new])}"


def _own(row: Mapping[str, object] | None) -> Mapping[str, object] | None:
    """The columns of the table; SQLite's row number only where no column holds it."""
    if row is None or "rowid" not in row:
        return row
    others = {name: value for name, value in row.items() if name != "rowid"}
    return others if row["rowid"] in others.values() else row


def _values(row: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in row.items())


def _value(value: object) -> str:
    return "null" if value is None else one_line(str(value), 60)
