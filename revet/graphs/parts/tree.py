"""A tree of drafts, read from the attempts of a run: select, expand, evaluate, backpropagate (UCT: Kocsis and
Szepesvári 2006; P-UCB: Rosin 2011, as AlphaZero and PG-TD have it).

The tree is nowhere kept. Every draft says in its ``data`` which draft it was made from (`PARENT`), which of the options
there it takes (`SLOT`), and what was found out about other nodes on the way (`EXPANDED`), so a resumed run grows the
same tree. The root is the task itself. A draft that rewrites another (`INSTEAD`) takes its place: one node, of which
the last usable attempt counts.

Rewards are worked out from the attempts alone, whose evidence is that of the task's own checks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue

from revet.graphs.parts.views import PARENT
from revet.schema import Attempt

__all__ = ["EXPANDED", "INSTEAD", "ROOT", "SLOT", "Node", "Reward", "Tree", "depth_uct", "grow", "p_ucb", "uct"]

ROOT = -1
"""The id of the root. The id of any other node is the round of its first attempt."""

SLOT = "slot"
"""In ``Draft.data``: which of its parent's options a draft takes, from 0."""

INSTEAD = "instead_of"
"""In ``Draft.data``: the id of the node whose draft this one rewrites."""

EXPANDED = "expanded"
"""In ``Draft.data``: the options that were found for nodes, by their ids as text; no options: it leads nowhere."""

Reward = Callable[[Attempt], float]
D = TypeVar("D", int, None)
_ID = re.compile(r"-?[0-9]{1,9}")
"""The id of a node as text. Whoever proposes may write anything into a draft's ``data``."""


@dataclass(frozen=True)
class Node:
    """One node. `attempts` are its draft and the rewrites of it; the root has none. `reward` is that of its own.

    `visits` counts the evaluated nodes from here downwards, `total` sums up what they are worth here, and `best` is
    the most of it: a reward that came from n levels below counts ``gamma ** n`` of itself.
    """

    id: int
    parent: int | None
    depth: int
    slot: int | None
    attempts: tuple[Attempt, ...]
    reward: float
    children: tuple[int, ...]
    visits: int
    total: float
    best: float

    @property
    def attempt(self) -> Attempt:
        """The last attempt that could be used; the last of all if none could. The root has none."""
        usable = [a for a in self.attempts if a.draft.problem is None]
        return (usable or [*self.attempts])[-1]

    @property
    def mean(self) -> float:
        return self.total / self.visits if self.visits else 0.0


@dataclass(frozen=True)
class Tree:
    """All nodes by id, the root too, and the options that are known of those that were expanded."""

    nodes: Mapping[int, Node]
    options: Mapping[int, tuple[JsonValue, ...]]

    def __len__(self) -> int:
        """How many drafts are in it; a rewritten one counts once."""
        return len(self.nodes) - 1

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    @property
    def root(self) -> Node:
        return self.nodes[ROOT]

    @property
    def newest(self) -> Node | None:
        """The node of the last attempt that is in the tree."""
        held = [node for node in self if node.attempts]
        return max(held, key=lambda node: node.attempts[-1].round, default=None)

    def line(self, node: Node) -> list[Node]:
        """The nodes from below the root down to `node`."""
        line: list[Node] = []
        while node.parent is not None:
            line.append(node)
            node = self.nodes[node.parent]
        return line[::-1]

    def taken(self, node: Node) -> dict[int, Node]:
        """The children of `node` by the option that they took."""
        below = (self.nodes[child] for child in node.children)
        return {child.slot: child for child in below if child.slot is not None}

    def barren(self, node: Node) -> bool:
        """True if it was found that nothing (more) can be made of `node`."""
        return self.options.get(node.id) == ()


def grow(attempts: Sequence[Attempt], reward: Reward, *, gamma: float = 1.0) -> Tree:
    """The tree of these attempts. A draft that gives up is no node, and neither is one that no option led to and that
    could not be understood. What was made from no known node stands below the root.
    """
    held: dict[int, list[Attempt]] = {}
    where: dict[int, tuple[int, int | None]] = {}
    options: dict[int, tuple[JsonValue, ...]] = {}
    place: dict[int, int] = {}
    for attempt in attempts:
        data = attempt.draft.data
        options |= _expanded(data.get(EXPANDED))
        slot = _whole(data.get(SLOT), None)
        if attempt.draft.gives_up or attempt.round in place:
            continue
        former = place.get(_whole(data.get(INSTEAD), ROOT))
        if former is not None:
            held[former].append(attempt)
            place[attempt.round] = former
        elif attempt.draft.problem is None or slot is not None:
            held[attempt.round] = [attempt]
            place[attempt.round] = attempt.round
            where[attempt.round] = (place.get(_whole(data.get(PARENT), ROOT), ROOT), slot)
    return Tree(_backpropagated(held, where, reward, gamma), options)


def _backpropagated(
    held: Mapping[int, list[Attempt]], where: Mapping[int, tuple[int, int | None]], reward: Reward, gamma: float
) -> dict[int, Node]:
    """The nodes. A parent's id is less than its children's, so one pass from the newest backwards adds all up."""
    children: dict[int, list[int]] = {ROOT: []}
    depth = {ROOT: 0}
    for id, (parent, _) in where.items():
        children[id] = []
        children[parent].append(id)
        depth[id] = depth[parent] + 1
    nodes: dict[int, Node] = {}
    for id in sorted(held, reverse=True):
        parent, slot = where[id]
        node = Node(id, parent, depth[id], slot, tuple(held[id]), 0.0, tuple(children[id]), 1, 0.0, 0.0)
        own = reward(node.attempt)
        below = [nodes[child] for child in children[id]]
        nodes[id] = _summed(node, own, below, gamma)
    root = Node(ROOT, None, 0, None, (), 0.0, tuple(children[ROOT]), 0, 0.0, 0.0)
    below = [nodes[child] for child in children[ROOT]]
    ordered = {ROOT: _summed(root, None, below, gamma)}
    return ordered | {id: nodes[id] for id in sorted(nodes)}


def _summed(node: Node, own: float | None, below: Sequence[Node], gamma: float) -> Node:
    mine = [] if own is None else [own]
    return Node(
        node.id,
        node.parent,
        node.depth,
        node.slot,
        node.attempts,
        own or 0.0,
        node.children,
        visits=len(mine) + sum(child.visits for child in below),
        total=sum(mine) + sum(gamma * child.total for child in below),
        best=max([*mine, *(gamma * child.best for child in below)], default=0.0),
    )


def p_ucb(tree: Tree, node: Node, slot: int, prior: float, *, c: float, base: float = 10.0) -> float:
    """How promising an option of `node` is: the best reward below it, and the less it was tried the more its prior.

    ``Q + beta(N) * prior * sqrt(ln N) / (1 + n)`` with ``beta(N) = ln((N + base + 1) / base) + c``; N are the visits
    of the node, its own evaluation or the look at it included, n those of the option.
    """
    child = tree.taken(node).get(slot)
    visits = 1 + node.visits
    beta = math.log((visits + base + 1) / base) + c
    tried = 0 if child is None else child.visits
    return (0.0 if child is None else child.best) + beta * prior * math.sqrt(math.log(visits)) / (1 + tried)


def uct(tree: Tree, node: Node, *, c: float) -> float:
    """Mean reward and, the less the node was visited, the more: ``total / n + c * sqrt(ln N / n)``, N its parent's.

    The root, which has no reward and no parent, scores 0.
    """
    if node.parent is None:
        return 0.0
    above = 1 + tree.nodes[node.parent].visits
    return node.mean + c * math.sqrt(math.log(above) / node.visits)


def depth_uct(
    tree: Tree, node: Node, *, c: float, bonus: float = 0.0, decay: float = 0.8, penalty: float = 0.8
) -> float:
    """SWE-Search's: UCT, and ``bonus * exp(-decay * (depth - 1)) - penalty * sqrt(depth)`` besides."""
    early = bonus * math.exp(-decay * (node.depth - 1)) if node.depth else 0.0
    return uct(tree, node, c=c) + early - penalty * math.sqrt(node.depth)


def _expanded(said: JsonValue) -> dict[int, tuple[JsonValue, ...]]:
    if not isinstance(said, dict):
        return {}
    return {int(id): tuple(each) for id, each in said.items() if isinstance(each, list) and _ID.fullmatch(id)}


def _whole(value: JsonValue, default: D) -> int | D:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
