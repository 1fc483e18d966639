"""What is tree search worth where no model is asked? `rethink-mcts` and `swe-search` against the plain loop (`core`).

Real bugs, repaired by mutation (`builtin:repair`), and recorded attempts of real models to repair their own programs
(LDB), each recipe with the same budget of candidates. The loop sees the visible tests (QuixBugs has but one set, which
is given); whether what was committed is right is judged by the hidden ones, in a sandbox of its own.

    python benchmarks/methods_search.py --sets humanevalfix quixbugs --limit 10
    python benchmarks/methods_search.py --sets double --limit 10 --tries 2000
    python benchmarks/methods_search.py --sets ldb --limit 20 --drafts 16

Sets: `humanevalfix` (visible tests), `quixbugs` (tests given), `double` (a bug of QuixBugs and a second one put in by a
seeded mutation elsewhere in the file, tests given), `ldb` (tasks of which every recorded run began with a program that
fails the visible tests, and some run ended with one that passes them).

One JSON object a recipe and set on stdout: solved (committed), right (by the hidden tests), the candidates per task
(drafts that the loop examined, and mutants that were screened) and the seconds as a ratio to the plain loop's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revet.agents.repair import Repair, apply, candidates
from revet.agents.search import Recorded
from revet.agents.search.base import tried_in
from revet.evals import Bug, judge, load_bugs, prepare
from revet.evals.split import as_pytest
from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import get
from revet.schema import Critique, Draft, RunOutcome, Task, WriteFile
from revet.tools import Coverage, Tests
from revet.tools.base import View

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RECIPES = ("core", "rethink-mcts", "swe-search")
SETS = ("humanevalfix", "quixbugs", "double", "ldb")
Options = argparse.Namespace


@dataclass(frozen=True)
class Case:
    """One task: the bug, and the recorded runs where that is what is searched (none: mutation)."""

    bug: Bug
    given: bool
    chains: tuple[tuple[Draft, ...], ...] = ()


@dataclass(frozen=True)
class Result:
    solved: bool
    right: bool
    drafts: int
    screened: int
    seconds: float


class Bounded:
    """`Repair` with one budget of candidates for all rounds together, as the searches have."""

    name = "builtin:repair"

    def __init__(self, tries: int) -> None:
        self.tries = tries

    async def propose(self, view: View) -> Draft:
        return await Repair(tries=self.tries).propose(view)

    async def revise(self, view: View, critique: Critique) -> Draft:
        left = self.tries - sum(tried_in(attempt.draft) for attempt in view.attempts)
        if left < 1:
            return Draft(author=self.name, notes="the candidates are spent")
        return await Repair(tries=left).revise(view, critique)


def agent(recipe: str, case: Case, options: Options, store: Path) -> Agent:
    """The recipe with the same budget as the others: of candidates for mutation, of drafts for what was recorded."""
    how: dict[str, Any] = {"recipe": recipe, "store": store, "tools": [Tests(test_timeout=1.0), Coverage()]}
    if case.chains:
        wide = min(20, len(case.chains))
        settings = {
            "core": {},
            "rethink-mcts": {"rollouts": options.drafts, "width": wide, "rethinks": 0},
            "swe-search": {"nodes": options.drafts, "expansions": wide},
        }[recipe]
        policy = Policy(rounds=options.drafts - 1)
        return Agent(Recorded(case.chains), options=settings, policy=policy, **how)
    if recipe == "core":
        return Agent(Bounded(options.tries), policy=Policy(rounds=15), **how)
    return Agent("builtin:repair", options={"tries": options.tries}, **how)


async def solve(recipe: str, case: Case, options: Options) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="revet-bench-"))
    try:
        task = prepare(case.bug, folder / "ws", "hidden" if case.given else "visible")
        assert task is not None
        began = time.monotonic()
        run = await agent(recipe, case, options, folder / "store").arun(Task.model_validate(dict(task)))
        seconds = time.monotonic() - began
        code = (folder / "ws" / f"{case.bug.module}.py").read_text(encoding="utf-8")
        solved = run.outcome is RunOutcome.committed
        right = solved and (await judge(code, case.bug, get("local"))).right
        drafts = {a.round: a.draft for a in run.attempts}
        made = [draft for draft in drafts.values() if not draft.gives_up]
        return Result(solved, right, len(made), sum(map(tried_in, drafts.values())), seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- the sets ----------------------------------------------------------------------------------------------------


def cases(name: str, options: Options) -> list[Case]:
    if name == "ldb":
        found = list(recorded(options))
    else:
        file = "humanevalfix" if name == "humanevalfix" else "quixbugs"
        bugs = load_bugs(options.data / "bugfix_tasks" / f"{file}_py.dev.jsonl")
        if name == "double":
            bugs = [bug for bug in (doubled(each, options.seed) for each in bugs) if bug is not None]
        given = name != "humanevalfix"
        found = [Case(bug, given) for bug in bugs if given or bug.visible_tests is not None]
    return found[options.skip :][: options.limit]


def doubled(bug: Bug, seed: int) -> Bug | None:
    """The same bug and a second one: a likely mutation of a line that differs from the first bug's by two or more."""
    old, new = bug.buggy.splitlines(), bug.fixed.splitlines()
    if len(old) != len(new):
        return None
    first = [number for number, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b]
    small = [
        c
        for c in candidates("m.py", bug.buggy, None)
        if c.size == 1 and c.prior >= 0.3 and all(abs(c.line - number) >= 2 for number in first)
    ]
    if not small:
        return None
    chosen = random.Random(f"{seed} {bug.id}").choice(small)
    return bug.model_copy(update={"id": f"{bug.id}-double", "buggy": apply(bug.buggy, chosen.edits)})


def recorded(options: Options) -> Iterator[Case]:
    tasks = {row["task_id"]: row for row in rows(options.data / "code_tasks" / "humaneval.dev.jsonl")}
    runs: dict[str, list[list[dict[str, Any]]]] = {}
    for row in rows(options.data / "ldb_trajectories" / "humaneval.dev.jsonl"):
        attempts = row["attempts"] if isinstance(row["attempts"], list) else json.loads(row["attempts"])
        if not row["exclude"] and attempts and attempts[0]["visible"] != "pass":
            runs.setdefault(row["task_id"], []).append(attempts)
    for id, chains in runs.items():
        task = tasks.get(id)
        if task is None or not any(a["visible"] == "pass" for chain in chains for a in chain):
            continue
        visible = "\n".join(task["visible_tests"])
        module = f"task_{id.rpartition('/')[2]}_impl"
        bug = Bug(
            id=id.replace("/", "-"),
            module=module,
            buggy=task["prompt"] + "    pass\n",
            fixed=task["canonical_solution"],
            hidden_tests=task["hidden_test"],
            visible_tests=visible,
        )
        random.Random(f"{options.seed} {id}").shuffle(chains)
        drafts = tuple(
            tuple(Draft(author="run", actions=(WriteFile(path=f"{module}.py", content=a["code"]),)) for a in chain)
            for chain in chains
        )
        if visible and as_pytest(visible, module):
            yield Case(bug, given=False, chains=drafts)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


# --- figures -----------------------------------------------------------------------------------------------------


def figure(recipe: str, name: str, results: Sequence[Result], plain: Sequence[Result], budget: str) -> dict[str, Any]:
    """One line: this recipe's figures, and those of the plain loop on the same tasks."""
    seconds = sum(r.seconds for r in plain)
    return {
        "recipe": recipe,
        "set": name,
        "n": len(results),
        **counted(results),
        "seconds_ratio": round(sum(r.seconds for r in results) / seconds, 2) if seconds else None,
        "baseline": {"recipe": "core", **counted(plain)},
        "budget": budget,
    }


def counted(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "solved": sum(r.solved for r in results),
        "right": sum(r.right for r in results),
        "candidates": {
            "drafts": sum(r.drafts for r in results),
            "screened": sum(r.screened for r in results),
        },
    }


async def measure(name: str, options: Options) -> None:
    results: dict[str, list[Result]] = {recipe: [] for recipe in RECIPES}
    for number, case in enumerate(cases(name, options), 1):
        for recipe in RECIPES:
            results[recipe].append(await solve(recipe, case, options))
            print(f"{name} {number} {case.bug.id} {recipe}: {results[recipe][-1]}", file=sys.stderr, flush=True)
    budget = f"{options.drafts} drafts" if name == "ldb" else f"{options.tries} candidates"
    for recipe in RECIPES[1:]:
        print(json.dumps(figure(recipe, name, results[recipe], results["core"], budget)), flush=True)


async def every(options: Options) -> None:
    for name in options.sets:
        await measure(name, options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the data sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--limit", type=int, default=None, help="only the first N tasks of each set")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first N tasks of each set")
    parser.add_argument("--tries", type=int, default=4000, help="candidates screened for each task")
    parser.add_argument("--drafts", type=int, default=16, help="recorded drafts examined for each task")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"no data sets in {options.data}: give their folder with --data", file=sys.stderr)
        return 2
    asyncio.run(every(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
