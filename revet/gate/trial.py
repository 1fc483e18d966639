"""Trying an action on a copy, where that tells more than its text."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from revet.effects.model import Analysis, Effect, EffectKind
from revet.effects.rules import Ruling
from revet.gate.attempt import UNKNOWN_PROGRAM, Attempt
from revet.gate.reading import home_of
from revet.gate.request import Request
from revet.gate.told import NOT_FOUND, changes, each_path, filled, hidden, missing, sentence

if TYPE_CHECKING:
    from revet.sandboxes.trial import Ground, Tried

__all__ = ["Grounds", "attempt", "only_looks", "why_not"]

BEYOND = frozenset(
    {
        EffectKind.remote_create,
        EffectKind.remote_write,
        EffectKind.remote_delete,
        EffectKind.send,
        EffectKind.leak,
        EffectKind.install,
        EffectKind.service,
        EffectKind.process,
        EffectKind.device,
    }
)
"""What no copy of a workspace shows. A trial would only fail, and say nothing of what happens outside."""

_LOOKS = frozenset({EffectKind.read, EffectKind.fetch})
_CONDITION = re.compile(r"&&|\|\||(?:^|[\s;&|(){}])(?:if|case|while|until|for|select|exit|return|exec|trap)\b")
_HOME_FOLDERS = (".local/bin", "bin", ".cargo/bin", "go/bin", ".bun/bin", ".deno/bin", ".nix-profile/bin")
_PROJECT_FOLDERS = ("node_modules/.bin", ".venv/bin", "venv/bin", "vendor/bin", "bin")
_MORE_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/sbin", "/snap/bin", "/opt/homebrew/bin")
_VARIABLE = re.compile(r"\$\{?!?([A-Za-z_][A-Za-z0-9_]*)")
_ASSIGNED = re.compile(
    r"(?:^|[\s;&|({])(?:for\s+|read\s+(?:-\w+\s+)*|local\s+|export\s+|declare\s+(?:-\w+\s+)*)?([A-Za-z_][A-Za-z0-9_]*)(?==|\+=|\s+in\b|\s*$|\s*[;\n])"
)
_SAME_EVERYWHERE = frozenset(
    {"PWD", "OLDPWD", "IFS", "RANDOM", "SECONDS", "LINENO", "BASH", "BASHPID", "PPID", "UID", "EUID"}
)


def why_not(request: Request, analysis: Analysis, ruling: Ruling) -> str | None:
    """Why it is not worth a trial; None if it is."""
    if request.kind not in ("run_command", "execute_sql"):
        return "its text says all that it does"
    if ruling.decision == "deny":
        return "it is denied whatever it would do here"
    beyond = sorted({str(effect.kind) for effect in analysis.effects if _is_beyond(effect)})
    if beyond:
        return f"its effects lie beyond this machine's files ({', '.join(beyond)}), where nothing can be tried"
    if request.kind == "execute_sql":
        # A query too: that there is such a database, and such a table, only the database knows.
        return None if request.database else "no database is named"
    if not analysis.doubts and only_looks(analysis):
        return "it only looks"
    if not Path(request.cwd).is_dir():
        return f"there is no folder {request.cwd}"
    if Path.home().is_relative_to(request.workspace):
        return f"{request.workspace} is too much to make a copy of"
    return None


def _is_beyond(effect: Effect) -> bool:
    return effect.kind in BEYOND or (effect.place == "remote" and effect.kind not in _LOOKS)


def only_looks(analysis: Analysis) -> bool:
    """Whether all that the text is known to do is to look."""
    return all(effect.kind in _LOOKS for effect in analysis.effects)


class Grounds:
    """What trials share, kept for a gate that goes on running: the sandbox on the last workspace."""

    def __init__(self) -> None:
        self._workspace, self._ground = "", None  # type: str, Ground | None

    def on(self, workspace: str) -> Ground:
        """The sandbox on `workspace`; the one before is closed if it was on another."""
        from revet.sandboxes.trial import Ground

        if self._ground is None or workspace != self._workspace:
            self.close()
            self._ground, self._workspace = Ground(Path(workspace)), workspace
        return self._ground

    def close(self) -> None:
        """End the sandbox. It may be used again: another one is started."""
        ground, self._ground = self._ground, None
        if ground is not None:
            ground.close()


def attempt(request: Request, text: Analysis, timeout: float, grounds: Grounds | None = None) -> Attempt:
    """Try it. A sandbox that does not work is no reason to fail: the text then decides alone."""
    if request.kind == "execute_sql":
        from revet.gate.database import attempt_sql

        return attempt_sql(request, text, timeout)
    from revet.errors import HostError, InputError

    try:
        tried = _try(request, timeout, grounds)
    except (HostError, OSError) as error:
        if grounds is not None:
            grounds.close()
        return Attempt("failed", f"it could not be tried: {error}")
    except InputError as error:
        # The workspace changes while it is looked at, or cannot be used: then the command's text is no safe guide.
        said = f"it could not be tried: {error}"
        return Attempt("failed", said, settled=replace(text, doubts=(*text.doubts, said)))
    from revet.sandboxes.trial import observed

    workspace = Path(request.workspace)
    measured = observed(tried, workspace=workspace)
    measured = replace(measured, effects=(*measured.effects, *hidden(tried, workspace)))
    unseen = _unseen(request, text, tried)
    return Attempt(
        "ran",
        "; ".join(unseen),
        measured,
        replace(tried, unseen=()).complete and not unseen and not filled(tried),
        sentence(tried, measured),
        tuple(each_path(tried)),
        changes(tried, workspace),
        doubts=(FILLS,) if filled(tried) else (),
    )


def _try(request: Request, timeout: float, grounds: Grounds | None) -> Tried:
    cwd = os.path.relpath(request.cwd, request.workspace)
    if grounds is not None:
        from revet.sandboxes.trial.runner import Bounds

        return grounds.on(request.workspace).run(request.command, cwd=cwd, bounds=Bounds(wall_seconds=timeout))
    from revet.sandboxes.trial import try_now

    return try_now(request.command, workspace=Path(request.workspace), cwd=cwd, seconds=timeout)


def _unseen(request: Request, text: Analysis, tried: Tried) -> list[str]:
    """Why the trial may have gone another way than the command would: a variable, a condition, a program that is only
    outside."""
    said = list(tried.unseen)
    assigned = set(_ASSIGNED.findall(request.command))
    names = sorted(set(_VARIABLE.findall(request.command)) - assigned - _SAME_EVERYWHERE)
    if names:
        said.append(f"it depends on ${names[0]}, which is not the same everywhere")
    if "PATH" in assigned:
        said.append("it sets PATH")
    absent = missing(tried)
    outside = [name for name in absent if _installed(name, request.workspace)]
    if _CONDITION.search(request.command):
        unknown = [doubt.removeprefix(UNKNOWN_PROGRAM).partition("`")[0] for doubt in text.doubts]
        here = [name for name in unknown if name not in absent and _installed(name, request.workspace)]
        if here:
            said.append(f"whether {here[0]} is run hangs on a condition, which may hold where the trial saw none")
    if outside:
        said.append(f"{outside[0]} is a program of this machine that the sandbox does not have")
    elif meant := _meant(absent, request.command, text):
        # It may be there where the command is carried out: in another shell, on another machine, after an install.
        said.append(f"there is no program {meant} here, and its words do not speak of looking only")
    elif absent and tried.exit_code == NOT_FOUND:
        # Nowhere on this machine: that it was not found is what would happen.
        said = [each for each in said if each != CANNOT_RUN]
    return said


def _meant(absent: list[str], command: str, text: Analysis) -> str | None:
    """A program that is not here and that was meant to do more than to look, as far as its words say."""
    from revet.effects.generic import is_plain

    for name in absent:
        fed = re.search(rf"<|\|\s*(?:\w+\s+)*{re.escape(name)}(?![\w-])", command)
        lines = [words for each in text.commands if (words := each.split(" "))[0] == name]
        if fed or not lines or not all(is_plain(words) for words in lines):
            return name
    return None


def _installed(name: str, workspace: str) -> bool:
    """Whether this machine has such a program: on the PATH, or where shells of people find more than this process."""
    import shutil

    home = home_of()
    places = [os.environ.get("PATH", os.defpath)]
    places += [f"{home}/{folder}" for folder in _HOME_FOLDERS] if home else []
    places += [f"{workspace}/{folder}" for folder in _PROJECT_FOLDERS]
    return shutil.which(name, path=os.pathsep.join((*places, *_MORE_FOLDERS))) is not None


FILLS = "it writes more than a trial has room for, and was stopped: it may fill the disk"
CANNOT_RUN = "a program that it names cannot be run in the trial"
