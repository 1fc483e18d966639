"""`Reflector`: says in its own words why a draft failed and what to do differently."""

from __future__ import annotations

from pathlib import Path

from revet.agents.chat.asking import Room, ask_freely
from revet.agents.chat.critic import plain
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import show_evidence
from revet.agents.critic.turns import spoken
from revet.models import Finish, LanguageModel, Request
from revet.tools.base import View

__all__ = ["HOME", "Reflector"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST = 2_000


class Reflector:
    """Reflects on ``view.draft`` by what the tools saw of it; it writes no draft. `prompts` overrides ours by file."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.2,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature = model, temperature
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def reflect(self, view: View) -> str:
        """A few sentences; "" where the model said nothing that can be used. Raises `BudgetSpent` and `ModelFailed`."""
        reply = await ask_freely(view, self.model, lambda room: self._request(view, room), self.room)
        return "" if reply.finish is Finish.refusal else plain(spoken(reply.text), MOST)

    def _request(self, view: View, room: Room) -> Request:
        draft = view.draft
        assert draft is not None
        user = self.prompts.fill(
            "reflexion_reflect",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.4), "Your draft"),
            evidence=section("What the tools saw", show_evidence(view.evidence, view.secret, room.part(0.4))),
        )
        system = self.prompts.fill("reflexion_reflect_system")
        return Request(role="reflector", messages=messages(system, user), temperature=self.temperature)
