"""Whose turn it is in a workspace: tasks on the same folder, or on nested ones, go one after another, in file order."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

__all__ = ["Held"]


class Held:
    """Tasks that work in workspaces or wait for them. Two touch if their workspaces are the same, or one lies inside
    the other. A task is held back by those that entered before it, touch it and have not left.

    Entering and leaving costs what the task itself touches, however many others there are.
    """

    def __init__(self) -> None:
        self._paths: dict[int, tuple[str, ...]] = {}  # the workspace, then every folder above it
        self._at: defaultdict[str, set[int]] = defaultdict(set)
        self._within: defaultdict[str, set[int]] = defaultdict(set)
        self._holders: dict[int, int] = {}  # of those that are held back: by how many
        self._behind: defaultdict[int, list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._paths)

    def enter(self, number: int, workspace: str | None) -> bool:
        """The task queues for its workspace. True if nothing holds it back. `number` is nobody else's."""
        paths = () if workspace is None else tuple(_upwards(os.path.normpath(workspace)))
        before = self._touching(paths)
        self._paths[number] = paths
        for each in paths[:1]:
            self._at[each].add(number)
        for each in paths:
            self._within[each].add(number)
        for holder in before:
            self._behind[holder].append(number)
        if before:
            self._holders[number] = len(before)
        return not before

    def leave(self, number: int) -> list[int]:
        """The task is over, or will not run. Returns those that nothing holds back any more, in their order."""
        paths = self._paths.pop(number)
        for each in paths[:1]:
            _discard(self._at, each, number)
        for each in paths:
            _discard(self._within, each, number)
        self._holders.pop(number, None)
        free = []
        for behind in self._behind.pop(number, ()):
            if behind not in self._holders:
                continue  # it has left, too
            self._holders[behind] -= 1
            if not self._holders[behind]:
                del self._holders[behind]
                free.append(behind)
        return sorted(free)

    def _touching(self, paths: tuple[str, ...]) -> set[int]:
        if not paths:
            return set()
        above = (self._at.get(each, ()) for each in paths[1:])
        return set(self._within.get(paths[0], ())).union(*above)


def _upwards(path: str) -> Iterator[str]:
    """The path, and every folder above it. As text: of a `Path` each part would be remembered."""
    yield path
    while (above := os.path.dirname(path)) != path:  # noqa: PTH120
        path = above
        yield path


def _discard(index: defaultdict[str, set[int]], key: str, number: int) -> None:
    index[key].discard(number)
    if not index[key]:
        del index[key]
