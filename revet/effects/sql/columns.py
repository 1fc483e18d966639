"""Rules for columns of tables that are in use: adding, dropping and altering them (PostgreSQL, ALTER TABLE)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.ddl import Altered
from revet.effects.sql.lex import Token, words
from revet.effects.sql.reading import find, has, name_at
from revet.effects.sql.rows import effect, named

__all__ = ["column_rules"]

# Functions whose value is one for the whole statement (STABLE or IMMUTABLE): the default is evaluated once.
STABLE = words(
    "NOW CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP TRANSACTION_TIMESTAMP "
    "STATEMENT_TIMESTAMP CURRENT_USER SESSION_USER CURRENT_SCHEMA TO_TIMESTAMP JSONB_BUILD_OBJECT "
    "JSON_BUILD_OBJECT TO_JSONB TO_JSON LOWER UPPER CONCAT COALESCE ARRAY_FILL DATE_TRUNC MAKE_DATE "
    "MAKE_INTERVAL ROW NULLIF CAST ARRAY TIMEZONE JSONB_BUILD_ARRAY JSON_BUILD_ARRAY MD5 ABS ROUND LENGTH"
)
DEFAULT_ENDS = sorted(
    words(
        "NOT NULL CONSTRAINT CHECK UNIQUE PRIMARY REFERENCES GENERATED COLLATE COMPRESSION STORAGE DEFERRABLE INITIALLY"
    )
)
SERIAL = re.compile(r"(?:SMALL|BIG)?SERIAL[248]?$")


def column_rules(part: Altered) -> Iterator[Effect]:
    """What breaks a rule in ADD, DROP or ALTER of a column."""
    if part.tokens[0].is_word("ADD"):
        yield from _add(part)
    elif part.tokens[0].is_word("DROP"):
        column = named(name_at(part.column, 0)[0][:1])
        if not part.starts("DROP", "CONSTRAINT"):
            claim = f"programs that still use {named(part.table)}.{column} fail from now on: drop it when none does"
            yield effect(EffectKind.schema, claim, named(part.table), "drop-column", reversible=False)
    else:
        yield from _alter(part)


def _add(part: Altered) -> Iterator[Effect]:
    """ADD COLUMN: whether its value must be computed or checked for each row that is there."""
    table = named(part.table)
    tokens = part.column
    if tokens and tokens[0].text == "(":
        tokens = tokens[1:]
    name, after = name_at(tokens, 0)
    column, rest = f"{table}.{named(name)}", tokens[after:]
    default = _default(rest)
    identity = has(rest, "GENERATED") and has(rest, "IDENTITY")
    serial = any(token.kind == "word" and SERIAL.match(token.value) for token in rest[:3])
    if serial or identity:
        claim = f"{table} is rewritten to number its rows, and nobody can use it meanwhile"
        yield effect(EffectKind.lock, claim, table, "add-serial")
    elif has(rest, "GENERATED") and has(rest, "STORED"):
        claim = f"{table} is rewritten to compute {column} for all rows, and nobody can use it meanwhile"
        yield effect(EffectKind.lock, claim, table, "add-generated")
    elif default is not None and _volatile(default):
        claim = (
            f"the default of {column} differs from row to row: {table} is rewritten, and nobody can use it meanwhile"
        )
        yield effect(EffectKind.lock, claim, table, "add-volatile-default")
    required = has(rest, "NOT", "NULL") or has(rest, "PRIMARY", "KEY")
    if required and (default is None or _is_null(default)) and not serial and not has(rest, "GENERATED"):
        claim = f"{column} may not be NULL and has no default: it fails if there are rows, and breaks programs"
        yield effect(EffectKind.schema, claim, table, "add-required")
    if has(rest, "PRIMARY", "KEY") or has(rest, "UNIQUE"):
        kind = "primary-key" if has(rest, "PRIMARY", "KEY") else "unique"
        claim = f"its index is built while nobody can use {table}: build it CONCURRENTLY, then USING INDEX"
        yield effect(EffectKind.lock, claim, table, f"{kind}-constraint")
    if has(rest, "REFERENCES") or has(rest, "CHECK"):
        claim = f"all rows of {table} are checked while others wait: add the constraint by itself, NOT VALID"
        yield effect(EffectKind.lock, claim, table, "constraint-not-valid")


def _default(tokens: Sequence[Token]) -> list[Token] | None:
    start = find(tokens, "DEFAULT")
    if start is None:
        return None
    held: list[Token] = []
    depth = 0
    for token in tokens[start + 1 :]:
        if not depth and held and token.is_word(*DEFAULT_ENDS):
            break
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        held.append(token)
    return held


def _is_null(default: Sequence[Token]) -> bool:
    return len(default) == 1 and default[0].is_word("NULL")


def _volatile(default: Sequence[Token]) -> bool:
    """Whether the default may differ from row to row: it calls a function that is not known to be stable."""
    for place, token in enumerate(default[:-1]):
        if token.is_name and default[place + 1].text == "(" and token.value.upper() not in STABLE:
            before = default[place - 1] if place else None
            typed = before is not None and (before.text == "::" or before.is_word("AS"))
            if not typed:
                return True
    return False


def _alter(part: Altered) -> Iterator[Effect]:
    """ALTER COLUMN."""
    table = named(part.table)
    name, after = name_at(part.column, 0)
    column, rest = f"{table}.{named(name)}", part.column[after:]
    if has(rest, "TYPE"):
        claim = (
            f"the type of {column} changes: {table} is rewritten or checked while nobody can use it, and programs break"
        )
        yield effect(EffectKind.lock, claim, table, "change-type")
    elif has(rest, "SET", "NOT", "NULL"):
        claim = (
            f"all rows of {table} are looked through while nobody can use it: add CHECK (… IS NOT NULL) NOT VALID first"
        )
        yield effect(EffectKind.lock, claim, table, "set-not-null")
    elif has(rest, "DROP", "NOT", "NULL"):
        claim = f"programs that read {column} may meet NULL from now on"
        yield effect(EffectKind.schema, claim, table, "drop-not-null", reversible=True)
    elif has(rest, "SET", "EXPRESSION") or has(rest, "DROP", "EXPRESSION"):
        yield effect(EffectKind.lock, f"{table} may be rewritten, and nobody can use it meanwhile", table, "rewrite")
    elif rest and rest[0].is_word("ADD") and has(rest, "IDENTITY"):
        claim = f"{column} gets its values from a sequence from now on; set the sequence past the values that are there"
        yield effect(EffectKind.schema, claim, table, "add-identity")
