"""An oracle in a critic's place, for measurement alone: what could be gained if it were known which answers are wrong.

Every critique says in the critic's name that an oracle was used, so no record of a run can be taken for a real one.
"""

from __future__ import annotations

from collections.abc import Callable

from revet.agents.base import Critic
from revet.schema import Attempt, Critique, Finding, Verdict
from revet.tools.base import View

__all__ = ["OracleCritic"]


class OracleCritic:
    """Accepts exactly the answers that `right` knows to be right; of the others, `critic` says what is wrong."""

    def __init__(self, critic: Critic, right: Callable[[str], bool]) -> None:
        self.critic, self.right = critic, right
        self.name = f"{critic.name}+oracle"

    async def criticise(self, view: View) -> Critique:
        if view.draft is None:
            return await self.critic.criticise(view)
        answer = Attempt(round=view.round, draft=view.draft, evidence=view.evidence).answer
        if answer is not None and self.right(answer):
            result = f"an oracle knows the answer to be right: {answer}"
            return Critique(critic=self.name, verdict=Verdict.accept, possible_result=result, score=1.0)
        said = await self.critic.criticise(view)
        findings = said.findings if said.verdict in (Verdict.revise, Verdict.reject) else ()
        known = Finding(claim="an oracle knows the answer to be wrong", category="oracle")
        return said.model_copy(
            update={"critic": self.name, "verdict": Verdict.revise, "findings": findings or (known,), "score": 0.0}
        )
