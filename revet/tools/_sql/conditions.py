"""Rules that hold the conditions of a query against the question: left out, made up, cut off, turned round."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from sqlglot import exp

from .finding import Finding
from .model import Table
from .parts import in_data, joins, keyed, without_each
from .query import Query, literal
from .question import Question, alike, stems

__all__ = ["RULES"]

BOUND = re.compile(
    r"\b(?:than|over|under|above|below|exceed\w*|least|most|after|before|since|exactly|between|equals?|equal to)"
    r" [$€£]?(\d+(?:\.\d+)?)(?![\w%.,]*\d)",
    re.IGNORECASE,
)
MANY = 100
"""A LIMIT from here on is a bound on what is shown, not a choice of rows."""


def ignored_value(query: Query) -> Iterator[Finding]:
    """A name in the question that the query does not hold. Sure where the data hold it, and nothing stands for it."""
    question = Question(query.question)
    text = _letters(query.sql)
    looked = any(
        keyed(query, node.this) and node.this.find(exp.Column)
        for node in query.tree.find_all(exp.EQ, exp.In)
        if isinstance(node, exp.In) or literal(node.expression) is not None
    )
    for each in question.literals:
        if looked or each in question.quoted or _column_named(query, each):
            continue
        words = [word for word in re.findall(r"\w+", each.lower()) if len(word) > 2]
        if words and not any(word.rstrip("s")[:4] in text for word in words):
            yield Finding(
                f"the question speaks of {each!r}, and the query does not",
                "asked/name-ignored" if in_data(query, each) else "asked/name-unseen",
            )


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def _column_named(query: Query, text: str) -> bool:
    words = set(stems(text))
    named = {word for table in query.schema.tables.values() for word in stems(table.name)}
    named |= {word for table in query.schema.tables.values() for column in table.columns for word in stems(column.name)}
    return bool(words) and words <= named


def ignored_number(query: Query) -> Iterator[Finding]:
    """A number of the question that no number of the query is, give or take one (more than two: at least three).

    Sure where it is a bound ("more than 30"), and the query compares nothing with a value; else it may be there in
    other units, or be no condition at all (the three shops).
    """
    question = Question(query.question)
    held = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", query.sql)]
    bounds = {float(found) for found in BOUND.findall(query.question)}
    compared = any(
        not isinstance(node, exp.EQ) or not isinstance(node.expression, exp.Column)
        for node in query.tree.find_all(
            exp.GT, exp.LT, exp.GTE, exp.LTE, exp.EQ, exp.NEQ, exp.Between, exp.In, exp.Like
        )
    )
    silent = not compared and not query.tree.find(exp.Limit, exp.Window, exp.Case)
    for number in question.numbers:
        if not any(abs(number - each) <= 1 for each in held) and str(int(number)) not in query.sql:
            yield Finding(
                f"the question speaks of {number:g}, and the query does not",
                "asked/number-ignored" if silent and number in bounds else "asked/number-unseen",
            )


def made_up_filter(query: Query) -> Iterator[Finding]:
    """A condition that takes rows away and of which the question says nothing."""
    question = Question(query.question)
    for part, rest in without_each(query):
        if joins(part) or part.find(exp.Select):
            continue
        columns = [word for column in part.find_all(exp.Column) for word in stems(column.name)]
        values = [word for value in part.find_all(exp.Literal) for word in stems(str(value.this))]
        told = {*question.stems, *(f"{number:g}" for number in question.numbers)}
        if isinstance(part, exp.EQ) and keyed(query, part.this):
            continue
        spoken = [w for w in (*columns, *values) if any(alike(w, other) or _close(w, other) for other in told)]
        if not spoken and query.same(rest) is False:
            yield Finding(
                f"the question says nothing of {part.sql()}", "asked/made-up-filter", "leave the condition out"
            )


def _close(word: str, other: str) -> bool:
    return len(word) > 4 and len(other) > 4 and difflib.SequenceMatcher(None, word, other).ratio() > 0.72


def made_up_number(query: Query) -> Iterator[Finding]:
    """A number compared with a column, not a key, that the question does not name."""
    question = Question(query.question)
    for node in query.tree.find_all(exp.EQ, exp.GT, exp.LT, exp.GTE, exp.LTE, exp.Between):
        if isinstance(node, exp.EQ) and (question.superlative or keyed(query, node.this)):
            continue
        for value in (node.expression, node.args.get("low"), node.args.get("high")):
            text = literal(value) if isinstance(value, exp.Expression) else None
            if text is None or (isinstance(value, exp.Literal) and value.is_string):
                continue
            number = float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else 0.0
            named = any(abs(number - each) <= 1 for each in question.numbers) or text in query.question
            if number not in (0.0, 1.0) and not named:
                yield Finding(
                    f"{node.sql()[:100]} compares with a number that the question does not name",
                    "asked/made-up-number",
                    "derive it in the query, or leave the condition out",
                )


def limit(query: Query) -> Iterator[Finding]:
    """LIMIT against the question: cut where all are asked for, another number than asked, none for a superlative."""
    question, main = Question(query.question), query.main
    node = main.args.get("limit") if main is not None else None
    count = literal(node.expression) if isinstance(node, exp.Limit) else None
    if main is None:
        return
    if count is not None and count.isdigit():
        wanted = int(count)
        rest = main.copy()
        rest.set("limit", None)
        rest.set("offset", None)
        cut = query.same(rest) is False
        if cut and wanted not in question.numbers and not question.ranked:
            yield Finding(
                f"LIMIT {wanted} cuts the result, and the question asks for all",
                "asked/limit" if wanted < MANY else "asked/limit-large",
                "leave LIMIT out",
            )
        elif cut and question.superlative and wanted > 1 and wanted not in question.numbers:
            yield Finding(f"LIMIT {wanted}, and the question does not name that number", "asked/limit", None)
    elif (
        question.superlative
        and query.result is not None
        and len(query.result.rows) > 1
        and not query.tree.find(exp.Max, exp.Min, exp.All, exp.Window, exp.Limit, exp.Fetch, exp.Exists)
        and not question.grouped
        and not _superlative_column(query, question)
    ):
        yield Finding(
            f"the question asks for the {question.superlative}, and {len(query.result.rows)} rows are given",
            # Sorted by it, or held against other rows, the result may show which it is.
            "asked/order-only"
            if query.tree.find(exp.Order, exp.GT, exp.LT, exp.GTE, exp.LTE)
            else "asked/no-superlative",
            "ORDER BY it and LIMIT to the number asked for, or compare with MAX or MIN",
        )
    if question.superlative and not query.tree.find(exp.Max, exp.Min, exp.Order, exp.All, exp.Window):
        yield Finding(f"nothing in the query looks for the {question.superlative}", "asked/superlative-ignored", None)


def _superlative_column(query: Query, question: Question) -> bool:
    """Whether the word is no superlative here: a column in use has it in its name, or someone is called Max."""
    word = (question.superlative or "").split(" ")[-1]
    short = {"minimum": "min", "maximum": "max"}.get(word, word)
    used = {stem for column in query.tree.find_all(exp.Column) for stem in stems(column.name)}
    return bool(used & {word, short}) or re.search(rf"(?<!^)(?<![.?!] )\b{word.title()}\b", question.text) is not None


def direction(query: Query) -> Iterator[Finding]:
    """The largest first where the smallest is asked for, with LIMIT; MAX for the lowest."""
    question, main = Question(query.question), query.main
    if main is None or question.lowest == question.highest:
        return
    order = main.args.get("order")
    first = order.expressions[0] if isinstance(order, exp.Order) and order.expressions else None
    column = first.this if first is not None else None
    dated = re.search(r"young|old|early|late|recent|new", question.superlative or "")
    if first is not None and main.args.get("limit") and not dated:
        wrong = bool(first.args.get("desc")) == question.lowest
        if wrong and not re.search(r"rank", column.sql() if column is not None else "", re.IGNORECASE):
            yield Finding(
                f"the question asks for the {question.superlative}, and the order is "
                f"{'descending' if first.args.get('desc') else 'ascending'}",
                "asked/direction",
                "turn the order round",
            )


def negation(query: Query) -> Iterator[Finding]:
    if Question(query.question).negated and not query.tree.find(
        exp.Not, exp.NEQ, exp.Except, exp.Is, exp.LT, exp.LTE, exp.GTE, exp.GT
    ) and not re.search(r"\bnot only\b", query.question):  # fmt: skip
        falsy = any(str(v.this).lower() in ("0", "f", "no", "false", "n") for v in query.tree.find_all(exp.Literal))
        if not falsy and not query.tree.find(exp.Boolean):
            yield Finding("the question says what is not to be, and the query excludes nothing", "asked/negation", None)


def unused_table(query: Query) -> Iterator[Finding]:
    """A table that the question names, and that the query does not use."""
    question = Question(query.question)
    used = {word for table in query.tables() for word in stems(table.name)}
    used |= {word for column in query.tree.find_all(exp.Column) for word in stems(column.name)}
    for table in query.schema.tables.values():
        words = stems(table.name)
        named = (c.name for each in query.schema.tables.values() for c in each.columns)
        columns = {word for name in named for word in stems(name) if stems(name)[-1] not in ("id", "key", "code")}
        if words and all(word in question.stems for word in words) and not (set(words) & used):
            if not set(words) & columns:
                yield Finding(
                    f"the question speaks of {table.name}, and the query does not use it",
                    "asked/table-parent" if _reached(query, table) or _apart(query, table) else "asked/table-unused",
                )
            else:
                yield Finding(
                    f"the question speaks of {table.name}, and the query does not use it",
                    "asked/table-unused-word",
                    None,
                )


def _reached(query: Query, table: Table) -> bool:
    """Whether a table in use refers to this one, so that its rows stand for rows of this (loans for books)."""
    words = {*stems(table.name)}
    for used in map(query.table_of, query.tables()):
        if used is not None and any(each.target.lower() == table.name.lower() for each in used.foreign):
            return True
        if used is not None and any({*stems(column.name)} >= words for column in used.columns):
            return True
    return False


def _apart(query: Query, table: Table) -> bool:
    """Whether the word may mean something else: the one shop or company that is spoken of, or no noun at all."""
    name = stems(table.name)[-1]
    plural = re.search(rf"\b{re.escape(name[:-1])}(?:{re.escape(name[-1])}e?s|ies)\b", query.question, re.IGNORECASE)
    return plural is None or name in ("list", "show", "rank", "sort", "rate", "result", "group", "work", "record")


def column_unused(query: Query) -> Iterator[Finding]:
    """A column of the tables in use that the question names, and that the query does not use."""
    question = Question(query.question)
    if any(each.is_star for each in query.projected):
        return
    used = {column.name.lower() for column in query.tree.find_all(exp.Column)}
    words_used = {word for name in used for word in stems(name)}
    words_used |= {word for t in query.tables() for word in stems(t.name)}
    words_used |= {word for v in query.tree.find_all(exp.Literal) for word in stems(str(v.this))}
    tables = [t for t in map(query.table_of, query.tables()) if t is not None]
    for table in {t.name: t for t in tables}.values():
        for column in table.columns:
            words = [w for w in stems(column.name) if w not in ("is", "id", "name", "code", "of")]
            if (
                words
                and column.name.lower() not in used
                and all(w in question.stems and w not in words_used for w in words)
            ):
                yield Finding(f"the question speaks of {table.name}.{column.name}, and the query does not use it",
                              "asked/column-unused", None)  # fmt: skip


def dropped_rows(query: Query) -> Iterator[Finding]:
    """An inner join where those without a match are asked for too."""
    if re.search(r"\b(?:including|even if|also those|or none|with or without|if any)\b", query.question, re.IGNORECASE):
        joins = list(query.tree.find_all(exp.Join))
        if joins and not any(join.side for join in joins):
            yield Finding("an inner join drops those that have no match", "asked/inner-join", "use LEFT JOIN")


RULES = (
    ignored_value,
    ignored_number,
    made_up_filter,
    made_up_number,
    limit,
    direction,
    negation,
    unused_table,
    column_unused,
    dropped_rows,
)
