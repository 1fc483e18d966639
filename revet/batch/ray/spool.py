"""What came back from a worker, kept until it is recorded: a driver that dies in between goes on from there.

A file for each run in ``working/ray`` of the store's folder, written beside its place, made durable, and renamed. The
journal of the workspace knows whether the changes in it are committed, so it does not matter where the driver died.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pydantic import ValidationError

from revet.actions.disk import sync_folder
from revet.batch.ray.wire import Returned
from revet.errors import StoreError
from revet.schema import Model, digest
from revet.schema.base import to_json

__all__ = ["Spool", "Spooled"]


class Spooled(Model):
    """What came back, and the fingerprint of the workspace that it was examined on (None: no workspace)."""

    returned: Returned
    world: str | None


class Spool:
    """Of the store whose folder is `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "working" / "ray"

    def keep(self, run: str, spooled: Spooled) -> None:
        """Durably. StoreError if it cannot be written."""
        place = self._place(run)
        half = place.with_suffix(".half")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with half.open("w", encoding="utf-8") as file:
                file.write(to_json(spooled))
                file.flush()
                os.fsync(file.fileno())
            half.replace(place)
            sync_folder(place.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink()
            hint = "check its permissions and the free space; --resume does the task again"
            said = f"what came back of run {run} cannot be kept in {place.parent}: {error.strerror}"
            raise StoreError(said, hint=hint) from error

    def find(self, run: str) -> Spooled | None:
        """What is kept of the run; None if nothing is, or if another version of revet kept it."""
        try:
            return Spooled.model_validate_json(self._place(run).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise StoreError(
                f"{self._place(run)} cannot be read: {error.strerror}", hint="check its permissions"
            ) from None

    def drop(self, run: str) -> None:
        self._place(run).unlink(missing_ok=True)

    def _place(self, run: str) -> Path:
        return self._folder / f"{digest(run, length=24)}.json"
