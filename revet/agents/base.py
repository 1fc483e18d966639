"""Who speaks: the roles of the loop, as small protocols. Anything with these methods will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from revet.schema import Attempt, Critique, Draft, Note, Run
from revet.tools.base import View

__all__ = ["Choice", "Critic", "Judge", "Memory", "Proposer", "Reviser", "Strategy"]


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


@dataclass(frozen=True)
class Choice:
    """Which of the candidates goes to the gate, by its place among them; None: none does, and the run abstains.

    `reasons` say why, for the record.
    """

    candidate: int | None
    reasons: tuple[str, ...] = ()


class Strategy(Protocol):
    """Which drafts are made, when there are enough of them, and which of them goes to the gate.

    A team without one is linear: the reviser mends the last draft until it stands. Methods that sample, search or go
    back to an earlier draft have one, and it lets proposer and reviser speak (see `revet.graphs.parts`). Every draft
    that it makes is staged, examined and criticised like any other, and what it chooses passes the same gate.

    It keeps nothing between calls: all that it knows of the run is in the view (`View.attempts`, each with its draft,
    whose `data` it may write into, its evidence, critiques and decision). So a resumed run goes on as it would have.
    """

    name: str
    selects: bool
    """False: the first draft that nothing speaks against goes straight through the gate, and `choose` is not asked."""

    async def drafts(self, view: View) -> Sequence[Draft]:
        """The next drafts, at least one, to be examined one after another in this order.

        Before the first draft ``view.draft`` is None. A draft that gives up (neither actions nor an answer) says that
        there is nothing more to try; its `notes` say why.
        """
        ...

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        """Why more candidates are wanted, though nothing speaks against the last of `attempts`; None: it is enough.

        This is the stop rule of a method that `selects`. The last attempt has no decision yet.
        """
        ...

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        """Which of the attempts that nothing speaks against goes to the gate. There is at least one."""
        ...


class Memory(Protocol):
    """What earlier runs taught. Notes are data: roles show them fenced, and none lets a draft through.

    A note of the kind ``refused`` keeps exactly the draft whose id is in its ``data["draft"]`` from being examined: the
    draft counts as a round that failed.
    """

    name: str

    async def recall(self, view: View) -> Sequence[Note]:
        """What may help with ``view.task``, best first; asked once, before the first draft. Nothing known: nothing."""
        ...

    async def learn(self, view: View, run: Run) -> None:
        """Take up what `run`, which has just ended, teaches. Idempotent by ``run.id``: after a crash it may be told
        again. It is not told of runs that wait for a person or broke off."""
        ...
