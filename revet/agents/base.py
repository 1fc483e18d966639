"""Who speaks: the roles of the loop, as small protocols. Anything with these methods will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from revet.schema import Attempt, Critique, Draft
from revet.tools.base import View

__all__ = ["Critic", "Judge", "Proposer", "Reviser"]


class Proposer(Protocol):
    """Makes the first draft. Before it is asked, `view.baseline` and `view.critique` say what is wrong now.

    A draft with neither actions nor an answer means "I have nothing (more) to propose"; its `notes` say why, and
    the run abstains with the best draft so far.
    """

    name: str

    async def propose(self, view: View) -> Draft: ...


class Reviser(Protocol):
    """Makes the next draft from what was found wrong with the last (`view.draft`), or with the best (`view.best`)."""

    name: str

    async def revise(self, view: View, critique: Critique) -> Draft: ...


class Critic(Protocol):
    """Judges `view.draft` by `view.evidence`. It may veto; nothing it says can cause a commit.

    A critic that cannot tell (or whose answer cannot be understood) returns the verdict `abstain`.
    """

    name: str

    async def criticise(self, view: View) -> Critique: ...


class Judge(Protocol):
    """Chooses between attempts that the evidence cannot tell apart. It moves no gate."""

    name: str

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        """The index of the best of at least two `attempts`; None if it cannot tell."""
        ...
