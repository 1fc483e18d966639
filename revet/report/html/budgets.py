"""What a run spent of what it may spend, and what it was set up with, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from revet.report.html.words import as_text
from revet.report.spent import dollars
from revet.report.text import duration
from revet.schema import Run, Setup

__all__ = ["Bar", "bars", "setup_facts"]


class Bar(NamedTuple):
    """One budget. `part` is from 0 to 100, None where there is no limit; `tone` is a class of the stylesheet."""

    name: str
    words: str
    part: float | None
    tone: str


def bars(run: Run) -> list[Bar]:
    """Every budget with what was used of it; of those without a limit, what was used at all."""
    usage, policy = run.usage, run.setup.policy if run.setup else {}
    found = [
        _bar("revisions", usage.rounds, _limit(policy, "rounds"), lambda n: f"{n:,.0f}"),
        _bar("time", usage.seconds, _limit(policy, "seconds"), duration),
        _bar("tool calls", usage.tool_calls, _limit(policy, "tool_calls"), lambda n: f"{n:,.0f}"),
        _bar("tokens", usage.tokens, _limit(policy, "tokens"), lambda n: f"{n:,.0f}"),
        _bar("cost", usage.cost, _limit(policy, "cost"), dollars),
    ]
    return [bar for bar in found if bar is not None]


def _bar(name: str, used: float, limit: float | None, words: object) -> Bar | None:
    """The bar of a budget; None where nothing was used and nothing is limited."""
    assert callable(words)
    if limit is None:
        return Bar(name, words(used), None, "") if used else None
    part = 100.0 if used >= limit else 100.0 * used / limit
    tone = "bad" if used > limit else "warn" if part >= 90 else ""
    return Bar(name, f"{words(used)} of {words(limit)}", round(part, 1), tone)


def _limit(policy: Mapping[str, object], name: str) -> float | None:
    value = policy.get(name)
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if known and isinstance(value, int | float) else None


_POLICY = {
    "approve": "approval",
    "opinions": "opinions",
    "veto_from": "vetoes from",
    "unproven": "what is unproven",
    "stable": "repeated answers",
    "ask_seconds": "time to answer",
    "sandbox_features": "the sandbox must have",
}


def setup_facts(setup: Setup) -> list[tuple[str, str]]:
    """Names and values: the method, who speaks, where it runs, and the gate's policy beyond its budgets."""
    facts = [("recipe", setup.recipe)]
    facts += [("options", ", ".join(f"{as_text(k, 60)} = {as_text(v, 120)}" for k, v in setup.options.items()))]
    facts += [(role, name) for role, name in setup.roles.items()]
    facts += [("tools", ", ".join(setup.tools)), ("sandbox", setup.sandbox or "none")]
    for name, words in _POLICY.items():
        value = setup.policy.get(name)
        told = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else as_text(value, 120)
        facts.append((words, f"{told} s" if name == "ask_seconds" and told else told))
    facts += [("seed", str(setup.seed))] if setup.seed else []
    return [(name, value) for name, value in facts if value]
