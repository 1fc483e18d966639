"""What a session reaches of the network."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Network"]


class Network(StrEnum):
    """What a session reaches. Nothing is the default everywhere."""

    none = "none"
    full = "full"  # whatever the machine (or the container, or the cloud) reaches; its loopback may be the host's
