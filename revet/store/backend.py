"""What the store of runs needs of the database under it. What runs are, and what is asked of them, is said once in
`revet.store.runs`; only what differs between databases is behind this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from revet.store.leases import Leases

__all__ = ["Backend", "Statement", "Value"]

Value = str | int | float | None
Statement = tuple[str, tuple[Value, ...]]
"""SQL with a ``?`` for each value, and ``{words}`` where dialects differ; and the values."""


class Backend(Protocol):
    """A database of runs. Everything raises `StoreError` for what goes wrong with it."""

    @property
    def words(self) -> Mapping[str, str]:
        """How this dialect says what stands in braces: ``runs`` (the table), ``number`` (counts up as runs are begun),
        ``limit`` (at most ``?`` rows; -1 for all), ``find`` (the place of a text in another, from 1), ``alone`` (stands
        before a column that is not to be looked up by an index of its own); and columns that a database of an older
        form lacks.
        """
        ...

    @property
    def leases(self) -> Leases: ...

    @property
    def shown(self) -> str:
        """Where it is, for people. Without a password."""
        ...

    @property
    def source(self) -> str:
        """What its records are read from, for people."""
        ...

    def prepare(self) -> None:
        """Make what is kept in, now."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keep it open inside."""
        ...

    def write(self, statements: Sequence[Statement], runs: Sequence[str]) -> None:
        """Do all of it in one transaction. It may be done twice where it is not known whether it was done, and is not
        done where a lease of one of these runs was held here and is lost.
        """
        ...

    def query(self, sql: str, values: Sequence[Value]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; none where nothing was written yet."""
        ...
