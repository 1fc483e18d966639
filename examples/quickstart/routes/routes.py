"""Quickest routes in a bus network.

Stops are names, links have a running time in whole minutes. A link may be one-way.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass


class UnknownStop(KeyError):
    """The network has no stop of this name."""


class NoRoute(Exception):
    """The goal cannot be reached from the start."""


@dataclass(frozen=True)
class Route:
    """The stops from start to goal, both included, and the minutes that the ride takes."""

    stops: tuple[str, ...]
    minutes: int


class Network:
    """Stops and the links between them."""

    def __init__(self) -> None:
        self._links: dict[str, dict[str, int]] = {}

    def add_link(self, start: str, end: str, minutes: int, *, one_way: bool = False) -> None:
        """Joins two stops, which need not exist yet. Of two parallel links the quicker is kept."""
        if minutes <= 0:
            raise ValueError(f"{start} to {end}: running time must be positive, not {minutes}")
        known = self._links.setdefault(start, {})
        known[end] = min(minutes, known.get(end, minutes))
        self._links.setdefault(end, {})
        if not one_way:
            self.add_link(end, start, minutes, one_way=True)

    def stops(self) -> list[str]:
        """All stops, in alphabetical order."""
        return sorted(self._links)

    def quickest(self, start: str, goal: str) -> Route:
        """The route with the least total running time (Dijkstra).

        Raises `UnknownStop` for a name that is not in the network, and `NoRoute` if there is no way through.
        """
        for stop in (start, goal):
            if stop not in self._links:
                raise UnknownStop(stop)
        best = {start: 0}
        came_from: dict[str, str] = {}
        done: set[str] = set()
        queue = [(0, start)]
        while queue:
            elapsed, stop = heapq.heappop(queue)
            if stop == goal:
                return Route(_trace(came_from, start, goal), elapsed)
            if stop in done:
                continue
            done.add(stop)
            for neighbour, minutes in self._links[stop].items():
                if neighbour in done:
                    continue
                arrival = elapsed + minutes
                if neighbour not in best or minutes < best[neighbour]:
                    best[neighbour] = arrival
                    came_from[neighbour] = stop
                    heapq.heappush(queue, (arrival, neighbour))
        raise NoRoute(f"{start} to {goal}")

    def within(self, start: str, minutes: int) -> list[str]:
        """The other stops that a direct link joins to `start` in at most `minutes`, the nearest first."""
        if start not in self._links:
            raise UnknownStop(start)
        near = [(time, stop) for stop, time in self._links[start].items() if time <= minutes]
        return [stop for _, stop in sorted(near)]


def _trace(came_from: dict[str, str], start: str, goal: str) -> tuple[str, ...]:
    """The stops from `start` to `goal`, found by going back from the goal."""
    stops = [goal]
    while stops[-1] != start:
        stops.append(came_from[stops[-1]])
    return tuple(reversed(stops))
