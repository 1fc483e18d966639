"""Rules about the form of a query: joins without a condition, conditions that decide nothing, misplaced names."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from .finding import Finding
from .parts import conjuncts, grouped
from .query import Query, Source, literal

__all__ = ["RULES"]


def cartesian(query: Query) -> Iterator[Finding]:
    """Sources of one SELECT that no condition ties together."""
    for select in query.selects:
        sources = [each for each in query.sources(select) if each.alias]
        if len(sources) < 2 or any(each.open and not each.names for each in sources):
            continue
        joins = select.args.get("joins") or []
        if any(join.args.get("using") or join.args.get("method") == "NATURAL" for join in joins):
            continue
        group = {each.alias.lower(): each.alias.lower() for each in sources}
        for pair in _tied(query, select):
            roots = {group[alias] for alias in pair if alias in group}
            for alias, root in group.items():
                if root in roots:
                    group[alias] = min(roots)
        apart = sorted(set(group.values()))
        if len(apart) > 1 and not _one_row(query, sources, apart):
            yield Finding(
                f"nothing ties {' and '.join(apart)} together: each row of one is paired with all of the other",
                "shape/cartesian",
                "join them ON the columns that refer to each other",
            )


def _tied(query: Query, select: exp.Select) -> Iterator[set[str]]:
    """The sets of sources whose columns one condition of this SELECT relates."""
    where = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or [])]
    for condition in filter(None, where):
        for part in conjuncts(condition.this if isinstance(condition, exp.Where) else condition):
            aliases = set()
            for column in part.find_all(exp.Column):
                source = query.ref(column).source
                if source is not None:
                    aliases.add(source.alias.lower())
            yield aliases


def _one_row(query: Query, sources: list[Source], apart: list[str]) -> bool:
    """Whether all but one of those apart are queries for a single row (an average to compare with)."""
    return sum(1 for each in sources if each.table is not None and each.alias.lower() in apart) < 2


def contradiction(query: Query) -> Iterator[Finding]:
    """One column that must equal two values at a time."""
    for select in query.selects:
        where = select.args.get("where")
        wanted: dict[str, set[str]] = {}
        for part in conjuncts(where.this) if where is not None else ():
            if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column):
                value = literal(part.expression)
                if value is not None:
                    wanted.setdefault(part.this.sql().lower(), set()).add(value.lower())
        for column, values in wanted.items():
            if len(values) > 1:
                yield Finding(
                    f"no row has {column} equal to {' and to '.join(sorted(values))} at once",
                    "shape/contradiction",
                    "for what has both, INTERSECT two queries or group and count; for either, use IN",
                )


def outer_name(query: Query) -> Iterator[Finding]:
    """A subquery whose output is a column of the query around it: it compares each row with itself."""
    for select in query.selects:
        if select.parent is None or select.find_ancestor(exp.Select) is None:
            continue
        for each in select.expressions:
            column = each.unalias()
            own = [*query.sources(select)]
            if not own or isinstance(select.parent, exp.Exists) or any(source.table is None for source in own):
                continue
            if isinstance(column, exp.Column) and not column.table and query.ref(column).outer:
                tables = ", ".join(source.alias for source in query.sources(select))
                yield Finding(
                    f"in the subquery, {tables} has no column {column.name}, so that of the outer query is taken",
                    "shape/outer-name",
                    f"select the column of {tables} that is to be compared, or join the table that has {column.name}",
                )


def loose_column(query: Query) -> Iterator[Finding]:
    """A column beside an aggregate that is neither grouped by nor aggregated: any row's value is shown."""
    for select in query.selects:
        outputs = [each.unalias() for each in select.expressions]
        if not any(_aggregates(each) for each in outputs):
            continue
        grouping = select.args.get("group")
        known = {_name(query, each) for each in grouped(grouping, outputs)}
        loose = [each for each in outputs if isinstance(each, exp.Column) and _name(query, each) not in known]
        if not loose or _of_the_extreme(query, select):
            continue
        names = ", ".join(each.sql() for each in loose)
        if grouping is None and _varies(query, select, loose):
            yield Finding(
                f"{names} stands beside an aggregate of all rows, so it is that of any one of them",
                "shape/loose-column",
                f"group by {names}, or take it from the row that has the value (ORDER BY … LIMIT 1)",
            )
        elif grouping is not None and _varies(query, select, loose):
            yield Finding(
                f"{names} is not grouped by, so it is that of any row of the group",
                "shape/loose-group",
                f"add {names} to GROUP BY",
            )


def _of_the_extreme(query: Query, select: exp.Select) -> bool:
    """SQLite takes bare columns from the row of the MAX or MIN where there is one (sqlite.org/quirks.html, 2.2)."""
    aggregates = [each for each in select.find_all(exp.AggFunc) if each.find_ancestor(exp.Select) is select]
    return query.engine.dialect == "sqlite" and len(aggregates) == 1 and isinstance(aggregates[0], exp.Max | exp.Min)


def _varies(query: Query, select: exp.Select, loose: list[exp.Column]) -> bool:
    """Whether, in the data, a group holds several values of a loose column."""
    if select is not query.main:
        return False
    probe = select.copy()
    for part in ("having", "order", "limit", "offset", "distinct"):
        probe.set(part, None)
    outputs = [each.unalias() for each in select.expressions]
    by = [each.copy() for each in grouped(select.args.get("group"), outputs)]
    probe.set("group", exp.Group(expressions=by) if by else None)
    probe.set("expressions", [exp.Count(this=exp.Star())])
    several: list[exp.Expression] = [
        exp.GT(this=exp.Count(this=exp.Distinct(expressions=[each.copy()])), expression=exp.Literal.number(1))
        for each in loose
    ]
    probe.set("having", exp.Having(this=exp.or_(*several)))
    probe.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    found = query.ask(probe.sql(query.engine.dialect))
    return found is not None and bool(found.rows)


def _name(query: Query, node: exp.Expression) -> tuple[str, str]:
    source = query.ref(node).source if isinstance(node, exp.Column) else None
    return (source.alias.lower() if source is not None else "", node.name.lower() or node.sql().lower())


def unrelated_join(query: Query) -> Iterator[Finding]:
    """Columns equated that no foreign key relates, though the schema has keys that relate these tables to others."""
    proper = {pair for each in _pairs(query) for pair in _properly(query, *each)}
    for left_node, right_node in _pairs(query):
        left, right = query.ref(left_node), query.ref(right_node)
        one, other = (each.source.table if each.source is not None else None for each in (left, right))
        if one is None or other is None or left.column is None or right.column is None or one is other:
            continue
        linked = one.foreign or other.foreign
        if not linked or (one.name.lower(), other.name.lower()) in proper:
            continue
        if _related(query, one.name, left.column.name, other.name, right.column.name):
            continue
        empty = query.value(
            f"SELECT 1 FROM {query.quoted(one.name)} a JOIN {query.quoted(other.name)} b "
            f"ON a.{query.quoted(left.column.name)} = b.{query.quoted(right.column.name)} LIMIT 1"
        )
        held = query.value(f"SELECT 1 FROM {query.quoted(one.name)} LIMIT 1")
        nothing = held is not None and empty is None
        direct = any(f.target.lower() == b.name.lower() for a, b in ((one, other), (other, one)) for f in a.foreign)
        kind = "shape/unrelated-join" if direct else "shape/other-join"
        yield Finding(
            f"no foreign key relates {one.name}.{left.column.name} and {other.name}.{right.column.name}"
            + (", and no row of the one matches one of the other" if nothing else ""),
            "shape/join-matches-nothing" if nothing else kind,
            _keys(query, one.name, other.name),
        )


def _pairs(query: Query) -> Iterator[tuple[exp.Column, exp.Column]]:
    """Columns that must be equal: by ``=``, or as the column of a subquery that the other is IN."""
    for equal in query.tree.find_all(exp.EQ, exp.In):
        right = equal.args.get("query") if isinstance(equal, exp.In) else equal.expression
        if isinstance(right, exp.Subquery):
            right = right.this
        if isinstance(right, exp.Select) and len(right.expressions) == 1:
            right = right.expressions[0].unalias()
        if isinstance(equal.this, exp.Column) and isinstance(right, exp.Column):
            yield equal.this, right


def _properly(query: Query, left: exp.Column, right: exp.Column) -> Iterator[tuple[str, str]]:
    """The names of the two tables, both ways round, where these columns are how they refer to each other."""
    one, other = (ref.source.table if ref.source is not None else None for ref in (query.ref(left), query.ref(right)))
    if one is not None and other is not None and _related(query, one.name, left.name, other.name, right.name):
        yield one.name.lower(), other.name.lower()
        yield other.name.lower(), one.name.lower()


def _related(query: Query, one: str, column: str, other: str, key: str) -> bool:
    """By a foreign key, or because both refer to the same column, or by having the same name."""
    ends = [_target(query, one, column), _target(query, other, key)]
    return bool(ends[0] & ends[1]) or (column.lower() == key.lower() and column.lower() != "id")


def _target(query: Query, table: str, column: str) -> set[tuple[str, str]]:
    found = {(table.lower(), column.lower())}
    known = query.schema.table(table)
    for foreign in known.foreign if known is not None else ():
        for own, key in zip(foreign.columns, foreign.keys, strict=False):
            if own.lower() == column.lower():
                found.add((foreign.target.lower(), key.lower()))
    return found


def _keys(query: Query, one: str, other: str) -> str | None:
    told = []
    for name in (one, other):
        table = query.schema.table(name)
        for foreign in table.foreign if table is not None else ():
            told.append(f"{name}.{'+'.join(foreign.columns)} refers to {foreign.target}.{'+'.join(foreign.keys)}")
    return "; ".join(told[:4]) or None


def null_compared(query: Query) -> Iterator[Finding]:
    """``= NULL`` is never true."""
    for node in query.tree.find_all(exp.EQ, exp.NEQ):
        if isinstance(node.expression, exp.Null) or isinstance(node.this, exp.Null):
            yield Finding(f"{node.sql()} is never true", "shape/null-compared", "write IS NULL or IS NOT NULL")


def _aggregates(node: exp.Expression) -> bool:
    found = node.find(exp.AggFunc)
    return found is not None and node.find(exp.Window) is None and node.find(exp.Select) is None


RULES = (cartesian, contradiction, outer_name, loose_column, unrelated_join, null_compared)
