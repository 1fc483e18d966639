"""The gate: one proposed action in, allow, ask or deny out, with the reason and what would happen.

``check`` decides on one action; ``revet gate`` is the same on the command line, and a hook for coding agents.
"""

from __future__ import annotations

from revet.gate.answer import Answer
from revet.gate.judge import acheck, check
from revet.gate.request import Request, Unreadable

__all__ = ["Answer", "Request", "Unreadable", "acheck", "check"]
