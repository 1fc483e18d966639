"""What is remembered: runs, where they stopped and what models answered in them, in SQLite."""

from revet.store.replies import ReplyStore
from revet.store.runs import Row, Store

__all__ = ["ReplyStore", "Row", "Store"]
