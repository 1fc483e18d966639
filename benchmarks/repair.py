"""How many real bugs does `builtin:repair` fix, how many of the fixes are right, and what is the critique worth?

Runs the whole loop (sandbox, tests, coverage, critique, gate, commit) on QuixBugs and HumanEvalFix, and judges what it
committed by each row's own test script in a sandbox of its own.

    python benchmarks/repair.py                        # every row, three settings, and the ablation
    python benchmarks/repair.py --sets quixbugs --limit 5 --no-ablation

Settings: `given` shows the loop the row's test script; `visible` shows only the examples of the docstring
(HumanEvalFix), so that repairs that over-fit them are seen. The ablation runs the `given` setting with the critique's
lines (localised), without them (unlocalised: likeliest mutation first) and in random order, on the same bugs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "bugfix_tasks"
SETS = {"quixbugs": "quixbugs_py*.jsonl", "humanevalfix": "humanevalfix_py*.jsonl"}


class Result(Model):
    """One bug in one setting. `first_pass` is the number of candidates tried up to the first that passed."""

    set: str
    bug: str
    shown: Shown
    order: Order
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


async def repair(bug: Bug, set_name: str, shown: Shown, order: Order, options: argparse.Namespace) -> Result | None:
    """Run the loop on one bug. None if the row has no tests of that kind."""
    folder = Path(tempfile.mkdtemp(prefix="revet-bench-"))
    try:
        task = prepare(bug, folder / "ws", shown)
        if task is None:
            return None
        agent = Agent(
            Repair(order=order, seconds=options.seconds),
            tools=[Tests(test_timeout=1.0), Coverage()],
            policy=Policy(rounds=3, seconds=options.seconds * 1.25),
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
            shown=shown,
            order=order,
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


async def every(options: argparse.Namespace) -> list[Result]:
    results: list[Result] = []
    settings: list[tuple[Shown, Order]] = [("hidden", "localised")]
    settings += [] if options.no_visible else [("visible", "localised")]
    settings += [] if options.no_ablation else [("hidden", "unlocalised"), ("hidden", "random")]
    for name in options.sets:
        bugs = [bug for path in sorted(options.data.glob(SETS[name])) for bug in load_bugs(path)]
        for bug in bugs[: options.limit]:
            for shown, order in settings:
                result = await repair(bug, name, shown, order, options)
                if result is not None:
                    results.append(result)
                    tell(result)
    return results


def tell(r: Result) -> None:
    verdict = "right" if r.right else "over-fitted" if r.fixed else r.outcome
    shown = "given" if r.shown == "hidden" else "visible"
    print(
        f"{r.bug:38} {shown:8} {r.order:12} {verdict:12} {r.tried:5} tried {r.seconds:6.1f} s  {r.chosen}", flush=True
    )


def summary(results: Sequence[Result]) -> str:
    names = f"{'set':14}{'tests shown':13}{'order':13}"
    lines = ["", names + f"{'bugs':>5}{'fixed':>7}{'right':>7}{'over-fit':>9}{'tried':>7}{'s':>7}{'max s':>7}"]
    groups = sorted({(r.set, r.shown, r.order) for r in results})
    for key in groups:
        rows = [r for r in results if (r.set, r.shown, r.order) == key]
        fixed = [r for r in rows if r.fixed]
        lines.append(
            f"{key[0]:14}{'given' if key[1] == 'hidden' else key[1]:13}{key[2]:13}{len(rows):5}{len(fixed):7}"
            f"{sum(r.right for r in fixed):7}{sum(not r.right for r in fixed):9}"
            f"{statistics.median(r.tried for r in rows):7.0f}{statistics.median(r.seconds for r in rows):7.1f}"
            f"{max(r.seconds for r in rows):7.1f}"
        )
    return "\n".join([*lines, "(tried and s are medians over all bugs of the row)", *ablation(results)])


def ablation(results: Sequence[Result]) -> list[str]:
    """Candidates up to the first that passes, on the bugs that every order fixed in its first draft."""
    orders: tuple[Order, ...] = ("localised", "unlocalised", "random")
    first = {(r.bug, r.order): r.first_pass for r in results if r.shown == "hidden" and r.fixed and r.first_pass}
    shared = [b for b in {bug for bug, _ in first} if all((b, o) in first for o in orders)]
    if not shared:
        return []
    medians = {o: statistics.median(first[b, o] or 0 for b in shared) for o in orders}
    lines = ["", f"candidates to the first pass, on the {len(shared)} bugs that all three orders fixed:"]
    for order in orders:
        ratio = medians[order] / medians["localised"]
        solved = sum(r.fixed for r in results if r.shown == "hidden" and r.order == order)
        lines.append(f"  {order:12} median {medians[order]:7.1f}   {ratio:5.2f} × localised   {solved} fixed")
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
