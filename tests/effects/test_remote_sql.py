"""Clients of SQL databases: the statements that they are given decide."""

from __future__ import annotations

import pytest

from revet.effects.model import Effect
from revet.effects.shell.classify import analyse


def effects(command: str) -> tuple[Effect, ...]:
    return analyse(command, cwd="/srv/shop", workspace="/srv/shop").effects


@pytest.mark.parametrize(
    "command",
    [
        "psql -c 'select * from users'",
        "psql -h db -U ann shop --command='select 1'",
        "psql -l",
        "psql --version",
        "mysql -u root -e 'show tables' shop",
        "sqlite3 shop.db 'select 1'",
        "sqlite3 -readonly shop.db .schema",
        "duckdb -c 'select 1'",
        "clickhouse-client --query 'select 1'",
        "pg_dump shop",
        "sqlite3 shop.db .dump",
        "mysql -u root -psecret -e 'select 1'",
    ],
)
def test_questions(command: str) -> None:
    assert {effect.kind.value for effect in effects(command)} <= {"read", "fetch", "style"}


@pytest.mark.parametrize(
    "command",
    [
        "psql -c 'drop table users'",
        "psql -c 'select 1' -c 'delete from users'",
        "psql shop <<< 'truncate users'",
        "psql shop <<EOF\ndelete from users;\nEOF",
        "mysql shop -e 'DROP DATABASE shop'",
        "mysql -p -e 'DROP DATABASE shop'",
        "mysql --init-command='DROP DATABASE shop' -e 'select 1'",
        "sqlite3 shop.db 'delete from users'",
        "sqlite3 shop.db 'select 1' 'drop table users'",
        "duckdb a.db 'drop table users'",
        "clickhouse-client -q 'drop table users'",
        "dropdb shop",
        "pg_restore --clean -d shop a.dump",
    ],
)
def test_losses(command: str) -> None:
    assert {"delete", "schema"} & {effect.kind.value for effect in effects(command)}


@pytest.mark.parametrize(
    "command",
    [
        "psql -f migrate.sql",
        "mysql shop < dump.sql",
        "cat a.sql | psql shop",
        'psql -c "$STATEMENT"',
        "sqlplus ann @run.sql",
    ],
)
def test_what_cannot_be_seen_is_unknown(command: str) -> None:
    assert any(effect.kind in ("unknown", "run", "delete") for effect in effects(command))


def test_the_table_is_the_target() -> None:
    found = next(effect for effect in effects("psql -c 'delete from users'") if effect.kind == "delete")
    assert (found.target, found.place, found.wide) == ("users", "database", True)


@pytest.mark.parametrize(
    ("command", "place", "target"),
    [
        ("psql -o /etc/hosts -c 'select 1'", "system", "/etc/hosts"),
        ("psql --output=rows.txt -c 'select 1'", "workspace", "rows.txt"),
        ("mysql --tee=/etc/hosts -e 'select 1'", "system", "/etc/hosts"),
        ("sqlite3 shop.db '.output /etc/a.csv' 'select 1'", "system", "/etc/a.csv"),
        ("sqlite3 shop.db '.backup copy.db'", "workspace", "copy.db"),
        ("duckdb -c \"COPY (SELECT 1) TO 'a.csv'\"", "workspace", "a.csv"),
        ("duckdb -c \"COPY (SELECT 1) TO '/home/ann/a.csv'\"", "home", "/home/ann/a.csv"),
        ("psql -c \"COPY t TO 'a.csv'\"", "elsewhere", "a.csv"),
    ],
)
def test_files_that_a_client_writes_have_their_place_on_this_machine(command: str, place: str, target: str) -> None:
    written = [(effect.place, effect.target) for effect in effects(command) if effect.kind == "write"]
    assert written == [(place, target)]


def test_rows_that_are_piped_to_a_program_are_unknown() -> None:
    assert any(effect.kind == "unknown" for effect in effects("psql -o '|sh' -c 'select 1'"))
