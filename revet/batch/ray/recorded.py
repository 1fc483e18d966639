"""What workers recorded of models, in the one recording of the batch."""

from __future__ import annotations

from pathlib import Path

from revet.errors import HostError

__all__ = ["append"]


def append(record: Path, recorded: bytes) -> None:
    """Add the exchanges of one recording to another, which is made where it is missing."""
    header, _, exchanges = recorded.partition(b"\n")
    try:
        with record.open("ab") as file:
            if not file.tell():
                file.write(header + b"\n")
            file.write(exchanges)
    except OSError as error:
        raise HostError(f"--record: {record} cannot be written: {error.strerror}", hint="make room there") from error
