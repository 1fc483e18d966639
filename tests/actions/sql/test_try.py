"""What SQL does is found out by doing it, and nothing of it stays."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from revet.actions.sql import DatabaseError, atry_sql, observed, target_of, try_sql
from revet.actions.sql._engines.base import Bounds, Fault
from revet.actions.sql._engines.lite import Lite
from revet.actions.sql._engines.work import measured
from revet.errors import InputError
from revet.schema import ExecuteSQL
from tests.actions.sql.sql_worlds import dump, make


@pytest.fixture
def shop(tmp_path: Path) -> str:
    return make(tmp_path / "shop.db")


def counts(url: str, sql: str) -> dict[str, tuple[int, int, int]]:
    return {each.table: (each.inserted, each.updated, each.deleted) for each in try_sql(url, sql).tables}


def test_triggers_and_cascades_count_and_nothing_stays(shop: str, tmp_path: Path) -> None:
    before = dump(tmp_path / "shop.db"), (tmp_path / "shop.db").read_bytes()
    tried = try_sql(shop, "DELETE FROM maker WHERE id = 1; UPDATE maker SET name = upper(name)")
    assert {each.table: (each.inserted, each.updated, each.deleted) for each in tried.tables} == {
        "car": (0, 0, 2),
        "log": (2, 0, 0),
        "maker": (0, 2, 1),
    }
    assert [each.rows for each in tried.ran] == [1, 2]
    assert tried.complete
    (fiat,) = [row for each in tried.tables for row in each.rows if row.before and row.before.get("name") == "Fiat"]
    assert fiat.after == {"rowid": 2, "id": 2, "name": "FIAT"}
    assert before == (dump(tmp_path / "shop.db"), (tmp_path / "shop.db").read_bytes())
    assert list(tmp_path.iterdir()) == [tmp_path / "shop.db"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE maker SET name = name", {}),
        ("SELECT * FROM car", {}),
        ("REPLACE INTO maker VALUES (2, 'Lancia')", {"maker": (0, 1, 0), "car": (0, 0, 1), "log": (1, 0, 0)}),
        ("INSERT INTO ticket (text) VALUES ('a'), ('b')", {"ticket": (2, 0, 0), "sqlite_sequence": (0, 1, 0)}),
        ("DELETE FROM log", {"log": (0, 0, 2)}),
        ("UPDATE pair SET b = b + 1", {"pair": (2, 0, 2)}),
        ("CREATE TABLE new (a); INSERT INTO new VALUES (1)", {"new": (1, 0, 0)}),
        ("DROP TABLE log", {"log": (0, 0, 2)}),
        ("ALTER TABLE log ADD COLUMN at", {"log": (0, 0, 0)}),
        ("BEGIN; DELETE FROM log; COMMIT;", {"log": (0, 0, 2)}),
        ("SAVEPOINT a; DELETE FROM log; ROLLBACK TO a", {}),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO log SELECT i FROM n",
         {"log": (500, 0, 0)}),
    ],
)  # fmt: skip
def test_the_difference_of_the_rows(shop: str, sql: str, expected: dict[str, tuple[int, int, int]]) -> None:
    assert counts(shop, sql) == expected


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("INSERT INTO maker VALUES (1, 'x')", "UNIQUE"),
        ("INSERT INTO car VALUES (9, 99, 1, NULL)", "FOREIGN KEY"),
        ("DELETE FROM log;\nSELEC 1", "syntax"),
        ("UPDATE nowhere SET a = 1", "nowhere"),
        ("INSERT INTO revet_commits VALUES (1)", "revet_commits"),
    ],
)
def test_what_fails_is_told_with_its_place(shop: str, tmp_path: Path, sql: str, says: str) -> None:
    before = dump(tmp_path / "shop.db")
    tried = try_sql(shop, sql)
    assert tried.failed is not None and says in str(tried.failed.error)
    assert tried.failed.line == sql.count("\n") + 1
    assert not tried.tables and observed(tried).doubts
    assert dump(tmp_path / "shop.db") == before


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '/tmp/other.db' AS o",
        "VACUUM",
        "VACUUM INTO '/tmp/x.db'",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "SELECT writefile('/tmp/x', 'y')",
        ".shell touch /tmp/x",
        "DELETE FROM log; ROLLBACK",
        "DELETE FROM log WHERE what = 'cut off",
        "",
    ],
)
def test_what_reaches_beyond_a_transaction_is_not_tried(shop: str, sql: str) -> None:
    tried = try_sql(shop, sql)
    assert tried.untried and not tried.ran and observed(tried).doubts


def test_the_database_itself_keeps_hostile_text_inside(shop: str, tmp_path: Path) -> None:
    """Whatever the reading of the text lets through, the authorizer does not."""
    other = tmp_path / "other.db"
    for sql in (f"SELECT 1; /**/ATTACH '{other}' AS o", "PRAGMA journal_mode = delete", "SELECT 1; COMMIT; END"):
        tried = try_sql(shop, sql)
        assert tried.untried or tried.failed is not None or not tried.tables
    assert not other.exists()


def test_no_statement_runs_for_ever(shop: str) -> None:
    start = time.monotonic()
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO log SELECT i FROM n WHERE i < 0"
    tried = try_sql(shop, sql, seconds=0.5)
    assert tried.failed is not None and "0.5 s" in str(tried.failed.error)
    assert time.monotonic() - start < 20


def test_a_writer_is_not_waited_for(shop: str, tmp_path: Path) -> None:
    """A small database is tried on a copy: that somebody else writes is no hindrance."""
    with sqlite3.connect(tmp_path / "shop.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM pair")
        assert counts(shop, "DELETE FROM log") == {"log": (0, 0, 2)}
        other.execute("ROLLBACK")
    other.close()


async def test_effects_are_counted(shop: str) -> None:
    tried = await atry_sql(shop, "DELETE FROM maker WHERE id = 1")
    found = {(str(each.kind), each.target): (each.count, each.basis, each.wide) for each in observed(tried).effects}
    assert found[("delete", "car")] == (2, "dry run", False)
    assert found[("create", "log")] == (2, "dry run", False)
    assert found[("delete", "maker")] == (1, "dry run", False)
    assert not observed(tried).doubts


def test_too_many_rows_are_counted_and_not_kept(shop: str) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO log SELECT i FROM n"
    (table,) = try_sql(shop, sql, rows=100).tables
    assert (table.inserted, len(table.rows), table.reversible) == (500, 20, False) and table.digest


def test_who_only_reads_keeps_nobody_waiting(shop: str) -> None:
    assert try_sql(shop, "SELECT * FROM car").locks == ()
    assert try_sql(shop, "DELETE FROM log").locks == ("others could read and not write meanwhile",)


def left(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_database_in_wal_mode_is_left_byte_for_byte_and_its_log_does_not_stay(tmp_path: Path) -> None:
    url = make(tmp_path / "wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    before = left(tmp_path)
    assert list(before) == ["wal.db"]
    assert counts(url, "DELETE FROM t WHERE a = 1") == {"t": (0, 0, 1)}
    assert left(tmp_path) == before
    other = sqlite3.connect(tmp_path / "wal.db", isolation_level=None)
    other.execute("INSERT INTO t VALUES (3)")
    assert counts(url, "DELETE FROM t WHERE a = 3") == {"t": (0, 0, 1)}, "what stands in the log alone counts"
    other.close()


def test_a_large_database_is_tried_in_place_and_nothing_lies_beside_it_meanwhile(tmp_path: Path) -> None:
    """It is not copied; should the trial be killed, no journal is left that the next one must roll back."""
    make(tmp_path / "large.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    engine = Lite(str(tmp_path / "large.db"), Bounds(), shield=True)
    before = left(tmp_path)
    engine.begin()
    engine.run("UPDATE t SET a = randomblob(100000)")
    engine.run(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) SELECT i FROM n"
    )
    (table,) = engine.difference()
    assert (table.inserted, table.updated) == (50_000, 1) and left(tmp_path) == before
    engine.close()
    assert left(tmp_path) == before


def test_a_comparison_that_takes_too_long_is_told(tmp_path: Path) -> None:
    make(tmp_path / "shop.db")
    engine = Lite(str(tmp_path / "shop.db"), Bounds(seconds=0.0), shield=True)
    engine._writer.execute("BEGIN")
    engine._writer.execute(
        "INSERT INTO log WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 99999) SELECT i FROM n"
    )
    engine._touched.add("log")
    with pytest.raises(Fault, match="cannot be compared: it did not end within 0 s"):
        measured(engine, [])
    engine.close()


def test_databases_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"no database .*none\.db") as missing:
        try_sql(f"sqlite:///{tmp_path}/none.db", "SELECT 1")
    assert missing.value.why == "missing" and not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no database, only words, and enough of them to fill a header" * 20)
    with pytest.raises(DatabaseError, match="no SQLite database"):
        try_sql(f"sqlite:///{tmp_path}/text.db", "SELECT 1")
    with pytest.raises(DatabaseError) as unreachable:
        try_sql("postgresql://me:secret@127.0.0.1:1/shop", "SELECT 1")
    assert unreachable.value.why in ("unreachable", "missing") and "secret" not in str(unreachable.value)
    for url in ("shop.db", "mongodb://x/y", "sqlite:///", "sqlite:///:memory:"):
        with pytest.raises(InputError):
            target_of(url)


SECRETS = [
    "postgresql://me:hush-1@127.0.0.1:1/shop",
    "postgresql://me:hu%73h-1@127.0.0.1:1/shop",
    "postgresql://me@127.0.0.1:1/shop?password=hush-1",
    "postgresql://me@127.0.0.1:1/shop?pass%77ord=hush-1&sslpassword=hush-1",
    "postgresql://me:hush-1/x@127.0.0.1:1/shop",
    "postgresql://me:hush-1@127.0.0.1:99999/shop",
    "postgresql://me:hush-1%zz@127.0.0.1:1/shop",
    "postgresql://me:hush-1?@127.0.0.1:1/shop",
    "host=127.0.0.1 user=me password=hush-1",
    "host=127.0.0.1 password = 'hush-1 x'",
    "mysql://me:hush-1@127.0.0.1/shop",
]


@pytest.mark.parametrize("url", SECRETS)
def test_no_error_tells_a_password(url: str) -> None:
    with pytest.raises(InputError) as told:
        try_sql(url, "SELECT 1", seconds=2.0)
    assert "hush" not in str(told.value) and "hush" not in str(ExecuteSQL(sql="SELECT 1", database=url))


def test_urls_are_shown_without_their_password(tmp_path: Path) -> None:
    shown = target_of("postgres://me:s%40cret@db.example:5433/shop?sslmode=require&password=x").shown
    assert shown == "postgresql://me@db.example:5433/shop?sslmode=require"
    assert target_of("sqlite:///shop.db", tmp_path).shown == f"sqlite:///{tmp_path}/shop.db"
    assert target_of(f"sqlite:///{tmp_path}/shop.db").path == f"{tmp_path}/shop.db"
    assert target_of(f"sqlite:////{tmp_path}/shop.db").path.endswith("shop.db")
