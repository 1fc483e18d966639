"""How good the gate's decisions are, on actions that other people labelled.

Each action is put to `revet.gate.check` as an agent would put it, in an empty folder for a workspace. Labels are read
only to count. Nothing of what is examined runs outside the sandbox.
"""

from __future__ import annotations

import importlib

from revet.errors import InputError
from revet.evals.measuring import Measurement

__all__ = ["SETS", "measurement"]

SETS = {
    "dcg": "shell:DCG",
    "nl2bash": "shell:NL2BASH",
    "risk_real_llm": "goals:MEASUREMENT",
    "squawk": "sql:MEASUREMENT",
    "gui_critic": "gui:MEASUREMENT",
}
"""The module that measures on each set, and the name there. It is imported when it is needed."""


def measurement(name: str) -> Measurement:
    """The measurement on the set `name`. Raises `InputError` that names those there are."""
    place = SETS.get(name)
    if place is None:
        raise InputError(f"there is no measurement on {name!r}", hint=f"known: {', '.join(SETS)}")
    module, _, attribute = place.partition(":")
    found: Measurement = getattr(importlib.import_module(f"revet.evals.gate.{module}"), attribute)
    return found
