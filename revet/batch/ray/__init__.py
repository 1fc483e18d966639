"""The same batch on a Ray cluster (extra ``ray``): tasks run on workers, and are committed where the workspace lives.

Nothing of Ray is imported before a cluster is joined.
"""

from __future__ import annotations

from revet.batch.ray.agents import RayAgents

__all__ = ["RayAgents"]
