import pytest

from cache import Cache, cached


@pytest.fixture
def full():
    cache = Cache(3)
    for key in "abc":
        cache.put(key, key.upper())
    return cache


@pytest.mark.parametrize("capacity", [0, -1])
def test_capacity_must_be_positive(capacity):
    with pytest.raises(ValueError, match="at least 1"):
        Cache(capacity)
    with pytest.raises(ValueError, match="at least 1"):
        Cache(5).resize(capacity)


def test_get_returns_what_was_put(full):
    assert full.get("b") == "B"
    assert len(full) == 3


def test_get_of_an_unknown_key_returns_the_default(full):
    assert full.get("z") is None
    assert full.get("z", 0) == 0
    assert list(full) == ["a", "b", "c"]


def test_oldest_entry_is_evicted(full):
    full.put("d", "D")
    assert list(full) == ["b", "c", "d"]


def test_get_counts_as_use(full):
    full.get("a")
    full.put("d", "D")
    assert list(full) == ["c", "a", "d"]
    assert full.peek("a") == "A"


def test_put_again_counts_as_use(full):
    full.put("a", "A2")
    full.put("d", "D")
    assert list(full) == ["c", "a", "d"]
    assert full.peek("a") == "A2"


def test_peek_does_not_count_as_use(full):
    assert full.peek("a") == "A"
    assert full.peek("z", "?") == "?"
    full.put("d", "D")
    assert "a" not in full
    assert (full.hits, full.misses) == (0, 0)


def test_membership_does_not_count_as_use(full):
    assert "a" in full
    full.put("d", "D")
    assert "a" not in full


def test_none_can_be_cached():
    cache = Cache(1)
    cache.put("a", None)
    assert cache.get("a", "absent") is None
    assert cache.hits == 1


def test_evicted_entries_are_reported():
    evicted = []
    cache = Cache(2, on_evict=lambda key, value: evicted.append((key, value)))
    for number in range(4):
        cache.put(number, number * 10)
    cache.discard(3)
    assert evicted == [(0, 0), (1, 10)]


def test_discard(full):
    assert full.discard("b") is True
    assert full.discard("b") is False
    assert list(full) == ["a", "c"]


def test_shrinking_evicts_at_the_next_put(full):
    full.resize(1)
    assert len(full) == 3
    full.put("d", "D")
    assert list(full) == ["d"]


def test_hit_rate(full):
    assert full.hit_rate == 0.0
    for key in ["a", "b", "z", "c"]:
        full.get(key)
    assert full.hit_rate == 0.75


def test_cached_function_is_called_once_for_each_argument():
    calls = []

    @cached(Cache(10))
    def square(number):
        calls.append(number)
        return number * number

    assert [square(n) for n in [2, 3, 2, 2, 3]] == [4, 9, 4, 4, 9]
    assert calls == [2, 3]


def test_cached_function_keeps_what_is_asked_for_often():
    calls = []

    @cached(Cache(2))
    def load(name):
        calls.append(name)
        return name.title()

    for name in ["logo", "map", "logo", "photo", "logo", "chart", "logo"]:
        load(name)
    assert calls == ["logo", "map", "photo", "chart"]
