"""The functions that a statement calls: those that act, and those that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revet.effects.model import Effect, EffectKind, Place
from revet.effects.sql.functions import ACTING, TAKES_SQL, is_known
from revet.effects.sql.lex import Dialect, Statement, Token, words

__all__ = ["calls"]

EXACT = {name: what for name, what in ACTING.items() if "*" not in name}
WILD = [(re.compile(re.escape(name).replace(r"\*", ".*")), what) for name, what in ACTING.items() if "*" in name]
# Words before a parenthesis that is no argument list, and words after which a name with one is no call.
NO_CALL = words(
    "IN AND OR NOT EXISTS ANY ALL SOME AS ON USING FROM WHERE OVER FILTER GROUP BY VALUES VALUE SELECT UNION "
    "EXCEPT INTERSECT HAVING WHEN THEN ELSE CASE BETWEEN LIKE ILIKE IS SET RETURNING LIMIT OFFSET WITH "
    "MATERIALIZED KEY UNIQUE PRIMARY CHECK DEFAULT INCLUDE REFERENCES TABLE INTO JOIN LATERAL DISTINCT "
    "PARTITION WINDOW WITHIN ROLLUP CUBE SETS CONSTRAINT COLUMNS ADD EXPLAIN COPY RANGE HASH LIST OF ESCAPE "
    "INTERVAL RETURN RETURNS CALL EXECUTE IDENTITY INDEX ORDER COLLATE TO ROW ARRAY OVERLAPS GENERATED ALWAYS "
    "STORED EXCLUDE ANALYZE VACUUM REINDEX CONFLICT DO SIMILAR"
)
TYPES = words(
    "VARCHAR CHAR CHARACTER NCHAR NVARCHAR VARYING NUMERIC DECIMAL DEC FLOAT REAL DOUBLE BIT TIME TIMESTAMP "
    "TIMESTAMPTZ TIMETZ DATETIME INT INTEGER BIGINT SMALLINT TINYINT MEDIUMINT BINARY VARBINARY ENUM TEXT BLOB "
    "YEAR BPCHAR GEOMETRY GEOGRAPHY VECTOR"
)
NAMED_BEFORE = words("INTO TABLE REFERENCES JOIN UPDATE VIEW INDEX ON RECURSIVE CONSTRAINT AS COPY")
DDL = frozenset({"CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "VACUUM", "ANALYZE", "COPY", "PRAGMA"})


def calls(statement: Statement, dialect: Dialect) -> tuple[list[Effect], list[str]]:
    """Effects of the functions that are called, and a doubt for each that is not known."""
    found: list[Effect] = []
    doubts: list[str] = []
    tokens = statement.tokens
    for place in range(len(tokens)):
        name = _called(tokens, place)
        if name is None:
            continue
        acting = _acting(name)
        if acting is not None:
            kind, claim, where = acting
            target = _argument(tokens, place)
            found.append(Effect(kind, f"{name.lower()}: {claim}", target, _place(where), word="sql/function"))
        elif name in TAKES_SQL:
            doubts.append(f"{name.lower()} carries out a text as SQL")
        elif statement.head not in DDL and _is_call(tokens, place, dialect) and not is_known(name):
            doubts.append(f"the function {name.lower()} is not known: it may change data")
    return found, list(dict.fromkeys(doubts))


def _called(tokens: Sequence[Token], place: int) -> str | None:
    """The name (in capitals) that stands before an opening parenthesis; of a qualified name its last part."""
    if place + 1 >= len(tokens) or tokens[place + 1].text != "(" or not tokens[place].is_name:
        return None
    name = tokens[place].value.upper()
    return None if tokens[place].kind == "word" and name in NO_CALL else name


def _acting(name: str) -> tuple[EffectKind, str, str] | None:
    if name in EXACT:
        return EXACT[name]
    return next((what for pattern, what in WILD if pattern.fullmatch(name)), None)


def _place(where: str) -> Place:
    return where  # type: ignore[return-value]


def _argument(tokens: Sequence[Token], place: int) -> str:
    inside = tokens[place + 2] if place + 2 < len(tokens) else None
    return inside.value if inside is not None and inside.kind == "string" else ""


def _is_call(tokens: Sequence[Token], place: int, dialect: Dialect) -> bool:
    """Whether the name is called, rather than followed by a list of columns or the length of a type."""
    first = place
    while first >= 2 and tokens[first - 1].text == ".":
        first -= 2
    if tokens[place].value.upper() in TYPES:
        return False
    if first == 0:
        return True
    before = tokens[first - 1]
    if before.kind == "word" and before.value in NAMED_BEFORE:
        return False
    if before.text == "::" or before.kind == "name" or before.text == ")":
        return False
    if before.kind == "word" and before.value not in NO_CALL and first >= 2:
        return False  # an alias with its columns
    return not (before.is_word("WITH") or _defines(tokens, place))


def _defines(tokens: Sequence[Token], place: int) -> bool:
    """``name (columns) AS (``: what a WITH defines."""
    depth = 0
    for here in range(place + 1, min(len(tokens) - 2, place + 200)):
        depth += {"(": 1, ")": -1}.get(tokens[here].text, 0)
        if not depth:
            return tokens[here + 1].is_word("AS") and tokens[here + 2].text == "("
    return False
