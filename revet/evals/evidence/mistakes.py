"""The first mistake in traces of reasoning, located (BIG-Bench Mistake: Tyen et al. 2024; labels by people).

The `calculate` tool is shown the question and the steps. It is right if it names the labelled step, or finds no
mistake where none is labelled. The value is over the traces of word sorting and multi-step arithmetic that the tool
can read; how many those are is ``share_parsed``. Other tasks of the set are counted by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from revet.errors import InputError
from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Row, Source, field
from revet.schema import Draft, Task
from revet.tools import View
from revet.tools.calculate import Calculate

__all__ = ["MEASUREMENT"]

SET, NAME = "bigbench_mistake", "traces"
MEASURED = ("word_sorting", "multistep_arithmetic")
TARGET = 0.9
REPORTED = 20


class Case(NamedTuple):
    """One trace: what kind of task, whether it could be read, and whether the label was met."""

    id: str
    task: str
    parsed: bool
    right: bool
    mistaken: bool


async def _measure(source: Source, progress: Progress) -> Figure:
    rows, tool = source.rows(SET, NAME), Calculate()
    cases: list[Case] = []
    for number, row in enumerate(rows, 1):
        cases.append(await _case(row, f"{source.path(SET, NAME)}: row {number}", tool))
        if number % REPORTED == 0 or number == len(rows):
            progress(number, len(rows))
    measured = [case for case in cases if case.task in MEASURED]
    grouped: defaultdict[str, list[Case]] = defaultdict(list)
    for case in measured:
        grouped[case.id].append(case)
    low, high = bootstrap(list(grouped.values()), lambda drawn: _accuracy([case for each in drawn for case in each]))
    parsed = [case for case in measured if case.parsed]
    counts: dict[str, float | int | None] = {
        "traces": len(measured),
        "parsed": len(parsed),
        "share_parsed": len(parsed) / len(measured) if measured else None,
        "right": sum(case.right for case in parsed),
        "accuracy_with_mistake": _accuracy([case for case in measured if case.mistaken]),
        "accuracy_without_mistake": _accuracy([case for case in measured if not case.mistaken]),
    }
    for task in sorted({case.task for case in cases}):
        own = [case for case in cases if case.task == task]
        counts[f"{task}_traces"] = len(own)
        counts[f"{task}_parsed"] = sum(case.parsed for case in own)
        counts[f"{task}_accuracy"] = _accuracy(own)
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=_accuracy(measured),
        low=low,
        high=high,
        n=len(parsed),
        target=MEASUREMENT.target,
        counts=counts,
    )


def _accuracy(cases: Sequence[Case]) -> float | None:
    """How many of the traces that could be read got the labelled step."""
    right = [case.right for case in cases if case.parsed]
    return sum(right) / len(right) if right else None


async def _case(row: Row, where: str, tool: Calculate) -> Case:
    task_id, task = field(row, "task_id", str, where), field(row, "task", str, where)
    question, steps = field(row, "input", str, where), field(row, "steps", list, where)
    label = row.get("mistake_index")
    if "mistake_index" not in row or not (label is None or (isinstance(label, int) and not isinstance(label, bool))):
        raise InputError(f"{where}: mistake_index must be a whole number or null")
    if not all(isinstance(step, str) for step in steps):
        raise InputError(f"{where}: steps must be texts")
    view = View(task=Task(goal=question or "?"), run="eval", draft=Draft(author="model", steps=tuple(steps)))
    calls = tool.plan(view)
    data = (await tool.run(calls[0], view)).data if calls else {}
    first = data.get("first_wrong")
    step = first.get("step") if isinstance(first, dict) else None
    parsed = data.get("kind", "solution") != "solution"
    return Case(task_id, task, parsed, parsed and step == label, label is not None)


MEASUREMENT = Measurement(
    set=SET,
    measure="accuracy of locating the first mistake",
    about="In how many of the traces that can be read the first mistake, or none, is found as people found it.",
    target=TARGET,
    run=_measure,
)
