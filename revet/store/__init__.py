"""What is remembered: runs, where they stopped and what models answered in them, in SQLite."""

from revet.store.replies import ReplyStore
from revet.store.runs import Row, Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["BUSY_SECONDS", "ReplyStore", "Row", "Store", "use_wal"]
