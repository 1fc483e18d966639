"""The action `run_command`: tried when it is staged, committed as the difference that it made."""

from __future__ import annotations

import asyncio
from pathlib import Path

from revet.actions.registry import Staging, register
from revet.actions.shell.index import same_entries
from revet.actions.tree import Tree
from revet.errors import DraftError, InputError, ProtectedPath, UnsupportedAction
from revet.sandboxes.trial import Tried
from revet.sandboxes.trial.tried import GRACE
from revet.schema import Changes, RunCommand

__all__ = ["RunCommandHandler"]

GIT = ".git"
INDEX = ".git/index"


class RunCommandHandler:
    """Stages a command as what it does to the files. It is never run again: the commit promotes these bytes.

    A command that ends with a failure is staged, too: what it did until then is its effect. One that does not end, or
    whose difference cannot be committed as it is, is no draft. Records of git and whatever else is protected stay.
    """

    files_only = True

    async def stage(self, action: RunCommand, staging: Staging) -> None:
        """Try the command on the staged state and bring its difference in. DraftError says why that cannot be."""
        if staging.trial is None:
            raise UnsupportedAction("commands are tried in a sandbox before anything is done, and this run has none")
        tried = await self._tried(action, staging)
        staging.add(tried.run())
        bring_in(tried, staging.tree)
        if moved := tried.moved(staging.workspace):
            raise DraftError(f"{', '.join(moved[:5])} was changed while the command was tried: try it again")

    async def _tried(self, action: RunCommand, staging: Staging) -> Tried:
        """What it did, on a workspace that nobody else touched meanwhile, if that can be had."""
        assert staging.trial is not None
        for last in (False, False, True):
            try:
                tried: Tried = await staging.trial.run(action.command, action.cwd, staging.tree)
            except InputError as error:
                raise DraftError(f"the command cannot be tried: {error}") from error
            if last or not tried.moved(staging.workspace):
                break
            await asyncio.sleep(2 * GRACE / 1e9)
        return tried

    def reversible(self, action: RunCommand) -> bool:
        return True

    def _nothing(self, action: RunCommand, changes: Changes, key: str, folder: Path) -> None:
        return

    prepare = commit = undo = settle = _nothing


def bring_in(tried: Tried, tree: Tree) -> None:
    """Stage the difference, all of it or nothing. DraftError if a commit could not make just that."""
    short = tried.command if len(tried.command) <= 60 else f"{tried.command[:60]}…"
    if not tried.ended:
        raise DraftError(f"{short!r} was ended by force ({tried.verdict}), so that nobody knows what it would do")
    if tried.unkept:
        raise DraftError(f"what {short!r} does cannot be committed as it is: {'; '.join(tried.unkept[:5])}")
    left = [each for each in tried.files if each.path != INDEX or not same_index(tree, each.data)]
    check(tree, short, [*(each.path for each in left), *tried.deleted, *(f.path for f in tried.made), *tried.removed])
    for folder in tried.made:  # an earlier command removed it, so that this one saw no folder there
        if tree.folder_mode(folder.path) not in (None, folder.mode):
            what = f"the permissions of the folder {folder.path} become {folder.mode:o}, which no commit can make"
            raise DraftError(f"what {short!r} does cannot be committed as it is: {what}", path=folder.path)
    for path in tried.deleted:
        tree.drop(path)
    for path in tried.removed:
        tree.remove_folder(path)
    for folder in tried.made:
        tree.make_folder(folder.path, folder.mode)
    for each in left:
        assert each.data is not None, "contents were asked for"
        tree.put(each.path, each.data, each.mode, link=each.kind == "symlink")


def check(tree: Tree, command: str, paths: list[str]) -> None:
    """ProtectedPath, naming them, if some may not change."""
    bad = sorted(path for path in paths if not tree.protection.allows(path))
    if not bad:
        return
    some = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    if all(path.split("/")[0] == GIT for path in bad):
        raise ProtectedPath(
            f"{command!r} writes to git's own records ({some}), which no draft may change: leave commits, branches and "
            "the index to the user, and change the files only",
            path=bad[0],
        )
    raise ProtectedPath(f"{command!r} changes what this task does not let a draft change: {some}", path=bad[0])


def same_index(tree: Tree, data: bytes | None) -> bool:
    """Whether git's index lists the same contents as before: only what it remembers of the files' times differs."""
    try:
        before = (tree.root / INDEX).read_bytes()
    except OSError:
        return False
    return data is not None and same_entries(before, data)


register("run_command", RunCommandHandler())
