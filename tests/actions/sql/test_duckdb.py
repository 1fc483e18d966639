"""DuckDB: staged, committed once, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import DraftError, UndoConflict
from tests.actions.sql.sql_worlds import Case

DUCK = [
    "DELETE FROM t WHERE id = 1",
    "UPDATE t SET v = v * 2, s = NULL",
    "INSERT INTO l VALUES (1), (1), (NULL)",
    "CREATE TABLE z AS SELECT * FROM t",
    "CREATE VIEW w AS SELECT 1 AS a",
    "DELETE FROM l",
]


@pytest.fixture
def duck(tmp_path: Path) -> tuple[str, Any]:
    duckdb = pytest.importorskip("duckdb", reason="pip install 'revet[duckdb]'")
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v DOUBLE, s VARCHAR, d DATE); CREATE TABLE l (x INTEGER)")
        made.execute("INSERT INTO t VALUES (1, 0.1, 'a', DATE '2026-01-02'), (2, 1e300, 'ü', NULL)")
        made.execute("INSERT INTO l VALUES (1), (1), (2)")

    def look() -> list[str]:
        with duckdb.connect(str(path), read_only=True) as seen:
            names = [row[0] for row in seen.execute("SELECT table_name FROM information_schema.tables").fetchall()]
            return sorted(
                names + [f"{n} {row}" for n in names for row in seen.execute(f"SELECT * FROM {n}").fetchall()]
            )

    return f"duckdb:///{path}", look


@pytest.mark.parametrize("sql", DUCK)
def test_duckdb_is_committed_and_undone_too(tmp_path: Path, duck: tuple[str, Any], sql: str) -> None:
    url, look = duck
    case = Case(url, sql, tmp_path / "kept")
    before = look()
    case.stage()
    case.do("prepare")
    assert look() == before
    case.do("commit", "commit", "settle")
    assert look() != before and "revet_commits" not in str(look())
    case.do("undo", "undo", "settle")
    assert look() == before


def test_duckdb_reaches_no_file_and_says_what_it_cannot_undo(tmp_path: Path, duck: tuple[str, Any]) -> None:
    url, _ = duck
    with pytest.raises(DraftError):
        Case(url, f"COPY t TO '{tmp_path}/out.csv'", tmp_path / "kept").stage()
    with pytest.raises(DraftError, match="beyond"):
        Case(url, "INSERT INTO l SELECT 1 FROM read_csv('/etc/passwd')", tmp_path / "kept").stage()
    case = Case(url, "DROP TABLE l", tmp_path / "kept")
    (table,) = case.stage().tables
    assert not table.reversible and "shape" in table.why and not case.handler.reversible(case.action)
    case.do("prepare", "commit", "settle")
    with pytest.raises(UndoConflict, match="cannot be taken back"):
        case.undo()
