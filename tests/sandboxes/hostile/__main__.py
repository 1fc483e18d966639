"""Runs the hostile programs by hand: ``python -m tests.sandboxes.hostile --sandbox local --only 1,2,40``.

Prints a table, and what was not contained; ends with 1 if one is not contained, with 2 if the sandbox cannot be had.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.console import Console
from rich.table import Table

from tests.sandboxes.conformance import backends
from tests.sandboxes.conformance.host import temporary_folder
from tests.sandboxes.hostile.attack import Outcome, attack
from tests.sandboxes.hostile.corpus import PROGRAMS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sandboxes.hostile", description=__doc__)
    parser.add_argument("--sandbox", choices=backends.NAMES, default="local")
    parser.add_argument("--only", default="", help="numbers, separated by commas")
    given = parser.parse_args()
    wanted = {int(number) for number in given.only.split(",") if number}
    reason = backends.missing(given.sandbox)
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    console = Console()
    outcomes = asyncio.run(run(given.sandbox, wanted, console))
    console.print(table(given.sandbox, outcomes))
    for outcome in outcomes:
        for problem in outcome.problems:
            console.print(f"{outcome.program.name}: {problem}", markup=False, highlight=False, soft_wrap=True)
    return 1 if any(outcome.problems for outcome in outcomes) else 0


async def run(name: str, wanted: set[int], console: Console) -> list[Outcome]:
    outcomes = []
    with temporary_folder() as temporary, backends.backend(name) as sandbox:
        for program in PROGRAMS:
            if not wanted or program.number in wanted:
                with console.status(program.name):
                    outcomes.append(await attack(program, name, sandbox, backends.support_of(name), temporary))
    return outcomes


def table(name: str, outcomes: list[Outcome]) -> Table:
    contained = sum(not outcome.problems for outcome in outcomes)
    drawn = Table(title=f"{name}: {contained} of {len(outcomes)} contained", show_lines=False)
    for heading in ("program", "verdicts", "s", "contained"):
        drawn.add_column(heading, justify="right" if heading == "s" else "left")
    for outcome in outcomes:
        verdicts = ", ".join(dict.fromkeys(outcome.verdicts))
        word = "[red]no[/]" if outcome.problems else "[green]yes[/]"
        drawn.add_row(outcome.program.name, verdicts, f"{outcome.seconds:.1f}", word)
    return drawn


if __name__ == "__main__":
    sys.exit(main())
