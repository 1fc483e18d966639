"""Tools that fail: an outside failure is retried, then another tool is asked, then it is said what is missing.

As CriticTool has it, what the caller did wrong (an internal error) is told at once and never retried; what failed
outside is retried at most three times. As in "Hell or High Water", a tool that stays dead is worked round.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, JsonValue, ValidationError

from revet.errors import InputError, MissingDependency, RevetError
from revet.schema import Evidence, Outcome
from revet.tools._calls.mending import nearest
from revet.tools._calls.spec import spec_of_tool
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for, terms_of
from revet.tools.observation import clip

if TYPE_CHECKING:
    from revet.tools.adapters import ToolLike

__all__ = ["Fallback"]

RETRIES = 3
ALIKE = 0.8
MOST_RUNS = 100
REASON = 300

# What passes by itself, by what services and libraries say of it.
PASSING = re.compile(
    r"time[d-]?[ -]?out|rate.?limit|too many requests|\b(?:429|500|502|503|504)\b|unavailable|temporar|try again|"
    r"connection|network|unreachable|\breset\b|refused|overloaded|\bbusy\b|locked|quota|throttl|interrupted",
    re.IGNORECASE,
)

# What says so beyond doubt: what is at fault in a call may be a column `network_id`, or row 500.
SURELY_PASSING = re.compile(
    r"\b(?:timed out|timeout|rate.?limit\w*|too many requests|service unavailable|temporar(?:y|ily)\b.{0,40}|try again|"
    r"overloaded|is locked|throttl\w+|connection (?:was |is )?(?:error|refused|reset|closed|aborted|lost|failed|timed)|"
    r"network (?:is )?(?:unreachable|error|down)|(?:http|status|code|error)[ :]{1,3}(?:429|500|502|503|504))\b",
    re.IGNORECASE,
)


class Tried(NamedTuple):
    """What came of asking one tool: its evidence, None where it raised or was not asked; how often; why it failed."""

    tool: str
    times: int
    evidence: Evidence | None
    why: str = ""
    answered: bool = False


class _Once(NamedTuple):
    """One attempt. `again`: another may go better."""

    evidence: Evidence | None
    why: str = ""
    again: bool = False
    answered: bool = False


class Fallback:
    """A tool that asks `primary` and, where that fails for reasons outside the call, the `alternatives` in order.

    It goes under the name of `primary` and takes its arguments; `plan` is that of `primary`. An alternative gets the
    same arguments under its own names: those of ``renamed[its name]`` (``{"query": "q"}``), else the same, else the
    one that is most like it. One that cannot take them is passed over.

    An outside failure is a timeout, an exception, and evidence (`inconclusive`, `error`) whose text says that it
    may pass: no connection, a rate limit, a lock. It is retried up to `retries` times, after waits that double from
    `wait` seconds and are jittered, within the time the run has left. Anything else `inconclusive` goes to the next
    tool at once. Any other `error` of `primary` is the answer: the call is wrong, and no other tool is asked. Each
    tool keeps its own terms (`Terms.seconds` an attempt, `Terms.calls` a run); one that failed to the last is asked
    only once the next time.

    ``data["answered"]`` names the tool that answered, ``data["failed"]`` those that did not, how often they were
    asked and why. Where none answers it is inconclusive, and says what is missing.
    """

    def __init__(
        self,
        primary: ToolLike,
        *alternatives: ToolLike,
        retries: int = RETRIES,
        wait: float = 0.5,
        longest: float = 10.0,
        renamed: Mapping[str, Mapping[str, str]] | None = None,
        terms: Terms | None = None,
    ) -> None:
        from revet.tools.adapters import as_tools

        if not 0 <= retries <= RETRIES:
            raise InputError(f"retries must be from 0 to {RETRIES}, not {retries}")
        if not 0 <= wait <= longest:
            raise InputError(f"wait must be from 0 to longest ({longest:g}), not {wait:g}")
        self.tools: list[Tool] = as_tools([primary, *alternatives])
        self.renamed = {name: dict(names) for name, names in (renamed or {}).items()}
        strangers = self.renamed.keys() - {tool.name for tool in self.tools[1:]}
        if strangers:
            raise InputError(
                f"renamed: {sorted(strangers)[0]} is none of the alternatives",
                hint="known: " + ", ".join(tool.name for tool in self.tools[1:]),
            )
        self.retries, self.wait, self.longest = retries, wait, longest
        self.name = self.tools[0].name
        self.arguments: type[BaseModel] | None = self.tools[0].arguments
        self.terms = terms or Terms(keep=terms_of(self.tools[0]).keep)
        self._runs: OrderedDict[str, _Record] = OrderedDict()

    def plan(self, view: View) -> Sequence[ToolCall]:
        return self.tools[0].plan(view)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The first answer. Raises what a broken host raises, and `InputError` for a wrong configuration."""
        record = self._record(view.run)
        tried: list[Tried] = []
        for number, tool in enumerate(self.tools):
            given = call.arguments if number == 0 else self._arguments(tool, call.arguments)
            if isinstance(given, str):
                tried.append(Tried(tool.name, 0, None, given))
                continue
            asked = call.model_copy(update={"tool": tool.name, "arguments": given})
            came = await self._ask(tool, asked, view, record)
            if number and came.evidence is not None and came.evidence.outcome is Outcome.error:
                came = came._replace(answered=False)  # the arguments were made for another tool
            tried.append(came)
            if came.answered:
                break
        return _told(call, view, tried)

    def _record(self, run: str) -> _Record:
        record = self._runs.setdefault(run, _Record())
        self._runs.move_to_end(run)
        while len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)
        return record

    def _arguments(self, tool: Tool, given: Mapping[str, JsonValue]) -> dict[str, JsonValue] | str:
        """The arguments under the tool's own names, or why it cannot take them."""
        if tool.arguments is None:
            return dict(given)
        properties = (spec_of_tool(tool).schema or {}).get("properties") or {}
        ours: dict[str, JsonValue] = {}
        for key, value in given.items():
            free = [name for name in properties if name not in ours and name not in given]
            name = self.renamed.get(tool.name, {}).get(key) or (key if key in properties else None)
            name = name or nearest(key, free, ALIKE)
            if name is None:
                return f"not asked: it takes no {clip(key, 80)}"
            ours[name] = value
        try:
            tool.arguments.model_validate(ours)
        except ValidationError as error:
            first = error.errors()[0]
            return f"not asked: it cannot take these arguments: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return ours

    async def _ask(self, tool: Tool, call: ToolCall, view: View, record: _Record) -> Tried:
        """Ask one tool, and again as long as that may help."""
        from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt
        from tenacity.wait import wait_exponential, wait_random

        limit = terms_of(tool).calls
        attempts = 1 if tool.name in record.dead else self.retries + 1
        if limit is not None:
            attempts = min(attempts, limit - record.calls[tool.name])
        if attempts < 1:
            return Tried(tool.name, 0, None, f"not asked: its {limit} calls of this run were made")
        if view.remaining <= 0:
            return Tried(tool.name, 0, None, "not asked: the run has no time left")
        times = 0

        async def once() -> _Once:
            nonlocal times
            times += 1
            record.calls[tool.name] += 1
            return await _once(tool, call, view)

        def last(state: RetryCallState) -> bool:
            return state.upcoming_sleep >= view.remaining or stop_after_attempt(attempts)(state)

        asking: Any = AsyncRetrying(
            retry=retry_if_result(lambda came: came.again),
            stop=last,
            wait=wait_exponential(multiplier=self.wait, max=self.longest) + wait_random(0, self.wait),
            sleep=asyncio.sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        came: _Once = await asking(once)
        (record.dead.discard if came.answered else record.dead.add)(tool.name)
        return Tried(tool.name, times, came.evidence, came.why, came.answered)


class _Record:
    """What a run has seen of the tools: how often each was called, and which failed to the last."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.dead: set[str] = set()


async def _once(tool: Tool, call: ToolCall, view: View) -> _Once:
    seconds = terms_of(tool).seconds
    limit = min(seconds if seconds is not None else float("inf"), view.remaining)
    try:
        async with asyncio.timeout(limit if limit != float("inf") else None):
            evidence = await tool.run(call, view)
    except MissingDependency as missing:
        return _Once(None, clip(" ".join(str(missing).split()), REASON))
    except RevetError:
        raise  # the user's configuration, or the host: nothing that another tool could mend
    except TimeoutError:
        return _Once(None, f"no answer within {limit:.3g} s" if limit != float("inf") else "no answer in time", True)
    except ValidationError as error:
        wrong = "wrong arguments: " + clip(" ".join(str(error).split()), REASON)
        return _Once(evidence_for(call, view, Outcome.error, wrong), answered=True)
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is an outside failure, and is told
        why = clip(" ".join(f"{type(error).__name__}: {error}".split()), REASON)
        return _Once(None, why, isinstance(error, OSError) or bool(PASSING.search(why)))
    return _judged(evidence)


def _judged(evidence: Evidence) -> _Once:
    """Whether the evidence answers, and if not whether to ask again."""
    if evidence.outcome in (Outcome.passed, Outcome.failed):
        return _Once(evidence, answered=True)
    why = clip(" ".join(evidence.observation.split()), REASON) or evidence.outcome.value
    says = SURELY_PASSING if evidence.outcome is Outcome.error else PASSING
    passing = evidence.outcome is Outcome.timeout or bool(says.search(why))
    if evidence.outcome is Outcome.error and not passing:
        return _Once(evidence, why, answered=True)  # the request is at fault: internal
    return _Once(evidence, why, again=passing)


def _told(call: ToolCall, view: View, tried: Sequence[Tried]) -> Evidence:
    """The answer under the name that was called, with what failed before it; or what is missing."""
    failed: list[JsonValue] = [
        {"tool": each.tool, "times": each.times, "why": each.why} for each in tried if not each.answered
    ]
    lines = [
        f"{each.tool} failed {_times(each.times)}: {each.why}" if each.times else f"{each.tool} was {each.why}"
        for each in tried
        if not each.answered
    ]
    last = tried[-1]
    if not last.answered or last.evidence is None:
        head = f"inconclusive: no tool answered, so this is missing: {clip(call.request, REASON)}"
        advice = "Go on without it, and say that it is missing and why."
        data: dict[str, JsonValue] = {"answered": None, "failed": failed, "missing": clip(call.request, REASON)}
        return evidence_for(call, view, Outcome.inconclusive, "\n".join([head, *lines, advice]), data=data)
    said = last.evidence
    told = [said.observation, f"(answered by {last.tool}; {'; '.join(lines)})"] if lines else [said.observation]
    if not lines and last.times > 1:
        told.append(f"(answered the {last.times}. time)")
    return said.model_copy(
        update={
            "tool": call.tool,
            "request": call.request,
            "check": call.check,
            "required": call.required or said.required,
            "observation": "\n".join(told),
            "data": {**said.data, "answered": last.tool, "failed": failed, "times": last.times},
        }
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
