"""What a draft changes, as markup: the diff with findings beside its lines, rows of tables, calls and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from markupsafe import Markup

from revet.agents.evidence import SUSPICIOUS
from revet.report.html.diff import DiffFile, DiffLine, parse_diff
from revet.report.html.looks import look_of
from revet.report.html.shelf import Shelf, weight
from revet.report.html.templating import render
from revet.report.html.words import WIDEST, as_text
from revet.report.text import plural
from revet.schema import CallPlan, Changes, Finding, RowChange, TableChange

__all__ = ["changes_html", "diff_html"]

MOST_FILES, MOST_ROWS, MOST_COLUMNS, MOST_CALLS, MOST_SUSPECT = 200, 50, 30, 100, 3
LONGEST_DIFF = 2_000_000
"""Characters of a diff that are read at all."""


def diff_html(diff: str, findings: Sequence[Finding] = (), shelf: Shelf | None = None) -> Markup:
    """A unified diff, file by file; findings stand below the lines that they speak of."""
    shelf = shelf or Shelf()
    files = parse_diff(diff[:LONGEST_DIFF], _worth(findings))
    limit = shelf.limit // max(1, min(len(files), MOST_FILES))
    return render(
        "diff.html",
        files=[(file, _fitting(file, max(limit, 2_000))) for file in files[:MOST_FILES]],
        more=max(0, len(files) - MOST_FILES) or len(diff) > LONGEST_DIFF,
        look_of=look_of,
        shelf=shelf,
        plural=plural,
        signs={"added": "+", "removed": "−"},
    )


def changes_html(changes: Changes, findings: Sequence[Finding] = (), shelf: Shelf | None = None) -> Markup:
    """The exact difference that a draft makes: files, folders, rows, calls, and what its commands said."""
    shelf = shelf or Shelf()
    files = _undiffed(changes)
    place = shelf.put(("changes", *_content(changes)), "x")
    return render(
        "changes.html",
        changes=changes,
        files=files[:MOST_FILES],
        more_files=max(0, len(files) - MOST_FILES),
        place=place,
        diff=diff_html(changes.diff, findings, shelf) if changes.diff and not place.again else "",
        tables=[(table, _counts(table), _columns(table), _rows(table)) for table in changes.tables[:MOST_CALLS]],
        calls=[(call, _arguments(call)) for call in changes.calls[:MOST_CALLS]],
        commands=changes.commands[:MOST_CALLS],
        shelf=shelf,
        plural=plural,
    )


def _content(changes: Changes) -> tuple[str, ...]:
    """All that is shown of changes, which may be more than differs: what a dry run or a command said is none of it."""
    commands = [each.model_copy(update={"seconds": 0.0}) for each in changes.commands]
    return changes.fingerprint, changes.diff, repr(changes.tables), repr(changes.calls), repr(commands)


def _worth(findings: Sequence[Finding]) -> list[Finding]:
    """What stands beside lines: every claim, and of the lines that are merely suspect the most suspicious."""
    suspect = sorted((f for f in findings if f.category == SUSPICIOUS), key=lambda finding: -finding.confidence)
    return [f for f in findings if f.category != SUSPICIOUS] + suspect[:MOST_SUSPECT]


def _fitting(file: DiffFile, limit: int) -> list[DiffLine]:
    """The lines at the beginning and the end for which there is room, each cut where it is too wide."""
    lines = [_narrow(line) for line in file.lines]
    sizes = [weight(line.text) + 40 for line in lines]
    if sum(sizes) <= limit:
        return lines
    head = _count(sizes, limit * 2 // 3)
    tail = min(_count(sizes[::-1], limit // 3), len(lines) - head)
    left = DiffLine("note", f"… {plural(len(lines) - head - tail, 'line')} left out …")
    return [*lines[:head], left, *lines[len(lines) - tail :]]


def _count(sizes: Sequence[int], limit: int) -> int:
    """How many of the first sizes fit into `limit`; at least one."""
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if total > limit:
            return max(1, number)
    return len(sizes)


def _narrow(line: DiffLine) -> DiffLine:
    if len(line.text) <= WIDEST:
        return line
    text = f"{line.text[:WIDEST]} … {len(line.text) - WIDEST:,} more characters"
    return replace(line, text=text)


def _undiffed(changes: Changes) -> list[tuple[str, str, str]]:
    """Kind, path and size of the files and folders that the diff does not show: bytes, links, empty ones."""
    shown = {file.path for file in parse_diff(changes.diff[:LONGEST_DIFF])} if changes.diff else set()
    rows: list[tuple[str, str, str]] = [
        (file.kind, file.path, "" if file.after is None else f"{file.after.type}, {file.after.size:,} bytes")
        for file in changes.files
        if file.path not in shown
    ]
    rows += [("make" if folder.made else "remove", f"{folder.path}/", "folder") for folder in changes.folders]
    return rows


def _counts(table: TableChange) -> str:
    numbers = ((table.inserted, "inserted"), (table.updated, "updated"), (table.deleted, "deleted"))
    return ", ".join(f"{plural(number, 'row')} {verb}" for number, verb in numbers if number) or "no row changes"


def _columns(table: TableChange) -> list[str]:
    names: dict[str, None] = {}
    for row in table.rows[:MOST_ROWS]:
        names.update(dict.fromkeys((row.before or {}) | (row.after or {})))
    held = any(_holds_row_number(row.after or row.before or {}) for row in table.rows)
    return [name for name in names if name != "rowid" or not held][:MOST_COLUMNS]


def _holds_row_number(row: Mapping[str, object]) -> bool:
    """True if a column holds SQLite's row number, which then need not be shown besides."""
    return "rowid" in row and any(value == row["rowid"] for name, value in row.items() if name != "rowid")


def _rows(table: TableChange) -> list[tuple[str, str, list[tuple[str | None, str | None]]]]:
    """For each row: a sign, a word, and for each column the value before and after (None: there is none)."""
    columns, rows = _columns(table), []
    for row in table.rows[:MOST_ROWS]:
        sign, word = _kind(row)
        rows.append((sign, word, [_pair(row, name) for name in columns]))
    return rows


def _kind(row: RowChange) -> tuple[str, str]:
    if row.before is None:
        return "+", "inserted"
    return ("−", "deleted") if row.after is None else ("~", "updated")


def _pair(row: RowChange, name: str) -> tuple[str | None, str | None]:
    return _value(row.before, name), _value(row.after, name)


def _value(row: Mapping[str, object] | None, name: str) -> str | None:
    if row is None or name not in row:
        return None
    return "null" if row[name] is None else as_text(row[name], 200)


def _arguments(call: CallPlan) -> list[tuple[str, str]]:
    return [(as_text(name, 100), as_text(value, 2_000)) for name, value in list(call.arguments.items())[:50]]
