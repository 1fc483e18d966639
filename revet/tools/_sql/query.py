"""A query, parsed by sqlglot and resolved against the live schema: which column of which table each name means."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlglot import exp

from .model import Bounds, Column, Engine, Fault, Result, Schema, Table

__all__ = ["Query", "Ref", "Source", "literal", "parse"]

LONGEST = 100_000
MOST_NODES = 20_000
PROBE = Bounds(seconds=2.0, rows=400)
PROBING = 6.0
"""Seconds that all probes of one query may take."""

WRITING = (exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Drop, exp.Alter, exp.Merge, exp.Command, exp.Into)


@dataclass(frozen=True)
class Source:
    """What a name in FROM stands for: a table, or a query with the output columns `names`. `open` may hold anything."""

    alias: str
    table: Table | None = None
    names: tuple[str, ...] = ()
    open: bool = False

    def has(self, column: str) -> bool:
        if self.table is not None:
            return self.table.column(column) is not None or column.lower() in ("rowid", "oid", "_rowid_", "ctid")
        return self.open or column.lower() in self.names


@dataclass(frozen=True)
class Ref:
    """What a column's name means. `outer` where it is found only in a query around its own. `source` is None for a
    name that nothing has, and `alias` true for the name of an output column.
    """

    source: Source | None = None
    column: Column | None = None
    outer: bool = False
    alias: bool = False
    candidates: int = 1


def parse(sql: str, dialect: str) -> exp.Expression:
    """The only statement in `sql`. Raises `Fault`: too long, too deep, several, or not understood."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if len(sql) > LONGEST:
        raise Fault("refused", f"it is {len(sql)} characters long, and queries over {LONGEST} are not examined")
    try:
        trees = [tree for tree in sqlglot.parse(sql, read=dialect) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        text = "it is nested too deeply" if isinstance(error, RecursionError) else _plain(str(error))
        raise Fault("invalid", text) from None
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        raise Fault("invalid", f"it cannot be parsed: {type(error).__name__}") from None
    if not trees:
        raise Fault("invalid", "there is no statement in it")
    if len(trees) > 1:
        raise Fault("refused", f"it holds {len(trees)} statements; give one query")
    if sum(1 for _ in zip(range(MOST_NODES + 1), trees[0].walk(), strict=False)) > MOST_NODES:
        raise Fault("refused", f"it has more than {MOST_NODES} parts, and is not examined")
    found: list[Any] = [*trees]
    tree: exp.Expression = found[0]
    return tree


def _plain(text: str) -> str:
    """The parser's first line, without its marks for a terminal."""
    return text.replace("\x1b[4m", "").replace("\x1b[0m", "").splitlines()[0][:300]


def literal(node: exp.Expression | None) -> str | None:
    """The text of a string or number, a minus before it included."""
    if isinstance(node, exp.Literal):
        return str(node.this)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return f"-{node.this.this}"
    return None


class Query:
    """What the rules look at. `question` is what the query is to answer, empty where that is unknown."""

    def __init__(self, sql: str, tree: exp.Expression, schema: Schema, engine: Engine, question: str = "") -> None:
        self.sql, self.tree, self.schema, self.engine, self.question = sql, tree, schema, engine, question
        self.result: Result | None = None
        self._left = PROBING
        self._asked: dict[str, Result | None] = {}
        self._sources: dict[int, tuple[Source, ...]] = {}

    def refuse_writing(self) -> None:
        """Raises `Fault` unless the query only reads, as far as its form says."""
        tree: Any = self.tree
        while isinstance(tree, exp.Subquery | exp.Paren):
            tree = tree.this
        if not isinstance(tree, exp.Query | exp.Values | exp.Table):
            raise Fault("refused", f"it would do more than read: {tree.key.upper()}")
        found = next(tree.find_all(*WRITING), None)
        if found is not None:
            raise Fault("refused", f"it would do more than read: {found.key.upper()}")

    def ask(self, sql: str, bounds: Bounds = PROBE) -> Result | None:
        """A question of ours to the database. None where it has no answer in the time that a probe may take."""
        if sql not in self._asked:
            start = time.monotonic()
            try:
                self._asked[sql] = self.engine.query(sql, bounds) if self._left > 0 else None
            except Fault:
                self._asked[sql] = None
            self._left -= time.monotonic() - start
        return self._asked[sql]

    def value(self, sql: str) -> Any:
        """The first value of the first row; None without one."""
        found = self.ask(sql)
        return found.rows[0][0] if found is not None and found.rows else None

    def same(self, other: exp.Expression) -> bool | None:
        """Whether another query gives the same rows, whatever their order. None if that cannot be found out."""
        mine, theirs = self.result, self.ask(other.sql(self.engine.dialect), Bounds(seconds=2.0, rows=10_000))
        if mine is None or theirs is None or mine.more or theirs.more:
            return None
        return sorted(map(repr, mine.rows)) == sorted(map(repr, theirs.rows))

    def quoted(self, name: str) -> str:
        return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    @property
    def selects(self) -> Iterator[exp.Select]:
        return self.tree.find_all(exp.Select)

    @property
    def main(self) -> exp.Select | None:
        """The outermost SELECT, None for a compound (UNION, EXCEPT …)."""
        tree = self.tree
        while isinstance(tree, exp.Subquery):
            tree = tree.this
        return tree if isinstance(tree, exp.Select) else None

    @cached_property
    def projected(self) -> list[exp.Expression]:
        """The output expressions, aliases taken off; of the first part of a compound query."""
        tree = self.tree
        while isinstance(tree, exp.Subquery | exp.SetOperation):
            tree = tree.this
        return [each.unalias() for each in tree.expressions] if isinstance(tree, exp.Select) else []

    @cached_property
    def refs(self) -> dict[int, Ref]:
        """By the `id` of each column node of the tree."""
        return {id(node): self._ref(node) for node in self.tree.find_all(exp.Column)}

    def ref(self, node: exp.Expression) -> Ref:
        return self.refs.get(id(node), Ref())

    def sources(self, select: exp.Select) -> tuple[Source, ...]:
        known = self._sources.get(id(select))
        if known is None:
            parts = [select.args.get("from_") or select.args.get("from"), *(select.args.get("joins") or [])]
            laterals = [*(select.args.get("laterals") or [])]
            known = tuple(self._source(part.this) for part in parts if part is not None)
            known += tuple(Source(alias=each.alias_or_name, open=True) for each in laterals)
            self._sources[id(select)] = known
        return known

    def tables(self) -> list[exp.Table]:
        """The tables that are named, those that the query itself defines left out."""
        return [t for t in self.tree.find_all(exp.Table) if t.name and self._defined(t) is None]

    def table_of(self, node: exp.Table) -> Table | None:
        return self.schema.table(node.name, node.text("db"))

    def _source(self, node: exp.Expression) -> Source:
        alias = node.alias_or_name
        if isinstance(node, exp.Table) and node.name:
            query = self._defined(node)
            if query is not None:
                return self._derived(alias, query.this, query.alias_column_names)
            table = self.table_of(node)
            return Source(alias, table=table, open=table is None)
        if isinstance(node, exp.Subquery):
            return self._derived(alias, node.this, node.alias_column_names)
        return Source(alias, open=True)

    def _derived(self, alias: str, query: exp.Expression, names: list[str]) -> Source:
        while isinstance(query, exp.Subquery | exp.SetOperation):
            query = query.this
        if not isinstance(query, exp.Select):
            return Source(alias, open=True)
        outputs = names or [each.alias_or_name for each in query.expressions]
        hidden = any(each.is_star for each in query.expressions) and not names
        return Source(alias, names=tuple(name.lower() for name in outputs), open=hidden)

    def _defined(self, node: exp.Table) -> exp.CTE | None:
        """The CTE that a table's name means."""
        if node.text("db"):
            return None
        above = node.parent
        while above is not None:
            clause = above.args.get("with_") or above.args.get("with")
            for query in clause.expressions if clause is not None else ():
                if isinstance(query, exp.CTE) and query.alias.lower() == node.name.lower():
                    return query
            above = above.parent
        return None

    def _ref(self, node: exp.Column) -> Ref:
        name, qualifier = node.name, node.table.lower()
        own = select = node.find_ancestor(exp.Select)
        if isinstance(node.this, exp.Star):
            return Ref(source=Source("*", open=True))
        while select is not None:
            having = [
                each
                for each in self.sources(select)
                if (not qualifier or each.alias.lower() == qualifier) and each.has(name)
            ]
            if not having and not qualifier and self._output(select, name):
                return Ref(alias=True, outer=select is not own)
            if having:
                column = having[0].table.column(name) if having[0].table is not None else None
                sure = [each for each in having if not each.open]
                return Ref(having[0], column, outer=select is not own, candidates=len(sure) if not qualifier else 1)
            select = select.find_ancestor(exp.Select)
        return Ref()

    def _output(self, select: exp.Select, name: str) -> bool:
        return any(isinstance(e, exp.Alias) and e.alias.lower() == name.lower() for e in select.expressions)
