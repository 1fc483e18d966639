"""How a batch is to be run, beyond what its tasks and their settings say: from the options of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from revet.batch import Totals
from revet.errors import InputError

__all__ = ["Way", "way_of"]

CHOICES = {"engine": ("local", "ray"), "on_error": ("stop", "skip")}


@dataclass(frozen=True)
class Way:
    """`jobs` None is as many as the engine does best. `results` None is a file below `out` that the tasks name."""

    out: Path
    store: str | None = None
    jobs: int | None = None
    on_error: Literal["stop", "skip"] = "stop"
    dry_run: bool = False
    totals: Totals = field(default_factory=Totals)
    model_jobs: int | None = None
    model_rate: float | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    resume: bool = False
    json: bool = False
    quiet: bool = False
    record: Path | None = None
    results: Path | None = None
    summary: Path | None = None


def way_of(params: Mapping[str, Any]) -> Way:
    """Of the values of a command's options, by name. Raises `InputError` for one that is none of its choices."""
    for name, known in CHOICES.items():
        if params.get(name) not in (None, *known):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option}: must be one of {' or '.join(known)}, but is {params[name]!r}")
    if params.get("address") is not None and params.get("engine") != "ray":
        raise InputError("--address is the address of a cluster", hint="add --engine ray")
    totals = Totals(params.get("total_tokens"), params.get("total_cost"), params.get("total_seconds"))
    named = {each.name for each in fields(Way)} & params.keys()
    return Way(**{name: params[name] for name in named}, totals=totals)
