"""Finding wrong code before any oracle word, on MINT's trajectories of code tasks.

Cases are the `execute` turns up to the first turn in which an oracle says that a proposal was wrong; the tool sees the
prompt, the turn's code and the code of the turns before. Turns without a hidden verdict are left out. As most of the
code is wrong, calling all of it wrong scores high, too: that figure is in the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from revet.errors import InputError
from revet.evals.evidence.samples import field
from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Source
from revet.sandboxes import get
from revet.sandboxes.base import Session
from revet.schema import Severity
from revet.tools.behaviour import Candidate, Spec, examine, grave, spec_of

__all__ = ["MEASUREMENT"]

SET, NAME = "mint_trajectories", "code"
INPUTS = 32
TARGET = 0.935
PASSED = "pass"
TESTS = ("behaviour/test", "behaviour/example")


@dataclass(frozen=True)
class Turn:
    """One piece of code that was executed, and the ones before it in the same trajectory."""

    task: str
    code: str
    wrong: bool


@dataclass(frozen=True)
class Judged:
    """Whether a turn's code was called wrong: by the tool, and by the visible tests and examples alone."""

    turn: Turn
    called: bool
    tests: bool


async def run(source: Source, progress: Progress) -> Figure:
    specs = _specs(source)
    turns = _turns(source, specs)
    known: dict[tuple[str, str], tuple[bool, bool]] = {}
    judged = []
    session = await get("local").open()
    try:
        for done, turn in enumerate(turns, 1):
            key = (turn.task, turn.code)
            if key not in known:
                known[key] = await _judge(session, specs[turn.task], turn)
            judged.append(Judged(turn, *known[key]))
            progress(done, len(turns))
    finally:
        await session.close()
    return _figure(judged)


async def _judge(session: Session, spec: Spec, turn: Turn) -> tuple[bool, bool]:
    found = await examine(Candidate("the draft", turn.code, spec.entry), spec, session, count=INPUTS)
    unusable = any(p.severity is Severity.critical for p in found.problems)
    return grave(found.problems), unusable or any(p.category in TESTS for p in found.problems)


def _figure(judged: Sequence[Judged]) -> Figure:
    tasks: dict[str, list[Judged]] = {}
    for each in judged:
        tasks.setdefault(each.turn.task, []).append(each)

    def score(groups: Sequence[list[Judged]]) -> float | None:
        return _f1([(j.called, j.turn.wrong) for group in groups for j in group])

    low, high = bootstrap(list(tasks.values()), score)
    hits = sum(j.called and j.turn.wrong for j in judged)
    called, wrong = sum(j.called for j in judged), sum(j.turn.wrong for j in judged)
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=score(list(tasks.values())),
        low=low,
        high=high,
        n=len(judged),
        target=TARGET,
        counts={
            "tasks": len(tasks),
            "wrong": wrong,
            "called_wrong": called,
            "precision": hits / called if called else None,
            "recall": hits / wrong if wrong else None,
            "accuracy": sum(j.called == j.turn.wrong for j in judged) / len(judged) if judged else None,
            "f1_tests_only": _f1([(j.tests, j.turn.wrong) for j in judged]),
            "f1_all_called_wrong": _f1([(True, j.turn.wrong) for j in judged]),
        },
    )


def _f1(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    hits = sum(called and wrong for called, wrong in pairs)
    either = sum(called for called, _ in pairs) + sum(wrong for _, wrong in pairs)
    return 2 * hits / either if either else None


def _specs(source: Source) -> dict[str, Spec]:
    where = str(source.path(SET, "tasks"))
    rows = enumerate(source.rows(SET, "tasks"), 1)
    return {
        field(row, "task_id", str, where, number): spec_of(field(row, "prompt", str, where, number))
        for number, row in rows
    }


def _turns(source: Source, specs: dict[str, Spec]) -> list[Turn]:
    where = str(source.path(SET, NAME))
    found = []
    for number, row in enumerate(source.rows(SET, NAME), 1):
        task = field(row, "task_id", str, where, number)
        if task not in specs:
            raise InputError(f"{where}: row {number}: there is no task {task!r} in {source.path(SET, 'tasks')}")
        turns: list[Any] = field(row, "turns", list, where, number)
        for turn in turns:
            if not isinstance(turn, dict):
                raise InputError(f"{where}: row {number}: turns must be objects")
            if turn.get("oracle_said_wrong"):
                break
            if "execute" in turn and turn.get("hidden_result") is not None:
                code = field(turn, "execute", str, where, number)
                wrong = field(turn, "hidden_result", str, where, number) != PASSED
                found.append(Turn(task, code, wrong))
    return found


MEASUREMENT = Measurement(
    set=SET,
    measure="F1 of finding wrong code, before any oracle word",
    about="Code that the tool calls wrong against code that fails the hidden tests.",
    target=TARGET,
    run=run,
)
