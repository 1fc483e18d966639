"""What is remembered: runs and where they stopped, in SQLite."""

from revet.store.runs import Row, Store

__all__ = ["Row", "Store"]
