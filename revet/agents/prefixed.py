"""`Prefixed`: the prompts of one method, for a role that asks for them by the names that all methods share.

`ChatAgent` asks for ``draft`` and ``draft_system``. Given ``Prefixed("rollback", home=…)`` it gets
``rollback_draft.md`` and ``rollback_draft_system.md``, so a method changes what is said without another role.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Self

from revet.agents.chat.prompts import Prompts

__all__ = ["Prefixed"]


class Prefixed(Prompts):
    """The prompts ``<prefix>_<name>.md`` of `home` under `name`. `more` fills in placeholders that the role has not.

    A prompt may leave out what it has no use for. Raises `InputError` as `Prompts` does.
    """

    def __init__(self, prefix: str, folder: Path | str | None = None, *, home: Path, **more: str) -> None:
        super().__init__(folder, home=home)
        self.prefix, self.more = prefix, more

    def having(self, **more: str) -> Self:
        """The same prompts, with other `more`."""
        other = copy.copy(self)
        other.more = {**self.more, **more}
        return other

    def fill(self, name: str, **values: str) -> str:
        return super().fill(f"{self.prefix}_{name}", **{**self.more, **values})
