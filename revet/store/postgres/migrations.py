"""The form of the database: what each room keeps in it, in the order in which that came to be.

`MIGRATIONS` only ever grows: number N brings a database of form N - 1 to form N. All that are missing run in one
transaction under a lock of the database, so whoever looks finds one form or the other, never one between them.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from revet.errors import StoreError

__all__ = ["MIGRATIONS", "SCHEMA", "form_of", "migrate"]

SCHEMA = "revet"
LOCK = 0x72657665_74  # of this program, among the advisory locks of the database

# Texts are compared byte by byte (COLLATE "C"), as SQLite does.
RUNS = """
CREATE TABLE revet.runs (
    number bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" PRIMARY KEY,
    task text COLLATE "C" NOT NULL,
    task_digest text COLLATE "C" NOT NULL,
    workspace text COLLATE "C",
    begun_at text COLLATE "C" NOT NULL,
    outcome text COLLATE "C",
    rounds integer NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    undone boolean NOT NULL DEFAULT false,
    goal text COLLATE "C" NOT NULL DEFAULT '',
    recipe text COLLATE "C",
    setup text,
    body text
);
CREATE INDEX runs_by_task ON revet.runs (task, task_digest, begun_at);
CREATE INDEX runs_by_time ON revet.runs (begun_at DESC, number DESC);
"""

LEASES = """
CREATE TABLE revet.leases (
    key text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    until timestamptz NOT NULL
);
"""

REPLIES = """
CREATE TABLE revet.replies (
    run text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    reply text NOT NULL,
    PRIMARY KEY (run, key)
);
"""

# English stems without stop words, as FTS5 has them: whether a word says something is decided before it is asked for.
NOTES = """
CREATE TEXT SEARCH DICTIONARY revet.stems (TEMPLATE = pg_catalog.snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION revet.words (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION revet.words ALTER MAPPING REPLACE pg_catalog.english_stem WITH revet.stems;
CREATE TABLE revet.notes (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    kind text COLLATE "C" NOT NULL,
    text text NOT NULL,
    goal text NOT NULL,
    run text COLLATE "C" NOT NULL,
    uses integer NOT NULL DEFAULT 0,
    data text NOT NULL,
    used_at text COLLATE "C" NOT NULL,
    words tsvector NOT NULL DEFAULT '',
    length integer NOT NULL DEFAULT 0
);
CREATE INDEX notes_by_kind ON revet.notes (kind, number);
CREATE INDEX notes_by_word ON revet.notes USING gin (words);
CREATE TABLE revet.sources (
    note text COLLATE "C" NOT NULL REFERENCES revet.notes (id) ON DELETE CASCADE,
    run text COLLATE "C" NOT NULL,
    PRIMARY KEY (note, run)
);
CREATE INDEX sources_by_run ON revet.sources (run);
CREATE TABLE revet.recalls (
    note text COLLATE "C" NOT NULL REFERENCES revet.notes (id) ON DELETE CASCADE,
    run text COLLATE "C" NOT NULL,
    PRIMARY KEY (note, run)
);
"""

ANSWERS = """
CREATE TABLE revet.answers (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    at double precision NOT NULL,
    source text NOT NULL,
    body text NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX answers_by_time ON revet.answers (at, kind, key, bytes);
"""

MIGRATIONS: tuple[str, ...] = (RUNS, LEASES, REPLIES, NOTES, ANSWERS)

# Asked of the catalogue itself: `to_regclass` may answer from before the lock was waited for.
_SCHEMA = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'revet'"
_TABLE = (
    "SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'revet' AND c.relname = 'form'"
)


def form_of(connection: Connection[Any]) -> int:
    """The form of the database, 0 for one that holds nothing of ours. StoreError for one of a newer version."""
    if connection.execute(_TABLE).fetchone() is None:
        return 0
    found = connection.execute("SELECT number FROM revet.form").fetchone()
    form = int(found[0]) if found else 0
    if form > len(MIGRATIONS):
        raise StoreError(
            f"the database {connection.info.dbname} was written by a newer revet (form {form}, this one knows"
            f" {len(MIGRATIONS)})",
            hint="upgrade revet, or name another database",
        )
    return form


def migrate(connection: Connection[Any]) -> None:
    """Bring the database to the newest form, wholly or not at all. Several processes may do so at once."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        form = form_of(connection)
        if form == len(MIGRATIONS):
            return
        if form == 0:
            if connection.execute(_SCHEMA).fetchone() is None:
                connection.execute("CREATE SCHEMA revet")  # asked first: a schema may be made for a user who may not
            connection.execute("CREATE TABLE revet.form (number integer NOT NULL)")
            connection.execute("INSERT INTO revet.form VALUES (0)")
        for script in MIGRATIONS[form:]:
            connection.execute(script.encode())
        connection.execute("UPDATE revet.form SET number = %s", (len(MIGRATIONS),))
