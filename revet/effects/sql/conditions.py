"""Which conditions hold for every row, so that a statement with one is as wide as a statement without."""

from __future__ import annotations

from typing import Any

__all__ = ["always_true"]

LONGEST = 4000


def always_true(condition: str, dialect: str | None) -> bool:
    """Whether the condition lets (nearly) every row through: ``1=1``, ``true``, ``id = id``, ``x LIKE '%'``,
    ``id IS NOT NULL``, or one of these after OR. What cannot be parsed is not called so.
    """
    if len(condition) > LONGEST:
        return False
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        tree = sqlglot.parse_one(f"SELECT 1 WHERE {condition}", read=dialect)
    except (SqlglotError, RecursionError, ValueError):
        return False
    where = tree.args.get("where")
    return where is not None and _true(where.this) is True


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
