"""What the replays of code share: the visible tests as required evidence, and `Behaviour` after they passed.

A draft is an answer: the code as the model wrote it. It is run in one warm sandbox for all cases, and what is known of
the same code for the same task is not found out again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import chain, count

from pydantic import BaseModel, JsonValue

from revet.evals.evidence.samples import PRELUDE
from revet.evals.replay.logged import case_id
from revet.evals.replay.playing import Answers, Once
from revet.sandboxes.base import Session
from revet.schema import Attempt, Evidence, Outcome, Severity, Task, digest
from revet.tools._behaviour.running import Outcome as Ended
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for
from revet.tools.behaviour import Behaviour, Candidate, Comparison, Spec, compare
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Asserts", "CodeTask", "apart", "passed_tests", "task_of"]

VISIBLE, EXAMPLE = "visible", "example"
SHOWN = 2000
TOGETHER = 20
"""As many drafts are tested in one process."""
QUICK, PATIENT = 1.0, 3.0
"""Seconds that a test may take; and where it took longer, when it is tried once more: the machine may be busy."""
MOST_EARLIER = 3
"""As many of the attempts before a draft does `Behaviour` look at."""


class CodeTask:
    """One task, and all the code that was written for it in any case: what is known of it, and the tools that find out.

    With `examples`, those of the description count as visible tests, too. `prelude` is executed above all code, and
    `inputs` is the number of those that code is tried on.
    """

    def __init__(
        self, spec: Spec, codes: Sequence[str], *, inputs: int, examples: bool = False, prelude: str = PRELUDE
    ) -> None:
        self.spec, self.prelude, self.inputs = spec, prelude, inputs
        self.kinds = (VISIBLE, EXAMPLE) if examples else (VISIBLE,)
        different = list(dict.fromkeys(codes))
        self._parts = {code: n // TOGETHER for n, code in enumerate(different)}
        self._different, self._answers = different, Answers()
        self._seen: dict[int, Comparison] = {}
        self._turn = asyncio.Lock()

    @property
    def tests(self) -> int:
        """How many visible tests there are."""
        return len(self.spec.tests) + (len(self.spec.trusted_examples) if EXAMPLE in self.kinds else 0)

    def tools(self, besides: type[Behaviour] | None = Behaviour) -> list[Tool]:
        """The visible tests; and what another tool says of code that passes them."""
        tools: list[Tool] = [Once(Asserts(self), self._answers, _same_code)]
        if besides is not None:
            spec = self.spec
            looks = besides(
                spec=spec.text, function=spec.entry, tests=spec.tests, prelude=self.prelude, count=self.inputs
            )
            key = _same_history if besides is Behaviour else _same_code
            tools.append(Once(looks, self._answers, key, after=Asserts.name if self.tests else None))
        return tools

    async def tested(self, code: str, session: Session) -> tuple[Comparison, int]:
        """The tests on this code, and its place among what they were run on.

        Code that was written for the task is tested some at a time, for a process costs more than most tests.
        """
        part = self._parts.get(code)
        if part is None:
            return await self._run([code], session, QUICK), 0
        async with self._turn:
            codes = self._different[part * TOGETHER : (part + 1) * TOGETHER]
            if part not in self._seen:
                self._seen[part] = await self._run(codes, session, QUICK)
        seen, place = self._seen[part], codes.index(code)
        if "timeout" in seen.verdicts[place]:
            return await self._run([code], session, PATIENT), 0
        return seen, place

    async def _run(self, codes: Sequence[str], session: Session, seconds: float) -> Comparison:
        drafts = [Candidate(f"draft {n}", self.prelude + code, self.spec.entry) for n, code in enumerate(codes, 1)]
        return await compare(drafts, self.spec, session, inputs=(), seconds=seconds, budget=4 * seconds)


def _same_code(call: ToolCall, view: View) -> str:
    return digest(view.draft.answer if view.draft else None, length=24)


def _same_history(call: ToolCall, view: View) -> str:
    """`Behaviour` compares a draft with those before it."""
    draft = view.draft.answer if view.draft else None
    earlier = [a.draft.answer for a in view.attempts if a.draft.answer != draft][-MOST_EARLIER:]
    return digest(draft, call.arguments, earlier, length=24)


class Asserts:
    """Runs the visible tests of a function on the draft's answer. Required: a draft that fails one is never accepted.

    A verdict is made from the values that the function returned, outside the process in which its code ran. Where there
    are no tests, it says whether there is a function at all, and nothing is required.
    """

    name = "asserts"
    arguments: type[BaseModel] | None = None
    terms = Terms(seconds=300)

    def __init__(self, task: CodeTask) -> None:
        self.task = task

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for each draft."""
        if view.draft is None:
            return []
        request = f"the visible tests of {self.task.spec.entry}"
        return [ToolCall(tool=self.name, request=request, required=self.task.tests > 0)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        if view.session is None or view.draft is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run the tests in")
        start = time.monotonic()
        seen, place = await self.task.tested(view.draft.answer or "", view.session)
        seconds = time.monotonic() - start
        if seen.broken_for_good(place):
            problem = Problem(claim=clip(f"it cannot be used: {seen.broken[place]}", SHOWN), severity=Severity.critical)
            return evidence_for(call, view, Outcome.failed, problem.claim, problems=[problem], seconds=seconds)
        every = zip(seen.tests, seen.verdicts[place], seen.calls[place], strict=True)
        told = [(test.source, said, ended) for test, said, ended in every if test.kind in self.task.kinds]
        passed = sum(said == "pass" for _, said, _ in told)
        failed = sum(said not in ("pass", "unknown") for _, said, _ in told)
        tests: list[JsonValue] = [_test(*each) for each in told]
        data: dict[str, JsonValue] = {"tests": tests, "counts": {"passed": passed, "failed": failed}}
        outcome = Outcome.failed if failed else Outcome.passed if passed else Outcome.inconclusive
        text = f"{passed} of {len(told)} visible tests pass"
        return evidence_for(call, view, outcome, text, data=data, seconds=seconds)


def _test(source: str, said: str, ended: Ended) -> dict[str, JsonValue]:
    """One test, as critics read it."""
    if said == "pass":
        return {"id": source, "outcome": "passed"}
    if said == "unknown":
        return {"id": source, "outcome": "unknown"}
    got = "; ".join(str(each) for each in ended.got[:3]) or str(ended)
    return {"id": source, "outcome": "failed", "message": clip(f"the call gives {got}", SHOWN)}


def apart(ids: Iterable[str]) -> list[str]:
    """The ids, made different: where ``a`` is there already, it is ``a#2``."""
    taken: dict[str, None] = {}
    for each in ids:
        names = chain([each], (f"{each}#{number}" for number in count(2)))
        taken[next(name for name in names if name not in taken)] = None
    return list(taken)


def passed_tests(attempt: Attempt) -> bool:
    """Whether the draft passed the visible tests; where there are none, whether there is a function at all."""
    about = [e for e in attempt.evidence if e.tool == Asserts.name]
    return all(e.outcome is Outcome.passed if e.required else e.outcome is not Outcome.failed for e in about)


def task_of(name: str, spec: Spec) -> Task:
    """The task as the loop is given it: its text. `name` may hold any characters."""
    return Task(id=case_id(name), goal=spec.text.strip() or f"Write {spec.entry}.")
