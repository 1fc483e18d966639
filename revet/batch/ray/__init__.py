"""The same batch on a Ray cluster (extra ``ray``): tasks run on workers, and are committed where the workspace lives.

On the driver: `agents` is what a batch asks for runners, and `run` one run, from the archive to the record. `carried`
says what may not go and what goes along, `archive` makes a folder one file, `shelf` holds these in the `cluster`, which
alone knows Ray here. What came back is kept by `spool` until it is recorded, committed by `home`; what it taught and
recorded is kept by `lessons` and `recorded`.

On a worker: `bootstrap` compares versions, `kept` has the archives of the node, and `worker` does the loop on a copy.
All that is said between the two is in `wire`.

Nothing of Ray is imported before a cluster is joined.
"""

from __future__ import annotations

from revet.batch.ray.agents import RayAgents

__all__ = ["RayAgents"]
