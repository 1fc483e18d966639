"""From a request to what its text says that it would do: the static half of the gate, for every kind of action."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import replace
from pathlib import Path

from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.effects.patterns import Roots
from revet.effects.shell.model import Word
from revet.effects.shell.paths import Where
from revet.gate.request import Request

__all__ = ["analyse", "home_of", "located", "workspace_of"]

_MARKS = (".git", ".hg", ".svn", "revet.toml")
_TOUCHING = frozenset(
    {EffectKind.create, EffectKind.write, EffectKind.delete, EffectKind.privilege, EffectKind.discard}
)
_NEAR = ("workspace", "temporary")
_GLOB = re.compile(r"[*?\[]")
_LOOKING = frozenset({"scroll", "wait", "hover", "move", "screenshot", "back", "navigate_back", "zoom"})


def home_of() -> str:
    """The home folder; "" where there is none."""
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


def workspace_of(cwd: str) -> str:
    """The repository that `cwd` lies in (below the home folder, not the home folder itself), else `cwd`."""
    home, folder = home_of(), "/" + cwd.lstrip("/")  # "//" is its own parent
    while folder not in ("/", home, ""):
        if any(os.path.lexists(f"{folder}/{mark}") for mark in _MARKS):
            return folder
        folder = posixpath.dirname(folder)
    return cwd


def located(request: Request) -> Request:
    """The request with the folders that links lead to, where these are no place to work in: a link to ``/etc`` does not
    make it a workspace."""
    try:
        real = os.path.realpath(request.workspace)
    except (OSError, ValueError):
        return request
    if real == request.workspace or _where(replace(request, cwd=real, workspace=real)).is_workspace:
        return request
    return replace(request, cwd=os.path.realpath(request.cwd), workspace=real)


def analyse(request: Request) -> tuple[Analysis, tuple[str | None, ...]]:
    """What the text of `request` says that it does, and the folders that its commands run in (see `Roots`).

    Its `cwd` and `workspace` are filled in. Texts are read without looking at the disk; here links are followed: a
    write through a link to ``~/.bashrc`` that lies in the workspace is a write to ``~/.bashrc``.
    """
    found, cwds = _READERS[request.kind](request)
    if any(effect.kind in _TOUCHING and effect.place in _NEAR for effect in found.effects):
        roots = Roots(workspace=request.workspace, home=home_of(), cwds=cwds)
        found = replace(found, effects=tuple(_followed(effect, request, roots) for effect in found.effects))
    return found, cwds


def _followed(effect: Effect, request: Request, roots: Roots) -> Effect:
    if effect.kind not in _TOUCHING or effect.place not in _NEAR or not effect.target:
        return effect
    told = roots.of(effect)
    # `rm link` takes the link itself; what is written goes where the link leads.
    itself = effect.kind is EffectKind.delete and not effect.target.endswith("/")
    folder, name = posixpath.split(told) if itself else (told, "")
    if glob := _GLOB.search(folder):
        folder, name = folder[: glob.start()].rpartition("/")[0] or "/", ""
    try:
        real = posixpath.join(os.path.realpath(folder), name)
        root = os.path.realpath(request.workspace)
    except (OSError, ValueError):
        return effect
    if real.rstrip("/") == posixpath.join(folder, name).rstrip("/"):
        return effect
    if effect.place == "workspace" and (real.rstrip("/") == root or real.startswith(root.rstrip("/") + "/")):
        return effect
    there = _where(request).locate(Word(real))
    if there.place in _NEAR:
        return effect
    return replace(effect, place=there.place, claim=f"{effect.claim} (a link leads to {real})")


_Read = tuple[Analysis, tuple[str | None, ...]]


def _command(request: Request) -> _Read:
    from revet.effects.shell.classify import classify
    from revet.effects.shell.parse import parse

    home = home_of() or None
    parsed = parse(request.command, cwd=request.cwd, home=home)
    found = classify(parsed, workspace=request.workspace, home=home)
    cwds = tuple(invocation.cwd for invocation in parsed.invocations)
    if any(effect.word == "git:push" for effect in found.effects):
        from revet.gate.branch import with_branch

        found = with_branch(found, cwds, request.workspace)
    return found, cwds


def _sql(request: Request) -> _Read:
    from revet.effects.sql import analyse as analyse_sql

    scheme, is_url, _ = (request.database or "").partition("://")
    return analyse_sql(request.sql, dialect=request.dialect or (scheme if is_url else None) or None), ()


def _file(request: Request) -> _Read:
    full = Path(request.cwd, request.path.replace("~", home_of(), 1) if request.path.startswith("~/") else request.path)
    found = _where(request).locate(Word(str(full)))
    path, at, there = found.path, found.place, os.path.lexists(full)
    if request.kind == "delete_file":
        effect = Effect(EffectKind.delete, f"deletes {path}", path, at, wide=full.is_dir(), word="delete_file")
    elif request.kind == "write_file" and not there:
        effect = Effect(EffectKind.create, f"creates {path}", path, at, word="write_file")
    else:
        effect = Effect(EffectKind.write, f"changes {path}", path, at, word=request.kind)
    doubts = () if there or request.kind == "write_file" else (f"there is no {path}",)
    return Analysis((effect.at(0),), doubts, (f"{request.kind} {path}",)), ()


def _where(request: Request) -> Where:
    return Where(cwd=request.cwd, workspace=request.workspace, home=home_of() or None)


def _call(request: Request) -> _Read:
    said = " ".join((request.name, *(f"{name}={value!r}" for name, value in request.arguments.items())))[:500]
    if request.effects is None:
        doubt = f"nobody has declared what the tool {request.name} does"
        return Analysis((Effect(EffectKind.unknown, doubt, command=0, word="call_tool"),), (), (said,)), ()
    known = {kind.value for kind in EffectKind}
    effects, doubts = [], []
    for name in request.effects:
        if name not in known:
            doubts.append(f"{request.name} declares the effect {name!r}, which is none of {', '.join(sorted(known))}")
            continue
        place: Place = "remote" if name in ("fetch", "send") or name.startswith("remote") else "unknown"
        target = request.name
        if request.target and place == "unknown":
            found = _where(request).locate(Word(request.target))
            target, place = found.path, found.place
        claim = f"{request.name} declares that it does: {name}"
        effects.append(
            Effect(
                EffectKind(name),
                claim,
                target,
                place,
                reversible=request.reversible,
                basis="declared",
                command=0,
                word="call_tool",
            )
        )
    return Analysis(tuple(effects), tuple(doubts), (said,)), ()


def _gui(request: Request) -> _Read:
    said = request.subject
    if request.operation.casefold() in _LOOKING:
        return Analysis((Effect(EffectKind.read, f"{said} changes nothing", command=0, word="gui"),), (), (said,)), ()
    claim = "a step on a screen: what it does cannot be told without seeing the screen"
    return Analysis((Effect(EffectKind.unknown, claim, command=0, word="gui"),), (), (said,)), ()


def _answer(request: Request) -> _Read:
    return Analysis((), (), ()), ()


_READERS = {
    "run_command": _command,
    "execute_sql": _sql,
    "write_file": _file,
    "edit_file": _file,
    "delete_file": _file,
    "call_tool": _call,
    "gui": _gui,
    "answer": _answer,
}
