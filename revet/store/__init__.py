"""What is remembered: runs, where they stopped, what models answered in them and what they taught, in SQLite."""

from revet.store.corrections import Corrections
from revet.store.replies import ReplyStore
from revet.store.runs import Row, Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["BUSY_SECONDS", "Corrections", "ReplyStore", "Row", "Store", "use_wal"]
