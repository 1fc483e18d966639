"""Statements that change the shape of a database, and what the parts of ALTER TABLE do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.lex import Dialect, Statement, Token
from revet.effects.sql.reading import has, name_at, parts, skip_words
from revet.effects.sql.rows import effect, named

__all__ = ["DDL", "Altered", "Made", "altered", "made"]

Found = tuple[list[Effect], list[str]]

WITH_ROWS = frozenset({"TABLE", "DATABASE", "SCHEMA", "KEYSPACE", "TABLESPACE"})
RIGHTS = frozenset({"USER", "ROLE", "GROUP", "LOGIN", "POLICY", "CREDENTIAL", "SECRET", "PROFILE"})
CODE = frozenset({"FUNCTION", "PROCEDURE", "PROC", "TRIGGER", "RULE", "EVENT", "AGGREGATE", "OPERATOR", "LANGUAGE"})
BEYOND = frozenset({"SERVER", "SUBSCRIPTION", "PUBLICATION", "FOREIGN"})
MODIFIERS = (
    "OR",
    "REPLACE",
    "TEMP",
    "TEMPORARY",
    "GLOBAL",
    "LOCAL",
    "UNLOGGED",
    "UNIQUE",
    "MATERIALIZED",
    "RECURSIVE",
    "CLUSTERED",
    "NONCLUSTERED",
    "FULLTEXT",
    "SPATIAL",
    "CONSTRAINT",
    "VIRTUAL",
    "EXTERNAL",
    "PUBLIC",
    "TRUSTED",
    "ALGORITHM",
    "PERSISTENT",
)
DROPPED = ("IF", "EXISTS", "NOT", "CONCURRENTLY", "ONLY")


@dataclass(frozen=True)
class Made:
    """What CREATE, DROP or ALTER names: the kind of object, in capitals, its name, and the rest of the statement."""

    what: str
    name: tuple[str, ...]
    rest: tuple[Token, ...]
    modifiers: frozenset[str]


@dataclass(frozen=True)
class Altered:
    """One part of an ALTER TABLE: its words from the verb on."""

    table: tuple[str, ...]
    tokens: tuple[Token, ...]

    def starts(self, *words: str) -> bool:
        """Whether it starts with these words, COLUMN between the first two or not."""
        mine = [token for token in self.tokens[: len(words) + 1] if not token.is_word("COLUMN")]
        return len(mine) >= len(words) and all(t.is_word(w) for t, w in zip(mine, words, strict=False))

    @property
    def column(self) -> tuple[Token, ...]:
        """What follows the verb and COLUMN and IF [NOT] EXISTS."""
        place = skip_words(self.tokens, 1, "COLUMN", "IF", "NOT", "EXISTS")
        return self.tokens[place:]


def made(statement: Statement) -> Made | None:
    """The object of a CREATE, DROP or ALTER statement; None if it cannot be read."""
    tokens = statement.tokens
    place = skip_words(tokens, 1, *MODIFIERS)
    if place < len(tokens) and tokens[place].text == "=":
        place = next((n for n, t in enumerate(tokens) if t.is_word("VIEW", "TRIGGER", "PROCEDURE", "FUNCTION")), place)
    if place < len(tokens) and tokens[place].is_word("DEFINER", "SQL"):
        place = next((n for n, t in enumerate(tokens) if t.is_word("VIEW", "TRIGGER", "PROCEDURE", "FUNCTION")), place)
    if place >= len(tokens) or tokens[place].kind != "word":
        return None
    what = tokens[place].value
    if what == "FOREIGN":
        what, place = "FOREIGN", skip_words(tokens, place + 1, "TABLE", "DATA", "WRAPPER") - 1
    name, after = name_at(tokens, skip_words(tokens, place + 1, *DROPPED))
    modifiers = frozenset(token.value for token in tokens[1:place] if token.kind == "word")
    if len(name) == 1 and name[0].upper() == "ON" and what == "INDEX":
        name, after = (), after - 1
    return Made(what, name, tuple(tokens[after:]), modifiers)


def altered(statement: Statement) -> list[Altered]:
    """The parts of an ALTER TABLE, in order; nothing for other statements."""
    thing = made(statement)
    if thing is None or statement.head != "ALTER" or thing.what not in ("TABLE", "FOREIGN"):
        return []
    rest = list(thing.rest)
    if rest and rest[0].text == "*":
        rest = rest[1:]
    return [Altered(thing.name, tuple(each)) for each in parts(rest)]


def create(statement: Statement, dialect: Dialect) -> Found:
    thing = made(statement)
    if thing is None:
        return _unclear(statement)
    name = named(thing.name)
    if thing.what in RIGHTS:
        return [effect(EffectKind.privilege, f"makes the {thing.what.lower()} {name}", name, "create-right")], []
    if thing.what == "EXTENSION":
        claim = f"installs the extension {name} in the database"
        return [Effect(EffectKind.install, claim, name, "database", word="sql/extension")], []
    found = [
        effect(EffectKind.create, f"makes the {thing.what.lower()} {name}".rstrip(), name, "create", reversible=True)
    ]
    if thing.what in BEYOND:
        found.append(
            effect(EffectKind.service, f"connects the database with another: {thing.what.lower()}", name, "beyond")
        )
    if "REPLACE" in thing.modifiers:
        claim = f"replaces the {thing.what.lower()} {name} if there is one"
        lossy = thing.what in WITH_ROWS
        kind = EffectKind.delete if lossy else EffectKind.schema
        found.append(effect(kind, claim, name, "or-replace", wide=lossy))
    if thing.what in CODE:
        claim = f"{name} holds code that is carried out later; it was not read"
        found.append(effect(EffectKind.schema, claim, name, "stored-code"))
    return found, []


def drop(statement: Statement, dialect: Dialect) -> Found:
    thing = made(statement)
    if thing is None:
        return _unclear(statement)
    tokens = statement.tokens
    start = len(tokens) - len(thing.rest)
    names = [named(thing.name), *_further(tokens[start:])]
    cascade = has(tokens, "CASCADE")
    found: list[Effect] = []
    if thing.what in RIGHTS:
        return [
            effect(EffectKind.privilege, f"removes the {thing.what.lower()} {n}", n, "drop-right") for n in names
        ], []
    if thing.what == "OWNED":
        claim = "drops everything that a role owns"
        return [effect(EffectKind.delete, claim, "", "drop-owned", wide=True, reversible=False)], []
    for name in names:
        what = f"{thing.what.lower()} {name}"
        if thing.what in WITH_ROWS:
            found.append(
                effect(EffectKind.delete, f"deletes the {what} and all that it holds", name, "drop", wide=True)
            )
        found.append(effect(EffectKind.schema, f"drops the {what}", name, "drop", reversible=False))
    if cascade:
        claim = "CASCADE drops whatever depends on it, however far"
        found.append(effect(EffectKind.schema, claim, ", ".join(names), "drop-cascade", wide=True, reversible=False))
    return found, []


def _further(tokens: Sequence[Token]) -> list[str]:
    """The names after the first, in ``DROP TABLE a, b``."""
    found = []
    for part in parts(list(tokens))[0 if tokens and tokens[0].text == "," else 1 :]:
        name, _ = name_at(part, 0)
        if name:
            found.append(named(name))
    return found


def alter(statement: Statement, dialect: Dialect) -> Found:
    thing = made(statement)
    if thing is None:
        return _unclear(statement)
    name = named(thing.name)
    if thing.what == "SYSTEM":
        return [effect(EffectKind.service, "changes the configuration of the server", "", "alter-system")], []
    if thing.what in RIGHTS or has(statement.tokens, "OWNER", "TO") or thing.what == "DEFAULT":
        claim = f"changes rights or owners: ALTER {thing.what} {name}".rstrip()
        return [effect(EffectKind.privilege, claim, name, "alter-right")], []
    if thing.what not in ("TABLE", "FOREIGN"):
        claim = f"changes the {thing.what.lower()} {name}".rstrip()
        return [effect(_kind_of_alter(thing), claim, name, "alter")], []
    found = [each for part in altered(statement) for each in _alter_table(part)]
    return (found, []) if found else _unclear(statement)


def _kind_of_alter(thing: Made) -> EffectKind:
    if thing.what == "TYPE" and thing.rest and thing.rest[0].is_word("ADD"):
        return EffectKind.create
    if thing.what == "DOMAIN" and thing.rest and thing.rest[0].is_word("VALIDATE"):
        return EffectKind.read
    return EffectKind.schema


def _alter_table(part: Altered) -> list[Effect]:
    table = named(part.table)
    first = part.tokens[0]
    text = " ".join(token.text for token in part.tokens)
    short = text if len(text) <= 80 else text[:77] + "…"
    if part.starts("VALIDATE", "CONSTRAINT"):
        return [effect(EffectKind.read, f"checks all rows of {table}", table, "validate", reversible=True)]
    if part.starts("ENABLE", "ROW"):
        claim = f"nobody but its owner sees rows of {table} from now on, unless a policy lets them"
        return [effect(EffectKind.privilege, claim, table, "enable-row-security")]
    if part.starts("ATTACH", "PARTITION"):
        return [effect(EffectKind.create, f"adds to {table}: {short}", table, "alter-add", reversible=True)]
    if first.is_word("ADD"):
        column = named(name_at(part.column, 0)[0][:1])
        claim = f"adds to {table}: {short}" if not column else f"adds {short[4:]} to {table}"
        return [effect(EffectKind.create, claim, table, "alter-add", reversible=True)]
    if first.is_word("DROP"):
        if part.starts("DROP", "CONSTRAINT") or part.starts("DROP", "INDEX") or part.starts("DROP", "PRIMARY"):
            return [effect(EffectKind.schema, f"changes {table}: {short}", table, "drop-constraint")]
        if part.starts("DROP", "PARTITION"):
            return [effect(EffectKind.delete, f"deletes rows of {table}: {short}", table, "drop-partition", wide=True)]
        column = named(name_at(part.column, 0)[0][:1])
        return [
            effect(EffectKind.delete, f"deletes {table}.{column} in all rows", table, "drop-column", wide=True),
            effect(EffectKind.schema, f"drops {table}.{column}", table, "drop-column", reversible=False),
        ]
    if first.is_word("DISABLE", "NO", "FORCE"):
        return [effect(EffectKind.privilege, f"turns a safeguard of {table} off: {short}", table, "alter-disable")]
    if first.is_word("DETACH"):
        claim = f"takes a partition out of {table}; its rows stay"
        return [effect(EffectKind.schema, claim, table, "detach", reversible=True)]
    if first.is_word("TRUNCATE"):
        return [effect(EffectKind.delete, f"empties a partition of {table}", table, "truncate", wide=True)]
    return [effect(EffectKind.schema, f"changes {table}: {short}", table, "alter")]


def rename(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.schema, "renames a table", "", "rename")], []


def comment(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.schema, "changes a comment in the schema", "", "comment", reversible=True)], []


def _unclear(statement: Statement) -> Found:
    what = f"what {statement.head} changes cannot be read"
    return [effect(EffectKind.schema, what, "", "unclear")], [what]


DDL: dict[str, Callable[[Statement, Dialect], Found]] = {
    "ALTER": alter,
    "COMMENT": comment,
    "CREATE": create,
    "DROP": drop,
    "RENAME": rename,
}
