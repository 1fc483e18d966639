"""Clients of SQL databases (psql, mysql, sqlite3 …): the statements that they are given, and their own options.

The text of ``-c``, ``-e``, of operands and of a heredoc is read by `revet.effects.sql.analyse`. Statements in a file,
or on a standard input that is not known, cannot be seen: that is an effect `unknown`, and a dry run may tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from revet.effects.model import Effect, EffectKind
from revet.effects.shell.call import Call
from revet.effects.shell.model import Word

__all__ = ["examine"]

K = EffectKind


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is given SQL: options whose value is a text, or a file; how many operands stand before SQL operands
    (None: none are SQL); its dialect. `out` are options that name a file for what is read."""

    text: tuple[str, ...]
    file: tuple[str, ...] = ()
    operands: int | None = None
    dialect: str | None = None
    out: tuple[str, ...] = ()


_PSQL = Client(("-c", "--command"), ("-f", "--file"), None, "postgres", out=("-o", "--output", "-L", "--log-file"))
_MYSQL = Client(("-e", "--execute", "--init-command"), (), None, "mysql", out=("--tee",))
_SQLITE = Client(("-cmd", "--cmd", "-c"), ("-init", "--init", "-f"), 1, "sqlite")
_SQLCMD = Client(("-Q", "-q", "--query"), ("-i", "--input-file"), None, out=("-o",))
CLIENTS = {
    **dict.fromkeys(("psql", "pgcli", "ysqlsh", "vsql"), _PSQL),
    "cockroach": Client(("-e", "--execute"), ("-f", "--file"), None, "postgres"),
    "isql": Client(("-c", "-e", "-q"), ("-i", "-f")),
    **dict.fromkeys(("mysql", "mariadb", "mycli", "mysqlsh", "tidb"), _MYSQL),
    **dict.fromkeys(("sqlite3", "sqlite", "litecli", "libsql", "sqlcipher"), _SQLITE),
    "duckdb": Client(("-c", "-s", "-cmd"), ("-init", "-f"), 1, "duckdb"),
    **dict.fromkeys(
        ("clickhouse", "clickhouse-client", "clickhouse-local"), Client(("-q", "--query"), ("--queries-file",), None)
    ),
    **dict.fromkeys(("sqlcmd", "osql", "mssql-cli"), _SQLCMD),
    **dict.fromkeys(("usql", "snowsql", "snow", "dsql"), Client(("-c", "-q", "--query", "--command"), ("-f",), None)),
    **dict.fromkeys(
        ("trino", "presto", "hive", "beeline", "spark-sql", "impala-shell", "vertica", "db2", "bteq"),
        Client(("-e", "--execute", "-q", "--query"), ("-f", "--file", "-i"), None),
    ),
}
_EMBEDDED = ("sqlite", "duckdb")
"""Dialects of databases that run in the client itself: files that their statements name are files of this machine."""
_INPUT = ("<<", "<<-", "<<<")


def examine(call: Call) -> Sequence[Effect] | None:
    """What the statements do that the client is given; None if it is only asked for itself (the table decides)."""
    client = CLIENTS.get(call.name)
    if client is None:
        return None
    if call.has("-l", "--list", exact=True) and client is _PSQL:
        return [call.effect(K.read, "lists databases", place="database", id="list")]
    effects: list[Effect] = []
    for text in _texts(call, client):
        effects += _of_text(call, text, client.dialect)
    for option in call.find(*client.file, exact=True):
        effects.append(_unseen(call, option.value))
    effects += _of_input(call, client.dialect, has_text=bool(effects))
    effects += [_written(call, option.value) for option in call.find(*client.out) if option.value is not None]
    return effects or None


def _written(call: Call, file: Word) -> Effect:
    if file.text.startswith("|"):
        return call.effect(K.unknown, "pipes rows to a program, which was not read", place="system", id="output")
    return call.effect(K.write, "writes what it reads to {target}", file, id="output")


def _texts(call: Call, client: Client) -> list[Word]:
    found = call.find(*client.text, exact=True)
    texts = [each.value for each in found if each.value is not None and not _in_password(call, client, each.at)]
    if client.operands is not None:
        texts += call.operands[client.operands :]
    return texts


def _in_password(call: Call, client: Client, at: int) -> bool:
    """Whether the word is ``-pSECRET``: of MySQL's options the one whose value must stand without a space."""
    return client is _MYSQL and re.match("-p..", call.invocation.argv[at].text) is not None


def _here(call: Call, effect: Effect, dialect: str | None) -> Effect:
    """A file that the client itself reads or writes, by its place on this machine."""
    local = effect.word == "sql/client" or (effect.word == "sql/file" and dialect in _EMBEDDED)
    if not local or not effect.target or re.search(r"[\s|'\"]|://", effect.target):
        return effect
    where = call.effect(effect.kind, "", effect.target)
    return replace(effect, place=where.place, wide=effect.wide or where.wide)


def _of_text(call: Call, text: Word, dialect: str | None) -> list[Effect]:
    from revet.effects.sql import analyse

    analysis = analyse(text.text, dialect=dialect)
    found = [_here(call, effect, dialect) for effect in analysis.effects]
    effects = [replace(effect, word=f"{call.name}:{effect.word}", command=None) for effect in found]
    doubts = list(analysis.doubts)
    if not text.known:
        doubts.append("part of the statement is computed")
    effects += [call.effect(K.unknown, doubt, place="database", id="sql") for doubt in doubts]
    return effects


def _of_input(call: Call, dialect: str | None, *, has_text: bool) -> list[Effect]:
    """What comes on the standard input; a client at a terminal with nothing to read does nothing."""
    invocation = call.invocation
    for redirection in invocation.redirections:
        if redirection.operator in _INPUT:
            return _of_text(call, redirection.target, dialect)
        if redirection.operator == "<" and not has_text:
            return [_unseen(call, redirection.target)]
    if invocation.stdin is not None and invocation.stdin.known:
        return _of_text(call, invocation.stdin, dialect)
    if (invocation.piped_from is not None or invocation.stdin is not None) and not has_text:
        return [_unseen(call, None)]
    return []


def _unseen(call: Call, file: Word | None) -> Effect:
    named = file is not None and not re.fullmatch(r"-|/dev/stdin", file.text)
    what = "in {target}" if named else "on its standard input"
    claim = f"runs statements {what}, which are not seen here"
    return call.effect(K.unknown, claim, file if named else None, place="database", id="file")
