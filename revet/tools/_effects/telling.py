"""What staging showed, in sentences: for the one who decides, and for critics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revet.schema import CallPlan, Changes, CommandRun, FileChange, TableChange
from revet.tools.observation import clip

__all__ = ["declared", "measured"]

NAMED, SAID, MOST = 5, 300, 4_000
VERBS = {"create": "creates", "modify": "changes", "delete": "deletes"}


def measured(changes: Changes | None) -> str:
    """What was seen to happen when the draft was tried; "" if nothing was tried or nothing happened."""
    if changes is None:
        return ""
    parts = [*_files(changes.files), *_folders(changes), *map(_table, changes.tables)]
    parts += [f"{c.name} says of a dry run: {clip(c.result, SAID)}" for c in changes.calls if c.result is not None]
    parts += [told for run in changes.commands for told in _command(run)]
    return clip("; ".join(parts), MOST)


def declared(plan: CallPlan) -> str:
    """What the author of a tool says that a call of it does."""
    what = ", ".join(plan.effects) or "nobody has declared what it does"
    return f"calls {plan.name} ({what}; {'can be undone' if plan.reversible else 'cannot be undone'})"


def _files(files: Sequence[FileChange]) -> Iterator[str]:
    for kind, verb in VERBS.items():
        paths = [file.path for file in files if file.kind == kind]
        if paths:
            yield f"{verb} {_counted(len(paths), 'file')} ({_named(paths)})"


def _folders(changes: Changes) -> Iterator[str]:
    for made, verb in ((True, "makes"), (False, "removes")):
        paths = [folder.path for folder in changes.folders if folder.made is made]
        if paths:
            yield f"{verb} {_counted(len(paths), 'folder')} ({_named(paths)})"


def _table(change: TableChange) -> str:
    counts = (("inserts", change.inserted), ("updates", change.updated), ("deletes", change.deleted))
    rows = ", ".join(f"{verb} {_counted(number, 'row')}" for verb, number in counts if number)
    shape = f"changes its shape ({clip('; '.join(change.ddl), SAID)})" if change.ddl else ""
    undo = "" if change.reversible else f"; this cannot be undone{': ' + change.why if change.why else ''}"
    return f"in table {change.table}: {', '.join(filter(None, (rows, shape))) or 'no row changes'}{undo}"


def _command(run: CommandRun) -> Iterator[str]:
    told = f"`{clip(run.command, SAID)}`"
    if run.exit_code is None or run.verdict != "ok":
        yield f"{told} did not end by itself ({run.verdict})"
    elif run.exit_code:
        last = next((line.strip() for line in reversed(run.stderr.splitlines()) if line.strip()), "")
        yield f"{told} fails with status {run.exit_code}" + (f": {clip(last, SAID)}" if last else "")
    else:
        yield f"{told} succeeds"
    if run.refused:
        yield f"outside the workspace, where nothing is carried out: {_named(run.refused)}"
    if run.network:
        yield f"it tries to reach the network ({_named(run.network)})"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(clip(name, SAID) for name in names[:NAMED]) + more


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
