"""Which branch ``git push`` would push where its text does not say: the one that is checked out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from revet.effects.model import Analysis, Effect, EffectKind

__all__ = ["with_branch"]

_PLAIN = re.compile(
    r"git push(?: (?:-u|-v|-q|--set-upstream|--verbose|--quiet|--no-verify|--progress|--atomic|--follow-tags))*"
    r"(?: [\w.-]+(?: -u)?(?: HEAD| @)?)?"
)
"""``git push`` without a branch: what is checked out goes to the branch that it follows."""
_SHARED = re.compile(r"ref: refs/heads/(main|master|trunk|production|prod|release)\s*")
_LONGEST = 300


def with_branch(found: Analysis, cwds: Sequence[str | None], workspace: str) -> Analysis:
    """`found`, where a push of what is checked out says so if that is a branch that others share."""
    return replace(found, effects=tuple(_told(effect, found, cwds, workspace) for effect in found.effects))


def _told(effect: Effect, found: Analysis, cwds: Sequence[str | None], workspace: str) -> Effect:
    if effect.word != "git:push" or effect.command is None or effect.command >= len(cwds):
        return effect
    cwd = cwds[effect.command]
    if cwd is None or not _PLAIN.fullmatch(" ".join(found.commands[effect.command].split())):
        return effect
    branch = _checked_out(os.path.join(workspace, cwd))  # noqa: PTH118 - an absolute folder stays as it is
    if branch is None:
        return effect
    claim = f"pushes straight to the shared branch {branch} (push a branch of your own and have it merged)"
    return replace(effect, kind=EffectKind.send, claim=claim, target=branch, word="git:push-shared")


def _checked_out(folder: str) -> str | None:
    """The shared branch that is checked out in the repository of `folder`; None if it is another, or none is there."""
    for place in (Path(folder), *Path(folder).parents):
        head = place / ".git"
        try:
            if head.is_file():  # a worktree or submodule: "gitdir: …"
                head = place / head.read_text(encoding="utf-8")[:_LONGEST].removeprefix("gitdir:").strip()
            elif not head.is_dir():
                continue
            shared = _SHARED.fullmatch((head / "HEAD").read_text(encoding="utf-8")[:_LONGEST])
        except (OSError, ValueError):
            return None
        return None if shared is None else shared[1]
    return None
