"""A bounded cache for rendered thumbnails and other things that are dear to compute.

The cache keeps the entries that were used last. When it is full, the entry that has gone unused for longest
makes room; `on_evict` is told, so that files and handles can be closed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import wraps
from typing import Any


class Cache:
    """A mapping of at most `capacity` entries, least recently used out first."""

    def __init__(self, capacity: int, on_evict: Callable[[Hashable, Any], None] | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._on_evict = on_evict
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        """Whether `key` is cached. Asking is not using: the order of eviction stays as it is."""
        return key in self._entries

    def __iter__(self) -> Iterator[Hashable]:
        """The keys, the next one to be evicted first."""
        return iter(list(self._entries))

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value of `key`, which counts as used now; `default` if it is not cached."""
        if key not in self._entries:
            self.misses += 1
            return default
        self.hits += 1
        return self._entries[key]

    def peek(self, key: Hashable, default: Any = None) -> Any:
        """Like `get`, but neither counted nor taken for a use."""
        return self._entries.get(key, default)

    def put(self, key: Hashable, value: Any) -> None:
        """Stores `value`, which counts as used now, and evicts what no longer fits."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self.capacity:
            oldest, dropped = self._entries.popitem(last=False)
            if self._on_evict is not None:
                self._on_evict(oldest, dropped)

    def discard(self, key: Hashable) -> bool:
        """Forgets `key` without calling `on_evict`. Returns whether it was cached."""
        if key not in self._entries:
            return False
        del self._entries[key]
        return True

    def resize(self, capacity: int) -> None:
        """Changes the capacity; entries that no longer fit go at the next `put`."""
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self.capacity = capacity

    @property
    def hit_rate(self) -> float:
        """The share of `get` calls that found their key; 0 before the first call."""
        calls = self.hits + self.misses
        return self.hits / calls if calls else 0.0


def cached(cache: Cache) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function of positional, hashable arguments so that its results are kept in `cache`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        absent = object()

        @wraps(function)
        def wrapper(*args: Hashable) -> Any:
            key = (function.__qualname__, args)
            value = cache.get(key, absent)
            if value is absent:
                value = function(*args)
                cache.put(key, value)
            return value

        return wrapper

    return decorate
