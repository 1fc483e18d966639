"""Random tables and statements: staging changes nothing, and what is undone is exactly as it was."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actions.sql.sql_worlds import Case, dump, make

VALUE = st.sampled_from(["NULL", "0", "1", "2", "-3", "1.5", "'a'", "'b'", "x'00'", "'it''s'"])
WHERE = st.sampled_from(["", " WHERE a = 1", " WHERE b IS NULL", " WHERE rowid % 2", " WHERE a > b", " WHERE c = 'a'"])
COLUMN = st.sampled_from(["a", "b", "c"])
TABLE = st.sampled_from(["one", "two"])
DML = st.one_of(
    st.builds("INSERT OR IGNORE INTO {} (a, b, c) VALUES ({}, {}, {})".format, TABLE, VALUE, VALUE, VALUE),
    st.builds("REPLACE INTO {} (a, b, c) VALUES ({}, {}, {})".format, TABLE, VALUE, VALUE, VALUE),
    st.builds("UPDATE OR REPLACE {} SET {} = {}{}".format, TABLE, COLUMN, VALUE, WHERE),
    st.builds("DELETE FROM {}{}".format, TABLE, WHERE),
    st.builds("INSERT INTO two SELECT a, b, c FROM one{}".format, WHERE),
)
ROWS = st.lists(st.tuples(TABLE, VALUE, VALUE, VALUE), max_size=8)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.lists(DML, min_size=1, max_size=4))
def test_any_statements_are_undone_exactly(tmp_path: Path, rows: list[tuple[str, ...]], statements: list[str]) -> None:
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    filled = "".join(f"INSERT OR IGNORE INTO {t} (a, b, c) VALUES ({x}, {y}, {z});" for t, x, y, z in rows)
    script = (
        "CREATE TABLE one (a UNIQUE, b, c); CREATE TABLE two (a, b NUMERIC, c TEXT COLLATE NOCASE);"
        "CREATE TRIGGER t AFTER UPDATE ON one BEGIN INSERT INTO two VALUES (old.a, new.b, 'a'); END;"
        "CREATE TRIGGER u AFTER DELETE ON two BEGIN UPDATE one SET c = old.b WHERE a = old.a; END;" + filled
    )
    folder = tmp_path / f"kept-{len(list(tmp_path.iterdir()))}"
    case = Case(make(path, script), ";".join(statements), folder)
    before = dump(path)
    changes = case.stage()
    assert dump(path) == before
    case.do("prepare", "commit", "settle")
    assert (dump(path) != before) == bool(changes.tables)
    case.do("undo", "settle")
    assert dump(path) == before
