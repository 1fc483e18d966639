"""Statements about rights, files, sessions, settings and upkeep, and those that carry out what cannot be read."""

from __future__ import annotations

from collections.abc import Callable

from revet.effects.model import Effect, EffectKind
from revet.effects.sql.lex import Dialect, Statement, words
from revet.effects.sql.reading import find, has, name_at, skip_words
from revet.effects.sql.rows import effect, file_effect, named

__all__ = ["SERVER"]

Found = tuple[list[Effect], list[str]]

LOOKING_PRAGMAS = words(
    "TABLE_INFO TABLE_XINFO TABLE_LIST INDEX_LIST INDEX_INFO INDEX_XINFO FOREIGN_KEY_LIST FOREIGN_KEY_CHECK "
    "INTEGRITY_CHECK QUICK_CHECK DATABASE_LIST COLLATION_LIST FUNCTION_LIST MODULE_LIST PRAGMA_LIST "
    "COMPILE_OPTIONS PAGE_COUNT FREELIST_COUNT DATA_VERSION DATABASE_SIZE SHOW_TABLES STORAGE_INFO VERSION "
    "USER_AGENT"
)
DANGEROUS_SETTINGS = words(
    "SESSION_REPLICATION_ROLE ROW_SECURITY FOREIGN_KEY_CHECKS UNIQUE_CHECKS SQL_SAFE_UPDATES SQL_LOG_BIN "
    "ZERO_DAMAGED_PAGES IGNORE_CHECKSUM_FAILURE ALLOW_SYSTEM_TABLE_MODS SQL_MODE IDENTITY_INSERT "
    "EVENT_SCHEDULER LOCAL_PRELOAD_LIBRARIES STANDARD_CONFORMING_STRINGS"
)


def grant(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    verb = "gives" if tokens[0].is_word("GRANT") else "takes away"
    on = find(tokens, "ON")
    target = named(name_at(tokens, skip_words(tokens, on + 1, "TABLE", "SCHEMA", "DATABASE"))[0]) if on else ""
    wide = has(tokens, "ALL") or has(tokens, "PUBLIC")
    return [effect(EffectKind.privilege, f"{verb} rights: {_short(statement)}", target, "grant", wide=wide)], []


def kill(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.process, "ends a session or statement of the server", "", "kill")], []


def service(statement: Statement, dialect: Dialect) -> Found:
    claim = f"acts on the server itself: {_short(statement)}"
    return [effect(EffectKind.service, claim, "", "server", reversible=False)], []


def settings(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    if len(tokens) > 1 and tokens[1].is_word("GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "DEFAULT"):
        kind = EffectKind.privilege if tokens[1].is_word("PASSWORD", "DEFAULT") else EffectKind.service
        return [effect(kind, f"changes a setting for everybody: {_short(statement)}", "", "set-global")], []
    if len(tokens) > 1 and tokens[1].value.upper().startswith(("@@GLOBAL", "@@PERSIST")):
        return [
            effect(EffectKind.service, f"changes a setting for everybody: {_short(statement)}", "", "set-global")
        ], []
    if has(tokens, "ROLE") or has(tokens, "SESSION", "AUTHORIZATION"):
        return [effect(EffectKind.privilege, f"acts as somebody else: {_short(statement)}", "", "set-role")], []
    words = {token.value.upper() for token in tokens}
    verbs = {"ALTER", "DELETE", "DROP", "EXEC", "INSERT", "TRUNCATE", "UPDATE", "MERGE", "SHUTDOWN", "GRANT", "CREATE"}
    if dialect in (None, "tsql") and words & verbs:
        return [], ["a statement may follow SET with no semicolon between"]
    risky = sorted(words & DANGEROUS_SETTINGS)
    if risky and tokens[0].is_word("SET", "RESET"):
        claim = f"turns off a safeguard, or changes how SQL is read: {risky[0].lower()}"
        return [effect(EffectKind.privilege, claim, risky[0].lower(), "set-safeguard")], []
    return [], []


def upkeep(statement: Statement, dialect: Dialect) -> Found:
    tokens, target = statement.tokens, ""
    if tokens[0].is_word("VACUUM", "CLUSTER", "OPTIMIZE", "REPAIR"):
        options = {token.value for token in tokens}
        full = "FULL" in options or tokens[0].is_word("CLUSTER", "OPTIMIZE", "REPAIR")
        into = find(tokens, "INTO")
        if into is not None:
            return [file_effect(tokens, into + 1, EffectKind.create, "writes a copy of the database to a file")], []
        claim = "rewrites tables and keeps everybody out meanwhile" if full else "tidies tables up; their rows stay"
        kind = EffectKind.lock if full else EffectKind.write
        return [effect(kind, claim, target, "vacuum", wide=full, reversible=True)], []
    return [effect(EffectKind.write, "gathers statistics; the rows stay", target, "analyze", reversible=True)], []


def reindex(statement: Statement, dialect: Dialect) -> Found:
    claim = "builds indexes again; the rows stay"
    return [effect(EffectKind.write, claim, "", "reindex", reversible=True)], []


def refresh(statement: Statement, dialect: Dialect) -> Found:
    place = skip_words(statement.tokens, 1, "MATERIALIZED", "VIEW", "CONCURRENTLY")
    view = named(name_at(statement.tokens, place)[0])
    found = [effect(EffectKind.write, f"fills {view} again", view, "refresh", reversible=True)]
    if not has(statement.tokens, "CONCURRENTLY"):
        found.append(effect(EffectKind.lock, f"nobody can read {view} meanwhile", view, "refresh-lock"))
    return found, []


def attach(statement: Statement, dialect: Dialect) -> Found:
    place = skip_words(statement.tokens, 1, "DATABASE", "IF", "NOT", "EXISTS")
    return [file_effect(statement.tokens, place, EffectKind.write, "opens (or makes) another database")], []


def pragma(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    parts, after = name_at(tokens, 1)
    name = parts[-1].upper() if parts else ""
    sets = after < len(tokens) and (
        tokens[after].text == "=" or (tokens[after].text == "(" and name not in LOOKING_PRAGMAS)
    )
    if not sets or name in LOOKING_PRAGMAS:
        return [effect(EffectKind.read, f"asks for {name.lower()}", "", "pragma", reversible=True)], []
    if name in ("WRITABLE_SCHEMA", "TRUSTED_SCHEMA"):
        return [effect(EffectKind.schema, f"PRAGMA {name.lower()} lets the schema itself be edited", "", "pragma")], []
    if name == "FOREIGN_KEYS" or name == "DEFER_FOREIGN_KEYS":
        return [effect(EffectKind.privilege, f"PRAGMA {name.lower()} turns a safeguard on or off", "", "pragma")], []
    return [effect(EffectKind.service, f"PRAGMA {name.lower()} changes how the database works", "", "pragma")], []


def load(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    place = find(tokens, "INFILE")
    if place is None:
        claim = f"loads a library or extension: {_short(statement)}"
        return [Effect(EffectKind.install, claim, "", "system", word="sql/load")], []
    into = find(tokens, "TABLE")
    table = named(name_at(tokens, into + 1)[0]) if into is not None else ""
    found = [
        file_effect(tokens, place + 1, EffectKind.read, "reads a file"),
        effect(EffectKind.create, f"adds rows to {table} from a file", table, "load", wide=True),
    ]
    if has(tokens, "REPLACE"):
        found.append(effect(EffectKind.write, f"replaces rows of {table} that have the same key", table, "load"))
    return found, []


def copy(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    query = len(tokens) > 1 and tokens[1].text == "("
    table = "" if query else named(name_at(tokens, skip_words(tokens, 1, "BINARY"))[0])
    into, out = find(tokens, "FROM"), find(tokens, "TO")
    place = into if into is not None else out
    if place is None:
        return [], ["what COPY does cannot be read"]
    if place + 1 < len(tokens) and tokens[place + 1].is_word("PROGRAM"):
        program = tokens[place + 2].value if place + 2 < len(tokens) else ""
        return [
            Effect(EffectKind.run, f"runs a program on the server: {program}", program, "system", word="sql/program")
        ], [f"the program {program!r} was not read"]
    standard = place + 1 < len(tokens) and tokens[place + 1].is_word("STDIN", "STDOUT")
    if into is not None:
        found = [effect(EffectKind.create, f"adds rows to {table}", table, "copy", wide=True)]
        more = [] if standard else [file_effect(tokens, into + 1, EffectKind.read, "reads a file of the server")]
        return found + more, []
    found = [effect(EffectKind.read, f"reads {table or 'rows'}", table, "copy", reversible=True)]
    more = [] if standard else [file_effect(tokens, place + 1, EffectKind.write, "writes a file on the server")]
    return found + more, []


def export(statement: Statement, dialect: Dialect) -> Found:
    place = skip_words(statement.tokens, 1, "DATABASE")
    writes = statement.head in ("EXPORT", "BACKUP", "UNLOAD")
    claim = "writes the database to files" if writes else "replaces a database by what files hold"
    found = [file_effect(statement.tokens, place, EffectKind.write, claim)]
    if not writes:
        found.append(effect(EffectKind.write, claim, "", "restore", wide=True))
    return found, []


def lock(statement: Statement, dialect: Dialect) -> Found:
    tokens = statement.tokens
    table = named(name_at(tokens, skip_words(tokens, 1, "TABLE", "TABLES", "ONLY"))[0])
    return [effect(EffectKind.lock, f"locks {table or 'tables'} until the transaction ends", table, "lock")], []


def notify(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.send, "notifies the sessions that listen", "", "notify")], []


def hidden(statement: Statement, dialect: Dialect) -> Found:
    what = f"{statement.head} carries out code that is not in the text: {_short(statement)}"
    return [effect(EffectKind.unknown, what, "", "hidden-code")], [what]


def block(statement: Statement, dialect: Dialect) -> Found:
    what = f"{statement.head} carries out a block of code, which was not read"
    found = [effect(EffectKind.unknown, what, "", "code-block")]
    return found, [what]


def handler(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.read, "reads rows", "", "read", reversible=True)], []


def purge(statement: Statement, dialect: Dialect) -> Found:
    claim = f"throws logs of the server away: {_short(statement)}"
    return [effect(EffectKind.delete, claim, "", "purge", wide=True, reversible=False)], []


def owned(statement: Statement, dialect: Dialect) -> Found:
    return [effect(EffectKind.privilege, f"changes owners: {_short(statement)}", "", "owner", wide=True)], []


def foreign(statement: Statement, dialect: Dialect) -> Found:
    claim = f"takes tables over from another server: {_short(statement)}"
    return [effect(EffectKind.create, claim, "", "import")], [f"what {_short(statement)} brings was not read"]


def _short(statement: Statement) -> str:
    text = " ".join(statement.text.split())
    return text if len(text) <= 100 else text[:97] + "…"


SERVER: dict[str, Callable[[Statement, Dialect], Found]] = {
    "ANALYZE": upkeep,
    "ANALYSE": upkeep,
    "ATTACH": attach,
    "BACKUP": export,
    "CALL": hidden,
    "CHANGE": service,
    "CHECK": upkeep,
    "CHECKPOINT": upkeep,
    "CLUSTER": upkeep,
    "COPY": copy,
    "DBCC": service,
    "DECLARE": block,
    "DO": block,
    "EXEC": hidden,
    "EXECUTE": hidden,
    "EXPORT": export,
    "FLUSH": service,
    "GRANT": grant,
    "HANDLER": handler,
    "IF": block,
    "IMPORT": foreign,
    "INSTALL": load,
    "KILL": kill,
    "LOAD": load,
    "LOCK": lock,
    "NOTIFY": notify,
    "OPTIMIZE": upkeep,
    "PRAGMA": pragma,
    "PREPARE": hidden,
    "PURGE": purge,
    "REASSIGN": owned,
    "RECONFIGURE": service,
    "REFRESH": refresh,
    "REINDEX": reindex,
    "REPAIR": upkeep,
    "RESET": settings,
    "RESTART": service,
    "RESTORE": export,
    "REVOKE": grant,
    "SECURITY": grant,
    "SET": settings,
    "SHUTDOWN": service,
    "STOP": service,
    "UNLOAD": export,
    "UPDATE_STATISTICS": upkeep,
    "VACUUM": upkeep,
    "WHILE": block,
}
