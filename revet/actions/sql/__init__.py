"""SQL on real databases: tried in a transaction that is taken back, committed if it still does the same, undone."""

from revet.actions.sql.target import Target, target_of
from revet.actions.sql.tried import DatabaseError, TriedSql, atry_sql, observed, try_sql

__all__ = ["DatabaseError", "Target", "TriedSql", "atry_sql", "observed", "target_of", "try_sql"]
