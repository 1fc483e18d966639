"""DuckDB, as a file and from a script: what is told, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.schema import Outcome
from revet.tools import Sql

from .sql_worlds import SCRIPT, ask, found

duckdb: Any = pytest.importorskip("duckdb", reason="pip install 'revet[duckdb]'")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cars.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    return path


@pytest.fixture
def cars(file: Path) -> Iterator[Sql]:
    tool = Sql(str(file), seconds=1.0, memory=128 * 2**20)
    yield tool
    tool.close()


async def test_a_query_is_examined_as_in_sqlite(cars: Sql) -> None:
    evidence = await ask(cars, "SELECT name, COUNT(*) AS n FROM maker GROUP BY name ORDER BY name")
    assert evidence.outcome is Outcome.passed
    assert evidence.data["first"] == [["Fiat", "2"], ["Saab", "1"], ["Volvo", "1"]]
    wrong = await ask(cars, "SELECT nmae FROM maker")
    assert wrong.outcome is Outcome.failed
    assert "maker.name" in str(found(wrong)["sql/unknown-column"].suggestion)
    joined = await ask(cars, "SELECT m.name FROM maker m JOIN sale s ON m.id = s.year", "Which makers have sales?")
    assert "shape/join-matches-nothing" in found(joined)
    dialect = await ask(cars, "SELECT GETDATE()")
    assert "CURRENT_TIMESTAMP" in dialect.observation


async def test_a_script_makes_a_duckdb_database(tmp_path: Path) -> None:
    (tmp_path / "cars.sql").write_text(SCRIPT)
    for tool in (Sql(f"duckdb:{tmp_path}/cars.sql"), Sql("duckdb::memory:", script=SCRIPT)):
        evidence = await ask(tool, "SELECT name FROM maker QUALIFY row_number() OVER (ORDER BY id) = 1")
        assert evidence.data["first"] == [["Volvo"]]
        tool.close()


@pytest.mark.parametrize(
    "sql",
    [
        "COPY maker TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET memory_limit = '10GB'",
        "SET enable_external_access = true",
        "CALL pragma_version()",
        "INSERT INTO maker VALUES (9, 'x', 'y')",
        "CREATE TABLE t AS SELECT 1",
        "CREATE SECRET (TYPE s3)",
        "SELECT 1; DROP TABLE maker",
        "CHECKPOINT",
    ],
)
async def test_what_would_do_more_than_read_is_refused(cars: Sql, file: Path, sql: str) -> None:
    before = file.read_bytes()
    evidence = await ask(cars, sql.format(folder=file.parent))
    assert evidence.outcome is Outcome.inconclusive, evidence.observation
    assert evidence.observation.startswith("not run: "), evidence.observation
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["cars.duckdb"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "FROM read_blob('/etc/hostname')",
        "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
    ],
)
async def test_no_other_file_is_read(cars: Sql, file: Path, sql: str) -> None:
    evidence = await ask(cars, sql.format(folder=file.parent))
    assert evidence.outcome in (Outcome.failed, Outcome.inconclusive), evidence.observation
    assert "root:" not in evidence.observation


async def test_bombs_end_and_the_next_query_is_answered(cars: Sql) -> None:
    for sql in (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c",
        "SELECT COUNT(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
        "SELECT list(x) FROM range(100000000) t(x)",
        "SELECT repeat('x', 1000000000)",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    ):
        evidence = await ask(cars, sql)
        assert evidence.outcome is not Outcome.passed, sql
        assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed, sql


async def test_a_locked_or_corrupt_file_is_told(file: Path, cars: Sql) -> None:
    with duckdb.connect(str(file)):
        evidence = await ask(cars, "SELECT name FROM maker")
        assert evidence.outcome is Outcome.inconclusive and "lock" in evidence.observation.lower()
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed
    data = file.read_bytes()
    file.write_bytes(data[:5000])
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.inconclusive
