"""`StepRefiner`: redoes a derivation from its first wrong step on, told what is wrong with that step and nothing else.

After Critic-CoT (arXiv 2408.16326): the steps before the wrong one stay; those after it are neither shown nor kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from revet.agents.chat.agent import ChatAgent
from revet.agents.chat.asking import Room
from revet.agents.chat.heard import Schedule
from revet.agents.prefixed import Prefixed
from revet.agents.refine.refiner import HOME
from revet.models import LanguageModel
from revet.schema import Critique, Draft
from revet.tools.base import View

__all__ = ["StepRefiner"]

LEVEL = Schedule(step=0.0)


class StepRefiner:
    """Writes the steps from a wrong one on. `prompts` is a folder whose files replace ours.

    What cannot be used becomes ``Draft(problem=…)``, a spent budget a draft that gives up; see `ChatAgent`.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        name: str = "step-refiner",
        temperature: float | None = 0.7,
        room: Room | None = None,
    ) -> None:
        own = Prefixed("step_refiner", prompts, home=HOME)
        self.name = name
        self._writer = ChatAgent(model, prompts=own, name=name, temperature=temperature, schedule=LEVEL, room=room)

    async def redo(self, view: View, kept: Sequence[str], wrong: str, critique: Critique) -> Draft:
        """A draft whose steps begin where `wrong` stood. It is shown the task, `kept`, `wrong` and `critique` alone.

        `kept` are not in what is returned.
        """
        shown = Draft(author=self.name, steps=(*kept, wrong))
        alone = replace(view, draft=shown, changes=None, layer=None, evidence=(), attempts=(), best=None)
        return await self._writer.revise(replace(alone, critique=critique), critique)
