"""Rules about the grain of a result: rows repeated by a join, things taken for one, things added or taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from .finding import Finding
from .model import Table
from .parts import conjuncts, grouped
from .query import Query, Source
from .question import stems

__all__ = ["RULES"]


def fan_out(query: Query) -> Iterator[Finding]:
    """An aggregate of a table's column over rows that repeat those of the table.

    Where each row of the table comes several times because *another* table hangs on the same rows as it (two lists of
    one thing, joined), that is wrong. Where its own rows are referred to several times, it may be what is meant: the
    price of a product, once for each sale.
    """
    for select in query.selects:
        tables = [each for each in query.sources(select) if each.table is not None]
        if len(tables) < 2 or not select.args.get("joins"):
            continue
        for node in select.find_all(exp.Sum, exp.Avg, exp.Count):
            columns = [*node.find_all(exp.Column)]
            refs = [ref.source for ref in map(query.ref, columns) if ref.source is not None]
            sources = {each.alias.lower(): each for each in refs}
            if len(sources) != 1 or node.find(exp.Distinct) or node.find_ancestor(exp.Select) is not select:
                continue
            ((alias, source),) = sources.items()
            if source.table is None or node.find_ancestor(exp.Window) is not None:
                continue
            if _referred(query, select, alias) and not _how_many(query, node, source.table):
                if not isinstance(node, exp.Count):
                    yield Finding(
                        f"{node.sql()} takes rows of {source.alias} as often as the join repeats them",
                        "grain/parent-measure",
                        "if each is to count once, aggregate before joining",
                    )
            elif _comes_twice(query, select, source):
                yield Finding(
                    f"{node.sql()} counts rows of {source.alias} several times: the join repeats them",
                    "grain/fan-out",
                    "aggregate before joining, or use DISTINCT keys",
                )


def _how_many(query: Query, node: exp.AggFunc, table: Table) -> bool:
    """Whether it counts, and the question asks how many there are of what the table holds."""
    if not isinstance(node, exp.Count):
        return False
    asked = re.search(r"\b(?:how many|number of)(?: different| distinct)? (\w+)", query.question, re.IGNORECASE)
    return asked is not None and stems(asked[1])[-1:] == stems(table.name)[-1:]


def _referred(query: Query, select: exp.Select, alias: str) -> bool:
    """Whether another table is joined to this one by columns that are not unique there."""
    for join in select.args.get("joins") or []:
        condition = join.args.get("on")
        for equal in conjuncts(condition) if condition is not None else ():
            if not isinstance(equal, exp.EQ):
                continue
            pair = [each for each in (equal.this, equal.expression) if isinstance(each, exp.Column)]
            refs = [query.ref(each) for each in pair]
            aliases = [each.source.alias.lower() if each.source is not None else "" for each in refs]
            if len(refs) == 2 and alias in aliases:
                other = refs[1 - aliases.index(alias)]
                table = other.source.table if other.source is not None else None
                if table is not None and other.column is not None and not table.unique([other.column.name]):
                    return True
    return False


def _comes_twice(query: Query, select: exp.Select, source: Source) -> bool:
    """Whether, in the data, a row of `source` is met more than once in a group that is aggregated."""
    table = source.table
    if table is None or not table.keys or not table.keys[0] or select is not query.main:
        return False
    probe = select.copy()
    outputs = [each.unalias() for each in select.expressions]
    group = select.args.get("group")
    if group is not None and any(group.args.get(kind) for kind in ("grouping_sets", "cube", "rollup", "all")):
        return False
    by = [each.copy() for each in grouped(group, outputs)]
    by += [exp.column(name, table=source.alias, quoted=True) for name in table.keys[0]]
    for part in ("having", "order", "limit", "offset", "distinct"):
        probe.set(part, None)
    probe.set("expressions", [exp.Literal.number(1)])
    probe.set("group", exp.Group(expressions=by))
    probe.set("having", exp.Having(this=exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))))
    probe.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    found = query.ask(probe.sql(query.engine.dialect))
    return found is not None and bool(found.rows)


def merged_groups(query: Query) -> Iterator[Finding]:
    """Groups by a name that several things share, so that they are counted as one."""
    for select in query.selects:
        group = select.args.get("group")
        columns = [each for each in group.expressions if isinstance(each, exp.Column)] if group is not None else []
        if len(columns) != 1 or not select.find(exp.AggFunc):
            continue
        ref = query.ref(columns[0])
        table = ref.source.table if ref.source is not None else None
        if table is None or ref.column is None or not table.keys or len(table.keys[0]) != 1:
            continue
        key, name = table.keys[0][0], ref.column.name
        if name.lower() == key.lower() or "name" not in name.lower() or table.unique([name]):
            continue
        total, kinds = query.value(f"SELECT COUNT(*) FROM {query.quoted(table.name)}"), query.value(
            f"SELECT COUNT(DISTINCT {query.quoted(name)}) FROM {query.quoted(table.name)}")  # fmt: skip
        if isinstance(total, int) and isinstance(kinds, int) and kinds < total:
            yield Finding(
                f"several rows of {table.name} have the same {name}, and are taken for one",
                "grain/merged-groups",
                f"group by {table.name}.{key}",
            )


def superfluous_distinct(query: Query) -> Iterator[Finding]:
    main = query.main
    if main is None or not main.args.get("distinct"):
        return
    rest = main.copy()
    rest.set("distinct", None)
    if query.same(rest) is False and not re.search(
        r"\b(?:different|distinct|unique|distinctive)\b", query.question, re.IGNORECASE
    ):
        yield Finding("DISTINCT takes rows away", "grain/distinct", "leave DISTINCT out, if each is asked for")


RULES = (
    fan_out,
    merged_groups,
    superfluous_distinct,
)
