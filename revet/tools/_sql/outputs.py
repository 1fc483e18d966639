"""Rules that hold what a query gives against the question: outputs nobody asked for, counts, repetitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from .finding import Finding, counted
from .model import Bounds, Table
from .parts import keyed
from .query import Query
from .question import Question, alike, stems

__all__ = ["RULES"]


def star(query: Query) -> Iterator[Finding]:
    """``SELECT *`` for a question that names what it wants."""
    question = Question(query.question)
    if any(isinstance(each, exp.Star) for each in query.projected) and not re.search(
        r"\b(?:all (?:the )?(?:information|info|details|data|columns|fields|attributes)|everything|records?)\b",
        query.question,
        re.IGNORECASE,
    ):
        what = question.head.strip(" .?") or "one thing"
        yield Finding(
            f"it gives every column, and the question asks for {what!r}",
            "asked/star",
            "select what is asked for",
            question.insists,
        )


def unasked_count(query: Query) -> Iterator[Finding]:
    """A count or sum beside other columns, where the question wants what has the most of it, not how many that is."""
    question = Question(query.question)
    extra = [each for each in query.projected if each.find(exp.AggFunc) and not each.find(exp.Select)]
    plain = [each for each in query.projected if not each.find(exp.AggFunc)]
    if not extra or not plain:
        return
    counts = [each for each in extra if isinstance(each, exp.Count)]
    if counts and not question.counted:
        yield Finding(
            f"{counts[0].sql()} is given, and the question does not ask how many",
            "asked/count",
            "leave it out of SELECT",
            question.insists,
        )


def too_many(query: Query) -> Iterator[Finding]:
    question, given = Question(query.question), len(query.projected)
    if any(each.is_star for each in query.projected):
        return
    most = question.asked + question.more + (1 if question.grouped else 0)
    if given > most:
        yield Finding(
            f"it gives {counted(given, 'column')}, and the question asks for {most}",
            "asked/too-many",
            "leave out the others",
            question.insists,
        )


def too_few(query: Query) -> Iterator[Finding]:
    question, given = Question(query.question), len(query.projected)
    if any(each.is_star for each in query.projected) or given >= question.asked:
        return
    yield Finding(
        f"it gives {counted(given, 'column')}, and the question asks for {question.asked}", "asked/too-few", None
    )


def unmentioned(query: Query) -> Iterator[Finding]:
    """An output column none of whose words is in the question. A text by itself may well be what things are called."""
    question = Question(query.question)
    for each in query.projected:
        if not isinstance(each, exp.Column) or isinstance(each.this, exp.Star):
            continue
        column, words = query.ref(each).column, set(stems(each.name))
        alone = len(query.projected) == 1 and (column is None or not column.numeric)
        if alone or words & {"name", "title", "id", "code"} or each.name.lower().endswith(("name", "id")):
            continue
        near = any(alike(word, other) for word in words for other in question.stems)
        if not near and not any(len(other) > 3 and other in each.name.lower() for other in question.telling):
            yield Finding(f"{each.name} is given, and the question does not speak of it", "asked/unmentioned", None)


def outside_head(query: Query) -> Iterator[Finding]:
    """An output column that the question speaks of only where it says which rows, or in which order."""
    question = Question(query.question)
    head = stems(question.head)
    columns = [e for e in query.projected if isinstance(e, exp.Column) and not isinstance(e.this, exp.Star)]
    if len(query.projected) < 2 or question.grouped or question.more or question.counted:
        return
    for each in columns:
        words = stems(each.name)
        if set(words) & {"name", "id", "title"}:
            continue
        rest = [word for word in words if any(alike(word, other) for other in question.stems)]
        if rest and not any(alike(word, other) for word in words for other in head):
            yield Finding(
                f"{each.name} is given, and the question names it only as a condition",
                "asked/condition-column",
                insisted=question.insists,
            )


def key_for_name(query: Query) -> Iterator[Finding]:
    """A reference to another table is given, where the question asks for what it refers to by name."""
    question = Question(query.question)
    if question.grouped or re.search(r"\b(?:ids?|codes?|numbers?|keys?)\b", question.head, re.IGNORECASE):
        return
    for each in query.projected:
        ref = query.ref(each) if isinstance(each, exp.Column) else None
        table = ref.source.table if ref is not None and ref.source is not None else None
        for foreign in table.foreign if table is not None else ():
            if [name.lower() for name in foreign.columns] == [each.name.lower()]:
                target = query.schema.table(foreign.target)
                named = [c.name for c in target.columns if c.textual] if target is not None else []
                if not named or ref is None or ref.column is None or not ref.column.numeric or _gives(query, target):
                    continue
                # One that stands beside what is asked for is a column more, no fault.
                alone = len(query.projected) == 1 and bool({*stems(foreign.target)} & {*stems(question.text)})
                yield Finding(
                    f"{each.name} is a reference to {foreign.target}, not a name",
                    "asked/key-for-name" if alone else "asked/key-given",
                    f"join {foreign.target} and select {named[0]}",
                )


def _gives(query: Query, table: Table | None) -> bool:
    """Whether a text of the table is among the outputs."""
    refs = [query.ref(column) for each in query.projected for column in each.find_all(exp.Column)]
    return table is not None and any(
        ref.source is not None and ref.source.table is table and ref.column is not None and ref.column.textual
        for ref in refs
    )


def id_for_other(query: Query) -> Iterator[Finding]:
    """Only a key is given, and the question asks for no id."""
    question = query.question
    if re.search(r"\b(?:ids?|codes?|numbers?|keys?)\b", question, re.IGNORECASE) or not question:
        return
    columns = [each for each in query.projected if isinstance(each, exp.Column) and not isinstance(each.this, exp.Star)]
    if (
        columns
        and len(columns) == len(query.projected)
        and all(stems(c.name)[-1:] == ["id"] or c.name.lower().endswith("id") for c in columns)
    ):
        tables = [ref.source.table for ref in map(query.ref, columns) if ref.source is not None]
        texts = [t for t in tables if t is not None and any({*stems(c.name)} & {"name", "title"} for c in t.columns)]
        wanted = re.search(r"^\W*who\b|\b(?:names?|titles?)\b", question, re.IGNORECASE)
        yield Finding(
            "only ids are given, and the question asks for no id",
            "asked/only-id" if wanted and texts else "asked/id-given",
            "select what is asked for",
        )


def unasked_aggregate(query: Query) -> Iterator[Finding]:
    """Only an aggregate is given, where the question asks for what has it, or compares with it."""
    question = Question(query.question)
    only = [each for each in query.projected if isinstance(each, exp.AggFunc)]
    if not only or len(only) < len(query.projected):
        return
    head = set(stems(question.head))
    names = {word for each in only for column in each.find_all(exp.Column) for word in stems(column.name)}
    kinds = {type(each) for each in only}
    # "Who" and "which" ask for things; "how often", "is there any" or "when" may well be answered by an aggregate.
    things = re.match(r"\W*(?:who\b|which (?!is\b|are\b)|(?:list|name)\b)", question.text, re.IGNORECASE)
    category = "asked/only-aggregate" if things else "asked/other-aggregate"
    if kinds <= {exp.Avg} and not re.search(r"\b(?:averages?|mean|typical|usual|per)\b", question.text, re.IGNORECASE):
        yield Finding("it gives an average, and the question asks for something else", category)
    elif kinds <= {exp.Max, exp.Min} and names and not any(alike(n, h) for n in names for h in head):
        dated = re.search(r"\b(?:when|day|date|time|month|year)s?\b", question.text, re.IGNORECASE)
        yield Finding(
            f"it gives {only[0].sql()[:200]}, and the question asks for what has it",
            "asked/other-aggregate" if dated else category,
        )
    elif kinds <= {exp.Count} and not question.counted:
        yield Finding("it gives a count, and the question does not ask how many", category)


def how_many(query: Query) -> Iterator[Finding]:
    """One number is asked for and several rows or columns are given, or no count."""
    question, result = Question(query.question), query.result
    if result is None or not query.question:
        return
    if question.one_count:
        # Counts by group, a number that a column holds, and what is *called* a number are as natural as one count.
        listed = not query.tree.find(exp.AggFunc, exp.Window, exp.Group) and not _numbers_given(query)
        sure = listed and re.match(r"\W*(?:how many|count)\b", query.question, re.IGNORECASE) is not None
        category = "asked/number" if sure else "asked/number-grouped"
        if len(result.rows) > 1:
            yield Finding(f"one number is asked for, and {len(result.rows)} rows are given", category, "COUNT them")
        elif len(result.columns) > 1:
            yield Finding(f"one number is asked for, and {len(result.columns)} columns are given", category, None)
        elif len(result.rows) == 1 and isinstance(result.rows[0][0], str):
            yield Finding("a number is asked for, and a text is given", category, "COUNT the rows")
        elif not query.tree.find(exp.Count, exp.Sum) and not _number_column(query):
            yield Finding("a number is asked for, and nothing is counted", category, "COUNT the rows")
    elif question.counted and not query.tree.find(exp.Count, exp.Sum) and not _number_column(query):
        yield Finding("the question asks how many, and nothing is counted", "asked/nothing-counted", None)


def _numbers_given(query: Query) -> bool:
    """Whether something is given that may be a number of things: computed, or a numeric column that is no key."""
    for each in query.projected:
        column = query.ref(each).column if isinstance(each, exp.Column) else None
        if not isinstance(each, exp.Column) or (column is not None and column.numeric and not keyed(query, each)):
            return True
    return False


def _number_column(query: Query) -> bool:
    """Whether a column that is called a number of something, or is one that the question names, is given."""
    words = {"number", "count", "total", "num", "amount", "population", "no", "attendance", "visit", "capacity"}
    return any(words & set(stems(column.name)) for column in query.tree.find_all(exp.Column))


def count_for_sum(query: Query) -> Iterator[Finding]:
    """Rows are counted, where a column of the table holds the number."""
    people = re.search(
        r"\b(?:how many|number of) (?:people|inhabitants)\b|\b(?:total|whole) population\b",
        query.question,
        re.IGNORECASE,
    )
    if people and not query.tree.find(exp.Sum):
        for node in query.projected:
            if isinstance(node, exp.Count):
                held = [t.name for t in map(query.table_of, query.tables()) if t is not None and t.column("population")]
                if held:
                    yield Finding(
                        f"it counts rows, and {held[0]}.population holds how many people",
                        "asked/count-for-sum",
                        "SUM it",
                    )


def average(query: Query) -> Iterator[Finding]:
    if re.search(r"\b(?:average|mean)\b", query.question, re.IGNORECASE) and not query.tree.find(exp.Avg):
        named = any("average" in stems(c.name) or "avg" in stems(c.name) for c in query.tree.find_all(exp.Column))
        if not named and not (query.tree.find(exp.Sum) and query.tree.find(exp.Div)):
            yield Finding("an average is asked for, and none is taken", "asked/no-average", "use AVG")


def grouping(query: Query) -> Iterator[Finding]:
    """``for each`` without GROUP BY."""
    question = Question(query.question)
    every = re.search(
        r"\b(?:for|of|in|by|from|does|do|with|to|at) each\b|\bper\b|\bfor every\b", query.question, re.IGNORECASE
    )
    if every and query.tree.find(exp.AggFunc) and not query.tree.find(exp.Group, exp.Window):
        main = query.main
        if main is not None and not any(each.find(exp.Select) for each in main.expressions):
            yield Finding("the question asks for each, and one value of all is given", "asked/no-group", "GROUP BY it")
    if question.distinct and query.result is not None and not question.one_count:
        rows = query.result.rows
        if len(set(map(repr, rows))) < len(rows) and not query.tree.find(exp.Distinct, exp.Group):
            yield Finding("different ones are asked for, and rows repeat", "asked/not-distinct", "use DISTINCT")


def repeated_rows(query: Query) -> Iterator[Finding]:
    """A join that gives the same row again and again."""
    result, main = query.result, query.main
    if result is None or main is None or Question(query.question).distinct or len(result.rows) < 2:
        return
    rows = len(result.rows)
    distinct = len(set(map(repr, result.rows)))
    if distinct < rows:
        joined = "asked/repeats-joined" if _same_thing(query, main) else "asked/repeats-rows"
        yield Finding(
            f"{rows - distinct} of {rows} rows repeat others",
            joined if main.args.get("joins") else "asked/repeats-plain",
            "use DISTINCT",
        )


def _same_thing(query: Query, main: exp.Select) -> bool:
    """Whether "which" or "who" is asked, and the rows that repeat are one row of one table: nobody's namesake."""
    sources = [ref.source for each in query.projected for ref in map(query.ref, each.find_all(exp.Column))]
    table = sources[0].table if sources and sources[0] is not None else None
    asked = re.match(
        r"\W*(?:who|which|what are|(?:list|find|show|give|return|name|tell)\b)", query.question, re.IGNORECASE
    )
    if asked is None or table is None or not table.keys or any(each != sources[0] for each in sources):
        return False
    if Question(query.question).grouped or main.args.get("limit") or main.find(exp.Group, exp.AggFunc, exp.Window):
        return False
    probe = main.copy()
    alias = sources[0].alias if sources[0] is not None else ""
    keys = [exp.column(name, table=alias, quoted=True) for name in table.keys[0]]
    probe.set("expressions", keys)
    probe.set("order", None)
    found = query.ask(probe.sql(query.engine.dialect), Bounds(seconds=2.0, rows=10_000))
    return found is not None and len(set(map(repr, found.rows))) < len(found.rows)


def counts_repeated(query: Query) -> Iterator[Finding]:
    """Different ones are counted with their repetitions."""
    question = Question(query.question)
    if question.distinct and question.counted:
        for node in query.tree.find_all(exp.Count):
            if not node.find(exp.Distinct) and not query.tree.find(exp.Group, exp.Distinct):
                yield Finding(
                    "different ones are asked for, and repetitions are counted",
                    "asked/count-distinct",
                    "COUNT(DISTINCT …)",
                )


RULES = (
    star,
    unasked_count,
    too_many,
    too_few,
    unmentioned,
    outside_head,
    key_for_name,
    id_for_other,
    unasked_aggregate,
    how_many,
    count_for_sum,
    average,
    grouping,
    repeated_rows,
    counts_repeated,
)
