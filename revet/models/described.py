"""A request in one line, for the errors of recordings and scripts: whose it is, and the last words of ours in it."""

from __future__ import annotations

import re

from revet.models.wire import Request

__all__ = ["described", "quoted"]

SHOWN = 120
# What is no sentence of the prompt: data, code, headings, and the marks by which a search is told.
_ASIDE = re.compile(
    r"^⟦data (?P<key>\S+)[^\n]*\n.*?^⟦end (?P=key)⟧[ \t]*$|^```.*?^```[ \t]*$|^(?:#|>|⟦)[^\n]*$",
    re.DOTALL | re.MULTILINE,
)


def described(request: Request) -> str:
    """``the critic's request that ends “…”``."""
    text = request.messages[-1].text if request.messages else ""
    lines = _lines(_ASIDE.sub("", text)) or _lines(text)
    whose = f"the {request.role}'{'s' * (not request.role.endswith('s'))} request"
    return f"{whose} that ends {quoted(lines[-1])}" if lines else whose


def quoted(text: str, most: int = SHOWN) -> str:
    """`text` on one line, cut if it is long."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
