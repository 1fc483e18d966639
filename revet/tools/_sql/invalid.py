"""Why a database does not take a query: which names it has not, what is nearest to them and where that is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from .finding import Finding
from .model import Fault, Table, nearest
from .query import Query

__all__ = ["explain_invalid", "rewritten"]

MOST = 8
OTHERS = ("mysql", "postgres", "sqlite", "duckdb", "tsql", "bigquery", "snowflake", "oracle")


def explain_invalid(query: Query | None, fault: Fault) -> list[Finding]:
    """At least one finding: the names that are unknown or ambiguous, else the engine's own word."""
    found = [] if query is None else [*_tables(query), *_columns(query), *_ambiguous(query)]
    if found:
        return list({each.claim: each for each in found}.values())[:MOST]
    suggestion = rewritten(query) if query is not None else None
    function = re.search(r"(?:no such function:?|function) \"?(\w+)", str(fault), re.IGNORECASE)
    category = "sql/function" if function else "sql/invalid"
    return [Finding(f"the database does not take the query: {fault}", category, suggestion)]


def _tables(query: Query) -> Iterator[Finding]:
    known = [table.name for table in query.schema.tables.values()]
    for node in query.tables():
        if query.table_of(node) is None and not isinstance(node.this, exp.Func):
            name = f"{node.text('db')}.{node.name}" if node.text("db") else node.name
            yield Finding(
                f"there is no table {name}",
                "sql/unknown-table",
                _instead(nearest(node.name, known), f"the tables are {', '.join(known[:20])}" if known else None),
            )
        elif node.text("db") and f"{node.text('db')}.{node.name}".lower() not in query.schema.tables:
            yield Finding(
                f"there is no schema {node.text('db')} here", "sql/unknown-table", f"write {node.name} by itself"
            )


def _columns(query: Query) -> Iterator[Finding]:
    for node in query.tree.find_all(exp.Column):
        ref = query.ref(node)
        if ref.source is not None or ref.alias or not node.name:
            continue
        select = node.find_ancestor(exp.Select)
        here: list[Table] = []
        while select is not None:
            sources = query.sources(select)
            if any(each.open for each in sources) and not node.table:
                break  # a table that is unknown itself may be meant
            here += [each.table for each in sources if each.table is not None and _meant(each.alias, node)]
            select = select.find_ancestor(exp.Select)
        else:
            if node.table and not here:
                yield from _alias(query, node)
                continue
            yield _unknown(query, node, here)


def _meant(alias: str, node: exp.Column) -> bool:
    return not node.table or alias.lower() == node.table.lower()


def _unknown(query: Query, node: exp.Column, here: list[Table]) -> Finding:
    """Names within the tables of the query come first, then the same or a like name elsewhere."""
    names = {f"{table.name}.{column.name}": column.name for table in here for column in table.columns}
    near = [full for name in nearest(node.name, list(dict.fromkeys(names.values()))) for full in names if
            names[full] == name]  # fmt: skip
    elsewhere = [f"{table.name}.{node.name}" for table in query.schema.having(node.name) if table not in here]
    if elsewhere:
        near = [*elsewhere, *near]
    where = " or ".join(dict.fromkeys(table.name for table in here)) or "the tables of the query"
    columns = ", ".join(column.name for table in here[:2] for column in table.columns[:20])
    hint = f"{where} has the columns {columns}" if columns else None
    if not near:
        others = {f"{t.name}.{c.name}": c.name for t in query.schema.tables.values() for c in t.columns}
        like = nearest(node.name, list(dict.fromkeys(others.values())), most=2)
        near = [full for full, name in others.items() if name in like]
    return Finding(f"there is no column {node.name} in {where}", "sql/unknown-column", _instead(near[:4], hint))


def _alias(query: Query, node: exp.Column) -> Iterator[Finding]:
    select = node.find_ancestor(exp.Select)
    aliases = [each.alias for each in query.sources(select)] if select is not None else []
    if node.table.lower() not in (alias.lower() for alias in aliases):
        yield Finding(
            f"nothing in FROM is called {node.table}",
            "sql/unknown-table",
            f"FROM has {', '.join(filter(None, aliases))}" if any(aliases) else None,
        )


def _ambiguous(query: Query) -> Iterator[Finding]:
    for node in query.tree.find_all(exp.Column):
        ref = query.ref(node)
        using = node.find_ancestor(exp.Join)
        if ref.candidates > 1 and not node.table and not (using is not None and using.args.get("using")):
            select = node.find_ancestor(exp.Select)
            sources = query.sources(select) if select is not None else ()
            having = [f"{each.alias}.{node.name}" for each in sources if each.has(node.name)]
            yield Finding(
                f"the column {node.name} is ambiguous: several tables have it",
                "sql/ambiguous-column",
                f"write {' or '.join(having)}",
            )


def _instead(near: list[str], otherwise: str | None) -> str | None:
    return f"use {' or '.join(near)}" if near else otherwise


def rewritten(query: Query) -> str | None:
    """The query in the engine's own dialect, where it is right in another and the engine takes the translation."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    own = query.engine.dialect
    for other in OTHERS:
        if other == own:
            continue
        try:
            text = sqlglot.transpile(query.sql, read=other, write=own)[0]
            if text != query.sql:
                query.engine.explain(text)
                return f"it is {other} SQL; in {own} write: {text}" if len(text) < 2000 else None
        except (SqlglotError, RecursionError, Fault, ValueError, IndexError, TypeError, AttributeError, KeyError):
            continue
    return None
