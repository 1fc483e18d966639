"""Calculations as evidence: every one that a draft writes out is computed again exactly, and the first wrong located.

Without a model: fractions, and sympy for equations of higher degree. A draft that answers a word problem is examined
as a solution too, and one that lists the steps of a sum, of sorting, of closing brackets, of an ordering puzzle or of
exchanges has each step held against the question and the steps before it. Nothing that a draft says is executed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Answer, Draft, Evidence, Location, Outcome, Severity, Task, digest
from revet.tools._calculate.asked import Asked, compute
from revet.tools._calculate.judge import Verdict
from revet.tools._calculate.solutions import Doubt, Examined, examine
from revet.tools._traces.mistake import Traced
from revet.tools._traces.verify import verify
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Calculate", "Expression", "Passage", "passages_of", "problems_in", "question_of"]

SHOWN, LONGEST, MOST_PROBLEMS = 4000, 100_000, 20
CHECKABLE = re.compile(r"\d|[=<>\[\]]")
ORDERS = re.compile(r"\b(?:sort|order|arrange|rank)\b", re.IGNORECASE)
# How probable such a problem is, set at or below what `revet eval evidence` measured (see docs/tools/calculate.md).
SLIP, SURE, TOGETHER, DOUBT, STEP, PLACED = 0.92, 0.97, 0.9, 0.4, 0.92, 0.8
Solutions = Literal["strict"] | bool


class Expression(BaseModel):
    """Compute an expression exactly, or check an equation or inequality. Numbers, + - * / ^, percentages, units, roots,
    factorials, LaTeX and words such as `20% of 50` are understood. An equation with one unknown is solved.
    """

    model_config = ConfigDict(extra="forbid")

    expression: str = Field(min_length=1, max_length=2000, description="such as `12 * 3`, `10/3 = 3.33`, `2x + 3 = 11`")


@dataclass(frozen=True)
class Passage:
    """A part of what a draft says: its answer, or one of its reasoning steps."""

    text: str
    step: int | None = None


class Calculate:
    """Recomputes what a draft calculates in its answer and its reasoning steps, and expressions that a model asks for.

    A calculation that is wrong is a major problem with its place and the true value. With `required`, a draft with one
    is never accepted. What makes a worked solution of a word problem doubtful as a whole is a minor problem; with
    ``solutions="strict"``, for exercises of grade school, such doubts decide as measured. ``solutions=False`` leaves
    them and the verification of step traces out. ``data["wrong"]`` is whether the answer is said to be wrong,
    ``data["calculations"]`` how many were checked, ``data["first_wrong"]`` where the first wrong one is: the reasoning
    step, else the line of the answer, and the span in it.
    """

    name = "calculate"
    arguments: type[BaseModel] | None = Expression
    terms = Terms(keep="draft")

    def __init__(self, *, solutions: Solutions = True, required: bool = False) -> None:
        if solutions not in (True, False, "strict"):
            raise InputError(f"solutions must be true, false or 'strict', not {solutions!r}")
        self.solutions: Solutions = solutions
        self.required = required

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft whose text may hold calculations."""
        passages = passages_of(view.draft) if view.draft is not None else []
        ordered = bool(self.solutions) and ORDERS.search(question_of(view.task)) is not None
        if not any(ordered or CHECKABLE.search(passage.text) for passage in passages):
            return []
        request = f"the calculations of the draft {digest([passage.text for passage in passages])}"
        return [ToolCall(tool=self.name, request=request, required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        started = time.monotonic()
        if call.arguments:
            return await self._asked(call, view)
        passages = passages_of(view.draft) if view.draft is not None else []
        if not passages:
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: the draft says nothing")
        if sum(len(passage.text) for passage in passages) > LONGEST:
            return evidence_for(call, view, Outcome.inconclusive, f"inconclusive: over {LONGEST} characters to check")
        question = question_of(view.task) if self.solutions else ""
        checked = await asyncio.to_thread(problems_in, question, passages, strict=self.solutions == "strict")
        outcome = checked.outcome(required=self.required)
        return evidence_for(
            call,
            view,
            outcome,
            clip(f"{outcome.value}: {checked.summary}", SHOWN),
            problems=checked.problems[:MOST_PROBLEMS],
            data=checked.data,
            seconds=time.monotonic() - started,
        )

    async def _asked(self, call: ToolCall, view: View) -> Evidence:
        try:
            expression = Expression.model_validate(call.arguments).expression
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"error: {error.errors()[0]['msg']}")
        asked: Asked = await asyncio.to_thread(compute, expression)
        outcomes = {True: Outcome.passed, False: Outcome.failed, None: Outcome.error}
        outcome = outcomes[asked.holds]
        data: dict[str, JsonValue] = {"value": asked.value, "solutions": [*asked.solutions]}
        return evidence_for(call, view, outcome, clip(f"{outcome.value}: {asked.told}", SHOWN), data=data)


@dataclass(frozen=True)
class Found:
    """What was found in a draft: how many calculations were checked, what is wrong, and where first."""

    checked: int
    problems: tuple[Problem, ...]
    lines: tuple[str, ...]
    kind: str
    wrong: bool

    @property
    def grave(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity.rank >= Severity.major.rank]

    def outcome(self, *, required: bool) -> Outcome:
        """Nothing to check is no failure of the draft, but no proof either."""
        if self.grave:
            return Outcome.failed
        return Outcome.passed if self.checked or required else Outcome.inconclusive

    @property
    def summary(self) -> str:
        what = _count(self.checked, "calculation" if self.kind == "solution" else "step")
        if not self.problems:
            return f"{what} checked, none is wrong" if self.checked else "there is nothing that can be computed again"
        return "\n".join([f"{what} checked, {_count(len(self.problems), 'problem')}", *self.lines])

    @property
    def data(self) -> dict[str, JsonValue]:
        first = self.grave[0].location if self.grave else None
        where: JsonValue = None
        if first is not None:
            where = {"step": first.step, "line": first.line, "span": list(first.span) if first.span else None}
        return {"calculations": self.checked, "kind": self.kind, "wrong": self.wrong, "first_wrong": where}


def passages_of(draft: Draft) -> list[Passage]:
    """What the draft says, in order: its reasoning steps, then its answer."""
    said = [Passage(step, number) for number, step in enumerate(draft.steps)]
    texts = [draft.answer] if draft.answer is not None else [a.text for a in draft.actions if isinstance(a, Answer)]
    return said + [Passage(text) for text in texts if text.strip()]


def question_of(task: Task) -> str:
    """The question that the task asks: its ``inputs["question"]``, else its goal."""
    question = task.inputs.get("question")
    return question if isinstance(question, str) and question.strip() else task.goal


def problems_in(question: str, passages: Sequence[Passage], *, strict: bool = False) -> Found:
    """Everything that is wrong in the passages as an answer to the question. `strict`: see `Calculate`."""
    steps = _steps(passages)
    traced = verify(question, [text for text, _, _ in steps]) if question else None
    if traced is not None:
        return _traced(traced, steps)
    text, starts = _joined(passages)
    examined = examine(question, text)
    problems = tuple(_problem(doubt, examined, passages, starts, strict=strict) for doubt in examined.doubts)
    lines = tuple(f"- {_where(problem)}{problem.claim}" for problem in problems)
    judged = sum(each.judged.verdict is not Verdict.unknown for each in examined.calculations)
    return Found(judged, problems, lines, "solution", examined.wrong if strict else examined.slipped)


def _steps(passages: Sequence[Passage]) -> list[tuple[str, Passage, int]]:
    """The steps of a trace: the reasoning steps, and the lines of the answer, each with where it begins."""
    steps: list[tuple[str, Passage, int]] = []
    for passage in passages:
        if passage.step is not None:
            steps.append((passage.text, passage, 0))
            continue
        at = 0
        for line in passage.text.split("\n"):
            if line.strip():
                steps.append((line, passage, at))
            at += len(line) + 1
    return steps


def _traced(traced: Traced, steps: Sequence[tuple[str, Passage, int]]) -> Found:
    mistake = traced.mistake
    if mistake is None:
        return Found(len(steps), (), (), traced.kind, False)
    text, passage, at = steps[mistake.step]
    start, end = mistake.span or (0, len(text))
    problem = Problem(
        claim=mistake.claim,
        category=f"calculation/{traced.kind}",
        location=_location(passage, at + start, at + end),
        suggestion=mistake.suggestion,
        confidence=PLACED if traced.kind == "arrangement" else STEP,
    )
    return Found(len(steps), (problem,), (f"- {_where(problem)}{problem.claim}",), traced.kind, True)


def _joined(passages: Sequence[Passage]) -> tuple[str, list[int]]:
    """The passages as one text, and where each begins in it. A bare answer after steps is marked as the answer."""
    text = ""
    starts: list[int] = []
    for passage in passages:
        text += "\n" if text else ""
        if passage.step is None and len(passage.text) < 80 and "\n" not in passage.text.strip() and starts:
            text += "" if ":" in passage.text else "Answer: "
        starts.append(len(text))
        text += passage.text
    return text, starts


def _problem(
    doubt: Doubt, examined: Examined, passages: Sequence[Passage], starts: Sequence[int], *, strict: bool
) -> Problem:
    number = max(index for index, start in enumerate(starts) if start <= max(doubt.start, starts[0]))
    passage, begin = passages[number], starts[number]
    start = max(0, doubt.start - begin)
    location = None
    if doubt.end - doubt.start < len(passage.text) or doubt.kind == "slip":
        location = _location(passage, start, min(len(passage.text), doubt.end - begin))
    slip = doubt.kind == "slip"
    decides = strict and doubt.bears and examined.wrong
    confidence = SLIP if slip else DOUBT if not decides else SURE if doubt.sure else TOGETHER
    return Problem(
        claim=doubt.claim,
        severity=Severity.major if slip or decides else Severity.minor,
        category="calculation" if slip else f"calculation/{doubt.kind}",
        location=location,
        suggestion=doubt.suggestion,
        confidence=confidence,
    )


def _location(passage: Passage, start: int, end: int) -> Location:
    line = passage.text.count("\n", 0, start) + 1
    return Location(step=passage.step, line=line, span=(start, max(start, end)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _where(problem: Problem) -> str:
    location = problem.location
    if location is None:
        return ""
    return f"step {location.step}: " if location.step is not None else f"line {location.line}: "
