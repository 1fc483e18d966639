"""The sampling methods in the real loop, with no model: over recorded samples, and over builtin:repair.

    python benchmarks/methods_sampling_loop.py recorded --data FOLDER     # CodeT: 20 samples of one 16B model a task
    python benchmarks/methods_sampling_loop.py ldb --data FOLDER          # LDB: the first attempts of several models
    python benchmarks/methods_sampling_loop.py repair --data FOLDER       # QuixBugs and HumanEvalFix, examples shown

Each method gets the same drafts in the same order and the same budget, and runs as it would for a user: workspace,
sandbox, visible tests as the required check, gate, commit. Hidden tests judge what was committed, and nothing else
sees them. Every line of the output is a JSON object; the last ones are the summary.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from revet.agents import Scripted
from revet.agents.base import Proposer
from revet.agents.repair import Repair
from revet.evals import judge, load_bugs, prepare
from revet.evals.evidence.samples import PRELUDE
from revet.evals.figures import wilson
from revet.evals.source import Source
from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import get
from revet.schema import Draft, Run, RunOutcome, Task, WriteFile
from revet.tools import Tests
from revet.tools.alike import Alike

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "core": ("core", {}),
    "iad": ("iad", {}),
    "best-of-n": ("iad", {"parallel": True}),
    "mini-n": ("mini-n", {}),
    "mini-n, guardrail": ("mini-n", {"otherwise": "abstain"}),
    "vote": ("vote", {}),
}
SEARCHES = 4
"""Revisions that a search may make: each takes seconds."""


class Problem(NamedTuple):
    """A task's stub and visible tests, and the samples with the truth about them, which the loop is not shown."""

    id: str
    stub: str
    entry: str
    tests: tuple[str, ...]
    codes: tuple[str, ...]
    right: tuple[bool, ...]
    visible: tuple[bool, ...]


class Result(NamedTuple):
    setting: str
    task: str
    committed: bool
    right: bool
    candidates: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("recorded", "ldb", "repair"))
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=12, help="of a task, at most")
    parser.add_argument("--limit", type=int, default=40, help="tasks, drawn by the seed")
    parser.add_argument("--passing", action="store_true", help="only tasks of which a sample passes the visible tests")
    parser.add_argument("--settings", nargs="*", default=[*SETTINGS], choices=[*SETTINGS])
    given = parser.parse_args()
    results = asyncio.run((repaired if given.what == "repair" else replayed)(given))
    for setting in given.settings:
        summary(setting, [result for result in results if result.setting == setting])


def summary(setting: str, results: Sequence[Result]) -> None:
    if not results:
        return
    solved, committed = sum(r.right for r in results), sum(r.committed for r in results)
    low, high = wilson(solved, len(results))
    say(
        summary=setting,
        tasks=len(results),
        solved=solved,
        low=low,
        high=high,
        committed=committed,
        wrong=committed - solved,
        candidates=statistics.mean(r.candidates for r in results),
        seconds=statistics.mean(r.seconds for r in results),
    )


def say(**row: object) -> None:
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}), flush=True)


# --- recorded samples ---------------------------------------------------------------------------------------------


async def replayed(given: argparse.Namespace) -> list[Result]:
    source = Source(given.data, given.split)
    problems = [*(codet(source) if given.what == "recorded" else ldb(source))]
    random.Random(given.seed).shuffle(problems)
    drawn = [(each, drawn_of(each, given)) for each in problems]
    if given.passing:
        drawn = [(each, order) for each, order in drawn if any(each.visible[n] for n in order)]
    results = []
    for problem, order in drawn[: given.limit]:
        for setting in given.settings:
            results.append(await replay(problem, order, setting, given))
            say(**results[-1]._asdict())
    return results


def drawn_of(problem: Problem, given: argparse.Namespace) -> list[int]:
    """The samples of a task, in the order that every method gets them in."""
    count = len(problem.codes)
    return random.Random(f"{given.seed} {problem.id}").sample(range(count), min(given.samples, count))


async def replay(problem: Problem, order: Sequence[int], setting: str, given: argparse.Namespace) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="revet-bench-"))
    try:
        place = folder / "ws"
        place.mkdir()
        (place / "solution.py").write_text(PRELUDE + problem.stub)
        script = "\n".join([f"from solution import {problem.entry}", *problem.tests])
        (place / "check.py").write_text(script + "\n")
        task = Task(workspace=str(place), checks=("python3 check.py",), edit=("solution.py",), protect=("check.py",))
        write = [WriteFile(path="solution.py", content=PRELUDE + problem.codes[n]) for n in order]
        drafts = [Draft(author="recorded", actions=(each,)) for each in write]
        run, seconds = await ran(Scripted(drafts), task, setting, len(drafts), folder, given.seed)
        committed = run.outcome is RunOutcome.committed
        text = (place / "solution.py").read_text()
        truth = {PRELUDE + problem.codes[n]: problem.right[n] for n in order}
        return Result(setting, problem.id, committed, committed and truth[text], candidates(run), seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def ran(
    source: Proposer, task: Task, setting: str, most: int, folder: Path, seed: int, **policy: Any
) -> tuple[Run, float]:
    recipe, options = SETTINGS[setting]
    if recipe != "core":
        options = {**options, "samples": most}
    if recipe == "mini-n":
        options["batch"] = min(3, most)
    agent = Agent(
        source,
        recipe=recipe,
        options=options,
        tools=[Tests(test_timeout=3.0), *([Alike(count=48)] if recipe in ("vote", "mini-n") else [])],
        policy=Policy(rounds=most - 1, **policy),
        store=folder / f"store {setting}",
        seed=seed,
    )
    begun = time.monotonic()
    return await agent.arun(task), time.monotonic() - begun


def candidates(run: Run) -> int:
    """How many drafts were made."""
    return run.usage.rounds + 1 - sum(a.draft.gives_up for a in run.attempts)


def codet(source: Source) -> Iterator[Problem]:
    tasks = {row["task_id"]: row for row in source.rows("code_tasks", "humaneval")}
    for row in source.rows("codet_humaneval", "codegen16b_20samples"):
        task, samples = tasks[row["task_id"]], row["samples"]
        codes = tuple(task["prompt"] + each["body"] for each in samples)
        right, visible = ([bool(each[name]) for each in samples] for name in ("hidden", "visible"))
        yield problem_of(task, codes, right, visible)


def ldb(source: Source) -> Iterator[Problem]:
    """The first attempt of each recorded run at a task: independent samples of several models."""
    tasks = {row["task_id"]: row for row in source.rows("code_tasks", "humaneval")}
    found: dict[str, dict[str, tuple[bool, bool]]] = {}
    for row in source.rows("ldb_trajectories", "humaneval"):
        if not row.get("exclude") and row["task_id"] in tasks and row["attempts"]:
            first = row["attempts"][0]
            verdicts = (first["hidden"] == "pass", first["visible"] == "pass")
            found.setdefault(row["task_id"], {})[first["code"]] = verdicts
    for task, codes in found.items():
        if len(codes) > 2:
            right, visible = zip(*codes.values(), strict=True)
            yield problem_of(tasks[task], codes, right, visible)


def problem_of(task: Any, codes: Iterable[str], right: Iterable[bool], visible: Iterable[bool]) -> Problem:
    stub = task["prompt"].rstrip() + "\n    raise NotImplementedError\n"
    tests = tuple(task["visible_tests"])
    return Problem(task["task_id"], stub, task["entry_point"], tests, tuple(codes), tuple(right), tuple(visible))


# --- builtin:repair -----------------------------------------------------------------------------------------------


async def repaired(given: argparse.Namespace) -> list[Result]:
    sets = sorted((given.data / "bugfix_tasks").glob(f"humanevalfix_py.{given.split}.jsonl"))
    bugs = [bug for path in sets for bug in load_bugs(path) if bug.visible_tests is not None]
    random.Random(given.seed).shuffle(bugs)
    results = []
    for bug in bugs[: given.limit]:
        for setting in given.settings:
            folder = Path(tempfile.mkdtemp(prefix="revet-bench-"))
            try:
                task = prepare(bug, folder / "ws", "visible")
                assert task is not None
                search = Repair(seconds=15.0)
                run, seconds = await ran(search, task, setting, SEARCHES, folder, given.seed, seconds=120.0)
                code = (folder / "ws" / f"{bug.module}.py").read_text(encoding="utf-8")
                committed = run.outcome is RunOutcome.committed
                right = committed and (await judge(code, bug, get("local"))).right
                results.append(Result(setting, bug.id, committed, right, candidates(run), seconds))
                say(**results[-1]._asdict())
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return results


if __name__ == "__main__":
    main()
