"""The measurements on evidence and gate as suites: each is one case, measured whole, and its counts are figures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals.estimate import Estimate
from revet.evals.figures import Figure
from revet.evals.measuring import Measurement
from revet.evals.source import Source
from revet.evals.suite import Opens, Player
from revet.evals.trial import Trial

__all__ = ["Whole", "opener"]

NAMES = {
    "evidence.mint_trajectories": "f1",
    "evidence.gsm8k_solutions": "precision",
    "evidence.bigbench_mistake": "accuracy",
    "evidence.codet_humaneval": "chosen_right",
    "evidence.ldb_trajectories": "caught",
    "evidence.intercode_sql": "precision",
    "evidence.toolemu_runs": "f1",
    "gate.dcg": "held_back",
    "gate.nl2bash": "let_pass",
    "gate.risk_real_llm": "weaker",
    "gate.squawk": "held_back",
    "gate.gui_critic": "baseline_accuracy",
}
"""What the value of each measurement is called."""


def opener(place: str) -> Opens:
    """Opens the measurement `place`: ``evidence.SET`` or ``gate.SET``."""
    group, _, name = place.partition(".")

    async def opens(source: Source, options: Mapping[str, JsonValue]) -> Player:
        if options:
            raise InputError(f"the measurement {name} has no options, but {', '.join(options)} is given")
        return Whole(_measurement(group, name), NAMES[place], source)

    return opens


def _measurement(group: str, name: str) -> Measurement:
    from revet.evals import evidence, gate

    return evidence.measurement(name) if group == "evidence" else gate.measurement(name)


@dataclass(frozen=True)
class Whole:
    """A measurement as a `Player`. Its figure is kept in the trial's ``data``."""

    measurement: Measurement
    headline: str
    source: Source

    @property
    def cases(self) -> Sequence[str]:
        return [self.measurement.set]

    async def play(self, case: str) -> Trial:
        begun = time.monotonic()
        figure = await self.measurement.run(self.source, lambda done, of: None)
        told: dict[str, JsonValue] = {"figure": figure.model_dump(mode="json")}
        return Trial(case=case, task=case, data=told, seconds=time.monotonic() - begun)

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        """The value with its interval, then all that was counted (without intervals)."""
        if not trials or trials[0].error is not None:
            why = trials[0].error if trials else None
            return [Estimate(name=self.headline, value=None, n=0, note=why or "it was not measured")]
        figure = Figure.model_validate(trials[0].data["figure"])
        first = Estimate(
            name=self.headline,
            value=figure.value,
            low=figure.low,
            high=figure.high,
            n=figure.n,
            note="" if figure.value is not None else "no case bears on it",
        )
        rest = [
            Estimate(name=name, value=value, n=figure.n, better="neither", note="" if value is not None else "none")
            for name, value in figure.counts.items()
            if name != self.headline
        ]
        return [first, *rest]

    async def close(self) -> None:
        return
