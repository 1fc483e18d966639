"""The copy of the workspace that a run of the local sandbox gets where there are no overlays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from revet.errors import SandboxBroken
from revet.sandboxes.trees import Marks

__all__ = ["Copy", "reached"]


@dataclass
class Copy:
    """The private copy of the workspace that a run gets in place of an overlay.

    `place` is where bwrap finds it. With `size` it is made in the capped scratch, which only the launcher has mounted
    and which is that much larger; the host reaches it through a descriptor.
    """

    place: Path
    size: int | None
    marks: Marks


def reached(upper: int | None) -> Path:
    """Where this process finds the copy that was made in the launcher's scratch."""
    if upper is None:
        raise SandboxBroken("the sandbox's launcher gave no scratch")
    return Path(f"/proc/self/fd/{upper}/tree")
