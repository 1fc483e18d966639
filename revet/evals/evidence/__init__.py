"""How good the evidence of Revet's tools is, on what real models wrote. No model takes part.

Each module measures on one data set and calls the tools as the loop does. What a tool is shown is what the model's
environment would have shown; labels and hidden tests are read only to count.
"""

from __future__ import annotations

import importlib

from revet.errors import InputError
from revet.evals.measuring import Measurement

__all__ = ["SETS", "measurement"]

SETS = {
    "mint_trajectories": "mint",
    "gsm8k_solutions": "gsm8k",
    "bigbench_mistake": "mistakes",
    "codet_humaneval": "codet",
    "ldb_trajectories": "ldb",
    "intercode_sql": "queries",
    "toolemu_runs": "reports",
}
"""The module that measures on each set. It is imported when it is needed, for some need much."""


def measurement(name: str) -> Measurement:
    """The measurement on the set `name`. Raises `InputError` that names those there are."""
    module = SETS.get(name)
    if module is None:
        raise InputError(f"there is no measurement on {name!r}", hint=f"known: {', '.join(SETS)}")
    found: Measurement = importlib.import_module(f"revet.evals.evidence.{module}").MEASUREMENT
    return found
