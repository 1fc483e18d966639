"""PostgreSQL, on a real server: a trial leaves nothing, a commit happens once, an undo is exact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revet.actions.sql import DatabaseError, observed, try_sql
from revet.errors import CommitError, DraftError, UndoConflict, WorldMoved
from tests.actions.sql.sql_worlds import Case
from tests.tools.postgres import postgres as postgres

psycopg: Any = pytest.importorskip("psycopg", reason="pip install 'revet[postgres]'")

SCRIPT = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE maker (id serial PRIMARY KEY, name text UNIQUE);
CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker ON DELETE CASCADE, price numeric(8, 2), x float8);
CREATE TABLE log (what text, at timestamptz, raw bytea, doc jsonb, many text[]);
CREATE TABLE spread (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE spread_low PARTITION OF spread FOR VALUES FROM (0) TO (10);
CREATE TABLE spread_high PARTITION OF spread FOR VALUES FROM (10) TO (20);
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO log (what) VALUES ('gone ' || old.id); RETURN old; END $$;
CREATE TRIGGER gone AFTER DELETE ON car FOR EACH ROW EXECUTE FUNCTION gone();
INSERT INTO maker (name) VALUES ('Saab'), ('Fiat'), ('100%');
INSERT INTO car VALUES (1, 1, 9.50, 0.1), (2, 1, NULL, 'NaN'), (3, 2, 0, 1e300);
INSERT INTO log VALUES ('twice', '2026-01-01 10:00Z', '\\x00ff', '{"a": 1}', '{"x,y",NULL}');
INSERT INTO log SELECT * FROM log;
INSERT INTO spread VALUES (1, 'a'), (11, 'b');
"""


def everything(url: str) -> list[str]:
    with psycopg.connect(url) as seen:
        names = seen.execute("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        found = [f"{name} {kind}" for name, kind in names.fetchall()]
        for table in [each.split()[0] for each in found if each.endswith(" r")]:
            found += [f"{table}: {row[0]}" for row in seen.execute(f'SELECT t::text FROM "{table}" t').fetchall()]
        return sorted(found)


def sequence(url: str) -> Any:
    with psycopg.connect(url) as seen:
        return seen.execute("SELECT last_value, is_called FROM maker_id_seq").fetchone()


@pytest.fixture
def shop(postgres: str) -> Iterator[str]:
    with psycopg.connect(postgres, autocommit=True) as made:
        made.execute(SCRIPT)
    yield postgres


STATEMENTS = [
    "DELETE FROM maker WHERE id = 1",
    "UPDATE car SET price = 2, x = x * 2",
    "INSERT INTO maker (name) VALUES ('a'), ('b')",
    "INSERT INTO maker VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'up'",
    "TRUNCATE log",
    "TRUNCATE maker CASCADE",
    "DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log)",
    "UPDATE log SET many = '{}', doc = NULL",
    "UPDATE spread SET id = id + 9 WHERE id = 1",
    "CREATE TABLE new (id serial PRIMARY KEY, a int); INSERT INTO new (a) VALUES (1)",
    "CREATE INDEX extra ON log (what)",
    "CREATE VIEW seen AS SELECT * FROM log",
    "DO $$ BEGIN DELETE FROM log; END $$",
    "BEGIN; SAVEPOINT a; DELETE FROM car; ROLLBACK TO a; UPDATE car SET price = 1; COMMIT",
    "WITH gone AS (DELETE FROM car WHERE id = 3 RETURNING id) INSERT INTO log SELECT 'was ' || id FROM gone",
    "UPDATE maker SET name = '%s %(x)s' WHERE name = '100%'",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_commit_does_it_once_and_undo_restores_it(shop: str, tmp_path: Path, sql: str) -> None:
    case = Case(shop, sql, tmp_path / "kept")
    before, next_value = everything(shop), sequence(shop)
    case.stage()
    case.do("prepare")
    assert (everything(shop), sequence(shop)) == (before, next_value)
    case.do("commit", "commit", "settle", "settle")
    after = everything(shop)
    assert after != before and "revet_commits" not in str(after)
    case.do("undo", "undo", "settle", "undo")
    assert everything(shop) == before


def test_the_difference_is_seen_with_its_locks(shop: str) -> None:
    tried = try_sql(shop, "DELETE FROM maker WHERE id = 1; ALTER TABLE log ADD COLUMN more int")
    counts = {each.table: (each.inserted, each.updated, each.deleted) for each in tried.tables}
    assert counts == {"maker": (0, 0, 1), "car": (0, 0, 2), "log": (2, 0, 0)}
    assert "AccessExclusiveLock on log" in tried.locks
    found = {(str(each.kind), each.target): each for each in observed(tried).effects}
    assert found[("delete", "car")].count == 2 and found[("schema", "log")].reversible is False
    assert not observed(tried).doubts


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("INSERT INTO maker (name) VALUES ('Saab')", "duplicate key"),
        ("SELECT 1;\nDELETE FROM nowhere", "line 2"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "ends another session"),
        ("SELECT setval('maker_id_seq', 100)", "never rolled back"),
        ("COPY log TO PROGRAM 'cat'", "program"),
        ("CREATE INDEX CONCURRENTLY i ON log (what)", "transaction"),
        ("VACUUM", "transaction"),
        ("CREATE DATABASE x", "transaction"),
        ("DO $$ BEGIN PERFORM dblink('x', 'y'); END $$", "dblink"),
        ("DELETE FROM log; ROLLBACK", "ROLLBACK"),
    ],
)
def test_what_cannot_be_staged(shop: str, tmp_path: Path, sql: str, says: str) -> None:
    before = everything(shop)
    with pytest.raises(DraftError, match=says):
        Case(shop, sql, tmp_path / "kept").stage()
    assert everything(shop) == before


def test_a_routine_that_reaches_beyond_is_not_tried(shop: str) -> None:
    with psycopg.connect(shop, autocommit=True) as made:
        made.execute("CREATE FUNCTION far() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_reload_conf(); END $$")
        made.execute("CREATE FUNCTION near() RETURNS void LANGUAGE sql AS 'DELETE FROM log'")
    assert "pg_reload" in str(try_sql(shop, "SELECT far()").untried)
    assert {each.table: each.deleted for each in try_sql(shop, "SELECT near()").tables} == {"log": 2}


def test_a_trigger_that_reaches_beyond_is_not_fired(shop: str) -> None:
    with psycopg.connect(shop, autocommit=True) as made:
        made.execute(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'; RETURN OLD; END $$"
        )
        made.execute("CREATE TRIGGER told AFTER DELETE ON car FOR EACH ROW EXECUTE FUNCTION tell()")
    for sql in ("DELETE FROM car WHERE id = 1", "DELETE FROM maker WHERE id = 1"):
        assert "the trigger told calls program" in str(try_sql(shop, sql).untried)
    assert try_sql(shop, "SELECT * FROM car").complete and try_sql(shop, "DELETE FROM log").complete


def test_a_world_that_moved_and_rows_that_others_wrote(shop: str, tmp_path: Path) -> None:
    case = Case(shop, "UPDATE car SET price = 1", tmp_path / "kept")
    case.stage()
    with psycopg.connect(shop, autocommit=True) as other:
        other.execute("UPDATE car SET price = 5 WHERE id = 1")
        with pytest.raises(WorldMoved, match="car"):
            case.do("prepare")
        case.commit()
        other.execute("UPDATE car SET price = 6 WHERE id = 1")
        after = everything(shop)
        with pytest.raises(UndoConflict, match="car"):
            case.undo()
    assert [each for each in everything(shop) if "revet" not in each] == after


def test_what_differs_each_time_is_not_committed(shop: str, tmp_path: Path) -> None:
    case = Case(shop, "INSERT INTO log (what) VALUES (gen_random_uuid()::text)", tmp_path / "kept")
    case.stage()
    with pytest.raises(WorldMoved, match="write values out"):
        case.do("prepare")


def test_a_lock_is_not_waited_for_and_nobody_waits_for_a_trial(shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop) as other:
        other.execute("LOCK TABLE log IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DraftError, match="lock"):
            Case(shop, "DELETE FROM log", tmp_path / "kept").stage()
    case = Case(shop, "DELETE FROM log", tmp_path / "kept")
    case.stage()
    with psycopg.connect(shop) as other:
        other.execute("LOCK TABLE log IN ACCESS EXCLUSIVE MODE")
        with pytest.raises((CommitError, WorldMoved), match="lock"):
            case.do("prepare")
    case.do("prepare", "commit")


def test_who_may_not_is_told_so(shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as made:
        made.execute("DROP ROLE IF EXISTS clerk")
        made.execute("CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA public TO clerk; GRANT SELECT ON log TO clerk")
    clerk = shop.replace("revet@", "clerk@")
    with pytest.raises(DraftError, match="permission denied"):
        Case(clerk, "DELETE FROM log", tmp_path / "kept").stage()
    with pytest.raises(DatabaseError) as missing:
        try_sql(shop.replace("/postgres?", "/nowhere?"), "SELECT 1")
    assert missing.value.why == "missing" and "nowhere" in str(missing.value)
    with pytest.raises(DatabaseError) as nobody:
        try_sql(shop.replace("revet@", "nobody_at_all@"), "SELECT 1")
    assert nobody.value.why == "credentials"


def test_an_owner_without_superuser_undoes_without_setting_triggers_off_twice(shop: str, tmp_path: Path) -> None:
    with psycopg.connect(shop, autocommit=True) as made:
        made.execute("DROP ROLE IF EXISTS owner")
        made.execute(
            "CREATE ROLE owner LOGIN; GRANT ALL ON SCHEMA public TO owner; GRANT ALL ON log, car, maker TO owner"
        )
    owner = shop.replace("revet@", "owner@")
    case = Case(owner, "UPDATE log SET what = 'x'; DELETE FROM log WHERE at IS NULL", tmp_path / "kept")
    before = everything(shop)
    case.commit()
    case.undo()
    assert everything(shop) == before


VALUE = st.sampled_from(["NULL", "0", "1", "2", "-3"])
WHERE = st.sampled_from(["", " WHERE a = 1", " WHERE b IS NULL", " WHERE a > b"])
DML = st.one_of(
    st.builds("INSERT INTO keyed (a, b) VALUES ({0}, {1}) ON CONFLICT (a) DO UPDATE SET b = 9".format, VALUE, VALUE),
    st.builds("INSERT INTO bag VALUES ({}, {})".format, VALUE, VALUE),
    st.builds("UPDATE {} SET b = {}{}".format, st.sampled_from(["keyed", "bag"]), VALUE, WHERE),
    st.builds("DELETE FROM {}{}".format, st.sampled_from(["keyed", "bag"]), WHERE),
    st.just("INSERT INTO bag SELECT a, b FROM keyed"),
)


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DML, min_size=1, max_size=4))
def test_any_statements_are_undone_exactly(shop: str, tmp_path: Path, statements: list[str]) -> None:
    with psycopg.connect(shop, autocommit=True) as made:
        made.execute(
            "DROP TABLE IF EXISTS keyed, bag; CREATE TABLE keyed (id serial PRIMARY KEY, a int UNIQUE, b int);"
            "CREATE TABLE bag (a int, b int); INSERT INTO keyed (a, b) VALUES (1, 1), (2, NULL), (NULL, 3);"
            "INSERT INTO bag VALUES (1, 2), (1, 2), (NULL, NULL)"
        )
    case = Case(shop, ";".join(statements), tmp_path / f"kept-{len(list(tmp_path.iterdir()))}")
    before = everything(shop)
    changes = case.stage()
    assert everything(shop) == before
    case.do("prepare", "commit", "settle")
    assert (everything(shop) != before) == bool(changes.tables)
    case.undo()
    assert everything(shop) == before
