"""The effects of a command that was tried, measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.sandboxes.trial.tried import Tried
from revet.sandboxes.trial.versions import held

__all__ = ["observed"]

NAMED = 5
"""So many paths are named in a sentence."""
WIDE = 50
"""From so many things on, an effect is wide."""
GIT = ".git"


def observed(tried: Tried, *, workspace: Path) -> Analysis:
    """What `tried` did, as effects with the basis "dry run": one for each kind and place, counted.

    What would be lost and what git holds in the same content are told apart: the latter is `reversible`. Why there may
    be more to it is in `doubts`. Call it while the workspace is as it was when the command was tried.
    """
    effects = [*in_workspace(tried, workspace), *in_repository(tried), *beyond(tried)]
    doubts = [*tried.unkept, *tried.unseen]
    if tried.network:
        doubts.append(f"what it does elsewhere cannot be tried: it {'; it '.join(tried.network[:NAMED])}")
    if tried.refused:
        doubts.append(f"it was refused something, and may do more where it is not: {tried.refused[0]}")
    if not tried.ended and not doubts:
        doubts.append(f"it was ended by force ({tried.verdict})")
    return Analysis(tuple(effects), tuple(doubts), (tried.command,))


def in_workspace(tried: Tried, workspace: Path) -> Iterator[Effect]:
    new = [left for left in tried.files if left.new and not of_git(left.path)]
    folders = [folder.path for folder in tried.made if not of_git(folder.path)]
    if new or folders:
        size = sum(left.size for left in new)
        paths = [left.path for left in new] or folders
        yield effect(EffectKind.create, f"creates {things(paths, folders, new, size)}", paths, reversible=True)
    changed = [left.path for left in tried.files if not left.new and not of_git(left.path)]
    gone = [path for path in tried.deleted if not of_git(path)]
    removed = [path for path in tried.removed if not of_git(path)]
    lost_history = any(of_git(path) for path in (*tried.deleted, *tried.removed))
    kept = frozenset[str]() if lost_history or not (changed or gone) else held([*changed, *gone], workspace)
    for kind, paths, verb in ((EffectKind.write, changed, "changes"), (EffectKind.delete, gone, "deletes")):
        for some, safe in (([p for p in paths if p in kept], True), ([p for p in paths if p not in kept], False)):
            if some:
                with_folders = removed if kind is EffectKind.delete and (not safe or not set(paths) - kept) else []
                said = things(some, with_folders, some, size_of(some, workspace))
                why = "git holds them" if safe else "nothing else holds their content"
                yield effect(kind, f"{verb} {said}; {why}", some, reversible=safe)
    if removed and not gone:
        yield effect(EffectKind.delete, f"removes {things(removed, removed, [], 0)}", removed, reversible=True)


def in_repository(tried: Tried) -> Iterator[Effect]:
    """The records of git, which are nobody's to change by hand."""
    gone = [path for path in (*tried.deleted, *tried.removed) if of_git(path)]
    written = [left.path for left in tried.files if of_git(left.path)]
    if gone:
        claim = f"deletes {len(gone)} of git's own records: {named(gone)}"
        yield effect(EffectKind.discard, claim, [GIT], reversible=False, count=len(gone))
    if written:
        claim = f"writes {len(written)} of git's own records: {named(written)}"
        yield effect(EffectKind.write, claim, [GIT], reversible=None, count=len(written))


def beyond(tried: Tried) -> Iterator[Effect]:
    """What it did to the stand-ins for what is outside, and to the network that there is not."""
    kinds = {
        "create": EffectKind.create,
        "write": EffectKind.write,
        "delete": EffectKind.delete,
        "read": EffectKind.read,
    }
    seen: dict[tuple[str, Place], list[str]] = {}
    for place in tried.outside:
        seen.setdefault((place.what, place_of(place.path)), []).append(place.path)
    for (what, where), paths in seen.items():
        claim = f"{what}s outside the workspace: {named(paths)}"
        kind, safe = kinds[what], what in ("read", "create") or where == "temporary"
        yield effect(kind, claim, paths, reversible=safe, place=where)
    if tried.network:
        yield Effect(
            EffectKind.fetch,
            f"it {'; it '.join(tried.network[:NAMED])}",
            target=tried.network[0].removeprefix("looked up "),
            place="remote",
            count=len(tried.network),
            possible=True,
            basis="dry run",
        )


def effect(
    kind: EffectKind,
    claim: str,
    paths: Sequence[str],
    *,
    reversible: bool | None,
    place: Place = "workspace",
    count: int | None = None,
) -> Effect:
    number = len(paths) if count is None else count
    return Effect(
        kind,
        claim,
        target=paths[0] if len(paths) == 1 else common(paths),
        place=place,
        reversible=reversible,
        wide=number >= WIDE,
        count=number,
        basis="dry run",
        command=0,
    )


def of_git(path: str) -> bool:
    return path.split("/")[0] == GIT


def place_of(path: str) -> Place:
    """Where an absolute path outside the workspace lies."""
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - a text is wanted
    if path.startswith(("/tmp/", "/var/tmp/")):
        return "temporary"
    if path.startswith(f"{home}/") or (path.startswith("/home/") and path.count("/") > 2):
        return "home"
    if path == home or path.startswith(
        ("/etc", "/dev", "/usr", "/var", "/boot", "/opt", "/root", "/srv", "/lib", "/bin")
    ):
        return "system"
    return "system" if path.count("/") == 1 else "elsewhere"


def common(paths: Sequence[str]) -> str:
    """The folder that holds them all, "." where that is the workspace."""
    return os.path.commonpath(paths) or "."


def things(paths: Sequence[str], folders: Sequence[str], files: Sequence[object], size: int) -> str:
    """ "3 files (1.2 kB) and 1 folder: a, b, c"."""
    said = []
    if files:
        said.append(f"{len(files)} file{'s' * (len(files) != 1)} ({bytes_of(size)})")
    if folders:
        said.append(f"{len(folders)} folder{'s' * (len(folders) != 1)}")
    return f"{' and '.join(said)}: {named(paths)}"


def named(paths: Sequence[str]) -> str:
    shown = ", ".join(path if path.isprintable() else repr(path) for path in paths[:NAMED])
    return shown if len(paths) <= NAMED else f"{shown}, and {len(paths) - NAMED} more"


def bytes_of(size: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size = round(size / 1000) if size >= 10_000 else size // 1000
    return f"{size} GB"


def size_of(paths: Sequence[str], workspace: Path) -> int:
    total = 0
    for path in paths:
        with suppress(OSError):
            total += (workspace / path).lstat().st_size
    return total
