"""Asks a person about a draft: whether it may be committed, or what should be done instead."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from revet.cli.editing import NotActions, as_yaml, editor, open_editor, read_actions, read_mapping
from revet.report import Reporter, diff_text
from revet.report.effects import action_lines, command_lines, table_lines
from revet.report.text import checks_line, clean, one_line, why

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from revet.batch import Reply
    from revet.schema import Attempt, Finding, Run

__all__ = ["Asking"]

QUESTION = "Commit this to the workspace? [y]es [n]o [e]dit [r]espond "
ROLE_LINE = "(in a line; an empty one passes)"
ROLE_LINES = "(in lines; one with a dot alone ends it, an empty first one passes)"
SAID_IN_FULL = (("points", "pick"), ("answer", "actions"))
"""What a critic may name, and a writer, who type a mapping."""
MOST_FINDINGS = 12


class Asking:
    """Shows what a waiting run would do and what is known of it, and reads the answer; one question at a time.

    Where nobody can answer (no terminal), the answer is None and the run goes on waiting.
    """

    def __init__(self, console: Console, reporter: Reporter) -> None:
        self.console, self.reporter = console, reporter
        self.possible = sys.stdin is not None and sys.stdin.isatty() and console.is_terminal
        self._turn = asyncio.Lock()

    async def __call__(self, run: Run) -> Reply | None:
        if not self.possible:
            return None
        async with self._turn:
            with self.reporter.paused():
                if run.question:
                    return await self._answer_role(run)
                self._show(run)
                return await self._answer(run)

    async def _answer_role(self, run: Run) -> Reply | None:
        """What the person says to a role that asks; an empty line passes."""
        question = run.question
        self.console.print()
        self._say(f"{run.task.id}: you are asked as the {clean(str(question.get('seat') or 'person'))}", "bold")
        for name in ("goal", "draft", "critique"):
            if question.get(name):
                self._say(f"{name}:")
                self._say(textwrap.indent(clean(str(question[name])), "    "))
        choices = question.get("choices")
        for number, choice in enumerate(choices if isinstance(choices, list | tuple) else (), 1):
            self._say(f"  {number}. {clean(str(choice))}")
        if question.get("problem"):
            self._say(f"not understood: {clean(str(question['problem']))}", "red")
        many = question.get("seat") == "writer"
        how = ROLE_LINES if many else ROLE_LINE
        lines = [await self._asked(f"{clean(str(question.get('asks') or 'Your answer?'))} {how}\n> ")]
        while many and lines[0].strip() and lines[-1] and lines[-1].strip() != ".":
            lines.append(await self._asked("> "))
        if not lines[0]:
            return None
        text = "".join(line for line in lines if line.strip() != ".").strip()
        return read_mapping(text, SAID_IN_FULL[many]) or text or {"type": "pass"}

    def _show(self, run: Run) -> None:
        self.console.print()
        self._say(f"{run.task.id}: {why(run)}", "bold")
        if run.best is not None:
            for line in action_lines(run.best.draft):
                self._say(f"    {line}")
            self.console.print(diff_text(run.best.diff), soft_wrap=True)
            for line in (*table_lines(run.best.changes), *command_lines(run.best.changes)):
                self._say(f"    {line}")
            for line in _known(run.best, run.decision.reasons):
                self._say(f"    {line}")
        for reason in run.decision.reasons:
            self._say(f"    {one_line(reason)}")

    async def _answer(self, run: Run) -> Reply | None:
        while True:
            line = await self._asked(QUESTION)
            if not line:
                return None
            answer = line.strip().lower()
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")
            said: Reply | None = None
            if answer in ("r", "respond"):
                said = await self._response()
            elif answer in ("e", "edit"):
                said = await self._edit(run)
            if said is not None:
                return said

    async def _response(self) -> Reply | None:
        """What the reviser is told; None for nothing, and the question stands."""
        message = (await self._asked("What should be different? ")).strip()
        return {"type": "respond", "message": message} if message else None

    async def _edit(self, run: Run) -> Reply | None:
        """The actions as they were left in the editor; None for none, and the question stands."""
        text = as_yaml(run.best.draft.actions if run.best is not None else ())
        while True:
            try:
                path, text = await open_editor(text)
                actions = read_actions(text, path.name)
            except NotActions as problems:
                self._say(clean(str(problems)), "red")
                again = (await self._asked("Edit it again? [y/n] ")).strip().lower()
                if again not in ("y", "yes"):
                    return None
            except (OSError, ValueError) as error:
                self._say(f"the editor cannot be started: {' '.join(editor())}: {error}", "red")
                self._say("  → name one that is installed: export EDITOR=nano")
                return None
            else:
                return {"type": "edit", "actions": actions} if actions else None

    async def _asked(self, words: str) -> str:
        self.console.print(Text(words, style="bold"), end="")
        return await _read_line()

    def _say(self, words: str, style: str = "") -> None:
        self.console.print(Text(words, style=style), soft_wrap=True)


def _known(attempt: Attempt, reasons: Sequence[str]) -> Iterator[str]:
    """What the checks saw, what would happen, and what else than the `reasons` was found wrong, gravest first."""
    from revet.agents.preoperative import possible_result

    if checks := checks_line(attempt.evidence):
        yield checks
    for line in possible_result(attempt.changes, attempt.evidence, attempt.critiques).splitlines():
        yield one_line(line, 400)
    others = (f for c in attempt.critiques for f in c.findings if f.claim not in reasons)
    findings = sorted(others, key=lambda finding: -finding.severity.rank)
    for finding in findings[:MOST_FINDINGS]:
        yield _finding(finding)
    if len(findings) > MOST_FINDINGS:
        yield f"… and {len(findings) - MOST_FINDINGS} findings more"


def _finding(finding: Finding) -> str:
    where = f" at {finding.location}" if finding.location else ""
    opinion = " (opinion)" if finding.opinion else ""
    instead = f" → {finding.suggestion}" if finding.suggestion else ""
    return one_line(f"{finding.severity} {finding.category}{where}: {finding.claim}{opinion}{instead}", 300)


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
