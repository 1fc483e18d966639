"""The form in which coding agents ask before a tool is used: Claude Code's ``PreToolUse`` hook.

In: ``{"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": …}, "cwd": …, …}``. Out:
``{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": …, "permissionDecisionReason": …}}``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from revet.gate.answer import Answer
from revet.gate.request import Request, Unreadable

__all__ = ["EVENT", "hook_output", "hook_request", "is_hook"]

EVENT = "PreToolUse"
LONGEST = 4_000
"""Characters of a reason: it is shown to a person or read by a model."""

_LOOKING = frozenset(
    {
        "AskUserQuestion",
        "BashOutput",
        "EnterPlanMode",
        "ExitPlanMode",
        "Glob",
        "Grep",
        "KillShell",
        "LS",
        "NotebookRead",
        "Read",
        "TaskList",
        "TaskOutput",
        "TodoRead",
        "TodoWrite",
        "ToolSearch",
        "WebSearch",
    }
)
"""Tools that look, plan or talk; a subagent (Task) has hooks of its own for what it does."""


def is_hook(payload: object) -> bool:
    """Whether the payload is a hook's rather than a request in Revet's own form."""
    return isinstance(payload, Mapping) and "hook_event_name" in payload and "kind" not in payload


def hook_request(payload: Mapping[str, Any]) -> Request:
    """The action that a hook asks about. Raises `Unreadable`: "ask" for an event or a form that is not known here."""
    event = payload.get("hook_event_name")
    if event != EVENT:
        raise Unreadable(f"the hook event {str(event)[:60]!r} is not known here ({EVENT} is)", decision="ask")
    tool, given = payload.get("tool_name"), payload.get("tool_input")
    if not isinstance(tool, str) or not tool or not isinstance(given, Mapping):
        raise Unreadable("a PreToolUse payload has tool_name (text) and tool_input (an object)", decision="ask")
    common: dict[str, Any] = {}
    if payload.get("cwd") is not None:
        common["cwd"] = payload["cwd"]
    root = os.environ.get("CLAUDE_PROJECT_DIR")
    if root and isinstance(common.get("cwd"), str) and _below(common["cwd"], root):
        common["workspace"] = root
    return Request.of(_action(tool, given) | common)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _action(tool: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if tool == "Bash":
        return {"kind": "run_command", "command": given.get("command")}
    if tool == "Write":
        return {"kind": "write_file", "path": given.get("file_path"), "content": given.get("content")}
    if tool in ("Edit", "MultiEdit"):
        return {"kind": "edit_file", "path": given.get("file_path")}
    if tool == "NotebookEdit":
        return {"kind": "edit_file", "path": given.get("notebook_path")}
    if tool in _LOOKING:
        target = given.get("file_path") or given.get("path") or given.get("notebook_path")
        return {"kind": "call_tool", "name": tool, "arguments": given, "effects": ["read"], "target": target}
    if tool == "WebFetch":
        return {"kind": "call_tool", "name": tool, "arguments": given, "effects": ["fetch"]}
    if tool in ("Task", "Agent", "Skill", "SlashCommand"):  # what these go on to do passes the hook itself
        return {"kind": "call_tool", "name": tool, "arguments": given, "effects": ["read"]}
    return {"kind": "call_tool", "name": tool, "arguments": given}


def hook_output(answer: Answer) -> dict[str, Any]:
    """The answer in the form that the hook's caller reads."""
    reason = f"revet: {answer.reason}"
    if len(reason) > LONGEST:
        reason = reason[: LONGEST - 2] + " …"
    return {
        "hookSpecificOutput": {
            "hookEventName": EVENT,
            "permissionDecision": answer.decision,
            "permissionDecisionReason": reason,
        }
    }
