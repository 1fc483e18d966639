"""What examines a query, in a process of its own: engines, analysis with sqlglot, and the rules that find faults.

Model-written SQL is parsed and run here and never in Revet's own process, so that a query that hangs, exhausts memory
or crashes an engine takes only this process down. `child` starts, bounds and ends it, and `target` says which database
is meant; both belong to Revet's own process. Nothing else here imports Revet: the other process starts fast, and holds
nothing but the database it may read.
"""

from __future__ import annotations

__all__: list[str] = []
