"""A plain Python function as a tool."""

from __future__ import annotations

import functools
import inspect
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Evidence, Outcome
from revet.tools.adapters._results import clean, evidence_of, judged, shown
from revet.tools.adapters._schema import tool_name
from revet.tools.adapters._signature import signature_of
from revet.tools.adapters._threads import in_thread
from revet.tools.base import Terms, ToolCall, View, evidence_for

__all__ = ["FunctionTool", "Plan", "calls_of", "wrong"]

MOST_ITEMS = 10_000
"""Of what a generator gives, which may never end."""

Plan: TypeAlias = Callable[[View], "Iterable[ToolCall | Mapping[str, JsonValue]]"]
"""Which calls the loop makes by itself, each as a `ToolCall` or by its arguments alone."""


class FunctionTool:
    """Calls a function. Its signature and docstring are what a language model is told of the arguments.

    A parameter annotated `View` is given the view, and is not for the model. A function that is not asynchronous runs
    in a thread, which nothing can stop: past ``terms.seconds`` nobody listens any more. What is returned means:

    ==============================  ==================================================================================
    `Evidence`                      itself, as an answer to this call
    `bool`, `Outcome`               passed or failed; that outcome
    ``(bool or Outcome, reason)``   the same, with the reason as the observation
    a `Problem`, a list of them     failed; each becomes a finding
    `str`                           passed, with this text
    any other value                 passed, with the value as JSON in the text and in ``data["result"]``
    a generator                     as a list of what it gives, at most 10 000 items
    None                            inconclusive, for nothing was said
    ==============================  ==================================================================================

    An `AssertionError` is `failed` with its message; what else it raises becomes evidence in the loop. `plan` says
    which calls are made in every round without being asked for, and `required` that no draft is accepted unless those
    pass.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        description: str | None = None,
        plan: Plan | None = None,
        required: bool = False,
        terms: Terms | None = None,
    ) -> None:
        if not callable(function):
            raise InputError(f"{function!r:.200} cannot be called", hint="give a function")
        self.name = name or _name_of(function)
        if tool_name(self.name) != self.name:
            raise InputError(
                f"{self.name!r} is no name for a tool", hint='give it one of letters, digits, "_" and "-": name="…"'
            )
        self.function, self.required = function, required
        self.terms = terms or Terms(seconds=60)
        self._signature = signature_of(function, self.name, description)
        self.arguments: type[BaseModel] | None = self._signature.model
        self._plan = plan

    def plan(self, view: View) -> Sequence[ToolCall]:
        return calls_of(self._plan, self.name, view, required=self.required)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        try:
            given = self._signature.model.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, wrong(error))
        first, named = self._signature.bound(given, view)
        start = time.monotonic()
        try:
            if _asynchronous(self.function):
                value = await self.function(*first, **named)
            else:
                value = await in_thread(self.function, *first, **named)
                if inspect.isawaitable(value):
                    value = await value
            if isinstance(value, AsyncIterator):
                value = await _gathered(value)
            # Reading the value may run code of the function's own (a generator, a `repr`), so it too is done beside us.
            return await in_thread(_told, call, view, value, time.monotonic() - start)
        except AssertionError as error:
            said = clean(str(error)) or "an assertion does not hold"
            return judged(call, view, Outcome.failed, shown(said), time.monotonic() - start)


def _told(call: ToolCall, view: View, value: object, seconds: float) -> Evidence:
    items = [*itertools.islice(value, MOST_ITEMS)] if isinstance(value, Iterator) else value
    return evidence_of(call, view, items, seconds)


async def _gathered(values: AsyncIterator[Any]) -> list[Any]:
    found: list[Any] = []
    async for value in values:
        found.append(value)
        if len(found) == MOST_ITEMS:
            break
    return found


def calls_of(plan: Plan | None, name: str, view: View, *, required: bool = False) -> Sequence[ToolCall]:
    """The calls that `plan` wants of the tool `name`. Without a draft and a workspace there is nothing to look at.

    What it says of the workspace as it is, before the first draft, holds no draft back.
    """
    if plan is None or (view.draft is None and view.workspace is None):
        return []
    required = required and view.draft is not None
    calls = []
    for wanted in plan(view):
        if isinstance(wanted, ToolCall):
            calls.append(wanted)
        elif isinstance(wanted, Mapping):
            request = f"{name}({', '.join(f'{key}={value!r:.80}' for key, value in wanted.items())})"
            request += f" on {view.draft.id}" if view.draft is not None else ""  # a new draft is a new call
            calls.append(ToolCall(tool=name, request=clean(request), arguments=dict(wanted), required=required))
        else:
            raise InputError(
                f"the plan of the tool {name} holds {wanted!r:.200}", hint="it gives a ToolCall, or a dict of arguments"
            )
    return calls


def wrong(error: ValidationError) -> str:
    """What is wrong with the arguments of a call."""
    faults = (f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
    return shown("wrong arguments: " + "; ".join(faults))


def _name_of(function: Callable[..., Any]) -> str:
    inner = function.func if isinstance(function, functools.partial) else function
    return str(getattr(inner, "__name__", None) or type(inner).__name__)


def _asynchronous(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
