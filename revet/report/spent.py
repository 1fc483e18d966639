"""What language models took, in words: calls, tokens and US dollars, in sum and by role."""

from __future__ import annotations

from collections.abc import Iterable

from revet.report.text import one_line, plural
from revet.schema import Usage

__all__ = ["dollars", "role_lines", "spent_line", "spent_words"]


def dollars(cost: float) -> str:
    """``$1.25``; below a cent with four digits, ``less than $0.0001`` below those."""
    if 0 < cost < 0.0001:
        return "less than $0.0001"
    return f"${cost:,.2f}" if cost >= 0.01 or not cost else f"${cost:.4f}"


def spent_line(usages: Iterable[Usage]) -> str:
    """``4 model calls, 12,345 tokens, $0.03``; empty where no language model was asked."""
    usages = list(usages)
    calls = sum(spent.calls for usage in usages for spent in usage.roles.values())
    return spent_words(calls, sum(usage.tokens for usage in usages), sum(usage.cost for usage in usages))


def spent_words(calls: int, tokens: int, cost: float) -> str:
    """The words of `spent_line`. A cost of 0 is left out: the model is free, or its price is not known."""
    if not calls:
        return ""
    parts = [plural(calls, "model call")] + ([plural(tokens, "token")] if tokens else [])
    return ", ".join(parts + ([dollars(cost)] if cost else []))


def role_lines(usage: Usage) -> list[str]:
    """A line for each role that asked a model: ``proposer: 2 calls, 1,200 tokens in, 80 out, $0.01``."""
    lines = []
    for role, spent in sorted(usage.roles.items()):
        parts = [plural(spent.calls, "call")]
        if spent.tokens:
            parts += [f"{plural(spent.input_tokens, 'token')} in", f"{spent.output_tokens:,} out"]
        lines.append(f"{one_line(role, 40)}: " + ", ".join(parts + ([dollars(spent.cost)] if spent.cost else [])))
    return lines
