"""Monte Carlo tree search over thoughts: think, draft, examine; rewrite the thought that failed; expand.

RethinkMCTS (Li et al. 2024, arXiv 2409.09584). Each rollout goes down from the root by P-UCB to an option that was not
tried, drafts what it says, and, while the draft fails, rewrites the thought that led to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from revet.agents.base import Choice, Reviser
from revet.agents.search.base import TRIED, Expander, Thought, thought_of, unusable
from revet.agents.search.plain import Drafting
from revet.errors import AnswerUnusable, InputError
from revet.graphs.parts.tree import EXPANDED, INSTEAD, ROOT, SLOT, Node, Tree, grow, p_ucb
from revet.graphs.parts.views import as_first, at, child_of, next_round
from revet.graphs.step import required_checks
from revet.schema import Attempt, Check, Draft
from revet.tools.base import View

__all__ = ["Rethinking", "Worth", "drafting"]

Worth = Callable[[Attempt, Sequence[Check]], float]
"""What an attempt is worth, by the checks that are required of it."""

MOST_UNUSABLE = 4


@dataclass
class _Found:
    """What was found out in one call, beside the draft: the options of nodes that were expanded."""

    expanded: dict[str, JsonValue]
    tried: int = 0

    def data(self) -> dict[str, JsonValue]:
        return {EXPANDED: self.expanded, **({TRIED: self.tried} if self.tried else {})}


class Rethinking:
    """The strategy. `worth` is the reward, 0 to 1, of which 1 means that nothing is left to mend.

    With `all_rollouts`, it does not stop at the first draft that nothing speaks against: all `rollouts` are made, and
    the best rewarded draft is chosen.
    """

    name = "rethinking"

    def __init__(
        self,
        expander: Expander,
        worth: Worth,
        *,
        rollouts: int = 16,
        width: int = 3,
        rethinks: int = 2,
        depth: int = 16,
        c: float = 4.0,
        gamma: float = 0.9,
        all_rollouts: bool = False,
    ) -> None:
        self.expander, self.worth, self.selects = expander, worth, all_rollouts
        self.rollouts, self.width, self.rethinks, self.depth = rollouts, width, rethinks, depth
        self.c, self.gamma = c, gamma

    async def drafts(self, view: View) -> list[Draft]:
        tree = self._tree(view)
        newest = tree.newest
        if len(view.attempts) >= MOST_UNUSABLE and all(a.draft.problem for a in view.attempts[-MOST_UNUSABLE:]):
            return [self._ended(f"{MOST_UNUSABLE} answers in a row could not be used")]
        try:
            if newest is not None and self._fails(newest, view) and len(newest.attempts) <= self.rethinks:
                draft = await self._rewritten(view, tree, newest)
                if draft is not None:
                    return [draft]
            if len(tree) >= self.rollouts:
                return [self._ended(f"{self.rollouts} rollouts were made")]
            return [await self._rolled_out(view, tree)]
        except AnswerUnusable as error:
            return [unusable(self.name, error)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        made = len(grow(attempts, lambda attempt: 0.0))
        return f"{made} of {self.rollouts} rollouts" if made < self.rollouts else None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        checks = required_checks(view.task)
        rewards = [self.worth(attempt, checks) for attempt in candidates]
        best = max(range(len(candidates)), key=lambda n: (rewards[n], -n))
        return Choice(best, (f"the highest reward of {len(candidates)} drafts that stand: {rewards[best]:.3f}",))

    @property
    def reviser(self) -> Reviser | None:
        """Who mends the drafts of nodes, where that is a reviser; another may take its place."""
        return self.expander.reviser if isinstance(self.expander, Drafting) else None

    @reviser.setter
    def reviser(self, reviser: Reviser) -> None:
        assert isinstance(self.expander, Drafting)
        self.expander = Drafting(self.expander.proposer, reviser)

    # --- one rollout ---------------------------------------------------------------------------------------------

    async def _rolled_out(self, view: View, tree: Tree) -> Draft:
        """Select, expand where needed, and draft. A node that leads nowhere is left, and the selection begun again."""
        found = _Found({})
        while True:
            place = self._selected(tree)
            if place is None:
                return self._ended("no node of the tree leads any further", found)
            node, slot = place
            line = [each.attempt for each in tree.line(node)]
            if slot is None:
                ways = await self.expander.thoughts(self._view(view, node, "thinker"), line, self.width)
                told = [thought.told() for thought in ways.thoughts]
                found.expanded[str(node.id)] = [*told]
                found.tried += ways.tried
                tree = Tree(tree.nodes, {**tree.options, node.id: tuple(told)})
                continue
            thought = thought_of(tree.options[node.id][slot])
            return await self._drafted(view, node, line, thought, found, slot=slot)

    def _selected(self, tree: Tree) -> tuple[Node, int | None] | None:
        """The node and the option there that the next draft takes; no option: the node is to be expanded first."""
        node = tree.root
        while True:
            if self._exhausted(tree, node):
                return None
            options = self._options(tree, node)
            if options is None:
                return node, None
            taken = tree.taken(node)
            priors = [thought_of(option).prior for option in options]
            open_slots = [n for n in range(len(options)) if n not in taken or not self._exhausted(tree, taken[n])]
            scores = {n: p_ucb(tree, node, n, priors[n], c=self.c) for n in open_slots}
            slot = max(open_slots, key=lambda n: (scores[n], priors[n], -n))
            if slot not in taken:
                return node, slot
            node = taken[slot]

    def _exhausted(self, tree: Tree, node: Node) -> bool:
        """True if nothing can be tried at `node` or below it: it is too deep, or all that there is was tried."""
        if node.depth >= self.depth:
            return True
        options = self._options(tree, node)
        if options is None:
            return False
        taken = tree.taken(node)
        return all(n in taken and self._exhausted(tree, taken[n]) for n in range(len(options)))

    def _options(self, tree: Tree, node: Node) -> tuple[JsonValue, ...] | None:
        """Those that may be taken; None if they are not known yet. More than `width` are in reserve for rewrites."""
        options = tree.options.get(node.id)
        return None if options is None else options[: self.width]

    async def _rewritten(self, view: View, tree: Tree, node: Node) -> Draft | None:
        """The draft of another thought in the place of the one that failed; None if the expander knows none."""
        assert node.parent is not None
        parent = tree.nodes[node.parent]
        siblings = [thought_of(option) for option in tree.options.get(parent.id, ())]
        line = [each.attempt for each in tree.line(node)]
        thought = await self.expander.rethink(self._view(view, node, "thinker"), line, siblings)
        if thought is None:
            return None
        return await self._drafted(view, node, line[:-1], thought, _Found({}), instead=node.id)

    async def _drafted(
        self,
        view: View,
        node: Node,
        line: Sequence[Attempt],
        thought: Thought,
        found: _Found,
        *,
        slot: int | None = None,
        instead: int | None = None,
    ) -> Draft:
        known = [thought_of(attempt.draft.data.get("thought")) for attempt in line]
        draft = await self.expander.draft(self._view(view, node, "writer"), line, [*known, thought])
        data: dict[str, JsonValue] = {"thought": thought.told(), **found.data()}
        data |= {} if slot is None else {SLOT: slot}
        data |= {} if instead is None else {INSTEAD: instead}
        parent = line[-1] if line else None
        return child_of(draft, parent, **data)

    # --- what is known -------------------------------------------------------------------------------------------

    def _tree(self, view: View) -> Tree:
        checks = required_checks(view.task)
        return grow(view.attempts, lambda attempt: self.worth(attempt, checks), gamma=self.gamma)

    def _fails(self, node: Node, view: View) -> bool:
        """True if the evidence or a critic speaks against the node's draft."""
        decision = node.attempts[-1].decision
        return decision is None or not decision.held

    def _view(self, view: View, node: Node, who: str) -> View:
        """What is known at the node: of its draft, or of the workspace as it was found."""
        own = view.fork(who)
        return as_first(own, next_round(view)) if node.id == ROOT else at(own, node.attempt)

    def _ended(self, why: str, found: _Found | None = None) -> Draft:
        return Draft(author=self.name, notes=why, data=found.data() if found else {})


def drafting(proposer: Any) -> Drafting:
    """The branches of a proposer that says no thoughts. Raises `InputError` for one that cannot revise."""
    if not hasattr(proposer, "revise"):
        hint = "add `async def revise(view, critique)` to it"
        raise InputError(f"a tree search needs a proposer that revises, and {proposer!r} has no `revise`", hint=hint)
    return Drafting(proposer, proposer)
