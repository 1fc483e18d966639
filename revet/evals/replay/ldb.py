"""The gate on LDB's repair runs: what is committed, against committing what passes the visible tests first.

Zhong et al., ACL 2024 Findings, arXiv 2402.16906: several models wrote code for HumanEval and MBPP and mended it,
attempt by attempt, until it passed the visible tests. The loop is given these attempts in order. Required evidence: the
visible tests. Besides: `Behaviour`, which holds what the draft does against its description. Two conditions:

- ``alone``: the loop knows the prompt, the visible tests and the run's own attempts;
- ``panel``: besides, the code that the set's other runs committed for the same task, as a loop that lets several models
  write has it. A draft from which all others differ (two at least) is held back.

The runs end with their first attempt that passes the visible tests, so a draft that is held back has no successor: the
loop abstains. Hidden tests judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import Field, JsonValue

from revet.errors import InputError
from revet.evals.estimate import Estimate
from revet.evals.evidence.samples import field, specs_of
from revet.evals.replay.code import CodeTask, apart, task_of
from revet.evals.replay.commits import commit_figures
from revet.evals.replay.panel import PANEL, Panel
from revet.evals.replay.playing import Playback, Recorded, Replayed, choices, drafts_of, trial_of
from revet.evals.source import Row, Source
from revet.evals.trial import Trial
from revet.schema import Model, Outcome, Run
from revet.tools.behaviour import Spec

__all__ = ["Options", "figures", "open_suite"]

SET = "ldb_trajectories"
TASKS = {"humaneval": "humaneval", "mbpp": "mbpp500"}
PASSED = "pass"


class Options(Model):
    """`condition`: what the loop has beside the run. `inputs`: how many each draft is tried on. `runs`: a folder that
    keeps the runs."""

    condition: Literal["alone", "panel"] = "panel"
    inputs: int = Field(default=56, ge=1, le=500)
    runs: str | None = None


class Attempts(Model):
    """One run of the set. `passing` is the place of its first attempt that passes the visible tests, as logged."""

    case: str
    part: str
    run: str
    task: str
    codes: tuple[str, ...]
    right: tuple[bool, ...]
    passing: int | None


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Replayed:
    """See `revet.evals.suite.Opens`."""
    chosen = choices("ldb", Options, options)
    specs = specs_of(source, *TASKS.values())
    found = _apart([each for part in TASKS for each in _attempts(source, part, specs)])
    commits: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for each in found:
        if each.passing is not None:
            commits[each.task][each.case] = each.codes[each.passing]
    written: defaultdict[str, list[str]] = defaultdict(list)
    for each in found:
        written[each.task] += each.codes
    playback = Playback(runs=chosen.runs)
    tasks = {task: CodeTask(specs[task], codes, inputs=chosen.inputs) for task, codes in written.items()}
    panels = {task: Panel(specs[task], list(codes.values()), count=chosen.inputs) for task, codes in commits.items()}
    known = {each.case: each for each in found}

    async def play(recorded: Recorded) -> Trial:
        mine = known[recorded.case]
        tools = tasks[mine.task].tools()
        alone = partial(playback.run, recorded, tools=tools)
        if chosen.condition == "alone":
            return trial_of(recorded, await alone())
        others = [code for case, code in commits[mine.task].items() if case != mine.case]
        beside = [panels[mine.task].beside(others)] if others else []
        run = await playback.run(recorded, tools=[*tools, *beside])
        trial = trial_of(recorded, run)
        # Where the panel spoke against nothing, the loop would have done the same without it.
        without = trial_of(recorded, await alone()) if _spoke_against(run) else trial
        return trial.model_copy(update={"data": {**trial.data, "alone": without.correct}})

    return Replayed([_recorded(each, specs[each.task]) for each in found], playback, play, figures)


def figures(trials: Sequence[Trial]) -> list[Estimate]:
    """The suite's figures; of the condition `alone` too, where the trials tell of it."""
    both = any("alone" in trial.data for trial in trials)
    return commit_figures(trials, ["alone"] if both else [])


def _spoke_against(run: Run) -> bool:
    evidence = [each for attempt in run.attempts for each in attempt.evidence]
    return any(each.tool == PANEL and each.outcome is not Outcome.passed for each in evidence)


def _recorded(each: Attempts, spec: Spec) -> Recorded:
    baseline = None if each.passing is None else each.right[each.passing]
    return Recorded(
        case=each.case,
        task=task_of(each.case, spec),
        drafts=drafts_of(each.codes, each.run),
        correct=each.right,
        cluster=each.task,
        group=each.run,
        data={"baseline": baseline, "part": each.part},
    )


def _attempts(source: Source, part: str, specs: Mapping[str, Spec]) -> list[Attempts]:
    where = str(source.path(SET, part))
    found = []
    for number, row in enumerate(source.rows(SET, part), 1):
        task = field(row, "task_id", str, where, number)
        if row.get("exclude") is True:
            continue
        if task not in specs:
            raise InputError(f"{where}: row {number}: there is no task {task!r} among the code tasks")
        found.append(_run(row, part, task, where, number))
    return found


def _apart(found: Sequence[Attempts]) -> list[Attempts]:
    """The runs with different ids."""
    names = apart(each.case for each in found)
    return [each.model_copy(update={"case": name}) for each, name in zip(found, names, strict=True)]


def _run(row: Row, part: str, task: str, where: str, number: int) -> Attempts:
    attempts: list[Any] = field(row, "attempts", list, where, number)
    if not attempts or not all(isinstance(each, dict) for each in attempts):
        raise InputError(f"{where}: row {number}: attempts must be a list of objects that is not empty")
    visible = [field(each, "visible", str, where, number) == PASSED for each in attempts]
    run = field(row, "run", str, where, number)
    return Attempts(
        case=f"{run}:{task}",
        part=part,
        run=run,
        task=task,
        codes=tuple(field(each, "code", str, where, number) for each in attempts),
        right=tuple(field(each, "hidden", str, where, number) == PASSED for each in attempts),
        passing=visible.index(True) if True in visible else None,
    )
