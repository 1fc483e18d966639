"""What is remembered: runs, where they stopped, what models answered in them and what they taught. In SQLite, or in
PostgreSQL by URL.
"""

from revet.store.corrections import Corrections
from revet.store.leases import Leases
from revet.store.listing import Chosen, Row
from revet.store.replies import Replies, ReplyStore
from revet.store.results import ResultStore
from revet.store.runs import LEASE, Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = [
    "BUSY_SECONDS",
    "LEASE",
    "Chosen",
    "Corrections",
    "Leases",
    "Replies",
    "ReplyStore",
    "ResultStore",
    "Row",
    "Store",
    "use_wal",
]
