"""What is sent to workers as code. It imports nothing of revet before it knows that the version there is the driver's.

So it runs on a node that has no revet, or another one, and can say so. Returns are the JSON of `wire.Returned`.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["work"]


def work(version: str, order: bytes, archives: dict[str, list[Any]]) -> bytes:
    """Do `order` (JSON of `wire.Order`); `archives` are references to the pieces of each archive, by its digest."""
    import platform

    import ray.util

    ip: Any = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    node = f"{platform.node()} ({ip})"
    try:
        import revet

        own = revet.__version__
    except ImportError:
        own = None
    if own != version:
        found = "has no revet" if own is None else f"has revet {own}"
        hint = f"on every node: pip install 'revet[ray]=={version}'"
        said = f"{found}, and the driver is revet {version}"
        fault = {"kind": "MissingDependency", "text": f"{said}\n  → {hint}", "hint": hint, "data": {}}
        return json.dumps({"node": node, "fault": fault}).encode()
    from revet.batch.ray.worker import done

    return done(node, order, archives)
