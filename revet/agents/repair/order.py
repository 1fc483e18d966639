"""In which order candidates are tried.

A candidate's weight is ``P(line) * P(change | line)``: localisation times prior, less for larger changes. The
rivals of one operator on one line share its probability: the k-th best counts ``1 / (1 + DECAY * k)``, so
that the head of the list covers many lines and operators before it exhausts any.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from revet.agents.repair.patch import Candidate
from revet.errors import InputError

__all__ = ["Order", "arrange", "best_pairs", "check_order", "merged", "shuffled", "weight"]

Order = Literal["ranked", "source", "random"]
T = TypeVar("T")

DECAY = 0.35
SIZE = 0.06
FLOOR = 0.02
SHARPNESS = 1.5


def weight(prior: float, size: int, suspicion: float | None) -> float:
    """How promising a candidate is on its own. `suspicion` is 0..1, None when nothing was localised."""
    located = 1.0 if suspicion is None else FLOOR + (1 - FLOOR) * max(0.0, min(1.0, suspicion)) ** SHARPNESS
    return prior * located / (1 + SIZE * max(0, size - 1))


def arrange(
    items: Iterable[T],
    *,
    weigh: Callable[[T], float],
    group: Callable[[T], object],
    place: Callable[[T], int],
) -> list[tuple[float, T]]:
    """Best first with their weights, rivals in a group discounted by rank; ties keep the source's order."""
    groups: dict[object, list[tuple[float, int, int, T]]] = {}
    for index, item in enumerate(items):
        groups.setdefault(group(item), []).append((-weigh(item), place(item), index, item))
    ranked: list[tuple[float, int, int, T]] = []
    for members in groups.values():
        members.sort(key=lambda m: m[:3])
        ranked += ((w / (1 + DECAY * k), p, i, item) for k, (w, p, i, item) in enumerate(members))
    ranked.sort(key=lambda m: m[:3])
    return [(-w, item) for w, _, _, item in ranked]


def merged(streams: Sequence[Iterator[Candidate]], *, seed: int | None = None) -> Iterator[Candidate]:
    """The candidates of several files as one lazy sequence: by falling weight; at random with a seed."""
    if seed is None:
        yield from heapq.merge(*streams, key=lambda candidate: -candidate.weight)
        return
    draw, open_streams = random.Random(seed), list(streams)
    while open_streams:
        stream = draw.choice(open_streams)
        if (candidate := next(stream, None)) is None:
            open_streams.remove(stream)
        else:
            yield candidate


def shuffled(items: Iterable[T], seed: int) -> list[T]:
    """The same shuffle for the same items and seed, in every process."""
    result = list(items)
    random.Random(seed).shuffle(result)
    return result


def check_order(order: str) -> None:
    if order not in ("ranked", "source", "random"):
        raise InputError(f"unknown order {order!r}", hint="use ranked, source or random")


def best_pairs(weights: Sequence[float]) -> Iterator[tuple[int, int]]:
    """The index pairs ``i < j`` by falling product of their weights; memory grows with what was asked for."""
    if any(not (w > 0 and math.isfinite(w)) for w in weights):
        raise InputError("weights of candidates to combine must be positive numbers")
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    heap: list[tuple[float, int, int]] = []
    if len(order) > 1:
        heap.append((-weights[order[0]] * weights[order[1]], 0, 1))
    while heap:
        _, a, b = heapq.heappop(heap)
        yield min(order[a], order[b]), max(order[a], order[b])
        if b + 1 < len(order):
            heapq.heappush(heap, (-weights[order[a]] * weights[order[b + 1]], a, b + 1))
        if b == a + 1 and b + 1 < len(order):
            heapq.heappush(heap, (-weights[order[a + 1]] * weights[order[b + 1]], a + 1, b + 1))
