"""Servers for tests that speak the protocols of OpenAI and Anthropic on the loopback address, with faults on demand.

`python -m tests.models.servers` serves until it is killed, for trying things by hand.
"""

from __future__ import annotations

from tests.models.servers.answers import Answer, Asked, Call, Fault, example
from tests.models.servers.server import ModelServer

__all__ = ["Answer", "Asked", "Call", "Fault", "ModelServer", "example"]
