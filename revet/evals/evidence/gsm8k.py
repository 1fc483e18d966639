"""Wrong solutions found by recomputation, on worked solutions of language models (GSM8K: Cobbe et al. 2021).

The `calculate` tool, with ``solutions="strict"`` as for exercises of this kind, is shown the question and the solution,
never the reference answer. Right and wrong are by the
final answer, so that a solution with a slip in it that still ends right counts as right. A solution counts as found if
the tool says that it is wrong as a whole (``data["wrong"]``); `slips` count those in which it says that a single
calculation is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Row, Source, field
from revet.schema import Draft, Task
from revet.tools import ToolCall, View
from revet.tools.calculate import Calculate

__all__ = ["MEASUREMENT"]

SET, NAME = "gsm8k_solutions", "labelled_solutions"
TARGET = 0.97
REPORTED = 50


class Case(NamedTuple):
    """One solution: its task, whether its answer is wrong, whether that was found, whether it holds a slip."""

    task: str
    wrong: bool
    found: bool
    slip: bool
    checked: int


async def _measure(source: Source, progress: Progress) -> Figure:
    rows, tool = source.rows(SET, NAME), Calculate(solutions="strict")
    cases: list[Case] = []
    for number, row in enumerate(rows, 1):
        cases.append(await _case(row, f"{source.path(SET, NAME)}: row {number}", tool))
        if number % REPORTED == 0 or number == len(rows):
            progress(number, len(rows))
    by_task: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_task[case.task].append(case)
    low, high = bootstrap(list(by_task.values()), lambda drawn: _precision([case for each in drawn for case in each]))
    found = [case for case in cases if case.found]
    slips = [case for case in cases if case.slip]
    wrong = sum(case.wrong for case in cases)
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=_precision(cases),
        low=low,
        high=high,
        n=len(found),
        target=MEASUREMENT.target,
        counts={
            "solutions": len(cases),
            "tasks": len(by_task),
            "wrong": wrong,
            "found": sum(case.wrong for case in found),
            "false_alarms": sum(not case.wrong for case in found),
            "recall": sum(case.wrong for case in found) / wrong if wrong else None,
            "calculations": sum(case.checked for case in cases),
            "slips": len(slips),
            "slips_in_wrong": sum(case.wrong for case in slips),
        },
    )


def _precision(cases: Sequence[Case]) -> float | None:
    """How many of the solutions that are said to be wrong are."""
    found = [case.wrong for case in cases if case.found]
    return sum(found) / len(found) if found else None


async def _case(row: Row, where: str, tool: Calculate) -> Case:
    question, solution = field(row, "question", str, where), field(row, "solution", str, where)
    task_id, right = field(row, "task_id", str, where), field(row, "is_correct", bool, where)
    view = View(task=Task(goal=question or "?"), run="eval", draft=Draft(author="model", answer=solution))
    calls: Sequence[ToolCall] = tool.plan(view)
    if not calls:
        return Case(task_id, not right, False, False, 0)
    data = (await tool.run(calls[0], view)).data
    problems = data.get("problems")
    kinds = [each.get("category") for each in problems if isinstance(each, dict)] if isinstance(problems, list) else []
    checked = data.get("calculations")
    return Case(
        task_id,
        not right,
        data.get("wrong") is True,
        "calculation" in kinds,
        checked if isinstance(checked, int) else 0,
    )


MEASUREMENT = Measurement(
    set=SET,
    measure="precision of: this solution is wrong",
    about='How many of the solutions that `calculate` with solutions="strict" says are wrong have a wrong answer.',
    target=TARGET,
    run=_measure,
)
