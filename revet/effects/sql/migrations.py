"""What makes a PostgreSQL migration unsafe: others wait, tables are rewritten, running programs break.

The rules follow PostgreSQL's documented behaviour (chapter 13.3, "Explicit Locking", and the reference pages of ALTER
TABLE, CREATE INDEX and REINDEX). A table that the same text makes holds no rows and nobody uses it yet: constraints,
indexes and columns on it are safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.columns import column_rules
from revet.effects.sql.ddl import Altered, Made, altered, made
from revet.effects.sql.lex import Dialect, Statement, Token
from revet.effects.sql.reading import find, has, name_at, skip_words
from revet.effects.sql.rows import effect, named
from revet.effects.sql.styles import styles

__all__ = ["migrations"]

ELSEWHERE = frozenset({"AUTO_INCREMENT", "AUTOINCREMENT", "ENGINE", "PRAGMA", "WITHOUT"})
"""Words of other databases' statements: the rules do not hold for them."""


@dataclass
class History:
    """What the text has done so far: the tables it made, its open transaction, constraints added in it."""

    new: set[str] = field(default_factory=set)
    open: bool = False
    unvalidated: dict[str, int] = field(default_factory=dict)

    def is_new(self, table: Sequence[str]) -> bool:
        return bool(table) and table[-1].lower() in self.new


def migrations(statements: Sequence[Statement], dialect: Dialect) -> Iterator[tuple[int, Effect]]:
    """What breaks a rule, with the place of the statement."""
    if dialect not in (None, "postgres") or _of_another_database(statements, dialect):
        return
    history = History()
    for number, statement in enumerate(statements):
        found = [*_transactions(statement, history), *_statement(statement, history)]
        found += styles(statement, history.is_new, alone=len(statements) == 1, in_transaction=history.open)
        yield from ((number, each) for each in found)
        _remember(statement, history)
    if history.open:
        claim = "the transaction is begun and never committed: its locks stay, and its work may be lost"
        yield len(statements) - 1, effect(EffectKind.lock, claim, "", "uncommitted-transaction")


def _of_another_database(statements: Sequence[Statement], dialect: Dialect) -> bool:
    if dialect is not None:
        return False
    tokens = [token for statement in statements for token in statement.tokens]
    return any(t.is_word(*ELSEWHERE) or (t.kind == "name" and t.text.startswith("`")) for t in tokens)


def _remember(statement: Statement, history: History) -> None:
    thing = made(statement) if statement.head in ("CREATE", "ALTER", "DROP") else None
    if statement.head in ("BEGIN", "START"):
        history.open = True
    elif statement.head in ("COMMIT", "END", "ROLLBACK", "ABORT") and not has(statement.tokens, "TO"):
        history.open = False
        history.unvalidated.clear()
    if thing is None or not thing.name:
        return
    if statement.head == "CREATE" and thing.what in ("TABLE", "MATERIALIZED", "VIEW"):
        history.new.add(thing.name[-1].lower())
    for part in altered(statement):
        if part.starts("RENAME", "TO") and history.is_new(part.table) and len(part.tokens) > 2:
            history.new.add(part.tokens[2].value.lower())


def _transactions(statement: Statement, history: History) -> Iterator[Effect]:
    head, tokens = statement.head, statement.tokens
    if head in ("BEGIN", "START") and history.open:
        claim = "a transaction is begun within one: PostgreSQL warns, and the first COMMIT ends both"
        yield effect(EffectKind.lock, claim, "", "transaction-nesting")
    ends = head in ("COMMIT", "END", "ROLLBACK", "ABORT") and not (has(tokens, "TO") or has(tokens, "PREPARED"))
    if ends and not history.open:
        claim = "it ends a transaction that was not begun here: it may end the one that the migration runs in"
        yield effect(EffectKind.lock, claim, "", "transaction-nesting")
    if history.open and any(token.is_word("CONCURRENTLY") for token in tokens) and head != "REFRESH":
        claim = f"{head} … CONCURRENTLY fails within a transaction; run it by itself"
        yield effect(EffectKind.lock, claim, "", "concurrently-in-transaction")


def _statement(statement: Statement, history: History) -> Iterator[Effect]:
    head = statement.head
    if head == "REINDEX":
        yield from _reindex(statement)
    if head == "CLUSTER":
        yield effect(EffectKind.lock, "CLUSTER rewrites the table and keeps everybody out meanwhile", "", "rewrite")
    if head == "TRUNCATE" and not history.open and has(statement.tokens, "CASCADE"):
        claim = "TRUNCATE … CASCADE empties tables that are not named; name each"
        yield effect(EffectKind.lock, claim, "", "truncate-cascade")
    thing = made(statement) if head in ("CREATE", "ALTER", "DROP") else None
    if thing is None:
        return
    if head == "CREATE":
        yield from _create(statement, thing, history)
    elif head == "DROP":
        yield from _drop(statement, thing)
    elif thing.what in ("TABLE", "FOREIGN"):
        for part in altered(statement):
            yield from _alter(part, history)
    else:
        yield from _alter_other(thing)


def _reindex(statement: Statement) -> Iterator[Effect]:
    if any(token.is_word("CONCURRENTLY") for token in statement.tokens):
        return
    system = any(token.is_word("SYSTEM") for token in statement.tokens[:4])
    how = "run it when nobody is there" if system else "add CONCURRENTLY"
    yield effect(EffectKind.lock, f"REINDEX keeps writers out until it is done: {how}", "", "reindex-concurrently")


def _create(statement: Statement, thing: Made, history: History) -> Iterator[Effect]:
    tokens = statement.tokens
    if thing.what == "INDEX" and not any(token.is_word("CONCURRENTLY") for token in tokens):
        on = find(tokens, "ON")
        table = name_at(tokens, skip_words(tokens, on + 1, "ONLY"))[0] if on is not None else ()
        if not history.is_new(table):
            claim = f"building an index keeps writers of {named(table)} out until it is done: CREATE INDEX CONCURRENTLY"
            yield effect(EffectKind.lock, claim, named(table), "index-concurrently")
    if thing.what == "TRIGGER" and not history.is_new(_on(tokens)):
        claim = f"creating a trigger waits for all writers of {named(_on(tokens))}, and keeps new ones out meanwhile"
        yield effect(EffectKind.lock, claim, named(_on(tokens)), "trigger-lock", possible=True)
    if thing.what == "DOMAIN" and (has(tokens, "CHECK") or has(tokens, "CONSTRAINT") or has(tokens, "NOT", "NULL")):
        claim = "to change a domain's constraint later checks every table that uses it: put it on the tables"
        yield effect(EffectKind.style, claim, named(thing.name), "domain-constraint")
    if thing.what == "TABLE" and any(t.is_word("REFERENCES") for t in tokens):
        for target in _referred(tokens):
            if not history.is_new(target) and target != thing.name:
                claim = f"making a foreign key to {named(target)} keeps writers of it waiting for a moment"
                yield effect(EffectKind.read, claim, named(target), "reference-lock", possible=True)


def _on(tokens: Sequence[Token]) -> tuple[str, ...]:
    place = find(tokens, "ON")
    return name_at(tokens, place + 1)[0] if place is not None else ()


def _referred(tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    return [name_at(tokens, place + 1)[0] for place, token in enumerate(tokens) if token.is_word("REFERENCES")]


def _drop(statement: Statement, thing: Made) -> Iterator[Effect]:
    name = named(thing.name)
    if thing.what == "INDEX" and not any(token.is_word("CONCURRENTLY") for token in statement.tokens):
        claim = "dropping an index waits for all that use its table, and keeps the rest out: DROP INDEX CONCURRENTLY"
        yield effect(EffectKind.lock, claim, name, "drop-index-concurrently")
    if thing.what == "TABLE":
        claim = f"programs that still use {name} fail from now on: drop it when nothing refers to it"
        yield effect(EffectKind.schema, claim, name, "drop-table", reversible=False)


def _alter_other(thing: Made) -> Iterator[Effect]:
    words = [token.value for token in thing.rest]
    if thing.what == "DOMAIN" and words[:1] == ["ADD"]:
        claim = (
            f"every table that uses the domain {named(thing.name)} is locked and checked: put the constraint on tables"
        )
        yield effect(EffectKind.lock, claim, named(thing.name), "domain-constraint")
    if thing.what == "TYPE" and words[:2] == ["ADD", "VALUE"] and not {"BEFORE", "AFTER"} & set(words):
        claim = "a value is added at the end of the type: say BEFORE or AFTER which, so that the order is meant"
        yield effect(EffectKind.style, claim, named(thing.name), "enum-order")
    if words[:1] == ["RENAME"] and thing.what in ("VIEW", "TYPE", "MATERIALIZED", "SCHEMA", "SEQUENCE"):
        claim = f"programs that use the old name {named(thing.name)} fail from now on"
        yield effect(EffectKind.schema, claim, named(thing.name), "rename", reversible=True)


def _alter(part: Altered, history: History) -> Iterator[Effect]:
    table, name = part.table, named(part.table)
    if history.is_new(table):
        return
    if part.starts("RENAME"):
        what = "the table" if part.starts("RENAME", "TO") else "the column"
        if part.starts("RENAME", "CONSTRAINT"):
            return
        claim = f"programs that use the old name of {what} in {name} fail from now on: add the new one beside it"
        yield effect(EffectKind.schema, claim, name, "rename", reversible=True)
    elif part.starts("DETACH", "PARTITION"):
        if not any(token.is_word("CONCURRENTLY", "FINALIZE") for token in part.tokens):
            claim = f"detaching a partition keeps everybody out of {name} meanwhile: add CONCURRENTLY"
            yield effect(EffectKind.lock, claim, name, "detach-concurrently")
    elif part.starts("ATTACH", "PARTITION"):
        claim = (
            f"all rows of the partition are checked under a lock, unless a CHECK of the same bounds is there: {name}"
        )
        yield effect(EffectKind.lock, claim, name, "attach-check", possible=True)
    elif part.starts("VALIDATE", "CONSTRAINT"):
        yield from _validate(part, history)
    elif part.tokens[0].is_word("ADD") and _adds_constraint(part):
        yield from _constraint(part, history)
    elif part.starts("SET") and any(t.is_word("LOGGED", "UNLOGGED", "TABLESPACE", "ACCESS") for t in part.tokens[:3]):
        yield effect(EffectKind.lock, f"{name} is rewritten, and nobody can use it meanwhile", name, "rewrite")
    elif part.tokens[0].is_word("ADD", "DROP", "ALTER"):
        yield from column_rules(part)


def _adds_constraint(part: Altered) -> bool:
    place = skip_words(part.tokens, 1, "IF", "NOT", "EXISTS")
    return place < len(part.tokens) and part.tokens[place].is_word(
        "CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "NOT"
    )


def _constraint(part: Altered, history: History) -> Iterator[Effect]:
    tokens, name = part.tokens, named(part.table)
    if has(tokens, "NOT", "VALID"):
        place = find(tokens, "CONSTRAINT")
        if place is not None and history.open:
            history.unvalidated[named(name_at(tokens, place + 1)[0]).lower()] = 1
        return
    if has(tokens, "USING", "INDEX"):
        return
    if has(tokens, "PRIMARY", "KEY") or has(tokens, "UNIQUE") or has(tokens, "EXCLUDE"):
        kind = "primary-key" if has(tokens, "PRIMARY", "KEY") else "unique"
        claim = (
            f"the index of the constraint is built while nobody can use {name}: build it CONCURRENTLY, then USING INDEX"
        )
        yield effect(EffectKind.lock, claim, name, f"{kind}-constraint")
        return
    claim = (
        f"all rows of {name} are checked while writers wait: add it NOT VALID, and VALIDATE it in a later transaction"
    )
    yield effect(EffectKind.lock, claim, name, "constraint-not-valid")
    for target in _referred(tokens):
        claim = f"writers of {named(target)}, which the foreign key refers to, wait too"
        yield effect(EffectKind.lock, claim, named(target), "foreign-key-lock")


def _validate(part: Altered, history: History) -> Iterator[Effect]:
    place = skip_words(part.tokens, 1, "CONSTRAINT")
    constraint = named(name_at(part.tokens, place)[0]).lower()
    if constraint in history.unvalidated:
        claim = (
            "the constraint is validated in the transaction that adds it, whose locks are kept: validate it in another"
        )
        yield effect(EffectKind.lock, claim, named(part.table), "validate-in-transaction")
