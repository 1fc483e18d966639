"""What a condition leaves: every row, as if there were none, or few, or any number of them."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["always_true", "is_bounded"]

LONGEST = 4000
SHORT = 20
"""So many constants are a short list."""
_EQUALS = re.compile(r"[\w\"`\]]\s*=(?!=)\s*\S")
_NUMBERED = re.compile(r"(?<![\w$'])\$\d+\b")
"""``$1``, which not every dialect takes for a parameter."""
_LOOSENS = re.compile(r"\b(or|not)\b", re.IGNORECASE)


def always_true(condition: str, dialect: str | None) -> bool:
    """Whether the condition lets (nearly) every row through: ``1=1``, ``true``, ``id = id``, ``x LIKE '%'``,
    ``id IS NOT NULL``, or one of these after OR. What cannot be parsed is not called so.
    """
    node = _parsed(condition, dialect)
    return node is not None and _true(node) is True


def is_bounded(condition: str, dialect: str | None) -> bool:
    """Whether the condition names the rows: a column that equals a constant or is one of a short list of constants,
    whatever else is demanded of them. A range, a pattern, "not" and a subquery leave any number of rows. What cannot be
    parsed is taken for bounded if it has an equality, and neither OR nor NOT.
    """
    node = _parsed(_NUMBERED.sub("?", condition), dialect)
    if node is None:
        return bool(_EQUALS.search(condition)) and not _LOOSENS.search(condition)
    return _true(node) is False or _bounded(node)


def _parsed(condition: str, dialect: str | None) -> Any:
    """The condition as a tree; None if it cannot be parsed."""
    if len(condition) > LONGEST:
        return None
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        tree = sqlglot.parse_one(f"SELECT 1 WHERE {condition}", read=dialect)
    except (SqlglotError, RecursionError, ValueError):
        return None
    where = tree.args.get("where")
    return None if where is None else where.this


def _bounded(node: Any) -> bool:
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.And):
        return _bounded(node.left) or _bounded(node.right)
    if isinstance(node, exp.Or):
        return _bounded(node.left) and _bounded(node.right)
    if isinstance(node, exp.In):
        listed = node.expressions
        return 0 < len(listed) <= SHORT and _is_column(node.this) and all(map(_is_constant, listed))
    if isinstance(node, (exp.EQ, exp.NullSafeEQ)):
        left, right = node.left.unnest(), node.right.unnest()
        return (_is_column(left) and _is_constant(right)) or (_is_constant(left) and _is_column(right))
    return False


def _is_column(node: Any) -> bool:
    from sqlglot import exp

    return node.find(exp.Column) is not None and node.find(exp.Query) is None


def _is_constant(node: Any) -> bool:
    from sqlglot import exp

    return node.find(exp.Column, exp.Query, exp.Rand) is None


def _true(node: Any) -> bool | None:
    """True or False where it is that for every row, None where that depends on the row."""
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Literal):
        return None if node.is_string else node.this.strip("0.") != ""
    if isinstance(node, exp.Not):
        if isinstance(node.this.unnest(), exp.Is) and isinstance(node.this.unnest().expression, exp.Null):
            return True
        inner = _true(node.this)
        return None if inner is None else not inner
    if isinstance(node, (exp.Or, exp.And)):
        sides = [_true(node.left), _true(node.right)]
        decisive = isinstance(node, exp.Or)
        return decisive if decisive in sides else (None if None in sides else not decisive)
    if isinstance(node, (exp.Like, exp.ILike)):
        pattern = node.expression
        return True if isinstance(pattern, exp.Literal) and set(pattern.this) == {"%"} else None
    if isinstance(node, exp.Is):
        return True if isinstance(node.expression, exp.Not) else None
    if isinstance(node, exp.Exists):
        query = node.this
        return True if isinstance(query, exp.Select) and not query.args.get("from_", query.args.get("from")) else None
    if isinstance(node, (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ)):
        return _compared(node)
    return None


def _compared(node: Any) -> bool | None:
    from sqlglot import exp

    left, right = node.left.unnest(), node.right.unnest()
    if left == right and not any(each.find(exp.Anonymous, exp.Rand) for each in (left, right)):
        return isinstance(node, (exp.EQ, exp.LTE, exp.GTE, exp.NullSafeEQ))
    if isinstance(left, exp.Literal) and isinstance(right, exp.Literal):
        one, other = _value(left), _value(right)
        if isinstance(one, str) != isinstance(other, str):
            return None
        results = {
            exp.EQ: one == other,
            exp.NEQ: one != other,
            exp.NullSafeEQ: one == other,
            exp.LT: one < other,  # type: ignore[operator]
            exp.LTE: one <= other,  # type: ignore[operator]
            exp.GT: one > other,  # type: ignore[operator]
            exp.GTE: one >= other,  # type: ignore[operator]
        }
        return results[type(node)]
    return None


def _value(literal: Any) -> float | str:
    if literal.is_string:
        return str(literal.this)
    try:
        return float(literal.this)
    except ValueError:
        return str(literal.this)
