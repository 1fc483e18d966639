"""Functions and MCP tools that act on the world: declared by their authors, called once, at the commit."""

from __future__ import annotations

from revet.actions.calls.bridge import home
from revet.actions.calls.function import Function, action
from revet.actions.calls.functions import Functions, find, publish, use
from revet.actions.calls.handler import Calls
from revet.actions.calls.mcp import mcp_action

__all__ = ["Calls", "Function", "Functions", "action", "find", "home", "mcp_action", "publish", "use"]
