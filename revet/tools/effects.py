"""`Effects`: what a draft does beyond files, and what the rules say of it. No model.

Required of every draft with commands, SQL, calls or steps on a screen: nothing of that kind is committed unseen. Read
from the texts, measured where staging tried them, held against the rules and against what the task asks for. What the
rules deny fails, and so is never committed; what they ask about goes to a person (`Policy`). Where a file of rules
holds, drafts of files alone are held against it, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from revet.effects.goal import scope
from revet.effects.model import Analysis, Effect
from revet.effects.patterns import Roots
from revet.effects.rules import Rules, Ruling, Step
from revet.effects.rules_config import load_rules
from revet.policy import EFFECTS, FILES_ONLY
from revet.schema import Changes, Draft, Evidence, Location, Outcome, Severity
from revet.tools._effects.analysing import Analysed, analysed
from revet.tools._effects.telling import declared, measured
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Effects"]

MOST_TEXT, MOST_CLAIM, MOST_PROBLEMS, MOST_EFFECTS = 6_000, 500, 50, 200
UNREQUESTED = "the goal does not ask for it"


class Effects:
    """Holds what a draft does beyond files against rules: allow, ask or deny.

    `rules` is a file of them, or `Rules`; by default those of the workspace's and the user's ``revet.toml`` and the
    built-in ones. The evidence passes unless something is denied; ``data["gate"]`` has the decision and the reasons,
    ``data["effects"]`` each effect and how it is known, ``data["complete"]`` whether all of it was tried to its end.
    `scoped` False: nothing is held against the task's goal, for it is nobody's words.
    """

    name = EFFECTS
    arguments: type[BaseModel] | None = None
    terms = Terms()

    def __init__(self, rules: Rules | Path | str | None = None, *, scoped: bool = True) -> None:
        self.scoped = scoped
        self._given = rules if isinstance(rules, Rules) else None
        self._file = str(rules) if isinstance(rules, Path | str) else None
        if self._file is not None:
            load_rules(str(Path.cwd()), file=self._file)  # what is wrong with the file is said at once

    def plan(self, view: View) -> Sequence[ToolCall]:
        draft = view.draft
        if draft is None or draft.problem is not None or not draft.actions:
            return []
        kinds = [action.kind for action in draft.actions if action.kind not in FILES_ONLY]
        rules = self._rules(view)
        if not kinds and not (view.changes and (rules.project or rules.user)):
            return []
        what = ", ".join(dict.fromkeys(kinds)) or "files"
        return [ToolCall(tool=self.name, request=f"effects of {what}", required=True)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        start = time.monotonic()
        draft, changes = view.draft, view.changes
        if draft is None or changes is None:
            return evidence_for(call, view, Outcome.inconclusive, "there is no staged draft to look at")
        found = analysed(draft, changes, workspace=_workspace(view), home=_home())
        ruling = self._ruling(view, draft, found)
        return evidence_for(
            call,
            view,
            Outcome.failed if ruling.decision == "deny" else Outcome.passed,
            _observed(ruling, changes),
            problems=_problems(ruling, found, draft),
            data=_data(ruling, found),
            seconds=time.monotonic() - start,
        )

    def _rules(self, view: View) -> Rules:
        folder = _workspace(view) or str(Path.cwd())
        return self._given or load_rules(folder, folder, file=self._file)

    def _ruling(self, view: View, draft: Draft, found: Analysed) -> Ruling:
        folder = _workspace(view) or ""
        roots = Roots(workspace=folder, home=_home() or "", cwds=found.cwds)
        rules, analysis = self._rules(view), found.analysis
        analysis += Analysis(rules.by_path(found.further, roots)[:MOST_EFFECTS])
        beyond = any(action.kind not in FILES_ONLY for action in draft.actions)
        asked = scope(view.task.goal, analysis, "\n".join(found.texts)) if beyond and self.scoped else None
        return rules.decide(analysis, asked, roots=roots)


def _home() -> str | None:
    return os.environ.get("HOME") or None


def _workspace(view: View) -> str | None:
    return None if view.workspace is None else str(view.workspace)


def _observed(ruling: Ruling, changes: Changes) -> str:
    """The decision with its reasons first, then what would happen, then how each effect was decided."""
    lines = [f"{ruling.decision}: {'; '.join(ruling.reasons)}" if ruling.reasons else ruling.decision]
    seen = measured(changes)
    lines += [f"measured: {seen}"] if seen else []
    lines += [declared(plan) for plan in changes.calls]
    lines += [f"- {step.decision}: {step.why} ({step.rule}{_how(step.effect)})" for step in ruling.trace]
    return clip("\n".join(clip(line, MOST_CLAIM * 2) for line in lines), MOST_TEXT)


def _how(effect: Effect | None) -> str:
    return "" if effect is None else f"; {effect.basis}"


def _problems(ruling: Ruling, found: Analysed, draft: Draft) -> list[Problem]:
    """What is not allowed. Only what is denied is grave enough to send the draft back: the rest a person decides."""
    problems: dict[tuple[str, int | None], Problem] = {}
    for step in ruling.trace:
        if step.decision == "allow":
            continue
        action = _action(step, found, draft)
        problem = Problem(
            claim=clip(step.why, MOST_CLAIM),
            severity=Severity.critical if step.decision == "deny" else Severity.minor,
            category=_category(step),
            location=None if action is None else Location(action=action),
            suggestion=_instead(step),
        )
        problems.setdefault((problem.claim, action), problem)
    told = sorted(problems.values(), key=lambda each: -each.severity.rank)
    return told[:MOST_PROBLEMS]


def _category(step: Step) -> str:
    kind = step.effect.kind.value if step.effect is not None else "unknown"
    return f"unrequested-effect/{kind}" if step.rule == UNREQUESTED else f"unsafe-effect/{kind}"


def _instead(step: Step) -> str:
    if step.rule == UNREQUESTED:
        return "leave out what the task does not ask for"
    if step.effect is None:
        return "write it so that what it does can be read from it"
    return "reach the goal without this effect" if step.decision == "deny" else "a person will be asked about this"


def _action(step: Step, found: Analysed, draft: Draft) -> int | None:
    if step.command is not None and step.command < len(found.owner):
        return found.owner[step.command]
    return 0 if len(draft.actions) == 1 else None


def _data(ruling: Ruling, found: Analysed) -> dict[str, JsonValue]:
    told: list[JsonValue] = [_told(effect) for effect in found.analysis.effects[:MOST_EFFECTS]]
    reasons: list[JsonValue] = [clip(reason, MOST_CLAIM) for reason in ruling.reasons[:MOST_PROBLEMS]]
    gate: dict[str, JsonValue] = {"decision": ruling.decision, "reasons": reasons}
    doubts: list[JsonValue] = [clip(doubt, MOST_CLAIM) for doubt in found.analysis.doubts[:MOST_PROBLEMS]]
    return {"gate": gate, "complete": found.complete, "effects": told, "doubts": doubts}


def _told(effect: Effect) -> dict[str, Any]:
    return {
        "kind": effect.kind.value,
        "claim": clip(effect.claim, MOST_CLAIM),
        "target": clip(effect.target, MOST_CLAIM),
        "place": effect.place,
        "basis": effect.basis,
        "count": effect.count,
        "reversible": effect.reversible,
    }
