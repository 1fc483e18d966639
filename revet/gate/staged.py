"""Actions of somebody else's agent as one draft: staged, decided on, committed exactly as staged, taken back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from revet import actions
from revet.effects.model import EffectKind
from revet.effects.rules import Decision, Rules, strictest
from revet.errors import CommitError, InputError, WorldMoved
from revet.gate.judge import acheck
from revet.graphs.bench import Bench
from revet.policy import FILES_ONLY
from revet.sandboxes.base import Sandbox
from revet.schema import Changes, Draft, Receipt, RunCommand, Task, new_id
from revet.tools.base import View
from revet.tools.effects import Effects

__all__ = ["Staged", "Stages"]

MOST = 64
"""Drafts that are remembered; the oldest is forgotten first."""

K = EffectKind
ELSEWHERE = frozenset(
    {K.remote_create, K.remote_write, K.remote_delete, K.send, K.service, K.process, K.device, K.install}
)
"""What a command does that is no difference in the workspace, so that no commit of ours would do it."""

DIFF = 20_000
"""Characters of a diff that are shown."""


@dataclass(frozen=True)
class Staged:
    """A draft that was tried. `decision` is what the rules say of all that it does together."""

    id: str
    task: Task
    draft: Draft
    changes: Changes
    decision: Decision
    reasons: tuple[str, ...]

    def told(self) -> dict[str, Any]:
        """As JSON-able data."""
        changes = self.changes
        diff = changes.diff if len(changes.diff) <= DIFF else changes.diff[:DIFF] + "\n… (cut)"
        return {
            "stage": self.id,
            "decision": self.decision,
            "reasons": list(self.reasons),
            "fingerprint": changes.fingerprint,
            "changes": {
                "files": [{"path": each.path, "change": each.kind} for each in changes.files[:200]],
                "files_total": len(changes.files),
                "folders": [each.model_dump(mode="json") for each in changes.folders[:200]],
                "tables": [each.model_dump(mode="json") for each in changes.tables],
                "calls": [each.model_dump(mode="json") for each in changes.calls],
                "commands": [each.model_dump(mode="json") for each in changes.commands],
                "diff": diff,
            },
        }


class Stages:
    """What was staged in one workspace and not committed yet. Nothing stays locked between two calls."""

    def __init__(self, workspace: Path, sandbox: Sandbox | None, *, rules: Rules | None = None) -> None:
        self.workspace, self.sandbox, self.rules = workspace, sandbox, rules
        self._known: OrderedDict[str, Staged] = OrderedDict()

    async def stage(self, items: Sequence[Mapping[str, Any]], goal: str | None = None) -> Staged:
        """Try the actions, in order, as one draft, and decide. Nothing of the workspace changes.

        Raises `InputError` for what are no actions, `DraftError` for a draft that cannot be staged.
        """
        draft = _draft(items)
        task = Task(id="staged", goal=goal or "Carry out what was proposed.", workspace=str(self.workspace))
        async with Bench(task, self.sandbox) as bench:
            changes = await bench.stage(draft)
            decision, reasons = await self._decided(task, draft, changes, bench, goal)
        undone = _not_carried_out(draft, self.workspace)
        if undone:
            decision, reasons = "deny", undone
        staged = Staged(new_id("stage"), task, draft, changes, decision, reasons)
        self._known[staged.id] = staged
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return staged

    def find(self, stage: str) -> Staged:
        """What was staged under that id. InputError if it is not known (any more)."""
        try:
            return self._known[stage]
        except KeyError:
            known = ", ".join(self._known) or "none"
            raise InputError(f"nothing is staged as {stage!r}", hint=f"stage it first; known: {known}") from None

    async def commit(self, stage: str, *, approved: bool = False) -> Receipt:
        """Commit exactly what was staged. A second call gives the same receipt.

        Raises `CommitError` for what was denied, or asks for a person and was not `approved`; `WorldMoved` if the world
        is not the one in which it was tried.
        """
        staged = self.find(stage)
        if staged.decision == "deny":
            raise CommitError(f"{stage} was denied: {'; '.join(staged.reasons)}", hint="stage something else")
        if staged.decision == "ask" and not approved:
            raise CommitError(
                f"{stage} needs a person, and none has approved it: {'; '.join(staged.reasons)}",
                hint="stage something else, or leave it to the person",
            )
        async with Bench(staged.task, self.sandbox) as bench:
            receipt = bench.receipt(staged.changes, stage)
            if receipt is not None:
                return receipt
            now = await bench.stage(staged.draft)
            if now.fingerprint != staged.changes.fingerprint:
                raise WorldMoved(f"what {stage} does is not what it did when it was tried", hint="stage it again")
            return await bench.commit(now, stage)

    def undo(self, receipt: str) -> Receipt:
        """Take a commit back. Raises as `revet.actions.undo` does."""
        with actions.lock(self.workspace):
            actions.recover(self.workspace)
            return actions.undo(self.workspace, receipt)

    async def _decided(
        self, task: Task, draft: Draft, changes: Changes, bench: Bench, goal: str | None
    ) -> tuple[Decision, tuple[str, ...]]:
        """The strictest of what the rules say of the effects, and of each file action by itself."""
        ruled: list[tuple[Decision, str]] = []
        for action in draft.actions:
            if action.kind in FILES_ONLY:
                said = {"cwd": str(self.workspace), "workspace": str(self.workspace), "goal": goal}
                asked = {**action.model_dump(mode="json", exclude_none=True), **{k: v for k, v in said.items() if v}}
                answer = await acheck(asked, rules=self.rules, dry_run=False)
                ruled.append((answer.decision, answer.reason))
        view = View(
            task=task,
            run=task.id,
            workspace=self.workspace,
            session=bench.session,
            layer=bench.layer,
            draft=draft,
            changes=changes,
        )
        tool = Effects(rules=self.rules, scoped=goal is not None)
        for call in tool.plan(view):
            gate = (await tool.run(call, view)).data.get("gate")
            if not isinstance(gate, dict):
                ruled.append(("ask", "the effects could not be examined"))
                continue
            reasons = gate.get("reasons")
            said_reasons = [str(each) for each in reasons] if isinstance(reasons, list) else []
            decision: Any = gate.get("decision")
            ruled.append((decision, "; ".join(said_reasons)))
        decision = strictest(each for each, _ in ruled)
        return decision, tuple(reason for each, reason in ruled if reason and (each == decision or decision == "allow"))


def _not_carried_out(draft: Draft, workspace: Path) -> tuple[str, ...]:
    """What commands would do beyond the workspace: a commit carries out the difference that they make there, no more.

    Nobody should be asked to approve what would then not happen.
    """
    from revet.effects.shell import analyse

    said: list[str] = []
    for action in draft.actions:
        if isinstance(action, RunCommand):
            found = analyse(action.command, cwd=action.cwd, workspace=str(workspace))
            said += [each.claim for each in found.effects if each.kind in ELSEWHERE and each.place != "workspace"]
    reason = "a commit carries out what a command changes in the workspace, and this would not happen: "
    return tuple(reason + claim for claim in dict.fromkeys(said))


def _draft(items: Sequence[Mapping[str, Any]]) -> Draft:
    if not items:
        raise InputError("no actions are given", hint="give a list of actions, each an object with a `kind`")
    try:
        return Draft.model_validate({"author": "client", "actions": list(items)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {first['msg']}", hint="`revet schema` and the documentation show actions") from None
