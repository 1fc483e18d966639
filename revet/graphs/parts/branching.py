"""Tree search over whole drafts: select, expand, act, value, backpropagate; finished drafts are collected, and one of
them is chosen.

SWE-Search (Antoniades et al., ICLR 2025, arXiv 2410.20285). Each step chooses the node of the highest score of all that
may have another child, and makes one, which is told what was learnt from its siblings (hindsight feedback).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from revet.agents.base import Choice, Reviser
from revet.agents.search.base import TRIED, Actor, tried_in
from revet.agents.search.debate import Discriminator
from revet.agents.search.evaluating import ALTERNATIVE, feedback_in
from revet.agents.search.plain import Drafting
from revet.graphs.parts.rethinking import Worth
from revet.graphs.parts.tree import EXPANDED, ROOT, Node, Tree, depth_uct, grow
from revet.graphs.parts.views import as_first, at, child_of, next_round
from revet.graphs.step import leading, required_checks
from revet.schema import Attempt, Critique, Draft, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = ["Branching"]


class Branching:
    """The strategy. `worth` is the value of a draft, 0 to 1 for -100 to 100.

    It ends when `finished` different drafts stand, or when there are `nodes` of them, the failing ones too. Of those
    that stand `debate` chooses; without one, and where nobody could be heard, the path of the highest mean value does.

    The root is worth 0 as published, or, with `found`, what the workspace is worth as it was found.
    """

    name, selects = "swe-search", True

    def __init__(
        self,
        actor: Actor,
        worth: Worth,
        *,
        nodes: int = 100,
        expansions: int = 3,
        depth: int = 25,
        finished: int = 5,
        c: float = 1.0,
        penalty: float = 0.8,
        debate: Discriminator | None = None,
        found: bool = False,
    ) -> None:
        self.actor, self.worth, self.debate, self.found = actor, worth, debate, found
        self.nodes, self.expansions, self.depth, self.finished = nodes, expansions, depth, finished
        self.c, self.penalty = c, penalty

    async def drafts(self, view: View) -> list[Draft]:
        tree = self._tree(view)
        expanded: dict[str, JsonValue] = {}
        tried, why, root = 0, "", self._as_found(view)
        while len(tree) < self.nodes and (node := self._selected(tree, root)) is not None:
            draft = await self._child(view, tree, node)
            tried += tried_in(draft)
            if not draft.gives_up:
                parent = node.attempt if node.id != ROOT else None
                return [child_of(draft, parent, **{EXPANDED: expanded}, **({TRIED: tried} if tried else {}))]
            why = draft.notes
            expanded[str(node.id)] = []
            tree = Tree(tree.nodes, {**tree.options, node.id: ()})
            if view.remaining <= 0:
                break
        left = ", and none that may be expanded" if len(tree) < self.nodes else ""
        notes = f"the search has ended: {len(tree)} nodes{left}" + (f"; {why}" if why else "")
        return [Draft(author=self.name, notes=notes, data={EXPANDED: expanded, TRIED: tried})]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        made = len(grow(attempts, lambda attempt: 0.0))
        stand = {a.draft.id for a in attempts if _stands(a, attempts)}
        if len(stand) >= self.finished or made >= self.nodes:
            return None
        return f"{len(stand)} of {self.finished} finished drafts, {made} of {self.nodes} nodes"

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        """A draft that was finished several times counts once."""
        tree = self._tree(view)
        places = {a.draft.id: n for n, a in reversed([*enumerate(candidates)])}
        first = sorted(places.values())
        finished = [candidates[n] for n in first]
        checks = required_checks(view.task)
        if self.debate is not None:
            choice = await self.debate.choose(view, finished, [self.worth(a, checks) for a in finished])
            if choice.candidate is not None:
                return Choice(first[choice.candidate], choice.reasons)
        means = [self._path_value(tree, attempt) for attempt in finished]
        best = max(range(len(finished)), key=lambda n: (means[n], -n))
        told = f"the highest mean value along its path, {means[best]:.1f}, of {len(finished)} finished drafts"
        return Choice(first[best], (told,))

    @property
    def reviser(self) -> Reviser | None:
        """Who makes the children of nodes, where that is a reviser; another may take its place."""
        return self.actor.reviser if isinstance(self.actor, Drafting) else None

    @reviser.setter
    def reviser(self, reviser: Reviser) -> None:
        assert isinstance(self.actor, Drafting)
        self.actor = Drafting(self.actor.proposer, reviser)

    # --- the steps -----------------------------------------------------------------------------------------------

    def _tree(self, view: View) -> Tree:
        checks = required_checks(view.task)
        return grow(view.attempts, lambda attempt: 200 * self.worth(attempt, checks) - 100)

    def _as_found(self, view: View) -> float:
        """What the root is worth."""
        if not self.found:
            return 0.0
        draft = Draft(author=self.name, answer="the workspace as it was found")
        attempt = Attempt(round=0, draft=draft, evidence=tuple(view.baseline.values()))
        return 200 * self.worth(attempt, required_checks(view.task)) - 100

    def _selected(self, tree: Tree, root: float) -> Node | None:
        """The most promising node that may have another child."""
        may = [node for node in tree if self._expandable(tree, node)]
        best = {node.id: depth_uct(tree, node, c=self.c, penalty=self.penalty) for node in may}
        if self.found:  # it is a state like any other, and the more is known below it the more it may have missed
            root += self.c * math.sqrt(math.log(1 + tree.root.visits))
        best |= {ROOT: root}
        return max(may, key=lambda node: (best[node.id], -node.id), default=None)

    def _expandable(self, tree: Tree, node: Node) -> bool:
        """True unless it is finished, no draft at all, the same as a sibling, or has or is all that it may."""
        if len(node.children) >= self.expansions or node.depth >= self.depth or tree.barren(node):
            return False
        if node.id == ROOT:
            return True
        decision = node.attempt.decision
        above = tree.nodes[node.parent if node.parent is not None else ROOT]
        elder = (tree.nodes[child] for child in above.children if child < node.id)
        twin = any(each.attempt.draft.id == node.attempt.draft.id for each in elder)
        return not twin and node.attempt.draft.problem is None and not (decision is not None and decision.held)

    async def _child(self, view: View, tree: Tree, node: Node) -> Draft:
        """One more child, told what its siblings taught."""
        siblings = [tree.nodes[child].attempt for child in node.children]
        line = [each.attempt for each in tree.line(node)]
        own = view.fork(self.actor.name)
        seen = as_first(own, next_round(view)) if node.id == ROOT else at(own, node.attempt)
        told = _hindsight(leading([*node.attempt.critiques]) if line else view.diagnosis, siblings)
        return await self.actor.branch(replace(seen, critique=told, attempts=view.attempts), line, siblings, told)

    def _path_value(self, tree: Tree, attempt: Attempt) -> float:
        node = next((n for n in tree if n.attempts and n.attempt.round == attempt.round), None)
        if node is None:
            return 0.0
        means = [each.mean for each in (tree.root, *tree.line(node))]
        return sum(means) / len(means)


def _stands(attempt: Attempt, attempts: Sequence[Attempt]) -> bool:
    """True if nothing speaks against it. The last attempt is asked about before it is decided on, for that reason."""
    if attempt.decision is None:
        return attempt.round == attempts[-1].round
    return attempt.decision.held


def _hindsight(critique: Critique | None, siblings: Sequence[Attempt]) -> Critique | None:
    """What speaks against the parent's draft, with what the value function learnt from its children so far."""
    told = [feedback for sibling in siblings if (feedback := feedback_in(sibling.critiques))]
    if not told:
        return critique
    lessons = tuple(Finding(claim=text, severity=Severity.info, category=ALTERNATIVE) for text in told)
    if critique is None:
        return Critique(critic="value", verdict=Verdict.revise, findings=lessons)
    return critique.model_copy(update={"findings": (*lessons, *critique.findings)})
