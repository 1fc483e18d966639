"""Functions and procedures that do more than compute: what a SELECT can do by calling them."""

from __future__ import annotations

import re
from functools import cache

from revet.effects.model import EffectKind as Kind
from revet.effects.sql.lex import words

__all__ = ["ACTING", "TAKES_SQL", "is_known"]

# name → (kind, claim, place). Names in capitals; a trailing * stands for any ending.
ACTING: dict[str, tuple[Kind, str, str]] = {
    "PG_TERMINATE_BACKEND": (Kind.process, "ends another session of the server", "database"),
    "PG_CANCEL_BACKEND": (Kind.process, "cancels another session's statement", "database"),
    "PG_RELOAD_CONF": (Kind.service, "makes the server read its configuration again", "database"),
    "PG_ROTATE_LOGFILE*": (Kind.service, "makes the server start another log file", "database"),
    "PG_PROMOTE": (Kind.service, "makes a standby server the primary", "database"),
    "PG_SWITCH_WAL": (Kind.service, "makes the server start another log segment", "database"),
    "PG_SWITCH_XLOG": (Kind.service, "makes the server start another log segment", "database"),
    "PG_WAL_REPLAY_*": (Kind.service, "stops or resumes replication", "database"),
    "PG_CREATE_*SLOT": (Kind.service, "makes a replication slot, which keeps the server's log", "database"),
    "PG_CREATE_RESTORE_POINT": (Kind.service, "writes a restore point", "database"),
    "PG_DROP_REPLICATION_SLOT": (Kind.service, "removes a replication slot", "database"),
    "PG_REPLICATION_*": (Kind.service, "changes replication", "database"),
    "PG_LOGICAL_*": (Kind.service, "changes or consumes logical replication", "database"),
    "PG_BACKUP_*": (Kind.service, "starts or stops a backup", "database"),
    "PG_START_BACKUP": (Kind.service, "starts a backup", "database"),
    "PG_STOP_BACKUP": (Kind.service, "stops a backup", "database"),
    "PG_STAT_RESET*": (Kind.delete, "throws statistics of the server away", "database"),
    "PG_STAT_STATEMENTS_RESET": (Kind.delete, "throws statistics of the server away", "database"),
    "PG_READ_FILE": (Kind.leak, "shows a file of the server", "system"),
    "PG_READ_BINARY_FILE": (Kind.leak, "shows a file of the server", "system"),
    "PG_LS_*": (Kind.leak, "lists files of the server", "system"),
    "PG_STAT_FILE": (Kind.leak, "tells about a file of the server", "system"),
    "PG_FILE_*": (Kind.write, "writes or removes a file of the server", "system"),
    "PG_EXECUTE_SERVER_PROGRAM": (Kind.run, "runs a program on the server", "system"),
    "PG_ADVISORY_*": (Kind.lock, "takes or frees an advisory lock", "database"),
    "PG_TRY_ADVISORY_*": (Kind.lock, "takes an advisory lock", "database"),
    "PG_SLEEP*": (Kind.lock, "keeps the connection and its locks while it sleeps", "database"),
    "PG_NOTIFY": (Kind.send, "notifies the sessions that listen", "database"),
    "PG_LOGICAL_EMIT_MESSAGE": (Kind.send, "sends a message through replication", "database"),
    "LO_IMPORT": (Kind.create, "reads a file of the server into a large object", "system"),
    "LO_EXPORT": (Kind.write, "writes a file on the server", "system"),
    "LO_UNLINK": (Kind.delete, "deletes a large object", "database"),
    "LO_TRUNCATE*": (Kind.delete, "cuts a large object off", "database"),
    "LO_PUT": (Kind.write, "changes a large object", "database"),
    "LOWRITE": (Kind.write, "changes a large object", "database"),
    "LO_CREAT*": (Kind.create, "makes a large object", "database"),
    "LO_FROM_BYTEA": (Kind.create, "makes a large object", "database"),
    "DBLINK_CONNECT*": (Kind.fetch, "connects to another database", "remote"),
    "DBLINK*": (Kind.remote_write, "runs a statement in another database", "remote"),
    "POSTGRES_FDW_DISCONNECT*": (Kind.process, "closes connections to other servers", "database"),
    "SETVAL": (Kind.write, "sets a sequence; that is never rolled back", "database"),
    "NEXTVAL": (Kind.write, "advances a sequence; that is never rolled back", "database"),
    "SET_CONFIG": (Kind.write, "changes a setting of the session", "database"),
    "HTTP_*": (Kind.remote_write, "sends a request over the network", "remote"),
    "HTTP": (Kind.remote_write, "sends a request over the network", "remote"),
    "LOAD_EXTENSION": (Kind.run, "loads a library into the process", "system"),
    "WRITEFILE": (Kind.write, "writes a file", "elsewhere"),
    "READFILE": (Kind.read, "reads a file", "elsewhere"),
    "FSDIR": (Kind.read, "lists files", "elsewhere"),
    "EDIT": (Kind.run, "starts an editor", "system"),
    "FTS3_TOKENIZER": (Kind.run, "registers code by its address", "system"),
    "LOAD_FILE": (Kind.leak, "shows a file of the server", "system"),
    "SYS_EXEC": (Kind.run, "runs a command on the server", "system"),
    "SYS_EVAL": (Kind.run, "runs a command on the server", "system"),
    "BENCHMARK": (Kind.lock, "keeps the server busy", "database"),
    "SLEEP": (Kind.lock, "keeps the connection and its locks while it sleeps", "database"),
    "GET_LOCK": (Kind.lock, "takes a named lock", "database"),
    "RELEASE_*LOCK*": (Kind.lock, "frees a named lock", "database"),
    "XP_CMDSHELL": (Kind.run, "runs a command on the server", "system"),
    "XP_REG*": (Kind.write, "changes the registry of the server", "system"),
    "XP_DIRTREE": (Kind.leak, "lists files of the server", "system"),
    "SP_OACREATE": (Kind.run, "starts a program on the server", "system"),
    "SP_OAMETHOD": (Kind.run, "runs code on the server", "system"),
    "SP_CONFIGURE": (Kind.service, "changes the configuration of the server", "database"),
    "SP_SEND_DBMAIL": (Kind.send, "sends mail", "remote"),
    "OPENROWSET": (Kind.fetch, "reads from another server or a file", "remote"),
    "OPENDATASOURCE": (Kind.fetch, "reads from another server", "remote"),
    "OPENQUERY": (Kind.remote_write, "runs a statement on another server", "remote"),
    "READ_CSV*": (Kind.read, "reads files", "elsewhere"),
    "READ_PARQUET": (Kind.read, "reads files", "elsewhere"),
    "READ_JSON*": (Kind.read, "reads files", "elsewhere"),
    "READ_TEXT": (Kind.read, "reads files", "elsewhere"),
    "READ_BLOB": (Kind.read, "reads files", "elsewhere"),
    "PARQUET_SCAN": (Kind.read, "reads files", "elsewhere"),
    "GETENV": (Kind.leak, "shows a variable of the environment", "system"),
    "UTL_HTTP*": (Kind.remote_write, "sends a request over the network", "remote"),
    "DBMS_SCHEDULER*": (Kind.run, "runs a job", "system"),
    "CRON": (Kind.run, "schedules a job", "database"),
}
TAKES_SQL = words(
    "QUERY_TO_XML QUERY_TO_XMLSCHEMA QUERY_TO_XML_AND_XMLSCHEMA CURSOR_TO_XML TS_STAT SP_EXECUTESQL "
    "EXECUTE_IMMEDIATE CROSSTAB CONNECTBY"
)
"""Functions that carry out a text which is given to them as SQL."""

FAMILIES = re.compile(
    r"(PG_GET_|PG_SIZE_|PG_[A-Z_]+_SIZE$|PG_TYPEOF|PG_COLUMN_|PG_IS_|PG_POSTMASTER_|PG_CURRENT_|PG_BACKEND_PID|"
    r"PG_BLOCKING_PIDS|PG_STAT_GET_|PG_[A-Z]+_IS_VISIBLE|PG_CONF_|PG_ENCODING_|PG_OPTIONS_|PG_INDEX|HAS_[A-Z_]+_"
    r"PRIVILEGE|JSON|ARRAY|STRING_|REGEXP_|TO_|FROM_|DATE|TIME|ST_|XML|RANGE|MULTIRANGE|INET|CURRENT_|LIST_|MAP|"
    r"STRUCT_|STR|TS_|TSVECTOR|TSQUERY|WIDTH_BUCKET|REGR_|VAR_|STDDEV|COVAR_|PERCENTILE_|BIT_|BOOL_|MAKE_|EPOCH|"
    r"PHRASETO_|PLAINTO_|WEBSEARCH_|JSONB|IS_|BIN_TO_|UUID|GEN_RANDOM_|LO_GET|TXID_|COL_DESCRIPTION|OBJ_DESCRIPTION|"
    r"SHOBJ_DESCRIPTION|FORMAT|PRAGMA_|DUCKDB_|SQLITE_)"
)
PLAIN = words(
    "ABS ACOS AGE ASCII ASIN ATAN ATAN2 AVG BTRIM CBRT CEIL CEILING CHAR CHAR_LENGTH CHARINDEX CHR "
    "CLOCK_TIMESTAMP COALESCE CONCAT CONCAT_WS CONVERT COS COUNT CUME_DIST CURDATE CURTIME CURRVAL CONVERT_TZ "
    "DATABASE DAY DAYNAME DAYOFMONTH DAYOFWEEK DAYOFYEAR DECODE DEGREES DENSE_RANK DIFFERENCE DIGEST ELT "
    "ENCODE EVERY EXP EXTRACT FIELD FIND_IN_SET FIRST_VALUE FLOOR GENERATE_SERIES GENERATE_SUBSCRIPTS GLOB "
    "GREATEST GROUP_CONCAT GROUPING HEX HOST HOUR IF IFNULL IIF INET INITCAP INSTR INTERVAL ISNULL JULIANDAY "
    "JUSTIFY_DAYS LAG LAST_DAY LAST_INSERT_ID LAST_INSERT_ROWID LAST_VALUE LASTVAL LCASE LEAD LEAST LEFT "
    "LENGTH LIKE LIKELY LN LOCALTIME LOCATE LOG LOG10 LOG2 LOWER LPAD LTRIM MAX MD5 MEDIAN MICROSECOND MID MIN "
    "MINUTE MOD MODE MONTH MONTHNAME NOW NTH_VALUE NTILE NULLIF NUM_NONNULLS NUM_NULLS NVL OCTET_LENGTH "
    "OVERLAY PERCENT_RANK PI POSITION POW POWER PRINTF QUARTER QUOTE QUOTE_IDENT QUOTE_LITERAL QUOTE_NULLABLE "
    "RADIANS RAND RANDOM RANDOMBLOB RANK REPEAT REPLACE REVERSE RIGHT ROUND ROW ROW_COUNT ROW_NUMBER "
    "ROW_TO_JSON RPAD RTRIM SCHEMA SECOND SHA1 SHA2 SHA224 SHA256 SHA384 SHA512 SIGN SIN SOUNDEX SPACE "
    "SPLIT_PART SQRT STARTS_WITH STATEMENT_TIMESTAMP SUBSTR SUBSTRING SUBSTRING_INDEX SUBDATE SUM SYSDATE TAN "
    "TOTAL TOTAL_CHANGES CHANGES TRANSACTION_TIMESTAMP TRANSLATE TRIM TRUNC TRUNCATE TYPEOF UCASE UNACCENT "
    "UNICODE UNHEX UNIXEPOCH UNLIKELY UNNEST UPPER USER UTC_TIMESTAMP VALUES VARIANCE VERSION WEEK WEEKDAY "
    "YEAR YEARWEEK ZEROBLOB LEVENSHTEIN SIMILARITY WORD_SIMILARITY CARDINALITY SETSEED SETWEIGHT NUMNODE CAST "
    "TRY_CAST SAFE_CAST GREATEST ANY_VALUE ARG_MAX ARG_MIN QUANTILE APPROX_COUNT_DISTINCT CEILING CRC32 "
    "OBJECT_ID DB_NAME SCOPE_IDENTITY ISDATE ISNUMERIC GETDATE NEWID LEN STUFF PATINDEX CHOOSE EOMONTH HLL "
    "BM25 MATCH HIGHLIGHT SNIPPET OFFSETS ENUM_RANGE ENUM_FIRST ENUM_LAST LTREE NLEVEL SUBLTREE HSTORE AKEYS "
    "AVALS SKEYS SVALS EACH TUPLE"
)


def is_known(name: str) -> bool:
    """Whether a function of that name (in capitals) is known to compute and do nothing else."""
    return name in PLAIN or FAMILIES.match(name) is not None or name in _library()


@cache
def _library() -> frozenset[str]:
    """The functions that the SQL parser's library knows: all of them compute."""
    from sqlglot import exp

    return frozenset(name.upper() for name in exp.FUNCTION_BY_NAME)
