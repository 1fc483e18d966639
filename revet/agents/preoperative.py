"""What would happen: said of every draft before it is carried out, together with how that is known.

After GUI-Critic-R1, whose critique names the possible result before its verdict. Here it is measured where the draft
could be tried, and predicted by a model only where it could not; each part says which it is:

- ``measured: …``: seen when the draft was staged;
- ``read from the text: …``: what commands, statements and declarations say of themselves;
- ``predicted by MODEL: …``: a model's opinion.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

from pydantic import Field

from revet.agents.base import Critic
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, evidence_section, plain
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, Number, Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.policy import EFFECTS, FILES_ONLY
from revet.schema import Changes, Critique, Draft, Evidence
from revet.tools._effects.telling import measured
from revet.tools.base import View

__all__ = ["PreOperative", "SaidPrediction", "SaidResults", "foretold", "possible_result", "read_from_text"]

NAME = "pre-operative"
MOST_TEXT, MOST_READ = 2_000, 12
PREDICTED, READ, MEASURED = "predicted by", "read from the text:", "measured:"


class SaidPrediction(Said):
    """What one action would do."""

    action: Number = Field(description="number of the action, from 0")
    result: Text = Field(description="what would be different afterwards, and what could not be undone")


class SaidResults(Said):
    """What each action would do that could not be tried."""

    results: list[SaidPrediction] = Field(json_schema_extra=FEW)


class PreOperative:
    """A critic that says what would happen, and abstains from judging: that is for the others and for the rules.

    Without a `model` it says what was measured and what the texts say. With one, what was not measured is predicted,
    and marked as such. An answer that cannot be used predicts nothing; `ModelFailed` and `BudgetSpent` are raised.
    """

    def __init__(
        self,
        model: LanguageModel | None = None,
        *,
        prompts: Prompts | pathlib.Path | str | None = None,
        name: str = NAME,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.name, self.temperature = model, name, temperature
        self.prompts = prompts_of(prompts) if model is not None else None
        self.room = room or Room()

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None:
            return abstained(self.name, "there is no draft to examine yet")
        parts = [*_known(view.changes, view.evidence)]
        untried = _untried(draft, view.changes, view.evidence)
        if untried and self.model is not None:
            parts.append(f"{PREDICTED} {self.model.name}: {await self._predicted(view, draft, untried)}")
        elif untried:
            parts.append(f"not tried: {', '.join(f'action {number}' for number in untried)}")
        return abstained(self.name, "\n".join(parts) or "nothing would change")

    async def _predicted(self, view: View, draft: Draft, untried: Sequence[int]) -> str:
        assert self.model is not None
        try:
            said = await ask_for(
                view, self.model, SaidResults, lambda room: self._request(view, draft, untried, room), self.room
            )
        except AnswerUnusable as error:
            return f"nothing, for its answer could not be used ({error.why})"
        told = [
            f"action {each.action}: {plain(each.result, MOST_TEXT)}" for each in said.results if each.action in untried
        ]
        return "; ".join(told) or "nothing"

    def _request(self, view: View, draft: Draft, untried: Sequence[int], room: Room) -> Request:
        assert self.prompts is not None
        user = self.prompts.fill(
            "result",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.15)),
            draft=candidate_section(draft, None, view.secret, room.part(0.45)),
            evidence=evidence_section(view.evidence, view.secret, room.part(0.4)),
            actions=", ".join(map(str, untried)),
        )
        system = self.prompts.fill("result_system")
        return Request(role="critic", messages=messages(system, user), temperature=self.temperature)


def possible_result(changes: Changes | None, evidence: Iterable[Evidence], critiques: Sequence[Critique] = ()) -> str:
    """What would happen, with how that is known: one line for each way of knowing it. "" if nothing is known."""
    parts = [*_known(changes, evidence)]
    for critique in critiques:
        predicted = [line for line in critique.possible_result.splitlines() if line.startswith(PREDICTED)]
        parts += [line for line in predicted if line not in parts]
    return "\n".join(parts)


def foretold(critique: Critique, critic: Critic, view: View) -> Critique:
    """The critique of a draft that acts beyond files, with what would happen in its `possible_result`.

    What a critic with a model says there is a prediction, and marked as one.
    """
    draft = view.draft
    if draft is None or not critique.heard or all(action.kind in FILES_ONLY for action in draft.actions):
        return critique
    own, model = critique.possible_result.strip(), getattr(critic, "model", None)
    if own and isinstance(model, LanguageModel) and PREDICTED not in own:
        own = f"{PREDICTED} {model.name}: {own}"
    known = [line for line in _known(view.changes, view.evidence) if line not in own]
    return critique.model_copy(update={"possible_result": "\n".join(filter(None, (*known, own)))})


def read_from_text(evidence: Iterable[Evidence]) -> str:
    """What the texts of the actions, and the authors of tools, say would happen; "" for nothing."""
    claims: list[str] = []
    for each in evidence:
        effects = each.data.get("effects") if each.tool == EFFECTS else None
        for effect in effects if isinstance(effects, list) else []:
            if isinstance(effect, dict) and effect.get("basis") in ("text", "declared"):
                claims.append(str(effect.get("claim", "")))
    told = list(dict.fromkeys(filter(None, claims)))
    more = [f"and {len(told) - MOST_READ} more"] if len(told) > MOST_READ else []
    return plain("; ".join([*told[:MOST_READ], *more]), MOST_TEXT)


def _known(changes: Changes | None, evidence: Iterable[Evidence]) -> Iterable[str]:
    seen, read = measured(changes), read_from_text(evidence)
    if seen:
        yield f"{MEASURED} {seen}"
    if read:
        yield f"{READ} {read}"


def _untried(draft: Draft, changes: Changes | None, evidence: Iterable[Evidence]) -> list[int]:
    """The actions beyond files whose result nobody has measured."""
    if any(e.tool == EFFECTS and e.data.get("complete") is True for e in evidence):
        return []
    beyond = [(n, action) for n, action in enumerate(draft.actions) if action.kind not in FILES_ONLY]
    known = changes or Changes()
    runs, calls = iter(known.commands), iter(known.calls)
    untried = []
    for number, action in beyond:
        if action.kind == "run_command":
            run = next(runs, None)
            tried = run is not None and run.exit_code is not None and run.verdict == "ok" and not run.network
        elif action.kind == "call_tool":
            plan = next(calls, None)
            tried = plan is not None and plan.result is not None
        else:
            tried = action.kind == "execute_sql" and bool(known.tables)
        untried += [] if tried else [number]
    return untried
