"""Rules that look at the data: names that occur in no row, filters that remove nothing, rows counted twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from .finding import Finding
from .model import Column, Table, nearest
from .parts import joins, without_each
from .query import Query

__all__ = ["RULES"]

MOST_VALUES = 300


def unknown_value(query: Query) -> Iterator[Finding]:
    """A text that a column is compared with and that none of its rows holds."""
    for node in query.tree.find_all(exp.EQ, exp.In, exp.Like, exp.ILike):
        column = node.this
        ref = query.ref(column) if isinstance(column, exp.Column) else None
        table = ref.source.table if ref is not None and ref.source is not None else None
        if ref is None or table is None or ref.column is None or _empty(query, table):
            continue
        values = node.expressions if isinstance(node, exp.In) else [node.expression]
        for each in values:
            text = _text(query, each)
            if text is not None and text.strip("%_") and not _holds(query, table, ref.column, text, node):
                yield _absent(query, table, ref.column, text)


def _text(query: Query, node: exp.Expression) -> str | None:
    """A string, also one in double quotes that no column is called (SQLite takes it for a string)."""
    if isinstance(node, exp.Literal):
        return str(node.this)
    if isinstance(node, exp.Column) and node.this.args.get("quoted") and query.ref(node).source is None:
        return node.name
    return None


def _holds(query: Query, table: Table, column: Column, text: str, node: Any) -> bool:
    operator = "LIKE" if isinstance(node, exp.Like | exp.ILike) else "="
    value = exp.Literal.string(text).sql(query.engine.dialect)
    if isinstance(node, exp.EQ | exp.In) and column.numeric and re.fullmatch(r"-?\d+(\.\d+)?", text):
        value = text
    name = query.quoted(column.name)
    found = query.ask(f"SELECT 1 FROM {query.quoted(table.name)} WHERE {name} {operator} {value} LIMIT 1")
    return found is None or bool(found.rows)


def _absent(query: Query, table: Table, column: Column, text: str) -> Finding:
    """Where the value is: in another case, in another column, or a like one in this."""
    where = f"{table.name}.{column.name}"
    plain = text.strip("%")
    rows = query.ask(
        f"SELECT DISTINCT {query.quoted(column.name)} FROM {query.quoted(table.name)} "
        f"WHERE {query.quoted(column.name)} IS NOT NULL LIMIT {MOST_VALUES}"
    )
    values = [str(row[0]) for row in rows.rows] if rows is not None else []
    alike = [value for value in values if value.strip().lower() == plain.strip().lower()]
    if alike:
        claim = f"{where} holds no {text!r}, but {alike[0]!r}"
        return Finding(claim, "value/spelled-otherwise", f"compare with {alike[0]!r}")
    elsewhere = _elsewhere(query, column, plain)
    if elsewhere:
        return Finding(
            f"no row has {text!r} in {where}", "value/other-column", f"{plain!r} occurs in {', '.join(elsewhere)}"
        )
    near = nearest(plain, values)
    hint = f"the nearest values are {', '.join(map(repr, near))}" if near else None
    if hint is None and values:
        hint = f"it holds {', '.join(map(repr, values[:5]))}" + (" …" if len(values) > 5 else "")
    return Finding(f"no row has {text!r} in {where}", "value/unknown", hint)


def _elsewhere(query: Query, column: Column, text: str) -> list[str]:
    """Up to three other columns with this value."""
    if len(text) < 2:
        return []
    value = exp.Literal.string(text).sql(query.engine.dialect)
    found = []
    for table in [*query.schema.tables.values()][:40]:
        for other in table.columns:
            if other == column or (other.type and not other.textual):
                continue
            name = query.quoted(other.name)
            if query.value(f"SELECT 1 FROM {query.quoted(table.name)} WHERE {name} = {value} LIMIT 1") is not None:
                found.append(f"{table.name}.{other.name}")
                if len(found) == 3:
                    return found
    return found


def _empty(query: Query, table: Table) -> bool:
    found = query.ask(f"SELECT 1 FROM {query.quoted(table.name)} LIMIT 1")
    return found is None or not found.rows


def nothing_found(query: Query) -> Iterator[Finding]:
    """No row, or one of NULLs, out of tables that hold rows."""
    result = query.result
    if result is None:
        return
    tables = [table for table in map(query.table_of, query.tables()) if table is not None]
    if not tables or any(_empty(query, table) for table in tables):
        return
    if not result.rows:
        yield Finding(
            "no row is found", "value/empty", "check the conditions one by one against the values in the data"
        )
    elif len(result.rows) == 1 and all(cell is None for cell in result.rows[0]):
        yield Finding("all that it gives is NULL", "value/null", "no row reaches the aggregate; check the conditions")
    elif result.rows == ((0,),):
        yield Finding(
            "it counts no row", "value/zero", "check the conditions one by one against the values in the data"
        )


def idle_filter(query: Query) -> Iterator[Finding]:
    """A condition without which the result is the same."""
    for part, rest in without_each(query):
        if joins(part) or query.same(rest) is not True:
            continue
        yield Finding(f"the condition {part.sql()} changes nothing", "value/idle-filter", "leave it out, or mend it")


def text_as_number(query: Query) -> Iterator[Finding]:
    """Numbers kept as text, ordered or compared as text."""
    for node in query.tree.find_all(exp.Ordered, exp.GT, exp.LT, exp.GTE, exp.LTE, exp.Max, exp.Min):
        column = node.this
        ref = query.ref(column) if isinstance(column, exp.Column) else None
        if (
            ref is None
            or ref.column is None
            or not ref.column.textual
            or ref.source is None
            or ref.source.table is None
        ):
            continue
        rows = query.ask(
            f"SELECT DISTINCT {query.quoted(ref.column.name)} FROM {query.quoted(ref.source.table.name)} LIMIT 50"
        )
        values = [str(row[0]) for row in rows.rows if row[0] is not None] if rows is not None else []
        numbers = [value for value in values if re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value)]
        if len(numbers) > 1 and len(numbers) == len(values) and sorted(numbers) != sorted(numbers, key=float):
            yield Finding(
                f"{ref.source.table.name}.{ref.column.name} holds numbers as text, and is ordered as text",
                "value/text-as-number",
                f"CAST({ref.column.name} AS REAL)",
            )


def null_in(query: Query) -> Iterator[Finding]:
    """``NOT IN`` a query that gives NULL is never true."""
    for node in query.tree.find_all(exp.Not):
        inner = node.this
        subquery = inner.args.get("query") if isinstance(inner, exp.In) else None
        select = subquery.this if isinstance(subquery, exp.Subquery) else subquery
        if not isinstance(select, exp.Select) or len(select.expressions) != 1:
            continue
        column = select.expressions[0].unalias()
        if isinstance(column, exp.Column) and query.ref(column).outer:
            continue
        found = query.ask(
            f"SELECT 1 FROM ({select.sql(query.engine.dialect)}) AS q({query.quoted('c')}) WHERE c IS NULL LIMIT 1"
            if query.engine.dialect != "sqlite"
            else f"WITH q(c) AS ({select.sql('sqlite')}) SELECT 1 FROM q WHERE c IS NULL LIMIT 1"
        )
        if found is not None and found.rows:
            yield Finding(
                f"{node.sql()[:120]} is never true, for its subquery gives NULL",
                "value/null-in-not-in",
                "add IS NOT NULL in the subquery, or use NOT EXISTS",
            )


def like_wider(query: Query) -> Iterator[Finding]:
    """LIKE with wildcards takes in more than the value that is there exactly."""
    for node in query.tree.find_all(exp.Like, exp.ILike):
        ref = query.ref(node.this) if isinstance(node.this, exp.Column) else None
        text = _text(query, node.expression)
        table = ref.source.table if ref is not None and ref.source is not None else None
        if ref is None or table is None or ref.column is None or text is None or not text.startswith("%"):
            continue
        plain = exp.Literal.string(text.strip("%")).sql(query.engine.dialect)
        name = query.quoted(ref.column.name)
        if re.search(
            r"\b(?:substring|contain|include|has the|with the word|letter|start|end)", query.question, re.IGNORECASE
        ):
            continue
        if query.value(f"SELECT 1 FROM {query.quoted(table.name)} WHERE {name} = {plain} LIMIT 1") is None:
            continue
        wide = exp.Literal.string(text).sql(query.engine.dialect)
        more = query.value(
            f"SELECT 1 FROM {query.quoted(table.name)} WHERE {name} LIKE {wide} AND {name} <> {plain} LIMIT 1"
        )
        if more is not None:
            yield Finding(f"{table.name}.{ref.column.name} holds {text.strip('%')!r} itself, and LIKE takes in others",
                          "value/like-wider", f"compare with = {plain}")  # fmt: skip


RULES = (
    unknown_value,
    like_wider,
    nothing_found,
    idle_filter,
    text_as_number,
    null_in,
)
