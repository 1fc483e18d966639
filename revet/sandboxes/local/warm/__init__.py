"""Warm Python: interpreters that wait in sandboxes of their own, and fork for each piece of code.

`birth` starts one, `worker` is the host's end of it, `visit` one piece of code in it, `pool` the number of them that a
session has, `filter` their system-call filter. Inside runs ``_guest/forkserver.py``.
"""

from __future__ import annotations

from revet.sandboxes.local.warm.birth import Site, WarmUnavailable
from revet.sandboxes.local.warm.pool import WarmPool

__all__ = ["Site", "WarmPool", "WarmUnavailable"]
