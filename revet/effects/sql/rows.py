"""Statements that read and change rows, wherever they stand in a statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revet.effects.model import Effect, EffectKind, Place
from revet.effects.sql.conditions import always_true, is_bounded
from revet.effects.sql.lex import Dialect, Statement, Token, words
from revet.effects.sql.reading import clause, close, find, has, name_at, skip_words, text_of, top

__all__ = ["ROWS", "file_effect", "inner", "is_range", "named", "reading"]

Found = tuple[list[Effect], list[str]]
ENDS = ("RETURNING", "ORDER", "LIMIT", "GROUP", "HAVING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "FOR", "OPTION")
NOT_TABLES = words("SELECT LATERAL ONLY UNNEST VALUES WHERE SET ON AS JOIN")
MOST_READ = 20
COMPARISONS = frozenset({"=", "<", ">", "<=", ">=", "<>", "!="})

RANGE = "-range"
"""How the entry of a statement ends whose condition leaves any number of rows."""


def is_range(effect: Effect) -> bool:
    """Whether it concerns the rows that a condition finds, however many: only counting tells how many that is."""
    return effect.word.endswith(RANGE)


def named(parts: Sequence[str]) -> str:
    return ".".join(parts)


def effect(
    kind: EffectKind,
    claim: str,
    target: str,
    word: str,
    *,
    wide: bool = False,
    possible: bool = False,
    reversible: bool | None = None,
    place: Place = "database",
) -> Effect:
    return Effect(kind, claim, target, place, reversible=reversible, wide=wide, possible=possible, word=f"sql/{word}")


def reading(statement: Statement, dialect: Dialect) -> Found:
    """SELECT, VALUES, TABLE, WITH, FROM: the tables that are read, and where the rows go."""
    tokens = statement.tokens
    found = [
        effect(EffectKind.read, f"reads {table}", table, "read", reversible=True)
        for table in _sources(tokens)[:MOST_READ]
    ] or [effect(EffectKind.read, "reads", "", "read", reversible=True)]
    doubts: list[str] = []
    if tokens[0].is_word("SELECT", "WITH"):
        found += _into(tokens, dialect)
    if has(tokens, "FOR", "UPDATE") or has(tokens, "FOR", "NO", "KEY", "UPDATE"):
        where = find(tokens, "WHERE")
        found.append(
            effect(EffectKind.lock, "locks the rows that it reads", "", "row-lock", wide=where is None, possible=True)
        )
    return found, doubts


def _sources(tokens: Sequence[Token]) -> list[str]:
    """The tables after FROM and JOIN, everywhere in the statement; what a WITH defines is none."""
    defined = {
        tokens[place - 1].value.upper()
        for place in range(1, len(tokens) - 1)
        if tokens[place].is_word("AS") and tokens[place + 1].text == "("
    }
    found: list[str] = []
    for place, token in enumerate(tokens):
        if not token.is_word("FROM", "JOIN") or (place and tokens[place - 1].is_word("DISTINCT")):
            continue
        here = place + 1
        while True:
            here = skip_words(tokens, here, "ONLY", "LATERAL")
            parts, after = name_at(tokens, here)
            call = after < len(tokens) and tokens[after].text == "("
            if parts and not call and parts[0].upper() not in NOT_TABLES and parts[-1].upper() not in defined:
                found.append(named(parts))
            after = skip_words(tokens, after, "AS")
            if after < len(tokens) and tokens[after].is_name and not tokens[after].is_word(*ENDS, *NOT_TABLES):
                after += 1
            if not parts or after >= len(tokens) or tokens[after].text != "," or token.value != "FROM":
                break
            here = after + 1
    return list(dict.fromkeys(found))


def _into(tokens: Sequence[Token], dialect: Dialect) -> list[Effect]:
    """SELECT … INTO a table, or a file."""
    place = find(tokens, "INTO")
    if place is None or place + 1 >= len(tokens) or tokens[0].is_word("INSERT"):
        return []
    if tokens[place + 1].is_word("OUTFILE", "DUMPFILE"):
        return [file_effect(tokens, place + 2, EffectKind.write, "writes what it reads to a file of the server")]
    before = find(tokens, "INSERT")
    if before is not None and before < place:
        return []
    after = skip_words(tokens, place + 1, "TEMP", "TEMPORARY", "UNLOGGED", "TABLE", "STRICT")
    parts, _ = name_at(tokens, after)
    if not parts or parts[0].startswith("@") or (dialect == "mysql"):
        return []
    return [effect(EffectKind.create, f"makes the table {named(parts)}", named(parts), "select-into")]


def file_effect(tokens: Sequence[Token], place: int, kind: EffectKind, claim: str) -> Effect:
    """An effect on the file that is named there."""
    path = tokens[place].value if place < len(tokens) and tokens[place].kind in ("string", "name") else ""
    remote = "://" in path
    where: Place = "remote" if remote else "temporary" if path.startswith(("/tmp/", "/var/tmp/")) else "elsewhere"
    if path.startswith(("/etc", "/usr", "/root", "/var/lib", "/boot", "/bin", "/dev", "/proc")):
        where = "system"
    return Effect(kind, f"{claim}: {path}" if path else claim, path, where, reversible=None, word="sql/file")


def insert(statement: Statement, dialect: Dialect) -> Found:
    return _insert(statement.tokens, dialect), []


def _insert(tokens: Sequence[Token], dialect: Dialect) -> list[Effect]:
    replaces = tokens[0].is_word("REPLACE") or has(tokens, "OR", "REPLACE")
    place = find(tokens, "INTO")
    place = 1 if place is None else place + 1
    place = skip_words(
        tokens, place, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "TABLE", "ONLY", "OVERWRITE"
    )
    table = named(name_at(tokens, place)[0])
    found = [effect(EffectKind.create, f"adds rows to {table}", table, "insert", wide="SELECT" in _words(tokens))]
    if replaces:
        found.append(effect(EffectKind.write, f"replaces rows of {table} that have the same key", table, "replace"))
    if has(tokens, "DO", "UPDATE") or has(tokens, "ON", "DUPLICATE", "KEY", "UPDATE"):
        found.append(
            effect(EffectKind.write, f"changes rows of {table} that are there", table, "upsert", possible=True)
        )
    if any(token.is_word("OVERWRITE") for token in tokens[:3]):
        found.append(effect(EffectKind.delete, f"replaces all rows of {table}", table, "overwrite", wide=True))
    return found


def _words(tokens: Sequence[Token]) -> set[str]:
    return {token.value for token in tokens if token.kind == "word"}


def update(statement: Statement, dialect: Dialect) -> Found:
    return _update(statement.tokens, dialect), []


def _update(tokens: Sequence[Token], dialect: Dialect) -> list[Effect]:
    start = skip_words(tokens, 1, "LOW_PRIORITY", "IGNORE", "ONLY")
    if start < len(tokens) and tokens[start].is_word("OR"):
        start += 2
    table = named(name_at(tokens, start)[0])
    wide, how, at = _width(tokens, dialect)
    found = [effect(EffectKind.write, f"changes {how} of {table}", table, f"update{at}", wide=wide)]
    if any(token.is_word("OR") and tokens[place + 1].is_word("REPLACE") for place, token in enumerate(tokens[:3])):
        found.append(effect(EffectKind.delete, f"deletes rows of {table} that are in the way", table, "replace"))
    return found


def delete(statement: Statement, dialect: Dialect) -> Found:
    return _delete(statement.tokens, dialect), []


def _delete(tokens: Sequence[Token], dialect: Dialect) -> list[Effect]:
    place = find(tokens, "FROM")
    several = place is not None and place > 1 and dialect in (None, "mysql", "tsql")
    start = skip_words(tokens, 1, "LOW_PRIORITY", "QUICK", "IGNORE") if several else (place or 0) + 1
    start = skip_words(tokens, start, "ONLY")
    table = named(name_at(tokens, start)[0])
    wide, how, at = _width(tokens, dialect)
    return [effect(EffectKind.delete, f"deletes {how} of {table}", table, f"delete{at}", wide=wide)]


def _width(tokens: Sequence[Token], dialect: Dialect) -> tuple[bool, str, str]:
    """Whether the statement concerns all rows or any number, how to say so, and what the name of the entry ends in."""
    where = clause(tokens, "WHERE", ENDS)
    if where is None:
        limited = clause(tokens, "LIMIT", ()) is not None or any(t.is_word("TOP") for t in tokens[:2])
        joined = any(token.is_word("JOIN", "USING") for _, token in top(tokens))
        if limited:
            return True, "any rows, up to a limit,", ""
        return True, "all rows that a join finds" if joined else "all rows", ""
    if _compares(where):
        bounded = any(token.text == "=" for token in where)
    elif always_true(text_of(where), dialect):
        return True, "all rows (the condition always holds)", ""
    else:
        bounded = is_bounded(text_of(where), dialect)
    return (False, "rows", "") if bounded else (True, "any number of rows (its condition names none)", RANGE)


def _compares(where: Sequence[Token]) -> bool:
    """Whether the condition compares columns with literals, joined by AND: the common case, which needs no parser."""
    for start in range(0, len(where), 4):
        part = where[start : start + 4]
        if len(part) < 3 or not part[0].is_name or part[0].is_word("NOT", "TRUE") or part[1].text not in COMPARISONS:
            return False
        if part[2].kind not in ("string", "number") or (len(part) == 4 and not part[3].is_word("AND")):
            return False
    return len(where) % 4 == 3


def merge(statement: Statement, dialect: Dialect) -> Found:
    return _merge(statement.tokens, dialect), []


def _merge(tokens: Sequence[Token], dialect: Dialect) -> list[Effect]:
    place = skip_words(tokens, 1, "INTO", "ONLY")
    table = named(name_at(tokens, place)[0])
    words = [(token, tokens[place + 1]) for place, token in enumerate(tokens[:-1]) if token.is_word("THEN")]
    found = []
    for _, what in words:
        wide = has(tokens, "NOT", "MATCHED", "BY", "SOURCE")
        if what.is_word("INSERT"):
            found.append(effect(EffectKind.create, f"adds rows to {table}", table, "merge"))
        elif what.is_word("UPDATE"):
            found.append(effect(EffectKind.write, f"changes rows of {table}", table, "merge", wide=wide))
        elif what.is_word("DELETE"):
            found.append(effect(EffectKind.delete, f"deletes rows of {table}", table, "merge", wide=wide))
    return list(dict.fromkeys(found)) or [effect(EffectKind.write, f"changes rows of {table}", table, "merge")]


def truncate(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    place = skip_words(tokens, 1, "TABLE", "ONLY")
    found, cascade = [], has(tokens, "CASCADE")
    while place < len(tokens):
        parts, place = name_at(tokens, place)
        if not parts:
            break
        table = named(parts)
        also = " and of every table that refers to it" if cascade else ""
        found.append(effect(EffectKind.delete, f"deletes all rows of {table}{also}", table, "truncate", wide=True))
        if place >= len(tokens) or tokens[place].text != ",":
            break
        place = skip_words(tokens, place + 1, "ONLY")
    if cascade:
        tables = ", ".join(each.target for each in found)
        claim = "CASCADE empties every table that refers to it, however far"
        found.append(effect(EffectKind.delete, claim, tables, "truncate-cascade", wide=True, reversible=False))
    return found, [] if found else ["what TRUNCATE empties cannot be read"]


ROWS: dict[str, Callable[[Statement, Dialect], Found]] = {
    "SELECT": reading,
    "WITH": reading,
    "VALUES": reading,
    "TABLE": reading,
    "FROM": reading,
    "PIVOT": reading,
    "UNPIVOT": reading,
    "INSERT": insert,
    "REPLACE": insert,
    "UPDATE": update,
    "DELETE": delete,
    "MERGE": merge,
    "TRUNCATE": truncate,
}
VERBS: dict[str, Callable[[Sequence[Token], Dialect], list[Effect]]] = {
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "MERGE": _merge,
}
FOLLOWED = {"INSERT": ("INTO",), "DELETE": ("FROM",), "MERGE": ("INTO",)}
BEGINS = {
    "ALTER": ("TABLE", "DATABASE", "LOGIN", "USER", "ROLE", "VIEW", "PROCEDURE", "FUNCTION"),
    "CREATE": ("TABLE", "DATABASE", "LOGIN", "USER", "ROLE", "VIEW", "PROCEDURE", "FUNCTION"),
    "DELETE": ("FROM",),
    "DROP": ("TABLE", "DATABASE", "SCHEMA", "VIEW", "INDEX", "USER", "LOGIN", "ROLE", "PROCEDURE", "FUNCTION"),
    "EXEC": ("XP_CMDSHELL", "SP_EXECUTESQL", "MASTER", "SP_CONFIGURE"),
    "INSERT": ("INTO",),
    "TRUNCATE": ("TABLE",),
}
SEVERAL = frozenset("ALTER COMMENT COPY CREATE DO EXPLAIN GRANT MERGE PREPARE REVOKE SHOW WITH".split())  # noqa: SIM905
ROUTINES = frozenset({"CREATE", "ALTER"})


def inner(statement: Statement, dialect: Dialect) -> Found:
    """Statements within: those that a WITH carries out, and the one after it."""
    tokens, found = statement.tokens, list[Effect]()
    if statement.head in ROUTINES:
        return [], []
    for place, token in enumerate(tokens):
        if place == 0 or token.kind != "word" or token.value not in VERBS or place + 1 >= len(tokens):
            continue
        if tokens[place - 1].text not in "()" and not tokens[place - 1].is_word("ANALYZE", "VERBOSE"):
            continue
        if token.value in FOLLOWED and not tokens[place + 1].is_word(*FOLLOWED[token.value]):
            continue
        end = close(tokens, place - 1) if tokens[place - 1].text == "(" else len(tokens)
        if token.value == "UPDATE" and find(tokens[place:end], "SET") is None:
            continue
        found += VERBS[token.value](tokens[place:end], dialect)
    return found, _unseparated(statement) if dialect in (None, "tsql") else []


def _unseparated(statement: Statement) -> list[str]:
    """SQL Server needs no semicolons: a statement may begin in the middle of one."""
    if statement.head in SEVERAL:
        return []
    tokens = statement.tokens
    for place, token in top(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if place and after is not None and token.kind == "word" and after.is_word(*BEGINS.get(token.value, ("",))):
            return [f"a second statement may begin at {token.text} {after.text}, with no semicolon before it"]
    return []
