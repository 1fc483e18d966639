"""What a model may write, or a file may hold, to do harm: nothing is written, nothing hangs, and it is all told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from revet.schema import Outcome
from revet.tools import Sql
from revet.tools._sql.child import START

from .sql_worlds import SCRIPT, ask, database

BOMB = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c"
REFUSED = [
    "ATTACH DATABASE '{folder}/other.db' AS other",
    "SELECT load_extension('{folder}/evil.so')",
    "PRAGMA journal_mode = WAL",
    "PRAGMA writable_schema = 1",
    "SELECT * FROM pragma_table_info('maker'); DROP TABLE maker",
    "INSERT INTO maker VALUES (9, 'x', 'y')",
    "WITH x AS (SELECT 1) DELETE FROM maker",
    "DELETE FROM maker RETURNING *",
    "UPDATE maker SET name = 'x'",
    "REPLACE INTO maker VALUES (1, 'x', 'y')",
    "CREATE TEMP TABLE t AS SELECT 1",
    "DROP TABLE maker",
    "VACUUM INTO '{folder}/copy.db'",
    "BEGIN EXCLUSIVE",
    "REINDEX",
    "EXPLAIN DELETE FROM maker",
    "SELECT 1; SELECT 2",
]


@pytest.fixture
def cars(tmp_path: Path) -> Iterator[Sql]:
    tool = Sql(str(database(tmp_path)), seconds=1.0, memory=32 * 2**20)
    yield tool
    tool.close()


@pytest.mark.parametrize("sql", REFUSED)
async def test_what_would_do_more_than_read_is_refused(cars: Sql, tmp_path: Path, sql: str) -> None:
    before = (tmp_path / "cars.db").read_bytes()
    sql = sql.format(folder=tmp_path)
    evidence = await ask(cars, sql)
    assert evidence.outcome is Outcome.inconclusive, evidence.observation
    assert evidence.observation.startswith("not run: "), evidence.observation
    assert (tmp_path / "cars.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["cars.db"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT writefile('{folder}/out', 'x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT edit('x')",
        "SELECT fsdir('/')",
    ],
)
async def test_functions_that_reach_beyond_the_database_are_not_there(cars: Sql, tmp_path: Path, sql: str) -> None:
    evidence = await ask(cars, sql.format(folder=tmp_path))
    assert evidence.outcome in (Outcome.failed, Outcome.inconclusive)
    assert [path.name for path in tmp_path.iterdir()] == ["cars.db"]


@pytest.mark.parametrize(
    ("sql", "outcomes"),
    [
        (BOMB, {Outcome.timeout}),
        ("SELECT a.name FROM maker a" + "".join(f", sale s{n}, car c{n}" for n in range(12)), {Outcome.passed}),
        ("SELECT hex(zeroblob(100000000))", {Outcome.error}),
        ("SELECT group_concat(hex(zeroblob(7000000))) FROM maker a, maker b, maker c", {Outcome.error}),
        (
            "SELECT hex(randomblob(4000000)) FROM car, car, car, car, car",
            {Outcome.error, Outcome.timeout, Outcome.passed},
        ),
        ("SELECT " + "(" * 5000 + "1" + ")" * 5000, {Outcome.failed}),
        ("SELECT " + "NOT " * 20_000 + "1", {Outcome.failed, Outcome.inconclusive}),
        ("SELECT " + "+".join(["1"] * 30_000), {Outcome.failed, Outcome.inconclusive}),
        ("SELECT " + ", ".join(["1"] * 3000), {Outcome.failed, Outcome.inconclusive}),
        ("SELECT 1 " + "UNION SELECT 1 " * 2000, {Outcome.failed, Outcome.inconclusive}),
        ("SELECT '" + "x" * 90_000 + "'", {Outcome.passed}),
        ("SELECT 1\0", {Outcome.failed}),
        ("SELECT '\u202e', '\x1b[31m' FROM maker", {Outcome.passed, Outcome.failed}),
        (";", {Outcome.failed, Outcome.inconclusive}),
        ("/* only a comment", {Outcome.failed, Outcome.inconclusive}),
        ("SELECT x'" + "00" * 40_000 + "'", {Outcome.passed}),
    ],
)
async def test_bombs_end_and_the_next_query_is_answered(cars: Sql, sql: str, outcomes: set[Outcome]) -> None:
    start = time.monotonic()
    evidence = await ask(cars, sql)
    allowed = outcomes | ({Outcome.failed} if outcomes == {Outcome.passed} else set())
    assert evidence.outcome in allowed, evidence.observation[:500]
    assert time.monotonic() - start < 25
    assert len(evidence.observation) < 8000 and len(evidence.model_dump_json()) < 80_000
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_a_huge_text_is_not_even_sent(cars: Sql) -> None:
    evidence = await ask(cars, "SELECT '" + "x" * 100_000_000 + "'")
    assert evidence.outcome is Outcome.error and "characters long" in evidence.observation


async def test_a_huge_result_is_cut(tmp_path: Path) -> None:
    tool = Sql(str(database(tmp_path)), rows=100)
    evidence = await ask(tool, BOMB.replace("SELECT COUNT(*) FROM c", "SELECT x FROM c"))
    assert evidence.outcome is Outcome.passed and "over 100 rows" in evidence.observation
    assert evidence.data["rows"] == 100 and evidence.data["complete"] is False
    assert len(evidence.data["first"]) <= 20  # type: ignore[arg-type]
    tool.close()


async def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = database(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO maker VALUES (7, CAST(x'ff41' AS TEXT), x'00ff')")
        connection.commit()
    tool = Sql(str(path))
    evidence = await ask(tool, "SELECT name, country FROM maker WHERE id = 7")
    assert evidence.data["first"] == [["\ufffdA", "x'00ff' (2 bytes)"]]
    tool.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"SQLite format 3\0" + b"\xff" * 4000, "cannot be read"),
        (b"not a database at all" * 100, "not a database"),
        (b"\0" * 8 + b"DUCK" + b"\xff" * 5000, "cannot be"),
    ],
)
async def test_a_corrupt_file_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "bad.db").write_bytes(content)
    tool = Sql(str(tmp_path / "bad.db"))
    evidence = await ask(tool, "SELECT * FROM t")
    assert evidence.outcome is Outcome.inconclusive, evidence.observation
    assert why in evidence.observation
    assert (tmp_path / "bad.db").read_bytes() == content
    tool.close()


async def test_a_torn_file_is_told(tmp_path: Path) -> None:
    path = database(tmp_path, SCRIPT + "CREATE TABLE much AS SELECT hex(randomblob(3000)) AS h FROM car, car, car;")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    tool = Sql(str(path))
    assert (await ask(tool, "SELECT COUNT(h) FROM much")).outcome in (Outcome.inconclusive, Outcome.failed)
    tool.close()


async def test_a_locked_database_is_told(cars: Sql, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "cars.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        evidence = await ask(cars, "SELECT name FROM maker")
        assert evidence.outcome is Outcome.inconclusive and "locked" in evidence.observation
        other.execute("ROLLBACK")
        assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_a_write_ahead_log_is_read_where_it_is_idle_or_open(tmp_path: Path) -> None:
    path = database(tmp_path, "PRAGMA journal_mode = WAL;" + SCRIPT)
    tool = Sql(str(path))
    assert (await ask(tool, "SELECT name FROM maker")).data["rows"] == 4
    assert [each.name for each in tmp_path.iterdir()] == ["cars.db"]
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO maker VALUES (8, 'Lancia', 'Italy')")
        other.commit()
        assert (await ask(tool, "SELECT name FROM maker")).data["rows"] == 5
    tool.close()


async def test_a_database_left_in_the_middle_of_a_write_is_told(tmp_path: Path) -> None:
    """Its journal is to be rolled back, and that would be writing."""
    path = database(tmp_path, SCRIPT + "CREATE TABLE much AS SELECT hex(randomblob(2000)) AS h FROM car, car, car;")
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN'); c.execute('UPDATE much SET h = h || h'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert (tmp_path / "cars.db-journal").stat().st_size
    before = path.read_bytes()
    tool = Sql(str(path))
    evidence = await ask(tool, "SELECT COUNT(*) FROM much")
    assert evidence.outcome is Outcome.inconclusive, evidence.observation
    assert path.read_bytes() == before
    tool.close()


async def test_a_killed_process_is_replaced(cars: Sql) -> None:
    await ask(cars, "SELECT 1")
    process = cars._child._process
    assert process is not None
    asking = asyncio.create_task(ask(cars, BOMB))
    await asyncio.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    evidence = await asking
    assert evidence.outcome is Outcome.inconclusive and "ended" in evidence.observation
    assert (await ask(cars, "SELECT name FROM maker")).outcome is Outcome.passed


async def test_a_script_may_make_tables_and_nothing_else(tmp_path: Path) -> None:
    for evil in (f"ATTACH '{tmp_path}/x.db' AS x", f"VACUUM INTO '{tmp_path}/x.db'", f"SELECT {BOMB[5:]}"):
        tool = Sql(":memory:", script=f"CREATE TABLE t (a); {evil};", seconds=1.0)
        evidence = await ask(tool, "SELECT a FROM t")
        assert evidence.outcome is Outcome.inconclusive, evidence.observation
        tool.close()
    assert not list(tmp_path.iterdir())


async def test_names_in_a_schema_are_data(tmp_path: Path) -> None:
    """A table and a value with quotes, and a view over what is gone."""
    script = """
    CREATE TABLE "we""ird '; DROP TABLE x; --" ("a ""b" TEXT); CREATE TABLE plain (a TEXT);
    INSERT INTO "we""ird '; DROP TABLE x; --" VALUES ('o''neil'); INSERT INTO plain VALUES ('x');
    CREATE VIEW broken AS SELECT * FROM gone;
    """
    tool = Sql(str(database(tmp_path, script)))
    evidence = await ask(tool, "SELECT a FROM plain WHERE a = 'O''Neil; DROP TABLE plain'", "Which a is O'Neil?")
    assert "rules_failed" not in evidence.data and evidence.outcome in (Outcome.passed, Outcome.failed)
    evidence = await ask(tool, 'SELECT "a ""b" FROM "we""ird \'; DROP TABLE x; --" WHERE "a ""b" = \'no\'')
    assert evidence.outcome is Outcome.passed and "rules_failed" not in evidence.data
    tool.close()


def test_the_examining_process_loads_nothing_of_revet() -> None:
    code = "import runpy, sys; sys.argv[1:] = [str(4 << 30)]; start = sys.stdin.readline()[:-1]; "
    code += "runpy.run_path(start, run_name='__main__')"
    told = "; print(sorted(m for m in sys.modules if m.partition('.')[0] == 'revet'), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code + told], input=f"{START}\n", capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1:] == ["[]"]
