"""SQL through the gate: decided from its text, and from what it does to the rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from revet.gate import check


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with ``shop.db``: 200 orders, 3 users."""
    with sqlite3.connect(tmp_path / "shop.db") as base:
        base.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        base.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, paid INTEGER)")
        base.executemany("INSERT INTO users (name) VALUES (?)", [("a",), ("b",), ("c",)])
        base.executemany("INSERT INTO orders (paid) VALUES (?)", [(number % 2,) for number in range(200)])
    base.close()
    return tmp_path


def sql(text: str, folder: Path, database: str | None = "sqlite:///shop.db", **more: object) -> dict[str, object]:
    named = {} if database is None else {"database": database}
    return {"kind": "execute_sql", "sql": text, "cwd": str(folder), **named, **more}


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("SELECT * FROM users", "allow"),
        ("INSERT INTO users (name) VALUES ('d')", "allow"),
        ("UPDATE users SET name = 'x' WHERE id = 1", "allow"),
        ("DELETE FROM users WHERE id = 1", "allow"),
        ("DELETE FROM users", "ask"),
        ("UPDATE users SET name = name || '!'", "ask"),
        ("DROP TABLE users", "ask"),
        ("DELETE FROM orders WHERE paid IN (0, 1)", "ask"),
        ("SELECT * FROM nowhere", "ask"),
        ("SELEC 1", "ask"),
    ],
)
def test_sql_is_decided_by_what_it_does_to_the_rows(shop: Path, text: str, decision: str) -> None:
    answer = check(sql(text, shop))
    assert answer.decision == decision, answer.reason
    with sqlite3.connect(shop / "shop.db") as base:
        assert base.execute("SELECT count(*) FROM users").fetchone() == (3,)
    base.close()


def test_the_answer_counts_rows_and_shows_some(shop: Path) -> None:
    answer = check(sql("DELETE FROM orders WHERE paid = 1 AND id < 20", shop))
    assert answer.changes["dry_run"] == "ran"
    assert answer.changes["tables"][0]["deleted"] == 9
    assert len(answer.changes["tables"][0]["rows"]) == 5
    assert answer.critique["possible_result"] == "Tried on a copy: deletes 9 rows of orders."


def test_a_count_that_only_the_database_knows_is_asked_about(shop: Path) -> None:
    text = "DELETE FROM orders WHERE paid IN (0, 1)"
    assert check(sql(text, shop), dry_run=False).decision == "allow"
    answer = check(sql(text, shop))
    assert answer.decision == "ask"
    assert "200 rows" in answer.reason


def test_a_range_is_asked_about_until_it_was_counted(shop: Path) -> None:
    for text, counted in (("id >= 0", "ask"), ("id > 190", "allow")):
        assert check(sql(f"DELETE FROM orders WHERE {text}", shop), dry_run=False).decision == "ask"
        answer = check(sql(f"DELETE FROM orders WHERE {text}", shop))
        assert answer.decision == counted, answer.reason


@pytest.mark.parametrize("database", ["sqlite:///none.db", "nonsense", "oracle://x", "sqlite://", "postgresql://[bad"])
def test_a_database_that_cannot_be_used_is_never_allowed(shop: Path, database: str) -> None:
    answer = check(sql("SELECT 1", shop, database))
    assert answer.decision == "ask"
    assert "the database cannot be used" in answer.reason
    assert not (shop / "none.db").exists()


def test_a_goal_that_asks_for_something_else_makes_a_change_a_question(shop: Path) -> None:
    text = "UPDATE users SET name = 'x' WHERE id = 1"
    assert check(sql(text, shop, goal="How many users are there?")).decision == "ask"


def test_rules_name_tables(shop: Path) -> None:
    (shop / "revet.toml").write_text(
        "[[gate.rule]]\ndecision = 'deny'\neffect = ['write', 'delete']\ntable = 'users'\n", encoding="utf-8"
    )
    assert check(sql("UPDATE users SET name = 'x' WHERE id = 1", shop)).decision == "deny"
    assert check(sql("UPDATE orders SET paid = 1 WHERE id = 1", shop)).decision == "allow"


def test_without_a_database_the_text_decides(shop: Path) -> None:
    answer = check(sql("INSERT INTO t VALUES (1)", shop, None, dialect="sqlite"))
    assert (answer.decision, answer.changes["reason"]) == ("allow", "no database is named")


def test_an_answer_tells_no_password(shop: Path) -> None:
    for database in ("host=127.0.0.1 password=hush", "postgresql://me:hush@127.0.0.1:1/x", "postgresql://me:hush/@h/x"):
        answer = check(sql("SELECT 1", shop, database))
        assert answer.decision == "ask" and "hush" not in str(answer.to_dict())


def test_a_trial_leaves_no_trace(shop: Path) -> None:
    """The file as it was, byte for byte, and nothing beside it: whatever was tried, and however it ended."""
    with sqlite3.connect(shop / "wal.db") as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    base.close()
    before = {path.name: path.read_bytes() for path in shop.iterdir()}
    for database in ("sqlite:///shop.db", "sqlite:///wal.db"):
        for text in ("DELETE FROM users", "DROP TABLE users", "SELEC", "INSERT INTO users VALUES (1), (1)", "VACUUM"):
            check(sql(text, shop, database))
    assert {path.name: path.read_bytes() for path in shop.iterdir()} == before
