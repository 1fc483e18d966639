"""Finding wrong code among commits that pass their visible tests, on LDB's repair runs for HumanEval and MBPP.

A commit is the first attempt of a run that passes the visible tests, where a loop would stop. Condition *panel*: the
tool has the prompt, the visible tests, the attempt, the earlier attempts of the same run, and the commits of the set's
other runs for the same task, as a loop that samples several models would have them. Condition *alone*: without the
other runs. The value is that of *panel*; both are in the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from revet.errors import InputError
from revet.evals.evidence.samples import candidate, field, specs_of
from revet.evals.figures import Figure, bootstrap
from revet.evals.measuring import Measurement, Progress
from revet.evals.source import Source
from revet.sandboxes import get
from revet.sandboxes.base import Session
from revet.tools.behaviour import Candidate, Spec, compare, disagreement, examine, grave

__all__ = ["MEASUREMENT"]

SET = "ldb_trajectories"
TASKS = {"humaneval": "humaneval", "mbpp": "mbpp500"}
EARLIER = 3
INPUTS = 56
TARGET, MOST_LOST = 0.25, 0.03
PASSED = "pass"


@dataclass(frozen=True)
class Commit:
    """What a loop would commit, and the attempts before it. `wrong`: it fails the hidden tests."""

    part: str
    task: str
    code: str
    earlier: tuple[str, ...]
    wrong: bool


@dataclass(frozen=True)
class Judged:
    """Whether a commit was called wrong, alone and beside the other runs' commits."""

    commit: Commit
    alone: bool
    panel: bool


async def run(source: Source, progress: Progress) -> Figure:
    specs = specs_of(source, *TASKS.values())
    tasks = _tasks(source, specs)
    session = await get("local").open()
    try:
        judged = []
        for done, commits in enumerate(tasks, 1):
            judged.append(await _judge(session, specs[commits[0].task], commits))
            progress(done, len(tasks))
    finally:
        await session.close()
    return _figure(judged)


async def _judge(session: Session, spec: Spec, commits: Sequence[Commit]) -> list[Judged]:
    """Each commit of one task. Commits with the same code and history are examined once."""
    codes = list(dict.fromkeys(commit.code for commit in commits))
    panel = [candidate(f"the commit of run {n}", code, spec) for n, code in enumerate(codes, 1)]
    seen = await compare(panel, spec, session, count=INPUTS)
    known: dict[tuple[str, ...], bool] = {}
    judged = []
    for number, commit in enumerate(commits):
        history = (commit.code, *commit.earlier)
        if history not in known:
            known[history] = await _alone(session, spec, history)
        others = [codes.index(other.code) for n, other in enumerate(commits) if n != number]
        apart = disagreement(seen, codes.index(commit.code), others)
        judged.append(Judged(commit, known[history], known[history] or (apart is not None and grave([apart]))))
    return judged


async def _alone(session: Session, spec: Spec, history: tuple[str, ...]) -> bool:
    draft = candidate("the draft", history[0], spec)
    earlier: list[Candidate] = [candidate(f"attempt {n}", c, spec) for n, c in enumerate(history[1:], 1)]
    found = await examine(draft, spec, session, earlier=earlier, count=INPUTS)
    return grave(found.problems)


def _figure(tasks: Sequence[Sequence[Judged]]) -> Figure:
    def caught(groups: Sequence[Sequence[Judged]]) -> float | None:
        return _rate([j for group in groups for j in group if j.commit.wrong], _panel_of)

    counts: dict[str, float | int | None] = {"tasks": len(tasks)}
    every = [j for group in tasks for j in group]
    for part in ("both", *TASKS):
        mine = [j for j in every if part in ("both", j.commit.part)]
        wrong, right = [j for j in mine if j.commit.wrong], [j for j in mine if not j.commit.wrong]
        counts |= {f"{part}_wrong": len(wrong), f"{part}_right": len(right)}
        for name, called in (("alone", _alone_of), ("panel", _panel_of)):
            counts[f"{part}_{name}_caught"] = _rate(wrong, called)
            counts[f"{part}_{name}_lost"] = _rate(right, called)
    low, high = bootstrap(list(tasks), caught)
    n = sum(j.commit.wrong for j in every)
    lost = counts["both_panel_lost"]
    counts["most_lost"] = MOST_LOST
    counts["within_most_lost"] = int(lost is not None and lost <= MOST_LOST)
    return Figure(
        set=SET,
        measure=MEASUREMENT.measure,
        value=caught(tasks),
        low=low,
        high=high,
        n=n,
        target=TARGET,
        counts=counts,
    )


def _alone_of(judged: Judged) -> bool:
    return judged.alone


def _panel_of(judged: Judged) -> bool:
    return judged.panel


def _rate(cases: Sequence[Judged], called: Callable[[Judged], bool]) -> float | None:
    return sum(map(called, cases)) / len(cases) if cases else None


def _tasks(source: Source, specs: dict[str, Spec]) -> list[list[Commit]]:
    """The commits, those of one task together. Runs that never pass the visible tests have none."""
    tasks: dict[str, list[Commit]] = {}
    for part in TASKS:
        where = str(source.path(SET, part))
        for number, row in enumerate(source.rows(SET, part), 1):
            task = field(row, "task_id", str, where, number)
            if row.get("exclude") is True:
                continue
            if task not in specs:
                raise InputError(f"{where}: row {number}: there is no task {task!r} among the code tasks")
            commit = _commit(row, part, task, where, number)
            if commit is not None:
                tasks.setdefault(task, []).append(commit)
    return list(tasks.values())


def _commit(row: Any, part: str, task: str, where: str, number: int) -> Commit | None:
    attempts = field(row, "attempts", list, where, number)
    codes: list[str] = []
    for attempt in attempts:
        if not isinstance(attempt, dict):
            raise InputError(f"{where}: row {number}: attempts must be objects")
        code = field(attempt, "code", str, where, number)
        if field(attempt, "visible", str, where, number) == PASSED:
            wrong = field(attempt, "hidden", str, where, number) != PASSED
            return Commit(part, task, code, tuple(codes[-EARLIER:]), wrong)
        codes.append(code)
    return None


MEASUREMENT = Measurement(
    set=SET,
    measure="wrong commits caught that pass the visible tests",
    about="The share of commits failing hidden tests that the tool calls wrong, beside the commits of other runs.",
    target=TARGET,
    run=run,
)
