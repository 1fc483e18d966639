"""Choosing one of twenty samples without a model, on CodeT's samples for HumanEval.

The chooser sees the prompt, the samples, the visible tests and the tests that the model wrote, which of those are
valid it does not. What is chosen counts as right if it passes the hidden tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from revet.errors import InputError
from revet.evals.evidence.samples import candidate, field, specs_of
from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Source
from revet.sandboxes import get
from revet.sandboxes.base import Session
from revet.tools.behaviour import Ranked, Spec, compare, rank

__all__ = ["MEASUREMENT"]

SET, NAME = "codet_humaneval", "codegen16b_20samples"
INPUTS = 96
TARGET = 0.50


@dataclass(frozen=True)
class Case:
    """One task: which of its samples are right, and what the specification and the model's tests say."""

    task: str
    spec: Spec
    bodies: tuple[str, ...]
    right: tuple[bool, ...]
    tests: tuple[str, ...]
    prompt: str


@dataclass(frozen=True)
class Chosen:
    """How probable it is that the choice is right: the first of the ranking; any of those that tie with it; any that
    passes the visible tests; any; and whether a right one was there.
    """

    task: str
    first: float
    tied: float
    visible: float
    random: float
    oracle: float


async def run(source: Source, progress: Progress) -> Figure:
    cases = _cases(source)
    session = await get("local").open()
    try:
        chosen = []
        for done, case in enumerate(cases, 1):
            chosen.append(await _choose(session, case))
            progress(done, len(cases))
    finally:
        await session.close()
    return _figure(chosen)


async def _choose(session: Session, case: Case) -> Chosen:
    candidates = [candidate(f"sample {n}", case.prompt + body, case.spec) for n, body in enumerate(case.bodies)]
    seen = await compare(candidates, case.spec, session, model_tests=case.tests, count=INPUTS)
    ranking = rank(seen)
    tied = [each for each in ranking if each.merits == ranking[0].merits]
    passing = [each for each in ranking if each.visible == max(r.visible or 0.0 for r in ranking)]
    return Chosen(
        task=case.task,
        first=float(case.right[ranking[0].number]),
        tied=_share(case, tied),
        visible=_share(case, passing or ranking),
        random=_share(case, ranking),
        oracle=float(any(case.right)),
    )


def _share(case: Case, chosen: Sequence[Ranked]) -> float:
    return sum(case.right[each.number] for each in chosen) / len(chosen)


def _figure(chosen: Sequence[Chosen]) -> Figure:
    tasks: dict[str, list[Chosen]] = {}
    for each in chosen:
        tasks.setdefault(each.task, []).append(each)

    def mean(groups: Sequence[list[Chosen]]) -> float | None:
        found = [each.tied for group in groups for each in group]
        return sum(found) / len(found) if found else None

    low, high = bootstrap(list(tasks.values()), mean)
    n = len(chosen)
    names = {"seed_0": "first", "visible_tests_only": "visible", "random": "random", "oracle": "oracle"}
    return Figure(
        set=SET,
        measure="right answer chosen from 20 samples",
        value=mean(list(tasks.values())),
        low=low,
        high=high,
        n=n,
        target=TARGET,
        counts={"tasks": len(tasks)}
        | {name: sum(getattr(c, key) for c in chosen) / n if n else None for name, key in names.items()},
    )


def _cases(source: Source) -> list[Case]:
    where = str(source.path(SET, NAME))
    specs = specs_of(source, "humaneval")
    found = []
    for number, row in enumerate(source.rows(SET, NAME), 1):
        task = field(row, "task_id", str, where, number)
        if task not in specs:
            raise InputError(
                f"{where}: row {number}: there is no task {task!r} in {source.path('code_tasks', 'humaneval')}"
            )
        samples: list[Any] = field(row, "samples", list, where, number)
        tests: list[Any] = field(row, "generated_tests", list, where, number)
        if not samples or not all(isinstance(each, dict) for each in [*samples, *tests]):
            raise InputError(f"{where}: row {number}: samples and generated_tests must be lists of objects")
        found.append(
            Case(
                task=task,
                spec=specs[task],
                bodies=tuple(field(each, "body", str, where, number) for each in samples),
                right=tuple(field(each, "hidden", bool, where, number) for each in samples),
                tests=tuple(field(each, "test", str, where, number) for each in tests),
                prompt=specs[task].text,
            )
        )
    return found


MEASUREMENT = Measurement(
    set=SET,
    measure="right answer chosen from 20 samples",
    about="The share of tasks for which the sample that ranks first is right; of samples that tie, the expectation.",
    target=TARGET,
    run=run,
)
