"""The gate as an MCP server: any client may ask what an action would do, stage several, commit them, take them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from revet.effects.rules import Rules
from revet.errors import MissingDependency, RevetError
from revet.gate.judge import acheck
from revet.gate.staged import Staged, Stages
from revet.sandboxes.base import Sandbox
from revet.schema import Action, ExecuteSQL, Receipt, RunCommand

try:
    from mcp import types
    from mcp.server.fastmcp import Context, FastMCP
    from mcp.server.fastmcp.exceptions import ToolError
except ImportError as error:
    raise MissingDependency("mcp is not installed", hint="pip install 'revet[mcp]'") from error

__all__ = ["make_server"]

T = TypeVar("T")

SHOWN = 4_000
"""Characters of a diff that a person is shown."""

INSTRUCTIONS = (
    "Before you run a command, execute SQL or change files, ask check_action. To carry several actions out as one "
    "change that can be undone, use stage, read what it would do, then commit; undo takes a commit back."
)


class Approval(BaseModel):
    """What a person is asked."""

    approve: bool = Field(default=False, description="Carry this out?")


def make_server(
    workspace: Path, sandbox: Sandbox | None, *, rules: Rules | None = None, dry_run: bool = True
) -> FastMCP:
    """A server with the tools `check_action`, `stage`, `commit`, `undo` on one workspace.

    Where the gate would ask, `commit` asks the person at the client (MCP elicitation); a client that cannot ask gets an
    error. What a model says is never taken for a person's word.
    """
    server = FastMCP("revet", instructions=INSTRUCTIONS, log_level="WARNING")
    stages = Stages(workspace, sandbox, rules=rules)

    @server.tool()
    async def check_action(action: dict[str, Any]) -> dict[str, Any]:
        """Whether one action is allowed, needs a person, or is denied, and what it would do.

        action: {"kind": "run_command", "command": …} or {"kind": "execute_sql", "database": URL, "sql": …}, or another
        kind of action; `goal` (what the user asked for) and `cwd` are optional.
        """
        placed = {"cwd": str(workspace), **action} if isinstance(action, dict) else action
        return (await acheck(placed, rules=rules, dry_run=dry_run)).to_dict()

    @server.tool()
    async def stage(actions: list[dict[str, Any]], goal: str | None = None) -> dict[str, Any]:
        """Try actions, in order, on a copy of the workspace. Says what they would change, and whether that is allowed.

        actions: objects with a `kind` (write_file, edit_file, delete_file, run_command, execute_sql). Nothing is
        changed before `commit` with the id that is returned.
        """
        return (await _told(lambda: stages.stage(actions, goal))).told()

    @server.tool()
    async def commit(stage: str, context: Context[Any, Any, Any]) -> dict[str, Any]:
        """Carry out exactly what was staged under this id, as one change. Returns a receipt whose id `undo` takes."""
        staged = await _told(lambda: _found(stages, stage))
        approved = staged.decision == "ask" and await _approved(context, staged)
        return _receipt(await _told(lambda: stages.commit(stage, approved=approved)))

    @server.tool()
    async def undo(receipt: str) -> dict[str, Any]:
        """Take back what a commit changed, as long as nobody has changed it since."""

        async def taken_back() -> Receipt:
            return stages.undo(receipt)

        return _receipt(await _told(taken_back))

    return server


async def _found(stages: Stages, stage: str) -> Staged:
    return stages.find(stage)


async def _told(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives; Revet's errors as errors of the tool, with what to do."""
    try:
        return await work()
    except RevetError as error:
        raise ToolError(str(error)) from error


async def _approved(context: Context[Any, Any, Any], staged: Staged) -> bool:
    """Ask the person at the client, if it can."""
    able = types.ClientCapabilities(elicitation=types.ElicitationCapability())
    if not context.session.check_client_capability(able):
        return False
    answer = await context.elicit(_question(staged), Approval)
    return answer.action == "accept" and answer.data.approve


def _question(staged: Staged) -> str:
    """Everything that a person decides on: what was proposed, why they are asked, what it would change."""
    proposed = [f"{number}. {_proposed(action)}" for number, action in enumerate(staged.draft.actions, 1)]
    why = [f"- {reason}" for reason in staged.reasons]
    diff = staged.changes.diff
    shown = diff if len(diff) <= SHOWN else diff[:SHOWN] + "\n… (cut)"
    return "\n".join(
        ["Carry this out?", *proposed, "Why you are asked:", *why, f"It would change: {staged.changes!r}", shown]
    )


def _proposed(action: Action) -> str:
    match action:
        case RunCommand():
            return f"run {action.command}"
        case ExecuteSQL():
            return f"execute {action.sql}"
        case _:
            return f"{action.kind} {getattr(action, 'path', '') or getattr(action, 'name', '')}".strip()


def _receipt(receipt: Receipt) -> dict[str, Any]:
    said: dict[str, Any] = receipt.model_dump(mode="json", exclude={"files"})
    return {**said, "files": [f"{each.kind} {each.path}" for each in receipt.files[:200]]}
