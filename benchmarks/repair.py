"""How many real bugs does `builtin:repair` fix, how many of the fixes are right, and what is the critique worth?

Runs the whole loop (sandbox, tests, coverage, critique, gate, commit) on QuixBugs and HumanEvalFix, and judges what it
committed by each row's own test script in a sandbox of its own.

    python benchmarks/repair.py                        # every row in every setting: about an hour on two cores
    python benchmarks/repair.py --no-ablation          # what is fixed and what is right: about 15 minutes
    python benchmarks/repair.py --sets quixbugs --limit 5 --no-ablation

Settings: `given` shows the loop the row's test script; `visible` shows only the examples of the docstring
(HumanEvalFix), so that repairs that over-fit them are seen.

The ablation takes the critique's lines and hints away: `localised` against `unlocalised` (likeliest mutation first) and
`random` order, on the same bugs, tests given, with three times the budget so that the weaker orders get there as well.
Each bug stands there in a project of four modules, all but one correct (`--project 1`: alone, where little is left to
locate). `--every N` takes each N-th bug only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from revet.agents.repair import Repair
from revet.evals import Bug, judge, load_bugs, prepare
from revet.graphs import Agent
from revet.policy import Policy
from revet.sandboxes import get
from revet.schema import Model, RunOutcome
from revet.tools import Coverage, Tests

Order = Literal["localised", "unlocalised", "random"]
Shown = Literal["hidden", "visible"]
Options = argparse.Namespace
ORDERS: tuple[Order, ...] = ("localised", "unlocalised", "random")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "bugfix_tasks"
SETS = {"quixbugs": "quixbugs_py*.jsonl", "humanevalfix": "humanevalfix_py*.jsonl"}


class Setting(Model):
    """What the loop is given, and in which order it searches. `project` counts the modules of the workspace."""

    shown: Shown
    order: Order = "localised"
    project: int = 1

    def __str__(self) -> str:
        where = "" if self.project == 1 else f" in {self.project}"
        return f"{'given' if self.shown == 'hidden' else self.shown}{where}, {self.order}"


class Result(Model):
    """One bug in one setting. `first_pass` is the number of candidates tried up to the first that passed."""

    set: str
    bug: str
    setting: Setting
    outcome: str
    right: bool
    tried: int
    first_pass: int | None
    also_passing: int
    seconds: float
    chosen: str = ""

    @property
    def fixed(self) -> bool:
        return self.outcome == RunOutcome.committed


async def repair(bug: Bug, beside: Sequence[Bug], set_name: str, setting: Setting, options: Options) -> Result | None:
    """Run the loop on one bug. None if the row has no tests of that kind."""
    folder = Path(tempfile.mkdtemp(prefix="revet-bench-"))
    try:
        task = prepare(bug, folder / "ws", setting.shown, beside=beside)
        if task is None:
            return None
        seconds = options.seconds * (3 if setting.project > 1 else 1)
        agent = Agent(
            Repair(order=setting.order, seconds=seconds),
            tools=[Tests(test_timeout=1.0), Coverage()],
            policy=Policy(rounds=3, seconds=seconds * 1.25),
            store=folder / "store",
            seed=options.seed,
        )
        start = time.monotonic()
        run = await agent.arun(task)
        seconds = time.monotonic() - start
        drafts = [a.draft.data for a in run.attempts]
        code = (folder / "ws" / f"{bug.module}.py").read_text(encoding="utf-8")
        right = run.outcome is RunOutcome.committed and (await judge(code, bug, get("local"))).right
        tried = [int(d["tried"]) for d in drafts if isinstance(d.get("tried"), int)]  # type: ignore[arg-type]
        first = next((d["first_pass"] for d in drafts if isinstance(d.get("first_pass"), int)), None)
        chosen = drafts[-1] if drafts else {}
        others = chosen.get("also_passing")
        return Result(
            set=set_name,
            bug=bug.id,
            setting=setting,
            outcome=run.outcome,
            right=right,
            tried=sum(tried),
            first_pass=int(str(first)) if first is not None and len(drafts) == 1 else None,
            also_passing=len(others) if isinstance(others, list) else 0,
            seconds=round(seconds, 2),
            chosen=str(chosen.get("chosen", "")),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def every(options: Options) -> list[Result]:
    results: list[Result] = []
    for name in options.sets:
        bugs = [bug for path in sorted(options.data.glob(SETS[name])) for bug in load_bugs(path)]
        for number, bug in enumerate(bugs[: options.limit]):
            for setting in settings(options, number):
                others = [b for b in bugs if b.module != bug.module]
                random.Random(f"{options.seed} {bug.id}").shuffle(others)
                result = await repair(bug, others[: setting.project - 1], name, setting, options)
                if result is not None:
                    results.append(result)
                    tell(result)
    return results


def settings(options: Options, number: int) -> list[Setting]:
    chosen = [] if options.only_ablation else [Setting(shown="hidden")]
    chosen += [] if options.no_visible or options.only_ablation else [Setting(shown="visible")]
    if not options.no_ablation and number % options.every == 0:
        chosen += [Setting(shown="hidden", order=order, project=options.project) for order in ORDERS]
    return list(dict.fromkeys(chosen))


def tell(r: Result) -> None:
    verdict = "right" if r.right else "over-fitted" if r.fixed else r.outcome
    print(f"{r.bug:36} {r.setting!s:24} {verdict:12} {r.tried:5} tried {r.seconds:6.1f} s  {r.chosen}", flush=True)


def summary(results: Sequence[Result]) -> str:
    names = f"{'set':14}{'tests, order':28}"
    lines = ["", names + f"{'bugs':>5}{'fixed':>7}{'right':>7}{'over-fit':>9}{'tried':>7}{'s':>7}{'max s':>7}"]
    for name, setting in dict.fromkeys((r.set, r.setting) for r in results):
        rows = [r for r in results if (r.set, r.setting) == (name, setting)]
        fixed = [r for r in rows if r.fixed]
        lines.append(
            f"{name:14}{setting!s:28}{len(rows):5}{len(fixed):7}{sum(r.right for r in fixed):7}"
            f"{sum(not r.right for r in fixed):9}{statistics.median(r.tried for r in rows):7.0f}"
            f"{statistics.median(r.seconds for r in rows):7.1f}{max(r.seconds for r in rows):7.1f}"
        )
    return "\n".join([*lines, "(tried and s are medians over all bugs of the row)", *ablation(results)])


def ablation(results: Sequence[Result]) -> list[str]:
    """Candidates up to the first that passes, on the bugs that every order fixed in its first draft."""
    rows = [r for r in results if r.setting.shown == "hidden" and r.fixed and r.first_pass]
    lines = []
    for project in sorted({r.setting.project for r in rows if r.setting.order != "localised"}):
        first = {(r.bug, r.setting.order): r.first_pass or 0 for r in rows if r.setting.project == project}
        shared = {b for b, _ in first if all((b, o) in first for o in ORDERS)}
        if shared:
            medians = {o: statistics.median(first[b, o] for b in shared) for o in ORDERS}
            lines += ["", f"candidates to the first pass, {len(shared)} bugs that all orders fixed, modules: {project}"]
            lines += [f"  {o:12} median {medians[o]:7.1f}  {medians[o] / medians['localised']:5.2f} ×" for o in ORDERS]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the .jsonl files")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--limit", type=int, default=None, help="only the first N bugs of each set")
    parser.add_argument("--seconds", type=float, default=15.0, help="budget of one search")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-visible", action="store_true")
    parser.add_argument("--no-ablation", action="store_true")
    parser.add_argument("--only-ablation", action="store_true")
    parser.add_argument("--project", type=int, default=4, help="modules in a workspace of the ablation")
    parser.add_argument("--every", type=int, default=1, help="ablation on each N-th bug")
    parser.add_argument("--json", type=Path, help="also write every result to this file, one JSON object a line")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"no bug sets in {options.data}: give their folder with --data", file=sys.stderr)
        return 2
    results = asyncio.run(every(options))
    print(summary(results))
    if options.json:
        lines = [json.dumps(r.model_dump(mode="json")) for r in results]
        options.json.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
