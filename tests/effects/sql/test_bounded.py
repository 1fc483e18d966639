"""How many rows a condition leaves, from its text."""

from __future__ import annotations

import pytest

from revet.effects.shell.classify import classify
from revet.effects.shell.parse import parse
from revet.effects.sql import analyse


@pytest.mark.parametrize(
    "condition",
    [
        "id = 5",
        "name = 'x'",
        "id IN (1, 2, 3)",
        "5 = id",
        "id = 5 AND total > 0",
        "id = 5 OR id = 6",
        "id = ?",
        "id = $1",
        "id = :id",
        "id = -5",
        "lower(name) = 'x'",
    ],
)
def test_an_equality_with_a_constant_bounds(condition: str) -> None:
    for head in ("DELETE FROM orders", "UPDATE orders SET total = 0"):
        assert not any(effect.wide for effect in analyse(f"{head} WHERE {condition}", dialect=None).effects)


@pytest.mark.parametrize(
    "condition",
    [
        "id >= 0",
        "id > 0 AND id < 100000",
        "name LIKE '%'",
        "name LIKE 'a%'",
        "id <> 5",
        "id IS NOT NULL",
        "name IS NULL",
        "NOT id = 5",
        "id = 5 OR id > 0",
        "id = other",
        "id = (SELECT id)",
        "id IN (SELECT id FROM orders)",
        "id NOT IN (5)",
        "id BETWEEN 0 AND 1000000",
        "EXISTS (SELECT 1 FROM customers)",
        f"id IN ({', '.join(map(str, range(500)))})",
    ],
)
def test_a_range_bounds_nothing(condition: str) -> None:
    for head in ("DELETE FROM orders", "UPDATE orders SET total = 0"):
        changes = [e for e in analyse(f"{head} WHERE {condition}", dialect=None).effects if e.kind != "read"]
        assert changes
        assert all(effect.wide for effect in changes)


@pytest.mark.parametrize("client", ["sqlite3 shop.db", "psql -c"])
def test_clients_are_read_the_same_way(client: str) -> None:
    def is_wide(sql: str) -> bool:
        found = classify(parse(f'{client} "{sql}"', cwd="/srv/shop"), workspace="/srv/shop")
        return any(effect.wide for effect in found.effects)

    assert is_wide("DELETE FROM orders WHERE id >= 0")
    assert not is_wide("DELETE FROM orders WHERE id = 5")
