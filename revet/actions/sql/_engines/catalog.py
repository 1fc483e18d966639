"""What PostgreSQL's catalogues are asked, and the settings under which rows travel as texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from .base import Fault, quoted

__all__ = [
    "COLUMNS",
    "KEY",
    "MOST_LOCKED",
    "PORTION",
    "SCHEMA",
    "SEQUENCES",
    "SETTINGS",
    "TABLES",
    "WRITING",
    "fired",
    "hidden",
    "named",
    "reaching",
    "secrets_of",
    "shown",
    "unreached",
]

SETTINGS = (
    "-c standard_conforming_strings=on -c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=postgres -c bytea_output=hex "
    "-c extra_float_digits=1 -c xmloption=content -c idle_in_transaction_session_timeout=600000 -c row_security=off "
    "-c client_min_messages=error"
)
WRITING = ("RowExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind, bool_or(l.mode = 'AccessExclusiveLock'),
       coalesce(max(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0) > 0, c.xmin = pg_current_xact_id()::xid
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_xact_user_tables s ON s.relid = c.oid
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = ANY(%s) AND c.relpersistence <> 't'
  AND c.relkind IN ('r', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY c.oid, n.nspname, c.relname, c.relkind, c.xmin ORDER BY n.nspname, c.relname
"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '' FROM pg_attribute a
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
KEY = """
SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(num, place)
JOIN pg_attribute a ON a.attnum = k.num WHERE i.indrelid = %s AND a.attrelid = i.indrelid AND i.indisprimary
ORDER BY k.place
"""
SCHEMA = """
SELECT n.nspname, c.relname, c.relkind::text, coalesce(pg_get_viewdef(c.oid), '')
  || coalesce((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull
       || coalesce(pg_get_expr(d.adbin, d.adrelid), ''), ',' ORDER BY a.attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
  || coalesce((SELECT string_agg(k.conname || pg_get_constraintdef(k.oid) || k.convalidated, ',' ORDER BY k.conname)
     FROM pg_constraint k WHERE k.conrelid = c.oid), '')
  || CASE WHEN c.relkind = 'i' THEN pg_get_indexdef(c.oid) ELSE '' END || c.relowner || coalesce(c.relacl::text, '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'i', 'S', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
UNION ALL
SELECT n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', 'function',
  md5(coalesce(p.prosrc, '')) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
UNION ALL
SELECT n.nspname, c.relname || '.' || t.tgname, 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal
"""
SEQUENCES = """
SELECT n.nspname, s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  AND lower(t.relname) = ANY(%s)
"""
FIRED = """
WITH RECURSIVE edge(one, other) AS (
  SELECT confrelid, conrelid FROM pg_constraint WHERE contype = 'f'
  UNION ALL SELECT inhparent, inhrelid FROM pg_inherits UNION ALL SELECT inhrelid, inhparent FROM pg_inherits
), reached(oid) AS (
  SELECT oid FROM pg_class WHERE lower(relname) = ANY(%s) UNION SELECT edge.other FROM edge JOIN reached ON one = oid
)
SELECT DISTINCT t.tgname, p.proname, l.lanname, l.lanpltrusted, p.prosrc FROM reached r
JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang ORDER BY 1
"""
MOST_LOCKED, PORTION = 2_000_000, 20_000
REACHING = [
    "dblink",
    "postgres_fdw",
    "file_fdw",
    "http",
    "pg_net",
    "plpython3u",
    "plperlu",
    "pltclu",
    "plsh",
    "adminpack",
]
BEYOND = re.compile(
    r"\b(dblink\w*|lo_export|lo_import|pg_(?:read|write|ls|file|terminate|cancel|reload|rotate|promote)_?\w*|program|"
    r"copy|execute|nextval|setval|http_\w+|pg_notify|set_config)\b",
    re.IGNORECASE,
)


BEYOND_ALL = re.compile(
    r"\b(dblink\w*|lo_export|lo_import|pg_(?:read|write|ls|file|terminate|cancel|reload|rotate|promote)_?\w*|program|"
    r"http_\w+)\b",
    re.IGNORECASE,
)
"""What in a trigger's body is done at once, whatever becomes of the transaction."""
HARMLESS_C = frozenset(
    ["moddatetime", "insert_username", "autoinc", "check_primary_key", "check_foreign_key", "lo_manage"]
)


def hidden(body: str) -> str:
    """What in the body of a routine reaches beyond the transaction, or cannot be told; empty if nothing does."""
    found = BEYOND.search(body)
    return found[0].lower() if found else ""


def reaching(connection: Any, names: Sequence[str]) -> list[str]:
    """Functions (of those called) whose body reaches beyond the transaction, or that nobody can read."""
    installed = connection.execute("SELECT extname FROM pg_extension WHERE extname = ANY(%s)", (REACHING,)).fetchall()
    rows = connection.execute(
        "SELECT p.proname, l.lanname, p.prosrc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang "
        "WHERE p.proname = ANY(%s)",
        (list(names),),
    ).fetchall()
    found = [
        f"{name}: {hidden(source)}"
        for name, language, source in rows
        if language in ("sql", "plpgsql") and hidden(source)
    ]
    found += [
        f"{name} is written in {language}"
        for name, language, _ in rows
        if language not in ("sql", "plpgsql", "internal")
    ]
    return found + ([f"the extension {installed[0][0]} is installed"] if installed and names else [])


def fired(connection: Any, words: Sequence[str]) -> list[str]:
    """Triggers on the tables of these names, and on those that cascades lead to, that reach beyond the transaction."""
    found: list[str] = []
    for trigger, function, language, trusted, source in connection.execute(FIRED, (list(words),)).fetchall():
        reaches = BEYOND_ALL.search(source) if trusted and language != "internal" else None
        if reaches:
            found.append(f"the trigger {trigger} calls {reaches[0].lower()}")
        elif not trusted and language != "internal" and function not in HARMLESS_C:
            found.append(f"the trigger {trigger} is written in {language}")
    return found


def shown(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"


def named(shown: str) -> str:
    return quoted(*shown.split(".", 1)) if "." in shown else quoted("public", shown)


def secrets_of(url: str) -> list[str]:
    """What in the URL may be a password, as it stands there and as it reads: the longest first."""
    user = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    words = [user, *(each.partition("=")[2] for each in url.partition("?")[2].split("&") if "pass" in unquote(each))]
    return sorted({each for word in words for each in (word, unquote(word)) if each}, key=len, reverse=True)


def unreached(error: BaseException, shown: str, secrets: Sequence[str] = ()) -> Fault:
    text = str(error)
    for each in secrets:
        text = text.replace(each, "***")
    text = " ".join(text.split())[:400]
    low = text.lower()
    if any(word in low for word in ("password", "authentication", "pg_hba", "role")) and "does not exist" not in low:
        return Fault("credentials", f"{shown} refuses these credentials: {text}")
    if "does not exist" in low:
        return Fault("credentials" if "role" in low else "missing", f"{shown}: {text}")
    return Fault("unreachable", f"{shown} cannot be reached: {text}")
