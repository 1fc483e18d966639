"""What SQL would do, read from its text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.effects.sql import analyse, lex, split


def kinds(sql: str, dialect: str | None = "sqlite") -> set[tuple[str, str]]:
    return {(str(each.kind), each.target) for each in analyse(sql, dialect=dialect).effects}


def harmless(sql: str, dialect: str | None = None) -> bool:
    found = analyse(sql, dialect=dialect)
    return not found.doubts and {str(each.kind) for each in found.effects} <= {"read"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, count(*) FROM t JOIN s ON s.id = t.id WHERE a IN (1, 2) GROUP BY a HAVING max(b) > 1 ORDER BY 2",
        "WITH x (a, b) AS (SELECT 1, 2), y AS (SELECT * FROM x) SELECT * FROM y",
        "SELECT CASE WHEN lower(name) LIKE '%drop table%' THEN 1 END FROM t -- DELETE FROM t",
        "SELECT coalesce(a, 0)::numeric(8, 2), row_number() OVER (PARTITION BY b ORDER BY c) FROM s.t",
        "VALUES (1), (2)",
        "EXPLAIN DELETE FROM t",
        "SELECT replace(a, 'DELETE', '') FROM t; SELECT 2;",
        "PRAGMA table_info(t)",
        "SHOW TABLES",
        "SELECT * FROM t /* UPDATE t SET a = 1 */",
        "BEGIN; SELECT 1; COMMIT",
    ],
)
def test_what_only_reads(sql: str) -> None:
    assert harmless(sql), analyse(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO s.t (a) VALUES (1)", ("create", "s.t")),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", ("write", "t")),
        ("REPLACE INTO t VALUES (1)", ("write", "t")),
        ('UPDATE "My Table" SET a = 1 WHERE id = 3', ("write", "My Table")),
        ("DELETE FROM t WHERE id = 3", ("delete", "t")),
        ("TRUNCATE TABLE a, b", ("delete", "b")),
        ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", ("delete", "t")),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", ("delete", "t")),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", ("write", "t")),
        ("EXPLAIN ANALYZE DELETE FROM t", ("delete", "t")),
        ("EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", ("write", "t")),
        ("DROP TABLE IF EXISTS a, b CASCADE", ("delete", "b")),
        ("DROP VIEW v", ("schema", "v")),
        ("ALTER TABLE t DROP COLUMN a", ("delete", "t")),
        ("CREATE TABLE t (a int)", ("create", "t")),
        ("SELECT * INTO copy FROM t", ("create", "copy")),
        ("GRANT ALL ON t TO public", ("privilege", "t")),
        ("CREATE USER x PASSWORD 'y'", ("privilege", "x")),
        ("SELECT pg_terminate_backend(12)", ("process", "")),
        ("SELECT load_extension('x.so')", ("run", "x.so")),
        ("SELECT lo_unlink(3)", ("delete", "")),
        ("SELECT dblink_exec('host=x', 'DROP TABLE t')", ("remote_write", "host=x")),
        ("COPY t TO PROGRAM 'sh -c x'", ("run", "sh -c x")),
        ("COPY t FROM '/etc/passwd'", ("read", "/etc/passwd")),
        ("SELECT 1 INTO OUTFILE '/var/www/x.php' FROM t", ("write", "/var/www/x.php")),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", ("create", "t")),
        ("ATTACH 'other.db' AS o", ("write", "other.db")),
        ("PRAGMA writable_schema = 1", ("schema", "")),
        ("ALTER SYSTEM SET x = 1", ("service", "")),
        ("SET GLOBAL x = 1", ("service", "")),
        ("KILL 12", ("process", "")),
        ("EXEC xp_cmdshell('dir')", ("run", "dir")),
        ("VACUUM FULL", ("lock", "")),
        ("INSTALL httpfs", ("install", "")),
        (".shell rm -rf ~", ("run", "rm -rf ~")),
        ("SELECT 1;\n\\! rm -rf /", ("run", "rm -rf /")),
        ("NOTIFY x", ("send", "")),
    ],
)
def test_effects(sql: str, expected: tuple[str, str]) -> None:
    assert expected in kinds(sql, None), analyse(sql)


@pytest.mark.parametrize(
    ("sql", "wide"),
    [
        ("DELETE FROM t", True),
        ("DELETE FROM t WHERE 1 = 1", True),
        ("DELETE FROM t WHERE true", True),
        ("DELETE FROM t WHERE id = id", True),
        ("DELETE FROM t WHERE id = 3 OR 'a' = 'a'", True),
        ("DELETE FROM t WHERE NOT 1 = 2", True),
        ("DELETE FROM t WHERE name LIKE '%'", True),
        ("DELETE FROM t WHERE id IS NOT NULL", True),
        ("UPDATE t SET a = 1", True),
        ("UPDATE t SET a = (SELECT 1 FROM s WHERE s.id = 2)", True),
        ("UPDATE t SET a = 1 LIMIT 5", True),
        ("DELETE FROM t WHERE id = 3", False),
        ("DELETE FROM t WHERE id = 3 AND 1 = 1", False),
        ("DELETE FROM t WHERE 1 = 2", False),
    ],
)
def test_a_condition_that_always_holds_is_none(sql: str, wide: bool) -> None:
    assert [each.wide for each in analyse(sql).effects if each.kind in ("write", "delete")] == [wide]


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";;;",
        "-- nothing",
        "SELEC 1",
        'DROP TABLE "t',
        "SELECT 'a",
        "DO $$ BEGIN DELETE FROM t; END $$",
        "CALL p()",
        "EXECUTE x",
        "SELECT my_function(1)",
        "SELECT query_to_xml('DELETE FROM t', true, true, '')",
        "SELECT 1 /*! ; DROP TABLE t */",
        "SELECT '\\'; DROP TABLE t; -- '",
        "SELECT 1 /* a /* b */ ; DROP TABLE t; -- */",
        "\\i other.sql",
        "SELECT 'drop table t' \\gexec",
        "BEGIN DELETE FROM t END",
        "USE x DROP TABLE t",
        "SET NOCOUNT ON DELETE FROM t",
        "COMMIT DELETE FROM t",
        "SELECT 1 DROP TABLE t",
        'SELECT "\\" /* ", 1; DROP TABLE t; -- */',
        "SELECT `; DROP TABLE t; -- `",
        "SELECT [a'b], 1; DROP TABLE t; --'",
        "SELECT 1 # '\n; DROP TABLE t -- '",
        "SELECT 1 --1; DROP TABLE t",
        "SELECT $$; DROP TABLE t; -- $$",
        "SELECT E'\\'; DROP TABLE t; --'",
        ".read other.sql",
        "SELECT 1 \x00 FROM t",
        "DECLARE @x varchar(9) = 'a'; EXEC(@x)",
        "\x7fELF\x01\x02",
    ],
)
def test_what_cannot_be_told_is_a_doubt(sql: str) -> None:
    assert analyse(sql).doubts


def test_an_unknown_dialect_is_a_doubt_and_a_url_names_one() -> None:
    assert analyse("SELECT 1", dialect="oracle").doubts
    assert not analyse("SELECT 1", dialect="postgresql://x@y/z").doubts


def test_statements_are_split_where_they_end() -> None:
    trigger = "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM x; UPDATE y SET a = ';'; END"
    text = f"{trigger}; SELECT $q$;$q$, ';' ;\nTABLE t"
    found, doubts = split(text, "postgres")
    assert [each.head for each in found] == ["CREATE", "SELECT", "TABLE"] and not doubts
    assert [each.line for each in found] == [1, 1, 2]
    assert all(text[each.start :].startswith(each.text) for each in found)


def test_a_conditional_comment_is_carried_out_in_mysql_alone() -> None:
    text = "SELECT 1 /*!50000 ; DROP TABLE t */"
    assert ("delete", "t") in kinds(text, "mysql")
    assert kinds(text, "postgres") == {("read", "")}


def test_a_very_long_text_is_not_read() -> None:
    assert analyse("SELECT 1 " + "x" * 3_000_000).doubts


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80))
def test_any_text_is_read_or_doubted(text: str) -> None:
    for dialect in (None, "postgres", "mysql", "sqlite"):
        found = analyse(text, dialect=dialect)
        assert found.effects or found.doubts or found.commands
        tokens, _ = lex(text)
        assert all(text[token.start : token.start + len(token.text)] == token.text for token in tokens)


PIECE = st.sampled_from(
    [
        "'",
        '"',
        "`",
        "$$",
        "/*",
        "*/",
        "--",
        "\n",
        ";",
        "(",
        ")",
        " ",
        "a",
        "SELECT",
        "1",
        "\\",
        "E'",
        "/*!",
        "#",
        "[",
        "]",
    ]
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(PIECE, max_size=12).map("".join), st.sampled_from(["DROP TABLE t", "DELETE FROM t", "TRUNCATE TABLE t"])
)
def test_what_deletes_is_never_lost_behind_quotes(before: str, statement: str) -> None:
    """If a dialect reads the statement as one, then so it is where the dialect is not known, or there is a doubt."""
    text = f"SELECT 1 {before};\n{statement}"
    found = analyse(text)
    for dialect in ("postgres", "mysql", "sqlite", "tsql"):
        inside = analyse(text, dialect=dialect)
        if any(each.kind == "delete" for each in inside.effects):
            assert found.doubts or any(each.kind == "delete" for each in found.effects), (text, dialect)
