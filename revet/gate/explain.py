"""How a decision came about, as text: each command, its effects, the rule for each, and what a trial saw."""

from __future__ import annotations

from revet.effects.model import Effect
from revet.effects.rules import Step
from revet.gate.answer import Answer

__all__ = ["explain"]

WIDTH = 100
MOST = 40


def explain(answer: Answer) -> str:
    """The account of `answer`, for a person to read. It ends with the decision and its reason."""
    lines: list[str] = []
    for number, command in enumerate(answer.commands):
        own = [step for step in answer.trace if _of(step) == number]
        lines.append(f"{number + 1}. {_clip(command)}")
        lines += _steps(own) or ["     changes nothing"]
    rest = [step for step in answer.trace if _of(step) is None or _of(step) not in range(len(answer.commands))]
    if rest:
        lines.append("In all" if answer.commands else _clip(answer.reason) if not answer.trace else "The action")
        lines += _steps(rest)
    lines.append(f"Result: {answer.critique.get('possible_result', '')}")
    lines.append(f"Trial: {_trial(answer)}")
    lines.append(f"Rules: {', '.join((*answer.rules, 'built-in defaults'))}")
    lines.append(f"{answer.decision.upper()}: {answer.reason}")
    return "\n".join(lines)


def _of(step: Step) -> int | None:
    return step.command


def _steps(steps: list[Step]) -> list[str]:
    lines = []
    for step in steps[:MOST]:
        lines.append(f"   {step.decision:<5} {_what(step)}")
        lines.append(f"         by {step.rule}")
    if len(steps) > MOST:
        lines.append(f"   … and {len(steps) - MOST} more")
    return lines


def _what(step: Step) -> str:
    if step.effect is None:
        return f"doubt: {_clip(step.why)}"
    return f"{step.effect.kind}: {_clip(step.effect.claim)} ({', '.join(_marks(step.effect))})"


def _marks(effect: Effect) -> list[str]:
    marks: list[str] = [effect.place, effect.basis]
    if effect.count is not None:
        marks.append(f"{effect.count} counted")
    elif effect.wide:
        marks.append("any number")
    if effect.reversible is not None:
        marks.append("reversible" if effect.reversible else "irreversible")
    if effect.possible:
        marks.append("possible")
    return marks


def _trial(answer: Answer) -> str:
    state, reason = answer.changes.get("dry_run", "skipped"), answer.changes.get("reason")
    return f"{state}: {reason}" if reason else str(state)


def _clip(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= WIDTH else flat[: WIDTH - 2] + " …"
