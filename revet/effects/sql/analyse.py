"""The effects of SQL, read from its text: every statement, and the statements and calls within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from revet.effects.model import Analysis, Effect, EffectKind, Place
from revet.effects.sql.calls import calls
from revet.effects.sql.clients import client
from revet.effects.sql.ddl import DDL
from revet.effects.sql.lex import Dialect, Statement, dialect_of, split, words
from revet.effects.sql.migrations import migrations
from revet.effects.sql.rows import ROWS, inner
from revet.effects.sql.server import SERVER

__all__ = ["analyse"]

LARGEST = 2_000_000
NOTHING = words(
    "BEGIN START COMMIT ROLLBACK END SAVEPOINT RELEASE ABORT DISCARD DEALLOCATE FETCH MOVE CLOSE LISTEN "
    "UNLISTEN USE DETACH GO UNLOCK"
)
"""Statements that end or mark transactions and sessions."""

VERBS = words(
    "ALTER BACKUP CALL CREATE DECLARE DELETE DENY DO DROP EXEC EXECUTE GRANT IF INSERT KILL MERGE PERFORM REPLACE "
    "REPLICA RESTORE REVOKE SELECT SET SHUTDOWN SLAVE TRUNCATE UPDATE WHILE WITH"
)
"""Words that begin another statement after one of those."""

Reader = Callable[[Statement, Dialect], "tuple[list[Effect], list[str]]"]
TABLE: dict[str, Reader] = {**ROWS, **DDL, **SERVER}


@dataclass
class _Found:
    effects: list[Effect] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def take(self, found: tuple[list[Effect], list[str]], command: int) -> None:
        self.effects += [replace(effect, command=command) for effect in found[0]]
        self.doubts += [doubt for doubt in found[1] if doubt not in self.doubts]


def analyse(sql: str, *, dialect: str | None = None) -> Analysis:
    """What `sql` would do to the database, and beyond it. Never raises for what the text holds.

    `dialect` is the name of a dialect or of a database URL's scheme; None where it is not known: then what databases
    read differently is a doubt. The rules of good PostgreSQL migrations hold for PostgreSQL, and where the dialect
    is not known. `commands` of the result are the statements.
    """
    if len(sql) > LARGEST:
        return _unreadable(f"the text is longer than {LARGEST:,} characters: it was not read")
    known = dialect_of(dialect)
    found = _Found()
    if dialect is not None and known is None:
        found.doubts.append(f"the dialect {dialect!r} is not known here")
    statements, doubts = split(sql, known)
    found.doubts += doubts
    for number, statement in enumerate(statements):
        for each in _read(statement, known):
            found.take(each, number)
    for number, effect in migrations(statements, known):
        found.effects.append(replace(effect, command=number))
    if not statements:
        found.doubts.append("the text holds no statement")
    return Analysis(tuple(found.effects), tuple(found.doubts), tuple(each.text for each in statements))


def _unreadable(why: str) -> Analysis:
    return Analysis((Effect(EffectKind.unknown, why, place="database", word="sql/unreadable"),), (why,), ())


def _read(statement: Statement, dialect: Dialect) -> Iterator[tuple[list[Effect], list[str]]]:
    if statement.tokens[0].kind == "client":
        yield client(statement)
        return
    if any(token.kind == "bad" for token in statement.tokens):
        yield [], ["a statement cannot be read to its end"]
    head = statement.head
    explained = _explained(statement) if head == "EXPLAIN" else None
    if explained is not None:
        yield from _read(explained, dialect)
        return
    if head in ("EXPLAIN", "SHOW", "DESCRIBE", "DESC", "HELP", "SUMMARIZE"):
        yield [_looks("looks at the database", "database")], []
    elif head in TABLE:
        yield TABLE[head](statement, dialect)
    elif head in NOTHING:
        if any(token.is_word(*VERBS) for token in statement.tokens[1:]):
            yield [], [f"{head} begins a block, or a statement follows it with no semicolon between: it was not read"]
    else:
        what = f"statements that start with {statement.tokens[0].text!r} are not known: it may do anything"
        yield [Effect(EffectKind.unknown, what, place="database", word="sql/unknown")], [what]
    yield from (found for found in (inner(statement, dialect),) if found[0] or found[1])
    yield calls(statement, dialect)


def _explained(statement: Statement) -> Statement | None:
    """The statement that EXPLAIN ANALYZE carries out; None if nothing is carried out."""
    tokens = statement.tokens
    place, carried_out = 1, False
    if place < len(tokens) and tokens[place].text == "(":
        while place < len(tokens) and tokens[place].text != ")":
            carried_out |= tokens[place].is_word("ANALYZE", "ANALYSE")
            place += 1
        place += 1
    while place < len(tokens) and tokens[place].is_word("ANALYZE", "ANALYSE", "VERBOSE", "EXTENDED", "FORMAT"):
        carried_out |= tokens[place].is_word("ANALYZE", "ANALYSE")
        place += 1
    if not carried_out or place >= len(tokens):
        return None
    return Statement(statement.text, tokens[place:], statement.start, statement.line)


def _looks(claim: str, target: str) -> Effect:
    place: Place = "database"
    return Effect(EffectKind.read, claim, target, place, reversible=True, word="sql/read")
