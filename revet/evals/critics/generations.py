"""Does running the visible tests find the wrong programs? Final programs of many models and methods, with verdicts.

A case is a program (HumanEval, MBPP; single generations, Reflexion, LATS and others). The visible tests are those of
the task's text; whether the program passes them was recorded when it was run, and stands in for the run. It is an
alarm if it does not, and where there are no visible tests, nothing is said. Right is what passes the hidden tests.
``model=`` asks `ChatCritic` instead, with the task's text and the program. Programs for tasks whose own reference
fails are left out. A problem that stands in two of the files of tasks is one task.

What is found falls with the method: who revised until the visible tests passed leaves nothing for them to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.critics.asked import Asks, Word, asking, choices_of, draft_view, library_of
from revet.evals.critics.rows import RowSuite, by_group
from revet.evals.estimate import Estimate
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn

if TYPE_CHECKING:
    from revet.models import Library

__all__ = ["open_suite"]

SET, NAME = "code_generations", "single_and_final"
TASKS = ("humaneval", "mbpp500", "multipl_e_py")
TRANSLATED = re.compile(r"MPLE-(HumanEval|mbpp)_(\d+)_")
NAMES = {"HumanEval": "HumanEval", "mbpp": "MBPP"}


class Program(NamedTuple):
    """One program: its task and method, and whether it passes the visible (None: there are none) and hidden tests."""

    task: str
    prompt: str
    model: str
    strategy: str
    code: str
    visible: bool | None
    hidden: bool


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    choices = choices_of("generations", options)
    rows = _programs(source)
    named = library_of(choices)
    ask: Asks | None = None
    library: Library | None = None
    if named is not None:
        from revet.agents.chat import ChatCritic

        ask, library = asking(ChatCritic(named[0])), named[1]

    async def judge(case: str, row: Program) -> Trial:
        view = draft_view(row.prompt, answer=row.code)
        word = Word(row.visible) if ask is None else await ask(view)
        return Trial(
            case=case,
            task=_problem(row.task),
            group=row.strategy,
            turns=(Turn(round=1, correct=row.hidden, accepted=word.accepted, score=word.score),),
            tokens=word.tokens,
            cost=word.cost,
            seconds=word.seconds,
            data={"model": row.model},
        )

    return RowSuite(rows, judge, _figures, library)


def _programs(source: Source) -> dict[str, Program]:
    """The programs by ``RUN/TASK``, with a number where a run has several for one task."""
    prompts = _prompts(source)
    found: dict[str, Program] = {}
    seen: Counter[str] = Counter()
    for number, row in enumerate(source.rows(SET, NAME), 1):
        where = f"{source.path(SET, NAME)}: row {number}"
        task = field(row, "task_id", str, where)
        if task not in prompts:
            raise InputError(f"{where}: there is no task {task!r} in code_tasks ({', '.join(TASKS)})")
        prompt = prompts[task]
        if prompt is None:
            continue
        name = f"{field(row, 'run', str, where)}/{task}"
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = Program(
            task,
            prompt,
            field(row, "model", str, where),
            field(row, "strategy", str, where),
            field(row, "code", str, where),
            None if row.get("visible") is None else _passed(row, "visible", where),
            _passed(row, "hidden", where),
        )
    if not found:
        raise InputError(f"{source.path(SET, NAME)} holds no program for a task that can be judged")
    return found


def _prompts(source: Source) -> dict[str, str | None]:
    """The text of each task; None for one that is to be left out."""
    found: dict[str, str | None] = {}
    for name in TASKS:
        where = source.path("code_tasks", name)
        for number, row in enumerate(source.rows("code_tasks", name), 1):
            prompt = field(row, "prompt", str, f"{where}: row {number}")
            found[field(row, "task_id", str, f"{where}: row {number}")] = None if row.get("exclude") else prompt
    return found


def _problem(task: str) -> str:
    """The problem, as its first set calls it: MultiPL-E took its tasks from HumanEval and MBPP, by number."""
    found = TRANSLATED.match(task)
    return f"{NAMES[found[1]]}/{found[2]}" if found else task


def _passed(row: Row, name: str, where: str) -> bool:
    """What became of the tests: ``pass``, or what went wrong."""
    return bool(field(row, name, str, where) == "pass")


def _figures(trials: Sequence[Trial]) -> list[Estimate]:
    of_all = (
        metrics.critic_f1,
        metrics.critic_precision,
        metrics.critic_recall,
        metrics.detection_rate,
        metrics.false_block_rate,
        metrics.miss_rate,
        metrics.critic_coverage,
        metrics.first_accuracy,
    )
    of_each = (
        metrics.critic_f1,
        metrics.critic_precision,
        metrics.critic_recall,
        metrics.detection_rate,
        metrics.critic_coverage,
    )
    return [
        *(metric(trials) for metric in of_all),
        *(found for metric in of_each for found in by_group(metric, trials)),
    ]
