"""One analysis of a whole draft: what the texts of its actions say, and what was measured when they were tried.

What a trial measured stands in place of what the text made one fear, as far as a trial can see: files and folders of
the workspace, rows of a database. What is beyond a trial (machines elsewhere, people, services, devices, rights, the
rest of this machine) stays as the text says, whatever the trial showed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from revet.effects.model import Analysis, Basis, Effect, EffectKind
from revet.effects.shell.model import Word
from revet.effects.shell.paths import Where
from revet.schema import Action, CallPlan, Changes, CommandRun, Draft, ExecuteSQL, Gui, RunCommand, TableChange

__all__ = ["Analysed", "analysed", "text_of"]

SEEN = frozenset({EffectKind.read, EffectKind.create, EffectKind.write, EffectKind.delete, EffectKind.run})
"""What a trial sees, where it happens within `NEAR`; and what is unknown until it is tried."""
NEAR = frozenset({"workspace", "temporary"})
ONE_BY_ONE = 500
"""Files that are told one by one, so that rules about paths can speak of each; above that they are many."""

DECLARED = {
    "read": EffectKind.fetch,
    "fetch": EffectKind.fetch,
    "create": EffectKind.remote_create,
    "write": EffectKind.remote_write,
    "update": EffectKind.remote_write,
    "delete": EffectKind.remote_delete,
    "pay": EffectKind.send,
    "publish": EffectKind.send,
}
"""What an author's word for what a tool does means; the names of kinds mean themselves."""

LOOKING = frozenset({"wait", "scroll", "swipe", "screenshot", "hover", "mouse_move", "open", "back", "terminate"})
"""Steps on a screen that enter and press nothing. What they lead to cannot be tried either."""


@dataclass(frozen=True)
class Analysed:
    """`analysis.commands[n]` belongs to action ``owner[n]`` and runs in the folder ``cwds[n]``. `complete`: everything
    that the draft does was tried to its end, successfully, and nothing of it is beyond a trial. `further` are files
    that the analysis only counts, one by one, for rules about paths."""

    analysis: Analysis
    owner: tuple[int, ...]
    complete: bool
    texts: tuple[str, ...] = ()
    cwds: tuple[str | None, ...] = ()
    further: tuple[Effect, ...] = ()


def analysed(draft: Draft, changes: Changes, *, workspace: str | None, home: str | None = None) -> Analysed:
    """What the draft does, by the text of each action and by `changes`, which came of staging it."""
    total, owner, texts, complete = Analysis(), list[int](), list[str](), True
    cwds: list[str | None] = []
    # Each handler adds its part when its action is staged, so the parts stand in the order of the actions.
    runs, calls = iter(changes.commands), iter(changes.calls)
    for number, action in enumerate(draft.actions):
        told, tried = Analysis(), True
        if isinstance(action, RunCommand):
            told, tried, folders = _command(action, next(runs, None), workspace, home)
            cwds += folders
        elif isinstance(action, ExecuteSQL):
            told, tried = _sql(action, changes)
        elif action.kind == "call_tool":
            told, tried = _call(next(calls, None), action.name), False
        elif isinstance(action, Gui):
            next(calls, None)  # its plan says no more than the step itself
            told, tried = _step(action), False
        if text_of(action):
            texts.append(text_of(action))
        owner += [number] * len(told.commands)
        cwds += [None] * (len(owner) - len(cwds))
        total, complete = total + told, complete and tried
    files, further = _files(changes)
    total += Analysis((*files, *(e for t in changes.tables for e in _table(t))))
    return Analysed(total, tuple(owner), complete, tuple(texts), tuple(cwds), further)


def text_of(action: Action) -> str:
    """The action as one would type it; "" for one that only touches files."""
    match action:
        case RunCommand():
            return action.command
        case ExecuteSQL():
            return action.sql
        case Gui():
            return " ".join(filter(None, (action.operation, action.target, action.text)))
        case _:
            return action.name if action.kind == "call_tool" else ""


# --- one action ----------------------------------------------------------------------------------------------


def _command(
    action: RunCommand, run: CommandRun | None, workspace: str | None, home: str | None
) -> tuple[Analysis, bool, list[str | None]]:
    """What of the text a trial does not settle, and what the trial showed besides files; whether it tells all; and the
    folder that each command runs in."""
    from revet.effects.shell.classify import classify
    from revet.effects.shell.parse import parse

    parsed = parse(action.command, cwd=action.cwd, home=home)
    told = classify(parsed, workspace=workspace, home=home)
    cwds: list[str | None] = [invocation.cwd for invocation in parsed.invocations]
    seen = Analysis(doubts=("the command was not tried",)) if run is None else _tried(run, workspace, home)
    # Without a network, say, a trial does not show what a command does with what it would fetch.
    within = all(e.kind in SEEN or e.kind is EffectKind.unknown for e in told.effects)
    whole = run is not None and not seen.doubts and not run.network and within
    if whole:
        told = Analysis(tuple(e for e in told.effects if not _settled(e)), (), told.commands)
    if not told.commands:  # nothing of it is a command; the rules still want a text to speak of
        told, cwds = replace(told, commands=(action.command,)), [action.cwd]
    told = Analysis((*told.effects, *seen.effects), (*told.doubts, *seen.doubts), told.commands)
    beyond = any(e.kind is not EffectKind.read and e.place not in NEAR for e in told.effects)
    return told, whole and run is not None and run.exit_code == 0 and not beyond, cwds


def _settled(effect: Effect) -> bool:
    return effect.kind is EffectKind.unknown or (effect.kind in SEEN and effect.place in NEAR)


_OUTSIDE = re.compile(r"(read|create|write|delete) (/.*)", re.DOTALL)


def _tried(run: CommandRun, workspace: str | None, home: str | None) -> Analysis:
    """What the trial showed outside the workspace, and what it could not show."""
    where = Where(".", workspace, home)
    effects: list[Effect] = []
    doubts = [] if run.exit_code is not None and run.verdict == "ok" else [f"its trial did not end ({run.verdict})"]
    for said in run.refused[:ONE_BY_ONE]:
        if match := _OUTSIDE.fullmatch(said):
            kind, path = EffectKind(match[1]), match[2]
            claim, place = f"{match[1]}s {path}, outside the workspace", where.locate(Word(path)).place
            effects.append(Effect(kind, claim, path, place, basis=_BASIS, word="outside"))
        else:
            doubts.append(f"its trial does not show all: {said}")
    for address in run.network[:ONE_BY_ONE]:
        claim = f"tries to reach the network ({address}); what would come of it cannot be tried"
        effects.append(Effect(EffectKind.unknown, claim, address, "remote", basis=_BASIS, word="network"))
    return Analysis(tuple(effects), tuple(doubts))


def _sql(action: ExecuteSQL, changes: Changes) -> tuple[Analysis, bool]:
    """The rows are in the changes; what the text says beyond them (locks, shape, functions) stays. An action that names
    no database means the task's, and then all of them do."""
    from revet.effects.sql import analyse
    from revet.effects.sql.rows import is_range

    measured = bool(changes.tables)
    url = action.database or (changes.tables[0].database if measured else "")
    told = analyse(action.sql, dialect=url.partition("://")[0] or None)
    if not measured:
        return told, False
    beyond = tuple(e for e in told.effects if not (e.kind in SEEN and e.place == "database"))
    # A statement without a condition is more than the few rows that are there today; those of a range were counted.
    kept = (e for e in told.effects if e.wide and not is_range(e) and e.kind is not EffectKind.read)
    wide = tuple(e for e in kept if e not in beyond)
    return Analysis((*beyond, *wide), told.doubts, told.commands), not told.doubts and not beyond


def _call(plan: CallPlan | None, name: str) -> Analysis:
    """What its author declares. What nobody has declared is unknown."""
    words = plan.effects if plan is not None else ()
    back = plan is not None and plan.reversible
    effects = tuple(_declared(name, word, reversible=back) for word in words)
    doubts = () if words else (f"nobody has declared what a call of {name} does",)
    return Analysis(tuple(e.at(0) for e in effects), doubts, (name,))


def _declared(name: str, word: str, *, reversible: bool) -> Effect:
    kinds = {kind.value for kind in EffectKind}
    kind = DECLARED.get(word) or (EffectKind(word) if word in kinds else EffectKind.unknown)
    claim = f"calls {name}, which is declared to {word}"
    return Effect(kind, claim, name, "remote", reversible, basis="declared", word=f"call/{name}")


def _step(action: Gui) -> Analysis:
    """A step on a screen cannot be tried."""
    operation = action.operation.strip().lower()
    kind = EffectKind.read if operation in LOOKING else EffectKind.unknown
    where = f" {action.target}" if action.target else ""
    claim = f"{operation}{where} on the screen, which cannot be tried"
    effect = Effect(kind, claim, action.target or "", "unknown", word=f"gui/{operation}", command=0)
    return Analysis((effect,), (), (f"gui {text_of(action)}",))  # so that rules can name it as a command


# --- what was measured ---------------------------------------------------------------------------------------


def _files(changes: Changes) -> tuple[list[Effect], tuple[Effect, ...]]:
    """What happens to files and folders, and the rest one by one where there are many. All of it can be undone: that
    is the journal's promise."""
    told: list[Effect] = []
    further: list[Effect] = []
    for name, (kind, verb) in _DONE.items():
        paths = [file.path for file in changes.files if file.kind == name]
        each = [_seen(kind, f"{verb} {path}", path) for path in paths]
        told, further = [*told, *each[:ONE_BY_ONE]], [*further, *each[ONE_BY_ONE:]]
        if len(paths) > 1:
            told.append(_seen(kind, f"{verb} {len(paths)} files", count=len(paths)))
    for folder in changes.folders[:ONE_BY_ONE]:
        kind, verb = (EffectKind.create, "makes") if folder.made else (EffectKind.delete, "removes")
        told.append(_seen(kind, f"{verb} the folder {folder.path}", folder.path))
    return told, tuple(further)


def _seen(kind: EffectKind, claim: str, target: str = "", count: int | None = None) -> Effect:
    return Effect(kind, claim, target, "workspace", reversible=True, count=count, basis=_BASIS)


_DONE = {
    "create": (EffectKind.create, "creates"),
    "modify": (EffectKind.write, "changes"),
    "delete": (EffectKind.delete, "deletes"),
}
_BASIS: Basis = "dry run"


def _table(change: TableChange) -> Iterator[Effect]:
    counted = (
        (EffectKind.create, "inserts", change.inserted),
        (EffectKind.write, "updates", change.updated),
        (EffectKind.delete, "deletes", change.deleted),
    )
    for kind, verb, number in counted:
        if number:
            claim = f"{verb} {number} row{'s' * (number > 1)} of {change.table}"
            yield Effect(kind, claim, change.table, "database", change.reversible, count=number, basis=_BASIS)
    if change.ddl:
        claim = f"changes the shape of {change.table}"
        yield Effect(EffectKind.schema, claim, change.table, "database", change.reversible, basis=_BASIS)
