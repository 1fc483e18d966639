"""What is remembered: runs, where they stopped, what models answered in them and what they taught, in SQLite."""

from revet.store.corrections import Corrections
from revet.store.listing import Chosen, Row
from revet.store.replies import ReplyStore
from revet.store.results import ResultStore
from revet.store.runs import Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["BUSY_SECONDS", "Chosen", "Corrections", "ReplyStore", "ResultStore", "Row", "Store", "use_wal"]
