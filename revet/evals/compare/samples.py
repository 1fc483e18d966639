"""Recorded samples as a proposer: what real models wrote for a task, one draft after another; no model is asked.

`codet`: twenty samples of one model for each task of HumanEval (Chen et al. 2023). `ldb`: the attempts of repair runs
on HumanEval and MBPP that did not succeed at once (Zhong et al. 2024), in the order in which they were made. The loop
sees the prompt and its visible tests; the hidden tests judge.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from revet.agents.scripted import Scripted
from revet.errors import InputError
from revet.evals.bugfix import Bug
from revet.evals.compare.case import BugCase, Suite
from revet.evals.evidence.samples import PRELUDE, field, texts
from revet.evals.source import Row, Source
from revet.evals.split import as_pytest
from revet.schema import Draft, WriteFile

__all__ = ["codet", "ldb"]

MODULE = "solution_impl"
CODET, CODET_FILE = "codet_humaneval", "codegen16b_20samples"
LDB, LDB_FILES = "ldb_trajectories", {"humaneval": "humaneval", "mbpp": "mbpp500"}
MOST = 20
"""Samples of a task; the rounds that let a recipe look at all of them are one fewer."""


def codet(source: Source) -> Suite:
    """Twenty samples a task."""
    tasks, where = _tasks(source, "humaneval"), str(source.path(CODET, CODET_FILE))
    cases = []
    for number, row in enumerate(source.rows(CODET, CODET_FILE), 1):
        task = _task_of(row, tasks, where, number)
        samples = field(row, "samples", list, where, number)
        codes = [field(task, "prompt", str, where, number) + _text(each, "body", where, number) for each in samples]
        cases.append(_case(task, codes, where, number, ""))
    return _suite("codet", cases)


def ldb(source: Source) -> Suite:
    """The runs of at least two attempts."""
    cases = []
    for name, of in LDB_FILES.items():
        tasks, where = _tasks(source, of), str(source.path(LDB, name))
        for number, row in enumerate(source.rows(LDB, name), 1):
            attempts = field(row, "attempts", list, where, number)
            if row.get("exclude") is True or len(attempts) < 2:
                continue
            codes = [_text(each, "code", where, number) for each in attempts]
            run = field(row, "run", str, where, number)
            cases.append(_case(_task_of(row, tasks, where, number), codes, where, number, run))
    return _suite("ldb", cases)


def _suite(name: str, cases: Sequence[BugCase | str]) -> Suite:
    found = [case for case in cases if isinstance(case, BugCase)]
    lost = tuple(case for case in cases if isinstance(case, str))
    if not found:
        raise InputError(f"no task of {name} has tests that may be shown", hint="name another suite")
    return Suite(name=name, cases=found, rounds=MOST - 1, left_out=lost)


def _tasks(source: Source, name: str) -> dict[str, Row]:
    rows = source.rows("code_tasks", name)
    where = str(source.path("code_tasks", name))
    return {field(row, "task_id", str, where, number): row for number, row in enumerate(rows, 1)}


def _task_of(row: Row, tasks: dict[str, Row], where: str, number: int) -> Row:
    name = field(row, "task_id", str, where, number)
    if name not in tasks:
        raise InputError(f"{where}: row {number}: there is no task {name!r} among the code tasks")
    return tasks[name]


def _text(row: Any, name: str, where: str, number: int) -> str:
    if not isinstance(row, dict):
        raise InputError(f"{where}: row {number}: a list of objects is wanted, with a {name} each")
    return str(field(row, name, str, where, number))


def _case(task: Row, codes: Sequence[str], where: str, number: int, run: str) -> BugCase | str:
    """The case, or why there is none."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{task['task_id']}-{run}" if run else str(task["task_id"]))
    prompt = field(task, "prompt", str, where, number)
    visible = "\n".join(texts(task, "visible_tests", where, number))
    try:
        as_pytest(visible, MODULE)
    except InputError as error:
        return f"{name}: {error}"
    bug = Bug(
        id=name,
        module=MODULE,
        buggy=PRELUDE + _unwritten(prompt, field(task, "entry_point", str, where, number)),
        fixed=PRELUDE + str(task.get("canonical_solution") or ""),
        hidden_tests=field(task, "hidden_test", str, where, number),
        visible_tests=visible,
    )
    return BugCase(bug, proposer=Scripted([*_drafts(codes)], name="samples"))


def _unwritten(prompt: str, entry: str) -> str:
    """A module with the function still to be written, for the loop to begin with."""
    code = prompt.rstrip() + "\n    raise NotImplementedError\n"
    try:
        ast.parse(code)
    except SyntaxError:
        return f"def {entry}(*args):\n    raise NotImplementedError\n"
    return code


def _drafts(codes: Sequence[str]) -> Iterator[Draft]:
    for code in codes:
        action = WriteFile.of(f"{MODULE}.py", (PRELUDE + code).encode("utf-8", "replace"))
        yield Draft(author="samples", actions=(action,))
