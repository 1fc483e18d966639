"""Parts of queries that several rules look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from .query import Query

__all__ = ["conjuncts", "grouped", "in_data", "joins", "keyed", "without_each"]

MOST_TABLES = 40


def conjuncts(condition: exp.Expression) -> Iterator[exp.Expression]:
    """The parts of a condition that must all hold."""
    bare: Any = condition.unnest() if isinstance(condition, exp.Paren) else condition
    if isinstance(bare, exp.And):
        yield from conjuncts(bare.this)
        yield from conjuncts(bare.expression)
    else:
        yield bare


def grouped(grouping: exp.Group | None, outputs: list[exp.Expression]) -> list[exp.Expression]:
    """What is grouped by, numbers of outputs resolved."""
    found: list[exp.Expression] = []
    for each in grouping.expressions if grouping is not None else ():
        number = int(each.name) if isinstance(each, exp.Literal) and each.name.isdigit() else 0
        found.append(outputs[number - 1] if 0 < number <= len(outputs) else each)
    return found


def joins(part: exp.Expression) -> bool:
    """Whether a condition compares columns with one another."""
    return len(list(part.find_all(exp.Column))) > 1


def without_each(query: Query) -> Iterator[tuple[exp.Expression, exp.Expression]]:
    """The conditions of the outermost WHERE, each with the query without it."""
    main = query.main
    where = main.args.get("where") if main is not None else None
    if main is None or where is None:
        return
    parts = [*conjuncts(where.this)]
    for number, part in enumerate(parts[:6]):
        rest = main.copy()
        others = [each.copy() for each in parts[:number] + parts[number + 1 :]]
        rest.set("where", exp.Where(this=exp.and_(*others)) if others else None)
        yield part, rest


def keyed(query: Query, node: exp.Expression) -> bool:
    """Whether a column identifies things, so that who looked a key up may compare with it."""
    ref = query.ref(node)
    table = ref.source.table if ref.source is not None else None
    if table is None or ref.column is None:
        return True
    links = [name.lower() for foreign in table.foreign for name in foreign.columns]
    name = ref.column.name.lower()
    return name in links or any(name in map(str.lower, key) for key in table.keys) or name.endswith(("id", "code"))


def in_data(query: Query, name: str) -> bool:
    """Whether a text column holds the name beside other values, and no literal of the query stands in its rows."""
    literals = {str(node.this).lower() for node in query.tree.find_all(exp.Literal)}
    for table in [*query.schema.tables.values()][:MOST_TABLES]:
        for column in table.columns:
            if column.type and not column.textual:
                continue
            where = f"FROM {query.quoted(table.name)} WHERE lower({query.quoted(column.name)})"
            value = exp.Literal.string(name.lower()).sql(query.engine.dialect)
            rows = query.ask(f"SELECT * {where} = {value} LIMIT 50")
            if rows is None or not rows.rows:
                continue
            if any(str(cell).lower() in literals for row in rows.rows for cell in row):
                return False
            return query.value(f"SELECT 1 {where} <> {value} LIMIT 1") is not None
    return False
