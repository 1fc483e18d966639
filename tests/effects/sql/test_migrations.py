"""PostgreSQL migrations: what keeps others waiting, breaks programs, or is regretted later."""

from __future__ import annotations

import pytest

from revet.effects.sql import analyse


def words(sql: str) -> set[str]:
    found = analyse(sql, dialect="postgres").effects
    return {each.word.removeprefix("sql/") for each in found if each.kind in ("lock", "style", "schema")}


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("CREATE INDEX i ON s.t (a)", "index-concurrently"),
        ("CREATE UNIQUE INDEX ON s.t (a)", "index-concurrently"),
        ("BEGIN; CREATE INDEX CONCURRENTLY i ON s.t (a); COMMIT", "concurrently-in-transaction"),
        ("DROP INDEX s.i", "drop-index-concurrently"),
        ("REINDEX TABLE s.t", "reindex-concurrently"),
        ("ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0)", "constraint-not-valid"),
        ("ALTER TABLE s.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES s.u (id)", "constraint-not-valid"),
        ("ALTER TABLE s.t ADD COLUMN a bigint REFERENCES s.u (id)", "constraint-not-valid"),
        ("ALTER TABLE s.t ADD CONSTRAINT c UNIQUE (a)", "unique-constraint"),
        ("ALTER TABLE s.t ADD PRIMARY KEY (a)", "primary-key-constraint"),
        ("ALTER TABLE s.t ADD COLUMN a bigserial", "add-serial"),
        ("ALTER TABLE s.t ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY", "add-serial"),
        ("ALTER TABLE s.t ADD COLUMN a bigint GENERATED ALWAYS AS (b * 2) STORED", "add-generated"),
        ("ALTER TABLE s.t ADD COLUMN a uuid DEFAULT gen_random_uuid()", "add-volatile-default"),
        ("ALTER TABLE s.t ADD COLUMN a float8 DEFAULT random()", "add-volatile-default"),
        ("ALTER TABLE s.t ADD COLUMN a text NOT NULL", "add-required"),
        ("ALTER TABLE s.t ALTER COLUMN a TYPE bigint", "change-type"),
        ("ALTER TABLE s.t ALTER a SET DATA TYPE bigint", "change-type"),
        ("ALTER TABLE s.t ALTER COLUMN a SET NOT NULL", "set-not-null"),
        ("ALTER TABLE s.t ALTER COLUMN a DROP NOT NULL", "drop-not-null"),
        ("ALTER TABLE s.t DROP COLUMN a", "drop-column"),
        ("DROP TABLE s.t", "drop-table"),
        ("ALTER TABLE s.t RENAME COLUMN a TO b", "rename"),
        ("ALTER TABLE s.t RENAME TO u", "rename"),
        ("ALTER TABLE s.t DETACH PARTITION s.p", "detach-concurrently"),
        ("ALTER TABLE s.t SET TABLESPACE x", "rewrite"),
        ("TRUNCATE s.t CASCADE", "truncate-cascade"),
        ("BEGIN; ALTER TABLE s.t ADD COLUMN a text", "uncommitted-transaction"),
        ("BEGIN; BEGIN; COMMIT", "transaction-nesting"),
        ("SELECT 1; COMMIT", "transaction-nesting"),
        ("CREATE DOMAIN d AS text CHECK (value <> '')", "domain-constraint"),
        ("ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0)", "domain-constraint"),
        ("ALTER TYPE s.e ADD VALUE 'x'", "enum-order"),
        ("CREATE TABLE s.t (a char(3))", "char-type"),
        ("CREATE TABLE s.t (a varchar(30))", "varchar-limit"),
        ("CREATE TABLE s.t (a character varying(30))", "varchar-limit"),
        ("CREATE TABLE s.t (a integer)", "bigint"),
        ("CREATE TABLE s.t (a smallint)", "smallint"),
        ("CREATE TABLE s.t (a bigint, a text)", "assigned-twice"),
        ("SELECT 1 AS a INTO t", "table-schema"),
        ("BEGIN; SELECT 1", "uncommitted-transaction"),
        ("CREATE TABLE s.t (a timestamp)", "timestamptz"),
        ("CREATE TABLE s.t (a timestamp without time zone)", "timestamptz"),
        ("CREATE TABLE s.t (a bigserial)", "identity"),
        ("CREATE TABLE t (a bigint)", "table-schema"),
        (f"CREATE TABLE s.{'x' * 64} (a bigint)", "long-name"),
        ("CREATE TABLE s.t (a bigint); CREATE TABLE s.u (b bigint)", "run-again"),
        ("UPDATE s.t SET a = 1, a = 2 WHERE id = 1", "assigned-twice"),
        ("UPDATE s.t SET (a, b) = (1, 2), a = 3 WHERE id = 1", "assigned-twice"),
    ],
)
def test_what_is_unsafe(sql: str, word: str) -> None:
    assert word in words(sql), words(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE s.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text NOT NULL, b timestamptz)",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)",
        "BEGIN; CREATE TABLE s.t (a bigint); CREATE INDEX i ON s.t (a); COMMIT",
        "BEGIN; CREATE TABLE s.t (a bigint); ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0); COMMIT",
        "ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE s.t VALIDATE CONSTRAINT c",
        "ALTER TABLE s.t ADD CONSTRAINT c PRIMARY KEY USING INDEX i",
        "ALTER TABLE s.t ADD COLUMN a text",
        "ALTER TABLE s.t ADD COLUMN a timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE s.t ADD COLUMN a bigint DEFAULT 3",
        "REINDEX TABLE CONCURRENTLY s.t",
        "REINDEX (CONCURRENTLY, VERBOSE) INDEX s.i",
        "CREATE TEMP TABLE t (a int)",
        "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT",
        "ALTER TYPE s.e ADD VALUE 'x' BEFORE 'y'",
        "BEGIN; SAVEPOINT a; ROLLBACK TO SAVEPOINT a; COMMIT",
        "UPDATE s.t SET a.x = 1, a.y = 2 WHERE id = 1",
    ],
)
def test_what_is_safe(sql: str) -> None:
    assert not words(sql)
    assert not analyse(sql, dialect="postgres").doubts


def test_a_constraint_is_validated_in_another_transaction() -> None:
    add = "ALTER TABLE s.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;"
    check = "ALTER TABLE s.t VALIDATE CONSTRAINT c;"
    assert "validate-in-transaction" in words(f"BEGIN; {add} {check} COMMIT")
    assert "validate-in-transaction" not in words(f"BEGIN; {add} COMMIT; BEGIN; {check} COMMIT")


def test_the_rules_are_postgresqls() -> None:
    for dialect, sql in (("sqlite", "CREATE INDEX i ON t (a)"), ("mysql", "ALTER TABLE t ADD COLUMN a int NOT NULL")):
        assert not {each.kind for each in analyse(sql, dialect=dialect).effects} & {"lock", "style"}
    assert not words("CREATE TABLE t (a int PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB") - {"table-schema", "bigint"}
    known = analyse("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)").effects
    assert not [each for each in known if each.kind == "style"]


def test_row_security_takes_rights_away() -> None:
    (found,) = analyse("ALTER TABLE s.t ENABLE ROW LEVEL SECURITY", dialect="postgres").effects
    assert (str(found.kind), found.target) == ("privilege", "s.t")
