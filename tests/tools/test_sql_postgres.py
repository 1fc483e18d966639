"""PostgreSQL, on a real server: what is told, and that nothing a model writes there stays or reaches further."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.schema import Outcome
from revet.tools import Sql

from .postgres import postgres as postgres
from .sql_worlds import SCRIPT, ask, found

psycopg: Any = pytest.importorskip("psycopg", reason="pip install 'revet[postgres]'")

MORE = """
CREATE SCHEMA shop; CREATE TABLE shop.till (id INTEGER PRIMARY KEY, amount NUMERIC(8, 2), "Taken At" TIMESTAMPTZ);
INSERT INTO shop.till VALUES (1, 12.50, '2026-01-01 10:00Z');
CREATE SEQUENCE counter;
CREATE FUNCTION sneaky() RETURNS INTEGER LANGUAGE sql AS $$ DELETE FROM sale RETURNING 1 $$;
"""


@pytest.fixture(scope="module")
def url(postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(SCRIPT)
        connection.execute(MORE)
    return postgres


@pytest.fixture
def cars(url: str) -> Iterator[Sql]:
    tool = Sql(url, seconds=1.0)
    yield tool
    tool.close()


def sales(url: str) -> tuple[Any, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT COUNT(*) FROM sale), (SELECT COUNT(*) FROM pg_class), (SELECT last_value FROM counter)"
        ).fetchone()
    return tuple(row)


async def test_a_query_is_examined_as_in_sqlite(cars: Sql) -> None:
    evidence = await ask(
        cars, "SELECT name, COUNT(*) AS n FROM maker WHERE name LIKE '%a%' GROUP BY name ORDER BY name"
    )
    assert evidence.outcome is Outcome.passed, evidence.observation
    assert evidence.data["first"] == [["Fiat", "2"], ["Saab", "1"]]
    wrong = await ask(cars, "SELECT nmae FROM maker")
    assert wrong.outcome is Outcome.failed
    assert "maker.name" in str(found(wrong)["sql/unknown-column"].suggestion)
    ambiguous = await ask(cars, "SELECT id FROM car JOIN maker ON maker.id = car.maker")
    assert "maker.id" in str(found(ambiguous)["sql/ambiguous-column"].suggestion)
    joined = await ask(cars, "SELECT m.name FROM maker m JOIN sale s ON m.id = s.year", "Which makers have sales?")
    assert "shape/join-matches-nothing" in found(joined)


async def test_other_schemas_and_types_are_known(cars: Sql) -> None:
    evidence = await ask(cars, 'SELECT amount, "Taken At" FROM shop.till')
    assert evidence.data["types"] == ["decimal", "datetime"]
    assert evidence.data["first"][0][0] == "12.50"  # type: ignore[index]
    wrong = await ask(cars, "SELECT amonut FROM shop.till")
    assert "shop.till.amount" in str(found(wrong)["sql/unknown-column"].suggestion)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO maker VALUES (9, 'x', 'y')",
        "WITH gone AS (DELETE FROM sale RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copied FROM maker",
        "SELECT nextval('counter')",
        "SELECT sneaky()",
        "SELECT 1; DELETE FROM sale",
        "SELECT 1; COMMIT; DELETE FROM sale",
        "SELECT 1) TO PROGRAM 'touch /tmp/owned'; --",
        "COPY maker TO PROGRAM 'touch {folder}/owned'",
        "COPY maker TO '{folder}/owned'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT \"pg_ls_dir\"('/')",
        "SELECT lo_export(1, '{folder}/owned')",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT dblink_exec('x', 'y')",
        "SELECT '/*' || pg_read_file/**/('/etc/passwd')",
        "SELECT U&\"pg\\005fread_file\"('/etc/passwd')",
        "SELECT query_to_xml('SELECT pg_backend_pid()', true, true, '')",
        "SET TRANSACTION READ WRITE",
        "EXPLAIN ANALYZE DELETE FROM sale",
        "DO $$ BEGIN DELETE FROM sale; END $$",
        "CALL x()",
        "LOCK TABLE sale",
        "SELECT * FROM sale FOR UPDATE",
        "NOTIFY x",
        "-- harmless\nDROP TABLE sale",
        "/* a */ VACUUM",
    ],
)
async def test_nothing_is_written_and_nothing_reached(cars: Sql, url: str, tmp_path: Path, sql: str) -> None:
    before = sales(url)
    evidence = await ask(cars, sql.format(folder=tmp_path))
    assert evidence.outcome in (Outcome.inconclusive, Outcome.failed), evidence.observation
    assert "root:" not in evidence.observation
    assert sales(url) == before
    assert not list(tmp_path.iterdir())
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_bombs_end_and_the_next_query_is_answered(cars: Sql) -> None:
    for sql, outcomes in (
        ("SELECT pg_sleep(30)", {Outcome.timeout}),
        ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c", {Outcome.timeout}),
        ("SELECT repeat('x', 2000000000)", {Outcome.error, Outcome.failed, Outcome.inconclusive}),
        ("SELECT " + "(" * 4000 + "1" + ")" * 4000, {Outcome.passed, Outcome.failed, Outcome.error}),
        ("SELECT '\0'", {Outcome.failed, Outcome.inconclusive}),
    ):
        evidence = await ask(cars, sql)
        assert evidence.outcome in outcomes, (sql[:60], evidence.observation)
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_a_result_without_end_is_cut(url: str) -> None:
    tool = Sql(url, rows=50)
    evidence = await ask(tool, "SELECT generate_series(1, 100000000) AS n")
    assert evidence.outcome is Outcome.passed and evidence.data["complete"] is False
    tool.close()


async def test_a_locked_table_is_told(cars: Sql, url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE maker IN ACCESS EXCLUSIVE MODE")
        evidence = await ask(cars, "SELECT name FROM maker")
        assert evidence.outcome in (Outcome.timeout, Outcome.inconclusive), evidence.observation
        other.rollback()
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    tool = Sql("postgresql://ann:hunter2@127.0.0.1:1/shop", seconds=1.0)
    evidence = await ask(tool, "SELECT 1")
    assert evidence.outcome is Outcome.inconclusive
    assert "hunter2" not in evidence.model_dump_json()
    assert evidence.source == "postgresql://127.0.0.1:1/shop"
    tool.close()
