"""Calls in the journal: staged by their dry run, made once at the commit, taken back by their author's undo.

The folder of a call holds ``begun`` (written before the function is called), ``done`` (what it returned, as JSON),
``undoing`` and ``undone``. After a crash, ``begun`` without ``done`` means that the call may have happened: it is made
again only if the function is idempotent by a key.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from revet.actions.calls.bridge import called
from revet.actions.calls.function import Function, takes
from revet.actions.calls.functions import Functions, find
from revet.actions.disk import sync_folder
from revet.actions.journal import keep
from revet.actions.registry import EffectUncertain, Staging, register
from revet.errors import CommitError, DraftError, RevetError
from revet.schema import CallPlan, CallTool, Changes

__all__ = ["Calls"]

RESULT = 4000
"""Characters of what a dry run says that are kept."""

TRIES = 2
"""How often an idempotent call is made if no answer comes."""

LOST = (TimeoutError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError, EOFError)
"""What a function raises when nobody can know whether it was done."""


class Calls:
    """The handler of `CallTool`."""

    files_only = False

    async def stage(self, action: CallTool, staging: Staging) -> None:
        functions = staging.functions
        function = functions.get(action.name) if isinstance(functions, Functions) else find(action.name)
        function.bound(action.arguments)
        staging.add(
            CallPlan(
                name=action.name,
                arguments=action.arguments,
                effects=tuple(function.effects),
                reversible=function.reversible,
                result=await _tried(function, action.arguments),
            )
        )

    def reversible(self, action: CallTool) -> bool:
        return find(action.name).reversible

    def prepare(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        try:
            find(action.name).bound(action.arguments)
        except DraftError as error:
            raise CommitError(str(error)) from None

    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        if (folder / "done").exists():
            return
        function = find(action.name)
        if (folder / "begun").exists() and not (function.idempotent or function.harmless):
            raise EffectUncertain(
                f"{action.name} was called, and the process ended before it had answered; it is not called again"
            )
        keep(folder / "begun", key.encode())
        keep(folder / "done", _json(self._made(function, action, key, folder)))

    def _made(self, function: Function, action: CallTool, key: str, folder: Path) -> Any:
        """What the call returns. Whatever the function raises means that it did not happen, but for `LOST`."""
        for left in reversed(range(TRIES if function.idempotent else 1)):
            try:
                return function.call(action.arguments, key)
            except LOST as error:
                if not left:
                    raise EffectUncertain(f"{action.name} gave no answer ({_said(error)})") from error
            except Exception as error:
                _forget(folder / "begun")
                raise CommitError(f"{action.name} failed: {_said(error)}") from error
        raise AssertionError("unreachable")

    def undo(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        if (folder / "undone").exists() or not (folder / "begun").exists():
            return
        function = find(action.name)
        if function.harmless:
            return
        if function.undo is None:
            raise EffectUncertain(f"{action.name} was called, and it is not known whether that happened")
        result = self._result(function, action, key, folder)
        if (folder / "undoing").exists() and not takes(function.undo, "key"):
            raise EffectUncertain(f"the undo of {action.name} was begun, and the process ended before it was over")
        keep(folder / "undoing", b"")
        try:
            function.take_back(action.arguments, result, key)
        except LOST as error:
            raise EffectUncertain(f"the undo of {action.name} gave no answer ({_said(error)})") from error
        except RevetError:
            _forget(folder / "undoing")
            raise
        except Exception as error:
            _forget(folder / "undoing")
            raise CommitError(f"{action.name} cannot be taken back: {_said(error)}") from error
        keep(folder / "undone", b"")

    def _result(self, function: Function, action: CallTool, key: str, folder: Path) -> JsonValue:
        """What the call returned. An idempotent one is asked again; else its undo must know calls by their key."""
        if (folder / "done").exists():
            kept: JsonValue = json.loads((folder / "done").read_bytes())
            return kept
        assert function.undo is not None
        if takes(function.undo, "key"):
            return None
        if function.idempotent:
            keep(folder / "done", _json(self._made(function, action, key, folder)))
            return self._result(function, action, key, folder)
        raise EffectUncertain(f"{action.name} was called, and it is not known whether that happened")

    def settle(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        return


async def _tried(function: Function, arguments: dict[str, JsonValue]) -> str | None:
    """What the dry run says; None without one."""
    if function.dry_run is None:
        return None
    dry_run = function.dry_run
    try:
        said = await asyncio.to_thread(called, lambda: dry_run(dict(arguments)), function.seconds)
    except Exception as error:
        raise DraftError(f"the dry run of {function.name} failed: {_said(error)}") from error
    text = said if isinstance(said, str) else json.dumps(to_jsonable_python(said, fallback=repr), ensure_ascii=False)
    return text if len(text) <= RESULT else text[: RESULT - 1] + "…"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _json(value: Any) -> bytes:
    return json.dumps(to_jsonable_python(value, fallback=repr)).encode()


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


register("call_tool", Calls())
