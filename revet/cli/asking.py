"""Asks a person whether a proven draft may be committed."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from revet.report import Reporter, diff_text
from revet.report.text import checks_line, one_line, why

if TYPE_CHECKING:
    from revet.schema import Run

__all__ = ["Asking"]


class Asking:
    """Shows the diff and the evidence of a waiting run and reads y or n; one question at a time.

    Where nobody can answer (no terminal), the answer is None and the run goes on waiting.
    """

    def __init__(self, console: Console, reporter: Reporter) -> None:
        self.console, self.reporter = console, reporter
        self.possible = sys.stdin is not None and sys.stdin.isatty() and console.is_terminal
        self._turn = asyncio.Lock()

    async def __call__(self, run: Run) -> bool | None:
        if not self.possible:
            return None
        async with self._turn:
            with self.reporter.paused():
                self._show(run)
                return await self._answer()

    def _show(self, run: Run) -> None:
        self.console.print()
        self.console.print(Text(f"{run.task.id}: {why(run)}", style="bold"), soft_wrap=True)
        if run.best is not None:
            self.console.print(diff_text(run.best.diff), soft_wrap=True)
            self.console.print(Text(f"    {checks_line(run.best.evidence)}"), soft_wrap=True)
        for reason in run.decision.reasons:
            self.console.print(Text(f"    {one_line(reason)}"), soft_wrap=True)

    async def _answer(self) -> bool | None:
        while True:
            self.console.print(Text("Commit this to the workspace? [y/n] ", style="bold"), end="")
            line = await _read_line()
            if not line:
                return None
            answer = line.strip().lower()
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _read_line() -> str:
    """A line from the terminal, empty at its end. Other tasks go on meanwhile, and Ctrl-C works as ever."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    descriptor = sys.stdin.fileno()
    loop.add_reader(descriptor, _resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
    return sys.stdin.readline()
