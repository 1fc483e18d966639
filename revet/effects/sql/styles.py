"""Rules of taste for PostgreSQL schemas: legal, and regretted later. Each can be turned off by its word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.ddl import altered, made
from revet.effects.sql.lex import Statement, Token, words
from revet.effects.sql.reading import close, find, has, name_at, parts, skip_words
from revet.effects.sql.rows import effect, named

__all__ = ["styles"]

LONGEST_NAME = 63
"""Bytes of a name; PostgreSQL cuts off what is longer (NAMEDATALEN - 1)."""

TABLE_WORDS = words("CONSTRAINT PRIMARY UNIQUE FOREIGN CHECK EXCLUDE LIKE PARTITION")
INTEGERS = words("INT INTEGER INT4 SERIAL SERIAL4")
SMALL = words("SMALLINT INT2 SMALLSERIAL SERIAL2")
SERIAL = re.compile(r"(?:SMALL|BIG)?SERIAL[248]?$")
CHARS = words("CHAR CHARACTER BPCHAR NCHAR")


def styles(
    statement: Statement, is_new: Callable[[Sequence[str]], bool], *, alone: bool, in_transaction: bool
) -> Iterator[Effect]:
    """What a good migration would do otherwise in this statement."""
    if statement.head not in ("CREATE", "ALTER", "DROP"):
        yield from _assigned_twice(statement)
        yield from _made_by_select(statement)
        return
    thing = made(statement)
    temporary = thing is not None and bool(thing.modifiers & {"TEMP", "TEMPORARY"})
    yield from _long_names(statement)
    if thing is None:
        return
    if not temporary and thing.what in ("TABLE", "VIEW") and len(thing.name) == 1 and not is_new(thing.name):
        claim = (
            f"{thing.name[0]} is found by the search path: say which schema is meant ({thing.name[0]!r} → schema.name)"
        )
        yield effect(EffectKind.style, claim, named(thing.name), "table-schema")
    if not temporary:
        yield from _defined_twice(statement, named(thing.name))
        for column, kind in _columns(statement):
            yield from _type(named(thing.name), column, kind)
    alone = alone and not (thing.what == "INDEX" and any(t.is_word("CONCURRENTLY") for t in statement.tokens))
    if not (alone or in_transaction or temporary or is_new(thing.name)):
        yield from _robust(statement, thing.what)


def _columns(statement: Statement) -> Iterator[tuple[str, Sequence[Token]]]:
    """The columns that the statement defines, each with the tokens of its type and what follows."""
    thing = made(statement)
    if statement.head == "CREATE" and thing is not None and thing.what == "TABLE":
        if thing.rest and thing.rest[0].text == "(":
            for part in parts(thing.rest[1 : close(thing.rest, 0)]):
                if not part[0].is_word(*TABLE_WORDS):
                    yield part[0].value, part[1:]
        return
    for each in altered(statement):
        if each.tokens[0].is_word("ADD") and each.column and not each.column[0].is_word(*TABLE_WORDS):
            yield each.column[0].value, each.column[1:]
        elif each.starts("ALTER") and has(each.column, "TYPE"):
            place = next(n for n, token in enumerate(each.column) if token.is_word("TYPE"))
            yield each.column[0].value, each.column[place + 1 :]


def _type(table: str, column: str, tokens: Sequence[Token]) -> Iterator[Effect]:
    name, after = name_at(tokens, 0)
    if not name:
        return
    kind, where = name[-1].upper(), f"{table}.{column}"
    rest = tokens[after:]
    limited = bool(rest) and rest[0].text == "("
    varying = bool(rest) and rest[0].is_word("VARYING")
    if kind in CHARS and not varying:
        claim = f"{where}: char pads with blanks, and is no faster: text"
        yield effect(EffectKind.style, claim, table, "char-type")
    elif (kind == "VARCHAR" and limited) or (kind in CHARS and len(rest) > 1 and rest[1].text == "("):
        claim = f"{where}: to raise the limit later locks the table: text, with a CHECK for the length"
        yield effect(EffectKind.style, claim, table, "varchar-limit")
    elif kind in INTEGERS:
        claim = f"{where}: 2,147,483,647 may be reached, and to change the type then locks the table: bigint"
        yield effect(EffectKind.style, claim, table, "bigint")
    elif kind in SMALL:
        claim = f"{where}: 32,767 may be reached, and to change the type then locks the table: bigint"
        yield effect(EffectKind.style, claim, table, "smallint")
    elif kind == "TIMESTAMP" and not has(rest[:6], "WITH", "TIME", "ZONE"):
        claim = f"{where}: which time zone a timestamp means is not kept: timestamptz"
        yield effect(EffectKind.style, claim, table, "timestamptz")
    if SERIAL.match(kind):
        claim = f"{where}: serial leaves rights and the sequence apart from the column: GENERATED … AS IDENTITY"
        yield effect(EffectKind.style, claim, table, "identity")


def _defined_twice(statement: Statement, name: str) -> Iterator[Effect]:
    columns = [column for column, _ in _columns(statement)]
    thing = made(statement)
    if thing is not None and thing.what == "VIEW" and thing.rest and thing.rest[0].text == "(":
        columns = [part[0].value for part in parts(thing.rest[1 : close(thing.rest, 0)])]
    twice = next((each for place, each in enumerate(columns) if each in columns[:place]), None)
    if twice is not None and statement.head == "CREATE":
        yield effect(EffectKind.style, f"the column {twice} is defined twice: it fails", name, "assigned-twice")


def _made_by_select(statement: Statement) -> Iterator[Effect]:
    """``SELECT … INTO name`` makes a table."""
    place = find(statement.tokens, "INTO")
    if statement.head != "SELECT" or place is None:
        return
    after = skip_words(statement.tokens, place + 1, "UNLOGGED", "TABLE")
    name, _ = name_at(statement.tokens, after)
    if len(name) == 1 and name[0].upper() not in ("TEMP", "TEMPORARY"):
        claim = f"{name[0]} is made where the search path says: say which schema is meant"
        yield effect(EffectKind.style, claim, name[0], "table-schema")


def _long_names(statement: Statement) -> Iterator[Effect]:
    for token in statement.tokens:
        if token.is_name and len(token.value.encode("utf-8", "replace")) > LONGEST_NAME:
            claim = f"the name {token.value[:20]}… is longer than {LONGEST_NAME} bytes: PostgreSQL cuts it off"
            yield effect(EffectKind.style, claim, token.value, "long-name")
            return


def _robust(statement: Statement, what: str) -> Iterator[Effect]:
    """Outside a transaction, a migration that fails half-way must be able to run again."""
    tokens = statement.tokens
    guarded = any(token.is_word("IF") for token in tokens)
    can_say = (
        what in ("TABLE", "INDEX", "SCHEMA", "SEQUENCE", "TYPE", "EXTENSION", "VIEW") and statement.head != "ALTER"
    )
    adds = statement.head == "ALTER" and any(each.tokens[0].is_word("ADD", "DROP") for each in altered(statement))
    replaced = any(token.is_word("REPLACE") for token in tokens[:3])
    type_made = statement.head == "CREATE" and what in ("TYPE", "VIEW")
    if (can_say or adds) and not guarded and not replaced and not type_made:
        condition = (
            "IF NOT EXISTS"
            if statement.head == "CREATE"
            else "IF EXISTS"
            if statement.head == "DROP"
            else "IF [NOT] EXISTS"
        )
        claim = f"outside a transaction it cannot be run again after a failure half-way: {condition}"
        yield effect(EffectKind.style, claim, "", "run-again")


def _assigned_twice(statement: Statement) -> Iterator[Effect]:
    """``SET a = 1, a = 2``, ``INSERT INTO t (a, a)``: PostgreSQL refuses the statement."""
    for columns in _assigned(statement.tokens):
        twice = next((each for n, each in enumerate(columns) if each in columns[:n]), None)
        if twice is not None:
            yield effect(EffectKind.style, f"the column {twice} is assigned twice: it fails", twice, "assigned-twice")


def _assigned(tokens: Sequence[Token]) -> Iterator[list[str]]:
    for place, token in enumerate(tokens):
        if token.is_word("SET") and place + 1 < len(tokens) and tokens[0].is_word("UPDATE", "INSERT", "MERGE", "WITH"):
            end = next(
                (n for n in range(place, len(tokens)) if tokens[n].is_word("WHERE", "FROM", "RETURNING", "WHEN")),
                len(tokens),
            )
            assigned = list(parts(tokens[place + 1 : end]))
            rows = [each[1 : close(each, 0)] for each in assigned if each and each[0].text == "("]
            several = [_target([*part, part[-1]], whole=True) for row in rows for part in parts(row) if part]
            yield [*(_target(part) for part in assigned if _target(part)), *several]
        if token.is_word("INTO") or (token.is_word("INSERT") and place and tokens[place - 1].is_word("THEN")):
            start = name_at(tokens, place + 1)[1] if token.is_word("INTO") else place + 1
            if start < len(tokens) and tokens[start].text == "(":
                inside = tokens[start + 1 : close(tokens, start)]
                yield [_target([*part, part[-1]], whole=True) for part in parts(inside)]


def _target(part: Sequence[Token], *, whole: bool = False) -> str:
    """The column that is assigned: empty for a part of one (``a.x``, ``a[1]``), for these may differ."""
    if not whole and (len(part) < 2 or part[1].text != "="):
        return ""
    if whole and len(part) != 2:
        return "".join(token.text for token in part[:-1])
    return part[0].value if part[0].kind == "name" else part[0].text.lower()
